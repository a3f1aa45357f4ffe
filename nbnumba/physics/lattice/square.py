"""Parallelepiped: F_latt = product over axes of sin(pi N dh)/sin(pi dh), N at dh = 0 (M. von Laue, 1912).

Only the square of F_latt is used, and it depends on the offset dh = h - h0 alone: exactly for whole N; for other N this
is the definition.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba._lowered import like, nearest, quotient
from nbnumba.physics.elementary import cos_pi, sin_over_pi, sin_pi
from nbnumba.physics.lattice.shape import Shape
from nbnumba.physics.lattice.slopes import Slopes


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
    return Fraction(sin_pi(like(phase - nearest(phase), least)), sin_pi(like(shifted, least)))


@scalar
def square_amplitude(lattice: Square, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl from the nearest reflection."""
    a = grating(dh, lattice.na, lattice.least)
    b = grating(dk, lattice.nb, lattice.least)
    c = grating(dl, lattice.nc, lattice.least)
    return quotient(a.numerator * b.numerator * c.numerator, a.denominator * b.denominator * c.denominator)


@scalar
def same(lattice: Square, f_latt: float) -> float:
    """F_latt, where that is what is at hand already."""
    return f_latt


class GratingSlopes(NamedTuple):
    """S = sin(N x)/sin(x) with x = pi dh, and its derivatives by dh and N."""

    s: float
    offset: float
    cells: float


#: N dh below which the slope by the offset is taken from its series: the closed form loses digits as 1/(N x)^2.
_NEAR = 1.6e-3


@scalar
def grating_slopes(offset: float, cells: float, inverse: float) -> GratingSlopes:
    """dS/ddh = pi (N cos(N x) - S cos(x))/sin(x), dS/dN = x cos(N x)/sin(x); near 0 dS/ddh = pi^2 dh (c + d dh^2).

    ``inverse``: pi/sin(x), which three axes find together.
    """
    n, y, phase = cells * cells, offset * offset, cells * offset
    rest = phase - nearest(phase)
    cosine, s = cos_pi(rest), sin_over_pi(rest) * inverse
    slope = (cells * cosine - s * cos_pi(offset)) * inverse
    c = math.pi * math.pi * cells * (1.0 - n) / 3.0
    d = math.pi**4 * cells * (n - 1.0) * (3.0 * n - 7.0) / 90.0
    near = y < _NEAR * _NEAR / n
    return GratingSlopes(s, offset * (c + d * y) if near else slope, offset * (cosine * inverse))


@scalar
def square_slopes(lattice: Square, dh: float, dk: float, dl: float) -> Slopes:
    """Product over axes, each derivative of one factor times the others."""
    dh, dk, dl = dh + lattice.least, dk + lattice.least, dl + lattice.least
    sa, sb, sc = sin_over_pi(dh), sin_over_pi(dk), sin_over_pi(dl)
    inverse = 1.0 / (sa * sb * sc)  # one division for three
    a = grating_slopes(dh, lattice.na, inverse * (sb * sc))
    b = grating_slopes(dk, lattice.nb, inverse * (sc * sa))
    c = grating_slopes(dl, lattice.nc, inverse * (sa * sb))
    ab, bc, ca = a.s * b.s, b.s * c.s, c.s * a.s
    return Slopes(ab * c.s, a.offset * bc, b.offset * ca, c.offset * ab, a.cells * bc, b.cells * ca, c.cells * ab)


SQUARE = Shape(Square, square_amplitude, same, square_slopes)
