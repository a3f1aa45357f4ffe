"""What the loops know of a shape; each file of this folder ends with its own."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from nbnumba._jit import scalar
from nbnumba.physics.elementary import nearest_integer
from nbnumba.physics.vector import Vector


@scalar
def endless(lattice: Any) -> float:
    """No argument is so large that F_latt is 0 from there on."""
    return math.inf


@scalar
def moving(lattice: Any, h: Vector) -> Vector:
    """F_latt depends on the indices alone: h itself."""
    return h


@scalar
def standing(lattice: Any, h: Vector) -> Vector:
    """F_latt depends on a distance in reciprocal space, in which the axes move the nearest reflection."""
    return Vector(nearest_integer(h.x), nearest_integer(h.y), nearest_integer(h.z))


class Upright(NamedTuple):
    """Parameters in the index metric; each shape has a class of its own, by whose type functions choose."""

    na: float  # unit cells along a, b, c
    nb: float
    nc: float
    fudge: float  # on the squared radius


class Tilted(NamedTuple):
    """The same of tilted outlines: n, three times, and the elements of M of ``tilted`` too."""

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


class Shape(NamedTuple):
    """A shape's parameters and functions; all of these take the parameters first.

    Fields of ``lattice`` are looked up by name: the numbers of cells na, nb, nc, the factor fudge, the products of
    reciprocal axes as ``metric`` names them, the elements of a matrix as ``tilted`` does; ``least`` and ``end``, which
    have defaults, serve the loops.
    """

    lattice: type  # a NamedTuple
    argument: Callable[..., float]  # of the offsets dh, dk, dl: what F_latt is a function of
    transform: Callable[..., float]  # of the argument: F_latt
    slopes: Callable[..., Any]  # of the offsets: F_latt with its derivatives
    end: Callable[..., float] = endless  # the argument from which on F_latt is 0: a quadratic form up to there
    lever: Callable[..., Vector] = moving  # of h, k, l: ``standing`` where the reciprocal axes are among the parameters
    edge: bool = False  # whether F_latt jumps somewhere, and has no derivatives
    tilted: type | None = None  # ``lattice`` with the elements of a matrix, where the argument is a function of rho

    @property
    def reciprocal(self) -> bool:
        """Whether F_latt depends on the reciprocal axes."""
        return self.lever is standing
