"""Tables of scattering amplitudes."""

from __future__ import annotations

from pathlib import Path

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import naming, read_rows
from nbnumba.model.background import checked_table


def read_scattering(file: str | Path) -> tuple[tuple[float, ...], ...]:
    """Rows for ``Background(table=...)`` from lines ``sin(theta)/lambda F`` [1/A, electrons], in any order.

    Raises:
        NbnumbaError: words, a line of other than two numbers, or no line.
    """
    rows = []
    for line, numbers in read_rows(file):
        if len(numbers) != 2:
            raise NbnumbaError(
                f"{file}, line {line}: found {len(numbers)} numbers; allowed: sin(theta)/lambda [1/A], F"
            )
        rows.append(tuple(numbers))
    if not rows:
        raise NbnumbaError(f"{file}: no rows; allowed: lines of sin(theta)/lambda [1/A], F [electrons]")
    with naming(file):
        return checked_table(sorted(rows))
