"""A tile: up to 256 pixels of one row, at one sub-pixel of one layer, as arrays that wait between short loops.

Each loop here computes one quantity for all pixels of a tile, so that what no pixel changes is computed once and the
compiler can vectorise the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba._jit import scalar
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
GROUP = 32


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


@scalar
def new_tile() -> Tile:
    """A tile."""
    space = np.empty((8, TILE))
    return Tile(space[0], space[1], space[2], space[3], space[4], space[5], space[6], space[7])


@scalar
def whole_groups(count: int) -> int:
    """Number of pixels when the last group is filled up."""
    return (count + GROUP - 1) // GROUP * GROUP


@scalar
def select(tile: Tile, region: Region, slow: int, first: int) -> int:
    """Note the pixels of the row from ``first`` on that are to be rendered; their number, at most ``TILE``.

    The last one is repeated to fill its group.
    """
    count = 0
    for fast in range(first, min(first + TILE, region.fast_stop)):
        if region.mask.size == 0 or region.mask[slow, fast]:
            tile.fast[count] = fast
            count += 1
    for i in range(count, whole_groups(count)):
        tile.fast[i] = tile.fast[count - 1]
    return count


@scalar
def aim(
    tile: Tile,
    n: int,
    panel: FlatPanel | CurvedPanel,
    slow: float,
    sub: float,
    oversample: float,
    depth: float,
    open_angle: bool,
) -> None:
    """Directions, and solid angles if asked for: ``slow`` offset [mm], sub-pixel number ``sub`` along fast."""
    for i in range(n):
        fast = subpixel_center(tile.fast[i], sub, oversample, panel.pixel_size)
        ray = ray_to(position(panel, fast, slow, depth))
        tile.dx[i] = ray.direction.x
        tile.dy[i] = ray.direction.y
        tile.dz[i] = ray.direction.z
        if open_angle:
            tile.omega[i] = solid_angle(ray.distance, panel.pixel_size, panel.close_distance, panel.point_pixels)


@scalar
def catch(tile: Tile, n: int, sensor: Sensor, layer: float, panel: FlatPanel | CurvedPanel) -> None:
    """Fractions caught in one layer of a sensor."""
    for i in range(n):
        rho = parallax(panel, Vector(tile.dx[i], tile.dy[i], tile.dz[i]))
        tile.caught[i] = capture(layer, sensor.thickness, sensor.mu, rho)


@scalar
def polarize(tile: Tile, n: int, light: Illumination, source: int) -> None:
    """Polarization factors for one source."""
    incident = row_vector(light.incident, source)
    field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
    for i in range(n):
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
    weight: np.ndarray  # narrow: product of all factors but F_cell^2 F_latt^2
    argument: np.ndarray  # narrow: of the lattice transform
    f_cell: np.ndarray  # narrow
    place: np.ndarray  # int32, of the nearest reflection in the table


@scalar
def new_points(model: np.ndarray) -> Points:
    """Points whose narrow arrays have the type of a model."""
    wide = np.empty((7, TILE))
    narrow = np.empty((3, TILE), model.dtype)
    whole = np.empty((2, TILE), np.int32)
    return Points(
        whole[0],
        wide[0],
        wide[1],
        wide[2],
        wide[3],
        wide[4],
        wide[5],
        wide[6],
        narrow[0],
        narrow[1],
        narrow[2],
        whole[1],
    )


@scalar
def scatter(points: Points, tile: Tile, n: int, light: Illumination, source: int) -> None:
    """Scattering vectors of all pixels for one source, and the factors that do not depend on the crystal."""
    incident, wavelength = row_vector(light.incident, source), light.wavelength[source]
    for i in range(n):
        q = scattering_vector(Vector(tile.dx[i], tile.dy[i], tile.dz[i]), incident, wavelength)
        points.qx[i] = q.x
        points.qy[i] = q.y
        points.qz[i] = q.z
        points.weight[i] = weight(light.weight[source], tile.omega[i], tile.caught[i], tile.polar[i])
        points.total[i] = 0.0


@scalar
def in_groups(points: Points) -> Points:
    """The same arrays with a row for each group: a compiler sees how long a row is, and that no index is negative."""
    rows = (TILE // GROUP, GROUP)
    return Points(
        points.pixel.reshape(rows), points.qx.reshape(rows), points.qy.reshape(rows), points.qz.reshape(rows),
        points.h.reshape(rows), points.k.reshape(rows), points.l.reshape(rows), points.total.reshape(rows),
        points.weight.reshape(rows), points.argument.reshape(rows), points.f_cell.reshape(rows),
        points.place.reshape(rows),
    )  # fmt: skip
