"""Rotations: v' = v cos(t) + (k x v) sin(t) + k (k.v) (1 - cos(t)), right-handed about the unit axis k (Rodrigues)."""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.physics.vector import Vector, cross, dot


class Matrix(NamedTuple):
    """Three row vectors: a rotation, or the cell axes a, b, c [A]."""

    a: Vector
    b: Vector
    c: Vector


@scalar
def rotate(v: Vector, axis: Vector, angle: float) -> Vector:
    """Turn ``v`` about the unit vector ``axis`` by ``angle`` [rad]."""
    cosine = math.cos(angle)
    sine = math.sin(angle)
    along = dot(axis, v) * (1.0 - cosine)
    across = cross(axis, v)
    return Vector(
        v.x * cosine + across.x * sine + axis.x * along,
        v.y * cosine + across.y * sine + axis.y * along,
        v.z * cosine + across.z * sine + axis.z * along,
    )


@scalar
def rotate_xyz(v: Vector, x: float, y: float, z: float) -> Vector:
    """Turn ``v`` about the laboratory x axis, then y, then z by angles [rad]."""
    v = rotate(v, Vector(1.0, 0.0, 0.0), x)
    v = rotate(v, Vector(0.0, 1.0, 0.0), y)
    return rotate(v, Vector(0.0, 0.0, 1.0), z)


@scalar
def apply(matrix: Matrix, v: Vector) -> Vector:
    """Matrix times vector: with cell axes as rows and q [1/A], the fractional indices h, k, l."""
    return Vector(dot(matrix.a, v), dot(matrix.b, v), dot(matrix.c, v))


@scalar
def turn(rotation: Matrix, cell: Matrix) -> Matrix:
    """Cell axes turned by a rotation: each row v becomes U v."""
    return Matrix(apply(rotation, cell.a), apply(rotation, cell.b), apply(rotation, cell.c))


def angles_xyz(x_row: Vector, y_row: Vector, z_row: Vector) -> Vector:
    """Angles [rad] about x, then y, then z that make up a rotation, given the rows of its matrix."""
    return Vector(math.atan2(z_row.y, z_row.z), -math.asin(min(max(z_row.x, -1.0), 1.0)), math.atan2(y_row.x, x_row.x))
