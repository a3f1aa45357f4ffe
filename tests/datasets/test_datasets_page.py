"""The page about data sets: it names everything there is, and its recipe, commands and readers run."""

import importlib.util
import multiprocessing
import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
from test_documentation import blocks, run_page

from nbnumba.datasets import expressions, labels
from nbnumba.datasets.distributions import KINDS, MODIFIERS
from nbnumba.datasets.folder import MANIFEST, MASTER, REPORT
from nbnumba.datasets.log import LOG
from nbnumba.datasets.output import Output
from nbnumba.datasets.reading import KEYS
from nbnumba.datasets.shadow import Shadow
from nbnumba.datasets.stacks import STACKS

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
MODULES = {named[1]: body for kind, body in blocks(PAGE) if (named := re.match(r"# (\w+)\.py\n", body))}


def section(title):
    words = re.sub(r"^```.*?^```$", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    return re.split(r"^#+ ", words.split(f"# {title}\n")[1], flags=re.MULTILINE)[0]


def rows(text):
    """Names in the first column of tables, with the second."""
    found = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return {name: line[1].strip() for line in found for name in re.findall(r"`([^`]+)`", line[0])}


def test_all_keys_of_a_recipe_are_on_the_page():
    assert set(KEYS) == set(rows(section("A recipe")))
    told = section("A recipe")
    assert all(f"`{name}`" in told for name in Shadow.__dataclass_fields__)


def test_all_distributions_are_on_the_page():
    told = section("Distributions")
    assert set(KINDS) == set(re.findall(r"^\| `\{ (\w+) =", told, re.MULTILINE))
    for kind in KINDS.values():
        assert all(f"`{field.name}`" in told for field in fields(kind))
    assert set(MODIFIERS) == set(re.findall(r"^\| `(\w+) = true`", told, re.MULTILINE))


def test_all_functions_are_on_the_page():
    told = section("Expressions")
    assert all(name in told for name in (*expressions.FUNCTIONS, *expressions.CONSTANTS))


def test_all_of_output_is_on_the_page_with_its_default():
    told = {name: value for name, value in rows(section("What is kept")).items() if name != "output"}
    assert set(told) == set(Output.__dataclass_fields__)
    for name, field in Output.__dataclass_fields__.items():
        shown = str(field.default).lower() if isinstance(field.default, bool) else field.default
        if isinstance(shown, str) and not isinstance(field.default, bool):
            shown = f'`"{shown}"`'
        if told[name]:
            assert told[name] == shown or float(told[name]) == shown


def test_all_labels_are_on_the_page_with_their_units():
    of_images = labels.IMAGES | labels.OTHERS
    for title, known in (("Labels of images", of_images), ("Lattices and spots", labels.LATTICES | labels.SPOTS)):
        told = rows(section(title))
        for name, label in known.items():
            if "." not in name and name != "cell":
                assert told[name] == label.units, name


def test_all_files_and_images_are_on_the_page():
    told = section("What is in the folder")
    assert all(f"`{name}`" in told for name in (MANIFEST, MASTER, REPORT, LOG))
    assert all(f"`{name}`" in PAGE for name in STACKS)


# Reading


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with what stands on the page but PyTorch: the recipe, the set and modules; they can be imported."""
    folder = tmp_path_factory.mktemp("page")
    for name, body in MODULES.items():
        (folder / f"{name}.py").write_text(body, encoding="utf-8")
    text = "".join(f"```{kind}\n{body}```\n" for kind, body in blocks(PAGE) if "import torch" not in body)
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    run_page(text, folder)
    yield folder
    sys.path[:] = before
    for name in MODULES:
        sys.modules.pop(name, None)


def test_what_the_page_makes(made):
    assert {"recipe.toml", "set1", "reader.py"} <= {path.name for path in made.iterdir()}
    assert len(list((made / "set1").glob("shard-*.h5"))) == 3
    with h5py.File(made / "set1" / MASTER) as master:
        assert set(master["entry/labels/split"].asstr()[()]) == {"train", "test"}
        assert {0, 1, 2} >= set(master["entry/labels/lattices"][()].tolist()) > {1}


def test_readers_in_several_processes_see_the_same(made):
    from reader import Images

    images = Images(made / "set1", split="train")
    here = [images[i][0] for i in range(len(images))]  # the file is open here, and stays here
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        there = list(pool.map(_read, [images] * len(images), range(len(images))))
    assert os.getpid() not in {process for _, _, process in there}
    for (image, found, _), known in zip(there, here, strict=True):
        np.testing.assert_array_equal(image, known)
        assert set(found) == {"hit", "lattices", "resolution"}
    with h5py.File(made / "set1" / MASTER) as master:
        np.testing.assert_array_equal(here, master["entry/data/data"][()][images.rows])
        assert [len(images.spots(i)) for i in range(len(images))] == master["entry/labels/spots"][()][
            images.rows
        ].tolist()


def _read(images, i):
    return *images[i], os.getpid()


def test_the_splits_have_no_image_in_common(made):
    from reader import Images

    parts = [set(Images(made / "set1", split).rows.tolist()) for split in ("train", "test")]
    assert parts[0] | parts[1] == set(Images(made / "set1").rows.tolist()) == set(range(24))
    assert not parts[0] & parts[1]


class Loader:
    """What the page takes of PyTorch's: datasets go to other processes, and items come back."""

    def __init__(self, dataset, batch_size, shuffle, num_workers):
        self.dataset, self.size, self.workers = dataset, batch_size, num_workers
        assert shuffle

    def __iter__(self):
        numbers = np.random.default_rng(1).permutation(len(self.dataset)).tolist()
        with ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            items = list(pool.map(_item, [self.dataset.images] * len(numbers), numbers))
        made = [self.dataset[i] for i in numbers]
        assert [labels["hit"] for _, labels in items] == [hit for _, hit in made]
        for first in range(0, len(made), self.size):
            yield tuple(np.stack(part) for part in zip(*made[first : first + self.size], strict=True))


def _item(images, i):
    return images[i]


@pytest.fixture
def torch(monkeypatch):
    """PyTorch, or something that has what the page takes of it."""
    if importlib.util.find_spec("torch") is None:
        stub = ModuleType("torch")
        stub.from_numpy = lambda array: array
        stub.utils = ModuleType("torch.utils")
        stub.utils.data = ModuleType("torch.utils.data")
        stub.utils.data.Dataset, stub.utils.data.DataLoader = object, Loader
        monkeypatch.setitem(sys.modules, "torch", stub)


@pytest.mark.usefixtures("torch")
def test_the_reader_for_pytorch_gives_batches(made):
    import torch_reader

    found = list(torch_reader.batches(made / "set1"))
    pictures, hits = (np.concatenate([np.asarray(part[i]) for part in found]) for i in (0, 1))
    with h5py.File(made / "set1" / MASTER) as master:
        training = master["entry/labels/split"].asstr()[()] == "train"
        counts, known = master["entry/data/data"][()][training], master["entry/labels/hit"][()][training]
    assert pictures.shape == (len(counts), 1, 96, 96)
    assert pictures.dtype == np.float32
    np.testing.assert_allclose(sorted((pictures**2).sum(axis=(1, 2, 3))), sorted(counts.sum(axis=(1, 2))), rtol=1e-4)
    assert hits.sum() == known.sum()
