"""How alike two images are."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import whole
from nbnumba.outputs.pixels import as_image

#: Peaks that lie this close together [pixels] are the same one.
NEAR = 0.5


class Peaks(NamedTuple):
    """The strongest local maxima of two images, and how many of them the other image has within half a pixel."""

    strongest: tuple[int, int]  # looked at in the first and the second image
    matched: tuple[int, int]
    apart: float  # mean distance of those that match [pixels]; nan if there are none


class Comparison(NamedTuple):
    """Figures over the pixels that are finite in both images."""

    pixels: int
    one_sided: int  # pixels left out that are not finite in one image and something else in the other
    correlation: float  # Pearson's; nan where an image is flat
    ratio: float  # sum of the second over sum of the first; nan where that is 0
    rms: float  # of the difference
    largest: float  # difference, without its sign
    place: tuple[int, ...]  # slow, fast, or panel, slow, fast
    relative: float  # largest difference over the largest value of the first image
    peaks: Peaks


def compare(first: Any, second: Any, *, peaks: int = 100) -> Comparison:
    """Compare two images of one shape.

    Args:
        first: array (slow, fast), or (panel, slow, fast), of numbers; the yardstick.
        second: array of the same shape.
        peaks: how many of the strongest peaks of each image are looked for in the other.

    Raises:
        NbnumbaError: arrays that are not images, or differ in shape, or have no finite pixel in common.
    """
    peaks = whole("peaks", peaks, low=0)
    a, b = (
        as_image(f"{name} image", image).astype(np.float64) for name, image in (("first", first), ("second", second))
    )
    if a.shape != b.shape:
        raise NbnumbaError(f"images: found {a.shape} and {b.shape} pixels (slow, fast); allowed: the same shape")
    single, rows = a.ndim == 2, a.shape[-2] + 1
    a, b = (image if single else _apart(image) for image in (a, b))
    good = np.isfinite(a) & np.isfinite(b)
    alike = good | (a == b) | (np.isnan(a) & np.isnan(b))
    count, one_sided = int(np.count_nonzero(good)), int(np.count_nonzero(~alike))
    if count == 0:
        raise NbnumbaError("images: found no pixel that is finite in both; give images with numbers")
    a, b = np.where(good, a, 0.0), np.where(good, b, 0.0)
    difference = b - a
    slow, fast = np.unravel_index(int(np.abs(difference).argmax()), a.shape)
    largest = abs(float(difference[slow, fast]))
    return Comparison(
        pixels=count,
        one_sided=one_sided,
        correlation=_correlation(a[good], b[good]),
        ratio=_quotient(float(b.sum()), float(a.sum())),
        rms=math.sqrt(float(np.vdot(difference, difference)) / count),
        largest=largest,
        place=(int(slow), int(fast)) if single else (int(slow) // rows, int(slow) % rows, int(fast)),
        relative=0.0 if largest == 0.0 else _quotient(largest, float(np.abs(a).max())),
        peaks=_matched_peaks(a, b, peaks),
    )


def _apart(panels: np.ndarray) -> np.ndarray:
    """Panels below one another with a row of no numbers after each, so that no peak lies on two of them."""
    return np.pad(panels, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan).reshape(-1, panels.shape[2])


def _quotient(above: float, below: float) -> float:
    return above / below if below != 0.0 else math.nan


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if a.min() == a.max() or b.min() == b.max():
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    return float(np.vdot(a, b)) / math.sqrt(float(np.vdot(a, a)) * float(np.vdot(b, b)))


def _matched_peaks(a: np.ndarray, b: np.ndarray, number: int) -> Peaks:
    of_a, of_b = _summits(a), _summits(b)
    from_a, from_b = _distances(a, of_a, b, of_b, number), _distances(b, of_b, a, of_a, number)
    near = [distance for distance in from_a + from_b if distance <= NEAR]
    return Peaks(
        strongest=(len(from_a), len(from_b)),
        matched=(sum(distance <= NEAR for distance in from_a), sum(distance <= NEAR for distance in from_b)),
        apart=float(np.mean(near)) if near else math.nan,
    )


def _distances(
    image: np.ndarray, summits: np.ndarray, other: np.ndarray, its_summits: np.ndarray, number: int
) -> list[float]:
    """Distance [pixels] of each of the strongest peaks from the nearest peak of the other image."""
    return [_distance_to_peak(image, place, other, its_summits) for place in _strongest(image, summits, number)]


def _summits(image: np.ndarray) -> np.ndarray:
    """Which pixels are at least as strong as their eight neighbours, and stronger than the ground."""
    padded = np.pad(image, 1, constant_values=-math.inf)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return (image >= np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])) & (image > np.median(image))


def _strongest(image: np.ndarray, summits: np.ndarray, number: int) -> list[tuple[int, int]]:
    """Places of the strongest summits; of a plateau, the first pixel."""
    before = np.pad(summits, 1)
    first = summits & ~(before[1:-1, :-2] | before[:-2, :-2] | before[:-2, 1:-1] | before[:-2, 2:])
    slow, fast = np.nonzero(first)
    order = np.argsort(-image[slow, fast], kind="stable")[:number]
    return list(zip(slow[order].tolist(), fast[order].tolist(), strict=True))


def _distance_to_peak(image: np.ndarray, place: tuple[int, int], other: np.ndarray, summits: np.ndarray) -> float:
    """Distance [pixels] from a peak to the nearest peak of another image among the nine pixels around it."""
    slow, fast = place
    rows, columns = np.nonzero(summits[max(slow - 1, 0) : slow + 2, max(fast - 1, 0) : fast + 2])
    here = _centroid(image, slow, fast)
    centers = [
        _centroid(other, s, f)
        for s, f in zip((rows + max(slow - 1, 0)).tolist(), (columns + max(fast - 1, 0)).tolist(), strict=True)
    ]
    return min((math.dist(here, center) for center in centers), default=math.inf)


def _centroid(image: np.ndarray, slow: int, fast: int) -> tuple[float, float]:
    """Centre of mass of a peak: of the nine pixels around its summit, above the weakest of them."""
    start_slow, start_fast = max(slow - 1, 0), max(fast - 1, 0)
    window = image[start_slow : slow + 2, start_fast : fast + 2]
    mass = window - window.min()
    total = float(mass.sum())
    if total == 0.0:
        return float(slow), float(fast)
    rows, columns = np.indices(window.shape)
    return start_slow + float((mass * rows).sum()) / total, start_fast + float((mass * columns).sum()) / total
