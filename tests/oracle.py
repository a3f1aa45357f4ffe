"""A slow, plain forward model to test the fast one against.

Written from the specification of the forward model alone; it shares no code with the package. Each term
of the sum is the textbook formula, in float64, with the library's sine and exponential. The loops run over layers,
sub-pixels and sources; NumPy carries phi steps, mosaic domains and pixels.

`render(e)` takes one nested dict (see the functions below for its keys; a missing key or None means the default)
and returns the expected photons as a float64 array (slow, fast). Lengths on the detector are in mm, lengths in the
crystal and wavelengths in A, angles in degrees unless a name says otherwise. Within `extended()` everything is computed
in long double (64 bits of mantissa on x86), where double precision itself is in question.
"""

import contextlib
import itertools
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

CLASSICAL_RADIUS_SQUARED = 7.94079248018965e-30  # m^2
UNIT_FLUENCE = 125932015286227086360700780544.0  # photons/m^2: r_e^2 * fluence = 1


AT_ONCE = 500  # lattices that are summed over by NumPy
REAL: Any = np.float64  # the type of all numbers
PI: Any = np.pi


@contextlib.contextmanager
def extended():
    """Within it, all numbers are long doubles."""
    global REAL, PI
    REAL, PI = np.longdouble, 4 * np.arctan(np.longdouble(1.0))
    try:
        yield
    finally:
        REAL, PI = np.float64, np.pi


# --- small helpers ---------------------------------------------------------------------------------------------------


def get(section, key, default=None):
    """The value of a key; a missing section, a missing key and None all mean the default."""
    if section is None:
        return default
    value = section.get(key)
    return default if value is None else value


def unit(vector):
    vector = np.asarray(vector, dtype=REAL)
    return vector / np.linalg.norm(vector)


