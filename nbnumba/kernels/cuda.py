"""The loops on a GPU, a thread for each pixel: images, and sums of derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from nbnumba._jit import register_cuda
from nbnumba.kernels.amorphous import background_pixel
from nbnumba.kernels.crystal_slopes import fill_block
from nbnumba.kernels.pixel import pixel_sum
from nbnumba.kernels.slopes import COUNT, ROWS, VALUE, Z, set_pixels
from nbnumba.kernels.sums import LOSS, SLOPE, WIDTH, set_planes, terms_at

THREADS = 128  # of a block, along fast
SUMMING = 64  # threads of a block that sums derivatives
SHARE = WIDTH * WIDTH // SUMMING  # sums of each of them


def render_pixel(image, counts, adding, first_slow, first_fast, axes, arguments):  # type: ignore[no-untyped-def]
    """Render the pixel of this thread into a window of the image that begins there; 0 outside region and mask.

    Rows are counted through all panels. ``adding``: to what the window holds already. ``counts``: points outside the
    interpolation table, and pixels beyond float32.
    """
    region = arguments.region
    column, row = cuda.grid(2)
    slow, fast = row + first_slow, column + first_fast
    if row < image.shape[0] and column < image.shape[1]:
        if not adding:
            image[row, column] = 0.0
        inside = region.slow_start <= slow < region.slow_stop and region.fast_start <= fast < region.fast_stop
        if inside and (region.mask.size == 0 or region.mask[slow, fast]):
            found = pixel_sum(arguments, axes, slow, float(fast))
            value = np.float32(image[row, column] + arguments.scale * found.total)
            image[row, column] = value
            if found.outside > 0:
                cuda.atomic.add(counts, 0, found.outside)
            if not math.isfinite(value):
                cuda.atomic.add(counts, 1, 1)


def render_background_pixel(image, arguments):  # type: ignore[no-untyped-def]
    """Photons that amorphous matter scatters into the pixel of this thread; the region begins at ``image[0, 0]``."""
    region = arguments.region
    row, column = cuda.grid(2)  # in this order there may be any number of rows
    slow, fast = row + region.slow_start, column + region.fast_start
    if row < image.shape[0] and column < image.shape[1]:
        wanted = region.mask.size == 0 or region.mask[slow, fast]
        value = background_pixel(arguments, slow, fast) if wanted else 0.0
        image[row, column] = np.float32(value)


def sum_chunk(sums, z, storing, bounds, centers, pixels, width, target, whole, motions, arguments):  # type: ignore[no-untyped-def]
    """Fill ``sums[chunk]`` (WIDTH, WIDTH) by one block of threads, as ``derivatives.derive_chunk`` does on the CPU.

    When ``storing``, columns of ``z`` (numbers in z, n) are filled instead. Each thread fills z of one pixel, in
    registers; then each sums some of the products of all pixels of the block.
    """
    chunk, thread = cuda.blockIdx.x, cuda.threadIdx.x
    w = cuda.local.array((ROWS, 1), np.float64)
    place = cuda.local.array(1, np.int32)
    rows = cuda.shared.array((SUMMING, WIDTH), np.float64)
    curvatures = cuda.shared.array(SUMMING, np.float64)  # in a line of its own: the simulator knows them by their lines
    totals = cuda.local.array(SHARE, np.float64)
    for e in range(SHARE):
        totals[e] = 0.0
    last = bounds[chunk + 1] - 1
    for start in range(bounds[chunk], last + 1, SUMMING):
        at = min(start + thread, last)
        set_pixels(w, pixels, at, last, width)
        fill_block(w, place, arguments, motions, whole)
        set_planes(w, target, pixels, at, last, centers[chunk])
        if storing:
            for row in range(COUNT):
                z[row, at] = w[Z + row, 0]
        else:
            found = terms_at(target, pixels[at], w[Z + VALUE, 0])
            counts = start + thread <= last
            for row in range(COUNT):
                rows[thread, row] = w[Z + row, 0]
            rows[thread, SLOPE] = found.slope if counts else 0.0
            rows[thread, LOSS] = found.value if counts else 0.0
            curvatures[thread] = found.curvature if counts else 0.0
            cuda.syncthreads()
            for e in range(SHARE):
                row, column = (thread + e * SUMMING) // WIDTH, (thread + e * SUMMING) % WIDTH
                for i in range(SUMMING):
                    left = rows[i, row] if row < COUNT else 1.0
                    totals[e] += left * (rows[i, column] * (curvatures[i] if column < COUNT else 1.0))
            cuda.syncthreads()
    if not storing:
        for e in range(SHARE):
            sums[chunk, (thread + e * SUMMING) // WIDTH, (thread + e * SUMMING) % WIDTH] = totals[e]


@cache
def compiled(kernel: Callable[..., None]) -> Any:
    """A kernel; numba-cuda compiles it for each kind of arguments when it is first launched with them."""
    register_cuda()
    return cuda.jit(kernel)
