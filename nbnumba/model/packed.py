"""Arrays inside text: compressed, as base64."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError

_MOST_PACKED = 1032  # bytes that zlib packs into one: 258 take two bits


def pack_array(array: np.ndarray) -> dict[str, Any]:
    """A table of shape, type and packed bytes."""
    data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    packed = base64.b64encode(zlib.compress(data.tobytes(), 6)).decode("ascii")
    return {"shape": list(array.shape), "type": array.dtype.name, "zlib": packed}


def unpack_array(where: str, value: Any, kind: str) -> np.ndarray:
    """The array of such a table.

    Raises:
        NbnumbaError: something else, or an array of another type.
    """
    try:
        shape = tuple(int(n) for n in value["shape"])
        size = int(np.prod(shape, dtype=object)) * np.dtype(kind).itemsize
        packed = base64.b64decode(value["zlib"], validate=True)
        if value["type"] != kind or not 0 < size <= _MOST_PACKED * len(packed):
            raise ValueError
        raw = zlib.decompressobj().decompress(packed, size)
        if len(raw) != size:
            raise ValueError
        return np.frombuffer(raw, np.dtype(kind).newbyteorder("<")).reshape(shape)
    except (TypeError, KeyError, ValueError, OverflowError, zlib.error):
        allowed = f'{{shape = [...], type = "{kind}", zlib = "..."}} as written by to_toml'
        raise NbnumbaError(f"{where}: found an array that cannot be unpacked; allowed: {allowed}") from None
