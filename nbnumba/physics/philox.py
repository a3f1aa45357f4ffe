"""Random numbers by counting: Philox4x32-10.

J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw (2011), Proc. SC11, doi:10.1145/2063384.2063405.

Ten rounds turn a counter of four words and a key of two into four random words. Nothing is kept from one number to the
next, so that every pixel of every image has its own, whatever is computed before it, beside it, or on what device.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar
from nbnumba._lowered import float_of
from nbnumba.physics.elementary import log

_WORD = 0xFFFFFFFF  # all bits of a word
_MULTIPLIER_0, _MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
_WEYL_0, _WEYL_1 = 0x9E3779B9, 0xBB67AE85
_ONE = 0x3FF0000000000000  # bits of 1.0


class Words(NamedTuple):
    """Four words of 32 bits, as whole numbers."""

    a: int
    b: int
    c: int
    d: int


@scalar
def philox(counter: Words, key_0: int, key_1: int) -> Words:
    """Four random words; a product may lose what is above 64 bits, or take a sign: neither reaches the result."""
    a, b, c, d = counter.a, counter.b, counter.c, counter.d
    for _ in range(10):
        left, right = _MULTIPLIER_0 * a, _MULTIPLIER_1 * c
        a, b, c, d = (
            ((right >> 32) & _WORD) ^ b ^ key_0,
            right & _WORD,
            ((left >> 32) & _WORD) ^ d ^ key_1,
            left & _WORD,
        )
        key_0, key_1 = (key_0 + _WEYL_0) & _WORD, (key_1 + _WEYL_1) & _WORD
    return Words(a, b, c, d)


class Stream(NamedTuple):
    """Where random numbers for one purpose in one image come from."""

    seed: int  # up to 64 bits
    image: int
    purpose: int


class Pair(NamedTuple):
    """Two independent numbers, even over (0, 1)."""

    u: float
    v: float


@scalar
def uniform(high: int, low: int) -> float:
    """Middle of one of 2^52 equal parts of (0, 1), chosen by two words."""
    return float_of(_ONE | (high << 20) | (low >> 12)) - (1.0 - 0.5**53)


@scalar
def draw(stream: Stream, pixel: int, turn: int) -> Pair:
    """Pair number ``turn`` of a pixel: the key is the seed, the counter pixel, turn, purpose and image."""
    counter = Words(pixel & _WORD, turn, stream.purpose, stream.image & _WORD)
    words = philox(counter, stream.seed & _WORD, (stream.seed >> 32) & _WORD)
    return Pair(uniform(words.a, words.b), uniform(words.c, words.d))


@scalar
def normal(pair: Pair) -> float:
    """Number of mean 0 and variance 1: sqrt(-2 ln u) cos(2 pi v) (Box and Muller 1958, Ann. Math. Stat. 29, 610)."""
    return math.sqrt(-2.0 * log(pair.u)) * math.cos(2.0 * math.pi * pair.v)
