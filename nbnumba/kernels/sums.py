"""Sums over pixels of derivatives: how pixels are grouped and cut into chunks, whoever sums them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nbnumba._jit import scalar
from nbnumba.kernels.arguments import Arguments
from nbnumba.kernels.slopes import BLOCK, COUNT, FAST, PLANE, SLOW, Motions, Z
from nbnumba.physics.likelihood import Terms, terms

#: Rows of a matrix of sums: z, and after it the slope of the loss and its value.
SLOPE, LOSS, WIDTH = COUNT, COUNT + 1, COUNT + 2
CHUNK = 1024  # pixels that are summed into one matrix, at least
CHUNKS = 1024  # and so many matrices, at most, for one group of pixels


class Target(NamedTuple):
    """What a model is laid beside: images, row after row, and what all pixels share."""

    kind: int  # of likelihood
    shape: float  # degrees of freedom, or limit
    data: np.ndarray
    background: np.ndarray
    extra: np.ndarray  # variances or weights
    plane: np.ndarray  # the part of the background that planes of logarithms make; one element: none


class Places(NamedTuple):
    """Which pixels count, in which order, and how they are grouped."""

    pixels: np.ndarray  # (n,) places in the image, row after row
    width: int  # pixels in a row
    groups: np.ndarray  # (groups + 1,) where the pixels of a group begin and end


@scalar
def set_planes(w: np.ndarray, target: Target, pixels: np.ndarray, start: int, last: int, center: np.ndarray) -> None:
    """Fill the rows of z for planes of logarithms, whose slopes act on the distance from ``center`` (slow, fast)."""
    for i in range(w.shape[1]):
        height = target.plane[pixels[min(start + i, last)]] if target.plane.size > 1 else 0.0
        w[Z + PLANE, i] = height
        w[Z + PLANE + 1, i] = height * (w[FAST, i] - center[1])
        w[Z + PLANE + 2, i] = height * (w[SLOW, i] - center[0])


@scalar
def terms_at(target: Target, p: int, model: float) -> Terms:
    """Terms of the loss at one place of the image, for a model without background."""
    return terms(target.kind, model + target.background[p], target.data[p], target.extra[p], target.shape)


#: Fills sums (chunks, WIDTH, WIDTH), or z (numbers in z, n), given the latter, whether it is wanted, the bounds and
#: middles of chunks, the pixels, what they are laid beside, which parts are wanted, and the arguments of the loops.
Run = Callable[..., None]


def derive(
    run: Run, a: Arguments, motions: Motions, places: Places, target: Target, *, whole: bool = True, curved: bool = True
) -> np.ndarray:
    """Sums over each group of pixels, shape (groups, WIDTH, WIDTH).

    The upper triangle holds z W z^T with W the expected curvature of the loss, column ``SLOPE`` the gradient and
    the element ``LOSS, LOSS`` the value. The order of a sum depends on its group alone.

    Args:
        run: the loops, on the device where they are.
        a: arguments of the loops.
        motions: of what they hold.
        places: the pixels.
        target: what the model is laid beside.
        whole: whether any parameter acts through more than the crystal.
        curved: whether the matrix is wanted.
    """
    bounds, owner = _chunks(places.groups, _edges(a, places))
    sums = np.empty((len(owner), WIDTH, WIDTH))
    middles = centers(places)[owner]
    run(sums, np.empty((COUNT, 1)), False, bounds, middles, places, target, whole, curved, motions, a)
    return np.array([sums[owner == i].sum(axis=0) for i in range(len(places.groups) - 1)])


def intermediates(run: Run, a: Arguments, motions: Motions, pixels: np.ndarray, width: int) -> np.ndarray:
    """z (numbers in z, n) of pixels (n,), places in an image whose rows have ``width``."""
    order = np.argsort(pixels // (width * a.sheet.rows), kind="stable")  # one panel after another
    places, nothing = Places(pixels[order], width, np.array([0, len(pixels)])), np.zeros(1)
    z, (bounds, owner) = np.empty((COUNT, len(pixels))), _chunks(places.groups, _edges(a, places))
    sums, target = np.empty((len(owner), WIDTH, WIDTH)), Target(0, 0.0, nothing, nothing, nothing, nothing)
    run(sums, z, True, bounds, np.zeros((len(owner), 2)), places, target, True, False, motions, a)
    return z[:, np.argsort(order)]


def centers(places: Places) -> np.ndarray:
    """Slow and fast numbers (groups, 2) of the pixel in the middle of each group."""
    middle = places.pixels[(places.groups[:-1] + places.groups[1:]) // 2]
    return np.column_stack([middle // places.width, middle % places.width]).astype(float)


def _edges(a: Arguments, places: Places) -> np.ndarray:
    """Where in the list of pixels another panel begins: the loops look up one panel for many pixels."""
    return np.flatnonzero(np.diff(places.pixels // (places.width * a.sheet.rows))) + 1


def _chunks(groups: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where chunks begin and end, each on one panel, and the group of each."""
    bounds, owner = [0], []
    for i, (start, stop) in enumerate(itertools.pairwise(groups.tolist())):
        size = -(-max(CHUNK, -(-(stop - start) // CHUNKS)) // BLOCK) * BLOCK
        ends = [*range(start + size, stop, size), stop] if stop > start else []
        inside = edges[(edges > start) & (edges < stop)]
        ends = np.union1d(ends, inside).astype(int).tolist() if inside.size else ends
        bounds += ends
        owner += [i] * len(ends)
    return np.array(bounds), np.array(owner, dtype=np.int64)
