"""Reading one image from a file of any kind: HDF5, SMV, CBF, TIFF, PGM, NumPy, raw floats."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.cbf import by_fabio, read_arrays
from nbnumba.inputs.smv import parse_smv
from nbnumba.inputs.text import read_bytes
from nbnumba.outputs.data_files import need_data

log = logging.getLogger(__name__)

ALLOWED = "HDF5, SMV, CBF, TIFF, PGM, .npy, or raw little-endian float32"
#: Kind of file -> how it begins; everything else is raw.
_BEGINNINGS = {
    "hdf5": rb"\x89HDF\r\n\x1a\n",
    "npy": rb"\x93NUMPY",
    "smv": rb"\{\s*[A-Z]",
    "pgm": rb"P5\s",
    "cbf": rb"###CBF",
    "fabio": rb"II\*\0|MM\0\*",
}
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
    image = _image_of(path, kind_of(path), number, shape)
    log.info("read %s: image %d, %s of shape %s", path, number, image.dtype, image.shape)
    return image


def _image_of(path: str | Path, kind: str, number: int, shape: tuple[int, int] | None) -> np.ndarray:
    if kind == "hdf5":
        return _from_hdf5(path, number)
    if kind == "npy":
        images = _from_npy(path)
        return np.array(_pick(path, list(images) if images.ndim == 3 else [images], number))
    if kind == "smv":
        image = parse_smv(path, read_bytes(path)).pixels
    elif kind == "pgm":
        image = _from_pgm(path)
    elif kind == "cbf":
        image = _from_cbf(path)
    elif kind == "fabio":
        image = by_fabio(path)
    else:
        image = _from_raw(path, shape)
    return _pick(path, [image], number)


def read_pair(
    first: str | Path, second: str | Path, *, number: int = 0, shape: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read two images as ``read_image`` does; a raw file has the shape of the other one, unless ``shape`` is given.

    Of a file that holds a single image, that one is read, whatever ``number``.
    """

    def one(path: str | Path, shape: tuple[int, int] | None) -> np.ndarray:
        return read_image(path, number=number if count_images(path) > 1 else 0, shape=shape)

    if shape is None and kind_of(first) == "raw" != kind_of(second):
        b = one(second, None)
        return one(first, _rows_of(b)).reshape(b.shape), b
    a = one(first, shape)
    b = one(second, shape or _rows_of(a))
    return a, b.reshape(a.shape) if b.shape == _rows_of(a) else b


def _rows_of(image: np.ndarray) -> tuple[int, int]:
    """Shape of the image with its panels below one another, as a raw file holds it."""
    return math.prod(image.shape[:-1]), image.shape[-1]


def kind_of(path: str | Path) -> str:
    """Kind of a file by its first bytes, one of those above, or "raw"."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise NbnumbaError(f"{path}: cannot be read ({error.strerror}); name an image: {ALLOWED}") from None
    return next((kind for kind, begin in _BEGINNINGS.items() if re.match(begin, start)), "raw")


def count_images(path: str | Path) -> int:
    """Number of images in a file.

    Raises:
        NbnumbaError: the file is missing or damaged.
    """
    kind = kind_of(path)
    if kind == "hdf5":
        with _opened(path) as file:
            return sum(stack.shape[0] if stack.ndim == 3 else 1 for stack in image_stacks(file))
    array = _from_npy(path) if kind == "npy" else np.zeros((0, 0))
    return len(array) if array.ndim == 3 else 1


def _pick(path: str | Path, images: list[np.ndarray], number: int) -> np.ndarray:
    if not 0 <= number < len(images):
        raise NbnumbaError(f"{path}: asked for image {number}; allowed: 0 to {len(images) - 1}")
    return images[number]


@contextmanager
def _opened(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file to read from; what fails in the block is told as damage."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        raise NbnumbaError(f"{path}: cannot be read ({error}); name an undamaged HDF5 file") from None


def _from_hdf5(path: str | Path, number: int) -> np.ndarray:
    with _opened(path) as file:
        rest = number
        for stack in image_stacks(file):
            count = stack.shape[0] if stack.ndim == 3 else 1
            if rest < count:
                need_data(stack, rest)
                image = np.asarray(stack[rest] if stack.ndim == 3 else stack[()])
                return image.reshape(stack.attrs["panels"], -1, image.shape[1]) if "panels" in stack.attrs else image
            rest -= count
    found = number - rest
    if not found:
        raise NbnumbaError(f"{path}: found no dataset of two or three dimensions; allowed: images")
    raise NbnumbaError(f"{path}: asked for image {number}; allowed: 0 to {found - 1}")


def image_stacks(file: h5py.File) -> Iterator[h5py.Dataset]:
    """Datasets of images: in NXmx and Eiger files /entry/data/data, or data_000001 and so on, else the largest."""
    group = file.get("entry/data")
    names = sorted(name for name in group if re.fullmatch(r"data(_\d+)?", name)) if group else []
    if "data" in names:  # data_000001 and so on are then parts of it
        names = ["data"]
    if names:
        yield from (group[name] for name in names)
        return
    found: list[h5py.Dataset] = []

    def note(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim in (2, 3) and item.dtype.kind in "biuf":
            found.append(item)

    file.visititems(note)
    if found:
        yield max(found, key=lambda dataset: (dataset.size, dataset.ndim))


def _from_npy(path: str | Path) -> np.ndarray:
    """The array in the file, which is not in memory."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, ValueError) as error:
        raise NbnumbaError(f"{path}: cannot be read as an array ({error}); name an undamaged .npy file") from None
    if array.ndim not in (2, 3) or array.dtype.kind not in "biuf":
        raise NbnumbaError(f"{path}: found {array.dtype} of shape {array.shape}; allowed: images of numbers")
    return array


def _from_pgm(path: str | Path) -> np.ndarray:
    content = read_bytes(path)
    header = _PGM_HEADER.match(content)
    fast, slow, white = map(int, header.groups()) if header else (0, 0, 0)
    pixels = content[header.end() :] if header else b""
    if not 1 <= white <= 255 or len(pixels) != slow * fast or not pixels:
        raise NbnumbaError(f"{path}: found {len(pixels)} bytes for {slow} x {fast} pixels; allowed: a PGM of 8 bits")
    return np.frombuffer(pixels, dtype=np.uint8).reshape(slow, fast)


def _from_cbf(path: str | Path) -> np.ndarray:
    arrays = read_arrays(path)
    if len({array.shape for array in arrays}) > 1:
        raise NbnumbaError(f"{path}: found arrays of several shapes; allowed: panels of one size")
    return arrays[0] if len(arrays) == 1 else np.stack(arrays)


def _from_raw(path: str | Path, shape: tuple[int, int] | None) -> np.ndarray:
    content = read_bytes(path)
    edge = round((len(content) / 4) ** 0.5)
    slow, fast = shape or (edge, edge)
    if 4 * slow * fast != len(content) or not content:
        expected = f"{slow} x {fast} pixels need {4 * slow * fast}" if shape else "not a square of float32 pixels"
        raise NbnumbaError(
            f"{path}: found {len(content)} bytes, {expected}; allowed: {ALLOWED}; raw files that are not square need "
            "their shape"
        )
    return np.frombuffer(content, dtype="<f4").reshape(slow, fast)
