"""A stack of images in an HDF5 dataset: one image a chunk, shuffled and gzipped in parallel."""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.outputs.hdf5 import Use

GZIP_LEVEL = 1
#: HDF5 takes no chunk of 4 GiB or more.
CHUNK_LIMIT = 1 << 32


def write_stack(use: Use, name: str, images: Iterable[np.ndarray]) -> Iterator[int]:
    """Write images to a new dataset (n, slow, fast), as they come.

    Args:
        use: the file, as from ``new_hdf5``.
        name: path of the dataset in the file.
        images: arrays of one type and one shape (slow, fast), C-contiguous.

    Yields:
        The number of images written, after each of them.

    Raises:
        NbnumbaError: an image of another type than the first.
    """
    for number, (image, chunk) in enumerate(_compressed(images)):
        use(_append, name, number, image, chunk)
        yield number + 1


def _append(file: h5py.File, name: str, number: int, image: np.ndarray, chunk: bytes | None) -> None:
    dataset = file[name] if number else _new_dataset(file, name, image)
    if image.dtype != dataset.dtype:
        raise NbnumbaError(
            f"image {number}: found values of type {image.dtype}; allowed: {dataset.dtype}, as in the first image"
        )
    dataset.resize(number + 1, axis=0)
    if chunk is None:
        dataset[number] = image
    else:
        dataset.id.write_direct_chunk((number, 0, 0), chunk)


def _new_dataset(file: h5py.File, name: str, image: np.ndarray) -> h5py.Dataset:
    slow, fast = image.shape
    rows = max(1, min(slow, (CHUNK_LIMIT - 1) // (fast * image.itemsize)))
    return file.create_dataset(
        name,
        shape=(0, slow, fast),
        maxshape=(None, slow, fast),
        chunks=(1, rows, fast),
        dtype=image.dtype,
        compression="gzip",
        compression_opts=GZIP_LEVEL,
        shuffle=True,
    )


def _compressed(images: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bytes | None]]:
    """Images in order with their chunks; a few are in the works at any time, however many there are."""
    workers = min(os.cpu_count() or 1, 4)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[np.ndarray, Future[Any]]] = deque()
        for image in images:
            waiting.append((image, pool.submit(_chunk, image)))
            if len(waiting) > workers:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


def _chunk(image: np.ndarray) -> bytes | None:
    """What HDF5's filters shuffle and gzip would make of an image; None if it does not fit into one chunk."""
    if image.nbytes >= CHUNK_LIMIT:
        return None
    planes = image.reshape(-1, 1).view(np.uint8)
    return zlib.compress(planes.T.tobytes(), GZIP_LEVEL)
