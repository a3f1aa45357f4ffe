"""A data set on the disk: its files, the manifest that says what they are of, and the master that shows them as one."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba import __version__
from nbnumba.atomic import new_file
from nbnumba.datasets.log import LOG
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shard import (
    FORMAT,
    PROVENANCE,
    Shard,
    is_finished,
    read_provenance,
    shards,
)
from nbnumba.datasets.stacks import STACKS
from nbnumba.errors import NbnumbaError
from nbnumba.outputs.compression import need_filters
from nbnumba.outputs.hdf5 import new_hdf5
from nbnumba.outputs.nexus_tree import group, put

MANIFEST, MASTER, REPORT = "manifest.json", "master.h5", "report.html"
_DIFFERENCES = 20  # lines that are shown

Report = Callable[[dict[str, Any]], None]


class Plan(NamedTuple):
    """What there is to do in a folder."""

    folder: Path
    all: list[Shard]
    missing: list[Shard]


def prepare(
    recipe: Recipe, folder: str | Path, *, resume: bool = False, verify: bool = False, overwrite: bool = False
) -> Plan:
    """Make a folder ready for a data set, and tell which files are missing.

    Args:
        recipe: of the data set.
        folder: which is made where it is not there.
        resume: keep the files that are finished.
        verify: read those all through and make anew what is damaged.
        overwrite: remove a data set that is there, whatever its recipe.

    Raises:
        NbnumbaError: the folder holds a data set of another recipe (the difference is shown), or of this one and
            neither ``resume`` nor ``overwrite`` is asked for.
    """
    folder = made_folder(folder)
    if overwrite:
        _remove(folder)
    before = _read_manifest(folder)
    if before is not None:
        _check_same(recipe, before, folder)
    plan = shards(recipe)
    there = [shard for shard in plan if (folder / shard.name).exists()]
    if there and not resume:
        raise NbnumbaError(f"{folder}: holds {len(there)} files of this data set; add --resume for what is missing, "
                           "or --overwrite to begin anew")  # fmt: skip
    _write_manifest(recipe, folder, plan)
    missing = [shard for shard in plan if not is_finished(recipe, shard, folder, verify=verify)]
    return Plan(folder, plan, missing)


def made_folder(folder: str | Path) -> Path:
    """A folder, made where it is not there.

    Raises:
        NbnumbaError: a file is in its place, or it cannot be made.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NbnumbaError(f"{folder}: cannot be made a folder ({error.strerror}); name another one") from None
    return Path(folder)


def prepare_share(
    recipe: Recipe, folder: str | Path, first: int, step: int | None = None, *, verify: bool = False
) -> list[Shard]:
    """Files first, first + step ... that are not finished, for those who make a share each, at once and in any order.

    Args:
        recipe: of the data set.
        folder: which is made where it is not there.
        first: number of the first file.
        step: from one to the next; None: there is only one.
        verify: as ``prepare`` has it.

    Raises:
        NbnumbaError: no such file, or the folder holds a data set of another recipe.
    """
    folder, plan = Path(folder), shards(recipe)
    last = (len(plan) if step is None else step) - 1
    if not 0 <= first <= last:
        raise NbnumbaError(f"--shard: found {first}; allowed: 0 to {last}")
    folder = made_folder(folder)
    before = _read_manifest(folder)
    if before is None or (before["recipe_hash"] == recipe.hash and before["count"] < recipe.count):
        _write_manifest(recipe, folder, plan)
        before = _read_manifest(folder)
    if before is not None:  # somebody else's, perhaps, who came at the same time
        _check_same(recipe, before, folder)
    wanted = plan[first :: step or len(plan)]
    return [shard for shard in wanted if not is_finished(recipe, shard, folder, verify=verify)]


def _remove(folder: Path) -> None:
    """Remove the files of a data set, and nothing else."""
    named = [folder / name for name in (MASTER, MANIFEST, LOG, REPORT)]
    for path in [*folder.glob("shard-*.h5"), *folder.glob(".shard-*.h5"), *named]:
        path.unlink(missing_ok=True)


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not {"recipe_hash", "recipe", "count", "shards"} <= set(found):
            raise ValueError
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, OSError) as error:
        raise NbnumbaError(
            f"{folder / MANIFEST}: cannot be read ({error}); remove it, or name another folder"
        ) from None
    return dict(found)


