"""Mosaic domains: rotations about random axes by random angles within the spread.

The random numbers are those of nanoBragg, so that a seed gives the same domains in both programs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nbnumba.model.random import MinimalStandard
from nbnumba.model.validate import number, whole
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector

DEFAULT_SEED = 12345678


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """Mosaic spread.

    Attributes:
        spread: largest angle [degrees] between a domain and the crystal; 0: one perfect domain, whatever ``domains``.
        domains: number of domains; the first is not turned.
        seed: of the random axes and angles.
    """

    spread: float = 0.0
    domains: int = 10
    seed: int = DEFAULT_SEED

    def __post_init__(self) -> None:
        object.__setattr__(self, "spread", number("crystal.mosaic.spread", self.spread, "degrees", low=0.0, high=180.0))
        object.__setattr__(self, "domains", whole("crystal.mosaic.domains", self.domains, low=1, high=10**7))
        object.__setattr__(self, "seed", whole("crystal.mosaic.seed", self.seed, low=1))

    @property
    def count(self) -> int:
        """Number of domains that differ."""
        return self.domains if self.spread > 0.0 else 1

    def rotations(self) -> np.ndarray:
        """Rotation matrices of the domains, shape (count, 3, 3), applied after the scan's rotation; read-only."""
        return _rotations(self)

    def turns(self) -> list[tuple[Vector, float]]:
        """Axis of each domain, and its angle as a fraction of the spread; the first is not turned."""
        generator = MinimalStandard(self.seed)
        found = [random_rotation(generator) for _ in range(self.count)]
        return [(found[0][0], 0.0), *found[1:]]


@lru_cache(maxsize=4)
def _rotations(mosaic: Mosaic) -> np.ndarray:
    spread = math.radians(mosaic.spread)
    found = np.array([rotation_matrix(axis, domain_angle(spread, fraction)) for axis, fraction in mosaic.turns()])
    found.flags.writeable = False
    return found


def random_rotation(generator: MinimalStandard) -> tuple[Vector, float]:
    """A random axis and a fraction of the largest angle, dense as the volume of a ball: (1 - r^2)^(1/3)."""
    r1, r2, r3 = (2.0 * generator.uniform() - 1.0 for _ in range(3))
    rho = math.sqrt(1.0 - r2 * r2)
    axis = Vector(rho * math.sin(math.pi * r1), rho * math.cos(math.pi * r1), r2)
    return axis, float(np.float32(float(np.float32(1.0 - r3 * r3)) ** float(np.float32(1.0 / 3.0))))


def domain_angle(spread: float, fraction: float) -> float:
    """Angle [rad] of a domain: the product in single precision, as nanoBragg has it."""
    return float(np.float32(spread) * np.float32(fraction))


def rotation_matrix(axis: Vector, angle: float) -> np.ndarray:
    """Matrix (3, 3) of the rotation about a unit vector by an angle [rad]."""
    columns = [rotate(Vector(*unit), axis, angle) for unit in np.eye(3).tolist()]
    return np.array(columns).T
