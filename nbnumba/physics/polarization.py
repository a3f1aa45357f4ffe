"""Polarization: P = (1 + (i.d)^2 - K (e^2 - b^2))/2 with e = d.E, b = d.B (Kahn et al. 1982, J. Appl. Cryst. 15, 330).

The angle psi of the usual form is not needed: cos(2 psi) (1 - (i.d)^2) = e^2 - b^2.
"""

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.physics.vector import Vector, cross, dot, minus, plus, scaled, unit


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
    """The factor with its derivatives by the diffracted beam's direction, by a turn of the incident one [1/rad], and by
    the Kahn factor."""

    p: float
    diffracted: Vector
    turn: Vector
    kahn: float


@scalar
def polarization_slopes(
    diffracted: Vector, incident: Vector, field: Fields, lean: float, kahn: float
) -> PolarizationSlopes:
    """dP/dd = c i - K (e E - b B), dP/dw = c i x d - K (c (e B + b E) - 2 m e b E), dP/dK = -(e^2 - b^2)/2.

    With c = i.d, e = d.E, b = d.B. The polarization axis a stays where it is while the incident beam turns by w; its
    ``lean`` m = a.i/a.E is 0 where it stands across the beam.
    """
    c = dot(incident, diffracted)
    e = dot(diffracted, field.electric)
    b = dot(diffracted, field.magnetic)
    fields_part = minus(scaled(field.electric, kahn * e), scaled(field.magnetic, kahn * b))
    by_turn = minus(
        scaled(cross(incident, diffracted), c),
        plus(scaled(field.magnetic, kahn * c * e), scaled(field.electric, kahn * (c * b - 2.0 * lean * e * b))),
    )
    return PolarizationSlopes(
        polarization(diffracted, incident, field, kahn), minus(scaled(incident, c), fields_part), by_turn,
        -0.5 * (e * e - b * b),
    )  # fmt: skip
