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


def frame(experiment: Experiment) -> np.ndarray:
    """Matrix (3, 3) from the laboratory to the frame of NeXus (McStas), in which the electric field is horizontal."""
    z = experiment.beam_direction
    y = unit(cross(experiment.polarization_axis, z))
    return np.array([cross(y, z), y, z])


def modules(experiment: Experiment) -> list[Module]:
    """The panels; a curved one as the flat panel that it is bent from."""
    turn, size = frame(experiment), experiment.detector.pixel_size
    return [_module(turn, size, place, dot(experiment.beam_direction, place.normal)) for place in experiment.geometries]


def _module(turn: np.ndarray, size: float, place: Geometry, facing: float) -> Module:
    hit = math.isfinite(place.beam_center[0])
    return Module(
        corner=turn @ place.origin,
        fast=turn @ place.fast,
        slow=turn @ place.slow,
        distance=place.close_distance / facing if hit else place.distance,
        beam_center=(place.beam_center[0] / size, place.beam_center[1] / size) if hit else None,
    )


def spindle(experiment: Experiment) -> np.ndarray:
    """Unit vector (3,) of the rotation axis."""
    return frame(experiment) @ experiment.spindle
