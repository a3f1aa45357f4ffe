"""The loop nest on the CPU: rows in parallel; layers, sub-pixels, sources, phi steps and domains; pixels innermost.

The innermost loops run over a tile of pixels of one row, so that everything which no pixel changes is computed once a
tile and the compiler can vectorise the rest. A tile's quantities wait in small arrays between those loops.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from nbnumba._jit import by_type, call, loop, scalar
from nbnumba.kernels.arguments import Arguments, Region, Sensor, matrix, panel_of, row_vector
from nbnumba.physics.absorption import capture
from nbnumba.physics.lattice import Lattice
from nbnumba.physics.pixel import CurvedPanel, FlatPanel, parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization
from nbnumba.physics.rotation import Matrix, turn
from nbnumba.physics.scattering import beyond, scattering_vector
from nbnumba.physics.step import diffraction, intensity, layer_depth, weight
from nbnumba.physics.structure_factor import Nearest, Structure, Tricubic, Uniform, address, cell_amplitude, covered
from nbnumba.physics.vector import Vector

TILE = 256
#: Loops run over whole groups of pixels, so that every pixel takes the same path through vector code wherever its tile
#: begins.
GROUP = 32


class Tile(NamedTuple):
    """What is known of each pixel of a tile; float64 arrays of ``TILE`` elements."""

    fast: np.ndarray  # pixel number along fast
    counted: np.ndarray  # 1, or 0 for a pixel that is there to fill a group
    dx: np.ndarray  # direction of the diffracted beam
    dy: np.ndarray
    dz: np.ndarray
    distance: np.ndarray  # [mm]
    omega: np.ndarray  # solid angle
    caught: np.ndarray  # fraction of photons caught
    polar: np.ndarray  # polarization factor
    qx: np.ndarray  # scattering vector [1/A]
    qy: np.ndarray
    qz: np.ndarray
    weight: np.ndarray  # product of all factors but F_cell^2 F_latt^2
    value: np.ndarray  # F_latt of one step
    place: np.ndarray  # of the nearest reflection in the table
    total: np.ndarray  # sum over steps


@scalar
def new_tile(space: np.ndarray) -> Tile:
    """Tile in the rows of a (16, TILE) array."""
    return Tile(
        space[0], space[1], space[2], space[3], space[4], space[5], space[6], space[7],
        space[8], space[9], space[10], space[11], space[12], space[13], space[14], space[15],
    )  # fmt: skip


@scalar
def select(tile: Tile, region: Region, slow: int, first: int) -> int:
    """Note the pixels of the row from ``first`` on that are to be rendered; their number, at most ``TILE``.

    The last one is repeated to fill the groups.
    """
    count = 0
    for fast in range(first, min(first + TILE, region.fast_stop)):
        if region.mask.size == 0 or region.mask[slow, fast]:
            tile.fast[count] = fast
            tile.counted[count] = 1.0
            count += 1
    if count > 0:
        for i in range(count, TILE):
            tile.fast[i] = tile.fast[count - 1]
            tile.counted[i] = 0.0
    return count


@scalar
def aim(
    tile: Tile, n: int, panel: FlatPanel | CurvedPanel, slow: float, sub: float, oversample: float, depth: float
) -> None:
    """Directions and distances of the sub-pixels: ``slow`` offset [mm], sub-pixel number ``sub`` along fast."""
    for i in range(n):
        fast = subpixel_center(tile.fast[i], sub, oversample, panel.pixel_size)
        ray = ray_to(position(panel, fast, slow, depth))
        tile.dx[i] = ray.direction.x
        tile.dy[i] = ray.direction.y
        tile.dz[i] = ray.direction.z
        tile.distance[i] = ray.distance


@scalar
def open_angle(tile: Tile, n: int, panel: FlatPanel | CurvedPanel) -> None:
    """Solid angles."""
    for i in range(n):
        tile.omega[i] = solid_angle(tile.distance[i], panel.pixel_size, panel.close_distance, panel.point_pixels)


@scalar
def catch(tile: Tile, n: int, sensor: Sensor, layer: float, panel: FlatPanel | CurvedPanel) -> None:
    """Fractions caught in one layer."""
    if sensor.mu == 0.0:
        tile.caught[:n] = 1.0
        return
    for i in range(n):
        rho = parallax(panel, Vector(tile.dx[i], tile.dy[i], tile.dz[i]))
        tile.caught[i] = capture(layer, sensor.thickness, sensor.mu, rho)


@scalar
def polarize(tile: Tile, n: int, incident: Vector, field: Fields, kahn: float) -> None:
    """Polarization factors."""
    for i in range(n):
        tile.polar[i] = polarization(Vector(tile.dx[i], tile.dy[i], tile.dz[i]), incident, field, kahn)


@scalar
def scatter(tile: Tile, n: int, incident: Vector, wavelength: float) -> None:
    """Scattering vectors."""
    for i in range(n):
        q = scattering_vector(Vector(tile.dx[i], tile.dy[i], tile.dz[i]), incident, wavelength)
        tile.qx[i] = q.x
        tile.qy[i] = q.y
        tile.qz[i] = q.z


@scalar
def weigh(tile: Tile, n: int, source: float) -> None:
    """Product of the factors that do not depend on the crystal."""
    for i in range(n):
        tile.weight[i] = tile.counted[i] * weight(source, tile.omega[i], tile.caught[i], tile.polar[i])


@scalar
def cut(tile: Tile, n: int, dmin: float) -> bool:
    """Drop what lies beyond the resolution limit; whether anything is left."""
    left = False
    for i in range(n):
        if beyond(Vector(tile.qx[i], tile.qy[i], tile.qz[i]), dmin):
            tile.weight[i] = 0.0
        else:
            left = True
    return left


@scalar
def add_plain(structure: Uniform | Tricubic, tile: Tile, n: int, axes: Matrix, lattice: Lattice) -> int:
    """Add one orientation; the number of points that could not be interpolated."""
    outside = 0
    for i in range(n):
        step = diffraction(axes, lattice, Vector(tile.qx[i], tile.qy[i], tile.qz[i]))
        tile.total[i] += tile.weight[i] * intensity(cell_amplitude(structure, step.at), step.f_latt)
        if tile.weight[i] != 0.0 and not covered(structure, step.at):
            outside += 1
    return outside


@scalar
def add_nearest(structure: Nearest, tile: Tile, n: int, axes: Matrix, lattice: Lattice) -> int:
    """Add one orientation, nearest reflections.

    Two loops, because a compiler that cannot tell the table from the tile would not vectorise a single one.
    """
    for i in range(n):
        step = diffraction(axes, lattice, Vector(tile.qx[i], tile.qy[i], tile.qz[i]))
        tile.value[i] = step.f_latt
        tile.place[i] = address(structure, step.at.h0, step.at.k0, step.at.l0)
    for i in range(n):
        tile.total[i] += tile.weight[i] * intensity(structure.values[int(tile.place[i])], tile.value[i])
    return 0


@by_type({Uniform: add_plain, Nearest: add_nearest, Tricubic: add_plain})
def add_orientation(structure: Structure, tile: Tile, n: int, axes: Matrix, lattice: Lattice) -> int:
    """Add F_cell^2 F_latt^2 of one orientation of the lattice to the sums of a tile."""
    raise NotImplementedError


@loop()
def add_crystal(tile: Tile, n: int, arguments: Arguments) -> int:
    """Add all phi steps and domains."""
    outside = 0
    cells = arguments.orientations.cells
    domains = arguments.orientations.domains
    for i in range(cells.shape[0]):
        for m in range(domains.shape[0]):
            axes = turn(matrix(domains, m), matrix(cells, i))
            outside += add_orientation(arguments.structure, tile, n, axes, arguments.lattice)
    return outside


@scalar
def add_sources(tile: Tile, n: int, arguments: Arguments, first: bool) -> int:
    """Add all sources; ``first``: at the first sub-pixel of the first layer."""
    outside = 0
    light, steps = arguments.illumination, arguments.steps
    for source in range(light.weight.size):
        incident = row_vector(light.incident, source)
        if light.polarized and ((first and source == 0) or not steps.one_polarization):
            field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
            polarize(tile, n, incident, field, light.kahn)
        scatter(tile, n, incident, light.wavelength[source])
        weigh(tile, n, light.weight[source])
        if steps.dmin == 0.0 or cut(tile, n, steps.dmin):
            outside += add_crystal(tile, n, arguments)
    return outside


@scalar
def add_tile(tile: Tile, n: int, slow: int, arguments: Arguments) -> int:
    """Sum of a tile over layers and sub-pixels, and what they contain."""
    outside = 0
    panel, sensor, steps = panel_of(arguments.sheet), arguments.sensor, arguments.steps
    tile.total[:] = 0.0
    tile.polar[:] = 1.0
    for layer in range(sensor.layers):
        for sub_slow in range(steps.oversample):
            offset = subpixel_center(slow, sub_slow, steps.oversample, panel.pixel_size)
            for sub_fast in range(steps.oversample):
                first = layer == 0 and sub_slow == 0 and sub_fast == 0
                aim(tile, n, panel, offset, sub_fast, steps.oversample, layer_depth(layer, sensor.thickness))
                if first or not steps.one_solid_angle:
                    open_angle(tile, n, panel)
                catch(tile, n, sensor, layer, panel)
                outside += add_sources(tile, n, arguments, first)
    return outside


@loop()
def render_row(image, slow, sheet, sensor, illumination, orientations, lattice, structure, steps, region, scale):  # type: ignore[no-untyped-def]
    """Render one row, given the fields of ``Arguments`` one by one: parallel loops cannot take nested tuples."""
    arguments = Arguments(sheet, sensor, illumination, orientations, lattice, structure, steps, region, scale)
    outside = 0
    tile = new_tile(np.empty((16, TILE)))
    for first in range(region.fast_start, region.fast_stop, TILE):
        count = select(tile, region, slow, first)
        if count > 0:
            outside += add_tile(tile, (count + GROUP - 1) // GROUP * GROUP, slow, arguments)
            for i in range(count):
                image[slow, int(tile.fast[i])] = scale * tile.total[i]
    return outside


@loop(parallel=True)
def render_rows(  # type: ignore[no-untyped-def]
    image, start, stop, sheet, sensor, illumination, orientations, lattice, structure, steps, region, scale
):
    """Render rows start ... stop - 1 of the image [photons]; the number of points outside the interpolation table."""
    outside = 0
    for slow in prange(start, stop):
        outside += render_row(
            image, slow, sheet, sensor, illumination, orientations, lattice, structure, steps, region, scale
        )
    return outside


def render(arguments: Arguments, image: np.ndarray, start: int, stop: int) -> int:
    """Render rows start ... stop - 1 of the image in place; the number of points that could not be interpolated."""
    return int(call(render_rows, image, start, stop, *arguments))
