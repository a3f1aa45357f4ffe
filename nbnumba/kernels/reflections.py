"""The loop over blocks of pixels that lists the reflections that light a pixel, and its slopes by their amplitudes."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from nbnumba._jit import by_type, loop, scalar
from nbnumba._lowered import borrowed
from nbnumba._run import call_parallel
from nbnumba.kernels.arguments import Arguments, matrix
from nbnumba.kernels.slopes import ALL, BLOCK, ROWS, Motions, Q, aim_block, light_block, set_pixels, vector_at
from nbnumba.physics.lattice import transform
from nbnumba.physics.scattering import Indices
from nbnumba.physics.step import diffraction
from nbnumba.physics.structure_factor import (
    Nearest,
    Structure,
    Table,
    Tricubic,
    address,
    cell_amplitude,
    covered,
    cubic,
    nearest_amplitude,
)

_WIDTH = 16  # reflections of a pixel that are made room for at first


@scalar
def add_entry(places: np.ndarray, values: np.ndarray, count: int, place: int, value: float) -> int:
    """Add to the value of a place that is listed, or list it while there is room; how many there are, or would be."""
    for j in range(min(count, places.size)):
        if places[j] == place:
            values[j] += value
            return count
    if count < places.size:
        places[count] = place
        values[count] = value
    return count + 1


@scalar
def add_nearest(
    structure: Table, at: Indices, weight: float, places: np.ndarray, values: np.ndarray, count: int
) -> int:
    """Slope 2 F w of F^2 w by the nearest reflection's F."""
    place = int(address(structure, at.h0, at.k0, at.l0))
    return add_entry(places, values, count, place, 2.0 * weight * nearest_amplitude(structure, at))


@scalar
def add_neighbours(
    structure: Tricubic, at: Indices, weight: float, places: np.ndarray, values: np.ndarray, count: int
) -> int:
    """Slopes by the 64 reflections around, each with its weight in the interpolation."""
    if not covered(structure, at):
        return add_nearest(structure, at, weight, places, values, count)
    h, k, l = math.floor(at.h), math.floor(at.k), math.floor(at.l)  # noqa: E741
    wh, wk, wl = cubic(structure, at.h - h), cubic(structure, at.k - k), cubic(structure, at.l - l)
    slope = 2.0 * weight * cell_amplitude(structure, at)
    for i in range(4):
        for j in range(4):
            for m in range(4):
                place = int(address(structure, h + (i - 1.0), k + (j - 1.0), l + (m - 1.0)))
                count = add_entry(places, values, count, place, slope * (wh[i] * wk[j] * wl[m]))
    return count


@by_type({Nearest: add_nearest, Tricubic: add_neighbours})
def add_slopes(
    structure: Structure, at: Indices, weight: float, places: np.ndarray, values: np.ndarray, count: int
) -> int:
    """Add the slopes of one step, whose other factors are ``weight``, by amplitudes; the number of entries then."""
    raise NotImplementedError


@scalar
def list_source(
    w: np.ndarray, a: Arguments, motions: Motions, places: np.ndarray, values: np.ndarray, counts: np.ndarray
) -> None:
    """Add all orientations for the source and sub-pixel that a block is set to."""
    for i in range(counts.size):
        q, weight, count = vector_at(w, Q, i), w[ALL, i], counts[i]
        for m in range(motions.axes.shape[0]):
            spot = diffraction(matrix(motions.axes, m), a.lattice, q)
            f_latt = transform(a.lattice, spot.argument)
            if f_latt != 0.0 and weight != 0.0:
                count = add_slopes(a.structure, spot.at, weight * f_latt * f_latt, places[i], values[i], count)
        counts[i] = count


@loop()
def list_block(  # type: ignore[no-untyped-def]
    counts, block, places, values, pixels, width, motions, sheet, sensor, illumination, orientations, lattice,
    structure, steps, region, reach, scale,
):  # fmt: skip
    """Fill rows of ``places`` and ``values`` (n, room), and ``counts`` (n,), for one block of ``pixels``."""
    a = borrowed(Arguments(sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach, scale))
    w, start, last = np.zeros((ROWS, BLOCK)), block * BLOCK, len(pixels) - 1
    stop = min(start + BLOCK, last + 1)
    counts[start:stop] = 0
    set_pixels(w, pixels, start, last, width)
    for layer in range(a.sensor.layers):
        for sub_slow in range(a.steps.oversample):
            for sub_fast in range(a.steps.oversample):
                aim_block(w, a, layer, sub_slow, sub_fast)
                first = layer == 0 and sub_slow == 0 and sub_fast == 0
                for source in range(a.illumination.weight.size):
                    light_block(w, a, motions, source, not a.steps.one_polarization or (first and source == 0))
                    list_source(w, a, motions, places[start:stop], values[start:stop], counts[start:stop])
    return np.int64(0), np.int64(0)


@loop(parallel=True)
def list_blocks(  # type: ignore[no-untyped-def]
    one_block, counts, start, stop, places, values, pixels, width, motions, sheet, sensor, illumination, orientations,
    lattice, structure, steps, region, reach, scale,
):  # fmt: skip
    """Blocks start ... stop - 1 by ``one_block``, that is ``list_block``."""
    for block in prange(start, stop):
        one_block(
            counts, np.int64(block), places, values, pixels, width, motions, sheet, sensor, illumination,
            orientations, lattice, structure, steps, region, reach, scale,
        )  # fmt: skip


def slopes_by_amplitude(
    a: Arguments, motions: Motions, pixels: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of reflections of each pixel (n,), and one after another their places in the table and the slopes.

    ``pixels`` (n,) are places in an image whose rows have ``width``.
    """
    room, counts = _WIDTH, np.empty(len(pixels), np.int64)
    while True:
        places, values = np.empty((len(pixels), room), np.int64), np.empty((len(pixels), room))
        call_parallel(
            list_blocks, list_block, counts, 0, -(-len(pixels) // BLOCK), places, values, pixels, width, motions, *a
        )
        largest = int(counts.max(initial=0))
        if largest <= room:
            break
        room = largest
    listed = np.arange(room) < counts[:, np.newaxis]
    return counts, places[listed], values[listed]
