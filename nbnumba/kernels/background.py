"""The loops over pixels of what amorphous matter scatters, on the CPU: rows in parallel."""

from __future__ import annotations

import numpy as np
from numba import prange

from nbnumba._jit import loop
from nbnumba._run import call_parallel
from nbnumba.kernels.amorphous import BackgroundArguments, background_pixel


@loop()
def background_row(image, slow, sheet, sensor, illumination, matter, region):  # type: ignore[no-untyped-def]
    """One row, given the fields of ``BackgroundArguments`` one by one: parallel loops cannot take nested tuples."""
    arguments = BackgroundArguments(sheet, sensor, illumination, matter, region)
    for fast in range(region.fast_start, region.fast_stop):
        if region.mask.size == 0 or region.mask[slow, fast]:
            image[slow, fast] = background_pixel(arguments, slow, fast)


@loop(parallel=True)
def background_rows(one_row, image, start, stop, sheet, sensor, illumination, matter, region):  # type: ignore[no-untyped-def]
    """Rows start ... stop - 1 of the image [photons] by ``one_row``, that is ``background_row``."""
    for slow in prange(start, stop):
        one_row(image, np.int64(slow), sheet, sensor, illumination, matter, region)


def render_background(arguments: BackgroundArguments, image: np.ndarray) -> None:
    """Fill the pixels of the region, in place."""
    region = arguments.region
    call_parallel(background_rows, background_row, image, region.slow_start, region.slow_stop, *arguments)
