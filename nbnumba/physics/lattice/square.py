"""Parallelepiped: F_latt = product over axes of sin(pi N dh)/sin(pi dh), N at dh = 0 (forward model, 4).

Only the square of F_latt is used, and it depends on the offset dh = h - h0 alone: exactly for whole N; for other N this
is the definition.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba._lowered import like
from nbnumba.physics.elementary import cos_pi, nearest_integer, sin_pi
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


class GratingSlopes(NamedTuple):
    """S = sin(N x)/sin(x) with x = pi dh, and its derivatives by dh and N."""

    s: float
    offset: float
    cells: float


#: N x below which the slopes are taken from their series: the closed forms lose digits as 1/(N x)^2.
_NEAR = 0.05


@scalar
def grating_slopes(offset: float, cells: float) -> GratingSlopes:
    """dS/ddh = pi (N cos(N x) - S cos(x))/sin(x), dS/dN = x cos(N x)/sin(x); near 0 from S = N (1 + c2 x^2 + ...)."""
    x, n = math.pi * offset, cells * cells
    near = abs(cells * x) < _NEAR
    far = 0.25 if near else offset  # where both forms are finite
    phase = cells * far
    rest = phase - nearest_integer(phase)
    sine, cosine = sin_pi(far), cos_pi(rest)
    s = sin_pi(rest) / sine
    slope = math.pi * (cells * cosine - s * cos_pi(far)) / sine
    by_cells = math.pi * far * cosine / sine
    y = x * x
    c2 = -(n - 1.0) / 6.0
    c4 = (n - 1.0) * (3.0 * n - 7.0) / 360.0
    c6 = -(n - 1.0) * (3.0 * n * n - 18.0 * n + 31.0) / 15120.0
    series = cells * (1.0 + y * (c2 + y * (c4 + y * c6)))
    series_slope = math.pi * cells * x * (2.0 * c2 + y * (4.0 * c4 + y * 6.0 * c6))
    # d(N ci)/dN, with x fixed
    d2 = (1.0 - 3.0 * n) / 6.0
    d4 = (15.0 * n * n - 30.0 * n + 7.0) / 360.0
    d6 = -(21.0 * n * n * n - 105.0 * n * n + 147.0 * n - 31.0) / 15120.0
    series_cells = 1.0 + y * (d2 + y * (d4 + y * d6))
    return GratingSlopes(series if near else s, series_slope if near else slope, series_cells if near else by_cells)


@scalar
def square_slopes(lattice: Square, dh: float, dk: float, dl: float) -> Slopes:
    """Product over axes, each derivative of one factor times the others."""
    a = grating_slopes(dh, lattice.na)
    b = grating_slopes(dk, lattice.nb)
    c = grating_slopes(dl, lattice.nc)
    ab, bc, ca = a.s * b.s, b.s * c.s, c.s * a.s
    return Slopes(ab * c.s, a.offset * bc, b.offset * ca, c.offset * ab, a.cells * bc, b.cells * ca, c.cells * ab)
