"""Where each program puts its axes and its beam centre, as nanoBragg has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nbnumba.physics.vector import Vector, scaled

Pair = tuple[float, float]


class Extent(NamedTuple):
    """Size of a detector [mm]."""

    fast: float
    slow: float
    pixel: float


class Convention(NamedTuple):
    """Axes in the laboratory frame, the rule for the beam centre, and what the detector turns about."""

    beam: Vector
    fast: Vector
    slow: Vector
    normal: Vector
    twotheta: Vector
    polarization: Vector
    spindle: Vector
    pivot: str
    default_beam: Callable[[Extent], Pair] | None  # Xbeam, Ybeam [mm]; None: the closest point
    to_detector: Callable[[Pair, Extent], Pair]  # Xbeam, Ybeam -> offsets along fast, slow [mm]
    from_detector: Callable[[Pair, Extent], Pair]


X, Y, Z = Vector(1.0, 0.0, 0.0), Vector(0.0, 1.0, 0.0), Vector(0.0, 0.0, 1.0)


def _same(xy: Pair, _extent: Extent) -> Pair:
    return xy


def _swapped(xy: Pair, _extent: Extent) -> Pair:
    return xy[1], xy[0]


def _half_pixel_default(extent: Extent) -> Pair:
    return (extent.slow + extent.pixel) / 2.0, (extent.fast + extent.pixel) / 2.0


def _adxv(xy: Pair, extent: Extent) -> Pair:
    return xy[0], extent.slow - xy[1]


MOSFLM = Convention(
    beam=X,
    fast=Z,
    slow=scaled(Y, -1.0),
    normal=X,
    twotheta=scaled(Z, -1.0),
    polarization=Z,
    spindle=Z,
    pivot="beam",
    default_beam=_half_pixel_default,
    to_detector=lambda xy, extent: (xy[1] + 0.5 * extent.pixel, xy[0] + 0.5 * extent.pixel),
    from_detector=lambda fs, extent: (fs[1] - 0.5 * extent.pixel, fs[0] - 0.5 * extent.pixel),
)

XDS = Convention(
    beam=Z,
    fast=X,
    slow=Y,
    normal=Z,
    twotheta=X,
    polarization=X,
    spindle=X,
    pivot="sample",
    default_beam=None,
    to_detector=_same,
    from_detector=_same,
)

CONVENTIONS = {
    "mosflm": MOSFLM,
    "denzo": MOSFLM._replace(to_detector=_swapped, from_detector=_swapped),
    "adxv": XDS._replace(
        slow=scaled(Y, -1.0),
        twotheta=scaled(X, -1.0),
        pivot="beam",
        default_beam=lambda extent: ((extent.fast + extent.pixel) / 2.0, (extent.slow - extent.pixel) / 2.0),
        to_detector=_adxv,
        from_detector=_adxv,
    ),
    "xds": XDS,
    "dials": XDS._replace(twotheta=Y, polarization=Y, spindle=Y),
    "custom": MOSFLM._replace(default_beam=None, to_detector=_same, from_detector=_same),
}
