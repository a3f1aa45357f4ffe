"""Photons in boxes of pixels around spots."""

from __future__ import annotations

import numpy as np


class Boxes:
    """Square boxes of pixels, cut off at the edges of an image.

    Args:
        shape: of the image.
        panel: number of the panel of each (n,).
        slow: places (n,) in the pixels in the middle.
        fast: the same, along fast.
        edges: pixels along the edge (n,), odd numbers.
    """

    def __init__(
        self, shape: tuple[int, ...], panel: np.ndarray, slow: np.ndarray, fast: np.ndarray, edges: np.ndarray
    ) -> None:
        slow, fast, reach = np.floor(slow).astype(int), np.floor(fast).astype(int), edges // 2
        top, left = np.maximum(slow - reach, 0), np.maximum(fast - reach, 0)
        box, row = _counted(np.minimum(slow + reach + 1, shape[-2]) - top)
        width = np.minimum(fast + reach + 1, shape[-1]) - left
        line, column = _counted(width[box])
        first = (panel * shape[-2] + top)[box] + row
        self._count, self._box = len(edges), box[line]
        self._pixels = (first * shape[-1] + left[box])[line] + column

    def sums(self, image: np.ndarray) -> np.ndarray:
        """Sum over each box, float64."""
        return np.bincount(self._box, image.reshape(-1)[self._pixels], self._count)

    def shares(self, image: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Sum over each box, where pixels that lie in several boxes are divided between them by their strengths."""
        weights = strength[self._box]
        total = np.bincount(self._pixels, weights, image.size)[self._pixels]
        parts = image.reshape(-1)[self._pixels] * weights / np.maximum(total, 1e-300)
        return np.bincount(self._box, parts, self._count)


def _counted(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers 0 to length - 1 of each of some runs, and before them which run it is."""
    run = np.repeat(np.arange(len(lengths)), lengths)
    return run, np.arange(len(run)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
