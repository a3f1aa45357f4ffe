"""The loop nest on the CPU: rows in parallel; tiles of pixels; layers, sub-pixels, sources, phi steps and domains.

What happens to a tile is in ``tile``, what the crystal makes of it in ``crystal``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from nbnumba._jit import loop, scalar
from nbnumba._lowered import borrowed, wide_vectors
from nbnumba._run import call_parallel
from nbnumba.kernels.arguments import Arguments, panel_of
from nbnumba.kernels.crystal import add_crystal, collect, keep
from nbnumba.kernels.tile import (
    TILE,
    Points,
    Tile,
    aim,
    catch,
    groups_in,
    new_space,
    points_in,
    polarize,
    scatter,
    select,
    tile_in,
)
from nbnumba.physics.pixel import subpixel_center
from nbnumba.physics.step import layer_depth


@scalar
def add_sources(tile: Tile, points: Points, groups: Points, count: int, arguments: Arguments, first: bool) -> int:
    """Add all sources; ``first``: at the first sub-pixel of the first layer."""
    outside = 0
    light, steps = arguments.illumination, arguments.steps
    for source in range(light.weight.size):
        if light.polarized and ((first and source == 0) or not steps.one_polarization):
            polarize(tile, light, source)
        scatter(points, tile, light, source)
        left = keep(points, count, arguments)
        outside += add_crystal(groups, left, arguments)
        collect(tile, points, left, arguments)
    return outside


@scalar
def add_tile(tile: Tile, points: Points, groups: Points, count: int, slow: int, arguments: Arguments) -> int:
    """Sum of a tile over layers and sub-pixels, and what they contain."""
    outside = 0
    sheet, sensor, steps = arguments.sheet, arguments.sensor, arguments.steps
    number = slow // sheet.rows
    panel, row = panel_of(sheet, number), slow - number * sheet.rows
    for i in range(TILE):
        tile.total[i] = 0.0
        tile.polar[i] = 1.0
        tile.caught[i] = 1.0
    for layer in range(sensor.layers):
        depth = layer_depth(layer, sensor.thickness)
        for sub_slow in range(steps.oversample):
            offset = subpixel_center(row, sub_slow, steps.oversample, panel.pixel_size)
            for sub_fast in range(steps.oversample):
                first = layer == 0 and sub_slow == 0 and sub_fast == 0
                aim(tile, panel, offset, sub_fast, steps.oversample, depth, first or not steps.one_solid_angle)
                if sensor.mu > 0.0:
                    catch(tile, sensor, layer, panel)
                outside += add_sources(tile, points, groups, count, arguments, first)
    return outside


@loop()
def render_row(  # type: ignore[no-untyped-def]
    image, slow, sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach, scale
):
    """Render one row, given the fields of ``Arguments`` one by one: parallel loops cannot take nested tuples.

    Returns the number of points outside the interpolation table, and of pixels beyond float32.
    """
    wide_vectors()
    arguments = borrowed(
        Arguments(sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach, scale)
    )
    outside, broken = 0, 0
    space = new_space(illumination.weight)
    tile, points, groups = tile_in(space), points_in(space), groups_in(space)
    for first in range(region.fast_start, region.fast_stop, TILE):
        count = select(tile, region, slow, first)
        if count > 0:
            outside += add_tile(tile, points, groups, count, slow, arguments)
            for i in range(count):
                value = scale * tile.total[i]
                broken += 0 if math.isfinite(np.float32(value)) else 1
                image[slow, int(tile.fast[i])] = value
    return np.int64(outside), np.int64(broken if space.pixels.size else 0)  # the space is used to the end


@loop(parallel=True)
def render_rows(  # type: ignore[no-untyped-def]
    one_row, image, start, stop, sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach,
    scale,
):  # fmt: skip
    """Render rows start ... stop - 1 of the image [photons] by ``one_row``, that is ``render_row``; what it counts."""
    outside, broken = 0, 0
    for slow in prange(start, stop):
        counts = one_row(
            image, np.int64(slow), sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach,
            scale,
        )  # fmt: skip
        outside += counts[0]
        broken += counts[1]
    return outside, broken


def render(arguments: Arguments, image: np.ndarray, start: int, stop: int) -> tuple[int, int]:
    """Render rows start ... stop - 1 of the image in place.

    Returns the number of points that could not be interpolated, and of pixels that float32 cannot hold.
    """
    outside, broken = call_parallel(render_rows, render_row, image, start, stop, *arguments)
    return int(outside), int(broken)
