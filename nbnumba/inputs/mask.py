"""Pixel masks."""

from __future__ import annotations

from pathlib import Path

from nbnumba.inputs.npy import open_npy
from nbnumba.inputs.smv import read_smv
from nbnumba.inputs.text import naming
from nbnumba.model.mask import Mask


def read_mask(file: str | Path) -> Mask:
    """Mask from an SMV image or a NumPy file (.npy): pixels of value 0 are not rendered."""
    if Path(file).suffix != ".npy":
        return Mask(read_smv(file).pixels)
    with naming(file):
        return Mask(open_npy(file))
