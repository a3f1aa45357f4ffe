"""Small experiments for tests: made at random, and described for the oracle.

Hypothesis chooses what is discrete (shapes, conventions, step counts). Continuous values come from a generator whose
seed Hypothesis chooses: they are generic, so that nothing lies on a rounding tie (an index that is exactly a half, a
reciprocal lattice point exactly on the edge of a table) where two correct programs may differ.
"""

from dataclasses import fields, is_dataclass

import numpy as np
import oracle
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.physics.lattice import SHAPES

PIXELS = (12, 17)
CONVENTIONS = ("mosflm", "denzo", "adxv", "xds", "dials", "custom")
CURVATURES = {"flat": ("flat",), "curved": ("spherical", "nanobragg")}


#: Every loop with more than one step.
RICH = {
    "beam.divergence": (3.0, 2.0),
    "beam.divergence_steps": (2, 2),
    "beam.round_divergence": False,
    "scan.width": 1.0,
    "scan.steps": 2,
    "sampling.oversample": 2,
    "crystal.mosaic.spread": 1.0,
    "crystal.mosaic.domains": 3,
    "detector.sensor_thickness": 0.5,
    "detector.sensor_mu": 1.0,
    "sampling.layers": 2,
}
_BLOCK = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in (9, 9, 19)], indexing="ij"), axis=-1).reshape(-1, 3)
#: Reflections enough for all of `still`.
TABLE = nb.Reflections(_BLOCK, np.random.default_rng(1).uniform(30.0, 90.0, len(_BLOCK)))


# --- for the oracle --------------------------------------------------------------------------------------------------


def describe(experiment):
    """An experiment as the nested dict that `oracle.render` takes."""
    tree = _plain(experiment)
    tree["detector"]["point_pixel"] = tree["detector"].pop("point_pixels")
    tree["sampling"]["oversample"] = experiment.oversample
    return tree


def alone(experiment, number):
    """What the oracle takes for one panel: a detector that lies there, for want of one that lists panels."""
    tree = describe(experiment)
    panel, mask = experiment.detector.panels[number], tree["detector"]["mask"]
    origin, fast, slow = (np.array(x, dtype=oracle.REAL) for x in (panel.origin, panel.fast, panel.slow))
    fast, slow = fast / np.linalg.norm(fast), slow / np.linalg.norm(slow)
    normal = np.cross(fast, slow)
    normal *= np.sign(normal @ origin)
    tree["detector"].update(
        pixels=panel.pixels, pivot="sample", fast_axis=fast, slow_axis=slow, normal_axis=normal,
        closest_point=(-origin @ fast, -origin @ slow), close_distance=origin @ normal,
        mask=None if mask is None else mask[number, : panel.pixels[0], : panel.pixels[1]],
    )  # fmt: skip
    return tree


def _plain(value):
    if isinstance(value, nb.Reflections):
        return value.hkl, value.amplitude
    if isinstance(value, nb.SpectralReflections):
        return {"wavelengths": value.wavelengths, "tables": [_plain(table) for table in value.tables]}
    if isinstance(value, nb.Mask):
        return value.pixels
    if isinstance(value, nb.Sources):
        return value.rows
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple) and any(map(is_dataclass, value)):
        return [_plain(item) for item in value]
    return value


# --- fixed scenes ----------------------------------------------------------------------------------------------------


def still(**changes):
    """A small triclinic crystal in front of a small detector; dotted names change it."""
    experiment = nb.Experiment(
        crystal=nb.Crystal(
            cell=(31.3, 35.7, 42.1, 84.3, 97.2, 103.9), misset=(11.3, 24.7, -8.1), cells=(4, 3, 5), default_f=10.0
        ),
        beam=nb.Beam(wavelength=1.03, polarization=0.7),
        detector=nb.Detector(pixels=PIXELS, pixel_size=1.0, distance=83.0),
        sampling=nb.Sampling(oversample=1),
    )
    return experiment.replace(**changes)


def random_rotation(rng):
    """A rotation matrix, uniform over all orientations."""
    q = rng.normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def turned(vector, rng, angle):
    """A unit vector within about `angle` [rad] of another one, given with some other length."""
    direction = np.asarray(vector) / np.linalg.norm(vector) + angle * rng.uniform(-0.5, 0.5, 3)
    return tuple((direction / np.linalg.norm(direction) * rng.uniform(0.5, 2.0)).tolist())


# --- random scenes ---------------------------------------------------------------------------------------------------


