"""Counts from the command line."""

import json

import numpy as np
import pytest
from test_cli import refused, run

import nbnumba as nb

TOML = """
[crystal]
cell = [70, 80, 90, 90, 90, 90]
cells = 5
default_f = 1000.0
[beam]
wavelength = 1.0
[detector]
pixels = [12, 17]
pixel_size = 3.0
[scan]
width = 0.5
"""


@pytest.fixture
def toml(tmp_path):
    file = tmp_path / "e.toml"
    file.write_text(TOML)
    return file


def written(file, **how):
    return nb.read_nexus(file, **how)


def test_a_response_makes_counts_the_default(toml, tmp_path):
    run("simulate", toml, "-o", tmp_path / "expected.h5")
    run("simulate", toml, "-o", tmp_path / "counts.h5", "--set", "response.gain=3", "--seed", 7)
    run("simulate", toml, "-o", tmp_path / "again.h5", "--set", "response.gain=3", "--expected")
    experiment, counts = written(tmp_path / "counts.h5")
    image = written(tmp_path / "expected.h5")[1]
    np.testing.assert_array_equal(counts, nb.detect(experiment, image, seed=7))
    np.testing.assert_array_equal(written(tmp_path / "again.h5")[1], image)
    assert experiment.response == nb.Response(gain=3)


def test_counts_without_a_response_are_photons(toml, tmp_path):
    result = run("simulate", toml, "-o", tmp_path / "c.h5", "--counts", "--keep-expected", "--json")
    experiment, counts = written(tmp_path / "c.h5")
    np.testing.assert_array_equal(counts, nb.detect(experiment, written(tmp_path / "c.h5", expected=True)[1]))
    report = json.loads(result.stdout)
    assert report["counts_max"] == counts.max()
    assert report["seed"] == 1


def test_any_image_of_a_series_can_be_made_again_alone(toml, tmp_path):
    run("simulate", toml, "-o", tmp_path / "all.h5", "--images", 3, "--counts", "--keep-expected")
    run("simulate", toml, "-o", tmp_path / "one.h5", "--first", 2, "--counts", "--keep-expected")
    for kept in (False, True):
        np.testing.assert_array_equal(
            written(tmp_path / "all.h5", expected=kept)[1][2], written(tmp_path / "one.h5", expected=kept)[1]
        )
    assert written(tmp_path / "one.h5")[0].scan.start == 1.0


def test_counts_of_a_still_differ_from_image_to_image(toml, tmp_path):
    run("simulate", toml, "-o", tmp_path / "s.h5", "--images", 2, "--counts", "--set", "scan.width=0")
    first, second = written(tmp_path / "s.h5")[1]
    assert (first != second).any()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--keep-expected"], ["--keep-expected", "without counts"]),
        (["--set", "response.gain=0"], ["response.gain", "above 0"]),
        (["--set", "response.gian=2"], ["no such key 'gian'", "Did you mean 'gain'"]),
        (["--counts", "--seed", "-1"], ["--seed"]),
        (["--images", "2", "--set", "scan.width=0"], ["--images", "--counts for another noise"]),
        (["--set", "response.preset=pilatus"], ["response.preset", "did you mean"]),
    ],
)
def test_what_makes_no_sense_is_refused(words, parts, toml, tmp_path):
    refused(run("simulate", toml, "-o", tmp_path / "x.h5", *words), *parts)
    assert not (tmp_path / "x.h5").exists()
