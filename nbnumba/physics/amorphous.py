"""Amorphous matter: I = F(s)^2 r_e^2 fluence molecules P omega C with s = sin(theta)/lambda.

F is the amplitude of one molecule among its neighbours. r_e^2 fluence molecules is the same for all pixels.
"""

from nbnumba._jit import scalar
from nbnumba.constants import R_E_SQUARED
from nbnumba.physics.vector import Vector, length


@scalar
def half_length(q: Vector) -> float:
    """s = sin(theta)/lambda = abs(q)/2 [1/A]."""
    return 0.5 * length(q)


@scalar
def between(s: float, s0: float, f0: float, s1: float, f1: float) -> float:
    """Amplitude on the straight line between two rows of a table."""
    return f0 + (f1 - f0) * (s - s0) / (s1 - s0)


@scalar
def scattered(f: float, photons: float) -> float:
    """F^2 r_e^2 fluence molecules [photons/sr], before polarization and capture."""
    return f * f * photons


def photons_per_square(fluence: float, molecules: float) -> float:
    """r_e^2 fluence molecules [photons/sr/electron^2]; fluence [photons/m^2]."""
    return R_E_SQUARED * fluence * molecules
