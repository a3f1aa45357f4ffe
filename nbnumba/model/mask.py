"""Which pixels are rendered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nbnumba.model.validate import refuse


@dataclass(frozen=True, eq=False, repr=False)
class Mask:
    """A frozen map of pixels: true where a pixel is rendered.

    Args:
        pixels: array (slow, fast), or (panel, slow, fast), of bool, or of numbers of which 0 means "not rendered".

    Raises:
        NbnumbaError: no array of two or three dimensions, or of something else than numbers.
    """

    pixels: np.ndarray

    def __post_init__(self) -> None:
        array = np.asarray(self.pixels)
        if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "biuf":
            allowed = "an array of two dimensions (slow, fast), or of three (panel, slow, fast)"
            raise refuse("detector.mask", f"an array of shape {array.shape}", allowed)
        object.__setattr__(self, "pixels", read_only(array != 0))

    def __reduce__(self) -> tuple[Any, ...]:
        return Mask, (np.array(self.pixels),)  # a copied array would lose its protection

    @cached_property
    def digest(self) -> str:
        """Hash of the content."""
        return hashlib.sha256(repr(self.pixels.shape).encode() + np.packbits(self.pixels).tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.pixels.shape))
        return f"Mask({size} pixels, {np.count_nonzero(self.pixels)} rendered)"


def read_only(array: np.ndarray) -> np.ndarray:
    """Copy of a bool array that cannot be changed."""
    result = np.array(array, dtype=np.bool_, order="C")
    result.flags.writeable = False
    return result


#: Stands for "all pixels" where a loop wants an array.
NO_MASK = read_only(np.zeros((0, 0)))
