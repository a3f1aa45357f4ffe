"""What a pixel makes of photons: the number that is counted, and the number that is written.

Counting electronics are blind for a time tau after each photon: of n photons in a time T they count n/(1 + n tau/T), or
n exp(-n tau/T) where a photon in the dead time prolongs it (Knoll, Radiation Detection and Measurement, chapter 4).
A read-out writes round(g n + offset + noise), within its limits.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba._lowered import ceiling


class Electronics(NamedTuple):
    """How photons become a number."""

    dead: float  # dead time over exposure time
    paralyzable: bool
    gain: float  # per photon
    offset: float
    noise: float  # standard deviation of the read-out
    lowest: float
    highest: float


@scalar
def registered(photons: float, dead: float, paralyzable: bool) -> float:
    """Photons that are counted, given the dead time over the exposure time."""
    return photons * math.exp(-photons * dead) if paralyzable else photons / (1.0 + photons * dead)


@scalar
def digitized(photons: float, normal: float, e: Electronics) -> float:
    """Whole number that is written for photons, given a normal number of variance 1; halves are rounded up."""
    counted = registered(photons, e.dead, e.paralyzable) if e.dead > 0.0 else photons
    value = -ceiling(-(e.gain * counted + e.offset + e.noise * normal + 0.5))
    return e.lowest if value < e.lowest else (e.highest if value > e.highest else value)


@scalar
def varied(value: float, spread: float, normal: float) -> float:
    """A value with a relative error of standard deviation ``spread``, never below 0."""
    factor = 1.0 + spread * normal
    return value * factor if factor > 0.0 else 0.0
