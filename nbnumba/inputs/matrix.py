"""MOSFLM orientation matrices."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import read_bytes
from nbnumba.model.cell import reciprocal
from nbnumba.model.validate import number

_NUMBER = re.compile(rb"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?)(?![\w.])")


def read_matrix(file: str | Path, wavelength: float) -> tuple[tuple[float, ...], ...]:
    """Rows a, b, c [A] in the laboratory frame, from a file whose first nine numbers are a MOSFLM A matrix.

    Its rows are x, y, z, its columns a*, b*, c* [1/A], each multiplied by the wavelength [A].

    Raises:
        NbnumbaError: fewer than nine numbers, or a singular matrix.
    """
    wavelength = number("wavelength", wavelength, "A", above=0.0)
    numbers = _leading_numbers(read_bytes(file))
    if len(numbers) < 9:
        raise NbnumbaError(f"{file}: found {len(numbers)} numbers; allowed: the nine of a MOSFLM matrix")
    starred = np.array(numbers).reshape(3, 3).T / wavelength
    with np.errstate(all="ignore"):  # what is too large or too small spans no volume either
        bulk, volume = np.prod(np.linalg.norm(starred, axis=1)), abs(np.linalg.det(starred))
    if not np.all(np.isfinite(starred)) or not volume > 1e-9 * bulk:
        raise NbnumbaError(f"{file}: found a singular matrix {numbers}; allowed: axes a*, b*, c* that span a volume")
    return tuple(tuple(row) for row in reciprocal(starred).tolist())


def _leading_numbers(content: bytes) -> list[float]:
    """Up to nine numbers at the beginning; a minus sign may take the place of a blank between them."""
    numbers: list[float] = []
    place = 0
    while len(numbers) < 9 and (match := _NUMBER.match(content, place)):
        numbers.append(float(match[1].upper().replace(b"D", b"E")))
        place = match.end()
    return numbers
