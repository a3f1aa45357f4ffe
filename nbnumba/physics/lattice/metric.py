"""Squared distance from the nearest reflection, in the two metrics that nanoBragg has.

Both functions read the fields they need from a lattice that has them: numbers of cells na, nb, nc, and the products
a*.a*, b*.b*, c*.c*, b*.c*, c*.a*, a*.b* [1/A^2] as aa, bb, cc, bc, ca, ab.
"""

from typing import Any

from nbnumba._jit import scalar


@scalar
def index_square(lattice: Any, dh: float, dk: float, dl: float) -> float:
    """rho = (Na dh)^2 + (Nb dk)^2 + (Nc dl)^2, the metric of cctbx's simtbx."""
    a = lattice.na * dh
    b = lattice.nb * dk
    c = lattice.nc * dl
    return a * a + b * b + c * c


@scalar
def reciprocal_square(lattice: Any, dh: float, dk: float, dl: float) -> float:
    """rho = (Na Nb Nc)^2 abs(dh a* + dk b* + dl c*)^2 with a* in 1/A, the metric of nanoBragg since 2023."""
    count = lattice.na * lattice.nb * lattice.nc
    a = lattice.aa * dh + (lattice.ab + lattice.ab) * dk + (lattice.ca + lattice.ca) * dl
    b = lattice.bb * dk + (lattice.bc + lattice.bc) * dl
    return count * count * (dh * a + dk * b + dl * (lattice.cc * dl))
