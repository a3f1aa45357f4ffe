"""Sums that the derivatives by cell and orientation are made of, for two kinds of mosaic domains.

Where the turn U of a domain comes last, its axes U R A0 change with those of the crystal, A0, by the same matrix in
index space, and one sum of g h^T serves cell, misset and scan. In the crystal's own frame they are R Q W Q^T A0 D, with
Q the frame, W the domain's turn there and D its stretch. What changes the cell leaves Q alone and changes Q^T A0, which
is triangular, by a triangular matrix M in index space: the indices change by D M D^-1 h, and M goes with six sums of
(D g)(D^-1 h)^T. What turns crystal and domains, about an axis k seen at spindle 0, changes R^T q by -k x R^T q: it goes
with R^T (b x q), b the derivative by q. These three stand in the places that M leaves free.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba._jit import by_type, scalar
from nbnumba.kernels.arguments import matrix, row_vector
from nbnumba.kernels.slopes import SUM_AXES, LastMotions, Motions, OwnMotions, Q, add_vector, vector_at
from nbnumba.physics.rotation import Matrix
from nbnumba.physics.vector import Vector, cross, plus, scaled

#: Places of M, and of the turn, among the nine.
STRAIN, TURN = (0, 1, 2, 4, 5, 8), (3, 6, 7)


class Last(NamedTuple):
    """A domain that is turned last."""

    spin: Vector  # axis of its turn times angle over spread


class Own(NamedTuple):
    """A domain in the crystal's own frame, at one step of the scan."""

    spin: Vector
    stretch: Vector  # factors on a, b, c
    step: Matrix  # rotation of the scan


Domain = Last | Own


@scalar
def last_domain(motions: LastMotions, m: int) -> Last:
    """Domain of an orientation."""
    return Last(row_vector(motions.spins, m))


@scalar
def own_domain(motions: OwnMotions, m: int) -> Own:
    """Domain of an orientation, of which those of one domain follow each other."""
    count = motions.steps.shape[0]
    return Own(
        row_vector(motions.spins, m), row_vector(motions.stretches, m // count), matrix(motions.steps, m % count)
    )


@by_type({LastMotions: last_domain, OwnMotions: own_domain})
def domain_of(motions: Motions, m: int) -> Domain:
    """Domain of an orientation."""
    raise NotImplementedError


@scalar
def by_q(axes: Matrix, g: Vector) -> Vector:
    """Slope by q, given that by the indices."""
    return plus(plus(scaled(axes.a, g.x), scaled(axes.b, g.y)), scaled(axes.c, g.z))


@scalar
def add_outer(domain: Last, w: np.ndarray, i: int, axes: Matrix, g: Vector, h: Vector) -> None:
    """Add g h^T."""
    add_vector(w, SUM_AXES, i, scaled(h, g.x))
    add_vector(w, SUM_AXES + 3, i, scaled(h, g.y))
    add_vector(w, SUM_AXES + 6, i, scaled(h, g.z))


@scalar
def add_own(domain: Own, w: np.ndarray, i: int, axes: Matrix, g: Vector, h: Vector) -> None:
    """Add the upper triangle of (D g)(D^-1 h)^T, and R^T (b x q) where the rest of it would be."""
    d, step = domain.stretch, domain.step
    h = Vector(h.x / d.x, h.y / d.y, h.z / d.z)
    torque = cross(by_q(axes, g), vector_at(w, Q, i))
    turn = plus(plus(scaled(step.a, torque.x), scaled(step.b, torque.y)), scaled(step.c, torque.z))
    add_vector(w, SUM_AXES, i, scaled(h, d.x * g.x))
    add_vector(w, SUM_AXES + 3, i, Vector(turn.x, d.y * g.y * h.y, d.y * g.y * h.z))
    add_vector(w, SUM_AXES + 6, i, Vector(turn.y, turn.z, d.z * g.z * h.z))


@by_type({Last: add_outer, Own: add_own})
def add_axes(domain: Domain, w: np.ndarray, i: int, axes: Matrix, g: Vector, h: Vector) -> None:
    """Add to the sums for the axes; g: slope by the indices, h: its lever."""
    raise NotImplementedError
