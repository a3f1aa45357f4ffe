"""The master of a data set: all of its finished files as one."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from nbnumba import __version__
from nbnumba.datasets.folder import MASTER, manifest_of
from nbnumba.datasets.labels import PROCESS
from nbnumba.datasets.provenance import read_provenance
from nbnumba.datasets.shard import PROVENANCE
from nbnumba.datasets.stacks import STACKS
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import words
from nbnumba.outputs.compression import need_filters
from nbnumba.outputs.data_files import DataFile, link_data, need_data
from nbnumba.outputs.hdf5 import new_hdf5
from nbnumba.outputs.nexus_tree import group, put

_OFFSETS = ("entry/lattices/offsets", "entry/spots/offsets")
#: Groups that are filled by joining those of all files.
_JOINED = ("data", "expected", "spot_mask", "pixel_mask", "labels", "lattices", "spots", "nbnumba")


class Part(NamedTuple):
    """A finished file, and its numbers of rows."""

    path: Path
    images: int
    lattices: int
    spots: int
    digests: bytes

    def rows(self, name: str) -> int:
        """Of a dataset."""
        table = name.split("/")[1:2]
        return self.lattices if table == ["lattices"] else self.spots if table == ["spots"] else self.images


def _finished(folder: Path, manifest: dict[str, Any]) -> list[Part]:
    """Files that are there and that the manifest means, in order."""
    found = []
    for name, images in manifest["shards"].items():
        path = folder / name
        said = read_provenance(path)
        if said is None or (said.recipe_hash, said.first, said.stop) != (manifest["recipe_hash"], *images):
            continue
        with _opened(path) as file:
            count = said.stop - said.first
            lattices, spots = (int(_held(file, name, count + 1)[-1]) for name in _OFFSETS)
            digests = _held(file, "entry/labels/digest", count)[()].tobytes()
            found.append(Part(path, count, lattices, spots, digests))
    return found


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """A file of a data set, opened to be read."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except NbnumbaError:
        raise
    except Exception as error:  # a damaged file makes h5py raise almost anything
        raise NbnumbaError(f"{path}: cannot be read ({error}); --resume makes it anew") from error


def _held(file: h5py.File, name: str, rows: int, like: h5py.Dataset | None = None) -> h5py.Dataset:
    """A dataset of a file, if it has so many rows, each as those of another one, and not far more than is stored."""
    found = file[name]
    shape = found.shape if like is None else (rows, *like.shape[1:])
    if found.shape != shape or len(found) != rows or (like is not None and found.dtype != like.dtype):
        raise ValueError(f"found {name}, {found.dtype} of shape {found.shape}, for {rows} rows")
    need_data(found)
    return found


def unfinished(folder: str | Path) -> list[str]:
    """Names of files that are missing, by the manifest and by what those that are there say of themselves."""
    manifest = manifest_of(Path(folder))
    there = {part.path.name for part in _finished(Path(folder), manifest)}
    return [name for name in manifest["shards"] if name not in there]


def content_hash(folder: str | Path) -> str:
    """SHA-256 of the digests of all images that are there, in order: the same however they are shared out to files."""
    return _hash_of(_finished(Path(folder), manifest_of(Path(folder))))


def _hash_of(parts: list[Part]) -> str:
    return hashlib.sha256(b"".join(part.digests for part in parts)).hexdigest()


def write_master(folder: str | Path) -> str:
    """Write the file that shows all images and labels of a folder as one; it can be made anew at any time.

    Images and spots stay in their files, and are found through the master as long as it lies beside them; columns of
    labels are in the master too.

    Returns:
        What ``content_hash`` does.

    Raises:
        NbnumbaError: no data set, no finished file, or a damaged one.
    """
    folder = Path(folder)
    manifest = manifest_of(folder)
    parts = _finished(folder, manifest)
    if not parts:
        raise NbnumbaError(f"{folder}: found no finished file of the data set")
    with new_hdf5(folder / MASTER, overwrite=True) as use:
        use(_fill_master, parts, manifest)
    return _hash_of(parts)


