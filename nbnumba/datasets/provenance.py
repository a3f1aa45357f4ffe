"""What a file of a data set says of itself, and whether it is so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py

from nbnumba.datasets.columns import Columns
from nbnumba.datasets.labels import SPOTS
from nbnumba.datasets.log import MADE, read_log
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shard import PROVENANCE, Shard, digest_of
from nbnumba.datasets.stacks import STACKS
from nbnumba.datasets.structures import file_digest
from nbnumba.inputs.hdf5 import value, words
from nbnumba.outputs.data_files import need_data

Logged = dict[tuple[str, str], set[str]]


class Found(NamedTuple):
    """What a file says of itself."""

    version: str
    recipe_hash: str
    recipe: str
    content_hash: str
    first: int
    stop: int


def read_provenance(path: Path) -> Found | None:
    """What a file says of itself; None where it is not there or no file of a data set."""
    try:
        with h5py.File(path, "r") as file:
            process = file[PROVENANCE]
            told = {name: words(process, name) for name in ("version", "recipe_hash", "recipe", "content_hash")}
            text = {name: one for name, one in told.items() if one is not None}
            return Found(**text, first=int(value(process["first"])), stop=int(value(process["stop"])))
    except Exception:  # a damaged file makes h5py raise almost anything
        return None


def is_finished(recipe: Recipe, shard: Shard, folder: str | Path, logged: Logged | None = None) -> bool:
    """Whether a file is there, is what the recipe makes, and is undamaged, for which all of it is read.

    Its bytes are compared with their SHA-256 in the log; where the log does not know it, images and labels with their
    digests.

    Args:
        recipe: of the data set.
        shard: the file.
        folder: where it would be.
        logged: what ``logged_in(folder)`` returns, for those who ask of many files.
    """
    path = Path(folder) / shard.name
    found = read_provenance(path)
    if found is None or (found.recipe_hash, found.first, found.stop) != (recipe.hash, shard.first, shard.stop):
        return False
    told = (logged_in(path.parent) if logged is None else logged).get((shard.name, found.content_hash))
    return file_digest(path) in told if told else recomputed_hash(recipe, path) == found.content_hash


def logged_in(folder: Path) -> Logged:
    """SHA-256 of the bytes of files, by their name and the hash of their contents, as the log of a folder has them."""
    found: Logged = {}
    for line in read_log(folder):
        if line.get("event") == MADE:
            key = str(line.get("name")), str(line.get("content_hash"))
            found.setdefault(key, set()).add(str(line.get("sha256")))
    return found


def recomputed_hash(recipe: Recipe, path: Path) -> str | None:
    """Hash of the contents of a file, from all that it holds; None where it cannot be read."""
    try:
        with h5py.File(path, "r") as file:
            return hashlib.sha256(b"".join(_digests_in(recipe, file))).hexdigest()
    except Exception:  # a damaged file makes h5py raise almost anything
        return None


def _digests_in(recipe: Recipe, file: h5py.File) -> Iterator[bytes]:
    entry = file["entry"]
    stacks = [file[path] for path in STACKS if path in file]
    for stack in stacks:
        need_data(stack)
    rows, lattices = Columns.of_rows(recipe), Columns.of_lattices(recipe)
    spots = Columns.of_labels(SPOTS)
    tables = [(rows, entry["labels"], None)]
    tables += [
        (lattices, entry["lattices"], value(entry["lattices/offsets"])),
        (spots, entry["spots"], value(entry["spots/offsets"])),
    ]
    read = [
        (columns.read(where, len(stacks[0]) if offsets is None else int(offsets[-1])), offsets)
        for columns, where, offsets in tables
    ]
    for i in range(len(stacks[0])):
        labels: list[bytes] = []
        for values, offsets in read:
            part = slice(i, i + 1) if offsets is None else slice(offsets[i], offsets[i + 1])
            labels += [column[part].tobytes() for column in values]
        yield digest_of([stack[i] for stack in stacks], labels)
