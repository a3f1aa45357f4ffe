"""Reading one image from a file of any kind: HDF5, SMV, CBF, TIFF, PGM, NumPy, raw floats."""

from __future__ import annotations

import io
import re
from pathlib import Path

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.smv import parse_smv
from nbnumba.inputs.text import read_bytes

_NPY, _SMV, _PGM, _FABIO = b"\x93NUMPY", b"{", b"P5", (b"###CBF", b"II*\0", b"MM\0*")
_PGM_HEADER = re.compile(rb"P5" + 3 * rb"(?:\s|#[^\n]*\n)+(\d{1,9})" + rb"\s")
_LONGEST = 8  # bytes that tell the kind
ALLOWED = "HDF5, SMV, CBF, TIFF, PGM, .npy, or raw little-endian float32"


def read_image(path: str | Path, *, number: int = 0, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Read an image; what kind of file it is follows from its first bytes.

    Args:
        path: the file.
        number: of the image in a file that holds several, from 0.
        shape: (slow, fast) of a raw file, which does not tell it; None: square.

    Returns:
        Array (slow, fast) of the type that is stored.

    Raises:
        NbnumbaError: the file is missing, damaged, of another kind, or has no such image.
    """
    if not Path(path).is_file():
        raise NbnumbaError(f"{path}: is not there or not a file; name an image: {ALLOWED}")
    if h5py.is_hdf5(path):
        return _from_hdf5(path, number)
    content = read_bytes(path)
    if content.startswith(_NPY):
        image = _from_npy(path, content)
    elif content.startswith(_SMV):
        image = parse_smv(path, content).pixels
    elif content.startswith(_PGM):
        image = _from_pgm(path, content)
    elif content.startswith(_FABIO):
        image = _by_fabio(path)
    else:
        image = _from_raw(path, content, shape)
    return _pick(path, image, number)


def read_pair(
    first: str | Path, second: str | Path, *, number: int = 0, shape: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read two images as ``read_image`` does; a raw file has the shape of the other one, unless ``shape`` is given."""
    if shape is None and _is_raw(first) and not _is_raw(second):
        b, a = read_pair(second, first, number=number)
        return a, b
    a = read_image(first, number=number, shape=shape)
    return a, read_image(second, number=number, shape=shape or (a.shape[0], a.shape[1]))


def _is_raw(path: str | Path) -> bool:
    if not Path(path).is_file() or h5py.is_hdf5(path):
        return False
    with open(path, "rb") as file:
        return not file.read(_LONGEST).startswith((_NPY, _SMV, _PGM, *_FABIO))


def _pick(path: str | Path, images: np.ndarray | h5py.Dataset, number: int) -> np.ndarray:
    count = images.shape[0] if len(images.shape) == 3 else 1
    if not 0 <= number < count:
        raise NbnumbaError(f"{path}: asked for image {number}; allowed: 0 to {count - 1}")
    return np.asarray(images[number] if len(images.shape) == 3 else images[()])


def _from_hdf5(path: str | Path, number: int) -> np.ndarray:
    """From the largest dataset that can hold images."""
    try:
        with h5py.File(path, "r") as file:
            found: list[h5py.Dataset] = []

            def note(_: str, item: h5py.Group | h5py.Dataset) -> None:
                if isinstance(item, h5py.Dataset) and item.ndim in (2, 3) and item.dtype.kind in "biuf":
                    found.append(item)

            file.visititems(note)
            if not found:
                raise NbnumbaError(f"{path}: found no dataset of two or three dimensions; allowed: images")
            return _pick(path, max(found, key=lambda dataset: (dataset.size, dataset.ndim)), number)
    except (OSError, RuntimeError) as error:
        raise NbnumbaError(f"{path}: cannot be read ({error}); name an undamaged HDF5 file") from None


def _from_npy(path: str | Path, content: bytes) -> np.ndarray:
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (EOFError, ValueError) as error:
        raise NbnumbaError(f"{path}: cannot be read as an array ({error}); name an undamaged .npy file") from None
    if array.ndim not in (2, 3) or array.dtype.kind not in "biuf":
        raise NbnumbaError(f"{path}: found {array.dtype} of shape {array.shape}; allowed: images of numbers")
    return array


def _from_pgm(path: str | Path, content: bytes) -> np.ndarray:
    header = _PGM_HEADER.match(content)
    fast, slow, white = map(int, header.groups()) if header else (0, 0, 0)
    pixels = content[header.end() :] if header else b""
    if not 1 <= white <= 255 or len(pixels) != slow * fast:
        raise NbnumbaError(f"{path}: found {len(pixels)} bytes for {slow} x {fast} pixels; allowed: a PGM of 8 bits")
    return np.frombuffer(pixels, dtype=np.uint8).reshape(slow, fast)


def _by_fabio(path: str | Path) -> np.ndarray:
    try:
        import fabio
    except ImportError:
        raise NbnumbaError(
            f"{path}: CBF and TIFF images are read by fabio, which is not there; pip install 'nbnumba[formats]'"
        ) from None
    try:
        return np.asarray(fabio.open(str(path)).data)
    except Exception as error:  # fabio's readers fail in many ways
        raise NbnumbaError(f"{path}: cannot be read ({error}); name an undamaged image") from None


def _from_raw(path: str | Path, content: bytes, shape: tuple[int, int] | None) -> np.ndarray:
    edge = round((len(content) / 4) ** 0.5)
    slow, fast = shape or (edge, edge)
    if 4 * slow * fast != len(content) or not content:
        expected = f"{slow} x {fast} pixels need {4 * slow * fast}" if shape else "not a square of float32 pixels"
        raise NbnumbaError(
            f"{path}: found {len(content)} bytes, {expected}; allowed: {ALLOWED}; raw files that are not square need "
            "their shape"
        )
    return np.frombuffer(content, dtype="<f4").reshape(slow, fast)
