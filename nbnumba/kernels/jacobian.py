"""The loop over blocks of pixels that stores z."""

from __future__ import annotations

import numpy as np
from numba import prange

from nbnumba._jit import call_parallel, loop
from nbnumba._lowered import borrowed, wide_vectors
from nbnumba.kernels.arguments import Arguments
from nbnumba.kernels.slopes import BLOCK, COUNT, FAST, ROWS, SLOW, Motions, Z, fill_block


@loop()
def store_block(  # type: ignore[no-untyped-def]
    z,
    block,
    pixels,
    motions,
    sheet,
    sensor,
    illumination,
    orientations,
    lattice,
    structure,
    steps,
    region,
    reach,
    scale,
):
    """Fill columns of ``z`` (numbers in z, pixels) for one block of ``pixels`` (n, 2), slow and fast."""
    wide_vectors()
    a = borrowed(Arguments(sheet, sensor, illumination, orientations, lattice, structure, steps, region, reach, scale))
    w, place = np.empty((ROWS, BLOCK)), np.empty(BLOCK, np.int32)
    start, last = block * BLOCK, len(pixels) - 1
    for i in range(BLOCK):
        w[SLOW, i] = pixels[min(start + i, last), 0]
        w[FAST, i] = pixels[min(start + i, last), 1]
    fill_block(w, place, a, motions)
    for i in range(min(BLOCK, len(pixels) - start)):
        for row in range(COUNT):
            z[row, start + i] = w[Z + row, i]
    return np.int64(0), np.int64(0)


@loop(parallel=True)
def store_blocks(  # type: ignore[no-untyped-def]
    one_block, z, start, stop, pixels, motions, sheet, sensor, illumination, orientations, lattice, structure, steps,
    region, reach, scale,
):  # fmt: skip
    """Blocks start ... stop - 1 by ``one_block``, that is ``store_block``."""
    for block in prange(start, stop):
        one_block(
            z, np.int64(block), pixels, motions, sheet, sensor, illumination, orientations, lattice, structure, steps,
            region, reach, scale,
        )  # fmt: skip


def intermediates(a: Arguments, motions: Motions, pixels: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """z (numbers in z, n) of pixels (n, 2), slow and fast; in the first columns of ``out``, if there is one."""
    z = np.empty((COUNT, len(pixels))) if out is None else out
    call_parallel(store_blocks, store_block, z, 0, -(-len(pixels) // BLOCK), pixels, motions, *a)
    return z
