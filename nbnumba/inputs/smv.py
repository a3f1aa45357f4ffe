"""SMV images: a text header of KEY=value; lines in braces, then unsigned 16-bit pixels."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import read_bytes

_FIELD = re.compile(r"(\w+)\s*=([^;\n]*)")  # nanoBragg leaves the semicolon out after one of its fields


class Smv(NamedTuple):
    """An SMV image: the file's name, header fields as text, pixels (slow, fast) uint16."""

    file: str
    header: dict[str, str]
    pixels: np.ndarray

    def number(self, key: str) -> float | None:
        """Header value as a finite number, None where it is missing."""
        if key not in self.header:
            return None
        try:
            value = float(self.header[key])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise NbnumbaError(f"{self.file}: found {key}={self.header[key]!r} in its header; allowed: a number")
        return value


def read_smv(file: str | Path) -> Smv:
    """Read an SMV image of either byte order.

    Raises:
        NbnumbaError: no SMV header, sizes missing, another pixel type, or fewer pixels than the header says.
    """
    return parse_smv(file, read_bytes(file))


def parse_smv(file: str | Path, content: bytes) -> Smv:
    """As ``read_smv``, given the content of the file."""
    end = content.find(b"}")
    if not content.startswith(b"{") or end < 0:
        raise NbnumbaError(f"{file}: no header in braces; allowed: an SMV image")
    header = {key: value.strip() for key, value in _FIELD.findall(content[1:end].decode("latin-1"))}
    image = Smv(str(file), header, np.zeros((0, 0), dtype=np.uint16))
    size, fast, slow = (_positive(image, key) for key in ("HEADER_BYTES", "SIZE1", "SIZE2"))
    if header.get("TYPE", "unsigned_short") != "unsigned_short":
        raise NbnumbaError(f"{file}: found TYPE={header['TYPE']}; allowed: unsigned_short")
    order = ">" if header.get("BYTE_ORDER", "little_endian").startswith("big") else "<"
    data = content[size : size + 2 * fast * slow]
    if len(data) < 2 * fast * slow:
        raise NbnumbaError(f"{file}: found {len(data)} bytes of pixels; {fast} x {slow} pixels need {2 * fast * slow}")
    pixels = np.frombuffer(data, dtype=f"{order}u2").reshape(slow, fast).astype(np.uint16)
    return image._replace(pixels=pixels)


def _positive(image: Smv, key: str) -> int:
    value = image.number(key)
    if value is None or not 1 <= value < 2**31 or value != int(value):
        found = f"{key}={image.header[key]!r}" if key in image.header else f"no {key}"
        raise NbnumbaError(f"{image.file}: found {found} in its header; allowed: a positive whole number")
    return int(value)
