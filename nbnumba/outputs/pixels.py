"""Which kinds of numbers images are stored as."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError

_STORED = ("float32", "uint8", "uint16", "int16", "int32")
_NARROWED = {
    "bool": "uint8",
    "int8": "int16",
    "float16": "float32",
    "float64": "float32",
    "int64": "int32",
    "uint32": "int32",
    "uint64": "int32",
}
#: Readers of 8- and 16-bit images take the top values for "no data".
_RESERVED = 2


def as_image(name: str, image: Any) -> np.ndarray:
    """The image as an array (slow, fast), or (panel, slow, fast).

    Raises:
        NbnumbaError: something else than numbers in two or three dimensions.
    """
    array = np.asarray(image)
    if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "biuf":
        raise NbnumbaError(
            f"{name}: found {array.dtype} of shape {array.shape}; allowed: numbers in two dimensions, slow and fast, "
            "or in three, panel, slow and fast"
        )
    return array


def as_rows(name: str, image: Any) -> np.ndarray:
    """The image as an array of two dimensions, its panels below one another; raises as ``as_image``."""
    array = as_image(name, image)
    return array.reshape(-1, array.shape[-1])


def are_counts(image: np.ndarray) -> bool:
    """Whether an image holds whole numbers of counts."""
    return image.dtype.kind in "iu"


def storable(image: Any, shape: tuple[int, ...], name: str = "image") -> np.ndarray:
    """Copy of an image in a type that every reader of NXmx takes: float32, uint8, uint16, int16 or int32.

    Other integers become int32, other floats float32.

    Args:
        image: array (slow, fast), or (panel, slow, fast).
        shape: the shape it must have.
        name: of the image, for errors.

    Raises:
        NbnumbaError: another shape, no real numbers, numbers that are not finite or do not fit.
    """
    array = np.asarray(image)
    if array.shape != shape:
        raise NbnumbaError(f"{name}: found shape {array.shape}; allowed: the detector's {shape}")
    kind = _NARROWED.get(array.dtype.name, array.dtype.name)
    if kind not in _STORED:
        raise NbnumbaError(f"{name}: found values of type {array.dtype}; allowed: real numbers or integers")
    if array.dtype.kind == "f":
        return _finite(array, kind, name)
    limits = np.iinfo(kind)
    if array.dtype.name in _NARROWED and (array.max() > limits.max or array.min() < limits.min):
        raise NbnumbaError(
            f"{name}: found integers from {array.min()} to {array.max()}; allowed: {limits.min} to {limits.max}, all "
            "that is read everywhere. Clip them, or write floats"
        )
    return np.array(array, dtype=little_endian(kind), order="C")


def _finite(array: np.ndarray, kind: str, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        result = np.array(array, dtype=little_endian(kind), order="C")
    good = np.isfinite(result)
    if not good.all():
        place = tuple(np.argwhere(~good)[0].tolist())
        raise NbnumbaError(
            f"{name}: found {array[place]} at pixel {place}, one of {np.count_nonzero(~good)} such; "
            "allowed: finite numbers within float32. Replace them, and name bad pixels in detector.mask"
        )
    return result


def little_endian(kind: str) -> np.dtype:
    """The type with the byte order of our files, whatever the machine's."""
    return np.dtype(kind).newbyteorder("<")


def trusted_range(kind: np.dtype) -> tuple[float, float]:
    """Lowest and highest pixel value that is a measurement, for a type of pixels."""
    if kind.kind == "f":
        return float(np.finfo(kind).min), float(np.finfo(kind).max)
    limits = np.iinfo("uint8" if kind.kind == "b" else kind)
    return limits.min, limits.max - (_RESERVED if kind.kind == "u" or kind.itemsize == 4 else 0)
