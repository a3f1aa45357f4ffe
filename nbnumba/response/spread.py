"""Point spread of a panel; what leaves it is lost."""

from __future__ import annotations

import math

import numpy as np

from nbnumba._run import call
from nbnumba.constants import FWHM_PER_SIGMA
from nbnumba.model.response import Response
from nbnumba.physics.spread import FIBER_WIDTH, gaussian_share

_REACH = 8.5  # sigma, beyond which a gaussian has less than 1e-16 of its integral


def spread(photons: np.ndarray, response: Response, pixel_size: float) -> np.ndarray:
    """The signal (slow, fast) after the response's point spread; float64 in and out."""
    width = response.psf_fwhm / pixel_size
    return _gaussian(photons, width) if response.psf == "gaussian" else _fiber(photons, width)


def gaussian_taps(fwhm: float, pixels: int) -> np.ndarray:
    """Parts that pixels along one axis get, the photon's own in the middle; ``fwhm`` in pixels."""
    sigma = fwhm / FWHM_PER_SIGMA
    reach = min(math.ceil(_REACH * sigma), pixels - 1)
    return np.array([gaussian_share(float(offset), sigma) for offset in range(-reach, reach + 1)])


def _gaussian(photons: np.ndarray, fwhm: float) -> np.ndarray:
    from nbnumba.kernels.spread import along_fast, along_slow

    taps, between, result = gaussian_taps(fwhm, max(photons.shape)), np.empty_like(photons), np.empty_like(photons)
    call(along_slow, photons, between, taps)
    call(along_fast, between, result, taps)
    return result


def _fiber(photons: np.ndarray, fwhm: float) -> np.ndarray:
    """By Fourier transforms, as the tails reach all over the detector."""
    from nbnumba.kernels.spread import fiber_shares

    slow, fast = photons.shape
    padded = (_smooth(2 * slow - 1), _smooth(2 * fast - 1))
    quarter = call(fiber_shares, fwhm / FIBER_WIDTH, slow, fast)
    kernel = np.zeros(padded)
    kernel[:slow, :fast] = quarter
    kernel[:slow, padded[1] - fast + 1 :] = quarter[:, :0:-1]
    kernel[padded[0] - slow + 1 :] = kernel[slow - 1 : 0 : -1]
    result = np.fft.irfft2(np.fft.rfft2(photons, padded) * np.fft.rfft2(kernel), padded)[:slow, :fast]
    return np.maximum(result, 0.0)  # rounding goes both ways


def _smooth(size: int) -> int:
    """Smallest product of 2, 3 and 5 that is not below ``size``: a length whose transform is fast."""
    found = 1 << (size - 1).bit_length()
    five = 1
    while five < found:
        three = five
        while three < found:
            rest = -(-size // three)
            found = min(found, three << (rest - 1).bit_length())
            three *= 3
        five *= 5
    return found
