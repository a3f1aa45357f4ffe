"""Ellipsoid: F_latt = Na Nb Nc 0.7236 * 3 (sin x - x cos x)/x^3, x = pi sqrt(fudge rho) (forward model, 4).

rho is the squared distance in the index metric of ``metric``.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba._lowered import polynomial
from nbnumba.constants import ROUND_SCALE
from nbnumba.physics.elementary import cos_pi, nearest_integer, sin_pi
from nbnumba.physics.lattice.metric import index_square

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


class Round(NamedTuple):
    """Numbers of unit cells along a, b, c and the factor on the squared radius."""

    na: float
    nb: float
    nc: float
    fudge: float


@scalar
def sphere_transform(square: float) -> float:
    """3 (sin x - x cos x)/x^3 with x = pi sqrt(square); 1 at 0. Up to a sign beyond x = pi/2."""
    quarter = 0.25
    far = square if square > quarter else quarter  # nearer, the closed form loses digits
    turns = math.sqrt(far)
    x = math.pi * turns
    rest = turns - nearest_integer(turns)
    closed = 3.0 * (sin_pi(rest) - x * cos_pi(rest)) / (x * x * x)
    return closed if square > quarter else polynomial(square, _CENTER)


@scalar
def round_argument(lattice: Round, dh: float, dk: float, dl: float) -> float:
    """Squared distance (x/pi)^2 that F_latt depends on."""
    return lattice.fudge * index_square(lattice, dh, dk, dl)


@scalar
def round_transform(lattice: Round, square: float) -> float:
    """F_latt at (x/pi)^2."""
    return lattice.na * lattice.nb * lattice.nc * ROUND_SCALE * sphere_transform(square)
