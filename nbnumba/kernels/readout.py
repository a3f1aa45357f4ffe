"""The loops over pixels that count photons and write numbers, on the CPU."""

from __future__ import annotations

import numpy as np
from numba import prange

from nbnumba._jit import loop
from nbnumba._run import call, call_parallel
from nbnumba.kernels.counting import PHOTONS, Exposure, Readout, defect, sensed, written
from nbnumba.kernels.noise import PORTION, poisson_all, portion_in
from nbnumba.physics.philox import Stream
from nbnumba.physics.readout import Electronics


@loop(exact=True)
def expose_portion(photons, portion, exposure):  # type: ignore[no-untyped-def]
    """Turn the expected photons of one portion of a flat image into photons."""
    numbers, space = np.empty(PORTION, np.int64), np.empty((8, PORTION))
    first = portion * PORTION
    size = min(PORTION, photons.size - first)
    means, counts = space[6], space[7]
    for i in range(size):
        means[i] = photons[first + i] * exposure.factor
    if exposure.calibration > 0.0:
        for i in range(size):
            means[i] = sensed(means[i], exposure, first + i)
    if exposure.counting:
        stream = Stream(exposure.seed, exposure.image, PHOTONS)
        poisson_all(portion_in(numbers, space), means, counts, size, first, stream)
        for i in range(size):
            photons[first + i] = counts[i]
    else:
        for i in range(size):
            photons[first + i] = means[i]
    return numbers[0]  # the memory is used to the end


@loop(parallel=True, exact=True)
def expose_portions(one_portion, photons, start, stop, exposure):  # type: ignore[no-untyped-def]
    """Expose portions start ... stop - 1 by ``one_portion``, that is ``expose_portion``."""
    for portion in prange(start, stop):
        one_portion(photons, np.int64(portion), exposure)


@loop(exact=True)
def write_portion(counts, portion, photons, seen, readout, electronics):  # type: ignore[no-untyped-def]
    """Write the numbers of one portion of a flat image; ``seen`` of no element: all pixels are."""
    first = portion * PORTION
    for i in range(first, min(first + PORTION, counts.size)):
        inside = seen.size == 0 or seen[i]
        counts[i] = written(photons[i], readout, electronics, i) if inside else readout.masked


@loop(parallel=True, exact=True)
def write_portions(one_portion, counts, start, stop, photons, seen, readout, electronics):  # type: ignore[no-untyped-def]
    """Write portions start ... stop - 1 by ``one_portion``, that is ``write_portion``."""
    for portion in prange(start, stop):
        one_portion(counts, np.int64(portion), photons, seen, readout, electronics)


@loop(exact=True)
def find_defects(found, readout):  # type: ignore[no-untyped-def]
    """Note the defect of each pixel of a flat image."""
    for i in range(found.size):
        found[i] = defect(readout, i)


def expose(photons: np.ndarray, exposure: Exposure) -> None:
    """Turn expected photons (float64, any shape, contiguous) into photons."""
    portions = -(-photons.size // PORTION)
    call_parallel(expose_portions, expose_portion, photons.reshape(-1), 0, portions, exposure)


def read_out(
    photons: np.ndarray, seen: np.ndarray, counts: np.ndarray, readout: Readout, electronics: Electronics
) -> None:
    """Fill ``counts`` with numbers for photons (float64); contiguous arrays. ``seen`` of no element: all pixels."""
    flat, portions = counts.reshape(-1), -(-photons.size // PORTION)
    rest = (photons.reshape(-1), seen.reshape(-1), readout, electronics)
    call_parallel(write_portions, write_portion, flat, 0, portions, *rest)


def defects(readout: Readout, shape: tuple[int, ...]) -> np.ndarray:
    """Defect of each pixel of an image, uint8."""
    found = np.empty(shape, dtype=np.uint8)
    call(find_defects, found.reshape(-1), readout)
    return found
