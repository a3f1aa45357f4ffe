"""HDF5 files of anybody, opened to be read: what is in them may be of another type, shape or size than it should be."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import naming, refuse_pipe

Item: TypeAlias = Any  # a group or a dataset

#: What h5py and NumPy raise on a file that is damaged, or holds other things than are looked for.
DAMAGE = (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError)
#: For ``np.errstate``: what a number that is none, or too large, leads to is told as damage.
STRICT: Any = {"over": "raise", "invalid": "raise", "divide": "raise"}
#: Names in files of ours: the group of all, and in it that of how the file came to be.
ENTRY, PROVENANCE = "entry", "nbnumba"
_MOST = 10**7  # values of a field that is not images


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file to be read; what fails in the block is told as damage.

    Raises:
        NbnumbaError: the file is missing, damaged, or not HDF5.
    """
    try:
        refuse_pipe(path, "HDF5")
        with open(path, "rb"):
            pass  # says more plainly than HDF5 why a file cannot be read
        if not h5py.is_hdf5(path):
            raise NbnumbaError(f"{path}: found another kind of file; allowed: HDF5")
        with naming(path), _file(path) as file:
            yield file
    except NbnumbaError:
        raise
    except DAMAGE as error:
        why = getattr(error, "strerror", None) or f"damaged: {type(error).__name__} {error}"
        raise NbnumbaError(f"{path}: cannot be read ({why}); name an undamaged HDF5 file") from None


def _file(path: str | Path) -> h5py.File:
    """The file; one that grows, or that a writer left when it was killed, with the images that are whole."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        with contextlib.suppress(OSError):
            return h5py.File(path, "r", swmr=True)
        raise error


def child(group: h5py.Group, name: str) -> Item | None:
    """What a group holds under a name; None: nothing, or a link to what is not there."""
    try:
        return group[name]
    except (KeyError, OSError):
        return None


def of_class(group: h5py.Group, kind: str) -> Iterator[h5py.Group]:
    """Groups of a NeXus class in a group."""
    for name in group:
        item = child(group, name)
        if isinstance(item, h5py.Group) and text(item.attrs.get("NX_class")) == kind:
            yield item


def text(value: Any) -> str | None:
    """An attribute or a dataset of text, however it is stored; what is not UTF-8 is replaced."""
    while isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else None
    if value is None or isinstance(value, h5py.Empty):
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else printable(str(value))


def printable(words: str) -> str:
    """Text without the halves of characters by which h5py stands for bytes that are not UTF-8."""
    return words.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def words(group: h5py.Group, name: str) -> str | None:
    """Text of a dataset, the first of several; None: there is none."""
    item = child(group, name)
    if not isinstance(item, h5py.Dataset) or not item.size or h5py.check_string_dtype(item.dtype) is None:
        return None
    return text(item[(0,) * item.ndim])


def numbers(group: h5py.Group, name: str) -> np.ndarray | None:
    """Numbers of a dataset as floats in one dimension; None: there are none, or too many to be other than images."""
    item = child(group, name)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "biuf" or not 0 < (item.size or 0) <= _MOST:
        return None
    return np.ravel(item[()]).astype(float)


def told(group: h5py.Group, name: str) -> str:
    """What a group holds under a name, for messages."""
    item, found = child(group, name), numbers(group, name)
    if found is not None:
        return str(found[:4].tolist()) if len(found) < 5 else f"{len(found)} numbers"
    if not isinstance(item, h5py.Dataset):
        return "nothing" if item is None else "a group"
    held = words(group, name)
    return f"{item.dtype} of shape {item.shape}" if held is None else repr(held)


def value(item: h5py.Dataset) -> Any:
    """What a dataset that is not images holds.

    Raises:
        NbnumbaError: it holds more than such a dataset can mean, which would fill the memory, or complex numbers.
    """
    if item.dtype.kind == "c":
        raise NbnumbaError(f"{item.name}: found complex numbers; allowed: real ones")
    if (item.size or 0) > _MOST:
        raise NbnumbaError(f"{item.name}: found {item.size} values; allowed: up to {_MOST}")
    return item[()]


def row(item: h5py.Dataset, number: int) -> np.ndarray:
    """What a dataset that is not images holds of an image, of which it has a row each.

    Raises:
        NbnumbaError: as ``value``.
    """
    if math.prod(item.shape[1:]) > _MOST:
        raise NbnumbaError(f"{item.name}: found {item.shape[1:]} values for an image; allowed: up to {_MOST}")
    return np.asarray(item[number])


class Source(NamedTuple):
    """Images that a virtual dataset shows of another file."""

    name: str  # of the file, relative to the master
    path: Path
    dataset: str
    space: Any  # where the images are in the virtual dataset
    needed: tuple[int, ...]  # the least shape of the file's dataset that has them

    @property
    def images(self) -> range:
        """Their numbers in the virtual dataset."""
        first, last = (bound[0] for bound in self.space.get_select_bounds())
        return range(first, last + 1)


def sources(dataset: h5py.Dataset) -> list[Source]:
    """What a dataset shows of other files; nothing where it is not virtual."""
    if not dataset.is_virtual:
        return []
    folder = Path(dataset.file.filename).parent
    plain = [(found.file_name.replace("%%", "%"), found) for found in dataset.virtual_sources()]
    return [
        Source(name, folder / name, found.dset_name, found.vspace, _least(found))
        for name, found in plain
        if name != "."
    ]


def _least(found: Any) -> tuple[int, ...]:
    """Shape of the smallest dataset that has what is shown of it."""
    if found.src_space.get_select_type() == h5py.h5s.SEL_ALL:
        return tuple(last - first + 1 for first, last in zip(*found.vspace.get_select_bounds(), strict=True))
    return tuple(last + 1 for last in found.src_space.get_select_bounds()[1])


def kept(dataset: h5py.Dataset) -> int:
    """Bytes that are stored of a dataset; of a virtual one, those that it shows of others."""
    if not dataset.is_virtual:
        return int(dataset.id.get_storage_size())
    shown = sum(source.vspace.get_select_npoints() for source in dataset.virtual_sources())
    return int(shown) * dataset.dtype.itemsize


def filters(dataset: h5py.Dataset) -> list[tuple[int, str]]:
    """Numbers and names of the filters that a dataset's values went through."""
    plist = dataset.id.get_create_plist()
    found = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    return [(one[0], one[3].decode("latin-1").strip("\0 ")) for one in found]
