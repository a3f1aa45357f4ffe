"""Reading one image from a file of any kind: HDF5, SMV, CBF, TIFF, PGM, NumPy, raw floats."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.cbf import read_arrays
from nbnumba.inputs.hdf5 import ENTRY, opened
from nbnumba.inputs.kinds import RAW, kind_of
from nbnumba.inputs.npy import open_npy
from nbnumba.inputs.smv import parse_smv
from nbnumba.inputs.text import read_bytes
from nbnumba.inputs.tiff import read_tiff
from nbnumba.model.validate import whole
from nbnumba.outputs.data_files import need_data

log = logging.getLogger(__name__)

ALLOWED = "HDF5, SMV, CBF, TIFF, PGM, .npy, or raw little-endian float32"
_PGM_HEADER = re.compile(rb"P5" + 3 * rb"(?:\s|#[^\n]*\n)+(\d{1,9})" + rb"\s")


def read_image(path: str | Path, *, number: int = 0, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Read an image; what kind of file it is follows from its first bytes.

    Args:
        path: the file.
        number: of the image in a file that holds several, from 0.
        shape: (slow, fast) of a raw file, which does not tell it; None: square.

    Returns:
        Array (slow, fast) of the type that is stored, or (panel, slow, fast) from HDF5 and CBF files of ours that hold
        panels.

    Raises:
        NbnumbaError: the file is missing, damaged, of another kind, or has no such image.
    """
    number = whole("number", number, low=0)
    image = _image_of(path, kind_of(path), number, shape)
    log.info("read %s: image %d, %s of shape %s", path, number, image.dtype, image.shape)
    return image


def _image_of(path: str | Path, kind: str, number: int, shape: tuple[int, int] | None) -> np.ndarray:
    if kind == "hdf5":
        return _from_hdf5(path, number)
    if kind == "npy":
        return np.array(_pick(path, npy_images(path), number))
    if kind == "smv":
        image = parse_smv(path, read_bytes(path)).pixels
    elif kind == "pgm":
        image = _from_pgm(path)
    elif kind == "cbf":
        image = together(path, read_arrays(path, read_bytes(path)))
    elif kind == "tiff":
        image = read_tiff(path)
    else:
        image = _from_raw(path, shape)
    return _pick(path, [image], number)


