"""How images are compressed in HDF5 files, and what it takes to read them."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import filters
from nbnumba.model.validate import choice

GZIP_LEVEL = 1
#: Other names of the compressions.
ALIASES = {"lz4": "bitshuffle-lz4"}
_EXTRA = "pip install 'nbnumba[compression]'"


class Codec(NamedTuple):
    """A way to compress images."""

    filters: Mapping[str, Any]  # for h5py's create_dataset
    packed: Callable[[np.ndarray], bytes | None]  # chunk of an image, as the filters would; None: leave it to them


def _gzip() -> Codec:
    return Codec({"compression": "gzip", "compression_opts": GZIP_LEVEL, "shuffle": True}, shuffled_and_gzipped)


def _bitshuffle() -> Codec:
    return Codec(dict(_plugins("compression: 'bitshuffle-lz4'").Bitshuffle(cname="lz4")), lambda image: None)


_CODECS = {"gzip": _gzip, "bitshuffle-lz4": _bitshuffle, "none": lambda: Codec({}, lambda image: None)}
COMPRESSIONS = tuple(_CODECS)


def codec(name: str) -> Codec:
    """The codec of a name.

    Raises:
        NbnumbaError: there is none of this name, or its library is missing.
    """
    return _CODECS[choice("compression", ALIASES.get(name, name), COMPRESSIONS)]()


def shuffled_and_gzipped(image: np.ndarray) -> bytes:
    """What HDF5's filters shuffle and gzip make of an image."""
    planes = image.reshape(-1, 1).view(np.uint8)
    return zlib.compress(planes.T.tobytes(), GZIP_LEVEL)


def need_filters(dataset: h5py.Dataset) -> None:
    """Load what a dataset's values are unpacked by.

    Raises:
        NbnumbaError: it is not there.
    """
    for number, _ in filters(dataset):
        if not h5py.h5z.filter_avail(number):
            _plugins(f"{dataset.file.filename}: images compressed by HDF5's filter {number}")
        if not h5py.h5z.filter_avail(number):
            raise NbnumbaError(
                f"{dataset.file.filename}: found images compressed by HDF5's filter {number}, which is not there; set "
                "HDF5_PLUGIN_PATH to a folder that has it"
            )


def _plugins(what: str) -> Any:
    try:
        return importlib.import_module("hdf5plugin")
    except ImportError:
        raise NbnumbaError(f"{what} takes hdf5plugin, which is not there; {_EXTRA}") from None
