"""Experiments at the ends of what can be described, and how far rounding may move their images.

A point of the detector, its direction d, the beam's direction and the axes of the cell are known to a few units u in
the last place of a double. An index h = a.(d - i)/lambda is then known to

    delta = INDEX u (|a|/lambda) (1 + M/R),

M being the size of what a position is summed from (offsets, and the distance of a detector that lies askew) and R its
distance: no program in double precision can do
better, up to the number INDEX. The bound on a pixel is what such errors make of it (an index may lie anywhere within
delta), term by term, plus the rounding of the factors and of the image to float32. It is large where it has to be, for
crystals whose size over the wavelength is 10^11, and hides nothing elsewhere. For outlines with many fringes it is
taken from the envelope of the fringes, as the fringe itself may lie anywhere.
"""

import math

import numpy as np
import oracle
import scenes

import nbnumba as nb
from nbnumba.model.cell import volume_fraction
from nbnumba.model.parameters import by_cell

U = 2.0**-53
#: Units in the last place of an index.
INDEX = 16.0
#: Relative error of all other factors together: polynomials of square shapes (4e-10), a product of a dozen factors.
FACTORS = {"double": 1e-9, "mixed": 2e-6}
#: An index that stands for 0 in square shapes.
SHIFT = {"double": 0.0, "mixed": 1e-13}
FLOAT32 = 2.0**-24
LEAST = 2.0 * float(np.finfo(np.float32).smallest_subnormal)


# --- experiments -----------------------------------------------------------------------------------------------------


