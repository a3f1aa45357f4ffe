"""The rotation of the crystal during one image."""

from __future__ import annotations

from dataclasses import dataclass

from nbnumba.model.angles import turn
from nbnumba.model.validate import choice, direction, number, whole

RULES = ("midpoint", "left")
_MOST = 1e9  # degrees, of which a double knows 10^-7 degrees


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
        object.__setattr__(self, "start", number("scan.start", self.start, "degrees", low=-_MOST, high=_MOST))
        object.__setattr__(self, "width", number("scan.width", self.width, "degrees", low=-_MOST, high=_MOST))
        object.__setattr__(self, "steps", whole("scan.steps", self.steps, low=1, high=10**6))
        if self.axis is not None:
            object.__setattr__(self, "axis", direction("scan.axis", self.axis))
        choice("scan.rule", self.rule, RULES)

    def start_of(self, number: int) -> float:
        """Angle [degrees] at the start of image ``number`` of a series."""
        return self.start + number * self.width

    def degrees(self) -> list[float]:
        """Angles [degrees] of the steps."""
        shift = 0.5 if self.rule == "midpoint" else 0.0
        return [self.start + (i + shift) * self.width / self.steps for i in range(self.steps)]

    def angles(self) -> list[float]:
        """Angles [rad] of the steps, less whole turns."""
        return [turn(degrees) for degrees in self.degrees()]
