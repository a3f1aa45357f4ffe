"""Series of images in several files: a master and, beside it, data files that it shows as one dataset."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import DAMAGE, Source, kept, sources
from nbnumba.inputs.kinds import MOST_PIXELS
from nbnumba.outputs.compression import need_filters

MOST_IN_FILE = 1000
_ENDING = ".h5"
_MOST_PACKED = 10**5  # bytes of images that one byte can stand for: 1032 of gzip, 32,000 of zstd
_SMALL = 10**8  # bytes of images that are believed, whatever is stored of them


class DataFile(NamedTuple):
    """A file with images, or other rows, ``first`` to ``last`` of a series, last excluded."""

    name: str  # relative to the master
    first: int
    last: int


def data_path(master: Path, number: int) -> Path:
    """Path of a data file: NAME_000001.h5 is the one of number 0."""
    return master.with_name(f"{master.stem}_{number + 1:06d}{_ENDING}")


def data_paths(master: str | Path, images: int, images_per_file: int | None) -> list[Path]:
    """Paths of the data files of a series; none, if all images are in the master."""
    count = -(-images // images_per_file) if images_per_file else 0
    return [data_path(Path(master), number) for number in range(count)]


def link_data(
    file: h5py.File, name: str, parts: Iterable[DataFile], shape: tuple[int, ...], kind: np.dtype, fill: Any
) -> None:
    """Show datasets of data files as one of the master.

    Args:
        file: the master.
        name: path of the dataset, in all files.
        parts: data files, in order.
        shape: of what there is of one image.
        kind: type of its values.
        fill: what is read where a data file is missing.
    """
    parts, target = list(parts), name.encode()
    whole = h5py.h5s.create_simple((parts[-1].last, *shape))
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)  # as h5py's create_virtual_dataset, but without times
    plan.set_obj_track_times(False)
    plan.set_fill_value(np.array(fill, kind))
    for part in parts:
        count = part.last - part.first
        whole.select_hyperslab((part.first, *(0 for _ in shape)), (count, *shape))
        plan.set_virtual(
            whole, os.fsencode(part.name.replace("%", "%%")), target, h5py.h5s.create_simple((count, *shape))
        )
    whole.select_all()
    h5py.h5d.create(file.id, target, h5py.h5t.py_create(kind, logical=True), whole, plan)


def linked(master: Path) -> list[Path]:
    """Data files that an existing master shows and that are named after it; none, if there is no such file."""
    pattern = re.compile(re.escape(master.stem) + r"_\d{6}" + re.escape(_ENDING))
    found: set[str] = set()

    def note(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.is_virtual:
            found.update(source.name for source in sources(item))

    with suppress(*DAMAGE), h5py.File(master, "r") as file:
        file.visititems(note)
    return [master.with_name(name) for name in sorted(found) if pattern.fullmatch(name)]


def need_data(dataset: h5py.Dataset, number: int | None = None) -> None:
    """Check that what a dataset shows is there, and load what it is unpacked by.

    HDF5 itself fills in for files that are missing.

    Args:
        dataset: images, in this file or in others.
        number: of the only image that is wanted; None: all.

    Raises:
        NbnumbaError: a data file is missing or cannot be read, holds fewer images, or is compressed in a way that
            takes a library that is missing; what is wanted has more pixels than can be.
    """
    need_filters(dataset)
    _need_pixels(dataset, number)
    _need_no_circle(dataset)
    for source in sources(dataset):
        if number is None or number in source.images:
            _need_file(Path(dataset.file.filename), source, number)


def _need_pixels(dataset: h5py.Dataset, number: int | None) -> None:
    """Check that one image is not too large, or all not many times what is stored, as after damage to the shape."""
    if number is not None:  # of a file with room for more, little may be stored
        if math.prod(dataset.shape[-2:]) > MOST_PIXELS:
            raise NbnumbaError(f"{dataset.file.filename}: found images of shape {dataset.shape} in {dataset.name}; "
                               f"allowed: up to {MOST_PIXELS} pixels each")  # fmt: skip
        return
    size, there = (dataset.size or 0) * dataset.dtype.itemsize, kept(dataset)
    if size > max(_MOST_PACKED * there, _SMALL):
        raise NbnumbaError(f"{dataset.file.filename}: found {there} bytes for images of shape {dataset.shape} in "
                           f"{dataset.name}; name an undamaged file")  # fmt: skip


def _need_no_circle(dataset: h5py.Dataset) -> None:
    """HDF5 follows a virtual dataset that shows itself until its stack is full."""
    for source in dataset.virtual_sources() if dataset.is_virtual else ():
        if source.file_name == "." and getattr(dataset.file.get(source.dset_name), "is_virtual", False):
            raise NbnumbaError(
                f"{dataset.file.filename}: found {dataset.name} shown through {source.dset_name}, which is virtual "
                "too; name a file whose images are stored"
            )


def _need_file(master: Path, source: Source, number: int | None) -> None:
    path, dataset, count = source.path, source.dataset, len(source.images)
    if not path.exists():
        raise NbnumbaError(f"{master}: its data file {path} is missing; put it there, or write the series again")
    try:
        with h5py.File(path, "r") as file:
            found = file[dataset].shape[0]
            if file[dataset].is_virtual:
                raise NbnumbaError(f"{master}: its data file {path} shows images of others in turn; name that file")
            need_filters(file[dataset])
            _need_pixels(file[dataset], number)
    except NbnumbaError:
        raise
    except DAMAGE as error:
        raise NbnumbaError(f"{master}: its data file {path} cannot be read ({error}); write the series again") from None
    if found < count:
        raise NbnumbaError(f"{master}: its data file {path} holds {found} images, not {count}; write the series again")
