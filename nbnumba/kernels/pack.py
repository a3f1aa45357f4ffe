"""From an experiment to the arguments of the loops."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from nbnumba.constants import R_E_SQUARED
from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import (
    Arguments,
    CurvedSheet,
    FlatSheet,
    Illumination,
    Orientations,
    Reach,
    Region,
    Sensor,
    Steps,
)
from nbnumba.model.cell import reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import NO_MASK
from nbnumba.model.mosaic import Mosaic, rotation_matrix
from nbnumba.model.sources import as_arrays
from nbnumba.model.spectral import SpectralReflections
from nbnumba.physics.elementary import EXP_END
from nbnumba.physics.lattice import SHAPES, TILTED, Lattice, argument, end
from nbnumba.physics.pixel import FlatPanel
from nbnumba.physics.polarization import fields
from nbnumba.physics.structure_factor import Nearest, Structure, Tricubic, Uniform
from nbnumba.physics.vector import Vector

WORTH_DROPPING = 4  # orientations from which on it pays to look first which points any of them can light
KINDS: dict[str, type] = {"double": float, "mixed": np.float32}  # of weights, amplitudes and sines
LEAST: dict[type, float] = {float: 1e-20, np.float32: 1e-13}  # the product of three is still a number


def pack(experiment: Experiment, precision: str = "double", *, merged: bool = True, weight: float = 1.0) -> Arguments:
    """Kernel arguments of an experiment of one lattice.

    Args:
        experiment: what to render.
        precision: "double" or "mixed", as ``simulate`` explains.
        merged: whether sources and orientations that repeat one another count as one, in any order.
        weight: factor on the image.

    Raises:
        NbnumbaError: a reflection table that does not fit into memory.
    """
    sampling, kind = experiment.sampling, KINDS[precision]
    if sampling.tolerance > 0.0:
        raise NbnumbaError(
            f"sampling.tolerance: found {sampling.tolerance:g} where numbers of steps are needed; take "
            "choose_sampling(experiment).experiment"
        )
    illumination = illumination_of(experiment, kind, merged)
    orientations = _orientations(experiment, merged)
    structure = _structure(experiment.crystal)
    averaged = len(orientations.cells) * len(orientations.turns) * experiment.oversample**2
    photons = R_E_SQUARED * experiment.fluence * experiment.crystal.spot_scale * weight
    lattice = _lattice(experiment.crystal, _faintest(experiment, structure, photons), kind)
    return Arguments(
        sheet=sheet_of(experiment),
        sensor=_sensor(experiment),
        illumination=illumination,
        orientations=orientations,
        lattice=lattice,
        structure=structure,
        steps=Steps(
            oversample=experiment.oversample,
            dmin=sampling.dmin,
            one_solid_angle=sampling.solid_angle == "pixel",
            one_polarization=sampling.polarization == "pixel",
        ),
        region=region_of(experiment),
        reach=_reach(lattice, orientations),
        scale=photons / averaged,
    )


def sheet_of(experiment: Experiment) -> FlatSheet | CurvedSheet:
    """The detector's panels without nesting."""
    panels, rows = experiment.panels, experiment.detector.pixels[0]
    p = panels[0]
    if isinstance(p, FlatPanel):
        vectors = np.array([[q.origin, q.fast, q.slow, q.normal] for q in panels])
        return FlatSheet(vectors, p.pixel_size, np.array([q.close_distance for q in panels]), p.point_pixels, rows)
    vectors = np.array([p.origin, p.fast, p.slow, p.normal, p.center, p.spot, p.e1, p.k1, p.e2, p.k2])
    return CurvedSheet(vectors, p.pixel_size, p.close_distance, p.point_pixels, rows, p.radius)


def _sensor(experiment: Experiment) -> Sensor:
    if experiment.sensor_mu == 0.0:
        return Sensor(1, 0.0, 0.0)
    return Sensor(experiment.layers, experiment.detector.sensor_thickness / experiment.layers, experiment.sensor_mu)


