"""Parallelepiped: F_latt = product over axes of sin(pi N dh)/sin(pi dh), N at dh = 0 (forward model, 4).

Only the square of F_latt is used, and it depends on the offset dh = h - h0 alone: exactly for whole N; for other N this
is the definition.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba._lowered import like
from nbnumba.physics.elementary import nearest_integer, sin_pi


class Square(NamedTuple):
    """Numbers of unit cells along a, b, c, and the offset that stands for 0, where 0/0 becomes its limit N.

    The type of ``least`` is the precision of the sines.
    """

    na: float
    nb: float
    nc: float
    least: float = 1e-20


class Fraction(NamedTuple):
    """Numerator and denominator, kept apart: one division serves three axes."""

    numerator: float
    denominator: float


@scalar
def grating(offset: float, cells: float, least: float) -> Fraction:
    """sin(pi N dh) over sin(pi dh), up to a sign, for abs(dh) <= 1/2."""
    shifted = offset + least
    phase = cells * shifted  # in double precision: the fraction of a large number
    return Fraction(sin_pi(like(phase - nearest_integer(phase), least)), sin_pi(like(shifted, least)))


@scalar
def square_amplitude(lattice: Square, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl from the nearest reflection."""
    a = grating(dh, lattice.na, lattice.least)
    b = grating(dk, lattice.nb, lattice.least)
    c = grating(dl, lattice.nc, lattice.least)
    return a.numerator * b.numerator * c.numerator / (a.denominator * b.denominator * c.denominator)


@scalar
def same(lattice: Square, f_latt: float) -> float:
    """F_latt, where that is what is at hand already."""
    return f_latt


@scalar
def endless(lattice: Square) -> float:
    """No argument is so large that F_latt is 0 from there on."""
    return math.inf
