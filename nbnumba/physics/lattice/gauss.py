"""Gaussian: F_latt = Na Nb Nc exp(-fudge rho/0.63) with rho from ``metric`` (forward model, 4)."""

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.constants import GAUSS_WIDTH
from nbnumba.physics.elementary import exp_minus
from nbnumba.physics.lattice.metric import index_square, reciprocal_square


class Gauss(NamedTuple):
    """Gaussian spots in the index metric: cells along a, b, c and the factor on the squared radius."""

    na: float
    nb: float
    nc: float
    fudge: float


class GaussStar(NamedTuple):
    """Gaussian spots in the reciprocal metric, which needs the products of a*, b*, c* [1/A^2] too."""

    na: float
    nb: float
    nc: float
    fudge: float
    aa: float
    bb: float
    cc: float
    bc: float
    ca: float
    ab: float


@scalar
def gauss_amplitude(lattice: Gauss, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl, index metric."""
    square = index_square(lattice, dh, dk, dl)
    return lattice.na * lattice.nb * lattice.nc * exp_minus(lattice.fudge / GAUSS_WIDTH * square)


@scalar
def gauss_star_amplitude(lattice: GaussStar, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl, reciprocal metric."""
    square = reciprocal_square(lattice, dh, dk, dl)
    return lattice.na * lattice.nb * lattice.nc * exp_minus(lattice.fudge / GAUSS_WIDTH * square)
