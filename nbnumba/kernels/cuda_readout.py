"""The loops that count photons and write numbers on a GPU, a thread for each pixel."""

from __future__ import annotations

from numba import cuda

from nbnumba.kernels.counting import counted, written

THREADS = 128  # of a block


def expose_pixel(photons, image, exposure):  # type: ignore[no-untyped-def]
    """Photons of the pixel of this thread, from the expected ones in ``image``; flat arrays."""
    pixel = cuda.grid(1)
    if pixel < photons.size:
        photons[pixel] = counted(float(image[pixel]), exposure, pixel)


def spread_pixel(result, image, taps, along_slow):  # type: ignore[no-untyped-def]
    """Signal of the pixel of this thread: ``image`` (slow, fast) convolved along one axis; what leaves is lost."""
    fast, slow = cuda.grid(2)
    if slow < image.shape[0] and fast < image.shape[1]:
        reach, total = taps.size // 2, 0.0
        for shift in range(-reach, reach + 1):
            row, column = (slow - shift, fast) if along_slow else (slow, fast - shift)
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                total += taps[shift + reach] * image[row, column]
        result[slow, fast] = total


def write_pixel(counts, photons, seen, readout, electronics):  # type: ignore[no-untyped-def]
    """Number of the pixel of this thread; flat arrays, ``seen`` of no element: all pixels are."""
    pixel = cuda.grid(1)
    if pixel < counts.size:
        inside = seen.size == 0 or seen[pixel]
        counts[pixel] = written(photons[pixel], readout, electronics, pixel) if inside else readout.masked
