"""Where a point of the detector lies: P = pix0 + F fast + S slow + O normal, and d = P/|P|, R = |P|.

The frame is nanoBragg's. Lengths in mm, F and S measured from the outer corner of the first pixel.
"""

import math
from typing import Any, NamedTuple

from nbnumba._jit import by_type, scalar
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector, dot, minus, scaled


class FlatPanel(NamedTuple):
    """A flat panel in the laboratory frame [mm]."""

    origin: Vector  # outer corner of the first pixel
    fast: Vector
    slow: Vector
    normal: Vector
    pixel_size: float
    close_distance: float  # of the panel's plane from the sample
    point_pixels: bool  # solid angle without obliquity and pixel area


class CurvedPanel(NamedTuple):
    """A panel wrapped on a sphere around the sample: offsets from a spot along e1, e2 become angles about k1, k2."""

    origin: Vector
    fast: Vector
    slow: Vector
    normal: Vector
    pixel_size: float
    close_distance: float
    point_pixels: bool
    center: Vector  # where the beam meets the sphere: distance times beam
    spot: Vector  # point that the offsets are counted from
    radius: float
    e1: Vector
    k1: Vector
    e2: Vector
    k2: Vector


class Ray(NamedTuple):
    """From the sample to a point of the detector."""

    direction: Vector
    distance: float  # [mm]


@scalar
def subpixel_center(pixel: float, sub: float, oversample: float, pixel_size: float) -> float:
    """Offset [mm] of the centre of sub-pixel ``sub`` of pixel number ``pixel`` along one axis."""
    return pixel_size / oversample * (pixel * oversample + sub + 0.5)


@scalar
def flat_position(panel: Any, fast: float, slow: float, depth: float) -> Vector:
    """Position [mm] at offsets ``fast``, ``slow``, ``depth`` [mm] on anything with an origin and three axes."""
    return Vector(
        panel.origin.x + fast * panel.fast.x + slow * panel.slow.x + depth * panel.normal.x,
        panel.origin.y + fast * panel.fast.y + slow * panel.slow.y + depth * panel.normal.y,
        panel.origin.z + fast * panel.fast.z + slow * panel.slow.z + depth * panel.normal.z,
    )


@scalar
def curved_position(panel: CurvedPanel, fast: float, slow: float, depth: float) -> Vector:
    """Position [mm] on the sphere: the direct beam's spot turned by the flat offsets over the radius."""
    offset = minus(flat_position(panel, fast, slow, depth), panel.spot)
    turned = rotate(panel.center, panel.k1, dot(offset, panel.e1) / panel.radius)
    return rotate(turned, panel.k2, dot(offset, panel.e2) / panel.radius)


@by_type({FlatPanel: flat_position, CurvedPanel: curved_position})
def position(panel: FlatPanel | CurvedPanel, fast: float, slow: float, depth: float) -> Vector:
    """Position [mm] of a point of either kind of panel."""
    raise NotImplementedError


@scalar
def flat_parallax(panel: FlatPanel, direction: Vector) -> float:
    """Cosine between a ray and the panel's normal."""
    return dot(direction, panel.normal)


@scalar
def curved_parallax(panel: CurvedPanel, direction: Vector) -> float:
    """Every ray from its centre meets a sphere along the normal."""
    return 1.0


@by_type({FlatPanel: flat_parallax, CurvedPanel: curved_parallax})
def parallax(panel: FlatPanel | CurvedPanel, direction: Vector) -> float:
    """Cosine between a ray and the normal where it meets the panel."""
    raise NotImplementedError


@scalar
def ray_to(point: Vector) -> Ray:
    """Distance and direction of a point seen from the sample."""
    square = dot(point, point)
    inverse = 1.0 / math.sqrt(square)
    return Ray(scaled(point, inverse), square * inverse)


@scalar
def solid_angle(distance: float, pixel_size: float, close_distance: float, point_pixels: bool) -> float:
    """Solid angle of a pixel: (pixel/R)^2 close_distance/R [sr]; for point pixels 1/R^2 [1/m^2], as nanoBragg."""
    inverse = 1.0 / distance
    if point_pixels:
        return 1e6 * inverse * inverse
    return pixel_size * pixel_size * close_distance * inverse * inverse * inverse
