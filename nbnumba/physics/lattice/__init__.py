"""The transform of the crystal's outline, one shape a file; ``amplitude`` chooses by the type of the lattice."""

from nbnumba._jit import by_type
from nbnumba.physics.lattice.gauss import Gauss, GaussStar, gauss_amplitude, gauss_star_amplitude
from nbnumba.physics.lattice.round import Round, round_amplitude
from nbnumba.physics.lattice.square import Square, square_amplitude
from nbnumba.physics.lattice.tophat import Tophat, TophatStar, tophat_amplitude, tophat_star_amplitude

Lattice = Square | Round | Gauss | GaussStar | Tophat | TophatStar

#: The shapes by the name that users give them. Fields of a shape's tuple are numbers of cells na, nb, nc, the factor
#: fudge, or products of reciprocal axes, as ``metric`` names them.
SHAPES: dict[str, type] = {
    "square": Square,
    "round": Round,
    "gauss": Gauss,
    "gauss_star": GaussStar,
    "tophat": Tophat,
    "tophat_star": TophatStar,
}


@by_type(
    {
        Square: square_amplitude,
        Round: round_amplitude,
        Gauss: gauss_amplitude,
        GaussStar: gauss_star_amplitude,
        Tophat: tophat_amplitude,
        TophatStar: tophat_star_amplitude,
    }
)
def amplitude(lattice: Lattice, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl from the nearest reflection; its sign has no meaning."""
    raise NotImplementedError
