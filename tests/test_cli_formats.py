"""simulate and convert with files of one image each."""

import fabio
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.formats import file_names
from nbnumba_cli.main import cli

import nbnumba as nb

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
        (("--cbf", "a.h5"), "another output"),
        (("--cbf", "x.cbf", "--smv", "x.cbf"), "another output"),
        (("--cbf", "e.toml", "--overwrite"), "is an input"),
        (("--cbf", "none/x.cbf"), "does not exist"),
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
