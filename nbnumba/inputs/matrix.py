"""MOSFLM orientation matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import read_rows
from nbnumba.model.cell import reciprocal
from nbnumba.model.validate import number


def read_matrix(file: str | Path, wavelength: float) -> tuple[tuple[float, ...], ...]:
    """Rows a, b, c [A] in the laboratory frame, from a file whose first nine numbers are a MOSFLM A matrix.

    Its rows are x, y, z, its columns a*, b*, c* [1/A], each multiplied by the wavelength [A].

    Raises:
        NbnumbaError: fewer than nine numbers, words among them, or a singular matrix.
    """
    wavelength = number("wavelength", wavelength, "A", above=0.0)
    numbers = [x for _, row in read_rows(file) for x in row][:9]
    if len(numbers) < 9:
        raise NbnumbaError(f"{file}: found {len(numbers)} numbers; allowed: the nine of a MOSFLM matrix")
    starred = np.array(numbers).reshape(3, 3).T / wavelength
    bulk = np.prod(np.linalg.norm(starred, axis=1))
    if not np.all(np.isfinite(starred)) or not abs(np.linalg.det(starred)) > 1e-9 * bulk:
        raise NbnumbaError(f"{file}: found a singular matrix {numbers}; allowed: axes a*, b*, c* that span a volume")
    return tuple(tuple(row) for row in reciprocal(starred).tolist())
