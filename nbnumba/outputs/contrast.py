"""From values to darkness: where a scale begins and ends, and how it runs in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError

SCALES = ("log", "sqrt", "linear")
_RANGE = 300.0  # between what is just seen and the end of a logarithmic scale
_FEW = 10.0  # counts
_NORMAL = 0.954  # median difference of two normal numbers, over their standard deviation
_GROUND = 0.4  # share of a scale that the ground may take
_APART = 0.07  # share of a scale that numbers along it keep between them


class Contrast(NamedTuple):
    """A scale from ``low``, the ground, to ``high``.

    With x = v - low: log(1 + x/knee), linear for weak values and logarithmic for strong ones; sqrt(x); or x.
    """

    scale: str
    low: float
    high: float
    knee: float

    def shade(self, values: np.ndarray | np.float64) -> np.ndarray:
        """Values as shares of the scale, 0 to 1 within it."""
        return self._bent(np.maximum(values - self.low, 0.0)) / self._bent(np.float64(self.high - self.low))

    def value(self, shades: np.ndarray | np.float64) -> np.ndarray:
        """The other way round."""
        bent = np.asarray(shades) * self._bent(np.float64(self.high - self.low))
        if self.scale == "log":
            return np.asarray(self.low + self.knee * np.expm1(bent))
        return np.asarray(self.low + (bent**2 if self.scale == "sqrt" else bent))

    def _bent(self, excess: np.ndarray | np.float64) -> np.ndarray:
        if self.scale == "log":
            return np.asarray(np.log1p(excess / self.knee))
        return np.asarray(np.sqrt(excess) if self.scale == "sqrt" else excess)

    def ticks(self) -> list[float]:
        """Round numbers along the scale, with room for each: powers of ten first, then five and two times them."""
        top = max(abs(self.low), abs(self.high))
        first = math.floor(math.log10(max(self.knee if self.scale == "log" else (self.high - self.low) / 20.0, 1e-300)))
        powers = [10.0**k for k in range(first, math.floor(math.log10(top)) + 1)] if top > 0.0 else []
        decimal = [0.0, *(m * p for m in (1.0, 5.0, 2.0) for p in reversed(powers))]
        found = [] if self.scale == "linear" else self._apart(decimal)
        return found if len(found) > 2 else self._apart(_multiples(self.low, self.high))

    def _apart(self, candidates: list[float]) -> list[float]:
        """Those that have room, the first ones first."""
        kept: list[tuple[float, float]] = []
        for value in (sign * x for x in candidates for sign in ((1.0, -1.0) if x and self.low < 0.0 else (1.0,))):
            at = float(self.shade(np.float64(value))) if self.low <= value <= self.high else math.nan
            if math.isfinite(at) and all(abs(at - other) >= _APART for _, other in kept):
                kept.append((value, at))
        return sorted(value for value, _ in kept)


def _multiples(low: float, high: float) -> list[float]:
    step = 10.0 ** math.floor(math.log10((high - low) / 2.0))
    step *= next(m for m in (1.0, 2.0, 5.0, 10.0) if (high - low) / (m * step) <= 8.0)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def contrast(
    parts: Sequence[np.ndarray],
    scale: str = "log",
    percentiles: tuple[float, float] | None = None,
    *,
    counts: bool = False,
) -> Contrast:
    """Scale for values that are shown.

    Left to itself, it begins at the median, which is the ground between spots, or lower where the ground varies by more
    than its noise. It ends at the 99.9th percentile, or a hundredth of the strongest spot above the ground where that
    is more, for counts not below ten of them; higher, where the ground would be dark.

    Args:
        parts: arrays (slow, fast), NaN where masked.
        scale: "log", "sqrt" or "linear".
        percentiles: where it begins and ends [%]; None: as above.
        counts: whether values are whole numbers of counts.

    Raises:
        NbnumbaError: another scale, or percentiles that do not rise within 0 to 100.
    """
    if scale not in SCALES:
        raise NbnumbaError(f"scale: found {scale!r}; allowed: {', '.join(SCALES)}")
    if percentiles is not None and not 0.0 <= percentiles[0] < percentiles[1] <= 100.0:
        raise NbnumbaError(f"percentiles: found {percentiles}; allowed: LOW HIGH with 0 <= LOW < HIGH <= 100")
    values = np.concatenate([part[np.isfinite(part)] for part in parts])
    if values.size == 0:
        return Contrast(scale, 0.0, 1.0, 1.0)
    noise, least = _noise(parts), 1.0 if counts else 0.0
    if percentiles is not None:
        low, high = np.percentile(values, percentiles).tolist()
        return _scaled(scale, low, high if high > low else low + 1.0, noise, least)
    lowest, ground, upper, high = np.percentile(values, [5.0, 50.0, 84.0, 99.9]).tolist()
    low, strongest = min(ground, lowest + 2.0 * noise), float(values.max())
    # The share of an image that is spots differs widely, and so does their strength: neither rule does alone.
    high = max(high, ground + (strongest - ground) / 100.0, low + _FEW * least)
    if not high > low:
        high = strongest if strongest > low else low + 1.0
    found = _scaled(scale, low, high, noise, least)
    light = max(float(found.shade(np.float64(upper))) / _GROUND, 1.0)  # so that spots stand out from what varies
    return _scaled(scale, low, max(high, min(strongest, float(found.value(np.float64(light))))), noise, least)


def _scaled(scale: str, low: float, high: float, noise: float, least: float) -> Contrast:
    """Scale that is linear up to three standard deviations of the noise, and ``least`` at least."""
    return Contrast(scale, low, high, min(max((high - low) / _RANGE, 3.0 * noise, least), high - low))


def _noise(parts: Sequence[np.ndarray]) -> float:
    """Standard deviation of pixels about what is around them, from the median difference of neighbours."""
    steps = np.concatenate([np.abs(np.diff(part, axis=1)).ravel() for part in parts])
    known = steps[np.isfinite(steps)]
    return float(np.median(known)) / _NORMAL if known.size else 0.0
