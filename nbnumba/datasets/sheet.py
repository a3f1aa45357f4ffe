"""A contact sheet: pictures of images side by side, on one scale of grey, with words beneath."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nbnumba.datasets.lettering import line
from nbnumba.outputs.contrast import contrast
from nbnumba.outputs.png import darkness
from nbnumba.outputs.reduce import shrunk

_EDGE, _GAP, _COLUMNS, _PAPER = 256, 8, 4, 255
_MASKED, _SPOT, _BESIDE = (150, 180, 230), (220, 60, 30), (224, 224, 224)
_ARM = 4  # pixels of the picture from a spot to the frame around it


class Picture(NamedTuple):
    """An image as large as the sheet shows it."""

    bins: np.ndarray  # strongest of some pixels each, NaN where all of them are masked
    size: int  # pixels of the sheet along the edge of a bin
    spots: np.ndarray  # slow, fast of each in pixels of the sheet, (any, 2)
    words: list[str]


def picture(image: np.ndarray, masked: np.ndarray, spots: np.ndarray, words: list[str]) -> Picture:
    """An image (slow, fast), made smaller or larger by a whole number; spots (any, 2) are slow, fast in its pixels."""
    factor = math.ceil(max(image.shape) / _EDGE)
    bins = shrunk(image, masked, factor).astype(np.float32)
    size = _EDGE // max(bins.shape)
    return Picture(bins, size, spots * size / factor, words)


def sheet(pictures: Sequence[Picture], *, counts: bool) -> np.ndarray:
    """All pictures, (slow, fast, 3) of red, green and blue, with a line that tells the scale they have in common."""
    scale = contrast([one.bins for one in pictures], counts=counts)
    across = min(_COLUMNS, len(pictures))
    tiles = [_framed(one, darkness(scale, one.bins)) for one in pictures]
    tall = max(map(len, tiles))
    tiles = [np.pad(tile, ((0, tall - len(tile) + _GAP), (0, _GAP), (0, 0)), constant_values=_PAPER) for tile in tiles]
    tiles += [np.full_like(tiles[0], _PAPER)] * (-len(tiles) % across)
    rows = [np.hstack(tiles[i : i + across]) for i in range(0, len(tiles), across)]
    told = f"white to {scale.low:.4g}, black from {scale.high:.4g} {'counts' if counts else 'photons'}"
    foot = np.pad(_written([told], rows[0].shape[1]), ((0, _GAP), (0, 0), (0, 0)), constant_values=_PAPER)
    return np.pad(np.vstack([*rows, foot]), ((_GAP, 0), (_GAP, 0), (0, 0)), constant_values=_PAPER)


def _framed(one: Picture, grey: np.ndarray) -> np.ndarray:
    """A picture with its words, (any, _EDGE, 3)."""
    colors = np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    colors[np.isnan(one.bins)] = _MASKED
    colors = colors.repeat(one.size, axis=0).repeat(one.size, axis=1)
    for slow, fast in one.spots:
        _mark(colors, int(slow), int(fast))
    beside = np.broadcast_to(np.array(_BESIDE, np.uint8), (len(colors), _EDGE - colors.shape[1], 3))
    return np.vstack([np.hstack([colors, beside]), _written(one.words, _EDGE)])


def _mark(colors: np.ndarray, slow: int, fast: int) -> None:
    """Draw a small frame around a pixel, as far as it lies on the picture."""
    rows, columns = (abs(np.arange(n) - at) for n, at in zip(colors.shape, (slow, fast), strict=False))
    near = np.maximum(rows[:, np.newaxis], columns)
    colors[near == _ARM] = _SPOT


def _written(words: list[str], width: int) -> np.ndarray:
    return np.repeat(np.vstack([line(text, width) for text in words])[:, :, np.newaxis], 3, axis=2)
