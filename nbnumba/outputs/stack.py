"""Datasets that grow image by image: stacks of images, one a chunk, and columns of numbers beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.outputs.compression import Codec

#: HDF5 takes no chunk of 4 GiB or more.
CHUNK_LIMIT = 1 << 32
_ROWS_AT_ONCE = 1 << 14  # bytes of a column's chunk, about


class Column(NamedTuple):
    """Numbers that each image has."""

    name: str  # path of the dataset
    value: Callable[[int, Experiment], Any]  # of an image, by its number and by what it shows
    units: str | None = None
    attributes: Mapping[str, Any] = {}


def begin_stack(file: h5py.File, name: str, image: np.ndarray, codec: Codec) -> h5py.Dataset:
    """Make a dataset (0, slow, fast) for images as this one; what is never written reads as ``absent``."""
    slow, fast = image.shape
    rows = max(1, min(slow, (CHUNK_LIMIT - 1) // (fast * image.itemsize)))
    return file.create_dataset(
        name,
        shape=(0, slow, fast),
        maxshape=(None, slow, fast),
        chunks=(1, rows, fast),
        dtype=image.dtype,
        fillvalue=absent(image.dtype),
        **codec.filters,
    )


def absent(kind: np.dtype) -> Any:
    """Value of pixels that were never written: NaN, -1, or the highest where there are no negative ones."""
    if kind.kind == "f":
        return np.nan
    return -1 if kind.kind == "i" else np.iinfo(kind).max


def packed(image: np.ndarray, codec: Codec) -> bytes | np.ndarray:
    """Chunk of an image, or the image, if HDF5 has to make one or several of it."""
    chunk = codec.packed(image) if image.nbytes < CHUNK_LIMIT else None
    return image if chunk is None else chunk


def append_image(file: h5py.File, name: str, number: int, content: bytes | np.ndarray) -> None:
    """Write an image, or what it was packed to, as the last of a stack."""
    dataset = file[name]
    dataset.resize(number + 1, axis=0)
    if isinstance(content, bytes):
        dataset.id.write_direct_chunk((number, 0, 0), content)
    else:
        dataset[number] = content


def begin_column(file: h5py.File, column: Column, value: Any) -> None:
    """Make a dataset (0, ...) for values as this one."""
    value = np.asarray(value)
    rows = max(1, _ROWS_AT_ONCE // max(value.nbytes, 64))
    dataset = file.create_dataset(
        column.name, (0, *value.shape), value.dtype, maxshape=(None, *value.shape), chunks=(rows, *value.shape)
    )
    dataset.attrs.update(({"units": column.units} if column.units else {}) | dict(column.attributes))


def append_row(file: h5py.File, name: str, number: int, value: Any) -> None:
    """Write the last value of a column."""
    dataset = file[name]
    dataset.resize(number + 1, axis=0)
    dataset[number] = value
