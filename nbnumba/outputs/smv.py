"""SMV images: a text header of KEY=value; lines in braces, then unsigned 16-bit pixels, little-endian."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

BLOCK = 512  # headers are a multiple of so many bytes


def put_smv(path: Path, pixels: np.ndarray, fields: Mapping[str, str]) -> None:
    """Write an image.

    Args:
        path: the file.
        pixels: uint16 (slow, fast).
        fields: header lines beside those that describe the pixels.
    """
    slow, fast = pixels.shape
    with open(path, "wb") as file:
        file.write(_header(fast, slow, fields))
        file.write(np.ascontiguousarray(pixels, dtype="<u2").data)


def header_length(fast: int, slow: int, fields: Mapping[str, str]) -> int:
    """Characters that the header would have in one block."""
    return len(_text(BLOCK, fast, slow, fields))


def _header(fast: int, slow: int, fields: Mapping[str, str]) -> bytes:
    """Header that fills whole blocks and says how many bytes that are."""
    size = BLOCK
    while len(text := _text(size, fast, slow, fields)) > size:
        size += BLOCK
    return text.ljust(size).encode("ascii")


def _text(size: int, fast: int, slow: int, fields: Mapping[str, str]) -> str:
    kind = {"DIM": "2", "BYTE_ORDER": "little_endian", "TYPE": "unsigned_short"}
    lines = {"HEADER_BYTES": str(size), **kind, "SIZE1": str(fast), "SIZE2": str(slow), **fields}
    return "{\n" + "".join(f"{key}={value};\n" for key, value in lines.items()) + "}\f"