def between(rng, low, high):
    """A number between two others, evenly by its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def chance(rng, share):
    return bool(rng.uniform() < share)


def experiment(rng, shape="square", structure="uniform", *twists):
    """An experiment whose numbers are drawn over all decades; ``twists`` change it before it is aimed."""
    wavelength = between(rng, 0.01, 100.0)
    found = nb.Experiment(
        crystal=crystal(rng, shape),
        beam=beam(rng, wavelength),
        detector=detector(rng),
        scan=scan(rng),
        sampling=nb.Sampling(
            oversample=int(rng.integers(1, 3)),
            layers=int(rng.integers(1, 4)),
            dmin=between(rng, 0.005, 50.0) * wavelength if chance(rng, 0.2) else 0.0,
            solid_angle="pixel" if chance(rng, 0.2) else "subpixel",
            polarization="pixel" if chance(rng, 0.2) else "subpixel",
        ),
    )
    for twist in twists:
        found = twist(rng, found)
    if chance(rng, 0.6):
        found = aimed(rng, found)
    if structure != "uniform":
        found = found.replace(**{"crystal.reflections": reflections(rng, found)})
    if structure == "tricubic":
        found = found.replace(**{"crystal.interpolate": str(rng.choice(["tricubic", "catmull-rom"]))})
    return found


def possible_experiment(rng, *kind):
    """The first that is not refused, for a detector whose plane the sample almost lies in."""
    while True:
        try:
            return experiment(rng, *kind)
        except nb.NbnumbaError as error:
            if not any(words in str(error) for words in ("in front of the sample", "placed by lengths of")):
                raise


def crystal(rng, shape):
    lengths = [between(rng, 3.0, 3000.0) for _ in range(3)]
    angles = rng.uniform(65.0, 115.0, 3).tolist() if chance(rng, 0.7) else [90.0] * 3
    # The spots of the starred shapes are as wide as if the crystal had the product of the three as its length.
    most = 1e3 if shape.endswith("_star") else 1e6
    cells = [between(rng, 1.0, most) for _ in range(3)] if chance(rng, 0.7) else [between(rng, 1.0, most)] * 3
    if chance(rng, 0.5):
        cells = np.rint(cells).tolist()
    mosaic = nb.Mosaic(
        spread=between(rng, 1e-6, 180.0) if chance(rng, 0.5) else 0.0,
        domains=int(rng.integers(1, 5)),
        seed=int(rng.integers(1, 10**9)),
    )
    return nb.Crystal(
        cell=(*lengths, *angles),
        misset=tuple(rng.uniform(-180.0, 180.0, 3).tolist()),
        cells=tuple(cells),
        shape=shape,
        fudge=between(rng, 0.1, 10.0),
        default_f=between(rng, 1e-6, 1e6) if chance(rng, 0.97) else 0.0,
        interpolate="nearest",
        mosaic=mosaic,
        spot_scale=between(rng, 1e-3, 1e3),
    )


def beam(rng, wavelength):
    spread = between(rng, 1e-7, 0.3)
    rows = [
        (*scenes.turned((-1.0, 0.0, 0.0), rng, spread), between(rng, 1e-6, 1.0), wavelength * rng.uniform(0.9, 1.1))
        for _ in range(int(rng.integers(2, 4)))
    ]
    return nb.Beam(
        wavelength=wavelength,
        fluence=between(rng, 1.0, 1e40) if chance(rng, 0.97) else 0.0,
        polarization=rng.choice([-1.0, 0.0, 1.0, rng.uniform(-1.0, 1.0)]),
        polarized=chance(rng, 0.8),
        sources=nb.Sources(tuple(rows)) if chance(rng, 0.4) else None,
    )


def detector(rng):
    """One in front, tilted until it lies almost along the beam, swung behind the sample, or far off the beam."""
    pixel, distance = between(rng, 1e-3, 10.0), between(rng, 1.0, 1e5)
    pixels = (int(rng.integers(3, 7)), int(rng.integers(3, 7)))
    place = {}
    kind = rng.choice(["front", "grazing", "swung", "off"])
    if kind == "grazing":
        place["rotation"] = (0.0, *rng.permutation([90.0 - between(rng, 2e-4, 60.0), 0.0]).tolist())
    if kind in ("grazing", "swung"):
        place.update(pivot="sample", twotheta=float(rng.uniform(-180.0, 180.0)))
    if kind == "off" or chance(rng, 0.3):
        place["beam_center"] = tuple((rng.choice([-1.0, 1.0], 2) * [between(rng, 1e-3, 1e4) for _ in "xy"]).tolist())
    if chance(rng, 0.5):
        place.update(sensor_thickness=between(rng, 1e-4, 100.0), sensor_mu=between(rng, 1e-4, 1e4))
    return nb.Detector(
        pixels=pixels, pixel_size=pixel, distance=distance, point_pixels=chance(rng, 0.1), **place
    )  # fmt: skip


def scan(rng):
    if chance(rng, 0.5):
        return None
    return nb.Scan(
        start=float(rng.uniform(-360.0, 360.0)), width=between(rng, 1e-6, 90.0), steps=int(rng.integers(1, 4))
    )


def aimed(rng, found):
    """The same with its axes changed until a pixel sees a reflection, or the fringes next to it."""
    width = {"square": 1.0, "round": 1.0}.get(found.crystal.shape, 0.3)
    start = found.scan.angles()[0] if found.scan else 0.0
    place = first_panel(found).positions(found.oversample, 0, 0, 0.0)[1, 1]
    x, y, z, _, wavelength = found.sources.rows[0]
    q = (place / np.linalg.norm(place) + np.array([x, y, z]) / np.linalg.norm([x, y, z])) / wavelength
    back = oracle.rotation((0, 0, 1), -start) @ q
    axes = found.crystal.axes
    at = axes @ back
    cells = found.crystal.cells_across
    wanted = np.maximum(np.rint(np.abs(at)), 1.0) * np.sign(at) + width * rng.normal(size=3) / cells
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = wanted / at
    if not np.all((factor > 0.01) & (factor < 100.0)):
        return found
    rows = tuple(map(tuple, (axes * factor[:, None]).tolist()))
    return found.replace(**{"crystal.cell": None, "crystal.orientation": rows, "crystal.misset": (0.0, 0.0, 0.0)})


def first_panel(found):
    """The detector, or the first of its panels, as the oracle has it."""
    return oracle.Detector(scenes.alone(found, 0) if found.detector.panels else scenes.describe(found))


def reflections(rng, found):
    """Reflections around those of the first pixel, with gaps, as far as a list can hold their indices."""
    place = first_panel(found).positions(found.oversample, 0, 0, 0.0)[0, 0]
    x, y, z, _, wavelength = found.sources.rows[0]
    q = (place / np.linalg.norm(place) + np.array([x, y, z]) / np.linalg.norm([x, y, z])) / wavelength
    middle = np.clip(np.rint(found.crystal.axes @ q), -32000, 32000).astype(int)
    hkl = middle + rng.integers(-3, 4, size=(100, 3))
    return nb.Reflections(hkl, found.crystal.default_f * rng.uniform(-2.0, 2.0, len(hkl)))


# --- what is right, and how exactly ----------------------------------------------------------------------------------


def truth(found, precision="double"):
    """The image in long double and the bound on its errors (see the module)."""
    with oracle.extended():
        if found.detector.panels:
            image, bound = np.zeros((2, *found.detector.shape), np.longdouble)
            for number, panel in enumerate(found.detector.panels):
                there = number, slice(panel.pixels[0]), slice(panel.pixels[1])
                image[there], bound[there] = sums(found, scenes.alone(found, number), precision)
        else:
            image, bound = sums(found, scenes.describe(found), precision)
    # Images of several components are rounded one by one, and once more when they are added up.
    parts = len(found.components())
    return image, (bound + (FLOAT32 * image + LEAST) * (1 if parts == 1 else 1 + parts)).astype(float)


def sums(found, e, precision):
    """Sum over all terms for one panel, and over the bounds on their errors."""
    lever, oblique = levers(oracle.Detector(e), bool(found.detector.panels))
    image, bound = 0.0, 0.0
    for crystal, described in zip(found.crystals, (e["crystal"], *e["lattices"]), strict=True):
        of_one, rough = {**e, "crystal": described}, lever + roughness(found, crystal)
        value, error = 0.0, 0.0
        for step in oracle.steps_of(of_one):
            square = step.f_cell**2 * step.f_latt**2
            value = value + (step.seen * square).sum(axis=0)
            # A polarization that cancels is known to parts of 1.
            error = error + (step.bright * square).sum(axis=0) * 32.0 * U * oblique
            error = error + slack(crystal, step, rough, precision).sum(axis=0)
        photons = oracle.photons_of(of_one)
        image, bound = image + value * photons, bound + (error + value * FACTORS[precision]) * photons
    return image, bound


def levers(detector, listed=False):
    """1 + M/R for every pixel, and M over the distance of the detector's plane beside it."""
    place = detector.positions(1, 0, 0, 0.0)
    size = np.linalg.norm(detector.origin) + 2.0 * np.linalg.norm(place - detector.origin, axis=-1)
    size = size + (0.0 if listed else detector.distance)
    lever = 1.0 + (size / np.linalg.norm(place, axis=-1)).astype(float)
    return lever, lever + (size / detector.close_distance).astype(float)


