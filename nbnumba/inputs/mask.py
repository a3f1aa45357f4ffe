"""Pixel masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.smv import read_smv
from nbnumba.model.mask import Mask


def read_mask(file: str | Path) -> Mask:
    """Mask from an SMV image or a NumPy file (.npy): pixels of value 0 are not rendered."""
    if Path(file).suffix != ".npy":
        return Mask(read_smv(file).pixels)
    try:
        return Mask(np.load(file, allow_pickle=False))
    except (OSError, EOFError, ValueError) as error:
        raise NbnumbaError(f"{file}: cannot be read as an array ({error}); name a .npy file or an SMV image") from None
