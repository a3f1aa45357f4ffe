"""nanoBragg's dump of a reflection table: six limits as text, then float64 amplitudes over the box."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbnumba.model.reflections import Reflections


def put_dump(path: Path, reflections: Reflections, default_f: float) -> None:
    """Write the box of the reflections, filled with ``default_f``, and one more row, column and layer of zeros.

    Raises:
        NbnumbaError: the box does not fit into memory.
    """
    bordered, _ = reflections.dense(default_f)
    table = np.pad(bordered[1:-1, 1:-1, 1:-1], ((0, 1), (0, 1), (0, 1)))
    limits = " ".join(f"{low} {high}" for low, high in reflections.box)
    with open(path, "wb") as file:
        file.write(f"{limits}\n\f".encode("ascii"))
        file.write(table.astype("<f8").data)
