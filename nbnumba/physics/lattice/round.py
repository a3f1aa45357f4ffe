"""Ellipsoid: F_latt = Na Nb Nc 0.7236 * 3 (sin x - x cos x)/x^3, x = pi sqrt(fudge rho) (forward model, 4).

rho is the squared distance in the index metric of ``metric``.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.constants import ROUND_SCALE
from nbnumba.physics.elementary import cos_pi, nearest_integer, sin_pi
from nbnumba.physics.lattice.metric import index_square


class Round(NamedTuple):
    """Numbers of unit cells along a, b, c and the factor on the squared radius."""

    na: float
    nb: float
    nc: float
    fudge: float


@scalar
def sphere_transform(turns: float) -> float:
    """3 (sin x - x cos x)/x^3 with x = pi*turns, up to a sign; 1 at 0."""
    x = math.pi * turns
    square = x * x
    series = 1.0 - square * (0.1 - square * (1.0 / 280.0 - square * (1.0 / 15120.0 - square / 1330560.0)))
    near = turns < 0.1  # where the closed form loses digits
    safe = 1.0 if near else turns
    y = math.pi * safe
    rest = safe - nearest_integer(safe)
    closed = 3.0 * (sin_pi(rest) - y * cos_pi(rest)) / (y * y * y)
    return series if near else closed


@scalar
def round_amplitude(lattice: Round, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl from the nearest reflection."""
    turns = math.sqrt(lattice.fudge * index_square(lattice, dh, dk, dl))
    return lattice.na * lattice.nb * lattice.nc * ROUND_SCALE * sphere_transform(turns)
