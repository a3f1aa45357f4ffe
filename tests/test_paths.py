"""Names of files that stand in files: nothing is written or removed by them outside of the folder that was named."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import scenes
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.datasets.folder import prepare
from nbnumba.datasets.master import unfinished, write_master
from nbnumba.datasets.recipe import Recipe

STILL = scenes.still()
IMAGES = np.ones((2, *STILL.detector.shape), "int32")
OUTSIDE = [
    "../a_000001.h5",
    "../victim.h5",
    "sub/a_000001.h5",
    "a_000001.h5/../../victim.h5",
    "..\\a_000001.h5",
    "a_1.h5",
]


def contents(folder):
    """All files below a folder, and what is in them."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def around(tmp_path):
    """A folder for the work, with files around it that are nobody's business."""
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    for name in ("victim.h5", "a_000001.h5", "work/sub/a_000001.h5", "work/a_1.h5"):
        (tmp_path / name).write_bytes(b"precious")
    return work


@pytest.mark.parametrize("name", [*OUTSIDE, "ABSOLUTE"])
def test_a_series_that_is_replaced_takes_only_its_own_data_files_with_it(around, name):
    name = str(around.parent / "victim.h5") if name == "ABSOLUTE" else name
    shape = (1, *STILL.detector.shape)
    layout = h5py.VirtualLayout(shape, "i4")
    layout[:] = h5py.VirtualSource(name, "entry/data/data", shape)
    with h5py.File(around / "a.h5", "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
        file["entry/other"] = h5py.ExternalLink(name, "/entry")
    before = contents(around.parent)
    nb.write_nexus(around / "a.h5", STILL, IMAGES, overwrite=True)
    after = contents(around.parent)
    assert {path for path in before if before[path] != after.get(path)} == {around / "a.h5"}
    assert set(after) == set(before)


def test_links_to_other_files_are_not_written_through(around):
    with h5py.File(around.parent / "other.h5", "w") as file:
        file["entry/data/data"] = IMAGES
    with h5py.File(around / "in.h5", "w") as file:
        file["entry"] = h5py.ExternalLink("../other.h5", "/entry")
    before = contents(around.parent)
    for words in (["info"], ["check"], ["convert", str(around / "out.npy")]):
        CliRunner().invoke(cli, [words[0], str(around / "in.h5"), *words[1:]])
    after = contents(around.parent)
    assert {path: after[path] for path in before} == before
    assert set(after) <= {*before, around / "out.npy"}


RECIPE = """
count = 4
[base.crystal]
cell = [40, 50, 60, 90, 90, 90]
default_f = 500.0
[base.beam]
wavelength = 1.0
[base.detector]
pixels = [20, 20]
pixel_size = 0.6
distance = 60.0
[vary."crystal.shape"]
choice = ["square", "gauss"]
[output]
images_per_shard = 2
splits = { "../../train" = 0.5, "/tmp/test" = 0.5 }
"""


def test_names_in_recipes_make_no_files(around):
    recipe = Recipe.from_toml(RECIPE)
    before = set(contents(around.parent))
    prepare(recipe, around / "set")
    assert set(contents(around.parent)) - before == {around / "set" / "manifest.json"}


def listing(folder, shards):
    """A folder whose manifest lists other files, and their images."""
    prepare(Recipe.from_toml(RECIPE), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert list(manifest["shards"].values()) == [[0, 2], [2, 4]]
    (folder / "manifest.json").write_text(json.dumps({**manifest, "shards": shards}))
    return folder


@pytest.mark.parametrize("name", ["../victim.h5", "/etc/passwd", "shard-0.h5/../../victim.h5", "shard-0.h5\n", "", "3"])
def test_a_manifest_that_names_other_files_is_refused(around, name):
    folder: Path = listing(around / "set", {name: [0, 2]})
    before = contents(around.parent)
    for work in (unfinished, write_master, lambda folder: prepare(Recipe.from_toml(RECIPE), folder, resume=True)):
        with pytest.raises(nb.NbnumbaError, match=r"manifest\.json: cannot be read \(found a file"):
            work(folder)
    assert contents(around.parent) == before


@pytest.mark.parametrize("shards", [["shard-0.h5"], {"shard-0.h5": 2}, {"shard-0.h5": [0, "2"]}, None, 3])
def test_a_manifest_that_lists_no_files_is_refused(around, shards):
    with pytest.raises(nb.NbnumbaError, match=r"manifest\.json: cannot be read"):
        unfinished(listing(around / "set", shards))


def test_a_manifest_names_files_of_its_folder(around):
    assert unfinished(listing(around / "set", {"shard-7.h5": [0, 2]})) == ["shard-7.h5"]