def manifest_of(folder: Path) -> dict[str, Any]:
    """What the manifest of a folder says.

    Raises:
        NbnumbaError: no data set.
    """
    found = _read_manifest(folder)
    if found is None:
        raise NbnumbaError(f"{folder}: no data set, as there is no {MANIFEST}")
    return found


def _write_manifest(recipe: Recipe, folder: Path, plan: list[Shard]) -> None:
    content = {
        "format": FORMAT, "program": "nbnumba", "version": __version__, "recipe_hash": recipe.hash,
        "count": recipe.count, "shards": [shard.name for shard in plan], "recipe": recipe.to_toml(),
    }  # fmt: skip
    with new_file(folder / MANIFEST, overwrite=True) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _check_same(recipe: Recipe, before: dict[str, Any], folder: Path) -> None:
    """Refuse a folder with a data set of another recipe; a larger number of images is the same one, made longer."""
    if before["recipe_hash"] == recipe.hash:
        if before["count"] > recipe.count:
            raise NbnumbaError(f"count: found {recipe.count}, while {folder} holds a set of {before['count']} images; "
                               "name another folder, or add --overwrite")  # fmt: skip
        return
    lines = difflib.unified_diff(before["recipe"].splitlines(), recipe.to_toml().splitlines(), "there", "asked for",
                                 lineterm="", n=0)  # fmt: skip
    shown = [line for line in lines if not line.startswith("@@")]
    more = [f"... and {len(shown) - _DIFFERENCES} lines more"] if len(shown) > _DIFFERENCES else []
    text = "\n  ".join((shown[:_DIFFERENCES] + more) or ["the contents of a file that it names"])
    raise NbnumbaError(f"{folder}: holds a data set of another recipe; name another folder, or --overwrite to remove "
                       f"it. What differs:\n  {text}")  # fmt: skip


def _finished(folder: Path) -> list[tuple[Path, int, int]]:
    """Files that are there, of the recipe of the manifest, with their ranges, in order."""
    manifest = manifest_of(folder)
    found = []
    for name in manifest["shards"]:
        said = read_provenance(folder / name)
        if said is not None and said.recipe_hash == manifest["recipe_hash"]:
            found.append((folder / name, said.first, said.stop))
    return sorted(found, key=lambda one: one[1])


def unfinished(folder: str | Path) -> list[str]:
    """Names of files that are missing, by the manifest and by what those that are there say of themselves."""
    folder = Path(folder)
    there = {path.name for path, *_ in _finished(folder)}
    manifest = _read_manifest(folder)
    return [name for name in manifest["shards"] if name not in there] if manifest is not None else []


def content_hash(folder: str | Path) -> str:
    """SHA-256 of the digests of all images that are there, in order: the same however they are shared out to files."""
    found = hashlib.sha256()
    for path, *_ in _finished(Path(folder)):
        with h5py.File(path, "r") as file:
            found.update(file["entry/labels/digest"][()].tobytes())
    return found.hexdigest()


def write_master(folder: str | Path) -> str:
    """Write the file that shows all images and labels of a folder as one; it can be made anew at any time.

    Images and spots stay in their files, and are found through the master as long as it lies beside them; columns of
    labels are in the master too.

    Returns:
        What ``content_hash`` does.

    Raises:
        NbnumbaError: no data set, or no finished file.
    """
    folder = Path(folder)
    parts = _finished(folder)
    if not parts:
        raise NbnumbaError(f"{folder}: found no finished file of the data set")
    manifest, whole = manifest_of(folder), content_hash(folder)
    with new_hdf5(folder / MASTER, overwrite=True) as use:
        use(_fill_master, parts, manifest, whole)
    return whole


