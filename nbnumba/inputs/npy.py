"""NumPy arrays (.npy), of which nothing is read, nor room made for it, before it is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbnumba.errors import NbnumbaError


def open_npy(path: str | Path) -> np.ndarray:
    """The array of a file, mapped into memory.

    Raises:
        NbnumbaError: a damaged file, one that is smaller than its array, or an array of objects.
    """
    try:
        with np.errstate(over="raise"):  # of the product of a shape
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except Exception as error:  # NumPy reads the header as Python, which fails in many ways
        why = str(error).split(".")[0].splitlines()[0:1]
        raise NbnumbaError(
            f"{path}: cannot be read as an array ({''.join(why)}); name an undamaged .npy file"
        ) from None
