"""Positions and directions in the frame of imgCIF and DIALS: z from the sample to the source, y up where NeXus has it.

The frame is that of NeXus turned by half a turn about y, so that x is to the right as the source sees it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.outputs.nexus_geometry import Module, frame, modules

_HALF_TURN = np.diag([-1.0, 1.0, -1.0])


class Turn(NamedTuple):
    """The rotation of one image, by a positive angle."""

    axis: np.ndarray  # (3,)
    start: float  # [degrees]
    width: float  # [degrees]


def places(experiment: Experiment) -> list[Module]:
    """The panels; a curved one as the flat panel that it is bent from."""
    return [
        place._replace(**{name: _HALF_TURN @ getattr(place, name) for name in ("corner", "fast", "slow")})
        for place in modules(experiment)
    ]


def turn(experiment: Experiment, number: int) -> Turn | None:
    """The rotation of image ``number`` of a series; None: a still.

    A negative width is told as a positive one about the opposite axis.
    """
    scan = experiment.scan
    if scan is None or scan.width == 0.0:
        return None
    sign = math.copysign(1.0, scan.width)
    axis = sign * (_HALF_TURN @ frame(experiment) @ experiment.spindle)
    return Turn(axis, sign * (scan.start + number * scan.width), abs(scan.width))


def polarization_normal(experiment: Experiment) -> float:
    """Angle [degrees] from y towards x of the direction across beam and electric field."""
    x, y, _ = _HALF_TURN @ frame(experiment) @ experiment.electric_axis
    return math.degrees(math.atan2(-y, x)) + 0.0
