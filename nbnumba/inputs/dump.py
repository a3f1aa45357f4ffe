"""nanoBragg's dump of a reflection table: six limits as text, then float64 amplitudes over the box."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import read_bytes
from nbnumba.model.reflections import Reflections

_HEADER = re.compile(rb"\s*" + rb"\s+".join([rb"(-?\d{1,9})"] * 6) + rb"\n\f")


def read_dump(file: str | Path) -> Reflections:
    """Every reflection of the box, including those that were filled with a default.

    The file holds one more row, column and layer than the box, all zero.

    Raises:
        NbnumbaError: a broken header or missing numbers.
    """
    content = read_bytes(file)
    match = _HEADER.match(content)
    if not match:
        raise NbnumbaError(f"{file}: no header 'hmin hmax kmin kmax lmin lmax'; allowed: a dump written by nanoBragg")
    low, high = [int(x) for x in match.groups()[::2]], [int(x) for x in match.groups()[1::2]]
    counts = [b - a + 1 for a, b in zip(low, high, strict=True)]
    shape = [n + 1 for n in counts]
    expected = 8 * shape[0] * shape[1] * shape[2]
    if min(counts) < 1 or len(content) - match.end() < expected:
        raise NbnumbaError(
            f"{file}: found {len(content) - match.end()} bytes of amplitudes; the box {low} to {high} needs {expected}"
        )
    table = np.frombuffer(content, dtype="<f8", count=expected // 8, offset=match.end()).reshape(shape)
    hkl = np.moveaxis(np.indices(counts), 0, -1).reshape(-1, 3) + np.array(low)
    try:
        return Reflections(hkl, table[: counts[0], : counts[1], : counts[2]].ravel())
    except NbnumbaError as error:
        raise NbnumbaError(f"{file}: {error}") from None
