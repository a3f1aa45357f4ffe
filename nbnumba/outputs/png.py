"""Pictures of images: dark spots on a light ground, as on film."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.outputs.contrast import Contrast, contrast
from nbnumba.outputs.layout import laid_out
from nbnumba.outputs.pixel_mask import pixel_mask
from nbnumba.outputs.pixels import are_counts, as_image, as_rows
from nbnumba.outputs.reduce import shrunk

LARGEST = 2048
_GAP = 8  # pixels between pictures side by side
_BETWEEN = 96  # grey between panels


def write_png(
    path: str | Path,
    image: Any,
    *,
    experiment: Experiment | None = None,
    overwrite: bool = False,
    beam_center: tuple[float, float] | None = None,
) -> Path:
    """Write a log-scaled 8-bit grey picture.

    Images of more than 2048 pixels along an edge are binned, each bin as dark as its strongest pixel. The scale is that
    of ``nb.draw_image``.

    Args:
        path: the new file.
        image: array (slow, fast) of numbers, or (panel, slow, fast); those that are not finite are left white.
        experiment: what was rendered: panels are shown as they lie, seen from the sample, with the electric field
            horizontal and gaps dark; pixels that it masks are left out. None: they are shown below one another.
        overwrite: replace an existing file.
        beam_center: slow, fast [pixels from the outer corner of the first one], to be marked by a cross.

    Returns:
        The path.

    Raises:
        NbnumbaError: no array of numbers in two or three dimensions, of the shape of the experiment's images if that is
            given, or the file cannot be written.
    """
    grey = grey_levels(image, experiment, beam_center=beam_center)
    with new_file(path, overwrite) as part:
        part.write_bytes(encode(grey))
    return Path(path)


def grey_levels(
    image: Any,
    experiment: Experiment | None = None,
    *,
    beam_center: tuple[float, float] | None = None,
    largest: int = LARGEST,
) -> np.ndarray:
    """Pixels (slow, fast) uint8 of a picture as ``write_png`` writes it, with at most ``largest`` along an edge.

    Raises:
        NbnumbaError: as ``write_png``.
    """
    if experiment is not None:
        check_experiment(experiment)
    array = as_image("image", image, None if experiment is None else experiment.detector.shape)
    apart = experiment is not None and array.ndim == 3
    counts = are_counts(array)
    if experiment is not None:
        array = np.where(pixel_mask(experiment) == 0, array, np.nan)
    array = laid_out(experiment, array) if experiment is not None and apart else as_rows("image", array)
    factor = math.ceil(max(array.shape) / largest)
    bins = shrunk(array, None, factor)
    (grey,) = shades([bins], counts=counts)
    if apart:
        grey[np.isnan(bins)] = _BETWEEN
    if beam_center is not None:
        mark_cross(grey, beam_center[0] / factor, beam_center[1] / factor)
    return grey


def write_comparison(path: str | Path, first: np.ndarray, second: np.ndarray, *, overwrite: bool = False) -> Path:
    """Write three pictures side by side: two images on one scale of grey, and their difference.

    The difference is red where the second image is larger and blue where the first is; full colour is the largest
    difference, and the scale runs with its square root.

    Args:
        path: the new file.
        first: array (slow, fast) of numbers, or (panel, slow, fast), whose panels are shown below one another.
        second: array of the same shape.
        overwrite: replace an existing file.

    Raises:
        NbnumbaError: images of two shapes, or the file cannot be written.
    """
    first, second = as_rows("first image", first), as_rows("second image", second)
    if first.shape != second.shape:
        raise NbnumbaError(
            f"images: found {first.shape} and {second.shape} pixels (slow, fast); allowed: the same shape"
        )
    factor = math.ceil(max(first.shape) / LARGEST)
    both = [shrunk(each, None, factor) for each in (first, second)]
    greys = shades(both, counts=are_counts(first) and are_counts(second))
    with np.errstate(invalid="ignore"):
        excess = second.astype(np.float64) - first.astype(np.float64)
    pictures = [*(np.repeat(grey[:, :, np.newaxis], 3, axis=2) for grey in greys), two_colors(excess, factor)]
    gap = np.full((pictures[0].shape[0], _GAP, 3), 128, dtype=np.uint8)
    with new_file(path, overwrite) as part:
        part.write_bytes(encode(np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]])))
    return Path(path)


def two_colors(excess: np.ndarray, factor: int) -> np.ndarray:
    """Colours (slow, fast, 3) of binned differences: those above 0 red, those below blue; 0 is white."""
    above, below = (np.nan_to_num(shrunk(sign * excess, None, factor)) for sign in (1.0, -1.0))
    size = np.maximum(np.maximum(above, below), 0.0)
    largest = float(size.max())
    paleness = np.rint(255.0 * (1.0 - np.sqrt(size / largest if largest > 0.0 else size))).astype(np.uint8)
    red = above >= below
    full = np.full_like(paleness, 255)
    return np.stack([np.where(red, full, paleness), paleness, np.where(red, paleness, full)], axis=2)


def shades(parts: Sequence[np.ndarray], *, counts: bool = False) -> list[np.ndarray]:
    """Grey levels uint8 (0: black) on one scale, that of ``contrast``; what is NaN is white."""
    scale = contrast(parts, counts=counts)
    return [darkness(scale, part) for part in parts]


def darkness(scale: Contrast, part: np.ndarray) -> np.ndarray:
    """Grey levels uint8 (0: black) on a scale; what is NaN is white."""
    share = np.clip(np.nan_to_num(scale.shade(part)), 0.0, 1.0)
    return np.rint(255.0 * (1.0 - share)).astype(np.uint8)


def mark_cross(grey: np.ndarray, slow: float, fast: float) -> None:
    """Invert the pixels of a small cross, as far as it lies on the picture."""
    if not (math.isfinite(slow) and math.isfinite(fast)):
        return
    arm = max(3, max(grey.shape) // 100)
    rows, columns = np.arange(grey.shape[0]) - math.floor(slow), np.arange(grey.shape[1]) - math.floor(fast)
    marked = np.outer(abs(rows) <= arm, columns == 0) | np.outer(rows == 0, abs(columns) <= arm)
    grey[marked] = np.where(grey[marked] > 127, 0, 255)


def encode(pixels: np.ndarray) -> bytes:
    """PNG file with the pixels of a uint8 array: (slow, fast) of greys, or (slow, fast, 3) of red, green and blue."""
    slow, fast = pixels.shape[:2]
    rows = np.pad(pixels.reshape(slow, -1), ((0, 0), (1, 0)))  # each row begins with the number of its filter, none
    header = struct.pack(">IIBBBBB", fast, slow, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
