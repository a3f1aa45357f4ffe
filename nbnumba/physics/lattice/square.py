"""Parallelepiped: F_latt = product over axes of sin(pi N dh)/sin(pi dh), N at dh = 0 (forward model, 4).

Only the square of F_latt is used, and it depends on the offset dh = h - h0 alone: exactly for whole N; for other N this
is the definition.
"""

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.physics.elementary import nearest_integer, sin_pi


class Square(NamedTuple):
    """Numbers of unit cells along a, b, c."""

    na: float
    nb: float
    nc: float


class Fraction(NamedTuple):
    """Numerator and denominator, kept apart: one division serves three axes."""

    numerator: float
    denominator: float


@scalar
def grating(offset: float, cells: float) -> Fraction:
    """sin(pi N dh) over sin(pi dh), up to a sign, for abs(dh) <= 1/2."""
    distance = abs(offset)
    distance = distance if distance > 1e-20 else 1e-20  # 0/0 becomes its limit N
    phase = cells * distance
    return Fraction(sin_pi(phase - nearest_integer(phase)), sin_pi(distance))


@scalar
def square_amplitude(lattice: Square, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl from the nearest reflection."""
    a = grating(dh, lattice.na)
    b = grating(dk, lattice.nb)
    c = grating(dl, lattice.nc)
    return a.numerator * b.numerator * c.numerator / (a.denominator * b.denominator * c.denominator)
