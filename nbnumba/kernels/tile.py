"""A tile: up to 256 pixels of one row, at one sub-pixel of one layer, as arrays that wait between short loops.

Each loop here computes one quantity for all pixels of a tile, so that what no pixel changes is computed once and the
compiler can vectorise the rest. The loops always run over whole tiles: a length known to the compiler is worth more
than the work on pixels that fill the last one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba._jit import scalar
from nbnumba._lowered import borrowed, wide_vectors
from nbnumba.kernels.arguments import Illumination, Region, Sensor, row_vector
from nbnumba.physics.absorption import capture
from nbnumba.physics.pixel import CurvedPanel, FlatPanel, parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization
from nbnumba.physics.scattering import scattering_vector
from nbnumba.physics.step import weight
from nbnumba.physics.vector import Vector

TILE = 256
#: Loops run over whole groups of pixels, so that every pixel takes the same path through vector code wherever its tile
#: begins; a group is short enough for the processor to look up one while it computes the next.
GROUP = 64


class Tile(NamedTuple):
    """What is known of each pixel; float64 arrays of ``TILE`` elements."""

    fast: np.ndarray  # pixel number along fast
    dx: np.ndarray  # direction of the diffracted beam
    dy: np.ndarray
    dz: np.ndarray
    omega: np.ndarray  # solid angle
    caught: np.ndarray  # fraction of photons caught
    polar: np.ndarray  # polarization factor
    total: np.ndarray  # sum over steps


class Space(NamedTuple):
    """Memory for a tile and its points."""

    pixels: np.ndarray  # (8, TILE) float64
    wide: np.ndarray  # (8, TILE) float64
    narrow: np.ndarray  # (2, TILE) in the precision of the loops
    whole: np.ndarray  # (2, TILE) int32


@scalar
def new_space(model: np.ndarray) -> Space:
    """Memory whose narrow arrays have the type of a model."""
    return Space(
        np.empty((8, TILE)), np.empty((8, TILE)), np.empty((2, TILE), model.dtype), np.empty((2, TILE), np.int32)
    )


@scalar
def row(array: np.ndarray, i: int) -> np.ndarray:
    """Row of an array, which the space keeps alive."""
    return borrowed(array[i])


@scalar
def tile_in(space: Space) -> Tile:
    """The tile of a space, which has to outlive it."""
    p = space.pixels
    return Tile(row(p, 0), row(p, 1), row(p, 2), row(p, 3), row(p, 4), row(p, 5), row(p, 6), row(p, 7))


@scalar
def whole_groups(count: int) -> int:
    """Number of pixels when the last group is filled up."""
    return (count + GROUP - 1) // GROUP * GROUP


@scalar
def select(tile: Tile, region: Region, slow: int, first: int) -> int:
    """Note the pixels of the row from ``first`` on that are to be rendered; their number, at most ``TILE``.

    The last one is repeated to fill the tile.
    """
    count = 0
    for fast in range(first, min(first + TILE, region.fast_stop)):
        if region.mask.size == 0 or region.mask[slow, fast]:
            tile.fast[count] = fast
            count += 1
    if count > 0:
        for i in range(count, TILE):
            tile.fast[i] = tile.fast[count - 1]
    return count


@scalar
def aim(
    tile: Tile,
    panel: FlatPanel | CurvedPanel,
    slow: float,
    sub: float,
    oversample: float,
    depth: float,
    open_angle: bool,
) -> None:
    """Directions, and solid angles if asked for: ``slow`` offset [mm], sub-pixel number ``sub`` along fast."""
    wide_vectors()
    for i in range(TILE):
        fast = subpixel_center(tile.fast[i], sub, oversample, panel.pixel_size)
        ray = ray_to(position(panel, fast, slow, depth))
        tile.dx[i] = ray.direction.x
        tile.dy[i] = ray.direction.y
        tile.dz[i] = ray.direction.z
        if open_angle:
            tile.omega[i] = solid_angle(ray.distance, panel.pixel_size, panel.close_distance, panel.point_pixels)


@scalar
def catch(tile: Tile, sensor: Sensor, layer: float, panel: FlatPanel | CurvedPanel) -> None:
    """Fractions caught in one layer of a sensor."""
    wide_vectors()
    for i in range(TILE):
        rho = parallax(panel, Vector(tile.dx[i], tile.dy[i], tile.dz[i]))
        tile.caught[i] = capture(layer, sensor.thickness, sensor.mu, rho)


@scalar
def polarize(tile: Tile, light: Illumination, source: int) -> None:
    """Polarization factors for one source."""
    wide_vectors()
    incident = row_vector(light.incident, source)
    field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
    for i in range(TILE):
        tile.polar[i] = polarization(Vector(tile.dx[i], tile.dy[i], tile.dz[i]), incident, field, light.kahn)


class Points(NamedTuple):
    """Where a source meets the lattice: one point for each pixel, or fewer; arrays of ``TILE`` elements, or of groups.

    Those that are "narrow" have the precision of the loops, the others are float64.
    """

    pixel: np.ndarray  # int32, place of its pixel in the tile
    qx: np.ndarray  # scattering vector [1/A]
    qy: np.ndarray
    qz: np.ndarray
    h: np.ndarray  # indices
    k: np.ndarray
    l: np.ndarray  # noqa: E741
    total: np.ndarray  # sum over phi steps and domains
    argument: np.ndarray  # of the lattice transform
    weight: np.ndarray  # narrow: product of all factors but F_cell^2 F_latt^2
    f_cell: np.ndarray  # narrow
    place: np.ndarray  # int32, of the nearest reflection in the table


@scalar
def points_in(space: Space) -> Points:
    """The points of a space, which has to outlive them."""
    whole, w, n = space.whole, space.wide, space.narrow
    return Points(
        row(whole, 0), row(w, 0), row(w, 1), row(w, 2), row(w, 3), row(w, 4), row(w, 5), row(w, 6),
        row(w, 7), row(n, 0), row(n, 1), row(whole, 1),
    )  # fmt: skip


@scalar
def scatter(points: Points, tile: Tile, light: Illumination, source: int) -> None:
    """Scattering vectors of all pixels for one source, and the factors that do not depend on the crystal."""
    wide_vectors()
    incident, wavelength = row_vector(light.incident, source), light.wavelength[source]
    for i in range(TILE):
        q = scattering_vector(Vector(tile.dx[i], tile.dy[i], tile.dz[i]), incident, wavelength)
        points.qx[i] = q.x
        points.qy[i] = q.y
        points.qz[i] = q.z
        points.weight[i] = weight(light.weight[source], tile.omega[i], tile.caught[i], tile.polar[i])
        points.total[i] = 0.0


@scalar
def row_in_groups(array: np.ndarray, i: int) -> np.ndarray:
    """Row of an array as a row for each group, which the space keeps alive."""
    return borrowed(array[i].reshape((TILE // GROUP, GROUP)))


@scalar
def groups_in(space: Space) -> Points:
    """The same points by group and number: a compiler sees how long a group is, and that no index is negative."""
    whole, w, n = space.whole, space.wide, space.narrow
    return Points(
        row_in_groups(whole, 0), row_in_groups(w, 0), row_in_groups(w, 1), row_in_groups(w, 2), row_in_groups(w, 3),
        row_in_groups(w, 4), row_in_groups(w, 5), row_in_groups(w, 6), row_in_groups(w, 7), row_in_groups(n, 0),
        row_in_groups(n, 1), row_in_groups(whole, 1),
    )  # fmt: skip
