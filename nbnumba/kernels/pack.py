"""From an experiment to the arguments of the loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbnumba.constants import R_E_SQUARED
from nbnumba.kernels.arguments import (
    Arguments,
    CurvedSheet,
    FlatSheet,
    Illumination,
    Orientations,
    Region,
    Sensor,
    Steps,
)
from nbnumba.model.cell import reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import NO_MASK
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.sources import as_arrays
from nbnumba.physics.lattice import SHAPES, Lattice
from nbnumba.physics.polarization import fields
from nbnumba.physics.structure_factor import Nearest, Structure, Tricubic, Uniform
from nbnumba.physics.vector import Vector, cross, scaled


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
    center = scaled(experiment.beam_direction, g.distance)
    vectors += [center, Vector(0.0, 0.0, 0.0) if detector.curvature == "nanobragg" else center]
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
    """The shape's tuple, its fields looked up by name."""
    known = dict(zip(("na", "nb", "nc"), crystal.cells, strict=True), fudge=crystal.fudge)
    starred = reciprocal(crystal.axes)
    for name, (i, j) in {"aa": (0, 0), "bb": (1, 1), "cc": (2, 2), "bc": (1, 2), "ca": (2, 0), "ab": (0, 1)}.items():
        known[name] = float(starred[i] @ starred[j])
    kind: Any = SHAPES[crystal.shape]
    return kind(*(known[name] for name in kind._fields))


def _structure(crystal: Crystal) -> Structure:
    if crystal.reflections is None:
        return Uniform(crystal.default_f)
    dense, low = crystal.reflections.dense(crystal.default_f)
    kind = Tricubic if crystal.interpolates else Nearest
    return kind(dense.ravel(), *map(float, low), *map(float, dense.shape))


def _region(experiment: Experiment) -> Region:
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    mask = experiment.detector.mask
    pixels = NO_MASK if mask is None else mask.pixels
    return Region(slow_start, slow_stop, fast_start, fast_stop, pixels)
