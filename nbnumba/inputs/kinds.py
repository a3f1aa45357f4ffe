"""What kind of file something is, by its first bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import h5py

from nbnumba.inputs.text import refuse_pipe, unreadable

RAW = "raw"
#: Pixels of an image that are believed; a header that tells of more is damaged, and would fill the memory.
MOST_PIXELS = 10**8
_ENOUGH = 256  # bytes that tell


class Kind(NamedTuple):
    """A kind of file."""

    begins: bytes  # pattern
    word: str  # for people
    geometry: bool  # whether it can tell where it was measured


KINDS = {
    "hdf5": Kind(rb"\x89HDF\r\n\x1a\n", "HDF5", True),
    "npy": Kind(rb"\x93NUMPY", "NumPy array", False),
    "smv": Kind(rb"\{\s*[A-Z]", "SMV", True),
    "pgm": Kind(rb"P5\s", "PGM", False),
    "cbf": Kind(rb"###CBF", "CBF", True),
    "tiff": Kind(rb"II\*\0|MM\0\*", "TIFF", False),
    "expt": Kind(rb"\s*\{\s*[\"}]", "DIALS", True),
}


def kind_of(path: str | Path) -> str:
    """Kind of a file, one of those above, or "raw".

    Raises:
        NbnumbaError: the file cannot be read.
    """
    refuse_pipe(path, "images")
    try:
        with open(path, "rb") as file:
            start = file.read(_ENOUGH)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    kind = next((name for name, kind in KINDS.items() if re.match(kind.begins, start)), RAW)
    return "hdf5" if kind == RAW and h5py.is_hdf5(path) else kind  # HDF5 may begin with a block of others
