"""Descriptions are values: frozen, compared, hashed, copied."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
import scenes
from hypothesis import given

import nbnumba as nb

CRYSTAL = {"cell": (30, 40, 50, 90, 90, 90)}
BEAM = {"wavelength": 1.0}
DETECTOR = {"pixels": (10, 12), "pixel_size": 0.1}


@pytest.mark.parametrize(
    "part", [nb.Crystal(**CRYSTAL), nb.Beam(**BEAM), nb.Detector(**DETECTOR), nb.Scan(), nb.Sampling(), nb.Mosaic()]
)
def test_parts_are_frozen(part):
    for field in dataclasses.fields(part):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, field.name, getattr(part, field.name))


def test_an_experiment_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenes.still().crystal = nb.Crystal(**CRYSTAL)


def test_a_mask_is_frozen_and_a_copy():
    pixels = np.ones((3, 4), dtype=bool)
    mask = nb.Mask(pixels)
    pixels[0, 0] = False
    assert mask.pixels.all()
    with pytest.raises(ValueError, match="read-only"):
        mask.pixels[0, 0] = False


@given(scenes.experiments(structure="nearest"))
def test_equal_experiments_have_equal_hash_and_text(experiment):
    twin = copy.deepcopy(experiment)
    assert twin == experiment
    assert hash(twin) == hash(experiment)
    assert repr(twin) == repr(experiment)


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
def test_an_experiment_can_be_sent_to_another_process(convention):
    experiment = scenes.still(**{"detector.convention": convention, "detector.mask": nb.Mask(np.eye(12, 17))})
    assert pickle.loads(pickle.dumps(experiment)) == experiment


def test_whole_numbers_equal_floats():
    first, second = scenes.still(**{"detector.distance": 83}), scenes.still(**{"detector.distance": 83.0})
    assert first == second
    assert hash(first) == hash(second)
    assert first.to_toml() == second.to_toml()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crystal.misset", (0, 0, 1)),
        ("beam.wavelength", 1.04),
        ("detector.mask", nb.Mask(np.eye(12, 17))),
        ("scan.start", 0),
    ],
)
def test_different_experiments_are_not_equal(name, value):
    assert scenes.still(**{name: value}) != scenes.still()
