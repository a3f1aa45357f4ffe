"""The rotation of the crystal during one image."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbnumba.model.validate import choice, direction, number, whole

RULES = ("midpoint", "left")


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Rotation about the spindle.

    Attributes:
        start: angle [degrees] at the start of the image.
        width: range of the image [degrees].
        steps: number of orientations that stand for the range.
        axis: spindle, x, y, z; None: that of the detector's convention.
        rule: where in its part of the range each step lies, "midpoint" or "left" (nanoBragg's).
    """

    start: float = 0.0
    width: float = 0.0
    steps: int = 1
    axis: tuple[float, ...] | None = None
    rule: str = "midpoint"

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", number("scan.start", self.start, "degrees"))
        object.__setattr__(self, "width", number("scan.width", self.width, "degrees"))
        object.__setattr__(self, "steps", whole("scan.steps", self.steps, low=1, high=10**6))
        if self.axis is not None:
            object.__setattr__(self, "axis", direction("scan.axis", self.axis))
        choice("scan.rule", self.rule, RULES)

    def start_of(self, number: int) -> float:
        """Angle [degrees] at the start of image ``number`` of a series."""
        return self.start + number * self.width

    def angles(self) -> list[float]:
        """Angles [rad] of the steps."""
        shift = 0.5 if self.rule == "midpoint" else 0.0
        return [math.radians(self.start + (i + shift) * self.width / self.steps) for i in range(self.steps)]
