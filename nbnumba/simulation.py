"""From an experiment to an image."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from numbers import Integral
from typing import Any

import numpy as np

from nbnumba._run import thread_limit, using_threads
from nbnumba.convergence import settled
from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.gpu import Gpu
from nbnumba.journal import stage
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import choice

log = logging.getLogger(__name__)

PRECISIONS = ("double", "mixed")
#: Steps of a thread between two calls of the progress function, when an interrupt is heeded too.
_STEPS_A_CALL = 1 << 26


def simulate(
    experiment: Experiment,
    *,
    device: str = "cpu",
    precision: str = "double",
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Expected photons in every pixel.

    Args:
        experiment: what to render.
        device: "cpu", "cuda" (the first GPU), or "cuda:1" and so on; a ``Renderer`` keeps there what images share.
        precision: "double": float64 throughout, with the image rounded to float32; "mixed": indices, their offsets from
            reflections and the phases of "square" in float64, its sines, amplitudes and weights in float32, with errors
            below 1e-6 of the image maximum. Faster for "square" without interpolation; other shapes take as long.
        threads: number of CPU threads; None: as many as Numba is set to use. The image does not depend on it.
        out: float32 array of the image's shape, C-contiguous, to be filled and returned instead of a new one: memory
            that is in use already saves a good part of the time of large images.
        progress: called as progress(done, total) with numbers of rows, first with 0 when all code is compiled.

    Returns:
        float32 array (slow, fast) [photons], or (panel, slow, fast) where the detector lists panels; 0 outside region
        and mask.

    Raises:
        NbnumbaError: an ``out`` of another shape or type; a device, precision or number of threads that is not there;
            or too little memory.
    """
    check_experiment(experiment)
    check_device(device, threads)
    choice("precision", precision, PRECISIONS)
    if device != "cpu":
        if out is not None:
            canvas(experiment, out)  # zeros where nothing will be written
        return np.asarray(render_on(Gpu(device, precision), settled(experiment), out=out, progress=progress))
    if experiment.sampling.tolerance > 0.0:
        with using_threads(threads):
            experiment = settled(experiment)
    warn_if_dark(experiment)
    with _told(experiment, device, precision):
        image, counts = _on_cpu(experiment, precision, threads, progress, out)
    report_counts(*counts, precision)
    return image


def _on_cpu(
    experiment: Experiment, precision: str, threads: int | None, progress: Callable[[int, int], None] | None,
    out: np.ndarray | None,
) -> tuple[np.ndarray, tuple[int, int]]:  # fmt: skip
    """Image and what was counted; those of several components are added up in double precision."""
    from nbnumba.kernels.cpu import render
    from nbnumba.kernels.pack import pack

    parts = experiment.components()
    try:
        packed = [pack(part, precision, weight=weight) for part, weight, _ in parts]
        image = canvas(experiment, out)
        total = np.zeros(image.shape) if len(parts) > 1 else image
    except MemoryError:
        domains = sum(part.experiment.crystal.mosaic.count for part in parts)
        raise NbnumbaError(
            f"detector.pixels, crystal.mosaic.domains: an image of {experiment.detector.shape} pixels and "
            f"{domains} domains do not fit into memory; ask for fewer"
        ) from None
    outside, broken, done, rows = 0, 0, 0, image.reshape(experiment.detector.rows, -1)
    first, last = packed[0].region.slow_start, packed[0].region.slow_stop
    with using_threads(threads) as used:
        for (part, *_), arguments in zip(parts, packed, strict=True):
            for start, stop in [(first, first), *_bands(part, used)]:
                counts = render(arguments, rows, start, stop)
                outside, broken, done = outside + counts[0], broken + counts[1], done + stop - start
                if progress is not None and (stop > start or done == 0):
                    progress(done, len(parts) * (last - first))
            if total is not image:
                total += image
    if total is not image:
        with np.errstate(over="ignore"):
            image[:] = total
        broken = int(np.count_nonzero(~np.isfinite(image)))
    return image, (outside, broken)


