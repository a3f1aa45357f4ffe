"""Panels: where each of them lies in the laboratory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import counts, direction, numbers, refuse
from nbnumba.physics.vector import Vector, cross, dot, plus, scaled, unit

_LEAST = 1e-3  # distance [mm] of a panel's plane from the sample


class Geometry(NamedTuple):
    """A panel in the laboratory frame; lengths in mm."""

    origin: Vector  # outer corner of the first pixel
    fast: Vector
    slow: Vector
    normal: Vector
    incidence: float  # cosine between the beam and the normal before any two-theta swing
    distance: float  # along the beam, before any two-theta swing; NaN where the beam misses the plane
    close_distance: float
    beam_center: tuple[float, float]  # fast, slow; NaN where the beam misses the plane
    closest_point: tuple[float, float]  # fast, slow


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One flat panel of a detector, in the laboratory frame of the detector's convention.

    Its normal is the one that points away from the sample.

    Attributes:
        pixels: number along slow, fast.
        origin: x, y, z [mm] of the outer corner of the first pixel.
        fast: direction of the next pixel of a row; its length does not matter.
        slow: direction of the next row, at right angles to ``fast``.

    Raises:
        NbnumbaError: axes that are not at right angles, or a plane that the sample lies in.
    """

    pixels: tuple[int, ...]
    origin: tuple[float, ...]
    fast: tuple[float, ...]
    slow: tuple[float, ...]

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("pixels", counts("panel.pixels", self.pixels))
        put("origin", numbers("panel.origin", self.origin, 3, "mm", low=-1e9, high=1e9))
        put("fast", direction("panel.fast", self.fast))
        put("slow", direction("panel.slow", self.slow))
        fast, slow = self.axes
        if abs(dot(fast, slow)) > 1e-6:
            raise refuse("panel.fast and slow", (self.fast, self.slow), "axes at right angles")
        away = abs(dot(Vector(*self.origin), cross(fast, slow)))
        if away < _LEAST:
            raise NbnumbaError(
                f"panel.origin: found {self.origin}, whose plane passes {away:.3g} mm from the sample; allowed: "
                f"{_LEAST:g} mm or more"
            )

    @property
    def axes(self) -> tuple[Vector, Vector]:
        """Unit vectors along fast and slow."""
        return unit(Vector(*self.fast)), unit(Vector(*self.slow))

    def geometry(self, beam: Vector) -> Geometry:
        """Place of the panel, given the unit vector of the beam."""
        origin, (fast, slow) = Vector(*self.origin), self.axes
        normal = unit(cross(fast, slow))
        normal = normal if dot(origin, normal) > 0.0 else scaled(normal, -1.0)
        incidence, close = dot(beam, normal), dot(origin, normal)
        distance = close / incidence if incidence > 1e-6 else math.nan
        return completed(origin, fast, slow, normal, incidence, distance, beam)

    def nearest(self, pixel_size: float) -> float:
        """Distance [mm] between the sample and the point of the panel that is nearest to it."""
        origin, size = Vector(*self.origin), (self.pixels[1] * pixel_size, self.pixels[0] * pixel_size)
        away = origin
        for axis, extent in zip(self.axes, size, strict=True):
            away = plus(away, scaled(axis, min(max(-dot(origin, axis), 0.0), extent)))
        return math.sqrt(dot(away, away))


def completed(
    origin: Vector, fast: Vector, slow: Vector, normal: Vector, incidence: float, distance: float, beam: Vector
) -> Geometry:
    """Distances, beam centre and closest point that follow from the final position."""
    close = dot(origin, normal)
    if not close >= _LEAST:
        raise NbnumbaError(
            f"detector: found its plane {close:.6g} mm along its normal; allowed: {_LEAST:g} mm or more in front of "
            "the sample. Check distance, rotation, twotheta and axes"
        )
    facing = dot(beam, normal)
    reach = close / facing if facing > 1e-6 else math.nan
    spot = plus(scaled(beam, reach), scaled(origin, -1.0))
    return Geometry(
        origin=origin,
        fast=fast,
        slow=slow,
        normal=normal,
        incidence=incidence,
        distance=distance,
        close_distance=close,
        beam_center=(dot(fast, spot), dot(slow, spot)),
        closest_point=(-dot(origin, fast), -dot(origin, slow)),
    )
