"""Positions and directions in the frame of NeXus: z along the beam, y up, x to the left as the source sees it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.physics.vector import cross, dot, unit


class Panel(NamedTuple):
    """A flat detector in the frame of NeXus; lengths in mm."""

    distance: float  # along the beam
    corner: np.ndarray  # (3,) outer corner of the first pixel, less the distance
    fast: np.ndarray  # (3,)
    slow: np.ndarray  # (3,)
    beam_center: tuple[float, float] | None  # fast, slow [pixels]; None where the beam misses the plane


def frame(experiment: Experiment) -> np.ndarray:
    """Matrix (3, 3) from the laboratory to the frame of NeXus (McStas), in which the electric field is horizontal."""
    z = experiment.beam_direction
    y = unit(cross(experiment.polarization_axis, z))
    return np.array([cross(y, z), y, z])


def panel(experiment: Experiment) -> Panel:
    """The detector; a curved one as the flat panel that it is bent from."""
    turn, place = frame(experiment), experiment.geometry
    facing = dot(experiment.beam_direction, place.normal)
    hit = math.isfinite(place.beam_center[0])
    distance = place.close_distance / facing if hit else place.distance
    size = experiment.detector.pixel_size
    return Panel(
        distance=distance,
        corner=turn @ place.origin - [0.0, 0.0, distance],
        fast=turn @ place.fast,
        slow=turn @ place.slow,
        beam_center=(place.beam_center[0] / size, place.beam_center[1] / size) if hit else None,
    )


def spindle(experiment: Experiment) -> np.ndarray:
    """Unit vector (3,) of the rotation axis."""
    return frame(experiment) @ experiment.spindle
