"""An experiment as the loops take it: flat arrays, tuples of scalars, nothing that needs explaining at run time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba._jit import by_type, scalar
from nbnumba.constants import R_E_SQUARED
from nbnumba.model.cell import reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import Mask
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.sources import as_arrays
from nbnumba.physics.lattice import Gauss, GaussStar, Lattice, Round, Square, Tophat, TophatStar
from nbnumba.physics.pixel import CurvedPanel, FlatPanel
from nbnumba.physics.polarization import fields
from nbnumba.physics.rotation import Matrix
from nbnumba.physics.structure_factor import Nearest, Structure, Tricubic, Uniform
from nbnumba.physics.vector import Vector, cross, scaled


class FlatSheet(NamedTuple):
    """A ``FlatPanel`` without nesting, which Numba's parallel loops cannot take."""

    vectors: np.ndarray  # (4, 3) rows origin [mm], fast, slow, normal
    pixel_size: float  # [mm]
    close_distance: float  # [mm]
    point_pixels: bool


class CurvedSheet(NamedTuple):
    """A ``CurvedPanel`` without nesting."""

    vectors: np.ndarray  # (9, 3) rows origin [mm], fast, slow, normal, center [mm], e1, k1, e2, k2
    pixel_size: float  # [mm]
    close_distance: float  # [mm]
    point_pixels: bool
    radius: float  # [mm]


@scalar
def row_vector(rows: np.ndarray, i: int) -> Vector:
    """Row of an (n, 3) array."""
    return Vector(rows[i, 0], rows[i, 1], rows[i, 2])


@scalar
def matrix(stack: np.ndarray, i: int) -> Matrix:
    """Matrix of an (n, 3, 3) array."""
    return Matrix(row_vector(stack[i], 0), row_vector(stack[i], 1), row_vector(stack[i], 2))


@scalar
def flat_panel(sheet: FlatSheet) -> FlatPanel:
    """Panel as the physics takes it."""
    v = sheet.vectors
    return FlatPanel(
        row_vector(v, 0), row_vector(v, 1), row_vector(v, 2), row_vector(v, 3),
        sheet.pixel_size, sheet.close_distance, sheet.point_pixels,
    )  # fmt: skip


@scalar
def curved_panel(sheet: CurvedSheet) -> CurvedPanel:
    """Panel as the physics takes it."""
    v = sheet.vectors
    return CurvedPanel(
        row_vector(v, 0), row_vector(v, 1), row_vector(v, 2), row_vector(v, 3),
        sheet.pixel_size, sheet.close_distance, sheet.point_pixels, row_vector(v, 4), sheet.radius,
        row_vector(v, 5), row_vector(v, 6), row_vector(v, 7), row_vector(v, 8),
    )  # fmt: skip


@by_type({FlatSheet: flat_panel, CurvedSheet: curved_panel})
def panel_of(sheet: FlatSheet | CurvedSheet) -> FlatPanel | CurvedPanel:
    """Panel as the physics takes it."""
    raise NotImplementedError


class Illumination(NamedTuple):
    """The sources, one row each."""

    incident: np.ndarray  # (n, 3) unit vectors along the beam
    electric: np.ndarray  # (n, 3)
    magnetic: np.ndarray  # (n, 3)
    wavelength: np.ndarray  # (n,) [A]
    weight: np.ndarray  # (n,)
    kahn: float
    polarized: bool


class Orientations(NamedTuple):
    """Cell axes at each step of the scan, and the rotations of the mosaic domains that act on them."""

    cells: np.ndarray  # (phi steps, 3, 3), rows a, b, c [A]
    domains: np.ndarray  # (domains, 3, 3)


class Sensor(NamedTuple):
    """Layers of the sensor; ``mu`` 0: every photon is caught."""

    layers: int
    thickness: float  # of one layer [mm]
    mu: float  # [1/mm]


class Steps(NamedTuple):
    """Sub-pixels and what is computed only once for all of them."""

    oversample: int
    dmin: float  # [A], 0: none
    one_solid_angle: bool
    one_polarization: bool


class Region(NamedTuple):
    """Pixels to render."""

    slow_start: int
    slow_stop: int
    fast_start: int
    fast_stop: int
    mask: np.ndarray  # (slow, fast) bool, or no element: all


class Arguments(NamedTuple):
    """Everything that a loop over pixels needs."""

    sheet: FlatSheet | CurvedSheet
    sensor: Sensor
    illumination: Illumination
    orientations: Orientations
    lattice: Lattice
    structure: Structure
    steps: Steps
    region: Region
    scale: float  # photons for a sum over steps of 1