def roughness(found, crystal):
    """What else indices lose: to the turns that a scan has made, and to the angles of a flat cell."""
    turns = math.radians(abs(found.scan.start) + abs(found.scan.width)) if found.scan else 0.0
    flat = 1.0 if crystal.cell is None else volume_fraction(crystal.cell)
    return (turns / 8.0 if turns > 10.0 else 0.0) + (4.0 / flat if flat < 0.1 else 0.0)


def slack(crystal, step, rough, precision):
    """What errors of the indices may make of each step."""
    axes = np.linalg.norm(step.lattices.astype(float), axis=-1)[:, None, None, :]  # (n, 1, 1, 3)
    delta = SHIFT[precision] + INDEX * U * axes / float(step.wavelength) * rough[..., None]  # (n, slow, fast, 3)
    at_a_tie = np.any(0.5 - np.abs(step.offsets) < delta, axis=-1)
    spots = SLACK[crystal.shape](crystal, step, delta, at_a_tie)
    known, most = np.abs(step.f_cell), strongest(crystal)
    if not crystal.interpolates:
        return step.seen * np.where(at_a_tie, most, known) ** 2 * spots
    # Weights of the 64 neighbours have a sum below 1.25^3 = 2, and slopes below 2.4 1.25^2 < 4.
    near = np.where(
        uneven(crystal, step.hkl, delta) | at_a_tie, 2.0 * most, known + most * (4.0 * delta.sum(-1) + 1e-14)
    )
    return step.seen * ((near**2 - known**2) * step.f_latt**2 + near**2 * spots)


def strongest(crystal):
    """Largest structure factor."""
    lists = () if crystal.reflections is None else getattr(crystal.reflections, "tables", (crystal.reflections,))
    return max(abs(crystal.default_f), *(float(np.abs(each.amplitude).max()) for each in lists), 0.0)


def uneven(crystal, hkl, delta):
    """Whether it is open if a point can be interpolated."""
    low, high = np.array(crystal.reflections.box).T
    sure, possible = (
        np.all((np.floor(hkl - times * delta) - 1 >= low) & (np.floor(hkl + times * delta) + 2 <= high), axis=-1)
        for times in (1, -1)
    )
    return sure != possible