def illumination_of(experiment: Experiment, kind: type, merged: bool) -> Illumination:
    """The sources; ``kind``: precision of the weights, ``merged``: whether twins count as one."""
    incident, weight, wavelength = as_arrays(experiment.sources)
    if merged:
        incident, weight, wavelength = _without_twins(incident, weight, wavelength)
    field = [fields(Vector(*row), experiment.electric_axis) for row in incident.tolist()]
    return Illumination(
        incident=incident,
        electric=np.array([f.electric for f in field]),
        magnetic=np.array([f.magnetic for f in field]),
        wavelength=wavelength,
        weight=(weight / weight.sum()).astype(kind),
        kahn=experiment.beam.kahn,
        polarized=experiment.beam.polarized,
    )


def _without_twins(
    incident: np.ndarray, weight: np.ndarray, wavelength: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources that differ in direction or wavelength, in order of appearance; twins add their weights."""
    if len(weight) == 1:
        return incident, weight, wavelength
    rows = np.column_stack([incident, wavelength])
    _, first, of = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.sort(first)
    summed = np.bincount(first[of.ravel()], weights=weight, minlength=len(weight))[order]
    return incident[order], summed, wavelength[order]


def _orientations(experiment: Experiment, merged: bool) -> Orientations:
    crystal, mosaic = experiment.crystal, experiment.crystal.mosaic
    steps = [rotation_matrix(experiment.spindle, angle) for angle in experiment.angles]
    if mosaic.in_crystal:
        axes, turns = crystal.domain_axes(), np.array(steps)
        return _read_only(_middle_first(axes), _merged(turns), True) if merged else _read_only(axes, turns, True)
    cells = np.array([crystal.axes @ step.T for step in steps])
    if merged:
        return _read_only(_merged(cells), _domains(mosaic), False)
    return _read_only(cells, mosaic.rotations(), False)


def _read_only(cells: np.ndarray, turns: np.ndarray, scan_last: bool) -> Orientations:
    """Orientations whose turns are read-only, wherever they come from: one type, compiled once."""
    turns = turns.view()
    turns.flags.writeable = False
    return Orientations(cells, turns, scan_last)


@lru_cache(maxsize=8)
def _domains(mosaic: Mosaic) -> np.ndarray:
    turns = _merged(mosaic.rotations())
    return turns if np.array_equal(turns[0], np.eye(3)) else _middle_first(turns)


def _middle_first(matrices: np.ndarray) -> np.ndarray:
    """The matrices in another order, the first one near the mean: points out of reach are told by the first."""
    middle = int(np.linalg.norm(matrices - matrices.mean(axis=0), axis=(1, 2)).argmin())
    return matrices[[middle, *range(middle), *range(middle + 1, len(matrices))]]


def _merged(matrices: np.ndarray) -> np.ndarray:
    """The matrices without repetitions, where all are repeated equally often, so that the average stays."""
    if len(matrices) == 1:
        return matrices
    different, first, counts = np.unique(matrices, axis=0, return_index=True, return_counts=True)
    return matrices[np.sort(first)] if len(different) < len(matrices) and np.ptp(counts) == 0 else matrices


def _reach(lattice: Lattice, orientations: Orientations) -> Reach:
    """Limits of the offsets dh, dk, dl: the box around the ellipsoid in which F_latt is not 0.

    Whatever has an end is a quadratic form of the offsets up to there; its values on the axes and between them give the
    matrix.
    """
    cells, turns, _ = orientations
    if math.isinf(end(lattice)) or len(cells) * len(turns) < WORTH_DROPPING:
        return Reach(False, *[math.inf] * 6)
    unit = np.eye(3)
    on_axis = [argument(lattice, *e) for e in unit.tolist()]
    form = [
        [(argument(lattice, *(unit[i] + unit[j])) - on_axis[i] - on_axis[j]) / 2.0 for i in range(3)] for j in range(3)
    ]
    if not np.linalg.cond(form) < 1e12:
        return Reach(False, *[math.inf] * 6)
    widths = np.sqrt(end(lattice) * np.diag(np.linalg.inv(form)))
    turned = np.linalg.norm(turns - turns[0], axis=(1, 2)).max() / math.sqrt(2.0)  # of a unit vector, at most
    drift = turned * np.linalg.norm(cells[0], axis=1) + np.linalg.norm(cells - cells[0], axis=2).max(axis=0)
    # A little more, so that rounding never drops a point.
    return Reach(True, *(1e-6 + 1.000001 * widths).tolist(), *(1e-6 + 1.000001 * drift).tolist())


def _faintest(experiment: Experiment, structure: Structure, photons: float) -> float:
    """F_latt^2 so small that no pixel of such steps reaches the smallest float32; ``photons`` for a mean step of 1.

    A millionth of that: sums of what is left out do not round another number up either.
    """

    # The plane of a pixel is not farther from the sample than the pixel itself.
    detector, nearest = experiment.detector, experiment.nearest
    widest = 1e6 / nearest**2 if detector.point_pixels else detector.pixel_size**2 / nearest**2
    values = np.atleast_1d(structure.value if isinstance(structure, Uniform) else structure.values)
    strongest = min(max(float(values.max()), -float(values.min())), 1e150)  # whose square is a number
    largest = photons * widest * strongest**2 * experiment.layers
    return max(1e-6 * float(np.finfo(np.float32).smallest_subnormal) / max(largest, 1e-300), 1e-300)


def _lattice(crystal: Crystal, faintest: float, kind: type) -> Lattice:
    """The shape's tuple, its fields looked up by name; ``faintest``: F_latt^2 that counts as 0."""
    known = {**_numbers_of_cells(crystal), "fudge": crystal.fudge}
    starred = reciprocal(crystal.axes)
    known |= _elements("aa bb cc bc ca ab", np.array([[u @ v for v in starred] for u in starred]))
    peak = math.log(crystal.cell_count)
    known["least"] = kind(LEAST[kind])
    known["end"] = min(max(peak - 0.5 * math.log(faintest), 1.0), EXP_END)
    shape: Any = (TILTED if crystal.tilted else SHAPES)[crystal.shape].lattice
    return shape(**{name: known[name] for name in shape._fields if name in known})


def _numbers_of_cells(crystal: Crystal) -> dict[str, float]:
    """na, nb, nc; of a matrix, the edge of as many cells in a cube, and the elements that are left."""
    if not crystal.tilted:
        return dict(zip(("na", "nb", "nc"), crystal.cells, strict=True))
    edge = crystal.cell_count ** (1.0 / 3.0)
    matrix = np.array(crystal.cells) / edge
    return {"na": edge, "nb": edge, "nc": edge, **_elements("maa mbb mcc mbc mca mab", matrix)}


def _elements(names: str, matrix: np.ndarray) -> dict[str, float]:
    """Elements of a symmetric matrix by name: the diagonal, then bc, ca, ab."""
    places = ((0, 0), (1, 1), (2, 2), (1, 2), (2, 0), (0, 1))
    return {name: float(matrix[place]) for name, place in zip(names.split(), places, strict=True)}


def _structure(crystal: Crystal) -> Structure:
    if crystal.reflections is None:
        return Uniform(float(crystal.default_f))
    if isinstance(crystal.reflections, SpectralReflections):
        raise NbnumbaError(
            f"crystal.reflections: found a list for each of {len(crystal.reflections.tables)} wavelengths, which "
            "images and nb.jacobian alone take, as they add up an image for each; allowed here: one list"
        )
    dense, low = crystal.reflections.dense(crystal.default_f)
    nearest = Nearest(dense.ravel(), *map(float, low), *map(float, dense.shape))
    return Tricubic(*nearest, smooth=crystal.interpolate == "catmull-rom") if crystal.interpolates else nearest


def region_of(experiment: Experiment) -> Region:
    """Pixels to render."""
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    mask = NO_MASK if experiment.mask is None else experiment.mask
    return Region(slow_start, slow_stop, fast_start, fast_stop, mask)
