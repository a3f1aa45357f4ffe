"""Damaged data sets: a file of images, the log and the manifest, as resume, master and report find them."""

import contextlib
import functools
import html.parser
import json
import shutil
import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np

import nbnumba as nb
from nbnumba.datasets import report
from nbnumba.datasets.engines.run import make_dataset
from nbnumba.datasets.folder import LOG, MANIFEST, manifest_of, prepare
from nbnumba.datasets.log import read_log
from nbnumba.datasets.master import content_hash, unfinished, write_master
from nbnumba.datasets.provenance import is_finished
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.report import REPORT, write_page
from nbnumba.datasets.shard import shards
from nbnumba.images import count_images
from nbnumba.inputs.text import naming

TEXT = """count = 3
orientation = "uniform"
[base.crystal]
cell = [40, 50, 60, 90, 90, 90]
cells = [3, 3, 3]
default_f = 500.0
[base.beam]
wavelength = 1.0
flux = 1e11
size = 0.01
[base.detector]
pixels = [8, 10]
pixel_size = 2.0
distance = 40.0
[base.sampling]
oversample = 1
[vary]
"beam.flux" = { loguniform = [1e10, 1e11] }
"crystal.default_f" = { choice = [1.0, 2.0] }
[lattices]
count = { integer = [1, 2] }
[output]
images_per_shard = 2
"""
#: Of so many inputs one has its page written.
WHOLE = 8
#: A file that could not be made, with a text that is no HTML.
FAILED = {"event": "failed", "time": "2026", "name": "shard-00001.h5", "error": "<script>"}


@functools.cache
def recipe() -> Recipe:
    """Of the smallest data set."""
    return Recipe.from_toml(TEXT)


@functools.cache
def files() -> dict[str, bytes]:
    """A data set of two files."""
    with tempfile.TemporaryDirectory() as folder:
        make_dataset(recipe(), folder)
        return {one.name: one.read_bytes() for one in Path(folder).iterdir()}


def log() -> list[bytes]:
    """Of two files, and of a failure."""
    return [files()[LOG], json.dumps(FAILED).encode() + b"\n" + files()[LOG]]


def shard() -> list[bytes]:
    """The files."""
    return [files()[one.name] for one in shards(recipe())][::-1]


def manifest() -> list[bytes]:
    """The manifest."""
    return [files()[MANIFEST]]


def one_of(count: int, path: Path) -> bool:
    """Whether this input is one of the few that all is tried of."""
    return zlib.crc32(path.read_bytes()) % count == 0


@contextlib.contextmanager
def folder_with(beside: Path, **changed: bytes):
    """The data set, with a file of other contents."""
    folder = beside.parent / "set"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in {**files(), **changed}.items():
        (folder / name).write_bytes(content)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def read_damaged_log(path: Path) -> None:
    """It can have a file made again, and nothing more."""
    with naming(path), folder_with(path, **{LOG: path.read_bytes()}) as folder:
        missing = {one.name for one in prepare(recipe(), folder, resume=True).missing}
        lines, found = read_log(folder), manifest_of(folder)
        told = [str(one.get("name")) for one in lines if one.get("event") == "made"]
        assert missing <= set(told), "a file that the log does not name is made again"
        check_page(report._failures(found, told, lines) + report._times(found, lines))
        if one_of(WHOLE, path):
            write_page(folder)
            check_page((folder / REPORT).read_text(encoding="utf-8"))


def check_page(text: str) -> None:
    """A page without elements that texts brought."""
    found = set()
    parser = html.parser.HTMLParser()
    parser.handle_starttag = lambda tag, about: found.add(tag)
    parser.feed(text)
    assert "script" not in found


def read_damaged_manifest(path: Path) -> None:
    """What is there is kept, or refused."""
    with naming(path), folder_with(path, **{MANIFEST: path.read_bytes()}) as folder:
        refused = None
        for call in (unfinished, content_hash, write_master, lambda folder: write_page(folder)):
            try:
                call(folder)
            except nb.NbnumbaError as error:
                refused = refused or error
        missing = prepare(recipe(), folder, resume=True).missing
        assert not missing, "a whole file is made again"
        assert {one.name for one in folder.iterdir()} <= {*files(), REPORT}, "other files"
        if refused:
            raise refused


def read_damaged_shard(path: Path) -> None:
    """Made again unless it has what it had; master and report show what it has, or name it."""
    first = shards(recipe())[0].name
    wanted, given = files()[first], path.read_bytes()
    with naming(path), folder_with(path, **{first: given}) as folder:
        one, refused = shards(recipe())[0], None
        assert is_finished(recipe(), one, folder) == (given == wanted), "the log tells its bytes"
        whole = is_finished(recipe(), one, folder, {})
        if whole:
            assert contents(folder / first) == contents_of_the_good_one(), "other contents"
        (folder / LOG).unlink()
        for call in (write_master, read_master, *([write_page] if one_of(WHOLE, path) else [])):
            try:
                call(folder)
            except nb.NbnumbaError as error:
                refused = refused or error
        if refused:
            assert not whole or given != wanted
            raise refused


def read_master(folder: Path) -> None:
    """All images through the master."""
    for number in range(count_images(folder / "master.h5")):
        nb.read_image(folder / "master.h5", number=number)


def contents(path: Path) -> dict[str, tuple]:
    """Images and labels, as they are."""
    found = {}
    with h5py.File(path, "r") as file:
        for part in ("data", "labels", "lattices", "spots"):
            for name, item in file["entry"][part].items():
                if name != "digest":
                    found[f"{part}/{name}"] = np.asarray(item[()]).tobytes()
    return found


@functools.cache
def contents_of_the_good_one() -> dict[str, tuple]:
    """Of the first file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        path.write_bytes(files()[shards(recipe())[0].name])
        return contents(path)