def square_slack(crystal, step, delta, at_a_tie):
    """Each factor g^2 lies below E^2, E = min(N, 1/|sin pi dh|), and its slope below 4 pi N E^2."""
    cells = np.array(crystal.cells)
    with np.errstate(divide="ignore"):
        envelope = np.minimum(cells, 1.0 / np.abs(np.sin(np.pi * step.offsets)))
    errors = np.sum(4.0 * np.pi * cells * delta, axis=-1)
    # The next reflection begins at a tie, for a number of cells that is not whole with another value.
    return np.prod(envelope, axis=-1) ** 2 * np.where(at_a_tie, 1.0, np.minimum(errors, 1.0))


def flatness(crystal):
    """Volume of the cell over a b c."""
    rows = crystal.axes
    return abs(np.linalg.det(rows)) / math.prod(np.linalg.norm(rows, axis=1))


def squared_radius(crystal, step, delta):
    """What the other shapes depend on, fudge rho, and its largest error."""
    if crystal.shape.endswith("_star"):
        starred, count = oracle.inverse(step.lattices[0]).T, crystal.cell_count
        vector = count * (step.offsets @ starred)
        change = count * np.linalg.norm(delta, axis=-1) * float(np.linalg.norm(starred.astype(float)))
        # Of a flat cell, products of reciprocal axes cancel.
        change = change + 4.0 * U / flatness(crystal) ** 2 * np.linalg.norm(vector, axis=-1).astype(float)
    else:
        matrix = np.array(crystal.cells if crystal.tilted else np.diag(crystal.cells))
        vector = step.offsets @ matrix.T
        change = np.linalg.norm(delta @ np.abs(matrix).T, axis=-1)
    radius = np.linalg.norm(vector, axis=-1)
    return crystal.fudge * radius**2, crystal.fudge * (2.0 * radius + change) * change


def round_slack(crystal, step, delta, at_a_tie):
    """F = C V s(x), |s| below S = min(1, 3 (1 + x)/x^3), its slope below 2 S."""
    square, change = squared_radius(crystal, step, delta)
    x = np.pi * np.sqrt(square)
    moved = np.pi * change / (2.0 * np.sqrt(square) + np.sqrt(change) + 1e-300)
    near = np.maximum(x - moved, 1e-3)
    envelope = np.minimum(1.0, 3.0 * (1.0 + near) / near**3)
    peak = 0.723601254558268 * crystal.cell_count
    # Polynomials know sine and cosine to 1e-10 of 1, also where they cancel.
    return (peak * envelope) ** 2 * np.where(at_a_tie, 1.0, np.minimum(4.0 * moved + 1e-9, 1.0))


def gauss_slack(crystal, step, delta, at_a_tie):
    """F^2 = V^2 exp(-2 x), whose power is known to 5e-7 where it ends, at x = 200."""
    square, change = squared_radius(crystal, step, delta)
    exponent, moved = 2.0 * square / 0.63, 2.0 * change / 0.63
    nearest = np.maximum(exponent - moved, 0.0).astype(float)
    peak = crystal.cell_count**2
    some = np.minimum(np.expm1(np.minimum(2.0 * moved.astype(float), 1.0)) + 1e-6 * (nearest / 400.0) ** 2, 1.0)
    # From x = 200 on, F counts as 0.
    return peak * np.exp(-nearest) * np.where(at_a_tie | (nearest > 399.0), 1.0, some)


def tophat_slack(crystal, step, delta, at_a_tie):
    """All or nothing where the edge lies within the error."""
    square, change = squared_radius(crystal, step, delta)
    edge = np.abs(square - 0.3969) <= change + 1e-12
    return crystal.cell_count**2 * np.where(edge | (at_a_tie & (square < 0.4)), 1.0, 0.0)


def lorentz_slack(crystal, step, delta, at_a_tie):
    """F^2 = V^2/(1 + u)^2, whose slope falls with u: both at the nearest that u may be."""
    square, change = squared_radius(crystal, step, delta)
    u, moved = math.pi ** (4.0 / 3.0) * square, math.pi ** (4.0 / 3.0) * change
    nearest = 1.0 + np.maximum(u - moved, 0.0)
    return (crystal.cell_count / nearest) ** 2 * np.where(at_a_tie, 1.0, np.minimum(2.0 * moved / nearest, 1.0))


SLACK = {
    "square": square_slack, "round": round_slack, "gauss": gauss_slack, "gauss_star": gauss_slack,
    "tophat": tophat_slack, "tophat_star": tophat_slack, "lorentz": lorentz_slack,
}  # fmt: skip


