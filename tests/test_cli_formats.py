"""simulate and convert with files of one image each."""

import json
import re

import fabio
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.formats import file_names
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.outputs.stored import experiment_of
from nbnumba.viewer.content import read_content

EXPERIMENT = nb.Experiment(
    crystal=nb.Crystal(cell=(34.8, 39.2, 48.3, 90, 95, 90), misset=(10, 20, 30), cells=(5, 5, 5), default_f=100.0),
    beam=nb.Beam(wavelength=0.98, fluence=1e28),
    detector=nb.Detector(pixels=(20, 30), pixel_size=0.2, distance=90.0),
    scan=nb.Scan(start=3.0, width=0.5),
    sampling=nb.Sampling(oversample=1),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with an experiment in it."""
    EXPERIMENT.to_toml(tmp_path / "e.toml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def simulate(*words):
    result = run("simulate", "e.toml", "-o", "a.h5", "--threads", 1, *words)
    assert result.exit_code == 0, result.exception
    return result.output


def start(name):
    (line,) = [x for x in fabio.open(name).header["_array_data.header_contents"].splitlines() if "Start_angle" in x]
    return float(line.split()[2])


def test_series_in_all_formats(folder):
    told = simulate("--images", 3, "--counts", "--cbf", "s.cbf", "--smv", "s_##.img", "--tiff", "t.tif")
    assert "Wrote s_0001.cbf to s_0003.cbf\nWrote s_01.img to s_03.img\nWrote t_0001.tif to t_0003.tif" in told
    _, images = nb.read_nexus("a.h5")
    assert images.max() > 0
    for i, image in enumerate(images, start=1):
        for name in (f"s_{i:04d}.cbf", f"s_{i:02d}.img", f"t_{i:04d}.tif"):
            np.testing.assert_array_equal(nb.read_image(name), image)
        assert start(f"s_{i:04d}.cbf") == 3.0 + 0.5 * (i - 1)


def test_one_image_keeps_its_name_and_any_can_be_made_again(folder):
    simulate("--images", 2, "--cbf", "s_####.cbf")
    simulate("--cbf", "s.cbf", "--overwrite", "--tiff", "float.tif")
    assert (folder / "s.cbf").read_bytes() == (folder / "s_0001.cbf").read_bytes()
    np.testing.assert_array_equal(nb.read_image("float.tif"), nb.read_image("a.h5"))
    before = (folder / "s_0002.cbf").read_bytes()
    simulate("--first", 1, "--cbf", "s_####.cbf", "--overwrite")
    assert (folder / "s_0002.cbf").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-o", "a", "--cbf", "a"), "another output"),
        (("--cbf", "x", "--smv", "x"), "another output"),
        (("--cbf", "none/x.cbf"), "does not exist"),
        (("-o", "/dev/null", "--overwrite"), "/dev/null: is a device, which cannot hold HDF5"),
        (("--images", 2, "--cbf", "old.cbf"), "old_0002.cbf: exists already"),
        (("--cbf", "#_#.cbf"), "one row of #"),
        (("--smv", "x.img", "--set", "detector.rotation=1,0,0"), "not square to the beam"),
    ],
)
def test_what_cannot_be_written_is_refused_before_rendering(folder, words, why, monkeypatch):
    (folder / "old_0002.cbf").write_text("old")
    monkeypatch.setattr(nb, "Renderer", None)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    result = run("simulate", "e.toml", "-o", "a.h5", *words)
    assert isinstance(result.exception, nb.NbnumbaError)
    assert why in str(result.exception)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize(
    "words",
    [
        ("simulate", "e.toml", "-o", "x.cbf"),
        ("simulate", "e.toml", "-o", "x.h5", "--png", "x.JPG"),
        ("simulate", "e.toml", "-o", "x.h5", "--cbf", "x_####.img"),
        ("info", "e.toml", "--png", "x.svg"),
        ("compare", "a.npy", "b.npy", "--png", "x.pdf"),
        ("view", "a.npy", "-o", "x.jpg"),
        ("trace", "e.toml", "--pixel", 1, 1, "--csv", "x.html"),
        ("refine", "e.toml", "a.npy", "--parameter", "misset_x", "-o", "x.h5"),
        ("derivatives", "e.toml", "--parameter", "misset_x", "-o", "x.npy"),
    ],
)
def test_an_ending_of_another_format_is_refused(folder, words):
    result = run(*words, "--overwrite")
    assert result.exit_code == 2
    assert "with the ending of another format" in result.stderr
    assert [file.name for file in folder.iterdir()] == ["e.toml"]


@pytest.mark.parametrize(
    "words",
    [
        ("convert", "a.npy", "b.npy"),
        ("compare", "a.npy", "a.npy"),
        ("view", "a.npy", "-o", "b.png"),
        ("refine", "e.toml", "a.npy", "--parameter", "misset_x", "-o", "b.toml"),
    ],
)
def test_a_shape_is_for_raw_files(folder, words):
    np.save("a.npy", np.ones((20, 30)))
    result = run(*words, "--shape", 5, 6)
    assert isinstance(result.exception, nb.NbnumbaError)
    assert str(result.exception).startswith("--shape: found for a.npy")


def test_an_image_that_neither_file_has_is_not_compared(folder):
    np.save("a.npy", np.ones((20, 30)))
    assert "asked for image 1; allowed: 0 to 0" in str(run("compare", "a.npy", "a.npy", "--image", 1).exception)
    np.save("b.npy", np.ones((2, 20, 30)))
    assert run("compare", "a.npy", "b.npy", "--image", 1).exit_code == 0


def test_series_is_converted_with_its_geometry(folder):
    simulate("--images", 3, "--counts", "--cbf", "s.cbf", "--smv", "s.img")
    assert run("convert", "a.h5", "c_####.cbf").output == "Wrote c_0001.cbf to c_0003.cbf\n"
    for i in (1, 2, 3):
        assert (folder / f"c_{i:04d}.cbf").read_bytes() == (folder / f"s_{i:04d}.cbf").read_bytes()
    assert run("convert", "a.h5", "c.img", "--image", 2).output == "Wrote c.img\n"
    assert (folder / "c.img").read_bytes() == (folder / "s_0003.img").read_bytes()
    assert isinstance(run("convert", "a.h5", "c_####.cbf").exception, nb.NbnumbaError)
    assert run("convert", "a.h5", "c_####.cbf", "--overwrite").exit_code == 0


@pytest.mark.parametrize("suffix", ["cbf", "img", "smv", "tif", "tiff"])
def test_pixels_of_any_image_are_converted(folder, suffix):
    image = np.arange(12).reshape(3, 4)
    np.save("a.npy", image)
    assert run("convert", "a.npy", f"b.{suffix}").exit_code == 0
    np.testing.assert_array_equal(nb.read_image(f"b.{suffix}"), image)


@pytest.mark.parametrize(
    ("name", "images", "first", "expected"),
    [
        ("a.cbf", 1, 7, ["a.cbf"]),
        ("a.cbf", 2, 0, ["a_0001.cbf", "a_0002.cbf"]),
        ("a.cbf", 2, 9998, ["a_09999.cbf", "a_10000.cbf"]),
        ("a_##.cbf", 1, 7, ["a_08.cbf"]),
        ("#b.img", 2, 8, ["9b.img", "10b.img"]),
        ("d/a.b.cbf", 2, 0, ["d/a.b_0001.cbf", "d/a.b_0002.cbf"]),
    ],
)
def test_names(name, images, first, expected, tmp_path):
    assert file_names("--cbf", tmp_path / name, images, first) == [tmp_path / x for x in expected]


@pytest.mark.parametrize("error", [KeyboardInterrupt, nb.NbnumbaError])
def test_an_interrupted_series_leaves_no_image_behind(folder, error, monkeypatch):
    (folder / "s_0001.cbf").write_text("old")
    before = {file: file.read_bytes() for file in folder.iterdir()}
    detect, given = nb.detect, []

    def once(*arguments, **options):
        if given:
            raise error
        given.append(arguments)
        return detect(*arguments, **options)

    monkeypatch.setattr(nb, "detect", once)
    words = ["--images", 3, "--counts", "--cbf", "s.cbf", "--smv", "s.img", "--tiff", "s.tif", "--overwrite"]
    result = run("simulate", "e.toml", "-o", "a.h5", "--threads", 1, *words)
    assert result.exit_code == 1
    assert given
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def own_beams(name, turning=False):
    """Images of beams that differ in wavelength and polarization, the last one with a spectrum like the others."""
    lines = [nb.Spectrum((x, x + 0.02), (3.0, 1.0)) for x in (0.9, 1.0, 1.1)]
    beams = [nb.Beam(spectrum=spectrum, polarization=p) for spectrum, p in zip(lines, (0.5, 0.6, 0.7), strict=True)]
    experiment = EXPERIMENT if turning else EXPERIMENT.replace(scan=None)
    experiment = experiment.replace(beam=beams[0])
    nb.write_nexus(name, experiment, np.ones((3, 20, 30), "int32"), beams=beams)
    return [experiment.replace(beam=beam) for beam in beams]


class TestBeamsOfTheirOwn:
    def test_experiments(self, folder):
        made = own_beams("a.h5")
        for number, experiment in enumerate(made):
            found = experiment_of("a.h5", number)
            assert found.spectrum == experiment.spectrum
            assert found.beam.kahn == pytest.approx(experiment.beam.kahn)
            assert found.replace(beam=experiment.beam) == experiment
        nb.write_nexus("b.h5", EXPERIMENT, np.ones((2, 20, 30), "int32"))
        assert experiment_of("b.h5", 1) == EXPERIMENT
        assert experiment_of("e.toml") is None

    @pytest.mark.parametrize("kind", ["cbf", "img"])
    def test_images(self, folder, kind):
        made = own_beams("a.h5", turning=True)
        assert run("convert", "a.h5", f"c_#.{kind}").exit_code == 0
        for number, experiment in enumerate(made, start=1):
            found = nb.read_geometry(f"c_{number}.{kind}").beam
            assert found.wavelength == pytest.approx(experiment.mean_wavelength, rel=1e-9)
            assert kind == "img" or found.kahn == pytest.approx(experiment.beam.kahn)

    def test_view(self, folder):
        made = own_beams("a.h5")
        assert read_content("a.h5", number=2).experiment.mean_wavelength == pytest.approx(made[2].mean_wavelength)

    def test_info(self, folder):
        made = own_beams("a.h5")
        told = json.loads(run("info", "a.h5", "--json").output)
        assert told["wavelengths_A"] == pytest.approx([made[0].mean_wavelength, made[2].mean_wavelength])
        assert "0.905 to 1.105 A, each image has its own" in run("info", "a.h5").output

    def test_crystfel(self, folder):
        own_beams("a.h5")
        assert run("convert", "a.h5", "a.geom").exit_code == 0
        text = (folder / "a.geom").read_text()
        assert "photon_energy" not in text
        with h5py.File("a.h5") as file:
            assert file[re.search("^wavelength = (.*) A$", text, re.MULTILINE)[1]].shape == (3,)

    def test_table(self, folder):
        made = own_beams("a.h5")
        assert run("convert", "a.h5", "a.csv").exit_code == 0
        rows = np.genfromtxt("a.csv", delimiter=",", names=True)
        for number, experiment in enumerate(made):
            expected = nb.predict_reflections(experiment)
            np.testing.assert_allclose(rows["slow"][rows["image"] == number], expected["slow"], rtol=1e-8)


class TestOtherPrograms:
    def test_an_experiment_is_read_without_its_images(self, folder):
        nb.write_nexus("a.h5", EXPERIMENT, np.ones((2, 20, 30), "int32"), images_per_file=2)
        (folder / "a_000001.h5").unlink()
        assert run("convert", "a.h5", "b.toml").exit_code == 0
        assert nb.Experiment.from_toml("b.toml") == EXPERIMENT

    @pytest.mark.parametrize("kind", ["expt", "geom", "csv", "toml"])
    @pytest.mark.parametrize("words", [["--image", 0], ["--shape", 20, 30]])
    def test_what_tells_of_no_image_refuses_to_choose_one(self, folder, kind, words):
        result = run("convert", "e.toml", f"a.{kind}", *words)
        assert isinstance(result.exception, nb.NbnumbaError)
        assert words[0] in str(result.exception)

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (["e.toml", "a.geom", "--images", 2], "--images"),
            (["a.h5", "a_#.cbf", "--images", 2], "--images"),
            (["a.h5", "a_#.cbf", "--image", 0], "--image"),
            (["a.h5", "a.expt", "--set", "scan.width=1"], "--set"),
            (["e.toml", "a.cbf"], "ending '.cbf'"),
        ],
    )
    def test_options_that_would_be_overlooked_are_refused(self, folder, words, why):
        nb.write_nexus("a.h5", EXPERIMENT, np.ones((2, 20, 30), "int32"))
        result = run("convert", *words)
        assert isinstance(result.exception, nb.NbnumbaError)
        assert why in str(result.exception)

    def test_a_table_and_a_list_of_several_images(self, folder):
        assert run("convert", "e.toml", "a.csv", "--images", 4, "--set", "scan.width=40").exit_code == 0
        rows = np.genfromtxt("a.csv", delimiter=",", names=True)
        expected = nb.predict_reflections(EXPERIMENT.replace(**{"scan.width": 40.0}), 4)
        np.testing.assert_array_equal(rows["image"], expected["image"])
        assert len(set(rows["image"])) > 1
        assert run("convert", "e.toml", "a.expt", "--images", 4).exit_code == 0
        assert json.loads((folder / "a.expt").read_text())["scan"][0]["image_range"] == [1, 4]

    def test_from_flags_of_nanobragg(self, folder):
        flags = "-cell 70 80 90 90 90 90 -N 10 -default_F 100 -lambda 1.2 -detpixels 20"
        result = run("convert", "--nanobragg", flags, "a.expt")
        assert result.exit_code == 0, result.exception
        assert nb.read_geometry("a.expt").beam.wavelength == 1.2

    def test_view_takes_an_experiment_as_other_commands_do(self, folder):
        np.save("a.npy", np.arange(600.0).reshape(20, 30))
        for words in (["--experiment", "e.toml", "--set", "beam.wavelength=1.3"], ["--experiment", "e.toml"]):
            result = run("view", "a.npy", "-o", "a.svg", "--overwrite", *words)
            assert result.exit_code == 0, result.exception
            assert ("λ 1.3" in (folder / "a.svg").read_text()) == ("--set" in words)
        flags = "-cell 70 80 90 90 90 90 -N 10 -default_F 100 -lambda 1.2 -detpixels_x 30 -detpixels_y 20"
        assert run("view", "a.npy", "-o", "b.png", "--nanobragg", flags).exit_code == 0
        assert "--set" in str(run("view", "a.npy", "-o", "c.png", "--set", "beam.wavelength=1.3").exception)
