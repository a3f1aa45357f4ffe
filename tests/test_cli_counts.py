"""Counts from the command line."""

import json

import numpy as np
import pytest
import scenes
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


def test_counts_of_an_image_without_a_pixel_are_those_of_masked_ones(toml, tmp_path):
    np.save(tmp_path / "none.npy", np.zeros((12, 17), dtype=bool))
    mask = ("--set", f"detector.mask={tmp_path / 'none.npy'}", "--set", "response.masked=-7")
    report = json.loads(run("simulate", toml, "-o", tmp_path / "a.h5", *mask, "--json").stdout)
    assert (report["counts_min"], report["counts_max"]) == (-7, -7)


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


def test_expected_photons_beside_counts_of_panels_with_background(tmp_path):
    e = nb.Experiment.from_toml(TOML).with_panels(slow=3, fast=1)
    e = e.replace(background=[nb.Background(material="water", thickness=0.1)], response=nb.Response(gain=2.0))
    file = tmp_path / "p.toml"
    e.to_toml(file)
    result = run("simulate", file, "-o", tmp_path / "p.h5", "--keep-expected", "--png", tmp_path / "p.png")
    assert result.returncode == 0, result.stderr
    assert written(tmp_path / "p.h5")[0] == e
    np.testing.assert_array_equal(written(tmp_path / "p.h5")[1], nb.detect(e, nb.simulate(e)))
    expected = written(tmp_path / "p.h5", expected=True)[1]
    np.testing.assert_allclose(expected, nb.simulate(e) + nb.background(e), rtol=1e-6)


def test_refine_takes_response_and_background_from_the_experiment(tmp_path):
    e = scenes.still(**{"detector.pixels": (24, 30), "crystal.spot_scale": 2.0, "beam.fluence": 1e30})
    haze = nb.Background(material="water", thickness=0.01, area=1e-15)  # mm^2: some photons a pixel
    e = e.replace(background=[haze], response=nb.Response(gain=3.0, offset=20.0))
    assert 1.0 < nb.background(e).mean() < 1000.0
    e.replace(**{"crystal.spot_scale": 1.0}).to_toml(tmp_path / "start.toml")
    nb.write_nexus(tmp_path / "data.h5", e, nb.detect(e, nb.simulate(e)))
    words = ["--parameter", "spot_scale", "-o", tmp_path / "found.toml"]
    result = run("refine", tmp_path / "start.toml", tmp_path / "data.h5", *words)
    assert result.returncode == 0, result.stderr
    found = nb.Experiment.from_toml(tmp_path / "found.toml").crystal.spot_scale
    assert found == pytest.approx(2.0, abs=0.1)


def test_loss_without_the_background_of_the_experiment_is_refused():
    e = scenes.still(background=[nb.Background(material="water", thickness=0.1)])
    with pytest.raises(nb.NbnumbaError, match=r"background: found water .* background=nb\.background"):
        nb.refine(e, nb.Poisson(np.ones(e.detector.shape)), ["spot_scale"])


def test_other_commands_choose_the_sampling_first(tmp_path):
    scenes.still(**{"sampling.tolerance": 0.3}).to_toml(tmp_path / "t.toml")
    result = run("trace", tmp_path / "t.toml", "--pixel", 3, 4)
    assert result.returncode == 0, result.stderr
    assert "Note: for sampling.tolerance 0.3: sampling.oversample" in result.stderr


def test_files_that_the_experiment_names_are_kept(tmp_path):
    (tmp_path / "s.txt").write_text("# A\n0.99 1\n1.01 2\n")
    file = tmp_path / "e.toml"
    file.write_text(TOML.replace("wavelength = 1.0", 'spectrum = "s.txt"'))
    refused(run("simulate", file, "-o", tmp_path / "s.txt", "--overwrite"), "s.txt: is an input")
    assert (tmp_path / "s.txt").read_text().startswith("# A")
