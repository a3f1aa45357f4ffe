"""The transform of the crystal's outline, one shape a file; functions choose by the type of the lattice.

F_latt is a function of one number, the ``argument``: a squared distance from the reflection for most shapes. The loops
find all arguments first, and take the ``transform`` where it has not come to its ``end``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from nbnumba._jit import by_type, scalar
from nbnumba.physics.lattice.gauss import GAUSS, GAUSS_STAR
from nbnumba.physics.lattice.lorentz import LORENTZ
from nbnumba.physics.lattice.round import ROUND
from nbnumba.physics.lattice.shape import Shape
from nbnumba.physics.lattice.slopes import Slopes
from nbnumba.physics.lattice.square import SQUARE
from nbnumba.physics.lattice.tilted import tilted
from nbnumba.physics.lattice.tophat import TOPHAT, TOPHAT_STAR
from nbnumba.physics.vector import Vector

Lattice = Any  # ``lattice`` of one of the shapes

#: The shapes by the name that users give them.
SHAPES: dict[str, Shape] = {
    "square": SQUARE,
    "round": ROUND,
    "gauss": GAUSS,
    "gauss_star": GAUSS_STAR,
    "tophat": TOPHAT,
    "tophat_star": TOPHAT_STAR,
    "lorentz": LORENTZ,
}
#: Those whose numbers of cells may be a matrix, as they are then.
TILTED: dict[str, Shape] = {n: tilted(shape, shape.tilted) for n, shape in SHAPES.items() if shape.tilted is not None}


def _of_each(part: str) -> dict[type, Callable[..., Any]]:
    """A function of every shape, by the type of its lattice."""
    return {shape.lattice: getattr(shape, part) for shape in (*SHAPES.values(), *TILTED.values())}


@by_type(_of_each("argument"))
def argument(lattice: Lattice, dh: float, dk: float, dl: float) -> float:
    """What F_latt is a function of, at the offsets dh, dk, dl from the nearest reflection."""
    raise NotImplementedError


@by_type(_of_each("transform"))
def transform(lattice: Lattice, argument: float) -> float:
    """F_latt; its sign has no meaning."""
    raise NotImplementedError


@by_type(_of_each("end"))
def end(lattice: Lattice) -> float:
    """Argument from which on F_latt is 0; infinity where it dies away slowly."""
    raise NotImplementedError


@scalar
def amplitude(lattice: Lattice, dh: float, dk: float, dl: float) -> float:
    """F_latt at the offsets dh, dk, dl from the nearest reflection."""
    return transform(lattice, argument(lattice, dh, dk, dl))


class Along(NamedTuple):
    """A number for each of the axes a, b, c."""

    a: float
    b: float
    c: float


@scalar
def along_axes(lattice: Lattice, dh: float, dk: float, dl: float) -> Along:
    """F_latt of each axis by itself: N_a at dh = 0, with no offset along the others.

    For outlines that are products over the axes ("square", "gauss") F_latt is the product of the three.
    """
    peak = amplitude(lattice, 0.0, 0.0, 0.0)
    return Along(
        lattice.na * amplitude(lattice, dh, 0.0, 0.0) / peak,
        lattice.nb * amplitude(lattice, 0.0, dk, 0.0) / peak,
        lattice.nc * amplitude(lattice, 0.0, 0.0, dl) / peak,
    )


@by_type(_of_each("slopes"))
def slopes(lattice: Lattice, dh: float, dk: float, dl: float) -> Slopes:
    """F_latt with its derivatives."""
    raise NotImplementedError


@by_type(_of_each("lever"))
def lever(lattice: Lattice, h: Vector) -> Vector:
    """What the slopes by the indices are multiplied with to get those by the cell axes."""
    raise NotImplementedError
