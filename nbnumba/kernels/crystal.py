"""The two innermost loops of the nest, over phi steps and mosaic domains, for the points of a tile.

Points where no step can have any value are dropped first. Of the others, a group is passed over for one orientation
where the lattice transform vanishes for all of it.
"""

from __future__ import annotations

import numpy as np

from nbnumba._jit import by_type, scalar
from nbnumba._lowered import wide_vectors
from nbnumba.kernels.arguments import Arguments, matrix
from nbnumba.kernels.reach import within_reach
from nbnumba.kernels.tile import GROUP, TILE, Points, Tile, whole_groups
from nbnumba.physics.elementary import nearest_integer
from nbnumba.physics.lattice import Lattice, end, transform
from nbnumba.physics.rotation import Matrix, turn
from nbnumba.physics.scattering import Indices, beyond
from nbnumba.physics.step import diffraction, intensity
from nbnumba.physics.structure_factor import (
    NOT_NEGATIVE,
    Nearest,
    Structure,
    Tricubic,
    Uniform,
    address,
    cell_amplitude,
    covered,
)
from nbnumba.physics.vector import Vector


@scalar
def drops(arguments: Arguments) -> bool:
    """Whether there may be points that no step gives any value."""
    return arguments.steps.dmin > 0.0 or arguments.reach.limited


@scalar
def keep(points: Points, count: int, arguments: Arguments) -> int:
    """Drop points past the resolution limit or out of reach of any reflection; how many are left.

    The last one is repeated, with no weight, to fill its group.
    """
    left = count
    if drops(arguments):
        left = 0
        dmin, reach = arguments.steps.dmin, arguments.reach
        axes = turn(matrix(arguments.orientations.turns, 0), matrix(arguments.orientations.cells, 0))
        for i in range(count):
            q = Vector(points.qx[i], points.qy[i], points.qz[i])
            if (dmin == 0.0 or not beyond(q, dmin)) and (not reach.limited or within_reach(q, axes, reach)):
                points.pixel[left] = i
                points.qx[left] = q.x
                points.qy[left] = q.y
                points.qz[left] = q.z
                points.weight[left] = points.weight[i]
                left += 1
    if left > 0:
        for i in range(left, whole_groups(left)):
            points.qx[i] = points.qx[left - 1]
            points.qy[i] = points.qy[left - 1]
            points.qz[i] = points.qz[left - 1]
            points.weight[i] = 0.0
    return left


@scalar
def collect(tile: Tile, points: Points, left: int, arguments: Arguments) -> None:
    """Add the sums of the points to those of their pixels."""
    if drops(arguments):
        for i in range(left):
            tile.total[points.pixel[i]] += points.total[i]
    else:
        for i in range(TILE):
            tile.total[i] += points.total[i]


@scalar
def note_nothing(structure: Uniform, points: Points, group: int, i: int, at: Indices) -> None:
    """All reflections are alike."""


@scalar
def note_place(structure: Nearest, points: Points, group: int, i: int, at: Indices) -> None:
    """Place of the nearest reflection."""
    points.place[group, i] = np.int32(address(structure, at.h0, at.k0, at.l0))


@scalar
def note_indices(structure: Tricubic, points: Points, group: int, i: int, at: Indices) -> None:
    """Fractional indices."""
    points.h[group, i] = at.h
    points.k[group, i] = at.k
    points.l[group, i] = at.l


@by_type({Uniform: note_nothing, Nearest: note_place, Tricubic: note_indices})
def note(structure: Structure, points: Points, group: int, i: int, at: Indices) -> None:
    """Note what is needed to look up F_cell of a point."""
    raise NotImplementedError


@scalar
def look_up_nothing(structure: Uniform, points: Points, group: int) -> int:
    """All reflections are alike."""
    for i in range(GROUP):
        points.f_cell[group, i] = structure.value
    return 0


@scalar
def look_up_nearest(structure: Nearest, points: Points, group: int) -> int:
    """Copy from the table, in a loop of its own: one that does more would not vectorise, for all that is known of the
    table."""
    for i in range(GROUP):
        points.f_cell[group, i] = structure.values[points.place[group, i] & NOT_NEGATIVE]
    return 0


@scalar
def look_up_tricubic(structure: Tricubic, points: Points, group: int) -> int:
    """Interpolate; the number of points where that is not possible."""
    outside = 0
    for i in range(GROUP):
        h, k, l = points.h[group, i], points.k[group, i], points.l[group, i]  # noqa: E741
        at = Indices(h, k, l, nearest_integer(h), nearest_integer(k), nearest_integer(l))
        points.f_cell[group, i] = cell_amplitude(structure, at)
        if points.weight[group, i] != 0.0 and not covered(structure, at):
            outside += 1
    return outside


@by_type({Uniform: look_up_nothing, Nearest: look_up_nearest, Tricubic: look_up_tricubic})
def look_up(structure: Structure, points: Points, group: int) -> int:
    """F_cell of a group; the number of points that could not be interpolated."""
    raise NotImplementedError


@scalar
def add_group(points: Points, group: int, axes: Matrix, lattice: Lattice, structure: Structure) -> int:
    """Add F_cell^2 F_latt^2 of one orientation to the sums of a group; the number that could not be interpolated."""
    wide_vectors()
    lit = 0
    for i in range(GROUP):
        step = diffraction(axes, lattice, Vector(points.qx[group, i], points.qy[group, i], points.qz[group, i]))
        points.argument[group, i] = step.argument
        note(structure, points, group, i, step.at)
        lit += 1 if step.argument < end(lattice) else 0
    if lit == 0:
        return 0
    outside = look_up(structure, points, group)
    for i in range(GROUP):
        points.total[group, i] += points.weight[group, i] * intensity(
            points.f_cell[group, i], transform(lattice, points.argument[group, i])
        )
    return outside


@scalar
def add_crystal(groups: Points, count: int, arguments: Arguments) -> int:
    """Add all phi steps and domains to the sums of ``count`` points; the number that could not be interpolated."""
    outside = 0
    cells = arguments.orientations.cells
    turns = arguments.orientations.turns
    for i in range(cells.shape[0]):
        for m in range(turns.shape[0]):
            axes = turn(matrix(turns, m), matrix(cells, i))
            for group in range(whole_groups(count) // GROUP):
                outside += add_group(groups, group, axes, arguments.lattice, arguments.structure)
    return outside
