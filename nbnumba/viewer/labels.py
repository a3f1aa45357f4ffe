"""Room for labels beside spots, so that none covers another one or a spot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: Sides of a spot in the order in which they are tried: right and up, and so on.
_SIDES = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_APART = (3.0, 1.0)  # printer's points between labels, across and down


class Sizes(NamedTuple):
    """Sizes in printer's points."""

    mark: float  # width of a spot's circle
    font: float

    def width(self, text: str) -> float:
        """Of a label of figures, signs and spaces."""
        return 0.56 * self.font * len(text)

    def offset(self, side: tuple[int, int]) -> tuple[float, float]:
        """From a spot to the corner of its label that is next to it, across and up."""
        return 0.45 * side[0] * self.mark, 0.35 * side[1] * self.mark


class _Box(NamedTuple):
    """A rectangle, y down; its limits may be arrays."""

    left: float | np.ndarray
    right: float | np.ndarray
    top: float | np.ndarray
    bottom: float | np.ndarray

    def meets(self, other: _Box, across: float, down: float) -> np.ndarray:
        """Whether it comes nearer to another one than so much."""
        beside = (other.left < self.right + across) & (other.right > self.left - across)
        return np.asarray(beside & (other.top < self.bottom + down) & (other.bottom > self.top - down))

    def within(self, other: _Box) -> bool:
        """Whether all of it is inside another one."""
        inside = self.left >= other.left and self.right <= other.right
        return bool(inside and self.top >= other.top and self.bottom <= other.bottom)


def free_sides(
    x: np.ndarray, y: np.ndarray, texts: Sequence[str], sizes: Sizes, window: tuple[float, float, float, float]
) -> list[tuple[int, int] | None]:
    """On which side of each spot its label has room, the first ones first; None: on none.

    Args:
        x: places (n,) of spots from left to right, like all lengths in printer's points.
        y: places from top to bottom.
        texts: labels of the first spots; others have none.
        sizes: of circles and letters.
        window: left, right, top, bottom of what is shown.
    """
    chosen: list[tuple[int, int] | None] = []
    taken = np.empty((4, len(texts)))
    for i, text in enumerate(texts):
        found = None
        for side in _SIDES:
            box = _box(float(x[i]), float(y[i]), sizes.width(text), sizes, side)
            count = len(chosen) - chosen.count(None)
            on_spot = box.meets(_Box(x, x, y, y), 0.3 * sizes.mark, 0.3 * sizes.mark)
            on_spot[i] = False
            if (
                box.within(_Box(*window))
                and not on_spot.any()
                and not box.meets(_Box(*taken[:, :count]), *_APART).any()
            ):
                found, taken[:, count] = side, box
                break
        chosen.append(found)
    return chosen


def _box(x: float, y: float, width: float, sizes: Sizes, side: tuple[int, int]) -> _Box:
    right, up = sizes.offset(side)
    left = x + right if side[0] > 0 else x + right - width
    top = y - up - sizes.font if side[1] > 0 else y - up
    return _Box(left, left + width, top, top + sizes.font)
