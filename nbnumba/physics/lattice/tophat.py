"""Flat-topped spots: F_latt = Na Nb Nc where fudge rho < 0.3969, else 0; rho from ``metric`` (nanoBragg)."""

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.constants import TOPHAT_RADIUS_SQUARED
from nbnumba.physics.lattice.metric import index_square, reciprocal_square
from nbnumba.physics.lattice.shape import Shape, Tilted, Upright, standing
from nbnumba.physics.lattice.slopes import Slopes


class Tophat(Upright):
    """Flat spots in the index metric."""


class TophatStar(NamedTuple):
    """Flat spots in the reciprocal metric, which needs the products of a*, b*, c* [1/A^2] too."""

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


class TiltedTophat(Tilted):
    """Flat spots of a tilted outline."""


@scalar
def tophat_argument(lattice: Tophat, dh: float, dk: float, dl: float) -> float:
    """Squared distance at the offsets dh, dk, dl, index metric."""
    return lattice.fudge * index_square(lattice, dh, dk, dl)


@scalar
def tophat_star_argument(lattice: TophatStar, dh: float, dk: float, dl: float) -> float:
    """Squared distance at the offsets dh, dk, dl, reciprocal metric."""
    return lattice.fudge * reciprocal_square(lattice, dh, dk, dl)


@scalar
def tophat_transform(lattice: Tophat | TophatStar | TiltedTophat, square: float) -> float:
    """F_latt at a squared distance."""
    return lattice.na * lattice.nb * lattice.nc if square < tophat_end(lattice) else 0.0


@scalar
def tophat_end(lattice: Tophat | TophatStar | TiltedTophat) -> float:
    """Squared distance from which on F_latt is 0."""
    return TOPHAT_RADIUS_SQUARED


@scalar
def tophat_slopes(lattice: Tophat, dh: float, dk: float, dl: float) -> Slopes:
    """Flat but for the edge, where there is no derivative: dF/dNa = F/Na alone."""
    f = tophat_transform(lattice, tophat_argument(lattice, dh, dk, dl))
    return Slopes(f, 0.0, 0.0, 0.0, f / lattice.na, f / lattice.nb, f / lattice.nc)


@scalar
def tophat_star_slopes(lattice: TophatStar, dh: float, dk: float, dl: float) -> Slopes:
    """The same in the reciprocal metric."""
    f = tophat_transform(lattice, tophat_star_argument(lattice, dh, dk, dl))
    return Slopes(f, 0.0, 0.0, 0.0, f / lattice.na, f / lattice.nb, f / lattice.nc)


TOPHAT = Shape(Tophat, tophat_argument, tophat_transform, tophat_slopes, tophat_end, edge=True, tilted=TiltedTophat)
TOPHAT_STAR = Shape(
    TophatStar, tophat_star_argument, tophat_transform, tophat_star_slopes, tophat_end, standing, edge=True
)