def _fill_master(file: h5py.File, parts: list[tuple[Path, int, int]], manifest: dict[str, Any], whole: str) -> None:
    file.attrs["default"] = "entry"
    with h5py.File(parts[0][0], "r") as first:
        _copy_header(first, file)
        by_image = [name for name in first[PROVENANCE]["by_image"].asstr()[()].split("\n") if name]
        stacks = [name for name in STACKS if name in first]
        plain = [name for name in ("labels", "geom") if name in first]
        labels = [f"entry/labels/{name}" for name in first["entry/labels"]]
        lattices = [f"entry/lattices/{name}" for name in first["entry/lattices"] if name != "offsets"]
        spots = [f"entry/spots/{name}" for name in first["entry/spots"] if name != "offsets"]
    for name in stacks:
        _show(file, name, parts)
    for name in [*labels, *lattices, *by_image, *plain]:
        _join(file, name, parts)
    for name in spots:
        _show(file, name, parts)
    for name in ("lattices", "spots"):
        _offsets(file, f"entry/{name}/offsets", parts)
    process = group(file["entry"], "nbnumba", "NXprocess")
    for name, value in {
        "program": "nbnumba", "version": __version__, "format": FORMAT, "recipe": manifest["recipe"],
        "recipe_hash": manifest["recipe_hash"], "content_hash": whole, "images": sum(b - a for _, a, b in parts),
        "files": "\n".join(path.name for path, *_ in parts),
    }.items():  # fmt: skip
        put(process, name, value)


#: Groups that are filled by joining those of all files.
_JOINED = ("data", "expected", "spot_mask", "pixel_mask", "labels", "lattices", "spots", "nbnumba")


def _copy_header(source: h5py.File, target: h5py.File) -> None:
    """Copy what all files say alike, and make the groups for what is joined."""
    entry = target.create_group("entry")
    entry.attrs.update(dict(source["entry"].attrs))
    for name, item in source["entry"].items():
        if name not in _JOINED:
            source.copy(item, entry, name)
        elif name != "nbnumba":
            entry.create_group(name).attrs.update(dict(item.attrs))


def _each(name: str, parts: list[tuple[Path, int, int]]) -> Iterator[h5py.Dataset]:
    for path, *_ in parts:
        with h5py.File(path, "r") as file:
            yield file[name]


def _join(file: h5py.File, name: str, parts: list[tuple[Path, int, int]]) -> None:
    """The dataset of all files, one after another."""
    columns, attributes = [], {}
    for dataset in _each(name, parts):
        columns.append(dataset[()])
        attributes = dict(dataset.attrs)
    if name in file:
        del file[name]
    file.create_dataset(name, data=np.concatenate(columns)).attrs.update(attributes)


def _offsets(file: h5py.File, name: str, parts: list[tuple[Path, int, int]]) -> None:
    total, found, attributes = 0, [np.zeros(1, np.int64)], {}
    for dataset in _each(name, parts):
        offsets = dataset[()]
        found.append(offsets[1:] + total)
        total += int(offsets[-1])
        attributes = dict(dataset.attrs)
    file.create_dataset(name, data=np.concatenate(found)).attrs.update(attributes)


def _show(file: h5py.File, name: str, parts: list[tuple[Path, int, int]]) -> None:
    """A dataset that shows those of all files, which stay where they are."""
    counts, shape, kind, attributes, fill = [], (), np.dtype(int), {}, None
    for dataset in _each(name, parts):
        need_filters(dataset)
        counts.append(len(dataset))
        shape, kind, attributes, fill = dataset.shape[1:], dataset.dtype, dict(dataset.attrs), dataset.fillvalue
    total, target = sum(counts), name.encode()
    whole = h5py.h5s.create_simple((total, *shape))
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_obj_track_times(False)
    plan.set_fill_value(np.array(fill, kind))
    start = 0
    for count, (path, *_) in zip(counts, parts, strict=True):
        if count:
            whole.select_hyperslab((start, *(0 for _ in shape)), (count, *shape))
            source = os.fsencode(path.name.replace("%", "%%"))
            plan.set_virtual(whole, source, target, h5py.h5s.create_simple((count, *shape)))
        start += count
    if total == 0:
        file.create_dataset(name, (0, *shape), kind).attrs.update(attributes)
        return
    whole.select_all()
    h5py.h5d.create(file.id, target, h5py.h5t.py_create(kind, logical=True), whole, plan)
    file[name].attrs.update(attributes)
