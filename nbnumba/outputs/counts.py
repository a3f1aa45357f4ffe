"""Whole numbers for formats that mark pixels without a measurement by what they hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.outputs.pixel_mask import GAP, pixel_mask
from nbnumba.outputs.pixels import as_image, refuse_where, trusted_range

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
    array = as_image("image", image, experiment.detector.shape)
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


def rounded(array: np.ndarray, low: int, high: int = LARGEST) -> np.ndarray:
    """The numbers as int32, floats rounded.

    Raises:
        NbnumbaError: one that is not finite or outside ``low`` to ``high``.
    """
    whole = np.rint(array) if array.dtype.kind == "f" else array
    bad = ~((whole >= low) & (whole <= high))
    told = "Clip them, or name bad pixels in detector.mask; HDF5 (write_nexus) takes all finite numbers"
    refuse_where(bad, "image", array, f"{low} to {high}. {told}")
    return whole.astype("<i4")
