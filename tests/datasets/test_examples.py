"""Recipes that come as examples: complete, and with labels that a tiny model can learn from the images."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from making import make_set
from nbnumba_cli.main import cli
from scipy.ndimage import median_filter

from nbnumba.datasets.recipe import Recipe
from nbnumba.errors import NbnumbaError

ROOT = Path(__file__).parents[2]
EXAMPLES = {path.name.removesuffix("-recipe.toml"): path for path in sorted((ROOT / "examples").glob("*recipe*.toml"))}
#: The same crystals of smaller blocks, whose spots are wide enough for large pixels.
COARSE = {"base.crystal.cells": [6, 6, 6], "base.crystal.mosaic.domains": 10, "base.sampling.oversample": 2,
          "base.detector.pixels": [128, 128]}  # fmt: skip
SMALL = {
    "resolution": {"base.detector.pixel_size": 2.1, "vary.crystal.spot_scale.text": "crystal_um**3 / 1.42e-5"},
    "lattices": {"base.detector.pixel_size": 0.6, "base.crystal.spot_scale": 7.4e8},
    "hits": {"base.detector.pixel_size": 1.2, "vary.crystal.spot_scale.text": "met * crystal_um**3 / 1.42e-5",
             "base.beam.dispersion": 0, "base.beam.dispersion_steps": 1},
}  # fmt: skip
TRAINED, HELD_OUT = 240, 120


def small(name, count):
    return Recipe.from_toml(EXAMPLES[name], {**COARSE, **SMALL[name], "count": count})


def test_all_three_are_there():
    assert set(EXAMPLES) == {"resolution", "lattices", "hits"}


@pytest.mark.parametrize("name", SMALL)
def test_an_example_is_complete(name):
    """As it stands it names nothing that does not exist, and its first image can be drawn."""
    recipe = Recipe.from_toml(EXAMPLES[name], {"count": 10})
    assert recipe.count == 10
    assert recipe.base.response is not None
    assert recipe.base.detector.mask is not None
    assert recipe.base.background
    assert recipe.output.splits


def test_an_example_works_wherever_it_lies(tmp_path, monkeypatch):
    shutil.copy(EXAMPLES["hits"], tmp_path / "mine.toml")
    monkeypatch.chdir(tmp_path)
    settings = [f"--set={name}={value}" for name, value in {**COARSE, **SMALL["hits"], "count": 2}.items()]
    for words in (["--preview", "16"], ["-o", "made", "--set", 'structures.files=["nbnumba:1orc"]']):
        result = CliRunner().invoke(cli, ["dataset", "mine.toml", *words, *settings])
        assert result.exit_code == 0, result.output
    assert (tmp_path / "mine-preview.png").read_bytes().startswith(b"\x89PNG")
    assert {"master.h5", "report.html", "log.jsonl"} <= {path.name for path in (tmp_path / "made").iterdir()}


@pytest.mark.parametrize("found", ["nbnumba:9xyz", "nbnumba:", "nbnumba:../examples/1orc"])
def test_a_structure_that_does_not_come_with_the_package_is_refused(found):
    with pytest.raises(NbnumbaError, match=r"structures\.files: found 'nbnumba:.*come: nbnumba:1orc"):
        Recipe.from_toml(EXAMPLES["hits"], {"structures.files": [found]})


def test_a_structure_of_the_package_is_the_file(tmp_path):
    shutil.copy(ROOT / "nbnumba" / "examples" / "1orc.pdb.gz", tmp_path)
    one, other = (
        Recipe.from_toml(EXAMPLES["hits"], {"structures.files": [name]}, folder=tmp_path).structures
        for name in ("nbnumba:1orc", "1orc.pdb.gz")
    )
    assert one.digests == other.digests
    assert one.read(0).digest == other.read(0).digest


# Learning


@pytest.fixture
def learned(request, tmp_path):
    """Images, features and labels of a data set of an example."""
    recipe = small(request.param, TRAINED + HELD_OUT)
    make_set(recipe, tmp_path)
    with h5py.File(tmp_path / "master.h5") as master:
        entry = master["entry"]
        labels = {name: column[()] for name, column in entry["labels"].items()}
        masks = entry["spot_mask/data"][()] if "spot_mask" in entry else None
        images = entry["data/data"][()]
    return np.array([features(image) for image in images]), labels, images, masks


def ring_numbers(shape, count=12):
    """Number of the ring about the middle that each pixel lies in."""
    slow, fast = (np.indices(shape).T - (np.array(shape) - 1) / 2).T
    return np.minimum((np.hypot(slow, fast) / (shape[0] / 2) * count).astype(int), count)


def features(image):
    """Of each ring: its level, how many pixels stand out, and how far."""
    rings = ring_numbers(image.shape)
    number = rings.max() + 1
    levels = np.array([np.median(image[rings == i]) for i in range(number)])
    height = (image - levels[rings]) / np.sqrt(np.maximum(levels[rings], 1.0))
    return np.log1p(np.concatenate([
        levels,
        np.bincount(rings.ravel(), height.ravel() > 5.0, number),
        np.bincount(rings.ravel(), np.maximum(height.ravel() - 3.0, 0.0), number),
    ]))  # fmt: skip


def predicted(inputs, wanted, damping=10.0):
    """What ridge regression on the first images says of the others, and what is so."""
    mean, width = inputs[:TRAINED].mean(axis=0), inputs[:TRAINED].std(axis=0) + 1e-9
    matrix, offset = (inputs - mean) / width, wanted[:TRAINED].mean()
    seen = matrix[:TRAINED]
    weights = np.linalg.solve(seen.T @ seen + damping * np.eye(seen.shape[1]), seen.T @ (wanted[:TRAINED] - offset))
    return matrix[TRAINED:] @ weights + offset, wanted[TRAINED:]


def correlation(inputs, wanted):
    return np.corrcoef(*predicted(inputs, wanted))[0, 1]


def inverse(spacing):
    """1/d [1/A]; 0 where nothing stands out."""
    return np.nan_to_num(1.0 / spacing)


def area(scores, wanted):
    """Share of pairs of one that is so and one that is not in which the first has the higher score."""
    order = np.argsort(np.argsort(scores))
    positive = wanted.sum()
    return (order[wanted].sum() - positive * (positive - 1) / 2) / (positive * (~wanted).sum())


@pytest.mark.slow
@pytest.mark.parametrize("learned", ["resolution"], indirect=True)
def test_resolution_can_be_learned(learned):
    """Measured: 0.84 of the resolution, 0.89 of the distance, 0.95 of the crystal's edge; 0.09 is one sigma of none."""
    inputs, labels, *_ = learned
    assert correlation(inputs, inverse(labels["resolution"])) > 0.75
    assert correlation(inputs, labels["detector.distance"]) > 0.75
    assert correlation(inputs, labels["crystal_um"]) > 0.75
    shuffled = np.random.default_rng(1).permutation(labels["resolution"])
    assert abs(correlation(inputs, inverse(shuffled))) < 0.35


@pytest.mark.slow
@pytest.mark.parametrize("learned", ["lattices"], indirect=True)
def test_the_number_of_lattices_can_be_learned(learned):
    """Measured: correlation 0.70; several lattices rank above one alone in 0.92 of all pairs of images."""
    inputs, labels, *_ = learned
    found, wanted = predicted(inputs, labels["lattices"].astype(float))
    assert np.corrcoef(found, wanted)[0, 1] > 0.6
    assert area(found, wanted > 1.0) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("learned", ["hits"], indirect=True)
def test_hits_and_their_pixels_can_be_learned(learned):
    """Measured: 0.94 of the images right, of which 0.58 are hits; spots above others in 0.89 of pairs of pixels."""
    inputs, labels, images, masks = learned
    found, wanted = predicted(inputs, labels["hit"].astype(float))
    assert 0.4 < wanted.mean() < 0.6
    assert np.mean((found > 0.5) == (wanted > 0.5)) > 0.85
    assert not masks[labels["hit"] == 0].any()
    around = median_filter(images, size=(1, 7, 7))
    height = (images - around) / np.sqrt(np.maximum(around, 1.0))
    assert area(height.ravel(), masks.ravel() == 1) > 0.75
