"""Whole numbers for formats that mark pixels without a measurement by what they hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.pixel_mask import GAP, pixel_mask
from nbnumba.outputs.pixels import trusted_range

#: As PILATUS detectors mark them.
MASKED, BROKEN = -1, -2
LARGEST = 2**31 - 1


class Readout(NamedTuple):
    """What pixel values stand for."""

    gain: float  # value of a photon
    offset: float  # value without photons
    low: float  # lowest value that is a measurement
    high: float  # highest


def as_counts(experiment: Experiment, image: Any) -> np.ndarray:
    """The image as int32 of the detector's shape, floats rounded to the nearest whole number.

    Pixels outside mask and region become -1; dead, over-responding and saturated ones -2.

    Raises:
        NbnumbaError: another shape, no real numbers, or a number outside 0 to 2147483647 in a pixel that measures.
    """
    array = numbers(image)
    refuse_shape(array, experiment)
    bits = pixel_mask(experiment)
    counts = rounded(np.where(bits == 0, array, 0), 0)
    highest = saturation(experiment, array.dtype)
    if highest is not None:
        counts[counts >= highest] = BROKEN
    counts[bits != 0] = BROKEN
    counts[bits & GAP != 0] = MASKED
    return counts


def saturation(experiment: Experiment, kind: np.dtype) -> int | None:
    """Number at which counts saturate; None where they do not, as expected photons, which are floats."""
    return None if experiment.response is None or kind.kind == "f" else experiment.response.highest


def readout(experiment: Experiment, kind: np.dtype | None = None) -> Readout:
    """What pixel values of a type stand for: counts as the response makes them, floats expected photons.

    Args:
        experiment: what was rendered.
        kind: type of the pixels; None: that of counts where there is a response, else float32.
    """
    response = experiment.response
    if kind is None:
        kind = np.dtype("float32" if response is None else response.dtype)
    low, high = trusted_range(kind)
    if response is None or kind.kind == "f":
        return Readout(1.0, 0.0, low, high)
    return Readout(response.gain, response.offset, max(low, response.underload), min(high, response.highest - 1))


def good_pixels(experiment: Experiment) -> np.ndarray:
    """Which pixels hold a measurement."""
    return np.asarray(pixel_mask(experiment) == 0)


def refuse_shape(array: np.ndarray, experiment: Experiment) -> None:
    """Refuse an image of another shape than the detector's."""
    if array.shape != experiment.detector.shape:
        raise NbnumbaError(f"image: found shape {array.shape}; allowed: the detector's {experiment.detector.shape}")


def numbers(image: Any) -> np.ndarray:
    """The image as an array of integers or floats.

    Raises:
        NbnumbaError: something else.
    """
    array = np.asarray(image)
    if array.dtype.kind not in "biuf" or array.ndim not in (2, 3) or array.size == 0:
        raise NbnumbaError(
            f"image: found {array.dtype} of shape {array.shape}; allowed: integers or floats, (slow, fast) or "
            "(panel, slow, fast)"
        )
    return array


def rounded(array: np.ndarray, low: int, high: int = LARGEST) -> np.ndarray:
    """The numbers as int32, floats rounded.

    Raises:
        NbnumbaError: one that is not finite or outside ``low`` to ``high``.
    """
    whole = np.rint(array) if array.dtype.kind == "f" else array
    bad = ~((whole >= low) & (whole <= high))
    if bad.any():
        place = tuple(np.argwhere(bad)[0].tolist())
        raise NbnumbaError(
            f"image: found {array[place]} at pixel {place}, one of {np.count_nonzero(bad)} such; allowed: {low} to "
            f"{high}. Clip them, or name bad pixels in detector.mask; HDF5 (write_nexus) takes all finite numbers"
        )
    return whole.astype("<i4")