def _fill_master(file: h5py.File, parts: list[Part], manifest: dict[str, Any]) -> None:
    file.attrs["default"] = "entry"
    with _opened(parts[0].path) as first:
        _copy_header(first, file)
        names = _names(first)
        for name in names.shown:
            _show(file, _held(first, name, parts[0].rows(name)), parts)
        for name in names.joined:
            _like(file, _held(first, name, parts[0].rows(name)), sum(part.rows(name) for part in parts))
        for name in _OFFSETS:
            _like(file, first[name], 1 + sum(part.images for part in parts))
    _join(file, names, parts)
    process = group(file["entry"], "nbnumba", "NXprocess")
    for name, value in {
        "program": "nbnumba", "version": __version__, "recipe": manifest["recipe"],
        "recipe_hash": manifest["recipe_hash"], "content_hash": _hash_of(parts),
        "images": sum(part.images for part in parts), "files": "\n".join(part.path.name for part in parts),
    }.items():  # fmt: skip
        put(process, name, value, "", meaning=PROCESS[name])


def _copy_header(source: h5py.File, target: h5py.File) -> None:
    """Copy what all files say alike, and make the groups for what is joined."""
    entry = target.create_group("entry")
    entry.attrs.update(dict(source["entry"].attrs))
    for name, item in source["entry"].items():
        if name not in _JOINED:
            source.copy(item, entry, name)
        elif name != "nbnumba":
            entry.create_group(name).attrs.update(dict(item.attrs))


def _like(file: h5py.File, source: h5py.Dataset, rows: int) -> h5py.Dataset:
    """A dataset as one of the first file, with so many rows, that are to come."""
    name = source.name
    if name in file:
        del file[name]
    made = file.create_dataset(name, (rows, *source.shape[1:]), source.dtype)
    made.attrs.update(dict(source.attrs))
    return made


class Names(NamedTuple):
    """Datasets of a file, by what the master has of them."""

    shown: list[str]  # by reference
    joined: list[str]


def _names(file: h5py.File) -> Names:
    by_image = [name for name in (words(file[PROVENANCE], "by_image") or "").split("\n") if name]
    spots = [f"entry/spots/{name}" for name in file["entry/spots"] if name != "offsets"]
    joined = [name for name in ("labels", "geom") if name in file] + by_image
    joined += [f"entry/{table}/{name}" for table in ("labels", "lattices") for name in file[f"entry/{table}"]
               if name != "offsets"]  # fmt: skip
    return Names([*(name for name in STACKS if name in file), *spots], joined)


def _join(file: h5py.File, names: Names, parts: list[Part]) -> None:
    """Fill datasets with those of all files, one after another, if all files have the same."""
    filled: Counter[str] = Counter()
    for part in parts:
        with _opened(part.path) as source:
            if _names(source) != names:
                raise ValueError(f"found other datasets than {parts[0].path.name} has")
            for name in names.shown:
                _held(source, name, part.rows(name), file[name])
            for name in names.joined:
                values = _held(source, name, part.rows(name), file[name])[()]
                file[name][filled[name] : filled[name] + part.rows(name)] = values
                filled[name] += part.rows(name)
            for name in _OFFSETS:
                start = filled["images"] + 1
                file[name][start : start + part.images] = source[name][1:] + filled[name]
                filled[name] += part.rows(name)
            filled["images"] += part.images


def _show(file: h5py.File, source: h5py.Dataset, parts: list[Part]) -> None:
    """A dataset that shows those of all files, which stay where they are."""
    need_filters(source)
    name = source.name
    counts = [part.rows(name.removeprefix("/")) for part in parts]
    if not any(counts):
        _like(file, source, 0)
        return
    rows = zip(parts, counts, itertools.accumulate(counts), strict=True)
    shown = [DataFile(part.path.name, stop - count, stop) for part, count, stop in rows if count]
    link_data(file, name, shown, source.shape[1:], source.dtype, source.fillvalue)
    file[name].attrs.update(dict(source.attrs))
