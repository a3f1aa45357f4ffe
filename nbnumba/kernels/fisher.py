"""The loop over blocks of pixels that sums z into a gradient and a Fisher matrix."""

from __future__ import annotations

import numpy as np
from numba import prange

from nbnumba._jit import call_parallel, loop
from nbnumba._lowered import wide_vectors
from nbnumba.kernels.slopes import BLOCK, COUNT

WIDTH = 32  # of a row: a whole number of vectors


@loop()
def add_block(sums, block, z, slope, curvature, curved):  # type: ignore[no-untyped-def]
    """Fill ``sums[block]`` (1 + numbers in z, WIDTH): sum of slope z, and below it of curvature z z^T."""
    wide_vectors()
    w = np.zeros((2 + COUNT, WIDTH))  # the sums, and last z of one pixel: in one array, they cannot overlap
    start = block * BLOCK
    for p in range(start, min(start + BLOCK, slope.size)):
        first, second = slope[p], curvature[p]
        for a in range(COUNT):
            w[1 + COUNT, a] = z[a, p]
        for b in range(WIDTH):
            w[0, b] += first * w[1 + COUNT, b]
        if curved:
            for a in range(COUNT):
                factor = second * w[1 + COUNT, a]
                for b in range(WIDTH):
                    w[1 + a, b] += factor * w[1 + COUNT, b]
    sums[block] = w[: 1 + COUNT]
    return np.int64(0), np.int64(0)


@loop(parallel=True)
def add_blocks(one_block, sums, start, stop, z, slope, curvature, curved):  # type: ignore[no-untyped-def]
    """Blocks start ... stop - 1 by ``one_block``, that is ``add_block``."""
    for block in prange(start, stop):
        one_block(sums, np.int64(block), z, slope, curvature, curved)


def gradient_and_fisher(
    z: np.ndarray, slope: np.ndarray, curvature: np.ndarray, curved: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over pixels of slope z, and (if ``curved``) of curvature z z^T; in an order that no thread changes."""
    blocks = -(-slope.size // BLOCK)
    sums = np.empty((blocks, 1 + COUNT, WIDTH))
    call_parallel(add_blocks, add_block, sums, 0, blocks, z, slope, curvature, curved)
    total = sums.sum(axis=0)[:, :COUNT]
    return total[0], total[1:]
