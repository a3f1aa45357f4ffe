"""Where and how the program may be run: odd folders, languages, homes, and copies of processes."""

import os
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb

EXPERIMENT = """
[crystal]
cell = [30, 40, 50, 90, 90, 90]
cells = [5, 5, 5]
reflections = "list.hkl"
[beam]
wavelength = 1.0
fluence = 1e24
sources = "sources.txt"
[detector]
pixels = [20, 24]
pixel_size = 1.0
[sampling]
oversample = 1
"""
FILES = {
    "e.toml": EXPERIMENT,
    "list.hkl": "".join(f"{i % 9 - 4} {i // 9 % 9 - 4} {i // 81} {i + 1}\n" for i in range(243)),
    "sources.txt": "-1 0 0 1 1e-10\n",
}


def described(folder, end="\n"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_bytes(text.replace("\n", end).encode())
    return folder / "e.toml"


def run(*words, folder, **environment):
    given = {name: value for name, value in (os.environ | environment).items() if value is not None}
    words = [sys.executable, "-m", "nbnumba_cli", *words]
    return subprocess.run(words, cwd=folder, env=given, capture_output=True, check=False)


def rendered(folder, *words, **environment):
    """The image that the command writes."""
    done = run("simulate", "e.toml", "-o", "image.h5", *words, folder=folder, **environment)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "image.h5") as file:
        return file["entry/data/data"][()]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return nb.simulate(nb.Experiment.from_toml(described(tmp_path_factory.mktemp("plain"))))


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "TZ": "Pacific/Kiritimati", "COLUMNS": "20"},
        {"HOME": None, "TZ": "nowhere/at_all", "TERM": None, "COLUMNS": "junk"},
    ],
    ids=["ascii", "homeless"],
)
def test_languages_time_zones_and_homes_change_nothing(tmp_path, image, environment):
    described(tmp_path)
    np.testing.assert_array_equal(rendered(tmp_path, **environment).reshape(image.shape), image)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NUMBA_NUM_THREADS", "0"), ("NUMBA_NUM_THREADS", "100000"), ("NUMBA_THREADING_LAYER", "junk")],
)
def test_settings_that_numba_cannot_take_are_told(tmp_path, variable, value):
    described(tmp_path)
    done = run("simulate", "e.toml", "-o", "image.h5", folder=tmp_path, **{variable: value})
    assert done.returncode == 2
    assert f"Error: {variable}: found {value};" in done.stderr.decode().replace("'", "")
    assert not (tmp_path / "image.h5").exists()


def test_folders_have_any_name(tmp_path, image):
    folder = tmp_path / "Röntgen 結晶 'x' $HOME; #1 %d"
    described(folder)
    others = ["--png", "ein bild.png", "--cbf", "bild ü.cbf", "--smv", "bild ü.img", "--tiff", "bild ü.tif"]
    np.testing.assert_array_equal(rendered(folder, *others).reshape(image.shape), image)
    for name in others[3::2]:
        assert nb.read_image(folder / name).shape == image.shape
    assert not [problem for problem in nb.check_nexus(folder / "image.h5") if problem.level == "error"]
    nb.read_nexus(folder / "image.h5")[0].to_toml(folder / "zurück ü.toml")
    assert nb.Experiment.from_toml(folder / "zurück ü.toml") == nb.Experiment.from_toml(folder / "e.toml")


def test_lines_end_as_on_windows(tmp_path, image):
    np.testing.assert_array_equal(nb.simulate(nb.Experiment.from_toml(described(tmp_path, "\r\n"))), image)


def test_a_mark_of_byte_order_is_no_part_of_the_text(tmp_path, image):
    described(tmp_path)
    for name in FILES:
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (tmp_path / name).read_bytes())
    np.testing.assert_array_equal(rendered(tmp_path).reshape(image.shape), image)


@pytest.mark.parametrize("command", ["simulate {} -o out.h5", "dataset {} -o out", "trace {} --pixel 1 1"])
@pytest.mark.parametrize("name", ["circle.toml", "/dev/zero"])
def test_what_is_no_file_of_text_is_refused(tmp_path, monkeypatch, command, name):
    (tmp_path / "circle.toml").symlink_to("circle.toml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nbnumba.inputs.text.MOST", 10_000)
    result = CliRunner().invoke(cli, command.format(name).split())
    assert isinstance(result.exception, nb.NbnumbaError)
    assert str(result.exception).startswith(f"{name}: ")
    assert {path.name for path in tmp_path.iterdir()} == {"circle.toml"}


@pytest.mark.parametrize("through", [".", "circle.h5"])
def test_images_that_are_shown_in_a_circle_are_refused(tmp_path, through):
    layout = h5py.VirtualLayout((64, 64), dtype="f4")
    layout[:] = h5py.VirtualSource(through, "entry/data/data", (64, 64))
    with h5py.File(tmp_path / "circle.h5", "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    with pytest.raises(nb.NbnumbaError, match=r"virtual too|in turn"):
        nb.read_image(tmp_path / "circle.h5")


def test_closed_streams_are_borne(tmp_path, image):
    described(tmp_path)
    command = f"{sys.executable} -m nbnumba_cli simulate e.toml -o image.h5 <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False).returncode == 0
    np.testing.assert_array_equal(nb.read_image(tmp_path / "image.h5"), image)


def test_threads_of_python_may_simulate_at_the_same_time(tmp_path, image):
    experiment, found = nb.Experiment.from_toml(described(tmp_path)), [None] * 6

    def fill(number):
        found[number] = nb.simulate(experiment)

    threads = [threading.Thread(target=fill, args=(i,)) for i in range(len(found))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert all(np.array_equal(each, image) for each in found)


IN_COPIES = """
import multiprocessing, sys, zlib
import nbnumba as nb
experiment = nb.Experiment.from_toml("e.toml").replace(**eval(sys.argv[1]))
def digests(number):
    turned = experiment.replace(**{"crystal.misset": (number, 0, 0)})
    image = nb.simulate(turned)
    return [zlib.crc32(each.tobytes()) for each in (image, nb.detect(turned, image))]
here = [digests(number) for number in range(3)]
with multiprocessing.get_context("fork").Pool(2) as pool:
    there = pool.map_async(digests, range(3)).get(timeout=100)
assert here == there and len({each[0] for each in here}) == 3
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    "changes",
    [{}, pytest.param({"response.psf": "gaussian", "response.psf_fwhm": 1.5}, marks=pytest.mark.slow)],
    ids=["image", "spread"],
)
def test_copies_of_a_process_that_has_simulated_can_do_so_too(tmp_path, changes):
    described(tmp_path)
    words = [sys.executable, "-W", "ignore", "-c", IN_COPIES, repr(changes)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_processes_fill_an_empty_cache_at_once(tmp_path, image):
    folders = [tmp_path / name for name in "abc"]
    found = {}

    def fill(folder):
        described(folder)
        found[folder] = rendered(folder, NUMBA_CACHE_DIR=str(tmp_path / "cache"))

    threads = [threading.Thread(target=fill, args=(folder,)) for folder in folders]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert all(np.array_equal(found[folder].reshape(image.shape), image) for folder in folders)
    assert [*(tmp_path / "cache").rglob("*.nbi")]


@pytest.mark.slow
def test_without_a_place_for_compiled_code_the_image_is_the_same(tmp_path, image):
    described(tmp_path)
    nowhere = dict.fromkeys(("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"), str(tmp_path / "e.toml"))
    np.testing.assert_array_equal(rendered(tmp_path, **nowhere).reshape(image.shape), image)
