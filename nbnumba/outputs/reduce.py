"""Images made small enough for a picture: each bin shows its strongest pixel, so that no spot is lost."""

from __future__ import annotations

import math

import numpy as np

_AT_ONCE = 1 << 22  # pixels that are converted at once


def shrunk(image: np.ndarray, masked: np.ndarray | None, factor: int) -> np.ndarray:
    """Largest values of bins of ``factor`` x ``factor`` pixels, as float64; NaN where no pixel counts.

    Args:
        image: array (slow, fast).
        masked: pixels that do not count; None: none but those that are not finite.
        factor: edge of a bin.
    """
    slow, fast = image.shape
    result = np.empty((-(-slow // factor), -(-fast // factor)))
    rows = max(_AT_ONCE // (fast * factor), 1) * factor
    columns = np.arange(0, fast, factor)
    for start in range(0, slow, rows):
        part = image[start : start + rows].astype(np.float64)
        part[~np.isfinite(part)] = -math.inf
        if masked is not None:
            part[masked[start : start + rows]] = -math.inf
        if factor > 1:
            part = np.maximum.reduceat(part, np.arange(0, part.shape[0], factor), axis=0)
            part = np.maximum.reduceat(part, columns, axis=1)
        result[start // factor : start // factor + part.shape[0]] = part
    result[np.isinf(result)] = math.nan
    return result
