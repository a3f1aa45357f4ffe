"""One step of the sum over layers, sub-pixels, sources, phi steps and domains, which is nanoBragg's.

Its value is w omega capture P F_cell^2 F_latt^2: ``weight`` does not know the crystal, ``intensity`` nothing else.
"""

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.physics.lattice import Lattice, argument
from nbnumba.physics.rotation import Matrix
from nbnumba.physics.scattering import Indices, indices, offsets
from nbnumba.physics.vector import Vector, scaled


class Diffraction(NamedTuple):
    """What one orientation of the lattice makes of a scattering vector."""

    at: Indices
    argument: float  # of the lattice transform


@scalar
def layer_depth(layer: float, thickness: float) -> float:
    """Depth [mm] of the front of a sensor layer, all of one thickness [mm]."""
    return layer * thickness


@scalar
def weight(source: float, omega: float, caught: float, polar: float) -> float:
    """Product of a source's weight, solid angle, caught fraction and polarization."""
    return source * omega * caught * polar


@scalar
def diffraction(axes: Matrix, lattice: Lattice, q: Vector) -> Diffraction:
    """Indices of q [1/A] for the axes a, b, c [A], and the argument of the lattice transform there.

    Indices and their offsets from the nearest reflection are in double precision, the argument in that of the lattice.
    """
    at = indices(axes, q)
    d = offsets(at)
    return Diffraction(at, argument(lattice, d.x, d.y, d.z))


@scalar
def intensity(f_cell: float, f_latt: float) -> float:
    """F_cell^2 F_latt^2."""
    f = f_cell * f_latt
    return f * f


@scalar
def slope_through_lattice(f_cell: float, f_latt: float, slope: Vector) -> Vector:
    """Derivative of F_cell^2 F_latt^2 by something that F_latt depends on, given that of F_latt."""
    return scaled(slope, 2.0 * f_cell * f_cell * f_latt)


@scalar
def slope_through_cell(f_cell: float, f_latt: float, slope: Vector) -> Vector:
    """Derivative of F_cell^2 F_latt^2 by something that F_cell depends on, given that of F_cell."""
    return scaled(slope, 2.0 * f_cell * f_latt * f_latt)
