"""Which reflections light a part of the image, and how much of it each of them does."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nbnumba._run import call_for
from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import Arguments
from nbnumba.kernels.pack import pack
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.reflections import index_keys
from nbnumba.model.validate import Roi
from nbnumba.tracer.walk import counters, loop_lengths

LIMIT = 10**9
_CHUNK = 100_000
_WAITING = 50  # parts that are summed up together
TYPE = np.dtype([("h", "i4"), ("k", "i4"), ("l", "i4"), ("photons", "f8"), ("share", "f8")])


def contributions(
    experiment: Experiment,
    roi: Roi | None = None,
    *,
    limit: int = LIMIT,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Reflections that light a region, the brightest first.

    Every step counts for the reflection that is nearest to it, also where structure factors are interpolated.

    Args:
        experiment: what is rendered.
        roi: ((slow start, slow stop), (fast start, fast stop)), stops excluded; None: all that is rendered.
        limit: largest number of steps in the region; 10^9 take some minutes.
        progress: called as progress(done, total) with numbers of steps.

    Returns:
        Structured array with h, k, l, photons, and their share of the photons of the region.

    Raises:
        NbnumbaError: a region that is not on the detector, or too many steps.
    """
    check_experiment(experiment)
    experiment.check_one_lattice("contributions")
    part = experiment if roi is None else experiment.replace(**{"detector.roi": roi})
    # Rows are counted through all panels.
    pixels, found = np.argwhere(part.rendered.reshape(part.detector.rows, -1)), []
    total = len(pixels) * part.steps_per_pixel
    if total > limit:
        raise NbnumbaError(
            f"limit: found {total:.3g} steps in the region; allowed: up to {limit:.3g}; ask for fewer pixels, domains "
            "or sources, or set a higher limit"
        )
    a = pack(part, merged=False)
    for start in range(0, total, _CHUNK):
        stop = min(start + _CHUNK, total)
        found.append(_lit(a, pixels, start, stop))
        found = [_summed(np.concatenate(found))] if len(found) > _WAITING else found
        if progress is not None:
            progress(stop, total)
    result = _summed(np.concatenate([np.zeros(0, TYPE), *found]))
    photons = result["photons"]
    result["share"] = photons / photons.sum() if photons.sum() > 0.0 else 0.0
    return result[np.argsort(-photons, kind="stable")]


def pixel_values(experiment: Experiment, pixels: np.ndarray) -> np.ndarray:
    """Photons (n,) of pixels (n, 2), slow and fast, summed step by step in double precision."""
    total = np.zeros(len(pixels))
    for part, weight, _ in experiment.components():
        a, steps = pack(part, merged=False, weight=weight), part.steps_per_pixel
        for start in range(0, len(pixels) * steps, _CHUNK):
            numbers = np.arange(start, min(start + _CHUNK, len(pixels) * steps))
            total += np.bincount(numbers // steps, weights=_terms(a, pixels, numbers)[1], minlength=len(pixels))
    return total


def _terms(a: Arguments, pixels: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest reflections (n, 3) and photons (n,) of steps, counted through all pixels."""
    from nbnumba.tracer.compiled import fill_terms

    steps = math.prod(loop_lengths(a))
    nearest, terms = np.empty((len(numbers), 3), dtype=np.int64), np.empty(len(numbers))
    places = pixels[numbers // steps], counters(a, numbers % steps)
    call_for(len(pixels) * steps, fill_terms, a, *places, nearest, terms)
    return nearest, terms


def _lit(a: Arguments, pixels: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Sums by reflection over steps ``start`` ... ``stop`` - 1 of all the pixels'."""
    nearest, terms = _terms(a, pixels, np.arange(start, stop))
    rows = np.zeros(len(terms), TYPE)
    rows["h"], rows["k"], rows["l"] = nearest.T
    rows["photons"] = terms
    return _summed(rows[terms != 0.0])


def _summed(rows: np.ndarray) -> np.ndarray:
    """One row for each reflection, in the order of h, k, l."""
    keys = index_keys(np.column_stack([rows["h"], rows["k"], rows["l"]]))
    _, first, of = np.unique(keys, return_index=True, return_inverse=True)
    result = rows[first]
    result["photons"] = np.bincount(of.ravel(), weights=rows["photons"], minlength=len(first))
    return result