# --- derivatives -----------------------------------------------------------------------------------------------------

#: Relative error of derivatives, of the largest that the envelope of fringes allows.
SLOPES = 2e-8
#: Fraction of a fringe that a central difference steps.
FRINGE = 1e-3


def smooth_experiment(rng):
    """An experiment that has derivatives, of whole numbers of cells."""
    while True:
        found = possible_experiment(rng)
        cells = np.rint(found.crystal.cells).tolist()
        found = found.replace(**{"beam.sources": None, "sampling.dmin": 0.0, "crystal.cells": tuple(cells)})
        found = found.replace(crystal=by_cell(found.crystal), scan=found.scan or nb.Scan(width=0.1))
        if found.crystal.default_f * found.beam.fluence > 0.0 and found.beam.polarized:
            return found


def slope(found, name):
    """The derivative by a parameter, by central differences of long doubles, and the bound on its errors."""
    e = scenes.describe(found)
    value, change = PLACES[name]
    with oracle.extended():
        step = steps(found)[name]
        places = [oracle.render(change(e, oracle.REAL(value(e)) + times * step)) for times in (-2, -1, 1, 2)]
        detector = oracle.Detector(e)
        lever = levers(detector)[0]
        whole = {**e, "beam": {**e["beam"], "polarized": False}}  # a factor that vanishes still has a derivative
        reach = sum(reached(found, term, lever).sum(axis=0) for term in oracle.steps_of(whole)) * oracle.photons_of(e)
    expected = (places[0] - 8.0 * places[1] + 8.0 * places[2] - places[3]) / (12.0 * step)
    return expected.astype(float), (reach * FRINGE / step).astype(float)


def reached(found, term, lever):
    """Slope of one step by the phase of its fringes at most, times the error it may have."""
    cells = np.array(found.crystal.cells)
    axes = np.linalg.norm(term.lattices.astype(float), axis=-1)[:, None, None, :]
    delta = INDEX * U * axes / float(term.wavelength) * lever[..., None]
    with np.errstate(divide="ignore"):
        envelope = np.minimum(cells, 1.0 / np.abs(np.sin(np.pi * term.offsets)))
    rough = SLOPES + np.sum(4.0 * np.pi * cells * delta, axis=-1)
    return 4.0 * np.pi * term.seen * term.f_cell**2 * np.prod(envelope, axis=-1) ** 2 * rough


def steps(found):
    """What moves the fringes by ``FRINGE`` at most."""
    longest = max(n * a for n, a in zip(found.crystal.cells, found.crystal.unit_cell[:3], strict=True))
    turn = FRINGE * found.beam.wavelength / (2.0 * longest)  # [rad]
    nearest = float(np.linalg.norm(oracle.Detector(scenes.describe(found)).positions(1, 0, 0, 0.0), axis=-1).min())
    return {
        "misset_y": math.degrees(turn), "phi_start": math.degrees(turn), "wavelength": found.beam.wavelength * turn,
        "cell_b": found.crystal.unit_cell[1] * turn * volume(found), "cells_b": FRINGE,
        "distance": nearest * turn, "polarization": FRINGE, "spot_scale": found.crystal.spot_scale * FRINGE,
    }  # fmt: skip


def volume(found):
    """Volume over a b c: the flatter a cell, the more its axes move."""
    return abs(np.linalg.det(found.crystal.axes)) / math.prod(found.crystal.unit_cell[:3])


def change_of(part, key, place=None):
    """How the oracle's description holds a number: its value, and a description with another one."""

    def value(e):
        return e[part][key] if place is None else e[part][key][place]

    def change(e, number):
        if place is not None:
            number = tuple(number if i == place else x for i, x in enumerate(e[part][key]))
        return {**e, part: {**e[part], key: number}}

    return value, change


PLACES = {
    "misset_y": change_of("crystal", "misset", 1), "phi_start": change_of("scan", "start"),
    "wavelength": change_of("beam", "wavelength"), "cell_b": change_of("crystal", "cell", 1),
    "cells_b": change_of("crystal", "cells", 1), "distance": change_of("detector", "distance"),
    "polarization": change_of("beam", "polarization"), "spot_scale": change_of("crystal", "spot_scale"),
}  # fmt: skip


# --- background ------------------------------------------------------------------------------------------------------


