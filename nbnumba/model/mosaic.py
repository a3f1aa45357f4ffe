"""Mosaic domains: the crystal in slightly different orientations, with slightly different cells.

The random numbers are those of nanoBragg, so that a seed gives the same domains in both programs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from nbnumba.model.random import MinimalStandard
from nbnumba.model.sequences import SEQUENCES, uniforms
from nbnumba.model.validate import choice, one_or_several, whole
from nbnumba.physics.rotation import angles_xyz, rotate
from nbnumba.physics.vector import Vector, length, scaled

DEFAULT_SEED = 12345678
DISTRIBUTIONS = ("nanobragg", "gaussian")
#: Standard deviation of cell constants up to which no drawn length comes near 0 [percent].
WIDEST_CELLS = 10.0

Three = float | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """Mosaic domains: how far they are turned from the crystal, and how their cells differ.

    One ``spread`` is the same about all axes; the turns then come after the scan's rotation, about axes of the
    laboratory. With three of them, or with a ``cell_spread``, domains are turned in the crystal's own frame, x along
    a*, z along c (of a right-angled cell: a, b, c), before the scan's rotation, which takes them along.

    Attributes:
        spread: width of the distribution of turns [degrees], or three about x, y, z of the crystal's frame.
        domains: number of domains; without any spread there is one, whatever it says.
        seed: of the random numbers.
        distribution: "nanobragg": about axes of all directions, by angles up to the spread; "gaussian": by rotation
            vectors (axis times angle) whose components are normal, each with the spread as its standard deviation.
        sequence: where in their distribution domains lie: "random", or "low-discrepancy", evenly, which takes fewer
            of them for the same image. Of nanoBragg's random ones with one spread the first is not turned.
        cell_spread: relative standard deviation of a, b and c [percent], which are normal and independent in every
            domain, or three, one for each; the angles of the cell stay.

    Raises:
        NbnumbaError: a value that is not allowed.
    """

    spread: Three = 0.0
    domains: int = 10
    seed: int = DEFAULT_SEED
    distribution: str = "nanobragg"
    sequence: str = "random"
    cell_spread: Three = 0.0

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("spread", one_or_several("crystal.mosaic.spread", self.spread, 3, "degrees", low=0.0, high=180.0))
        put("domains", whole("crystal.mosaic.domains", self.domains, low=1, high=10**7))
        put("seed", whole("crystal.mosaic.seed", self.seed, low=1))
        choice("crystal.mosaic.distribution", self.distribution, DISTRIBUTIONS)
        choice("crystal.mosaic.sequence", self.sequence, SEQUENCES)
        limits = {"low": 0.0, "high": WIDEST_CELLS}
        put("cell_spread", one_or_several("crystal.mosaic.cell_spread", self.cell_spread, 3, "percent", **limits))

    @property
    def count(self) -> int:
        """Number of domains that differ."""
        return self.domains if np.any(self.spread) or self.stretches else 1

    @property
    def stretches(self) -> bool:
        """Whether the cells of domains differ."""
        return bool(np.any(self.cell_spread))

    @property
    def isotropic(self) -> bool:
        """Whether one spread serves all axes."""
        return not isinstance(self.spread, tuple)

    @property
    def in_crystal(self) -> bool:
        """Whether domains are turned in the crystal's own frame, before the scan's rotation."""
        return self.stretches or not self.isotropic

    @property
    def width(self) -> float:
        """How far domains move a reflection, over its distance from the origin of reciprocal space: widths together."""
        if self.domains == 1 and self._starts_unturned:
            return 0.0
        return math.radians(np.max(self.spread)) + float(np.max(self.cell_spread)) / 100.0

    @property
    def _starts_unturned(self) -> bool:
        """Whether the first domain is the crystal as it stands, as in nanoBragg."""
        return self.sequence == "random" and not self.in_crystal

    def rotations(self) -> np.ndarray:
        """Rotation matrices of the domains, shape (count, 3, 3), in the laboratory's or crystal's frame; read-only."""
        return _rotations(self)

    def turns(self) -> list[tuple[Vector, float]]:
        """Axis of each domain, and its angle as a multiple of the spread."""
        rows = self._uniforms(1)[0].tolist()
        if self.distribution == "gaussian":
            return [normal_turn(*row) for row in rows]
        found = [ball_turn(*row) for row in rows]
        return [(found[0][0], 0.0), *found[1:]] if self._starts_unturned else found

    def stretched(self) -> np.ndarray:
        """Factors (count, 3) on a, b, c of the domains."""
        if not self.stretches:
            return np.ones((self.count, 3))
        deviations = [[_NORMAL.inv_cdf(u) for u in row] for row in self._uniforms(2)[1].tolist()]
        return np.asarray(1.0 + np.array(deviations) * np.array(self.cell_spread) / 100.0)

    def _uniforms(self, triples: int) -> np.ndarray:
        return uniforms(self.sequence, self.seed, self.count, triples)


_NORMAL = NormalDist()


@lru_cache(maxsize=4)
def _rotations(mosaic: Mosaic) -> np.ndarray:
    found = np.array([rotation_matrix(*_angle(mosaic, axis, times)) for axis, times in mosaic.turns()])
    found.flags.writeable = False
    return found


def _angle(mosaic: Mosaic, axis: Vector, times: float) -> tuple[Vector, float]:
    """Axis and angle [rad] of a domain whose turn is given in multiples of the spread."""
    if isinstance(mosaic.spread, tuple):
        v = Vector(*(math.radians(spread) * times * x for spread, x in zip(mosaic.spread, axis, strict=True)))
        angle = length(v)
        return (scaled(v, 1.0 / angle), angle) if angle > 0.0 else (axis, 0.0)
    spread = math.radians(mosaic.spread)
    return axis, domain_angle(spread, times) if mosaic.distribution == "nanobragg" else spread * times


def ball_turn(u1: float, u2: float, u3: float) -> tuple[Vector, float]:
    """Axis of any direction, and fraction (1 - r^2)^(1/3) of the largest angle, for numbers (r + 1)/2 in (0, 1)."""
    r1, r2, r3 = (2.0 * u - 1.0 for u in (u1, u2, u3))
    rho = math.sqrt(1.0 - r2 * r2)
    axis = Vector(rho * math.sin(math.pi * r1), rho * math.cos(math.pi * r1), r2)
    return axis, float(np.float32(float(np.float32(1.0 - r3 * r3)) ** float(np.float32(1.0 / 3.0))))


def normal_turn(u1: float, u2: float, u3: float) -> tuple[Vector, float]:
    """Axis and length of a rotation vector with normal components of standard deviation 1, for numbers in (0, 1)."""
    v = Vector(*(_NORMAL.inv_cdf(u) for u in (u1, u2, u3)))
    size = length(v)
    return (scaled(v, 1.0 / size), size) if size > 0.0 else (Vector(1.0, 0.0, 0.0), 0.0)


def random_rotation(generator: MinimalStandard) -> tuple[Vector, float]:
    """A random axis and a fraction of the largest angle, as ``ball_turn`` has them."""
    return ball_turn(*(generator.uniform() for _ in range(3)))


def domain_angle(spread: float, fraction: float) -> float:
    """Angle [rad] of a domain: the product in single precision, as nanoBragg has it."""
    return float(np.float32(spread) * np.float32(fraction))


def rotation_matrix(axis: Vector, angle: float) -> np.ndarray:
    """Matrix (3, 3) of the rotation about a unit vector by an angle [rad]."""
    columns = [rotate(Vector(*unit), axis, angle) for unit in np.eye(3).tolist()]
    return np.array(columns).T


def misset_of(matrix: np.ndarray) -> tuple[float, float, float]:
    """Angles [degrees] about the laboratory x, then y, then z axis that make up a rotation, given its matrix (3, 3)."""
    x, y, z = map(math.degrees, angles_xyz(*(Vector(*row) for row in matrix.tolist())))
    return x, y, z
