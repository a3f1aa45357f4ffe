"""Positions and directions in the frame of imgCIF and DIALS: z from the sample to the source, y up where NeXus has it.

The frame is that of NeXus turned by half a turn about y, so that x is to the right as the source sees it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nbnumba.inputs.geometry.parts import TO_NEXUS
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.nexus_geometry import Module, Turn, frame, modules
from nbnumba.outputs.nexus_geometry import turn as nexus_turn

_FROM_NEXUS = TO_NEXUS.T


def places(experiment: Experiment) -> list[Module]:
    """The panels; a curved one as the flat panel that it is bent from."""
    return [
        place._replace(**{name: _FROM_NEXUS @ getattr(place, name) for name in ("corner", "fast", "slow")})
        for place in modules(experiment)
    ]


def turn(experiment: Experiment, number: int) -> Turn | None:
    """The rotation of image ``number`` of a series, by a positive angle; None: a still."""
    found = nexus_turn(experiment, number)
    return None if found is None else found._replace(axis=_FROM_NEXUS @ found.axis)


def turned(experiment: Experiment, vector: Any) -> np.ndarray:
    """A vector (3,) of the experiment's own frame."""
    return np.asarray(_FROM_NEXUS @ frame(experiment) @ np.array(vector))


def polarization_normal(experiment: Experiment) -> float:
    """Angle [degrees] from y towards x of the direction across beam and electric field."""
    x, y, _ = turned(experiment, experiment.electric_axis)
    return math.degrees(math.atan2(-y, x)) + 0.0
