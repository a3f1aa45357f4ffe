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
    with new_file(path, overwrite) as part:
        put_raw(part, image)
    return Path(path)


def put_raw(path: Path, image: np.ndarray) -> None:
    """Write to a file that is there or not, as it comes."""
    with open(path, "wb") as file:
        file.write(np.ascontiguousarray(image, dtype="<f4").data)
