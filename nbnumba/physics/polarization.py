"""Polarization: P = (1 + (i.d)^2 - K (e^2 - b^2))/2 with e = d.E, b = d.B (Kahn et al. 1982, J. Appl. Cryst. 15, 330).

The angle psi of the usual form is not needed: cos(2 psi) (1 - (i.d)^2) = e^2 - b^2.
"""

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.physics.vector import Vector, cross, dot, minus, scaled, unit


class Fields(NamedTuple):
    """Directions of the electric and the magnetic field of an incident beam."""

    electric: Vector
    magnetic: Vector


@scalar
def fields(incident: Vector, polarization_axis: Vector) -> Fields:
    """B = unit(axis x i), E = unit(i x B); undefined for an axis parallel to the beam."""
    magnetic = unit(cross(polarization_axis, incident))
    return Fields(unit(cross(incident, magnetic)), magnetic)


@scalar
def polarization(diffracted: Vector, incident: Vector, field: Fields, kahn: float) -> float:
    """Polarization factor for the Kahn factor K in [-1, 1]: 1 = along E, 0 = unpolarized."""
    cosine = dot(incident, diffracted)
    e = dot(diffracted, field.electric)
    b = dot(diffracted, field.magnetic)
    return 0.5 * (1.0 + cosine * cosine - kahn * (e * e - b * b))


class PolarizationSlopes(NamedTuple):
    """The factor with its derivatives by the direction of the diffracted beam and by the Kahn factor."""

    p: float
    diffracted: Vector
    kahn: float


@scalar
def polarization_slopes(diffracted: Vector, incident: Vector, field: Fields, kahn: float) -> PolarizationSlopes:
    """dP/dd = c i - K (e E - b B) and dP/dK = -(e^2 - b^2)/2, with c = i.d, e = d.E, b = d.B."""
    cosine = dot(incident, diffracted)
    e = dot(diffracted, field.electric)
    b = dot(diffracted, field.magnetic)
    across = minus(scaled(field.electric, kahn * e), scaled(field.magnetic, kahn * b))
    by_direction = minus(scaled(incident, cosine), across)
    return PolarizationSlopes(polarization(diffracted, incident, field, kahn), by_direction, -0.5 * (e * e - b * b))
