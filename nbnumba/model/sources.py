"""Where the photons come from: one direction and wavelength, a grid of both, or a list."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nbnumba.constants import FWHM_PER_SIGMA
from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import WAVELENGTHS, direction, number, numbers, refuse
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector, cross, scaled, unit

COLUMNS = 5
#: Gaussian samples lie within 1.5 FWHM on either side: 4 in 10^4 photons are farther out.
_REACH = 1.5 * FWHM_PER_SIGMA


@dataclass(frozen=True)
class Sources:
    """A list of sources.

    Attributes:
        rows: x, y, z (from the sample towards the source, any length), weight, wavelength [A] of each.
    """

    rows: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        rows = tuple(_row(i, row) for i, row in enumerate(self.rows))
        if not rows:
            raise refuse("beam.sources", self.rows, "at least one row x, y, z, weight, wavelength [A]")
        if not 0.0 < sum(row[3] for row in rows) < math.inf:
            raise refuse("beam.sources weights", [row[3] for row in rows][:5], "weights whose sum is a number above 0")
        object.__setattr__(self, "rows", rows)


def _row(i: int, row: Any) -> tuple[float, ...]:
    x, y, z, weight, wavelength = numbers(f"beam.sources[{i}]", row, COLUMNS)
    direction(f"beam.sources[{i}] direction", (x, y, z))
    number(f"beam.sources[{i}] weight", weight, low=0.0)
    number(f"beam.sources[{i}] wavelength", wavelength, "A", **WAVELENGTHS)
    return x, y, z, weight, wavelength


class Grid(NamedTuple):
    """Evenly spaced deviations: ``number`` samples lie ``step`` apart from -width/2 on."""

    width: float
    step: float
    number: int

    def values(self) -> list[float]:
        """The deviations."""
        return [self.step * i - self.width / 2.0 for i in range(self.number)]


def even_grid(width: float, count: int) -> Grid:
    """Grid over a full width with a sample at either end; one sample, in the middle, where width or count say so."""
    if width == 0.0 or count == 1:
        return Grid(0.0, 0.0, 1)
    return Grid(width, width / (count - 1), count)


def even_shares(count: int) -> list[float]:
    """Weights of samples that are all alike."""
    return [1.0] * count


def gaussian_grid(fwhm: float, count: int) -> Grid:
    """Samples of a gaussian: steps of sqrt(4 pi/n) standard deviations, within 1.5 FWHM on either side.

    Even steps leave no gap between Bragg peaks in the wings, where samples of equal weight lie far apart. The step
    balances what the trapezoidal rule loses between samples and beyond them (Trefethen & Weideman 2014, SIAM Review 56,
    385); the scale is adjusted so that the variance is exact, by 1 % at most from 5 samples on.
    """
    if fwhm == 0.0 or count == 1:
        return Grid(0.0, 0.0, 1)
    at = _bell_places(count)
    width = (at[-1] - at[0]) * fwhm / FWHM_PER_SIGMA / math.sqrt(at**2 @ np.array(gaussian_shares(count)))
    return even_grid(float(width), count)


def gaussian_shares(count: int) -> list[float]:
    """Weights of these samples; their sum is 1."""
    shares = np.exp(-0.5 * _bell_places(count) ** 2)
    return list((shares / shares.sum()).tolist())


def _bell_places(count: int) -> np.ndarray:
    """Places of the samples before the adjustment, in standard deviations."""
    step = min(math.sqrt(4.0 * math.pi / count), 2.0 * _REACH / max(count - 1, 1))
    return step * (np.arange(count) - (count - 1) / 2.0)


class Profile(NamedTuple):
    """How deviations are sampled."""

    grid: Callable[[float, int], Grid]
    shares: Callable[[int], list[float]]


PROFILES = {"uniform": Profile(even_grid, even_shares), "gaussian": Profile(gaussian_grid, gaussian_shares)}


def _ellipse_term(deviation: float, grid: Grid) -> float:
    if grid.width == 0.0:
        return 0.0
    return (deviation / grid.width) ** 2 - (grid.step / grid.width) ** 2 / 4.0 * (1 - grid.number % 2)


def grid_sources(
    beam: Vector,
    polarization_axis: Vector,
    horizontal: Grid,
    vertical: Grid,
    lines: Sequence[tuple[float, float]],
    round_divergence: bool,
    shares: Callable[[int], list[float]] = even_shares,
) -> Sources:
    """Sources on a grid of divergence [rad]; every direction carries every one of the lines (wavelength [A], weight).

    "Horizontal" is along the electric field: the direction -beam is turned about the polarization axis by the
    vertical deviation, then about unit(beam x axis) by the horizontal one.
    """
    upright = unit(cross(beam, polarization_axis))
    rows: list[tuple[float, ...]] = []
    for h, h_weight in zip(horizontal.values(), shares(horizontal.number), strict=True):
        for v, v_weight in zip(vertical.values(), shares(vertical.number), strict=True):
            if round_divergence and 4.0 * (_ellipse_term(h, horizontal) + _ellipse_term(v, vertical)) > 1.1:
                continue
            towards = rotate(rotate(scaled(beam, -1.0), polarization_axis, v), upright, h)
            rows += [(*towards, h_weight * v_weight * weight, wavelength) for wavelength, weight in lines]
    if not rows:
        raise NbnumbaError("beam.divergence_steps: no source lies inside the round divergence; use more steps")
    return Sources(tuple(rows))


def dispersed(
    wavelength: float, dispersion: Grid, shares: Callable[[int], list[float]] = even_shares
) -> list[tuple[float, float]]:
    """Lines (wavelength [A], weight) of a grid of relative deviations from a wavelength."""
    deviations = zip(dispersion.values(), shares(dispersion.number), strict=True)
    return [(wavelength * (1.0 + deviation), weight) for deviation, weight in deviations]


def as_arrays(sources: Sources) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors of the incident beams (n, 3), weights (n,) and wavelengths [A] (n,)."""
    table = np.array(sources.rows, dtype=float)
    incident = -table[:, :3] / np.linalg.norm(table[:, :3], axis=1, keepdims=True)
    return incident, table[:, 3].copy(), table[:, 4].copy()
