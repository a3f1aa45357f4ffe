"""From expected photons to the numbers that an instrument writes."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from nbnumba._run import using_threads
from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.journal import stage
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.response import TYPES, Response
from nbnumba.model.validate import LARGEST_IMAGE, LARGEST_PIXELS, LARGEST_SEED, refuse, whole
from nbnumba.response.background import background
from nbnumba.simulation import check_device

log = logging.getLogger(__name__)

_MOST_PHOTONS = float(np.finfo(np.float32).max)


def detect(
    experiment: Experiment,
    image: Any,
    *,
    seed: int = 1,
    number: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Counts for an image of expected photons: the experiment's background is added, then comes its response.

    Random numbers are functions of seed, image number and pixel: any one image can be made again alone, with any
    number of threads. Without a response counts are photons: Poisson numbers of the image, gain 1, no offset.

    Args:
        experiment: what the image is of.
        image: expected photons of the crystal, as from ``simulate``, of the detector's shape; or a stack of those;
            or an image that a ``Renderer`` left on the device.
        seed: of the random numbers, 0 to 2^63 - 1.
        number: of the image in its series, 0 to 2^32 - 1; that of the first one in a stack.
        device: "cpu", "cuda" (the first GPU), or "cuda:1" and so on; counts are the same everywhere.
        threads: number of CPU threads; None: as many as Numba is set to use. Counts do not depend on it.
        progress: called as progress(done, total) with numbers of images, first with 0.

    Returns:
        int32, or uint16 where the response has it, of the shape of ``image``.

    Raises:
        NbnumbaError: an image of another shape, negative or not finite, or a seed or number that is not
            allowed, or more than 2^32 pixels.
    """
    check_experiment(experiment)
    check_device(device, threads)
    if math.prod(experiment.detector.shape) > LARGEST_PIXELS:
        allowed = f"up to {LARGEST_PIXELS} of them in counts, as their random numbers repeat after that"
        raise refuse("detector.pixels", experiment.detector.shape, allowed)
    loops = _loops(device)
    seed = whole("seed", seed, low=0, high=LARGEST_SEED)
    images = _images(experiment, image)
    number = whole("number", number, low=0, high=LARGEST_IMAGE + 1 - len(images))
    response = experiment.response or Response()
    counts = np.empty((len(images), *experiment.detector.shape), dtype=TYPES[response.dtype])
    with stage(log, f"detecting {len(images)} of {images[0].shape} on {device}"), using_threads(threads):
        haze = background(experiment, device=device) if experiment.background else None
        for i, one in enumerate(images):
            if progress is not None:
                progress(i, len(images))
            photons = one if haze is None else np.asarray(one, dtype=np.float64) + haze
            _detect(loops, experiment, photons, counts[i], seed, number + i)
    if progress is not None:
        progress(len(images), len(images))
    if experiment.response is None and bool((counts == response.highest).any()):
        warnings.warn(f"pixels reach the largest number of {response.dtype}", NbnumbaWarning, stacklevel=2)
    return counts.reshape(image.shape)


def _images(experiment: Experiment, image: Any) -> Any:
    """The images as a stack."""
    shape = experiment.detector.shape
    if hasattr(image, "copy_to_host") and image.shape == shape:
        return [image if not experiment.background else image.copy_to_host()]
    array = np.asarray(image)
    if array.dtype.kind not in "fiu" or array.ndim - len(shape) not in (0, 1) or array.shape[-len(shape) :] != shape:
        raise NbnumbaError(
            f"image: found {array.dtype} of shape {array.shape}; allowed: numbers of shape {shape}, or a stack of such"
        )
    if not array.size or not (np.isfinite(array).all() and array.min() >= 0.0 and array.max() <= _MOST_PHOTONS):
        raise NbnumbaError(
            "image: found nothing, or numbers that are negative, not finite or beyond float32; allowed: expected "
            "photons"
        )
    return array.reshape(-1, *shape)


def _detect(loops: Any, experiment: Experiment, image: Any, counts: np.ndarray, seed: int, number: int) -> None:
    """The steps of the response, for one image, on the CPU or a GPU."""
    from nbnumba.kernels.counting import readout_of
    from nbnumba.response.steps import electronics, exposure

    response, size = experiment.response or Response(), experiment.detector.pixel_size
    step = exposure(experiment, response, seed, number)
    if response.psf == "none":
        photons = loops.expose(image, step)
    elif response.noise_before_spread:
        photons = loops.spread(loops.expose(image, step), response, size)
    else:
        spread = loops.spread(loops.expose(image, step._replace(counting=False)), response, size)
        photons = loops.expose(spread, step._replace(factor=1.0, calibration=0.0))
    seen = experiment.rendered if experiment.response else np.empty(0, dtype=np.bool_)
    loops.read_out(photons, seen, counts, readout_of(response, seed, number), electronics(experiment, response))


def _loops(device: str) -> Any:
    """Where the steps are done."""
    if device == "cpu":
        from nbnumba.response.host import Host

        return Host()
    from nbnumba.response.chip import Chip

    return Chip(device)
