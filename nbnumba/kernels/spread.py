"""The loops that spread signals over pixels, on the CPU."""

from __future__ import annotations

import numpy as np
from numba import prange

from nbnumba._jit import loop
from nbnumba._lowered import wide_vectors
from nbnumba._run import call
from nbnumba.physics.spread import fiber_corner


@loop(parallel=True, exact=True)
def along_slow(image, result, taps):  # type: ignore[no-untyped-def]
    """Convolve an image (slow, fast) along slow with taps around their middle; what leaves is lost."""
    reach = taps.size // 2
    for slow in prange(image.shape[0]):
        wide_vectors()
        result[slow, :] = 0.0
        for other in range(max(slow - reach, 0), min(slow + reach + 1, image.shape[0])):
            tap = taps[slow - other + reach]
            for fast in range(image.shape[1]):
                result[slow, fast] += tap * image[other, fast]


@loop(parallel=True, exact=True)
def along_fast(image, result, taps):  # type: ignore[no-untyped-def]
    """The same along fast."""
    reach, width = taps.size // 2, image.shape[1]
    for slow in prange(image.shape[0]):
        wide_vectors()
        result[slow, :] = 0.0
        for shift in range(-reach, reach + 1):
            tap = taps[shift + reach]
            for fast in range(max(shift, 0), min(width + shift, width)):
                result[slow, fast] += tap * image[slow, fast - shift]


@loop(parallel=True, exact=True)
def fill_corners(corners, g):  # type: ignore[no-untyped-def]
    """Integrals of the fibres' spread from 0 to the outer edges of pixels -1/2, 1/2, 3/2 ... along both axes."""
    for i in prange(corners.shape[0]):
        for j in range(corners.shape[1]):
            corners[i, j] = fiber_corner(i - 0.5, j - 0.5, g)


def fiber_shares(g: float, slow: int, fast: int) -> np.ndarray:
    """Parts (slow, fast) that pixels so many numbers away get; ``g`` in pixels."""
    corners = np.empty((slow + 1, fast + 1))
    call(fill_corners, corners, g)
    return np.diff(np.diff(corners, axis=0), axis=1)
