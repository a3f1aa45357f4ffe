"""Reflections and the Ewald sphere: s = i/lambda + q has the length 1/lambda where q diffracts (Ewald construction)."""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.physics.vector import Vector, cross, dot, length, plus, scaled, unit


class Angles(NamedTuple):
    """Two solutions [rad], or NaN where there is none."""

    first: float
    second: float


@scalar
def two_theta(spacing: float, wavelength: float) -> float:
    """Angle [rad] between incident and diffracted beam: lambda = 2 d sin(theta) (Bragg)."""
    return 2.0 * math.asin(wavelength / (2.0 * spacing))


@scalar
def diffracted(q: Vector, incident: Vector, wavelength: float) -> Vector:
    """Direction of the beam that q [1/A] makes of the incident one."""
    return unit(plus(scaled(incident, 1.0 / wavelength), q))


@scalar
def excitation_error(q: Vector, incident: Vector, wavelength: float) -> float:
    """Distance of q from the sphere, |i/lambda + q| - 1/lambda [1/A]: 0 where it diffracts."""
    return length(plus(scaled(incident, 1.0 / wavelength), q)) - 1.0 / wavelength


@scalar
def diffracting_angles(q: Vector, axis: Vector, incident: Vector, wavelength: float) -> Angles:
    """Angles by which q [1/A] has to turn about a unit vector to lie on the sphere: i.q(phi) = -lambda q^2/2.

    i.q(phi) = (i.k)(k.q) + A cos(phi) + B sin(phi) with A = i.q - (i.k)(k.q), B = i.(k x q).
    """
    still = dot(incident, axis) * dot(axis, q)
    a = dot(incident, q) - still
    b = dot(incident, cross(axis, q))
    swing = math.sqrt(a * a + b * b)
    cosine = (-0.5 * wavelength * dot(q, q) - still) / swing if swing > 0.0 else 2.0
    if abs(cosine) > 1.0:
        return Angles(math.nan, math.nan)
    middle, half = math.atan2(b, a), math.acos(cosine)
    return Angles(middle - half, middle + half)