def generators():
    """Seeded generators of the continuous values."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def cells(rng):
    """A triclinic cell, far from degenerate."""
    lengths = rng.uniform(20.0, 60.0, 3)
    angles = 90.0 + rng.uniform(-20.0, 20.0, 3)
    return (*lengths.tolist(), *angles.tolist())


def lattice_of(shape, **numbers):
    """Lattice of a shape, from numbers among which it finds its own by name."""
    return shape.lattice(**{name: numbers[name] for name in shape.lattice._fields if name in numbers})


def others(*shapes):
    """The simplest kind of experiment for each shape but some, of which a list knows kinds of its own."""
    return [(shape, "uniform", "flat") for shape in SHAPES if shape not in shapes]


#: Numbers of cells for which some pixel of `PIXELS` is bright, whatever the orientation: the compact outlines leave
#: nothing, or less than single precision can hold, between the spots of large crystals.
CELL_LIMITS = dict.fromkeys(SHAPES, 9) | {"square": 12, "gauss": 4, "gauss_star": 4, "tophat": 2.5, "tophat_star": 2.5}


@st.composite
def crystals(draw, shape, structure):
    rng = draw(generators())
    sizes = rng.uniform(1.0, CELL_LIMITS[shape], 3)
    if draw(st.booleans()):
        sizes = np.maximum(np.round(sizes), 1.0)
    given_by = draw(st.sampled_from(("cell", "orientation")))
    known = {"cell": cells(rng)}
    if given_by == "orientation":
        known = {"orientation": tuple(map(tuple, (nb.Crystal(**known).axes @ random_rotation(rng).T).tolist()))}
    spread = draw(st.sampled_from((0.0, 0.3, 1.5)))
    return nb.Crystal(
        **known,
        misset=tuple(rng.uniform(-180.0, 180.0, 3).tolist()),
        cells=tuple(sizes.tolist()),
        shape=shape,
        fudge=float(rng.uniform(0.6, 1.4)),
        default_f=float(rng.uniform(2.0, 9.0)),
        interpolate=draw(st.sampled_from(("tricubic", "catmull-rom"))) if structure == "tricubic" else "nearest",
        mosaic=nb.Mosaic(spread=spread, domains=draw(st.integers(1, 5)), seed=draw(st.integers(1, 10**9))),
        spot_scale=float(rng.uniform(0.5, 2.0)),
    )


@st.composite
def beams(draw, forward, electric):
    """A beam close to a direction; `electric`: an axis across it."""
    rng = draw(generators())
    wavelength = float(rng.uniform(0.8, 1.4))
    values = {"wavelength": wavelength, "polarization": float(rng.uniform(-1.0, 1.0)), "polarized": draw(st.booleans())}
    if draw(st.booleans()):
        values["fluence"] = float(10.0 ** rng.uniform(27.0, 30.0))
    else:
        values.update(flux=1e21 * float(rng.uniform(1.0, 9.0)), exposure=0.3, size=0.07)
    values["direction"] = turned(forward, rng, 0.05)
    values["polarization_axis"] = turned(electric, rng, 0.3)
    kind = draw(st.sampled_from(("one", "list", "grid")))
    if kind == "list":
        values["sources"] = nb.Sources(
            tuple(
                (*turned(-np.asarray(forward), rng, 0.03), float(weight), wavelength * float(rng.uniform(0.97, 1.03)))
                for weight in rng.uniform(0.1, 3.0, draw(st.integers(1, 4)))
            )
        )
    elif kind == "grid":
        steps = st.integers(1, 3)
        counts = (draw(steps), draw(steps))
        values["divergence"] = tuple(rng.uniform(1.0, 9.0) if count > 1 else 0.0 for count in counts)
        values["divergence_steps"] = counts
        values["round_divergence"] = draw(st.booleans()) or 2 in values["divergence_steps"]
        values["dispersion_steps"] = draw(steps)
        values["dispersion"] = float(rng.uniform(0.0, 2.0)) if values["dispersion_steps"] > 1 else 0.0
    return nb.Beam(**values)


@st.composite
def detectors(draw, convention, curvature, axes):
    """A detector that the beam hits near its middle; `axes`: fast, slow, normal of the convention "custom"."""
    rng = draw(generators())
    curved = draw(st.sampled_from(CURVATURES[curvature]))
    pixel = float(rng.uniform(0.8, 1.2))
    middle = np.array(PIXELS) * pixel / 2.0 + rng.uniform(-3.0, 3.0, 2)
    values = {}
    if convention == "custom":
        values.update(
            zip(("fast_axis", "slow_axis", "normal_axis"), (tuple(row) for row in axes.tolist()), strict=True)
        )
        values["twotheta_axis"] = tuple(rng.normal(size=3).tolist())
    if convention == "custom" or draw(st.booleans()):
        values["beam_center"] = tuple(middle.tolist())
    if draw(st.booleans()):
        values["pivot"] = draw(st.sampled_from(("beam", "sample")))
    if values.get("pivot") == "sample" and draw(st.booleans()):
        values["closest_point"] = tuple(middle[::-1].tolist())
    distance = float(rng.uniform(60.0, 110.0))
    values[draw(st.sampled_from(("distance", "close_distance")))] = distance
    values["twotheta"] = float(rng.uniform(-12.0, 12.0))
    if draw(st.booleans()):
        values.update(sensor_thickness=float(rng.uniform(0.05, 1.0)), sensor_mu=float(rng.uniform(0.2, 3.0)))
    if draw(st.booleans()):
        values["mask"] = nb.Mask(rng.uniform(size=PIXELS) < 0.8)
    if draw(st.booleans()):
        values["roi"] = ((draw(st.integers(0, 3)), draw(st.integers(8, 12))), (draw(st.integers(0, 4)), 16))
    return nb.Detector(
        pixels=PIXELS,
        pixel_size=pixel,
        convention=convention,
        rotation=tuple(rng.uniform(-9.0, 9.0, 3).tolist()),
        curvature=curved,
        point_pixels=draw(st.booleans()),
        **values,
    )


@st.composite
def scans(draw):
    rng = draw(generators())
    return nb.Scan(
        start=float(rng.uniform(-90.0, 90.0)) * draw(st.integers(0, 1)),
        width=draw(st.sampled_from((0.0, 0.7, -2.3))),
        steps=draw(st.integers(1, 3)),
        axis=draw(st.sampled_from((None, tuple(rng.normal(size=3).tolist())))),
        rule=draw(st.sampled_from(("midpoint", "left"))),
    )


def samplings():
    per = st.sampled_from(("subpixel", "pixel"))
    return st.builds(
        nb.Sampling, oversample=st.integers(1, 3), layers=st.integers(1, 3), solid_angle=per, polarization=per
    )


@st.composite
def experiments(draw, shape="square", structure="uniform", curvature="flat", conventions=CONVENTIONS):
    """An experiment of a given kind: outline, "uniform", "nearest" or "tricubic", "flat" or "curved"."""
    convention = draw(st.sampled_from(conventions))
    axes = None
    frame = nb.Detector(pixels=PIXELS, pixel_size=1.0, convention=convention).frame
    forward, electric = frame.beam, frame.polarization
    if convention == "custom":
        axes = random_rotation(draw(generators()))
        axes[2] *= draw(st.sampled_from((1.0, -1.0)))
        forward, electric = axes[2], axes[0]
    experiment = nb.Experiment(
        crystal=draw(crystals(shape, structure)),
        beam=draw(beams(forward, electric)),
        detector=draw(detectors(convention, curvature, axes)),
        scan=draw(st.none() | scans()),
        sampling=draw(samplings()),
    )
    if draw(st.booleans()):
        experiment = experiment.replace(**{"sampling.dmin": float(np.quantile(spacings(experiment), 0.25))})
    if structure != "uniform":
        experiment = experiment.replace(**{"crystal.reflections": draw(reflections(indices_at_middle(experiment)))})
    return experiment


def spacings(experiment):
    """Spacing [A] that belongs to the middle of each pixel, for the first source."""
    place = oracle.Detector(describe(experiment)).positions(1, 0, 0, 0.0)
    diffracted = place / np.linalg.norm(place, axis=-1, keepdims=True)
    x, y, z, _, wavelength = experiment.sources.rows[0]
    return wavelength / np.linalg.norm(diffracted + np.array([x, y, z]) / np.hypot(np.hypot(x, y), z), axis=-1)


def indices_at_middle(experiment):
    """Rounded indices at the middle of the detector, at the start of the scan."""
    g, beam = experiment.geometry, np.array(experiment.beam_direction)
    fast, slow = experiment.detector.extent[:2]
    place = np.array(g.origin) + fast / 2.0 * np.array(g.fast) + slow / 2.0 * np.array(g.slow)
    q = (place / np.linalg.norm(place) - beam) / experiment.beam.wavelength
    return np.rint(experiment.crystal.axes @ q).astype(int)


@st.composite
def reflections(draw, middle):
    """Reflections around the given indices, with gaps."""
    rng = draw(generators())
    hkl = rng.integers(-6, 7, size=(draw(st.integers(1, 200)), 3)) + np.asarray(middle)
    return nb.Reflections(hkl, rng.uniform(-20.0, 100.0, len(hkl)))
