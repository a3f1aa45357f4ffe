"""Pixels of CBF files, of whose sections fabio takes the first or none, and of what else fabio reads."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.kinds import MOST_PIXELS

_SECTION = re.compile(rb"--CIF-BINARY-FORMAT-SECTION--\r?\n(.*?)\x0c\x1a\x04\xd5", re.DOTALL)
#: What follows the last array: its end, and no beginning of another.
_END = re.compile(rb"[\0\s]*--CIF-BINARY-FORMAT-SECTION----\s*;\s*((_|loop_|#).*)?", re.DOTALL)
_FIELD = re.compile(rb"([\w-]+) *[:=] *\"?([^\"\r\n]*)")
_BYTE_OFFSET = "x-cbf_byte_offset"
_SIZES = (b"X-Binary-Size", b"X-Binary-Size-Second-Dimension", b"X-Binary-Size-Fastest-Dimension")


class Section(NamedTuple):
    """An array as it is stored."""

    compression: str
    packed: bytes
    shape: tuple[int, int]  # slow, fast
    end: int  # where in the file what follows begins
    digest: bytes  # MD5 of what is packed, in base64; empty: not told


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
        compression = fields.get(b"conversions", b"").decode("latin-1").lower()
        most = size if compression == _BYTE_OFFSET else MOST_PIXELS  # of which each takes a byte, or more
        if not 0 < slow * fast <= most:
            raise NbnumbaError(f"{path}: found {size} bytes for {slow} x {fast} pixels; name an undamaged image")
        packed, digest = content[found.end() : position], fields.get(b"Content-MD5", b"")
        sections.append(Section(compression, packed, (slow, fast), position, digest))
    return sections


def _whole(path: str | Path, fields: dict[bytes, bytes], name: bytes) -> int:
    value = fields.get(name, b"")
    if not re.fullmatch(rb"\d{1,18}", value):
        raise NbnumbaError(f"{path}: found {value[:60]!r} for {name.decode()}; allowed: a whole number")
    return int(value)


def read_arrays(path: str | Path, content: bytes) -> list[np.ndarray]:
    """The arrays (slow, fast) of a file, given its content.

    Raises:
        NbnumbaError: a damaged file, a compression that is not known, or no fabio.
    """
    sections = cbf_sections(path, content)
    for section in sections:
        if section.digest not in (b"", base64.b64encode(hashlib.md5(section.packed, usedforsecurity=False).digest())):
            raise NbnumbaError(f"{path}: found pixels that are not those of its checksum; name an undamaged image")
    known = all(section.compression == _BYTE_OFFSET for section in sections)
    if not sections:  # fabio would look for one without an end
        raise NbnumbaError(
            f"{path}: cannot be read (found no array, or the end of the file before it); name a whole image"
        )
    if not (known and _END.fullmatch(content, sections[-1].end)):
        return [by_fabio(path)]
    try:
        from fabio.compression import decByteOffset
    except ImportError:
        raise _no_fabio(path) from None
    try:
        flat = [decByteOffset(s.packed, size=math.prod(s.shape), dtype=np.int32) for s in sections]
        return [np.asarray(a, dtype=np.int32).reshape(s.shape) for a, s in zip(flat, sections, strict=True)]
    except Exception as error:
        raise _unreadable(path, error) from None


def by_fabio(path: str | Path) -> np.ndarray:
    """Image of a file as fabio reads it.

    Raises:
        NbnumbaError: a damaged file, or no fabio.
    """
    try:
        import fabio
    except ImportError:
        raise _no_fabio(path) from None
    try:
        image = np.asarray(fabio.open(str(path)).data)
    except Exception as error:  # fabio's readers fail in many ways
        raise _unreadable(path, error) from None
    if image.ndim != 2 or image.dtype.kind not in "biuf" or not image.size:
        raise NbnumbaError(f"{path}: found {image.dtype} of shape {image.shape}; name an undamaged image, in grey")
    return image


def _no_fabio(path: str | Path) -> NbnumbaError:
    return NbnumbaError(
        f"{path}: CBF and TIFF images are read by fabio, which is not there; pip install 'nbnumba[formats]'"
    )


def _unreadable(path: str | Path, error: Exception) -> NbnumbaError:
    return NbnumbaError(f"{path}: cannot be read ({error}); name an undamaged image")