def render_on(
    gpu: Gpu, experiment: Experiment, *, out: np.ndarray | None = None, on_device: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Any:  # fmt: skip
    """Expected photons in every pixel, on a GPU."""
    warn_if_dark(experiment)
    with _told(experiment, gpu.device.name, gpu.precision):
        image, counts = gpu.render(experiment, out, on_device, progress)
    report_counts(*counts, gpu.precision)
    return image


def _told(experiment: Experiment, device: str, precision: str) -> AbstractContextManager[None]:
    pixels, shape = experiment.pixels_rendered, " x ".join(map(str, experiment.detector.shape))
    steps = f"{experiment.steps_per_pixel} steps each"
    return stage(log, f"rendering {pixels} pixels of {shape} in {steps} on {device}, {precision} precision")


def warn_if_dark(experiment: Experiment) -> None:
    """Warn where nothing can diffract, or the beam misses the crystal."""
    if experiment.fluence == 0.0 and experiment.beam.photons_per_area > 0.0:
        _warn("the image is zero: the crystal lies outside the beam (beam.offset, beam.size, beam.profile)")
    if all(crystal.reflections is None and crystal.default_f == 0.0 for crystal in experiment.crystals):
        _warn("the image is zero: the crystal has neither reflections nor a default_f")


def report_counts(outside: int, broken: int, precision: str) -> None:
    """Refuse an image with numbers beyond float32, and warn of points that could not be interpolated."""
    if broken:
        raise NbnumbaError(
            f"the image holds {broken} numbers beyond float32: amplitudes, numbers of cells, fluence or spot_scale are "
            f"too large{' for mixed precision; try double' if precision == 'mixed' else ''}"
        )
    if outside:
        _warn(
            f"{outside} points of the sum lie too close to the edge of the reflection list to interpolate; they take "
            "the nearest reflection"
        )


def canvas(experiment: Experiment, out: np.ndarray | None) -> np.ndarray:
    """An image of zeros, or ``out`` with zeros where nothing will be written."""
    shape = experiment.detector.shape
    if out is None:
        return np.zeros(shape, dtype=np.float32)
    if type(out) is not np.ndarray:
        raise NbnumbaError(f"out: found {type(out).__name__}; allowed: a NumPy array, float32 of shape {shape}")
    if out.shape != shape or out.dtype != np.float32 or not (out.flags.c_contiguous and out.flags.writeable):
        raise NbnumbaError(
            f"out: found {out.dtype} of shape {out.shape}; allowed: C-contiguous float32 of shape {shape}"
        )
    if experiment.pixels_rendered < out.size:
        out.fill(0.0)
    return out


def check_device(device: str, threads: int | None = None) -> None:
    """Refuse what is no name of a device, and a number of threads that cannot be had with it."""
    if not isinstance(device, str) or not re.fullmatch(r"cpu|cuda(:(0|[1-9][0-9]{0,2}))?", device):
        raise NbnumbaError(f"device: found {device!r}; allowed: 'cpu', 'cuda', or 'cuda:1' and so on")
    if device == "cpu":
        check_threads(threads)
    elif threads is not None:
        raise NbnumbaError(f"threads: found {threads!r} with device {device!r}; allowed: with 'cpu'")


def check_threads(threads: int | None) -> None:
    """Refuse a number of threads that cannot be had."""
    whole = isinstance(threads, Integral) and not isinstance(threads, bool)
    if threads is not None and not (whole and 1 <= threads <= thread_limit()):
        raise NbnumbaError(f"threads: found {threads!r}; allowed: 1 to {thread_limit()} on this machine")


def _warn(message: str) -> None:
    warnings.warn(message, NbnumbaWarning, stacklevel=3)


def _bands(experiment: Experiment, threads: int) -> list[tuple[int, int]]:
    """Rows in portions of some 10^8 steps a thread, the same number of rows for each of them."""
    (start, stop), (fast_start, fast_stop) = experiment.detector.region
    rows = threads * max(_STEPS_A_CALL // ((fast_stop - fast_start) * experiment.steps_per_pixel), 1)
    return [(first, min(first + rows, stop)) for first in range(start, stop, rows)]
