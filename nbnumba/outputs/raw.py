"""Raw float32 images, little-endian, slow-major, without header."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbnumba.atomic import new_file


def write_raw(path: str | Path, image: np.ndarray, *, overwrite: bool = False) -> Path:
    """Write the pixels of an image (slow, fast).

    Raises:
        NbnumbaError: the file cannot be written.
    """
    with new_file(path, overwrite) as part, open(part, "wb") as file:
        np.ascontiguousarray(image, dtype="<f4").tofile(file)
    return Path(path)