def rotation(axis, angle):
    """Rodrigues' matrix: right-handed by `angle` [rad] about `axis`, to be applied to column vectors."""
    x, y, z = unit(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * (cross @ cross)


def radians(degrees):
    """Of an angle less whole turns, which is exact."""
    return np.fmod(np.asarray(degrees, dtype=REAL), 360) * (PI / 180)


def determinant(rows):
    return rows[0] @ np.cross(rows[1], rows[2])


def inverse(rows):
    """Of a 3 x 3 matrix."""
    a, b, c = rows
    return np.array([np.cross(b, c), np.cross(c, a), np.cross(a, b)]).T / determinant(rows)


def rotate_each(vectors, axis, angles):
    """Rodrigues' formula for many vectors (..., 3), each about the same axis by its own angle [rad]."""
    axis = unit(axis)
    cosine = np.cos(angles)[..., None]
    sine = np.sin(angles)[..., None]
    along = (vectors @ axis)[..., None] * axis
    return vectors * cosine + np.cross(axis, vectors) * sine + along * (1.0 - cosine)


def rotation_xyz(angles_deg):
    """About lab x first, then y, then z."""
    rx, ry, rz = radians(angles_deg)
    return rotation([0, 0, 1], rz) @ rotation([0, 1, 0], ry) @ rotation([1, 0, 0], rx)


# --- conventions -----------------------------------------------------------------------------------------------------

MOSFLM_LIKE = {
    "beam": (1, 0, 0),
    "fast": (0, 0, 1),
    "slow": (0, -1, 0),
    "normal": (1, 0, 0),
    "twotheta": (0, 0, -1),
    "polarization": (0, 0, 1),
    "spindle": (0, 0, 1),
}

CONVENTIONS = {
    "mosflm": dict(MOSFLM_LIKE, pivot="beam"),
    "denzo": dict(MOSFLM_LIKE, pivot="beam"),
    "custom": dict(MOSFLM_LIKE, pivot="beam"),
    "adxv": {
        "beam": (0, 0, 1),
        "fast": (1, 0, 0),
        "slow": (0, -1, 0),
        "normal": (0, 0, 1),
        "twotheta": (-1, 0, 0),
        "polarization": (1, 0, 0),
        "spindle": (1, 0, 0),
        "pivot": "beam",
    },
    "xds": {
        "beam": (0, 0, 1),
        "fast": (1, 0, 0),
        "slow": (0, 1, 0),
        "normal": (0, 0, 1),
        "twotheta": (1, 0, 0),
        "polarization": (1, 0, 0),
        "spindle": (1, 0, 0),
        "pivot": "sample",
    },
    "dials": {
        "beam": (0, 0, 1),
        "fast": (1, 0, 0),
        "slow": (0, 1, 0),
        "normal": (0, 0, 1),
        "twotheta": (0, 1, 0),
        "polarization": (0, 1, 0),
        "spindle": (0, 1, 0),
        "pivot": "sample",
    },
}


def convention_of(e):
    return CONVENTIONS[get(e.get("detector"), "convention", "mosflm")]


def beam_vector(e):
    return unit(get(e.get("beam"), "direction", convention_of(e)["beam"]))


def polarization_vector(e):
    return unit(get(e.get("beam"), "polarization_axis", convention_of(e)["polarization"]))


def electric_vector(e):
    """Axis of the linear part of the electric field: Stokes parameters turn it about the beam, by half their angle."""
    stokes, axis = get(e.get("beam"), "stokes"), polarization_vector(e)
    if stokes is None:
        return axis
    return rotation(beam_vector(e), np.arctan2(REAL(stokes[2]), REAL(stokes[1])) / 2) @ axis


# --- crystal ---------------------------------------------------------------------------------------------------------


def real_basis_from_cell(cell):
    """Rows a, b, c [A]: a* along x, b* in the xy plane, c* with a positive z component."""
    a, b, c = (REAL(v) for v in cell[:3])
    ca, cb, cg = np.cos(radians(cell[3:]))
    sa, sb, sg = np.sin(radians(cell[3:]))
    volume = a * b * c * np.sqrt(1.0 - ca**2 - cb**2 - cg**2 + 2.0 * ca * cb * cg)
    a_star = b * c * sa / volume
    b_star = c * a * sb / volume
    c_star = a * b * sg / volume
    cos_alpha_star = (cb * cg - ca) / (sb * sg)
    cos_beta_star = (cg * ca - cb) / (sg * sa)
    cos_gamma_star = (ca * cb - cg) / (sa * sb)
    sin_gamma_star = np.sqrt(1.0 - cos_gamma_star**2)
    reciprocal = np.array(
        [
            [a_star, 0.0, 0.0],
            [b_star * cos_gamma_star, b_star * sin_gamma_star, 0.0],
            [
                c_star * cos_beta_star,
                c_star * (cos_alpha_star - cos_beta_star * cos_gamma_star) / sin_gamma_star,
                1.0 / c,
            ],
        ]
    )
    return inverse(reciprocal).T


def real_basis(crystal):
    """Rows a, b, c [A] at phi = 0, missetting angles applied."""
    orientation = get(crystal, "orientation")
    basis = real_basis_from_cell(crystal["cell"]) if orientation is None else np.asarray(orientation, dtype=REAL)
    return basis @ rotation_xyz(get(crystal, "misset", (0.0, 0.0, 0.0))).T


class Uniform:
    """The minimal standard generator with a shuffle table of 32 entries, single-precision output."""

    def __init__(self, seed):
        self.state = max(int(seed), 1)
        for _ in range(8):
            self.step()
        # The table is filled from its last entry to its first.
        self.table = [0] * 32
        for j in reversed(range(32)):
            self.table[j] = self.step()
        self.output = self.table[0]

    def step(self):
        self.state = (16807 * self.state) % 2147483647
        return self.state

    def draw(self):
        fresh = self.step()
        j = self.output // (1 + 2147483646 // 32)
        self.output = self.table[j]
        self.table[j] = fresh
        return float(np.float32(min(np.float32(self.output / 2147483647.0), 1.0 - 1.2e-7)))


def random_rotation(uniform, spread_rad):
    """One random rotation of the reference: three deviates in [-1, 1]; a random axis, an angle within the spread."""
    r1 = 2.0 * uniform.draw() - 1.0
    r2 = 2.0 * uniform.draw() - 1.0
    r3 = 2.0 * uniform.draw() - 1.0
    rho = np.sqrt(1.0 - r2 * r2)
    axis = (rho * np.sin(PI * r1), rho * np.cos(PI * r1), r2)
    # Spread, power and product are single-precision numbers. NumPy's own float32 power is off in the last bit at times.
    power = np.float32(float(np.float32(1.0 - r3 * r3)) ** float(np.float32(1.0 / 3.0)))
    return rotation(axis, REAL(np.float32(spread_rad) * power))


def rotation_of(vector):
    """Rotation about a vector by its length [rad]."""
    angle = np.linalg.norm(vector)
    return np.eye(3) if angle == 0.0 else rotation(vector, angle)


def mosaic_rotations(mosaic, count, spread):
    """Rotations for random numbers; `spread`: one or three [rad]."""
    gaussian = get(mosaic, "distribution", "nanobragg") == "gaussian"
    uniform = Uniform(get(mosaic, "seed", 12345678))
    if gaussian:
        vectors = [[NormalDist().inv_cdf(uniform.draw()) for _ in range(3)] for _ in range(count)]
        return [rotation_of(np.array(v) * spread) for v in vectors]
    if np.ndim(spread) == 0:
        return [random_rotation(uniform, spread) for _ in range(count)]
    turns = [logarithm(random_rotation(uniform, 1.0)) for _ in range(count)]
    return [rotation_of(v * spread) for v in turns]


def logarithm(matrix):
    """Rotation vector of a rotation by less than a half turn."""
    axis = 0.5 * np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    size = np.linalg.norm(axis)
    return axis / size * np.arctan2(size, 0.5 * (np.trace(matrix) - 1.0))


def mosaic_stretches(mosaic, count, cell_spread):
    """Factors on a, b, c of each domain, from the random numbers after those for the turns."""
    uniform = Uniform(get(mosaic, "seed", 12345678))
    for _ in range(3 * count):
        uniform.draw()
    draws = [[NormalDist().inv_cdf(uniform.draw()) for _ in range(3)] for _ in range(count)]
    return 1.0 + np.array(draws) * np.asarray(cell_spread) / 100.0


def lattices_of(crystal, phi_rotations):
    """Rows a, b, c of the crystal's lattice in every orientation and domain."""
    basis, mosaic = real_basis(crystal), get(crystal, "mosaic")
    spread, cell_spread = get(mosaic, "spread", 0.0), get(mosaic, "cell_spread", 0.0)
    if not np.any(spread) and not np.any(cell_spread):
        return [basis @ phi.T for phi in phi_rotations]
    count = get(mosaic, "domains", 1)
    turns = mosaic_rotations(mosaic, count, radians(spread))
    if np.ndim(spread) == 0 and not np.any(cell_spread):
        if get(mosaic, "distribution", "nanobragg") == "nanobragg":
            turns[0] = np.eye(3)  # its numbers are drawn all the same
        return [basis @ (turn @ phi).T for phi in phi_rotations for turn in turns]
    # In the crystal's own frame: x along a*, z along c; the scan turns it all.
    x, z = unit(inverse(basis).T[0]), unit(basis[2])
    frame = np.column_stack([x, np.cross(z, x), z])
    stretches = mosaic_stretches(mosaic, count, cell_spread) if np.any(cell_spread) else np.ones((count, 3))
    return [
        np.diag(stretch) @ basis @ (phi @ frame @ turn @ frame.T).T
        for phi in phi_rotations
        for turn, stretch in zip(turns, stretches, strict=True)
    ]


def grating(count, dh):
    """sin(pi N dh) / sin(pi dh), N where dh = 0."""
    denominator = np.sin(PI * dh)
    at_peak = denominator == 0.0
    ratio = np.sin(PI * count * dh) / np.where(at_peak, 1.0, denominator)
    return np.where(at_peak, count, ratio)


def sphere_transform(x):
    """3 (sin x - x cos x) / x^3, which is 1 at x = 0."""
    series = 1.0 - x**2 / 10.0 + x**4 / 280.0 - x**6 / 15120.0 + x**8 / 1330560.0
    small = x < 0.05
    y = np.where(small, 1.0, x)
    return np.where(small, series, 3.0 * (np.sin(y) - y * np.cos(y)) / y**3)


def lattice_transform(crystal, reciprocal, dh, dk, dl):
    """F_latt; `reciprocal` has rows a*, b*, c* [1/A]."""
    shape = get(crystal, "shape", "square")
    fudge = REAL(get(crystal, "fudge", 1.0))
    cells = np.asarray(get(crystal, "cells", (1, 1, 1)), dtype=REAL)
    matrix = cells if cells.ndim == 2 else np.diag(cells)
    na, nb, nc = np.diag(matrix)
    n_cells = determinant(matrix)
    if shape == "square":
        return grating(na, dh) * grating(nb, dk) * grating(nc, dl)

    if shape in ("gauss_star", "tophat_star"):
        dq = dh[..., None] * reciprocal[0] + dk[..., None] * reciprocal[1] + dl[..., None] * reciprocal[2]
        r2 = np.sum(dq**2, axis=-1) * n_cells**2
    else:
        r2 = np.sum((np.stack([dh, dk, dl], axis=-1) @ matrix.T) ** 2, axis=-1)

    if shape == "round":
        return n_cells * REAL("0.723601254558268") * sphere_transform(PI * np.sqrt(fudge * r2))
    if shape in ("gauss", "gauss_star"):
        return n_cells * np.exp(-r2 / REAL("0.63") * fudge)
    if shape in ("tophat", "tophat_star"):
        return np.where(r2 * fudge < REAL("0.3969"), n_cells, 0.0)
    if shape == "lorentz":
        return n_cells / (1.0 + (PI**2 * fudge ** REAL("1.5") * np.sqrt(r2) ** 3) ** (REAL(2) / 3))
    raise ValueError(f"unknown shape {shape!r}")


class StructureFactors:
    """Amplitudes on the box of indices that the reflection list spans."""

    def __init__(self, crystal):
        self.default = float(get(crystal, "default_f", 0.0))
        reflections = get(crystal, "reflections")
        self.box = None
        if reflections is not None and len(reflections[1]) > 0:
            hkl = np.asarray(reflections[0], dtype=np.int64)
            self.low = hkl.min(axis=0)
            self.high = hkl.max(axis=0)
            self.box = np.full(self.high - self.low + 1, self.default, dtype=REAL)
            for place, amplitude in zip(hkl - self.low, reflections[1], strict=True):  # later duplicates win
                self.box[tuple(place)] = amplitude
        choice = get(crystal, "interpolate", "auto")
        if choice == "auto":
            few = min(np.linalg.norm(np.atleast_2d(get(crystal, "cells", (1, 1, 1))), axis=0)) <= 2
            choice = "tricubic" if few else "nearest"
        self.weights = {"nearest": None, "tricubic": lagrange_weights, "catmull-rom": hermite_weights}[choice]

    def nearest(self, index):
        """The amplitudes at whole-numbered indices (..., 3)."""
        if self.box is None:
            return np.full(index.shape[:-1], self.default, dtype=REAL)
        inside = np.all((index >= self.low) & (index <= self.high), axis=-1)
        i, j, k = np.moveaxis(np.where(inside[..., None], index - self.low, 0), -1, 0)
        return np.where(inside, self.box[i, j, k], self.default)

    def interpolated(self, hkl, index):
        """The tricubic value, or the nearest one where the 64 neighbours are not all inside the box."""
        floor = np.floor(hkl).astype(np.int64)
        inside = np.all((floor - 1 >= self.low) & (floor + 2 <= self.high), axis=-1)
        fraction = hkl - floor  # in [0, 1): the four nodes stand at -1, 0, 1, 2
        weights = self.weights(fraction)
        total = np.zeros(hkl.shape[:-1], dtype=REAL)
        for i in range(4):
            for j in range(4):
                for k in range(4):
                    neighbour = floor + np.array([i - 1, j - 1, k - 1])
                    weight = weights[i][..., 0] * weights[j][..., 1] * weights[k][..., 2]
                    total += weight * self.nearest(neighbour)
        return np.where(inside, total, self.nearest(index))

    def __call__(self, hkl, index):
        return self.nearest(index) if self.weights is None or self.box is None else self.interpolated(hkl, index)


def hermite_weights(t):
    """Cubic Hermite polynomials of the nodes 0 and 1, whose slopes are the central differences of the nodes."""
    value_0, slope_0 = 2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t
    value_1, slope_1 = -2 * t**3 + 3 * t**2, t**3 - t**2
    return [-slope_0 / 2, value_0 - slope_1 / 2, value_1 + slope_0 / 2, slope_1 / 2]


def lagrange_weights(t):
    """The four cubic Lagrange polynomials with the nodes -1, 0, 1, 2."""
    nodes = (-1.0, 0.0, 1.0, 2.0)
    weights = []
    for here in nodes:
        weight = np.ones_like(t)
        for other in nodes:
            if other != here:
                weight = weight * (t - other) / (here - other)
        weights.append(weight)
    return weights


# --- detector --------------------------------------------------------------------------------------------------------


class Detector:
    """Geometry [mm] in the lab frame."""

    def __init__(self, e):
        detector = e["detector"]
        name = get(detector, "convention", "mosflm")
        convention = CONVENTIONS[name]
        self.n_slow, self.n_fast = detector["pixels"]
        self.pixel = REAL(detector["pixel_size"])
        size_slow = self.n_slow * self.pixel
        size_fast = self.n_fast * self.pixel

        beam = beam_vector(e)
        fast = unit(get(detector, "fast_axis", convention["fast"]))
        slow = unit(get(detector, "slow_axis", convention["slow"]))
        normal = unit(get(detector, "normal_axis", convention["normal"]))
        twotheta_axis = unit(get(detector, "twotheta_axis", convention["twotheta"]))

        tilt = rotation_xyz(get(detector, "rotation", (0.0, 0.0, 0.0)))
        swing = rotation(twotheta_axis, radians(get(detector, "twotheta", 0.0)))
        turn = swing @ tilt

        ratio = beam @ (tilt @ normal)
        close_distance = get(detector, "close_distance")
        if close_distance is None:
            close_distance = abs(ratio * get(detector, "distance", 100.0))
        self.distance = close_distance / ratio

        closest_point = get(detector, "closest_point")
        beam_center = get(detector, "beam_center")
        fclose, sclose = (size_fast / 2, size_slow / 2) if closest_point is None else closest_point

        # The beam spot in detector coordinates.
        if beam_center is not None:
            xbeam, ybeam = beam_center
        elif name in ("mosflm", "denzo"):
            xbeam, ybeam = (size_slow + self.pixel) / 2, (size_fast + self.pixel) / 2
        elif name == "adxv":
            xbeam, ybeam = (size_fast + self.pixel) / 2, (size_slow - self.pixel) / 2
        else:
            xbeam, ybeam = fclose, sclose
        if name == "mosflm":
            fbeam, sbeam = ybeam + self.pixel / 2, xbeam + self.pixel / 2
        elif name == "denzo":
            fbeam, sbeam = ybeam, xbeam
        elif name == "adxv":
            fbeam, sbeam = xbeam, size_slow - ybeam
        else:
            fbeam, sbeam = xbeam, ybeam

        self.fast = turn @ fast
        self.slow = turn @ slow
        self.normal = turn @ normal
        pivot = get(detector, "pivot", convention["pivot"])
        if pivot == "beam":
            self.origin = -fbeam * self.fast - sbeam * self.slow + self.distance * beam
        elif pivot == "sample":
            if closest_point is None and beam_center is not None:
                fclose, sclose = fbeam, sbeam
            self.origin = turn @ (-fclose * fast - sclose * slow + close_distance * normal)
        else:
            raise ValueError(f"unknown pivot {pivot!r}")
        self.close_distance = self.origin @ self.normal

        self.beam = beam
        self.curvature = get(detector, "curvature", "flat")
        if self.curvature == "nanobragg":  # which counts its distance anew from where the detector has come to lie
            self.distance = self.close_distance / ratio
        self.point_pixel = bool(get(detector, "point_pixel", False))
        self.thickness = REAL(get(detector, "sensor_thickness", 0.0))
        self.mu = REAL(get(detector, "sensor_mu", 0.0))

    def nearest(self):
        """Distance of the point of the detector that is nearest to the sample."""
        if self.curvature != "flat":
            return min(self.close_distance, self.distance)
        along_fast = np.clip(-self.origin @ self.fast, 0.0, self.n_fast * self.pixel)
        along_slow = np.clip(-self.origin @ self.slow, 0.0, self.n_slow * self.pixel)
        return np.linalg.norm(self.origin + along_fast * self.fast + along_slow * self.slow)

    def positions(self, oversample, js, jf, depth):
        """Vectors [mm] from the sample to one sub-pixel of every pixel, (slow, fast, 3)."""
        s = np.arange(self.n_slow, dtype=REAL)[:, None, None]
        f = np.arange(self.n_fast, dtype=REAL)[None, :, None]
        sdet = self.pixel / oversample * (s * oversample + js + 0.5)
        fdet = self.pixel / oversample * (f * oversample + jf + 0.5)
        flat = self.origin + fdet * self.fast + sdet * self.slow + depth * self.normal
        if self.curvature == "flat":
            return flat
        if self.curvature == "spherical":
            # For right-handed axes k1 = slow and k2 = -fast; ADXV is left-handed, and +fast shall move along +fast too.
            e1, k1 = self.fast, np.cross(self.normal, self.fast)
            e2, k2 = self.slow, np.cross(self.normal, self.slow)
        elif self.curvature == "nanobragg":
            e1, k1, e2, k2 = np.array([0.0, 1.0, 0.0]), self.slow, np.array([0.0, 0.0, 1.0]), self.fast
        else:
            raise ValueError(f"unknown curvature {self.curvature!r}")
        start = np.broadcast_to(self.distance * self.beam, flat.shape)
        offset = flat - start if self.curvature == "spherical" else flat  # from the beam spot
        once = rotate_each(start, k1, (offset @ e1) / self.distance)
        return rotate_each(once, k2, (offset @ e2) / self.distance)

    def solid_angle(self, position):
        r = np.linalg.norm(position, axis=-1)
        if self.point_pixel:
            return 1.0 / (r * 1e-3) ** 2  # 1/m^2
        return self.pixel**2 / r**2 * self.close_distance / r

    def capture(self, diffracted, layer, layers):
        """The fraction of the photons that one layer of the sensor absorbs."""
        if self.thickness == 0.0 or self.mu == 0.0:
            return np.ones(diffracted.shape[:-1])
        rho = diffracted @ self.normal if self.curvature == "flat" else 1.0  # a sphere is met along its normal
        depth = self.thickness / layers * self.mu / rho
        return np.exp(-layer * depth) * -np.expm1(-depth)


def rendered(detector):
    """True where a pixel is inside the mask and the region of interest."""
    wanted = np.ones(tuple(detector["pixels"]), dtype=bool)
    mask = get(detector, "mask")
    if mask is not None:
        wanted &= np.asarray(mask, dtype=bool)
    roi = get(detector, "roi")
    if roi is not None:
        (s0, s1), (f0, f1) = roi
        inside = np.zeros_like(wanted)
        inside[s0:s1, f0:f1] = True
        wanted &= inside
    return wanted


# --- beam ------------------------------------------------------------------------------------------------------------


def pair(value):
    return (value, value) if np.ndim(value) == 0 else tuple(value)


def profile_density(profile, size, x, y):
    """Photons per mm^2 of a beam of one photon at x, y [mm] from its centre."""
    width, height = pair(size)
    if profile == "gaussian":
        peak = 4.0 * np.log(2.0) / (np.pi * width * height)
        return peak * np.exp(-4.0 * np.log(2.0) * ((x / width) ** 2 + (y / height) ** 2))
    if profile == "round":
        return np.where((2 * x / width) ** 2 + (2 * y / height) ** 2 <= 1.0, 4.0 / (np.pi * width * height), 0.0)
    return np.where((2 * abs(x) <= width) & (2 * abs(y) <= height), 1.0 / (width * height), 0.0)


def fluence_of(e):
    """Photons per m^2, averaged over the crystal by Gauss' rule in either direction."""
    beam, flux = e["beam"], get(e["beam"], "flux")
    if flux is None:
        return get(beam, "fluence", UNIT_FLUENCE)
    extents = pair(get(e["crystal"], "extent", 0.0))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    x, y = (o + w * nodes / 2.0 for o, w in zip(get(beam, "offset", (0.0, 0.0)), extents, strict=True))
    density = profile_density(get(beam, "profile", "square"), get(beam, "size", 0.1), x[:, None], y[None, :])
    return flux * get(beam, "exposure", 1.0) * (weights @ density @ weights / 4.0) * 1e6


def evenly(full_range, count):
    """(deviations, step, range, count) of a grid centred on 0; no range or one point is the single deviation 0."""
    if full_range == 0.0 or count <= 1:
        return [0.0], 0.0, 0.0, 1
    step = full_range / (count - 1)
    return [step * i - full_range / 2 for i in range(count)], step, full_range, count


def sources_of(e):
    """A list of (unit vector from sample to source, weight, wavelength [A])."""
    beam = e["beam"]
    rows = get(beam, "sources")
    if rows is not None:
        return [(unit(row[:3]), REAL(row[3]), REAL(row[4])) for row in rows]

    direction = beam_vector(e)
    polar = polarization_vector(e)
    vertical = unit(np.cross(direction, polar))
    h_range, v_range = (REAL(r) / 1000 for r in get(beam, "divergence", (0.0, 0.0)))
    h_steps, v_steps = get(beam, "divergence_steps", (1, 1))
    bell = get(beam, "divergence_profile", "uniform") == "gaussian"
    hdivs, h_step, h_range, h_count = evenly(h_range, h_steps)
    vdivs, v_step, v_range, v_count = evenly(v_range, v_steps)
    h_weights, v_weights = ([1.0] * h_count, [1.0] * v_count)
    if bell:
        hdivs, h_weights = gaussian_samples(h_range, h_count)
        vdivs, v_weights = gaussian_samples(v_range, v_count)
    lines = wavelengths_of(beam)

    def radial(deviation, step, full_range, count):
        if full_range == 0.0:
            return 0.0
        return (deviation**2 - step**2 / 4 * (1 - count % 2)) / full_range**2

    sources = []
    for hdiv, h_weight in zip(hdivs, h_weights, strict=True):
        for vdiv, v_weight in zip(vdivs, v_weights, strict=True):
            if get(beam, "round_divergence", True) and not bell:
                r2 = radial(hdiv, h_step, h_range, h_count) + radial(vdiv, v_step, v_range, v_count)
                if 4.0 * r2 > 1.1:
                    continue
            towards = rotation(vertical, hdiv) @ rotation(polar, vdiv) @ -direction
            sources += [(towards, h_weight * v_weight * weight, wavelength) for wavelength, weight in lines]
    return sources


def gaussian_samples(fwhm, count):
    """Even steps and weights of a gaussian: at most 1.5 FWHM out, with the variance of the gaussian."""
    if fwhm == 0.0 or count == 1:
        return [0.0], [1.0]
    sigma = fwhm / np.sqrt(8.0 * np.log(2.0))
    step = min(sigma * np.sqrt(4.0 * np.pi / count), 3.0 * fwhm / (count - 1))
    x = step * (np.arange(count) - (count - 1) / 2.0)
    weights = np.exp(-(x**2) / (2.0 * sigma**2))
    weights /= weights.sum()
    return x * sigma / np.sqrt(np.sum(weights * x**2)), weights


def wavelengths_of(beam):
    """Wavelengths [A] and weights that every direction carries."""
    spectrum = get(beam, "spectrum")
    if spectrum is None:
        width, count = REAL(get(beam, "dispersion", 0.0)) / 100, get(beam, "dispersion_steps", 1)
        fractions = evenly(width, count)[0]
        weights = [1.0] * len(fractions)
        if get(beam, "dispersion_profile", "uniform") == "gaussian":
            fractions, weights = gaussian_samples(width, count)
        return [(REAL(beam["wavelength"]) * (1.0 + x), w) for x, w in zip(fractions, weights, strict=True)]
    table = np.array([spectrum["wavelengths"], spectrum["weights"]]).T
    table = table[table[:, 1] > 0.0]
    steps = get(beam, "spectrum_steps")
    if steps is None or steps >= len(table):
        return table.tolist()
    edges = np.linspace(table[:, 0].min(), table[:, 0].max(), steps + 1)
    lines = []
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        last = i == steps - 1
        inside = table[(table[:, 0] >= low) & ((table[:, 0] < high) | last)]
        if len(inside):
            lines.append((np.sum(inside[:, 0] * inside[:, 1]) / inside[:, 1].sum(), inside[:, 1].sum()))
    return lines


def polarization_factor(beam, polar_vector, incident, diffracted):
    """Kahn et al. (1982), with the angle psi of the scattering plane."""
    if not get(beam, "polarized", True):
        return np.ones(diffracted.shape[:-1])
    if get(beam, "stokes") is not None:
        return stokes_factor(beam["stokes"], polar_vector, incident, diffracted)
    kahn = get(beam, "polarization", 0.0)
    cos_2theta = diffracted @ incident
    sin2_2theta = 1.0 - cos_2theta**2
    b_axis = unit(np.cross(polar_vector, incident))
    e_axis = unit(np.cross(incident, b_axis))
    psi = -np.arctan2(diffracted @ b_axis, diffracted @ e_axis)
    return 0.5 * (1.0 + cos_2theta**2 - kahn * np.cos(2.0 * psi) * sin2_2theta)


def stokes_factor(stokes, electric_vector, incident, diffracted):
    """Part of a dipole's radiation, sum of J_jk (delta_jk - d_j d_k) with the coherency matrix J of the beam."""
    first = unit(electric_vector - (electric_vector @ incident) * incident)
    axes = np.array([first, np.cross(incident, first)])
    s1, s2, s3 = (REAL(s) / REAL(stokes[0]) for s in stokes[1:])
    linear = np.sqrt(s1 * s1 + s2 * s2)  # along the electric vector
    coherency = 0.5 * np.array([[1.0 + linear, -1j * s3], [1j * s3, 1.0 - linear]])
    d = diffracted @ axes.T
    return np.real(np.trace(coherency) - np.einsum("...j,jk,...k->...", d, coherency, d))


# --- scan ------------------------------------------------------------------------------------------------------------


def spindle_rotations(e):
    scan = e.get("scan")
    if scan is None:
        return [np.eye(3)]
    axis = get(scan, "axis", convention_of(e)["spindle"])
    start = get(scan, "start", 0.0)
    steps = get(scan, "steps", 1)
    width = get(scan, "width", 0.0)
    shift = {"midpoint": 0.5, "left": 0.0}[get(scan, "rule", "midpoint")]
    return [rotation(axis, radians(start + (i + shift) * REAL(width) / steps)) for i in range(steps)]


# --- the sum ---------------------------------------------------------------------------------------------------------


def render(e):
    """The expected photons, float64, (slow, fast), of all lattices."""
    return sum(render_one({**e, "crystal": crystal}) for crystal in (e["crystal"], *e.get("lattices", ())))


class Step(NamedTuple):
    """Terms of the sum for n lattices and all pixels: their values are `seen` F_cell^2 F_latt^2."""

    seen: Any  # weight of the source, polarization, solid angle and fraction caught; 0 past the resolution limit
    f_cell: Any  # (n, slow, fast)
    f_latt: Any
    hkl: Any  # (n, slow, fast, 3)
    offsets: Any  # dh, dk, dl, from the nearest reflection
    lattices: Any  # (n, 3, 3): rows a, b, c [A]
    wavelength: Any  # [A]
    bright: Any  # `seen` without polarization


def render_one(e):
    """The expected photons of one crystal; what is "auto" is chosen by the caller."""
    image = sum((step.seen * step.f_cell**2 * step.f_latt**2).sum(axis=0) for step in steps_of(e))
    return np.where(rendered(e["detector"]), image * photons_of(e), 0.0)


def photons_of(e):
    """The photons that a sum of 1 over the steps stands for."""
    sampling, steps = e.get("sampling"), len(lattices_of(e["crystal"], spindle_rotations(e)))
    steps = steps * get(sampling, "oversample", 1) ** 2 * sum(REAL(weight) for _, weight, _ in sources_of(e))
    return REAL(CLASSICAL_RADIUS_SQUARED) * fluence_of(e) / steps * get(e["crystal"], "spot_scale", 1.0)


def steps_of(e):
    """The terms of the sum."""
    crystal, beam, sampling = e["crystal"], e["beam"], e.get("sampling")
    detector = Detector(e)
    oversample = get(sampling, "oversample", 1)
    layers = get(sampling, "layers", 1)
    dmin = get(sampling, "dmin", 0.0)
    solid_angle_once = {"subpixel": False, "pixel": True}[get(sampling, "solid_angle", "subpixel")]
    polarization_once = {"subpixel": False, "pixel": True}[get(sampling, "polarization", "subpixel")]
    if detector.thickness == 0.0 or detector.mu == 0.0:
        layers = 1  # an ideal sensor is a single surface; more layers would count the photons again

    tables = get(crystal, "reflections")
    by_wavelength = isinstance(tables, dict)
    each = [dict(crystal, reflections=table) for table in tables["tables"]] if by_wavelength else [crystal]
    several = [StructureFactors(one) for one in each]
    sources = sources_of(e)
    lattices = np.array(lattices_of(crystal, spindle_rotations(e)))
    polar_vector = electric_vector(e)

    first = detector.positions(oversample, 0, 0, 0.0)
    first_diffracted = first / np.linalg.norm(first, axis=-1, keepdims=True)
    first_omega = detector.solid_angle(first)
    first_polar = polarization_factor(beam, polar_vector, -sources[0][0], first_diffracted)

    for layer in range(layers):
        depth = layer * detector.thickness / layers
        for js in range(oversample):
            for jf in range(oversample):
                position = detector.positions(oversample, js, jf, depth)
                diffracted = position / np.linalg.norm(position, axis=-1, keepdims=True)
                omega = first_omega if solid_angle_once else detector.solid_angle(position)
                capture = detector.capture(diffracted, layer, layers)
                for towards, weight, wavelength in sources:
                    incident = -towards
                    distances = [abs(wavelength - x) for x in tables["wavelengths"]] if by_wavelength else [0.0]
                    factors = several[int(np.argmin(distances))]
                    q = (diffracted - incident) / wavelength
                    # The term is skipped where dmin > 1/|q|.
                    kept = dmin * np.linalg.norm(q, axis=-1) <= 1.0
                    if polarization_once:
                        polar = first_polar
                    else:
                        polar = polarization_factor(beam, polar_vector, incident, diffracted)
                    bright = np.where(kept, weight * omega * capture, 0.0)
                    for start in range(0, len(lattices), AT_ONCE):
                        several_lattices = lattices[start : start + AT_ONCE]
                        hkl = np.einsum("xyj,nij->nxyi", q, several_lattices)
                        nearest = np.ceil(hkl - 0.5)
                        dh, dk, dl = np.moveaxis(hkl - nearest, -1, 0)
                        f_cell = factors(hkl, nearest.astype(np.int64))
                        # Outlines in reciprocal space take lengths alone, which are those of the first lattice.
                        f_latt = lattice_transform(crystal, inverse(lattices[0]).T, dh, dk, dl)
                        yield Step(
                            polar * bright, f_cell, f_latt, hkl, hkl - nearest, several_lattices, wavelength, bright
                        )


# --- amorphous background --------------------------------------------------------------------------------------------

AVOGADRO = 6.02214179e23
FINENESS, MOST_PARTS = 5e-4, 16  # [1/A]: a pixel is cut until no part spans more of sin(theta)/lambda, within reason


def background(e):
    """The expected photons of `e["background"]`, a list of dicts, whose tables are rows of sin(theta)/lambda and F."""
    beam, detector = e["beam"], Detector(e)
    sources, polar_vector = sources_of(e), electric_vector(e)
    total_weight = sum(weight for _, weight, _ in sources)
    span = detector.pixel / detector.nearest() / (2.0 * min(wavelength for *_, wavelength in sources))
    parts = int(min(max(np.ceil(span / FINENESS), 1), MOST_PARTS))

    image = np.zeros((detector.n_slow, detector.n_fast))
    for js in range(parts):
        for jf in range(parts):
            position = detector.positions(parts, js, jf, 0.0)
            diffracted = position / np.linalg.norm(position, axis=-1, keepdims=True)
            seen = detector.solid_angle(position) * detector.capture(diffracted, 0, 1) / parts**2
            for towards, weight, wavelength in sources:
                stol = np.linalg.norm(diffracted + towards, axis=-1) / wavelength / 2.0
                polar = polarization_factor(beam, polar_vector, -towards, diffracted)
                for matter in e["background"]:
                    known, f = np.array(matter["table"]).T
                    square = np.interp(stol.astype(np.float64), known, f) ** 2 * molecules(matter, beam)
                    image += weight / total_weight * square * polar * seen
    image *= CLASSICAL_RADIUS_SQUARED * fluence_of({"beam": {**beam, "offset": (0.0, 0.0)}, "crystal": {}})
    return np.where(rendered(e["detector"]), image, 0.0)


def molecules(matter, beam):
    whole = 1.0 / float(profile_density(get(beam, "profile", "square"), get(beam, "size", 0.1), 0.0, 0.0))  # mm^2
    area_cm2 = 1e-2 * get(matter, "area", whole)
    grams = area_cm2 * 1e-1 * matter["thickness"] * matter["density"]
    return grams / matter["molecular_weight"] * AVOGADRO
