"""Poisson numbers: the smallest n with P(N <= n) >= u for small means, rejection for others.

Written in steps without branches, so that loops can take them for many pixels at a time.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba._lowered import ceiling, polynomial
from nbnumba.physics.elementary import EXP_END, exp_minus, log
from nbnumba.physics.philox import Pair, Stream, draw

SEARCHED = 12.0  # mean up to which counts are tried one by one
REJECTED = -1.0
_NEGLIGIBLE = 1e-20  # a term so small ends the search: it no longer changes the sum
_SHIFT = 8.0  # Stirling's series for a factorial so much further on is exact to 1e-11
_FAR = 1e30  # from here on, n + 8 is n
_NEAR = 0.01  # squares of (a - b)/(a + b) up to which ln(a/b) is taken from its series
_ATANH_REST = tuple(2.0 / (2 * n + 3) for n in range(5))  # 2 (atanh(s) - s)/s^3 in powers of s^2


class Search(NamedTuple):
    """The search for a count at one of its steps."""

    term: float  # P(N = n)
    total: float  # P(N <= n)
    found: float  # the smallest n so far


@scalar
def begin_search(mean: float) -> Search:
    """Before anything but n = 0 was tried."""
    term = exp_minus(mean, EXP_END)
    return Search(term, term, 0.0)


@scalar
def goes_on(s: Search, u: float) -> bool:
    """Whether the count is still to be found."""
    return s.total < u and s.term > _NEGLIGIBLE


@scalar
def search_on(s: Search, mean: float, u: float, inverse: float) -> Search:
    """Step to n from n - 1, given 1/n: P(N = n) = P(N = n - 1) mean/n."""
    term = s.term * (mean * inverse)
    return Search(term, s.total + term, s.found + (1.0 if goes_on(s, u) else 0.0))


@scalar
def surplus(n: float, far: float, mean: float) -> float:
    """n ln(mean/far) + far - mean for far = n + 8.

    For large means these cancel: with s = (mean - far)/(mean + far) the first is 2 n atanh(s), and what is left of
    2 n s + far - mean is s (n - 8 - mean).
    """
    inverse = 1.0 / (mean + far)
    s = (mean - far) * inverse
    square = s * s
    near = s * ((n - mean) - _SHIFT) + n * s * square * polynomial(square, _ATANH_REST)
    return near if square < _NEAR else n * log(mean * (1.0 / far)) + (far - mean)


@scalar
def proposed(mean: float, pair: Pair) -> float:
    """Count, or ``REJECTED``: transformed rejection, PTRS (Hoermann 1993, Insurance: Math. and Economics 12, 39-45).

    Accepted is n where ln(v/(alpha (a/e^2 + b))) <= n ln(mean) - mean - ln n!, with ln n! by Stirling's series for
    n + 8.
    """
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    u = pair.u - 0.5
    edge = 0.5 - abs(u)
    count = ceiling((2.0 * a / edge + b) * u + mean + 0.43) - 1.0
    n = count if count > 0.0 else 0.0
    far = n + _SHIFT
    m = n if n < _FAR else _FAR  # whose eighth power is a number
    end = m + _SHIFT
    product = (m + 1.0) * (m + 2.0) * (m + 3.0) * (m + 4.0) * ((m + 5.0) * (m + 6.0) * (m + 7.0) * end)
    eighth = end * end * (end * end)
    height = pair.v * (1.1239 + 1.1328 / (b - 3.4)) * edge * edge / (a + b * edge * edge)
    inverse = 1.0 / far
    square = inverse * inverse
    series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)))
    left = log(height * (eighth * eighth / product) * math.sqrt(2.0 * math.pi * far))
    right = surplus(n, far, mean) - series
    return count if count >= 0.0 and left <= right else REJECTED


@scalar
def poisson(mean: float, stream: Stream, pixel: int) -> float:
    """Poisson number of a pixel whose mean is ``mean`` >= 0."""
    pair = draw(stream, pixel, 0)
    if mean < SEARCHED:
        s, n = begin_search(mean), 0.0
        while goes_on(s, pair.u):
            n += 1.0
            s = search_on(s, mean, pair.u, 1.0 / n)
        return s.found
    count, turn = proposed(mean, pair), 0
    while count < 0.0:
        turn += 1
        count = proposed(mean, draw(stream, pixel, turn))
    return count
