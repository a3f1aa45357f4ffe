"""The transform of the crystal's outline, one shape a file; functions choose by the type of the lattice.

F_latt is a function of one number, the ``argument``: a squared distance from the reflection for most shapes. The loops
find all arguments first, and take the ``transform`` where it has not come to its ``end``.
"""

from typing import NamedTuple

from nbnumba._jit import by_type, scalar
from nbnumba.physics.elementary import nearest_integer
from nbnumba.physics.lattice.gauss import (
    Gauss,
    GaussStar,
    gauss_argument,
    gauss_end,
    gauss_slopes,
    gauss_star_argument,
    gauss_star_slopes,
    gauss_transform,
)
from nbnumba.physics.lattice.lorentz import Lorentz, lorentz_argument, lorentz_slopes, lorentz_transform
from nbnumba.physics.lattice.round import Round, round_argument, round_slopes, round_transform
from nbnumba.physics.lattice.slopes import Slopes
from nbnumba.physics.lattice.square import Square, endless, same, square_amplitude, square_slopes
from nbnumba.physics.lattice.tilted import (
    TiltedGauss,
    TiltedRound,
    TiltedTophat,
    tilted_gauss_argument,
    tilted_gauss_slopes,
    tilted_round_argument,
    tilted_round_slopes,
    tilted_tophat_argument,
    tilted_tophat_slopes,
)
from nbnumba.physics.lattice.tophat import (
    Tophat,
    TophatStar,
    tophat_argument,
    tophat_end,
    tophat_slopes,
    tophat_star_argument,
    tophat_star_slopes,
    tophat_transform,
)
from nbnumba.physics.vector import Vector

Lattice = Square | Round | Gauss | GaussStar | Tophat | TophatStar | Lorentz | TiltedRound | TiltedGauss | TiltedTophat

#: The shapes by the name that users give them. Fields of a shape's tuple are numbers of cells na, nb, nc, the factor
#: fudge, products of reciprocal axes, as ``metric`` names them, or elements of a matrix, as ``tilted`` does; those with
#: a default serve the loops.
SHAPES: dict[str, type] = {
    "square": Square,
    "round": Round,
    "gauss": Gauss,
    "gauss_star": GaussStar,
    "tophat": Tophat,
    "tophat_star": TophatStar,
    "lorentz": Lorentz,
}
#: Those whose numbers of cells may be a matrix, with the tuples that they then have.
TILTED: dict[str, type] = {"round": TiltedRound, "gauss": TiltedGauss, "tophat": TiltedTophat}


@by_type(
    {
        Square: square_amplitude,
        Round: round_argument,
        Gauss: gauss_argument,
        GaussStar: gauss_star_argument,
        Tophat: tophat_argument,
        TophatStar: tophat_star_argument,
        Lorentz: lorentz_argument,
        TiltedRound: tilted_round_argument,
        TiltedGauss: tilted_gauss_argument,
        TiltedTophat: tilted_tophat_argument,
    }
)
def argument(lattice: Lattice, dh: float, dk: float, dl: float) -> float:
    """What F_latt is a function of, at the offsets dh, dk, dl from the nearest reflection."""
    raise NotImplementedError


@by_type(
    {
        Square: same,
        Round: round_transform,
        Gauss: gauss_transform,
        GaussStar: gauss_transform,
        Tophat: tophat_transform,
        TophatStar: tophat_transform,
        Lorentz: lorentz_transform,
        TiltedRound: round_transform,
        TiltedGauss: gauss_transform,
        TiltedTophat: tophat_transform,
    }
)
def transform(lattice: Lattice, argument: float) -> float:
    """F_latt; its sign has no meaning."""
    raise NotImplementedError


@by_type(
    {
        Square: endless,
        Round: endless,
        Gauss: gauss_end,
        GaussStar: gauss_end,
        Tophat: tophat_end,
        TophatStar: tophat_end,
        Lorentz: endless,
        TiltedRound: endless,
        TiltedGauss: gauss_end,
        TiltedTophat: tophat_end,
    }
)
def end(lattice: Lattice) -> float:
    """Argument from which on F_latt is 0; infinity where it dies away slowly."""
    raise NotImplementedError


@scalar
def amplitude(lattice: Lattice, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl from the nearest reflection."""
    return transform(lattice, argument(lattice, dh, dk, dl))


class Along(NamedTuple):
    """A number for each of the axes a, b, c."""

    a: float
    b: float
    c: float


@scalar
def along_axes(lattice: Lattice, dh: float, dk: float, dl: float) -> Along:
    """F_latt of each axis by itself: N_a at dh = 0, with no offset along the others.

    For outlines that are products over the axes ("square", "gauss") F_latt is the product of the three.
    """
    peak = amplitude(lattice, 0.0, 0.0, 0.0)
    return Along(
        lattice.na * amplitude(lattice, dh, 0.0, 0.0) / peak,
        lattice.nb * amplitude(lattice, 0.0, dk, 0.0) / peak,
        lattice.nc * amplitude(lattice, 0.0, 0.0, dl) / peak,
    )


@by_type(
    {
        Square: square_slopes,
        Round: round_slopes,
        Gauss: gauss_slopes,
        GaussStar: gauss_star_slopes,
        Tophat: tophat_slopes,
        TophatStar: tophat_star_slopes,
        Lorentz: lorentz_slopes,
        TiltedRound: tilted_round_slopes,
        TiltedGauss: tilted_gauss_slopes,
        TiltedTophat: tilted_tophat_slopes,
    }
)
def slopes(lattice: Lattice, dh: float, dk: float, dl: float) -> Slopes:
    """F_latt with its derivatives."""
    raise NotImplementedError


@scalar
def moving(lattice: Lattice, h: Vector) -> Vector:
    """F_latt depends on the indices alone: h itself."""
    return h


@scalar
def standing(lattice: GaussStar | TophatStar, h: Vector) -> Vector:
    """F_latt depends on a distance in reciprocal space, in which the axes move the nearest reflection."""
    return Vector(nearest_integer(h.x), nearest_integer(h.y), nearest_integer(h.z))


@by_type(
    {
        Square: moving,
        Round: moving,
        Gauss: moving,
        GaussStar: standing,
        Tophat: moving,
        TophatStar: standing,
        Lorentz: moving,
        TiltedRound: moving,
        TiltedGauss: moving,
        TiltedTophat: moving,
    }
)
def lever(lattice: Lattice, h: Vector) -> Vector:
    """What the slopes by the indices are multiplied with to get those by the cell axes (derivatives, 2.3)."""
    raise NotImplementedError