def read_pair(
    first: str | Path, second: str | Path, *, number: int = 0, shape: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read two images as ``read_image`` does; a raw file has the shape of the other one, unless ``shape`` is given.

    Of a file that holds a single image beside one with several, that one is read, whatever ``number``.
    """
    single = {path: count_images(path) == 1 for path in (first, second)}

    def one(path: str | Path, shape: tuple[int, int] | None) -> np.ndarray:
        return read_image(path, number=0 if single[path] and not all(single.values()) else number, shape=shape)

    if shape is None and kind_of(first) == RAW != kind_of(second):
        b = one(second, None)
        return one(first, _rows_of(b)).reshape(b.shape), b
    a = one(first, shape)
    b = one(second, shape or _rows_of(a))
    return a, b.reshape(a.shape) if b.shape == _rows_of(a) else b


def _rows_of(image: np.ndarray) -> tuple[int, int]:
    """Shape of the image with its panels below one another, as a raw file holds it."""
    return math.prod(image.shape[:-1]), image.shape[-1]


def count_images(path: str | Path) -> int:
    """Number of images in a file.

    Raises:
        NbnumbaError: the file is missing or damaged.
    """
    kind = kind_of(path)
    if kind == "hdf5":
        with opened(path) as file:
            return sum(images_in(stack) for stack in image_stacks(file))
    return len(npy_images(path)) if kind == "npy" else 1


def images_in(stack: h5py.Dataset) -> int:
    """Number of images in a dataset."""
    return int(stack.shape[0]) if stack.ndim == 3 else 1


def _pick(path: str | Path, images: Sequence[np.ndarray] | np.ndarray, number: int) -> np.ndarray:
    if number >= len(images):
        raise NbnumbaError(f"{path}: asked for image {number}; allowed: 0 to {len(images) - 1}")
    return images[number]


def _from_hdf5(path: str | Path, number: int) -> np.ndarray:
    with opened(path) as file:
        rest = number
        for stack in image_stacks(file):
            count = images_in(stack)
            if rest < count:
                need_data(stack, rest)
                image = np.asarray(stack[rest] if stack.ndim == 3 else stack[()])
                return image.reshape(image_shape(stack))
            rest -= count
    found = number - rest
    if not found:
        raise NbnumbaError(f"{path}: found no dataset of two or three dimensions; allowed: images")
    raise NbnumbaError(f"{path}: asked for image {number}; allowed: 0 to {found - 1}")


def image_stacks(file: h5py.File) -> Iterator[h5py.Dataset]:
    """Datasets of images: in NXmx and Eiger files /entry/data/data, or data_000001 and so on, else the largest."""
    group = file.get(f"{ENTRY}/data")
    names = (
        sorted(name for name in group if re.fullmatch(r"data(_\d+)?", name)) if isinstance(group, h5py.Group) else []
    )
    if "data" in names:  # data_000001 and so on are then parts of it
        names = ["data"]
    named = [item for name in names if _shows_images(item := group[name])]
    if named:
        yield from named
        return
    found: list[h5py.Dataset] = []

    def note(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if _shows_images(item):
            found.append(item)

    file.visititems(note)
    if found:
        yield max(found, key=lambda dataset: (dataset.size, dataset.ndim))


def _shows_images(item: Any) -> bool:
    if not isinstance(item, h5py.Dataset) or not item.size:
        return False
    return item.ndim in (2, 3) and item.dtype.kind in "biuf"


def image_shape(stack: h5py.Dataset) -> tuple[int, ...]:
    """(slow, fast) of the images of a dataset, or (panel, slow, fast) where it tells that they are panels.

    Raises:
        NbnumbaError: panels that their rows cannot be divided by.
    """
    slow, fast = stack.shape[-2:]
    if "panels" not in stack.attrs:
        return slow, fast
    panels = stack.attrs["panels"]
    if not isinstance(panels, np.integer) or panels < 1 or slow % panels:
        raise NbnumbaError(f"{stack.file.filename}: found {panels} panels in {slow} rows of {stack.name}; allowed: "
                           "whole panels, of as many rows each")  # fmt: skip
    return int(panels), slow // int(panels), fast


def npy_images(path: str | Path) -> np.ndarray:
    """Images (n, slow, fast) of a .npy file, which are read when they are used.

    Raises:
        NbnumbaError: a damaged file, or one that holds no images.
    """
    array = open_npy(path)
    if array.ndim not in (2, 3) or not array.size or array.dtype.kind not in "biuf":
        raise NbnumbaError(f"{path}: found {array.dtype} of shape {array.shape}; allowed: images of numbers")
    return array.reshape(-1, *array.shape[-2:])


def _from_pgm(path: str | Path) -> np.ndarray:
    content = read_bytes(path)
    header = _PGM_HEADER.match(content)
    fast, slow, white = map(int, header.groups()) if header else (0, 0, 0)
    pixels = content[header.end() :] if header else b""
    if not 1 <= white <= 255 or len(pixels) != slow * fast or not pixels:
        raise NbnumbaError(f"{path}: found {len(pixels)} bytes for {slow} x {fast} pixels; allowed: a PGM of 8 bits")
    return np.frombuffer(pixels, dtype=np.uint8).reshape(slow, fast)


def together(path: str | Path, arrays: list[np.ndarray]) -> np.ndarray:
    """Arrays of a CBF file as one image, (slow, fast) or (panel, slow, fast).

    Raises:
        NbnumbaError: they differ in shape.
    """
    if len({array.shape for array in arrays}) > 1:
        raise NbnumbaError(f"{path}: found arrays of several shapes; allowed: panels of one size")
    return arrays[0] if len(arrays) == 1 else np.stack(arrays)


def _from_raw(path: str | Path, shape: tuple[int, int] | None) -> np.ndarray:
    content = read_bytes(path)
    if not content:
        raise NbnumbaError(f"{path}: is empty; allowed: {ALLOWED}")
    edge = round((len(content) / 4) ** 0.5)
    slow, fast = shape or (edge, edge)
    if 4 * slow * fast != len(content):
        expected = f"{slow} x {fast} pixels need {4 * slow * fast}" if shape else "not a square of float32 pixels"
        raise NbnumbaError(
            f"{path}: found {len(content)} bytes, {expected}; allowed: {ALLOWED}; raw files that are not square need "
            "their shape"
        )
    return np.frombuffer(content, dtype="<f4").reshape(slow, fast)
