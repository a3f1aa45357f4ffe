"""PGM pictures: grey levels 0 to 255, linear."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbnumba.atomic import new_file


def write_pgm(path: str | Path, grey: np.ndarray, scale: float, *, overwrite: bool = False) -> Path:
    """Write grey levels, uint8 (slow, fast), and the number of levels a photon that a comment tells.

    Raises:
        NbnumbaError: the file cannot be written.
    """
    slow, fast = grey.shape
    header = f"P5\n{fast} {slow}\n# pixels scaled by {scale:g}\n255\n"
    with new_file(path, overwrite) as part:
        part.write_bytes(header.encode() + np.ascontiguousarray(grey, dtype=np.uint8).tobytes())
    return Path(path)
