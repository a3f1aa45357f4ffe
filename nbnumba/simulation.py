"""From an experiment to an image."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

import numpy as np

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.model.experiment import Experiment

#: Steps between two calls of the progress function, which are also the moments at which an interrupt is heeded.
_STEPS_A_CALL = 1 << 27


def simulate(
    experiment: Experiment,
    *,
    device: str = "cpu",
    precision: str = "double",
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Expected photons in every pixel.

    Args:
        experiment: what to render.
        device: "cpu".
        precision: "double": float64 throughout, with the image rounded to float32.
        threads: number of CPU threads; None: all. The image does not depend on it.
        progress: called as progress(done, total) with numbers of rows, first with 0 when all code is compiled.

    Returns:
        float32 array (slow, fast) [photons]; 0 outside region and mask.

    Raises:
        NbnumbaError: a device, precision or number of threads that is not there, or too little memory.
    """
    _check_choice("device", device, ("cpu",))
    _check_choice("precision", precision, ("double",))
    if experiment.crystal.reflections is None and experiment.crystal.default_f == 0.0:
        _warn("the image is zero: the crystal has neither reflections nor a default_f")

    from nbnumba.kernels.arguments import pack
    from nbnumba.kernels.cpu import render

    arguments = pack(experiment)
    try:
        image = np.zeros(experiment.detector.pixels, dtype=np.float32)
    except MemoryError:
        raise NbnumbaError(
            f"detector.pixels: an image of {experiment.detector.pixels} does not fit into memory"
        ) from None
    outside = 0
    first, last = arguments.region.slow_start, arguments.region.slow_stop
    with _threads(threads):
        for start, stop in [(first, first), *_bands(experiment)]:
            outside += render(arguments, image, start, stop)
            if progress is not None:
                progress(stop - first, last - first)
    if outside:
        _warn(
            f"{outside} of {experiment.pixels_rendered * experiment.steps_per_pixel} steps lie too close to the edge "
            "of the reflection list to interpolate; they take the nearest reflection"
        )
    return image


def _check_choice(name: str, value: str, there: tuple[str, ...]) -> None:
    if value not in there:
        raise NbnumbaError(f"{name}: found {value!r}; there is: {', '.join(there)}")


def _warn(message: str) -> None:
    warnings.warn(message, NbnumbaWarning, stacklevel=3)


def _bands(experiment: Experiment) -> list[tuple[int, int]]:
    """Rows in portions of about a second of work."""
    (start, stop), (fast_start, fast_stop) = experiment.detector.region
    rows = max(_STEPS_A_CALL // ((fast_stop - fast_start) * experiment.steps_per_pixel), os.cpu_count() or 1)
    return [(first, min(first + rows, stop)) for first in range(start, stop, rows)]


class _threads:  # noqa: N801
    """Run a block with a number of Numba threads and restore the previous one."""

    def __init__(self, count: int | None) -> None:
        import numba

        self._most = numba.config.NUMBA_NUM_THREADS
        if count is not None and (type(count) is not int or not 1 <= count <= self._most):
            raise NbnumbaError(f"threads: found {count!r}; allowed: 1 to {self._most} on this machine")
        self._count = count or self._most

    def __enter__(self) -> None:
        import numba

        self._before = numba.get_num_threads()
        numba.set_num_threads(self._count)

    def __exit__(self, *_: object) -> None:
        import numba

        numba.set_num_threads(self._before)
