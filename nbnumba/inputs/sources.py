"""Lists of sources."""

from __future__ import annotations

import math
from pathlib import Path

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import naming, read_rows
from nbnumba.model.sources import COLUMNS, Sources


def read_sources(
    file: str | Path, wavelength: float | None = None, beam: tuple[float, float, float] | None = None
) -> Sources:
    """Sources from lines ``x y z weight wavelength[m]``, as nanoBragg reads them.

    Args:
        file: columns left out at the end of a line, or written as nan, take their defaults: along the beam, weight 1,
            ``wavelength``.
        wavelength: [A]; None: every line must hold one.
        beam: direction of the beam; None: every line must hold the direction to its source.

    Raises:
        NbnumbaError: words, more than five columns, no line, or no wavelength.
    """
    rows = []
    for line, numbers in read_rows(file):
        if len(numbers) > COLUMNS:
            raise NbnumbaError(
                f"{file}, line {line}: found {len(numbers)} numbers; allowed: x y z weight wavelength[m]"
            )
        towards = [math.nan] * 3 if beam is None else [-x for x in beam]
        default = [*towards, 1.0, math.nan if wavelength is None else wavelength]
        given = [*numbers, *[math.nan] * (COLUMNS - len(numbers))]
        given[4] *= 1e10
        row = tuple(d if math.isnan(g) else g for g, d in zip(given, default, strict=True))
        if any(math.isnan(x) for x in row):
            missing = "wavelength" if math.isnan(row[4]) else "direction"
            raise NbnumbaError(f"{file}, line {line}: no {missing}; allowed: x y z weight wavelength[m]")
        rows.append(row)
    if not rows:
        raise NbnumbaError(f"{file}: no sources; allowed: lines x y z weight wavelength[m]")
    with naming(file):
        return Sources(tuple(rows))
