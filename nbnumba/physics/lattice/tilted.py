"""Outlines tilted against the axes: F_latt(d) = F_latt of n x n x n cells at M d, with M = N/n and n^3 = det N.

N is the symmetric matrix of numbers of cells (cctbx's diffBragg has it too: D. Mendez et al., IUCrJ 7 (2020) 1151, with
off-diagonal elements since), whose product takes the place of Na dh, Nb dk, Nc dl; M has the determinant 1.
"""

from typing import Any, NamedTuple

from nbnumba._jit import scalar
from nbnumba.physics.elementary import EXP_END
from nbnumba.physics.lattice.gauss import gauss_argument, gauss_slopes
from nbnumba.physics.lattice.round import round_argument, round_slopes
from nbnumba.physics.lattice.slopes import Slopes
from nbnumba.physics.lattice.tophat import tophat_argument, tophat_slopes
from nbnumba.physics.vector import Vector


class TiltedRound(NamedTuple):
    """n, three times, the factor on the squared radius, and the elements of M."""

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


class TiltedGauss(NamedTuple):
    """The same for gaussian spots, and the exponent from which on F_latt counts as 0."""

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


class TiltedTophat(NamedTuple):
    """The same for flat spots."""

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


# The functions of the upright shapes read the fields that theirs and these have in common.


@scalar
def tilt(m: Any, x: float, y: float, z: float) -> Vector:
    """M (x, y, z), for a lattice that holds the elements of M."""
    return Vector(
        m.maa * x + m.mab * y + m.mca * z,
        m.mab * x + m.mbb * y + m.mbc * z,
        m.mca * x + m.mbc * y + m.mcc * z,
    )


@scalar
def tilted_back(m: Any, s: Slopes) -> Slopes:
    """Slopes by d from those by M d; those by numbers of cells stay by n."""
    by_offset = tilt(m, s.h, s.k, s.l)  # M is symmetric
    return Slopes(s.f, by_offset.x, by_offset.y, by_offset.z, s.na, s.nb, s.nc)


@scalar
def tilted_round_argument(lattice: Any, dh: float, dk: float, dl: float) -> float:
    """Squared distance at M d."""
    d = tilt(lattice, dh, dk, dl)
    return round_argument(lattice, d.x, d.y, d.z)


@scalar
def tilted_gauss_argument(lattice: Any, dh: float, dk: float, dl: float) -> float:
    """Exponent at M d."""
    d = tilt(lattice, dh, dk, dl)
    return gauss_argument(lattice, d.x, d.y, d.z)


@scalar
def tilted_tophat_argument(lattice: Any, dh: float, dk: float, dl: float) -> float:
    """Squared distance at M d."""
    d = tilt(lattice, dh, dk, dl)
    return tophat_argument(lattice, d.x, d.y, d.z)


@scalar
def tilted_round_slopes(lattice: Any, dh: float, dk: float, dl: float) -> Slopes:
    """Slopes at M d, by d."""
    d = tilt(lattice, dh, dk, dl)
    return tilted_back(lattice, round_slopes(lattice, d.x, d.y, d.z))


@scalar
def tilted_gauss_slopes(lattice: Any, dh: float, dk: float, dl: float) -> Slopes:
    """Slopes at M d, by d."""
    d = tilt(lattice, dh, dk, dl)
    return tilted_back(lattice, gauss_slopes(lattice, d.x, d.y, d.z))


@scalar
def tilted_tophat_slopes(lattice: Any, dh: float, dk: float, dl: float) -> Slopes:
    """Slopes at M d, by d."""
    d = tilt(lattice, dh, dk, dl)
    return tilted_back(lattice, tophat_slopes(lattice, d.x, d.y, d.z))
