"""The binary sections of CBF files, of which other readers take the first or none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from nbnumba.errors import NbnumbaError

_SECTION = re.compile(rb"--CIF-BINARY-FORMAT-SECTION--\r?\n(.*?)\x0c\x1a\x04\xd5", re.DOTALL)
_FIELD = re.compile(rb"([\w-]+) *[:=] *\"?([^\"\r\n]*)")
_SIZES = (b"X-Binary-Size", b"X-Binary-Size-Second-Dimension", b"X-Binary-Size-Fastest-Dimension")


class Section(NamedTuple):
    """An array as it is stored."""

    compression: str
    packed: bytes
    shape: tuple[int, int]  # slow, fast


def cbf_sections(path: str | Path, content: bytes) -> list[Section]:
    """The arrays of a file, given its content.

    Raises:
        NbnumbaError: the file ends too early, or does not tell the size of an array.
    """
    sections, position = [], 0
    while found := _SECTION.search(content, position):
        fields = dict(_FIELD.findall(found[1]))
        size, slow, fast = (_whole(path, fields, name) for name in _SIZES)
        position = found.end() + size
        if position > len(content):
            raise NbnumbaError(f"{path}: found {len(content)} bytes, fewer than its header tells; name a whole file")
        compression = fields.get(b"conversions", b"").decode("latin-1")
        sections.append(Section(compression, content[found.end() : position], (slow, fast)))
    return sections


def _whole(path: str | Path, fields: dict[bytes, bytes], name: bytes) -> int:
    value = fields.get(name, b"")
    if not value.isdigit():
        raise NbnumbaError(f"{path}: found {value!r} for {name.decode()}; allowed: a whole number")
    return int(value)
