"""Pictures of several images side by side with their names, as SVG: counts in grey, differences in red and blue."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError
from nbnumba.outputs.pixels import are_counts, as_rows
from nbnumba.outputs.png import encode, shades, two_colors
from nbnumba.outputs.reduce import shrunk

_LARGEST = 512  # pixels of a picture in the file
_EDGE, _GAP, _TEXT = 240, 16, 34  # of a picture on the page, between pictures, of the lines above one


class Frame(NamedTuple):
    """One picture."""

    title: str
    image: np.ndarray
    signed: bool = False  # red above 0 and blue below, the largest value in full colour
    unit: str = ""


def write_gallery(path: str | Path, frames: Sequence[Frame], *, columns: int = 4, overwrite: bool = False) -> Path:
    """Write pictures as one SVG file, which every browser shows.

    Those that are not signed share one scale of grey, so that they can be compared.

    Args:
        path: the new file.
        frames: the pictures, all of one shape, panels below one another; what is not finite is left white.
        columns: pictures in a row.
        overwrite: replace an existing file.

    Raises:
        NbnumbaError: no picture, pictures of several shapes, or the file cannot be written.
    """
    images = [as_rows(frame.title, frame.image) for frame in frames]
    if not images or any(image.shape != images[0].shape for image in images):
        raise NbnumbaError("frames: found no picture, or several shapes; allowed: one or more of the same shape")
    factor = math.ceil(max(images[0].shape) / _LARGEST)
    greys = _greys([image for image, frame in zip(images, frames, strict=True) if not frame.signed], factor)
    scale = _EDGE / max(images[0].shape)
    height, width = (scale * n for n in images[0].shape)
    parts = []
    for i, (frame, image) in enumerate(zip(frames, images, strict=True)):
        x = _GAP + (i % columns) * (_EDGE + _GAP)
        y = _GAP + (i // columns) * (height + _TEXT + _GAP)
        pixels = two_colors(image, factor) if frame.signed else greys.pop(0)
        parts.append(_picture(x, y, width, height, pixels, frame.title, _range(frame, image)))
    rows = -(-len(frames) // columns)
    size = (_GAP + min(columns, len(frames)) * (_EDGE + _GAP), _GAP + rows * (height + _TEXT + _GAP))
    page = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]:.0f}" height="{size[1]:.0f}" '
        'font-family="sans-serif">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )
    with new_file(path, overwrite) as part:
        part.write_text(page, encoding="utf-8")
    return Path(path)


def _greys(images: Sequence[np.ndarray], factor: int) -> list[np.ndarray]:
    """Grey levels on one scale."""
    parts = [shrunk(image, None, factor) for image in images]
    return shades(parts, counts=all(map(are_counts, images))) if parts else []


def _range(frame: Frame, image: np.ndarray) -> str:
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)
    return f"{low:.4g} to {high:.4g} {frame.unit}".rstrip()


def _picture(x: float, y: float, width: float, height: float, pixels: np.ndarray, title: str, note: str) -> str:
    data = base64.b64encode(encode(pixels)).decode("ascii")
    return (
        f'<text x="{x:.1f}" y="{y + 12:.1f}" font-size="13">{escape(title)}</text>'
        f'<text x="{x:.1f}" y="{y + 27:.1f}" font-size="10" fill="#666">{escape(note)}</text>'
        f'<image x="{x:.1f}" y="{y + _TEXT:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
        f'<rect x="{x:.1f}" y="{y + _TEXT:.1f}" width="{width:.1f}" height="{height:.1f}" fill="none" stroke="#999"/>'
    )
