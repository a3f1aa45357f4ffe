"""Scattering vector q = (d - i)/lambda [1/A] and the indices h = a.q, k = b.q, l = c.q (Laue equations)."""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba._lowered import quotient
from nbnumba.physics.elementary import nearest_integer
from nbnumba.physics.rotation import Matrix, apply
from nbnumba.physics.vector import Vector, dot, length


class Indices(NamedTuple):
    """Fractional Miller indices and the nearest reflection."""

    h: float
    k: float
    l: float  # noqa: E741
    h0: float
    k0: float
    l0: float


@scalar
def scattering_vector(diffracted: Vector, incident: Vector, wavelength: float) -> Vector:
    """Vector q [1/A] between the unit vectors of the incident and the diffracted beam; wavelength [A]."""
    return Vector(
        quotient(diffracted.x - incident.x, wavelength),
        quotient(diffracted.y - incident.y, wavelength),
        quotient(diffracted.z - incident.z, wavelength),
    )


@scalar
def spacing(q: Vector) -> float:
    """Resolution 1/abs(q) [A]; infinity for the direct beam."""
    size = length(q)
    return 1.0 / size if size > 0.0 else math.inf


@scalar
def beyond(q: Vector, dmin: float) -> bool:
    """Whether the spacing 1/abs(q) [A] is smaller than ``dmin`` [A]."""
    return dot(q, q) * dmin * dmin > 1.0


@scalar
def indices(cell: Matrix, q: Vector) -> Indices:
    """Indices of q [1/A] in the lattice whose axes [A] are the rows of ``cell``."""
    hkl = apply(cell, q)
    return Indices(hkl.x, hkl.y, hkl.z, nearest_integer(hkl.x), nearest_integer(hkl.y), nearest_integer(hkl.z))


@scalar
def offsets(at: Indices) -> Vector:
    """Distances dh, dk, dl of the indices from the nearest reflection."""
    return Vector(at.h - at.h0, at.k - at.k0, at.l - at.l0)
