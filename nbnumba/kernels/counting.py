"""What happens to the photons of one pixel, which has random numbers of its own; for loops on the CPU and on GPUs."""

from __future__ import annotations

from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba.model.response import Response
from nbnumba.physics.philox import Stream, draw, normal
from nbnumba.physics.poisson import poisson
from nbnumba.physics.readout import Electronics, digitized, varied

#: What random numbers are for: each purpose has its own.
FLICKER, CALIBRATION, PHOTONS, READOUT, DEFECTS, LOST = range(6)
DEAD, HOT = 1, 2


class Exposure(NamedTuple):
    """From expected photons to photons."""

    seed: int
    image: int
    counting: bool  # whether photons come one by one
    factor: float  # on all pixels
    calibration: float  # relative standard deviation of the pixels' sensitivity
    detector: int  # seed of what stays from image to image


class Readout(NamedTuple):
    """From photons to the numbers that are written."""

    seed: int
    image: int
    detector: int  # seed of what stays from image to image
    dead: float  # fraction of pixels
    hot: float
    masked: float
    counting: bool  # whether photons come one by one


@scalar
def sensed(mean: float, x: Exposure, pixel: int) -> float:
    """Expected photons of a pixel with its own sensitivity."""
    return varied(mean, x.calibration, normal(draw(Stream(x.detector, 0, CALIBRATION), pixel, 0)))


@scalar
def counted(mean: float, x: Exposure, pixel: int) -> float:
    """Photons of a pixel."""
    expected = mean * x.factor
    expected = sensed(expected, x, pixel) if x.calibration > 0.0 else expected
    return poisson(expected, Stream(x.seed, x.image, PHOTONS), pixel) if x.counting else expected


@scalar
def defect(r: Readout, pixel: int) -> int:
    """Whether a pixel is ``DEAD``, ``HOT`` or neither (0), in all images."""
    if r.dead + r.hot == 0.0:
        return 0
    u = draw(Stream(r.detector, 0, DEFECTS), pixel, 0).u
    return DEAD if u < r.dead else (HOT if u > 1.0 - r.hot else 0)


@scalar
def written(photons: float, r: Readout, e: Electronics, pixel: int) -> float:
    """Number that is written for a pixel."""
    fault = defect(r, pixel)
    if fault == HOT:
        return e.highest
    photons = 0.0 if fault == DEAD else photons
    noise = normal(draw(Stream(r.seed, r.image, READOUT), pixel, 0)) if e.noise > 0.0 else 0.0
    lost = normal(draw(Stream(r.seed, r.image, LOST), pixel, 0)) if e.dead > 0.0 and r.counting else 0.0
    return digitized(photons, lost, noise, e)


def readout_of(response: Response, seed: int = 0, image: int = 0) -> Readout:
    """From photons to what is written, in one image."""
    masked, counting = float(response.masked_value), response.photon_noise
    return Readout(seed, image, response.seed, response.dead_pixels, response.hot_pixels, masked, counting)
