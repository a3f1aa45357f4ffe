"""Vectors of the laboratory frame: x, y, z as scalars."""

import math
from typing import NamedTuple

from nbnumba._jit import scalar


class Vector(NamedTuple):
    """Three components in one frame and unit."""

    x: float
    y: float
    z: float


@scalar
def dot(u: Vector, v: Vector) -> float:
    """Scalar product u.v."""
    return u.x * v.x + u.y * v.y + u.z * v.z


@scalar
def cross(u: Vector, v: Vector) -> Vector:
    """Vector product u x v, right-handed."""
    return Vector(u.y * v.z - u.z * v.y, u.z * v.x - u.x * v.z, u.x * v.y - u.y * v.x)


@scalar
def scaled(u: Vector, factor: float) -> Vector:
    """Vector u times a number."""
    return Vector(u.x * factor, u.y * factor, u.z * factor)


@scalar
def plus(u: Vector, v: Vector) -> Vector:
    """Sum u + v."""
    return Vector(u.x + v.x, u.y + v.y, u.z + v.z)


@scalar
def minus(u: Vector, v: Vector) -> Vector:
    """Difference u - v."""
    return Vector(u.x - v.x, u.y - v.y, u.z - v.z)


@scalar
def length(u: Vector) -> float:
    """Length |u|."""
    return math.sqrt(dot(u, u))


@scalar
def unit(u: Vector) -> Vector:
    """Direction u/|u|."""
    return scaled(u, 1.0 / length(u))
