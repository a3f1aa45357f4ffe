"""Points of the unit cube that stand for all of it: random ones, or those of Sobol, which fill it evenly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nbnumba.model.random import MinimalStandard

SEQUENCES = ("random", "low-discrepancy")
TRIPLES = 2  # three numbers, twice, is what there are directions for

_BITS = 32
#: Coefficients of a primitive polynomial and the first direction numbers, for the second dimension and on (S. Joe and
#: F. Y. Kuo, SIAM J. Sci. Comput. 30 (2008) 2635; their list new-joe-kuo-6). The first has no polynomial.
_DIRECTIONS = (
    (0, (1,)), (1, (1, 3)), (1, (1, 3, 1)), (2, (1, 1, 1)), (1, (1, 1, 3, 3)), (4, (1, 3, 5, 13)),
    (2, (1, 1, 5, 5, 17)), (4, (1, 1, 5, 5, 5)), (7, (1, 1, 7, 11, 19)), (11, (1, 1, 5, 1, 1)),
    (13, (1, 1, 1, 3, 11)), (14, (1, 3, 5, 5, 31)), (1, (1, 3, 3, 9, 7, 49)), (13, (1, 1, 1, 15, 21, 21)),
    (16, (1, 3, 1, 13, 27, 49)), (19, (1, 1, 1, 15, 7, 5)), (22, (1, 3, 1, 15, 13, 25)), (25, (1, 1, 5, 5, 19, 61)),
    (1, (1, 3, 7, 11, 23, 15, 103)), (4, (1, 3, 7, 13, 13, 15, 69)),
)  # fmt: skip
MOST_DIMENSIONS = 1 + len(_DIRECTIONS)


def uniforms(sequence: str, seed: int, count: int, triples: int) -> np.ndarray:
    """Numbers in (0, 1), shape (triples, count, 3); those of a triple do not depend on the triples after it.

    Args:
        sequence: "random": nanoBragg's generator, triple by triple; "low-discrepancy": points of Sobol's sequence,
            all moved alike by a random number of the seed (a digital shift).
        seed: of either.
        count: number of points.
        triples: 1 or 2.
    """
    if sequence == "random":
        generator = MinimalStandard(seed)
        return np.array([generator.uniform() for _ in range(triples * count * 3)]).reshape(triples, count, 3)
    return shifted_sobol(seed, count)[:, : 3 * triples].reshape(count, triples, 3).transpose(1, 0, 2)


def shifted_sobol(seed: int, count: int) -> np.ndarray:
    """Points (count, 6) of Sobol's sequence, the bits of each coordinate flipped where those of a random number are 1.

    Points lie in the middle of the 2^32 parts of an edge, so that none is 0 or 1.
    """
    generator = MinimalStandard(seed)
    shift = np.array([int(generator.uniform() * 2.0**_BITS) for _ in range(3 * TRIPLES)], dtype=np.uint64)
    return (np.asarray(sobol(count) ^ shift, dtype=np.float64) + 0.5) / 2.0**_BITS


def sobol(count: int, dimensions: int = 3 * TRIPLES) -> np.ndarray:
    """The first points (count, dimensions) of Sobol's sequence, as whole numbers below 2^32.

    Point i is the exclusive or of the direction numbers that the bits of i's Gray code choose (I. A. Antonov and V. M.
    Saleev, USSR Comput. Math. Math. Phys. 19 (1980) 252).
    """
    numbers = np.arange(count, dtype=np.uint64)
    gray = numbers ^ (numbers >> np.uint64(1))
    points = np.zeros((count, dimensions), dtype=np.uint64)
    for bit, directions in enumerate(direction_numbers()[:dimensions].T):
        points ^= ((gray >> np.uint64(bit)) & np.uint64(1))[:, np.newaxis] * directions
    return points


def sobol_coordinate(number: int, dimension: int) -> int:
    """Coordinate of point ``number`` of Sobol's sequence along one of its dimensions, a whole number below 2^32."""
    gray, found, directions = number ^ (number >> 1), 0, direction_numbers()[dimension].tolist()
    for bit in range(gray.bit_length()):
        found ^= directions[bit] if (gray >> bit) & 1 else 0
    return int(found)


@lru_cache(maxsize=1)
def direction_numbers() -> np.ndarray:
    """Direction numbers (dimensions, bits), each of 32 bits."""
    rows = [[1] * _BITS, *(_recurrence(coefficients, list(first)) for coefficients, first in _DIRECTIONS)]
    return np.array([[m << (_BITS - 1 - bit) for bit, m in enumerate(row)] for row in rows], dtype=np.uint64)


def _recurrence(coefficients: int, numbers: list[int]) -> list[int]:
    """Continue odd numbers m_i by those of a polynomial of degree s, whose inner coefficients are the bits given.

    m_i = 2 a_1 m_(i-1) xor 4 a_2 m_(i-2) xor ... xor 2^s m_(i-s) xor m_(i-s).
    """
    degree = len(numbers)
    while len(numbers) < _BITS:
        new = numbers[-degree] ^ (numbers[-degree] << degree)
        for j in range(1, degree):
            new ^= ((coefficients >> (degree - 1 - j)) & 1) * numbers[-j] << j
        numbers.append(new)
    return numbers