def hazy_experiment(rng):
    """An experiment with two substances in the beam."""
    f = rng.uniform(1.0, 9.0, 6).tolist()
    known = np.cumsum(np.exp(rng.uniform(np.log(1e-4), np.log(30.0), 6)))
    return possible_experiment(rng).replace(
        background=[
            nb.Background(
                thickness=between(rng, 1e-6, 1e3), table=tuple(zip(known.tolist(), f, strict=True)),
                density=between(rng, 1e-4, 20.0), molecular_weight=between(rng, 1.0, 1e3),
            ),
            nb.Background(thickness=between(rng, 1e-6, 1e3), f=2.57, density=1.0, molecular_weight=18.0),
        ]
    )  # fmt: skip


def haze(found):
    """The background in long double and the bound on its errors."""
    e = scenes.describe(found)
    flat = [(0.0, matter["f"])] if (matter := e["background"][1])["table"] is None else None
    e["background"] = [e["background"][0], {**matter, "table": flat}]
    with oracle.extended():
        image = oracle.background(e)
        oblique = levers(oracle.Detector(e))[1]
    return image, (image * (FLOAT32 + 1e-9 + 64.0 * U * oblique) + LEAST).astype(float)


# --- predictions -----------------------------------------------------------------------------------------------------


def turning_experiment(rng):
    """An experiment whose spindle brings some of at most 10^5 reflections onto the sphere."""
    found = possible_experiment(rng)
    wavelength = between(rng, 0.5, 100.0)
    cell = [min(max(wavelength * between(rng, 1.0, 9.0), 3.0), 3000.0) for _ in range(3)]
    turn = nb.Scan(start=float(rng.uniform(-360.0, 360.0)), width=between(rng, 0.1, 90.0))
    return found.replace(
        **{
            "crystal.orientation": None, "crystal.cell": (*cell, *rng.uniform(70.0, 110.0, 3).tolist()),
            "crystal.default_f": 1.0, "crystal.reflections": None, "crystal.cells": (1e5, 1e5, 1e5),
            "crystal.mosaic.spread": 0.0, "beam.sources": None, "beam.wavelength": wavelength, "scan": turn,
            "sampling.dmin": 0.0, "detector.pixels": (400, 400), "detector.beam_center": None,
        }
    )  # fmt: skip


def crossing(found):
    """Reflections that cross the sphere and hit the detector: hkl (n, 3), slow, fast [pixels], angle [degrees] (n,)."""
    e = scenes.describe(found)
    with oracle.extended():
        detector, axes, wavelength = (
            oracle.Detector(e),
            oracle.real_basis(e["crystal"]),
            oracle.REAL(found.beam.wavelength),
        )
        most = [int(2.0 * a / wavelength) + 1 for a in np.linalg.norm(axes, axis=1)]
        hkl = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in most), indexing="ij"), axis=-1).reshape(-1, 3)
        hkl = hkl[np.any(hkl != 0, axis=1)]
        q, axis, beam = hkl @ oracle.inverse(axes).T, oracle.unit((0, 0, 1)), detector.beam
        # i.q(phi) = still + a cos(phi) + b sin(phi) has to be -lambda q^2/2.
        still = (beam @ axis) * (q @ axis)
        a, b = q @ beam - still, q @ np.cross(beam, axis)
        with np.errstate(invalid="ignore", divide="ignore"):
            half = np.arccos((-wavelength * np.sum(q * q, axis=1) / 2 - still) / np.sqrt(a * a + b * b))
        rows = []
        for sign in (-1, 1):
            angle = np.arctan2(b, a) + sign * half
            start, width = (oracle.radians(x) for x in (found.scan.start, found.scan.width))
            angle = start + np.mod(angle - start, 2 * oracle.PI)
            which = np.flatnonzero(angle - start <= width)
            q_there = oracle.rotate_each(q[which], axis, angle[which])
            ray = beam / wavelength + q_there
            with np.errstate(divide="ignore", invalid="ignore"):
                point = ray * (detector.close_distance / (ray @ detector.normal))[:, None] - detector.origin
            slow, fast = point @ detector.slow / detector.pixel, point @ detector.fast / detector.pixel
            on = (ray @ detector.normal > 0) & (slow >= 0) & (slow < 400) & (fast >= 0) & (fast < 400)
            rows.append(np.column_stack([hkl[which], slow, fast, np.degrees(angle[which].astype(float))])[on])
    return np.concatenate(rows).astype(float)
