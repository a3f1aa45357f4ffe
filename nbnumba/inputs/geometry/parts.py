"""What readers of geometry find, in the frame of NeXus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError

_SAME = 1e-6  # relative difference that files of single precision may have


class FoundPanel(NamedTuple):
    """A panel; lengths in mm."""

    pixels: tuple[int, ...]  # slow, fast
    pixel_size: tuple[float, ...]
    origin: tuple[float, ...]
    fast: tuple[float, ...]
    slow: tuple[float, ...]
    thickness: float  # of the sensor; 0: none
    mu: float  # [1/mm]
    mask: np.ndarray | None  # (slow, fast), true where a pixel is good; None: all


class Found(NamedTuple):
    """All that is found."""

    panels: list[FoundPanel]
    beam: dict[str, Any]  # fields of ``Beam``
    spindle: tuple[float, ...] | None


def alike(what: str, values: Sequence[float]) -> float:
    """The value that all have.

    Raises:
        NbnumbaError: they differ.
    """
    for value in values:
        if not math.isclose(value, values[0], rel_tol=_SAME):
            raise NbnumbaError(f"{what}: found {values[0]:g} and {value:g}; allowed: one for all")
    return values[0]


def triple(vector: Any) -> tuple[float, ...]:
    """A vector as plain numbers."""
    x, y, z = np.asarray(vector, dtype=float).tolist()
    return x, y, z
