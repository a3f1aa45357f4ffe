"""``nbnumba derivatives`` and ``nbnumba refine``."""

import json
import re

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb

TRUTH = {"misset_x": 11.3, "misset_y": 24.7, "misset_z": -8.1}
NAMES = [word for name in TRUTH for word in ("--parameter", name)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that is a little off, and counts to refine it against."""
    folder = tmp_path_factory.mktemp("refine")
    truth = nb.Experiment(
        crystal=nb.Crystal(cell=(63.3, 71.7, 82.1, 84.3, 97.2, 103.9), misset=tuple(TRUTH.values()), cells=(8, 7, 6),
                           default_f=100.0, spot_scale=0.05),
        beam=nb.Beam(wavelength=1.0),
        detector=nb.Detector(pixels=(64, 64), pixel_size=0.4, distance=60.0),
        sampling=nb.Sampling(oversample=1),
    )  # fmt: skip
    counts = np.random.default_rng(1).poisson(nb.jacobian(truth, [])[0] + 2.0).astype(np.int32)
    np.save(folder / "counts.npy", counts)
    counts[:4] = -1
    np.save(folder / "gap.npy", counts)
    np.save(folder / "adu.npy", 10.0 + 2.5 * np.maximum(counts, 0))
    truth.with_parameters(misset_x=11.35, misset_y=24.66).to_toml(folder / "start.toml")
    return folder


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def refine(folder, *words, data="counts.npy"):
    return run("refine", folder / "start.toml", folder / data, "--background", "2", *words)


def test_parameters_are_listed(folder):
    done = run("derivatives", folder / "start.toml")
    assert done.exit_code == 0
    assert re.search(r"misset_x +11\.35 +degrees", done.stdout)
    assert json.loads(run("derivatives", folder / "start.toml", "--json").stdout)["distance"] == {
        "value": 60.0,
        "unit": "mm",
    }


def test_derivatives_are_written(folder, tmp_path):
    done = run("derivatives", folder / "start.toml", "--parameter", "misset_x", "--parameter", "distance",
               "-o", tmp_path / "d.h5", "--svg", tmp_path / "d.svg")  # fmt: skip
    assert done.exit_code == 0
    assert "photons/degree" in done.stdout
    experiment = nb.Experiment.from_toml(folder / "start.toml")
    image, rates = nb.jacobian(experiment, ["misset_x", "distance"])
    with h5py.File(tmp_path / "d.h5") as file:
        np.testing.assert_array_equal(file["entry/data/image"], image)
        np.testing.assert_array_equal(file["entry/derivatives/distance"], rates["distance"])
        assert file["entry/derivatives/misset_x"].attrs["units"] == "photons/degree"
        assert nb.Experiment.from_toml(file["entry/experiment"][()].decode()) == experiment
    assert (tmp_path / "d.svg").read_text().count("<image") == 3


def test_a_refinement_comes_home(folder, tmp_path):
    out, results, svg = (tmp_path / name for name in ("r.toml", "r.h5", "r.svg"))
    done = refine(folder, *NAMES, "--parameter", "spot_scale", "-o", out, "--results", results, "--svg", svg)
    assert done.exit_code == 0
    assert "Converged" in done.stdout
    assert re.search(r"^ +1  loss", done.stderr, re.MULTILINE)
    refined = nb.Experiment.from_toml(out)
    for name, value in TRUTH.items():
        assert refined.parameters()[name] == pytest.approx(value, abs=0.02)
    with h5py.File(results) as file:
        assert [name.decode() for name in file["entry/parameters/names"][()]] == [*TRUTH, "spot_scale"]
        assert file["entry/parameters/values"][0] == refined.parameters()["misset_x"]
        assert file["entry/parameters/correlation"].shape == (4, 4)
        assert file["entry/history/loss"][-1] <= file["entry/history/loss"][0]
        data, model = file["entry/data/data"][()], file["entry/data/model"][()]
        np.testing.assert_array_equal(data, np.load(folder / "counts.npy"))
        np.testing.assert_allclose(model, nb.jacobian(refined, [])[0] + 2.0)
        np.testing.assert_array_equal(file["entry/data/residual"], data - model)
        assert set(file["entry/derivatives"]) == {*TRUTH, "spot_scale"}
        assert nb.Experiment.from_toml(file["entry/start"][()].decode()) == nb.Experiment.from_toml(
            folder / "start.toml"
        )
    assert svg.read_text().count("<image") == 3 + 4


def test_summaries_for_machines(folder, tmp_path):
    done = refine(folder, *NAMES, "-o", tmp_path / "r.toml", "--json")
    found = json.loads(done.stdout)
    assert found["converged"]
    assert set(found["values"]) == set(found["esd"]) == set(TRUTH)


def test_flags_instead_of_a_file(folder, tmp_path):
    flags = ("-cell 63.3 71.7 82.1 84.3 97.2 103.9 -N 6 -default_F 100 -misset 11.3 24.7 -8.1 -lambda 1 -detpixels 64 "
             "-pixel 0.4 -distance 60 -oversample 1")  # fmt: skip
    done = run("refine", "--nanobragg", flags, folder / "counts.npy", "--parameter", "spot_scale", "--background", "2",
               "-o", tmp_path / "r.toml")  # fmt: skip
    assert done.exit_code == 0


def test_negative_counts_do_not_count(folder, tmp_path):
    done = refine(folder, *NAMES, "-o", tmp_path / "r.toml", "--json", data="gap.npy")
    assert json.loads(done.stdout)["pixels"] == 60 * 64


def test_units_of_the_detector(folder, tmp_path):
    done = refine(folder, *NAMES, "-o", tmp_path / "r.toml", "--json", "--adu-per-photon", "2.5", "--adu-offset", "10",
                  "--loss", "gaussian", "--readout-sigma", "0.5", "--robust", "20", data="adu.npy")  # fmt: skip
    assert json.loads(done.stdout)["values"]["misset_x"] == pytest.approx(11.3, abs=0.03)


def test_boxes_ties_bounds_and_restraints(folder, tmp_path):
    done = refine(folder, *NAMES, "--parameter", "cell_a", "-o", tmp_path / "r.toml", "--shoeboxes", "9", "--planes",
                  "--bound", "cell_a=63:64", "--restrain", "misset_z=-8.1:0.001",
                  "--continuation", "--tolerance", "1e-6")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "cell_a" in done.stdout
    assert done.stderr.count("  0  loss") == 3


def test_a_search_that_does_not_end_says_so(folder, tmp_path):
    done = refine(folder, *NAMES, "-o", tmp_path / "r.toml", "--iterations", "1")
    assert done.exit_code == 1
    assert "Not converged: 1 iterations were not enough" in done.stdout
    assert (tmp_path / "r.toml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--parameter", "colour"], "colour"),
        ([], "Give --parameter NAME"),
        ([*NAMES, "--bound", "misset_x=5"], "NAME=LOW:HIGH, as in"),
        ([*NAMES, "--tie", "misset_x"], "NAME=OTHER"),
        ([*NAMES, "--loss", "poisson", "--robust", "3"], "--robust: allowed with"),
        ([*NAMES, "--loss", "least-squares", "--robust", "3"], "--robust: allowed with a --readout-sigma"),
        ([*NAMES, "--system", "cubic"], "cubic"),
        ([*NAMES, "--mask", "nowhere.npy"], "nowhere.npy"),
        ([*NAMES, "--shoeboxes", "4"], "odd whole number"),
        ([*NAMES, "--threads", "9999"], "--threads: found 9999"),
    ],
)
def test_what_makes_no_sense_is_refused(folder, tmp_path, words, said):
    done = refine(folder, *words, "-o", tmp_path / "r.toml")
    assert isinstance(done.exception, nb.NbnumbaError) or done.exit_code == 2
    assert said in str(done.exception) + done.output
    assert not (tmp_path / "r.toml").exists()


def test_inputs_are_kept(folder, tmp_path):
    before = (folder / "counts.npy").read_bytes()
    done = refine(folder, *NAMES, "-o", folder / "counts.npy", "--overwrite")
    assert done.exit_code == 2
    assert (folder / "counts.npy").read_bytes() == before
    (tmp_path / "there.toml").write_text("old")
    assert refine(folder, *NAMES, "-o", tmp_path / "there.toml").exit_code != 0
    assert (tmp_path / "there.toml").read_text() == "old"
