"""nanoBragg's photon noise: its generator and its Poisson numbers, digit by digit, in single precision where it is.

One number depends on the one before, so this runs in one thread, pixel after pixel.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32, float64

from nbnumba._jit import loop
from nbnumba._run import call
from nbnumba.model.random import next_uniform, seeded

_COEFFICIENTS = (
    76.18009172947146,
    -86.50532032941677,
    24.01409824083091,
    -1.231739572450155,
    0.1208650973866179e-2,
    -0.5395239384953e-5,
)


uniform = loop(exact=True)(next_uniform)


@loop(exact=True)
def normal(state: np.ndarray, spare: np.ndarray) -> float:
    """Normal number by the polar method; ``spare`` keeps the second of each pair and whether there is one."""
    if spare[1] != 0.0:
        spare[1] = 0.0
        return spare[0]
    while True:
        v1 = float32(2.0 * uniform(state) - 1.0)
        v2 = float32(2.0 * uniform(state) - 1.0)
        square = v1 * v1 + v2 * v2
        if 0.0 < square < 1.0:
            break
    factor = float32(math.sqrt(-2.0 * math.log(float64(square)) / float64(square)))
    spare[0] = v1 * factor
    spare[1] = 1.0
    return v2 * factor


@loop(exact=True)
def log_gamma(x: float) -> float:
    """Logarithm of the gamma function (Lanczos), rounded to float32."""
    y = float64(x)
    head = y + 5.5
    head -= (y + 0.5) * math.log(head)
    series = 1.000000000190015
    for i in range(6):
        series += _COEFFICIENTS[i] / (y + i + 1.0)
    return float32(-head + math.log(2.5066282746310005 * series / y))


@loop(exact=True)
def poisson(mean: float, state: np.ndarray, spare: np.ndarray) -> float:
    """Poisson number of a float32 mean: products of uniform numbers, rejection, or from 10^6 on a normal number."""
    if mean > 1.0e6:
        return float32(float64(mean) + math.sqrt(float64(mean)) * float64(normal(state, spare)))
    if mean < 12.0:
        limit = float32(math.exp(-float64(mean)))
        count = float32(0.0)
        product = uniform(state)
        while product > limit:
            count += float32(1.0)
            product *= uniform(state)
        return count
    width = float32(math.sqrt(2.0 * float64(mean)))
    logarithm = float32(math.log(float64(mean)))
    top = mean * logarithm - log_gamma(float32(mean + float32(1.0)))
    while True:
        y = float32(math.tan(math.pi * float64(uniform(state))))
        count = width * y + mean
        if count < 0.0:
            continue
        count = float32(math.floor(count))
        inner = count * logarithm - log_gamma(float32(count + float32(1.0))) - top
        accept = float32(0.9 * (1.0 + float64(y * y)) * math.exp(float64(inner)))
        if not uniform(state) > accept:
            return count


@loop(exact=True)
def draw(means: np.ndarray, counts: np.ndarray, state: np.ndarray, spare: np.ndarray) -> None:
    """Poisson numbers of the elements of a float32 array, in order."""
    for i in range(means.size):
        counts[i] = poisson(means[i], state, spare)


def photon_noise(image: np.ndarray, seed: int) -> np.ndarray:
    """Poisson numbers of the pixels of a float32 image (slow, fast), in order, as float32."""
    state = np.array(seeded(seed), dtype=np.int64)
    means = np.ascontiguousarray(image, dtype=np.float32)
    counts = np.empty(means.size, dtype=np.float32)
    call(draw, means.ravel(), counts, state, np.zeros(2, dtype=np.float32))
    return counts.reshape(image.shape)
