"""TIFF: the pixels of one image as whole numbers or floats."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError
from nbnumba.outputs.pixels import as_rows, narrowed

_INTEGERS = ("uint16", "int32")


def write_tiff(path: str | Path, image: Any, *, description: str = "nbnumba", overwrite: bool = False) -> Path:
    """Write one image as TIFF, uncompressed.

    Args:
        path: the new file.
        image: array (slow, fast), or (panel, slow, fast), whose panels come below one another. Types uint16, int32 and
            float32 are kept; shorter integers become the next longer one of them, longer ones int32, other floats
            float32.
        description: for the header, in ASCII.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        NbnumbaError: the file cannot be written, the description is not ASCII, or the image is none, holds integers
            beyond int32 or floats beyond float32, or is larger than 4 GiB.
    """
    if not isinstance(description, str) or not description.isascii():
        raise NbnumbaError(f"description: found {description!r}; allowed: text in ASCII")
    pixels = narrowed("image", as_rows("image", image), _INTEGERS)
    content = _encoded(pixels, description)
    with new_file(path, overwrite) as part:
        part.write_bytes(content)
    return Path(path)


def _encoded(pixels: np.ndarray, description: str) -> bytes:
    """A file of one strip: header, directory of tags in order, text, pixels (TIFF revision 6.0, sections 2 and 19)."""
    slow, fast = pixels.shape
    texts = [
        text.encode("ascii") + b"\0" for text in (description.ljust(4), "nbnumba")
    ]  # shorter ones would go into the tags
    start = _HEADER + _TAGS * _TAG + 6
    places = start, start + len(texts[0])
    strip = -(-(places[1] + len(texts[1])) // 8) * 8
    if strip + pixels.nbytes >= 2**32:
        raise NbnumbaError(f"image: found {pixels.nbytes} bytes of pixels; allowed in TIFF: below 4 GiB. Write HDF5")
    tags = [
        (256, _LONG, 1, fast),
        (257, _LONG, 1, slow),
        (258, _SHORT, 1, 8 * pixels.itemsize),
        (259, _SHORT, 1, 1),  # not compressed
        (262, _SHORT, 1, 1),  # 0 is black
        (270, _ASCII, len(texts[0]), places[0]),
        (273, _LONG, 1, strip),
        (277, _SHORT, 1, 1),  # number a pixel
        (278, _LONG, 1, slow),
        (279, _LONG, 1, pixels.nbytes),
        (305, _ASCII, len(texts[1]), places[1]),
        (339, _SHORT, 1, _FORMATS[pixels.dtype.kind]),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    head = struct.pack("<2sHI", b"II", 42, _HEADER) + directory + b"".join(texts)
    return head.ljust(strip, b"\0") + pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


_HEADER, _TAG, _TAGS = 8, 12, 12  # bytes, bytes, number
_ASCII, _SHORT, _LONG = 2, 3, 4
_FORMATS = {"u": 1, "i": 2, "f": 3}
