"""Which kinds of numbers images are stored as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError

#: Integers that every reader of NXmx takes.
_INTEGERS = ("uint8", "uint16", "int16", "int32")
#: Readers of 8- and 16-bit images take the top values for "no data".
_RESERVED = 2


def as_image(name: str, image: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The image as an array (slow, fast), or (panel, slow, fast).

    Args:
        name: of the image, for errors.
        image: numbers.
        shape: the one it must have, the detector's; None: any.

    Raises:
        NbnumbaError: another shape, or something else than integers or floats in two or three dimensions.
    """
    array = np.asarray(image)
    if shape is not None and array.shape != shape:
        raise NbnumbaError(f"{name}: found shape {array.shape}; allowed: the detector's {shape}")
    if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "biuf":
        raise NbnumbaError(
            f"{name}: found values of type {array.dtype}, of shape {array.shape}; allowed: numbers in two dimensions, "
            "slow and fast, or in three, panel, slow and fast"
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
    array = as_image(name, image, shape)
    refuse_where(~np.isfinite(array), name, array, "finite numbers. Replace them, and name bad pixels in detector.mask")
    return narrowed(name, array, _INTEGERS)


def narrowed(name: str, array: np.ndarray, integers: Sequence[str]) -> np.ndarray:
    """Copy as float32, or as the first of some types of integers that holds all of its type, else as the last one.

    Raises:
        NbnumbaError: numbers that do not fit, with the name of the image.
    """
    if array.dtype.kind == "f":
        kind, limits = "float32", (float(np.finfo("float32").min), float(np.finfo("float32").max))
    else:
        kind = next((kind for kind in integers if np.can_cast(array.dtype, kind)), integers[-1])
        limits = np.iinfo(kind).min, np.iinfo(kind).max
    if not np.can_cast(array.dtype, kind):
        outside = np.isfinite(array) & ((array < limits[0]) | (array > limits[1]))
        told = f"{limits[0]:.10g} to {limits[1]:.10g}, what {kind} holds. Clip them, or write floats"
        refuse_where(outside, name, array, told)
    return np.array(array, dtype=little_endian(kind), order="C")


def refuse_where(bad: np.ndarray, name: str, array: np.ndarray, allowed: str) -> None:
    """Refuse an image for some of its pixels."""
    if bad.any():
        place = tuple(np.argwhere(bad)[0].tolist())
        raise NbnumbaError(
            f"{name}: found {array[place]} at pixel {place}, one of {np.count_nonzero(bad)} such; allowed: {allowed}"
        )


def little_endian(kind: str) -> np.dtype:
    """The type with the byte order of our files, whatever the machine's."""
    return np.dtype(kind).newbyteorder("<")


def trusted_range(kind: np.dtype) -> tuple[float, float]:
    """Lowest and highest pixel value that is a measurement, for a type of pixels."""
    if kind.kind == "f":
        return float(np.finfo(kind).min), float(np.finfo(kind).max)
    limits = np.iinfo("uint8" if kind.kind == "b" else kind)
    return limits.min, limits.max - (_RESERVED if kind.kind == "u" or kind.itemsize == 4 else 0)
