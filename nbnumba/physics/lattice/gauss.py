"""Gaussian: F_latt = Na Nb Nc exp(-fudge rho/0.63) with rho from ``metric`` (nanoBragg)."""

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.constants import GAUSS_WIDTH
from nbnumba.physics.elementary import EXP_END, exp_minus
from nbnumba.physics.lattice.metric import index_square, reciprocal_square
from nbnumba.physics.lattice.shape import Shape, standing
from nbnumba.physics.lattice.slopes import Slopes, index_slopes


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


class TiltedGauss(NamedTuple):
    """Gaussian spots of a tilted outline: n, three times, and the elements of M of ``tilted`` too."""

    na: float
    nb: float
    nc: float
    fudge: float
    maa: float
    mbb: float
    mcc: float
    mbc: float
    mca: float
    mab: float
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
def gauss_transform(lattice: Gauss | GaussStar | TiltedGauss, exponent: float) -> float:
    """F_latt at an exponent."""
    return lattice.na * lattice.nb * lattice.nc * exp_minus(exponent, lattice.end)


@scalar
def gauss_end(lattice: Gauss | GaussStar | TiltedGauss) -> float:
    """Exponent from which on F_latt is 0."""
    return lattice.end


@scalar
def gauss_slopes(lattice: Gauss, dh: float, dk: float, dl: float) -> Slopes:
    """dF/ddh = -2 G F Na^2 dh and dF/dNa = F (1/Na - 2 G Na dh^2) with G = fudge/0.63."""
    f = gauss_transform(lattice, gauss_argument(lattice, dh, dk, dl))
    steep = -2.0 * lattice.fudge / GAUSS_WIDTH * f
    return index_slopes(lattice, f, steep, dh, dk, dl)


@scalar
def gauss_star_slopes(lattice: GaussStar, dh: float, dk: float, dl: float) -> Slopes:
    """dF/ddh = -2 G V^2 F e.a* with e = dh a* + dk b* + dl c*, and dF/dNa = F (1 - 2 G V^2 e^2)/Na, V = Na Nb Nc."""
    exponent = gauss_star_argument(lattice, dh, dk, dl)
    f = gauss_transform(lattice, exponent)
    count = lattice.na * lattice.nb * lattice.nc
    steep = -2.0 * lattice.fudge / GAUSS_WIDTH * count * count * f
    by_cells = f * (1.0 - 2.0 * exponent)
    return Slopes(
        f,
        steep * (lattice.aa * dh + lattice.ab * dk + lattice.ca * dl),
        steep * (lattice.ab * dh + lattice.bb * dk + lattice.bc * dl),
        steep * (lattice.ca * dh + lattice.bc * dk + lattice.cc * dl),
        by_cells / lattice.na, by_cells / lattice.nb, by_cells / lattice.nc,
    )  # fmt: skip


GAUSS = Shape(Gauss, gauss_argument, gauss_transform, gauss_slopes, gauss_end, tilted=TiltedGauss)
GAUSS_STAR = Shape(GaussStar, gauss_star_argument, gauss_transform, gauss_star_slopes, gauss_end, standing)
