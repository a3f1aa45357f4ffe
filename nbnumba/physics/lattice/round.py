"""Ellipsoid: F_latt = Na Nb Nc 0.7236 * 3 (sin x - x cos x)/x^3, x = pi sqrt(fudge rho) (nanoBragg).

rho is the squared distance in the index metric of ``metric``.
"""

import math

from nbnumba._jit import scalar
from nbnumba._lowered import nearest, polynomial, quotient, root
from nbnumba.constants import ROUND_SCALE
from nbnumba.physics.elementary import cos_pi, sin_pi
from nbnumba.physics.lattice.metric import index_square
from nbnumba.physics.lattice.shape import Shape, Tilted, Upright
from nbnumba.physics.lattice.slopes import Slopes, index_slopes

#: 3 (sin x - x cos x)/x^3 in powers of (x/pi)^2, up to 1/4; relative error below 2e-14.
_CENTER = (
    1.0,
    -0.9869604401051117788,
    0.347889610596772103,
    -0.06358393574216370891,
    0.007131167734132788998,
    -0.0005410344542046140595,
    0.00002861774578246722028,
)
_CENTER_SLOPE = tuple(n * c for n, c in enumerate(_CENTER))[1:]


class Round(Upright):
    """Parameters of "round"."""


class TiltedRound(Tilted):
    """The same, tilted."""


@scalar
def sphere_transform(square: float) -> float:
    """3 (sin x - x cos x)/x^3 with x = pi sqrt(square); 1 at 0. Up to a sign beyond x = pi/2."""
    quarter = 0.25
    far = square if square > quarter else quarter  # nearer, the closed form loses digits
    turns = root(far)
    x = math.pi * turns
    rest = turns - nearest(turns)
    closed = quotient(3.0 * (sin_pi(rest) - x * cos_pi(rest)), x * x * x)
    return closed if square > quarter else polynomial(square, _CENTER)


@scalar
def round_argument(lattice: Round, dh: float, dk: float, dl: float) -> float:
    """Squared distance (x/pi)^2 that F_latt depends on."""
    return lattice.fudge * index_square(lattice, dh, dk, dl)


@scalar
def round_transform(lattice: Round, square: float) -> float:
    """F_latt at (x/pi)^2."""
    return lattice.na * lattice.nb * lattice.nc * ROUND_SCALE * sphere_transform(square)


@scalar
def sphere_slope(square: float) -> float:
    """Derivative of ``sphere_transform`` by its argument: 3 pi^2/2 ((x^2 - 3) sin x + 3 x cos x)/x^5."""
    far = square if square > 0.25 else 0.25
    turns = math.sqrt(far)
    x = math.pi * turns
    y = x * x
    rest = turns - nearest(turns)
    closed = 1.5 * math.pi * math.pi * ((y - 3.0) * sin_pi(rest) + 3.0 * x * cos_pi(rest)) / (y * y * x)
    return closed if square > 0.25 else polynomial(square, _CENTER_SLOPE)


@scalar
def round_slopes(lattice: Round, dh: float, dk: float, dl: float) -> Slopes:
    """dF/ddh = C V s' 2 fudge Na^2 dh and dF/dNa = F/Na + C V s' 2 fudge Na dh^2, with V = Na Nb Nc and C = 0.7236."""
    square = round_argument(lattice, dh, dk, dl)
    f = round_transform(lattice, square)
    peak = lattice.na * lattice.nb * lattice.nc * ROUND_SCALE
    steep = peak * sphere_slope(square) * 2.0 * lattice.fudge
    return index_slopes(lattice, f, steep, dh, dk, dl)


ROUND = Shape(Round, round_argument, round_transform, round_slopes, tilted=TiltedRound)
