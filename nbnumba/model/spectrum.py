"""Spectra: wavelengths and how many photons each of them carries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbnumba.model.validate import WAVELENGTHS, is_list, number, refuse


@dataclass(frozen=True)
class Spectrum:
    """A table of wavelengths, kept in ascending order.

    Attributes:
        wavelengths: [A].
        weights: photons of each, in any unit; not photons per A, so that they need no even steps.

    Raises:
        NbnumbaError: columns of different lengths, wavelengths that no beam has, weights below 0 or all of them 0.
    """

    wavelengths: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        wavelengths = _column("wavelengths", self.wavelengths, "A", **WAVELENGTHS)
        weights = _column("weights", self.weights)
        if len(wavelengths) != len(weights) or not wavelengths:
            raise refuse(
                "spectrum",
                f"{len(wavelengths)} wavelengths and {len(weights)} weights",
                "one weight for each, 1 or more",
            )
        if min(weights) < 0.0:
            raise refuse("spectrum.weights", min(weights), "0 or more; set to 0 what a background left below it")
        if not (sum(weights) > 0.0 and sum(w * x for w, x in zip(weights, wavelengths, strict=True)) < math.inf):
            raise refuse("spectrum.weights", weights[:5], "weights whose sum is above 0, and finite")
        pairs = sorted(zip(wavelengths, weights, strict=True))
        object.__setattr__(self, "wavelengths", tuple(wavelength for wavelength, _ in pairs))
        object.__setattr__(self, "weights", tuple(weight for _, weight in pairs))

    def __len__(self) -> int:
        return len(self.wavelengths)

    @property
    def mean(self) -> float:
        """Mean wavelength [A]."""
        return float(np.average(self.wavelengths, weights=self.weights))

    @property
    def fwhm(self) -> float:
        """Distance [A] of the outermost points at which the weights, joined by straight lines, are half their largest.

        That of the first and the last point where the weights there are larger; 0 for one wavelength.
        """
        x, w = np.array(self.wavelengths), np.array(self.weights)
        return float(_outermost(x[::-1], w[::-1]) - _outermost(x, w))

    def rebinned(self, steps: int | None = None) -> Spectrum:
        """The same photons at up to ``steps`` wavelengths: the means of bins of equal width, without empty ones.

        Sum and mean stay; the variance loses what there is inside the bins. None: all wavelengths that have photons.
        """
        lit = np.array(self.weights) > 0.0
        x, w = np.array(self.wavelengths)[lit], np.array(self.weights)[lit]
        if steps is None or steps >= len(x):
            return Spectrum(tuple(x.tolist()), tuple(w.tolist()))
        bins = np.minimum((steps * (x - x[0]) / ((x[-1] - x[0]) or 1.0)).astype(int), steps - 1)
        total, first = np.bincount(bins, w), np.bincount(bins, w * x)
        return Spectrum(tuple((first[total > 0.0] / total[total > 0.0]).tolist()), tuple(total[total > 0.0].tolist()))


def _column(name: str, values: Any, unit: str = "", **limits: float) -> tuple[float, ...]:
    if not is_list(values):
        raise refuse(f"spectrum.{name}", values, "a list of numbers" + (f" [{unit}]" if unit else ""))
    return tuple(number(f"spectrum.{name}[{i}]", value, unit, **limits) for i, value in enumerate(values))


def _outermost(x: np.ndarray, w: np.ndarray) -> float:
    """Where the weights first rise through half their maximum."""
    half = 0.5 * w.max()
    i = int(np.argmax(w >= half))
    if i == 0:
        return float(x[0])
    return float(x[i - 1] + (x[i] - x[i - 1]) * (half - w[i - 1]) / (w[i] - w[i - 1]))
