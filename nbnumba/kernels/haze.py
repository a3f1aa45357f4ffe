"""The loops over pixels of what amorphous matter scatters, on the CPU: rows in parallel."""

from __future__ import annotations

import numpy as np
from numba import prange

from nbnumba._jit import call_parallel, loop
from nbnumba.kernels.amorphous import Haze, hazy_pixel


@loop()
def haze_row(image, slow, sheet, sensor, illumination, matter, region):  # type: ignore[no-untyped-def]
    """One row, given the fields of ``Haze`` one by one: parallel loops cannot take nested tuples."""
    haze = Haze(sheet, sensor, illumination, matter, region)
    for fast in range(region.fast_start, region.fast_stop):
        if region.mask.size == 0 or region.mask[slow, fast]:
            image[slow, fast] = hazy_pixel(haze, slow, fast)


@loop(parallel=True)
def haze_rows(one_row, image, start, stop, sheet, sensor, illumination, matter, region):  # type: ignore[no-untyped-def]
    """Rows start ... stop - 1 of the image [photons] by ``one_row``, that is ``haze_row``."""
    for slow in prange(start, stop):
        one_row(image, np.int64(slow), sheet, sensor, illumination, matter, region)


def render_haze(haze: Haze, image: np.ndarray) -> None:
    """Fill the pixels of the region, in place."""
    call_parallel(haze_rows, haze_row, image, haze.region.slow_start, haze.region.slow_stop, *haze)
