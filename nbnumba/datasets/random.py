"""Random numbers of a recipe: one for each value of each image, which no other value or image has a part in."""

from __future__ import annotations

import functools
import hashlib
import math

import numpy as np

from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.sequences import sobol_coordinate
from nbnumba.physics.philox import Stream, Words, draw, philox
from nbnumba.physics.vector import Vector

_WORD = 0xFFFFFFFF
#: Set in the purpose of all numbers of recipes, so that they are never those of photons.
_RECIPES = 1 << 31


@functools.lru_cache(maxsize=4096)
def _words(name: str) -> tuple[int, int]:
    """Two words that stand for a name."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little") | _RECIPES


def uniform(seed: int, image: int, name: str, turn: int = 0) -> float:
    """Number in (0, 1): Philox4x32-10 of key ``seed``, with image, name and turn as its counter."""
    first, purpose = _words(name)
    return draw(Stream(seed, image, purpose), first, turn).u


def sobol_uniform(seed: int, image: int, dimension: int, name: str) -> float:
    """Coordinate in (0, 1) of the image's point of Sobol's sequence, moved by random bits of seed and name."""
    first, purpose = _words(name)
    shift = philox(Words(first, dimension, purpose, _WORD), seed & _WORD, (seed >> 32) & _WORD).a
    return ((sobol_coordinate(image, dimension) ^ shift) + 0.5) / 2.0**32


def rotation(u: tuple[float, float, float]) -> np.ndarray:
    """Rotation matrix for a point of the unit cube; even over all rotations where that is even.

    A quaternion of sqrt(1 - u1) (sin, cos)(2 pi u2) and sqrt(u1) (sin, cos)(2 pi u3) (K. Shoemake, Graphics Gems III,
    1992, 124).
    """
    inner, outer = math.sqrt(1.0 - u[0]), math.sqrt(u[0])
    first, second = 2.0 * math.pi * u[1], 2.0 * math.pi * u[2]
    x, y, z = inner * math.sin(first), inner * math.cos(first), outer * math.sin(second)
    w = outer * math.cos(second)
    size = math.sqrt(x * x + y * y + z * z)
    axis = Vector(x / size, y / size, z / size) if size > 0.0 else Vector(1.0, 0.0, 0.0)
    return rotation_matrix(axis, 2.0 * math.atan2(size, w))
