"""The loops on a GPU: a thread for each pixel, of the rows of a band."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import config, cuda

from nbnumba._jit import register_cuda
from nbnumba.errors import NbnumbaError
from nbnumba.kernels.pixel import pixel_sum

THREADS = 128  # of a block, along fast
_SIMULATED = bool(config.ENABLE_CUDASIM)


def render_pixel(image, counts, start, axes, arguments):  # type: ignore[no-untyped-def]
    """Render the pixel of this thread into an image of the rows from ``start`` on; 0 outside region and mask.

    ``counts``: points outside the interpolation table, and pixels beyond float32.
    """
    region = arguments.region
    fast, row = cuda.grid(2)
    slow = row + start
    if row < image.shape[0] and fast < image.shape[1]:
        image[row, fast] = 0.0
        inside = region.slow_start <= slow < region.slow_stop and region.fast_start <= fast < region.fast_stop
        if inside and (region.mask.size == 0 or region.mask[slow, fast]):
            found = pixel_sum(arguments, axes, float(slow), float(fast))
            value = np.float32(arguments.scale * found.total)
            image[row, fast] = value
            if found.outside > 0:
                cuda.atomic.add(counts, 0, found.outside)
            if not math.isfinite(value):
                cuda.atomic.add(counts, 1, 1)


@cache
def compiled() -> Any:
    """The kernel; Numba compiles it for each kind of arguments when it is first launched with them."""
    register_cuda()
    return cuda.jit(render_pixel)


def require(device: str) -> None:
    """Check that there is a GPU to compute on.

    Raises:
        NbnumbaError: numba-cuda, a driver or a GPU is missing, or there is no GPU of this number.
    """
    if not _SIMULATED and getattr(cuda, "implementation", "") != "NVIDIA":
        raise NbnumbaError(
            f"device: found {device!r}, but numba-cuda is not installed; install it with pip install 'nbnumba[cuda12]' "
            "(drivers from 525 on) or 'nbnumba[cuda13]' (from 580 on), or use 'cpu'"
        )
    if not cuda.is_available():
        reason = " ".join(str(cuda.cuda_error()).split())
        raise NbnumbaError(
            f"device: found {device!r}, but no usable GPU and driver ({reason}); nvidia-smi tells what is "
            "there; install or update the driver, or use 'cpu'"
        )
    number, count = number_of(device), len(list(cuda.gpus))
    if number >= count:
        raise NbnumbaError(f"device: found {device!r}; there is: cpu, {', '.join(f'cuda:{i}' for i in range(count))}")


def number_of(device: str) -> int:
    """Number of the GPU that "cuda" (the first) or "cuda:N" names."""
    return int(device.partition(":")[2] or 0)
