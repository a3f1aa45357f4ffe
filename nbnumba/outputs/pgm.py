"""PGM pictures: grey levels 0 to 255, linear."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def put_pgm(path: Path, grey: np.ndarray, scale: float) -> None:
    """Write grey levels, uint8 (slow, fast), and the number of levels a photon that a comment tells."""
    slow, fast = grey.shape
    header = f"P5\n{fast} {slow}\n# pixels scaled by {scale:g}\n255\n"
    with open(path, "wb") as file:
        file.write(header.encode())
        file.write(np.ascontiguousarray(grey, dtype=np.uint8).data)
