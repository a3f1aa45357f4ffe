"""Points of reciprocal space that no orientation of the crystal can give any value."""

from __future__ import annotations

from nbnumba._jit import scalar
from nbnumba.kernels.arguments import Reach
from nbnumba.physics.rotation import Matrix
from nbnumba.physics.scattering import indices
from nbnumba.physics.vector import Vector, length


@scalar
def within_reach(q: Vector, axes: Matrix, reach: Reach) -> bool:
    """Whether any orientation may bring q close enough to a reflection, judged by the first of them."""
    at, size = indices(axes, q), length(q)
    near_h = abs(at.h - at.h0) < reach.h + reach.drift_h * size
    near_k = abs(at.k - at.k0) < reach.k + reach.drift_k * size
    near_l = abs(at.l - at.l0) < reach.l + reach.drift_l * size
    return near_h and near_k and near_l