def pack(experiment: Experiment) -> Arguments:
    """Kernel arguments of an experiment.

    Raises:
        NbnumbaError: a reflection table that does not fit into memory.
    """
    sampling = experiment.sampling
    illumination = _illumination(experiment)
    orientations = _orientations(experiment)
    averaged = len(orientations.cells) * len(orientations.domains) * experiment.oversample**2
    photons = R_E_SQUARED * experiment.beam.photons_per_area * experiment.crystal.spot_scale
    return Arguments(
        sheet=_sheet(experiment),
        sensor=_sensor(experiment),
        illumination=illumination,
        orientations=orientations,
        lattice=_lattice(experiment.crystal),
        structure=_structure(experiment.crystal),
        steps=Steps(
            oversample=experiment.oversample,
            dmin=sampling.dmin,
            one_solid_angle=sampling.solid_angle == "pixel",
            one_polarization=sampling.polarization == "pixel",
        ),
        region=_region(experiment),
        scale=photons / (averaged * float(illumination.weight.sum())),
    )


def _sheet(experiment: Experiment) -> FlatSheet | CurvedSheet:
    detector, g = experiment.detector, experiment.geometry
    vectors = [g.origin, g.fast, g.slow, g.normal]
    common = (detector.pixel_size, g.close_distance, detector.point_pixels)
    if detector.curvature == "flat":
        return FlatSheet(np.array(vectors), *common)
    vectors.append(scaled(experiment.beam_direction, g.distance))
    if detector.curvature == "nanobragg":
        vectors += [Vector(0.0, 1.0, 0.0), g.slow, Vector(0.0, 0.0, 1.0), g.fast]
    else:
        # Turning about normal x e moves the spot along e, for right- and left-handed detector axes alike.
        vectors += [g.fast, cross(g.normal, g.fast), g.slow, cross(g.normal, g.slow)]
    return CurvedSheet(np.array(vectors), *common, g.distance)


def _sensor(experiment: Experiment) -> Sensor:
    detector, layers = experiment.detector, experiment.layers
    if detector.sensor_thickness * detector.sensor_mu == 0.0:
        return Sensor(1, 0.0, 0.0)
    return Sensor(layers, detector.sensor_thickness / layers, detector.sensor_mu)


def _illumination(experiment: Experiment) -> Illumination:
    incident, weight, wavelength = as_arrays(experiment.sources)
    field = [fields(Vector(*row), experiment.polarization_axis) for row in incident.tolist()]
    return Illumination(
        incident=incident,
        electric=np.array([f.electric for f in field]),
        magnetic=np.array([f.magnetic for f in field]),
        wavelength=wavelength,
        weight=weight,
        kahn=experiment.beam.polarization,
        polarized=experiment.beam.polarized,
    )


def _orientations(experiment: Experiment) -> Orientations:
    axes = experiment.crystal.axes
    cells = [axes @ rotation_matrix(experiment.spindle, angle).T for angle in experiment.angles]
    return Orientations(np.array(cells), experiment.crystal.mosaic.rotations())


def _lattice(crystal: Crystal) -> Lattice:
    na, nb, nc = crystal.cells
    if crystal.shape == "square":
        return Square(na, nb, nc)
    if crystal.shape == "round":
        return Round(na, nb, nc, crystal.fudge)
    if crystal.shape == "gauss":
        return Gauss(na, nb, nc, crystal.fudge)
    if crystal.shape == "tophat":
        return Tophat(na, nb, nc, crystal.fudge)
    a, b, c = reciprocal(crystal.axes)
    products = [float(u @ v) for u, v in ((a, a), (b, b), (c, c), (b, c), (c, a), (a, b))]
    star = GaussStar if crystal.shape == "gauss_star" else TophatStar
    return star(na, nb, nc, crystal.fudge, *products)


def _structure(crystal: Crystal) -> Structure:
    if crystal.reflections is None:
        return Uniform(crystal.default_f)
    dense, low = crystal.reflections.dense(crystal.default_f)
    kind = Tricubic if crystal.interpolates else Nearest
    return kind(dense.ravel(), *map(float, low), *map(float, dense.shape))


def _region(experiment: Experiment) -> Region:
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    mask = experiment.detector.mask
    pixels = Mask(np.ones((1, 1))).pixels[:0] if mask is None else mask.pixels  # of one type for the compiler
    return Region(slow_start, slow_stop, fast_start, fast_stop, pixels)
