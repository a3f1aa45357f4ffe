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
    material: str | None = None  # of the sensor, where that is told instead of ``mu``


class Found(NamedTuple):
    """All that is found."""

    panels: list[FoundPanel]
    beam: dict[str, Any]  # fields of ``Beam``, those that the file tells
    spindle: tuple[float, ...] | None
    oscillation: tuple[float, float] | None = None  # start and width of the first image [degrees]


#: From the frame of DIALS and imgCIF, where the beam runs against z, to that of NeXus.
TO_NEXUS = np.diag([-1.0, 1.0, -1.0])
#: Beam, and the axis that crystals turn about, in the frame of NeXus, where a file tells neither.
BEAM: dict[str, Any] = {"direction": (0.0, 0.0, 1.0), "polarization_axis": (-1.0, 0.0, 0.0)}
SPINDLE = (-1.0, 0.0, 0.0)  # to the right as the source sees it


def alike(what: str, values: Sequence[float]) -> float:
    """The value that all have.

    Raises:
        NbnumbaError: they differ.
    """
    for value in values:
        if not math.isclose(value, values[0], rel_tol=_SAME):
            raise NbnumbaError(f"{what}: found {values[0]:g} and {value:g}; allowed: one for all")
    return values[0]


def facing(
    pixels: tuple[int, ...],
    pixel: float,
    distance: float,
    center: tuple[float, float],
    sensor: tuple[str | None, float] = (None, 0.0),
    mask: np.ndarray | None = None,
) -> FoundPanel:
    """A panel square to the beam, rows running to the right as the source sees it, from top to bottom.

    Args:
        pixels: slow, fast.
        pixel: edge of one [mm].
        distance: [mm].
        center: of the beam, along fast and slow [mm] from the outer corner of the first pixel.
        sensor: material and thickness [mm].
        mask: (slow, fast), true where a pixel is good.

    Raises:
        NbnumbaError: a detector that is not behind the sample, or pixels of no size.
    """
    for name, value in (("distance", distance), ("pixel size", pixel)):
        if not 0.0 < value < math.inf:
            raise NbnumbaError(f"{name}: found {value:g} mm; allowed: above 0")
    fast, slow = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0)
    return FoundPanel(
        pixels, (pixel, pixel), (center[0], center[1], distance), fast, slow, sensor[1], 0.0, mask, sensor[0]
    )


def triple(vector: Any) -> tuple[float, ...]:
    """A vector as plain numbers."""
    x, y, z = np.asarray(vector, dtype=float).tolist()
    return x, y, z
