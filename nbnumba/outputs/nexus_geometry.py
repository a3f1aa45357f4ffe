"""Positions and directions in the frame of NeXus: z along the beam, y up, x to the left as the source sees it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.model.panel import Geometry
from nbnumba.physics.vector import cross, dot, unit


class Module(NamedTuple):
    """A panel in the frame of NeXus; lengths in mm."""

    corner: np.ndarray  # (3,) outer corner of the first pixel
    fast: np.ndarray  # (3,)
    slow: np.ndarray  # (3,)
    distance: float  # along the beam; NaN where the beam misses the plane of a listed panel
    beam_center: tuple[float, float] | None  # fast, slow [pixels]; None where the beam misses the plane


class Turn(NamedTuple):
    """The rotation of one image, by a positive angle."""

    axis: np.ndarray  # (3,)
    start: float  # [degrees]
    width: float  # [degrees]


def frame(experiment: Experiment) -> np.ndarray:
    """Matrix (3, 3) from the laboratory to the frame of NeXus (McStas), in which the electric field is horizontal."""
    z = experiment.beam_direction
    y = unit(cross(experiment.polarization_axis, z))
    return np.array([cross(y, z), y, z])


def modules(experiment: Experiment) -> list[Module]:
    """The panels; a curved one as the flat panel that it is bent from."""
    into, size = frame(experiment), experiment.detector.pixel_size
    return [_module(into, size, place, dot(experiment.beam_direction, place.normal)) for place in experiment.geometries]


def _module(into: np.ndarray, size: float, place: Geometry, facing: float) -> Module:
    hit = math.isfinite(place.beam_center[0])
    return Module(
        corner=into @ place.origin,
        fast=into @ place.fast,
        slow=into @ place.slow,
        distance=place.close_distance / facing if hit else place.distance,
        beam_center=(place.beam_center[0] / size, place.beam_center[1] / size) if hit else None,
    )


def turn(experiment: Experiment, number: int) -> Turn | None:
    """The rotation of image ``number`` of a series; None: a still.

    A negative width, which not all programs take, is told as a positive one about the opposite axis.
    """
    scan = experiment.turning
    if scan is None:
        return None
    sign = math.copysign(1.0, scan.width)
    return Turn(sign * (frame(experiment) @ experiment.spindle), sign * scan.start_of(number), abs(scan.width))
