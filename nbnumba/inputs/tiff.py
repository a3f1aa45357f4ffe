"""TIFF images, whose size is looked at before fabio makes room for them (TIFF, revision 6.0, Adobe 1992)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.cbf import by_fabio
from nbnumba.inputs.kinds import MOST_PIXELS
from nbnumba.inputs.text import read_bytes

_WIDTH, _LENGTH, _BITS, _COMPRESSION = 256, 257, 258, 259
_SHORT = 3  # type of values of two bytes
_PLAIN = 1  # compression


def read_tiff(path: str | Path) -> np.ndarray:
    """The first image (slow, fast) of a file.

    Raises:
        NbnumbaError: a damaged file, or no fabio.
    """
    content = read_bytes(path)
    try:
        fields = _fields(content)
        if _leads_back(content):
            raise NbnumbaError(f"{path}: found lists of fields that lead back to one another; name an undamaged image")
    except struct.error:
        raise NbnumbaError(f"{path}: found no list of fields; name a whole TIFF image") from None
    slow, fast = fields.get(_LENGTH, 0), fields.get(_WIDTH, 0)
    held = (
        8 * len(content) // max(fields.get(_BITS, 1), 1) if fields.get(_COMPRESSION, _PLAIN) == _PLAIN else MOST_PIXELS
    )
    if not 0 < slow * fast <= min(held, MOST_PIXELS):
        raise NbnumbaError(f"{path}: found {len(content)} bytes for {slow} x {fast} pixels; name an undamaged image")
    return by_fabio(path)


def _order(content: bytes) -> str:
    return "<" if content.startswith(b"II") else ">"


def _leads_back(content: bytes) -> bool:
    """Whether the lists of fields of all images, each of which names the next one, have no end."""
    order, seen = _order(content), set[int]()
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    while start and start not in seen:
        seen.add(start)
        (count,) = struct.unpack_from(f"{order}H", content, start)
        (start,) = struct.unpack_from(f"{order}I", content, start + 2 + 12 * count)
    return start != 0


def _fields(content: bytes) -> dict[int, int]:
    """Fields of the first image that have one value, by their tags."""
    order = _order(content)
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, start)
    found = {}
    for number in range(count):
        place = start + 2 + 12 * number
        tag, kind, values = struct.unpack_from(f"{order}HHI", content, place)
        if values == 1:
            (found[tag],) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", content, place + 8)
    return found
