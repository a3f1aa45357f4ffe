"""Outlines tilted against the axes: F_latt(d) = F_latt of n x n x n cells at M d, with M = N/n and n^3 = det N.

N is the symmetric matrix of numbers of cells (cctbx's diffBragg has it too: D. Mendez et al., IUCrJ 7 (2020) 1151, with
off-diagonal elements since), whose product takes the place of Na dh, Nb dk, Nc dl; M has the determinant 1. A shape's
``tilted`` has the fields of its ``lattice``, of which na = nb = nc = n, and the elements of M: maa, mbb, mcc, mbc, mca
and mab.
"""

from typing import Any

from nbnumba._jit import scalar
from nbnumba.physics.lattice.shape import Shape
from nbnumba.physics.lattice.slopes import Slopes
from nbnumba.physics.vector import Vector


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


def tilted(upright: Shape, lattice: type) -> Shape:
    """A shape by the functions of the upright one, which read the fields that both lattices have in common."""
    upright_argument, upright_slopes = upright.argument, upright.slopes

    @scalar
    def tilted_argument(lattice: Any, dh: float, dk: float, dl: float) -> float:
        """Argument of the upright outline at M d."""
        d = tilt(lattice, dh, dk, dl)
        return upright_argument(lattice, d.x, d.y, d.z)

    @scalar
    def tilted_slopes(lattice: Any, dh: float, dk: float, dl: float) -> Slopes:
        """Slopes of the upright outline at M d, by d."""
        d = tilt(lattice, dh, dk, dl)
        return tilted_back(lattice, upright_slopes(lattice, d.x, d.y, d.z))

    return upright._replace(lattice=lattice, argument=tilted_argument, slopes=tilted_slopes, tilted=None)
