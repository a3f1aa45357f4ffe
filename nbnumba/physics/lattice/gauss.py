"""Gaussian: F_latt = Na Nb Nc exp(-fudge rho/0.63) with rho from ``metric`` (forward model, 4)."""

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.constants import GAUSS_WIDTH
from nbnumba.physics.elementary import EXP_END, exp_minus
from nbnumba.physics.lattice.metric import index_square, reciprocal_square


class Gauss(NamedTuple):
    """Gaussian spots in the index metric: cells along a, b, c, the factor on the squared radius, and the exponent from
    which on F_latt counts as 0."""

    na: float
    nb: float
    nc: float
    fudge: float
    end: float = EXP_END


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
    end: float = EXP_END


@scalar
def gauss_argument(lattice: Gauss, dh: float, dk: float, dl: float) -> float:
    """Exponent at the offsets dh, dk, dl, index metric."""
    return lattice.fudge / GAUSS_WIDTH * index_square(lattice, dh, dk, dl)


@scalar
def gauss_star_argument(lattice: GaussStar, dh: float, dk: float, dl: float) -> float:
    """Exponent at the offsets dh, dk, dl, reciprocal metric."""
    return lattice.fudge / GAUSS_WIDTH * reciprocal_square(lattice, dh, dk, dl)


@scalar
def gauss_transform(lattice: Gauss | GaussStar, exponent: float) -> float:
    """F_latt at an exponent."""
    return lattice.na * lattice.nb * lattice.nc * exp_minus(exponent, lattice.end)


@scalar
def gauss_end(lattice: Gauss | GaussStar) -> float:
    """Exponent from which on F_latt is 0."""
    return lattice.end
