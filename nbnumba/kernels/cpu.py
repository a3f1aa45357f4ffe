"""The loop nest on the CPU: rows in parallel; tiles of pixels; layers, sub-pixels, sources, phi steps and domains.

What happens to a tile is in ``tile``, what the crystal makes of it in ``crystal``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from nbnumba._jit import call, loop, scalar, wide_vectors
from nbnumba.kernels.arguments import Arguments, panel_of
from nbnumba.kernels.crystal import add_crystal, keep
from nbnumba.kernels.tile import (
    TILE,
    Points,
    Tile,
    aim,
    catch,
    in_groups,
    new_points,
    new_tile,
    polarize,
    scatter,
    select,
    whole_groups,
)
from nbnumba.physics.pixel import subpixel_center
from nbnumba.physics.step import layer_depth


@scalar
def add_sources(tile: Tile, points: Points, groups: Points, count: int, arguments: Arguments, first: bool) -> int:
    """Add all sources; ``first``: at the first sub-pixel of the first layer."""
    outside = 0
    light, steps = arguments.illumination, arguments.steps
    n = whole_groups(count)
    for source in range(light.weight.size):
        if light.polarized and ((first and source == 0) or not steps.one_polarization):
            polarize(tile, n, light, source)
        scatter(points, tile, n, light, source)
        left = keep(points, count, arguments)
        outside += add_crystal(groups, left, arguments)
        for i in range(left):
            tile.total[points.pixel[i]] += points.total[i]
    return outside


@scalar
def add_tile(tile: Tile, points: Points, groups: Points, count: int, slow: int, arguments: Arguments) -> int:
    """Sum of a tile over layers and sub-pixels, and what they contain."""
    outside = 0
    panel, sensor, steps = panel_of(arguments.sheet), arguments.sensor, arguments.steps
    n = whole_groups(count)
    tile.total[:] = 0.0
    tile.polar[:] = 1.0
    tile.caught[:] = 1.0
    for layer in range(sensor.layers):
        depth = layer_depth(layer, sensor.thickness)
        for sub_slow in range(steps.oversample):
            offset = subpixel_center(slow, sub_slow, steps.oversample, panel.pixel_size)
            for sub_fast in range(steps.oversample):
                first = layer == 0 and sub_slow == 0 and sub_fast == 0
                aim(tile, n, panel, offset, sub_fast, steps.oversample, depth, first or not steps.one_solid_angle)
                if sensor.mu > 0.0:
                    catch(tile, n, sensor, layer, panel)
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
    arguments = Arguments(sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach, scale)
    outside, broken = 0, 0
    tile, points = new_tile(), new_points(illumination.weight)
    groups = in_groups(points)
    for first in range(region.fast_start, region.fast_stop, TILE):
        count = select(tile, region, slow, first)
        if count > 0:
            outside += add_tile(tile, points, groups, count, slow, arguments)
            for i in range(count):
                value = np.float32(scale * tile.total[i])
                broken += 0 if math.isfinite(value) else 1
                image[slow, int(tile.fast[i])] = value
    return outside, broken


@loop(parallel=True)
def render_rows(  # type: ignore[no-untyped-def]
    image, start, stop, sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach, scale
):
    """Render rows start ... stop - 1 of the image [photons]; what ``render_row`` counts."""
    outside, broken = 0, 0
    for slow in prange(start, stop):
        counts = render_row(
            image, slow, sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach, scale
        )
        outside += counts[0]
        broken += counts[1]
    return outside, broken


def render(arguments: Arguments, image: np.ndarray, start: int, stop: int) -> tuple[int, int]:
    """Render rows start ... stop - 1 of the image in place.

    Returns the number of points that could not be interpolated, and of pixels that float32 cannot hold.
    """
    outside, broken = call(render_rows, image, start, stop, *arguments)
    return int(outside), int(broken)
