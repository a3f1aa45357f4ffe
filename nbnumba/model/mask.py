"""Which pixels are rendered."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from nbnumba.model.validate import refuse


class Mask:
    """A frozen map of pixels: true where a pixel is rendered.

    Args:
        pixels: array (slow, fast) of bool, or of numbers of which 0 means "not rendered".
    """

    def __init__(self, pixels: Any) -> None:
        array = np.asarray(pixels)
        if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biuf":
            raise refuse("detector.mask", f"an array of shape {array.shape}", "a two-dimensional array (slow, fast)")
        self.pixels = np.ascontiguousarray(array != 0)
        self.pixels.flags.writeable = False

    @property
    def digest(self) -> str:
        """Hash of the content."""
        return hashlib.sha256(repr(self.pixels.shape).encode() + np.packbits(self.pixels).tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        slow, fast = self.pixels.shape
        return f"Mask({slow} x {fast} pixels, {np.count_nonzero(self.pixels)} rendered)"
