"""Photons in boxes of pixels around spots."""

from __future__ import annotations

import numpy as np


class Boxes:
    """Sums over square boxes of pixels, cut off at the edges of an image."""

    def __init__(
        self, shape: tuple[int, ...], panel: np.ndarray, slow: np.ndarray, fast: np.ndarray, edge: int
    ) -> None:
        reach = np.arange(-(edge // 2), edge // 2 + 1)
        rows, columns = slow[:, np.newaxis] + reach, fast[:, np.newaxis] + reach
        inside = ((rows >= 0) & (rows < shape[-2]))[:, :, np.newaxis] & ((columns >= 0) & (columns < shape[-1]))[
            :, np.newaxis, :
        ]
        rows, columns = rows.clip(0, shape[-2] - 1), columns.clip(0, shape[-1] - 1)
        first = (panel * shape[-2])[:, np.newaxis] + rows
        self._pixels, self._inside = first[:, :, np.newaxis] * shape[-1] + columns[:, np.newaxis, :], inside

    def sums(self, image: np.ndarray) -> np.ndarray:
        """Sum over each box, float64."""
        return np.asarray((image.reshape(-1)[self._pixels] * self._inside).sum(axis=(1, 2), dtype=np.float64))

    def shares(self, image: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Sum over each box, where pixels that lie in several boxes are divided between them by their strengths."""
        weights = strength[:, np.newaxis, np.newaxis] * self._inside
        total = np.bincount(self._pixels.reshape(-1), weights.reshape(-1), image.size)[self._pixels]
        parts = image.reshape(-1)[self._pixels] * weights / np.maximum(total, 1e-300)
        return np.asarray(parts.sum(axis=(1, 2), dtype=np.float64))
