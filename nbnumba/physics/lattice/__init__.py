"""The transform of the crystal's outline, one shape a file; ``amplitude`` chooses by the type of the lattice."""

from nbnumba._jit import by_type
from nbnumba.physics.lattice.gauss import Gauss, GaussStar, gauss_amplitude, gauss_star_amplitude
from nbnumba.physics.lattice.round import Round, round_amplitude
from nbnumba.physics.lattice.square import Square, square_amplitude
from nbnumba.physics.lattice.tophat import Tophat, TophatStar, tophat_amplitude, tophat_star_amplitude

Lattice = Square | Round | Gauss | GaussStar | Tophat | TophatStar


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
