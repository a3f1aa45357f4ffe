"""Poisson numbers of many pixels, in short loops that a compiler can vectorise.

Each is the number that ``physics.poisson`` gives for its pixel alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba._jit import scalar
from nbnumba._lowered import borrowed, wide_vectors
from nbnumba.physics.philox import Pair, Stream, draw
from nbnumba.physics.poisson import SEARCHED, Search, begin_search, goes_on, proposed, search_on

PORTION = 256  # pixels at a time


class Portion(NamedTuple):
    """Pixels that are worked on; arrays of ``PORTION`` elements."""

    number: np.ndarray  # of the pixel, int64
    mean: np.ndarray  # float64, like all below
    u: np.ndarray
    v: np.ndarray
    term: np.ndarray
    total: np.ndarray
    found: np.ndarray  # count


@scalar
def portion_in(numbers: np.ndarray, space: np.ndarray) -> Portion:
    """A portion in memory that the caller keeps alive: (PORTION,) int64 and (6, PORTION) float64."""
    return borrowed(Portion(numbers, space[0], space[1], space[2], space[3], space[4], space[5]))


@scalar
def choose(p: Portion, means: np.ndarray, size: int, small: bool) -> int:
    """Take up the pixels whose means are small, or those whose means are not; their number."""
    wanted, taken = 0, 0
    for i in range(size):
        wanted += 1 if (means[i] < SEARCHED) == small else 0
    if wanted == size:
        for i in range(size):
            p.number[i] = i
            p.mean[i] = means[i]
        return size
    if wanted == 0:
        return 0
    for i in range(size):
        p.number[taken] = i
        p.mean[taken] = means[i]
        taken += 1 if (means[i] < SEARCHED) == small else 0
    return taken


@scalar
def draw_all(p: Portion, size: int, first: int, stream: Stream, turn: int) -> None:
    """Two random numbers for each pixel, of which the first of the portion is number ``first`` in the image."""
    wide_vectors()
    for i in range(size):
        pair = draw(stream, first + p.number[i], turn)
        p.u[i] = pair.u
        p.v[i] = pair.v


@scalar
def search_all(p: Portion, size: int) -> None:
    """Counts for small means."""
    wide_vectors()
    for i in range(size):
        s = begin_search(p.mean[i])
        p.term[i] = s.term
        p.total[i] = s.total
        p.found[i] = 0.0
    left, n = size, 0.0
    while left > 0:
        n += 1.0
        inverse, left = 1.0 / n, 0
        for i in range(size):
            s = search_on(Search(p.term[i], p.total[i], p.found[i]), p.mean[i], p.u[i], inverse)
            p.term[i] = s.term
            p.total[i] = s.total
            p.found[i] = s.found
            left += 1 if goes_on(s, p.u[i]) else 0


@scalar
def propose_all(p: Portion, size: int) -> None:
    """Counts for large means, as far as they are accepted."""
    wide_vectors()
    for i in range(size):
        p.found[i] = proposed(p.mean[i], Pair(p.u[i], p.v[i]))


@scalar
def hand_over(p: Portion, size: int, counts: np.ndarray) -> int:
    """Put the counts where they belong; the number of pixels whose counts were rejected, which come to the front."""
    left = 0
    for i in range(size):
        number, mean = p.number[i], p.mean[i]
        counts[number] = p.found[i]
        p.number[left] = number
        p.mean[left] = mean
        left += 1 if p.found[i] < 0.0 else 0
    return left


@scalar
def poisson_all(p: Portion, means: np.ndarray, counts: np.ndarray, size: int, first: int, stream: Stream) -> None:
    """Poisson numbers of ``size`` pixels, of which the first is number ``first`` in the image."""
    taken = choose(p, means, size, True)
    draw_all(p, taken, first, stream, 0)
    search_all(p, taken)
    for i in range(taken):
        counts[p.number[i]] = p.found[i]
    taken, turn = choose(p, means, size, False), 0
    while taken > 0:
        draw_all(p, taken, first, stream, turn)
        propose_all(p, taken)
        taken = hand_over(p, taken, counts)
        turn += 1
