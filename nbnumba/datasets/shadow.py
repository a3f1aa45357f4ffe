"""The shadow of a beamstop: a disc about the direct beam, with an arm."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nbnumba.datasets.distributions import Drawing, drawing, is_spelled, spelled_out
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment
from nbnumba.model.validate import number, refuse, unknown_key

#: Bit of pixels behind a beamstop in the masks of NXmx.
SHADOWED = 1 << 8


@dataclass(frozen=True)
class Shadow:
    """What a beamstop hides; each value a number or drawn anew in each image.

    Attributes:
        radius: of the disc [mm], on the detector.
        arm: width of the arm [mm]; 0: none.
        angle: direction of the arm [degrees], from fast towards slow.
        offset_fast, offset_slow: centre of the disc [mm] from where the direct beam meets the detector.
    """

    radius: float | Drawing
    arm: float | Drawing = 0.0
    angle: float | Drawing = 0.0
    offset_fast: float | Drawing = 0.0
    offset_slow: float | Drawing = 0.0

    def drawings(self) -> dict[str, Drawing]:
        """Those that are drawn, by name."""
        return {name: value for name, value in self.values().items() if isinstance(value, Drawing)}

    def values(self) -> dict[str, float | Drawing]:
        """All of them, by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def table(self) -> dict[str, Any]:
        """As in TOML."""
        return {name: v.table() if isinstance(v, Drawing) else v for name, v in self.values().items()}


def shadow_of(value: Any) -> Shadow:
    """A shadow from the table [shadow] of a recipe."""
    known = [item.name for item in fields(Shadow)]
    if not isinstance(value, dict):
        raise refuse("shadow", value, f"a table with {', '.join(known)}")
    found: dict[str, float | Drawing] = {}
    for key, given in value.items():
        where = f"shadow.{key}"
        if key not in known:
            raise unknown_key("shadow", key, known)
        found[key] = drawing(where, spelled_out(where, given)) if is_spelled(given) else number(where, given)
    if "radius" not in found:
        raise NbnumbaError("shadow.radius: found nothing; give the radius of the disc [mm]")
    return Shadow(**found)


def check_shadow(experiment: Experiment, shadow: dict[str, float]) -> None:
    """Refuse values that no shadow has, and a detector that the beam misses."""
    for name in ("radius", "arm"):
        number(f"shadow.{name}", shadow[name], "mm", low=0.0)
    if not all(map(math.isfinite, experiment.geometry.beam_center)):
        raise NbnumbaError("shadow: the beam misses the detector, so that there is no place for it; leave it out")


def hidden(experiment: Experiment, shadow: dict[str, float]) -> np.ndarray:
    """Pixels (slow, fast) whose centre lies in a shadow of the given values, as ``check_shadow`` lets them be."""
    fast, slow = experiment.geometry.beam_center
    size, shape = experiment.detector.pixel_size, experiment.detector.shape
    x = (np.arange(shape[1], dtype=np.float32) + 0.5) * size - (fast + shadow["offset_fast"])
    y = ((np.arange(shape[0], dtype=np.float32) + 0.5) * size - (slow + shadow["offset_slow"]))[:, np.newaxis]
    found = x * x + y * y <= shadow["radius"] ** 2
    if shadow["arm"] > 0.0:
        angle = math.radians(shadow["angle"])
        along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        found |= (along > 0.0) & (abs(across) <= 0.5 * shadow["arm"])
    return np.asarray(found)
