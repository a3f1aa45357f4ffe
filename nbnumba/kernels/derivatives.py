"""Loops over blocks of pixels that store z, or sum it into a gradient and a Fisher matrix as it comes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from nbnumba._jit import loop, scalar, summing
from nbnumba._lowered import borrowed, wide_vectors
from nbnumba._run import call_parallel
from nbnumba.kernels.arguments import Arguments
from nbnumba.kernels.crystal_slopes import fill_block
from nbnumba.kernels.slopes import BLOCK, COUNT, ROWS, SPREAD, VALUE, Motions, Z, set_pixels
from nbnumba.kernels.sums import LOSS, SLOPE, WIDTH, Places, Target, chunks_of, set_planes, terms_at

TILE = 4  # rows and columns that are summed at a time: so many numbers stay in registers


class Four(NamedTuple):
    """Four numbers."""

    a: float
    b: float
    c: float
    d: float


@scalar
def four(w: np.ndarray, row: int, i: int) -> Four:
    """Those of four rows."""
    return Four(w[row, i], w[row + 1, i], w[row + 2, i], w[row + 3, i])


@summing
def add_product(sums: Four, x: float, y: Four) -> Four:
    """The sums with x y added."""
    return Four(sums.a + x * y.a, sums.b + x * y.b, sums.c + x * y.c, sums.d + x * y.d)


@scalar
def put(total: np.ndarray, row: int, column: int, sums: Four) -> None:
    """Add to four elements."""
    total[row, column] += sums.a
    total[row, column + 1] += sums.b
    total[row, column + 2] += sums.c
    total[row, column + 3] += sums.d


@scalar
def add_tile(total: np.ndarray, w: np.ndarray, v: np.ndarray, row: int, column: int) -> None:
    """Add to 4 x 4 elements the products of rows of z and of weighted rows, summed over a block.

    So many sums at a time as there are registers for: each number is then used four times when it is read.
    """
    wide_vectors()
    zero = Four(0.0, 0.0, 0.0, 0.0)
    a, b, c, d = zero, zero, zero, zero
    for i in range(BLOCK):
        x, y = four(w, Z + row, i), four(v, column, i)
        a = add_product(a, x.a, y)
        b = add_product(b, x.b, y)
        c = add_product(c, x.c, y)
        d = add_product(d, x.d, y)
    put(total, row, column, a)
    put(total, row + 1, column, b)
    put(total, row + 2, column, c)
    put(total, row + 3, column, d)


@scalar
def weigh(
    w: np.ndarray, v: np.ndarray, target: Target, pixels: np.ndarray, start: int, count: int, curved: bool
) -> None:
    """Rows of z times the curvature of the loss, its slope, and its value, of ``count`` pixels from ``start`` on."""
    wide_vectors()
    for i in range(BLOCK):
        v[SLOPE, i], v[LOSS, i], v[LOSS + 1, i] = 0.0, 0.0, 0.0
    for i in range(count):
        found = terms_at(target, pixels[start + i], w[Z + VALUE, i])
        v[SLOPE, i] = found.slope
        v[LOSS, i] = found.value
        v[LOSS + 1, i] = found.curvature
    if curved:
        for row in range(COUNT):
            for i in range(BLOCK):
                v[row, i] = v[LOSS + 1, i] * w[Z + row, i]


@scalar
def add_block(
    total: np.ndarray, w: np.ndarray, v: np.ndarray, target: Target, pixels: np.ndarray, start: int, count: int,
    whole: bool, curved: bool,
) -> None:  # fmt: skip
    """Add the upper triangle of z W z^T of a block, and beside it the gradient."""
    weigh(w, v, target, pixels, start, count, curved)
    last = WIDTH - TILE
    stop = last if whole else SPREAD
    for row in range(0, stop, TILE):
        if curved:
            for column in range(row, stop, TILE):
                add_tile(total, w, v, row, column)
        add_tile(total, w, v, row, last)
    add_tile(total, w, v, last, last)


@loop()
def derive_chunk(  # type: ignore[no-untyped-def]
    sums, chunk, z, storing, bounds, centers, pixels, width, target, whole, curved, motions, sheet, sensor,
    illumination, orientations, lattice, structure, steps, region, reach, scale,
):  # fmt: skip
    """Fill ``sums[chunk]`` (WIDTH, WIDTH), or, when ``storing``, columns of ``z``, for a chunk of ``pixels``.

    Chunk c holds the pixels ``bounds[c]`` ... ``bounds[c + 1]`` - 1, places in an image whose rows have ``width``;
    ``centers[c]`` is where (slow, fast) the plane of the background has its constant.
    """
    wide_vectors()
    a = borrowed(Arguments(sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach, scale))
    w, v, place = np.zeros((ROWS + 2, BLOCK)), np.zeros((WIDTH + 1, BLOCK)), np.empty(BLOCK, np.int32)
    total = np.zeros((WIDTH, WIDTH))
    last = bounds[chunk + 1] - 1
    for start in range(bounds[chunk], last + 1, BLOCK):
        count = min(BLOCK, last + 1 - start)
        set_pixels(w, pixels, start, last, width)
        fill_block(w, place, a, motions, whole)
        set_planes(w, target, pixels, start, last, centers[chunk])
        for i in range(BLOCK):
            w[Z + LOSS, i] = 1.0
        if storing:
            for row in range(COUNT):
                for i in range(count):
                    z[row, start + i] = w[Z + row, i]
        else:
            add_block(total, w, v, target, pixels, start, count, whole, curved)
    sums[chunk] = total
    return np.int64(0), np.int64(0)


@loop(parallel=True)
def derive_chunks(  # type: ignore[no-untyped-def]
    one_chunk, sums, start, stop, z, storing, bounds, centers, pixels, width, target, whole, curved, motions, sheet,
    sensor, illumination, orientations, lattice, structure, steps, region, reach, scale,
):  # fmt: skip
    """Chunks start ... stop - 1 by ``one_chunk``, that is ``derive_chunk``."""
    for chunk in prange(start, stop):
        one_chunk(
            sums, np.int64(chunk), z, storing, bounds, centers, pixels, width, target, whole, curved, motions, sheet,
            sensor, illumination, orientations, lattice, structure, steps, region, reach, scale,
        )  # fmt: skip


@loop()
def judge(found, model, pixels, target):  # type: ignore[no-untyped-def]
    """Fill ``found`` (3, n): value, slope and curvature of the loss at ``pixels`` whose model is given."""
    for i in range(len(pixels)):
        judged = terms_at(target, pixels[i], model[i])
        found[0, i] = judged.value
        found[1, i] = judged.slope
        found[2, i] = judged.curvature


def run(
    z: np.ndarray, storing: bool, places: Places, target: Target, whole: bool, curved: bool, motions: Motions,
    a: Arguments,
) -> np.ndarray:  # fmt: skip
    """Run the loops for groups of pixels, as ``sums`` has it."""
    chunks, groups = chunks_of(places, a.sheet.rows), len(places.groups) - 1
    sums = np.empty((len(chunks.owner), WIDTH, WIDTH))
    call_parallel(
        derive_chunks, derive_chunk, sums, 0, len(sums), z, storing, chunks.bounds, chunks.centers, places.pixels,
        places.width, target, whole, curved, motions, *a,
    )  # fmt: skip
    return np.array([sums[chunks.owner == i].sum(axis=0) for i in range(groups)])
