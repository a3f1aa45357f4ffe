"""Reading images of every kind, and the commands that compare and convert them."""

import json
import struct
import tracemalloc
import zlib

import fabio
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.images import count_images, read_pair
from nbnumba.outputs.pgm import put_pgm
from nbnumba.outputs.raw import write_raw
from nbnumba.outputs.smv import put_smv

FLAGS = "-cell 70 80 90 -N 5 -default_F 100 -lambda 1.2 -detpixels_f 30 -detpixels_s 20 -oversample 1"
PIXELS = np.arange(600, dtype=np.uint16).reshape(20, 30)


@pytest.fixture
def files(tmp_path):
    """The same pixels in files of every kind."""
    put_smv(tmp_path / "a.img", PIXELS, {})
    put_pgm(tmp_path / "a.pgm", (PIXELS % 256).astype(np.uint8), 1.0)
    write_raw(tmp_path / "a.bin", PIXELS)
    np.save(tmp_path / "a.npy", PIXELS)
    fabio.cbfimage.CbfImage(data=PIXELS.astype(np.int32)).write(str(tmp_path / "a.cbf"))
    fabio.tifimage.TifImage(data=PIXELS).write(str(tmp_path / "a.tif"))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["mask"] = np.zeros((20, 30), np.uint8)
        file["run/stack"] = np.stack([PIXELS, PIXELS + 1])
    return tmp_path


@pytest.mark.parametrize("name", ["a.img", "a.bin", "a.npy", "a.cbf", "a.tif", "a.h5"])
def test_every_kind_of_file_is_read(name, files):
    np.testing.assert_array_equal(nb.read_image(files / name, shape=(20, 30)), PIXELS)


def test_pgm_is_read(files):
    np.testing.assert_array_equal(nb.read_image(files / "a.pgm"), PIXELS % 256)


def test_an_image_of_several_is_read_by_number(files):
    np.testing.assert_array_equal(nb.read_image(files / "a.h5", number=1), PIXELS + 1)
    with pytest.raises(nb.NbnumbaError, match="0 to 1"):
        nb.read_image(files / "a.h5", number=2)
    for name in ("a.h5", "a.npy"):
        with pytest.raises(nb.NbnumbaError, match="number: found -1"):
            nb.read_image(files / name, number=-1)


def test_our_own_files_are_read(tmp_path):
    experiment = nb.from_nanobragg(FLAGS)
    image = nb.simulate(experiment)
    nb.write_nexus(tmp_path / "own.h5", experiment, image)
    np.testing.assert_array_equal(nb.read_image(tmp_path / "own.h5"), image)


def test_a_raw_file_has_the_shape_of_the_other_image(files):
    for pair in (("a.bin", "a.img"), ("a.img", "a.bin")):
        first, second = read_pair(*(files / name for name in pair))
        np.testing.assert_array_equal(first, second)
    first, second = read_pair(files / "a.bin", files / "a.bin", shape=(20, 30))
    assert first.shape == second.shape == (20, 30)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"abcde", "not a square"),
        (b"{\nSIZE1=4;\n}\f", "no HEADER_BYTES"),
        (b"{\nHEADER_BYTES=512;SIZE1=4;SIZE2=x;\n}\f", "SIZE2='x'"),
        (b"{\nHEADER_BYTES=512;SIZE1=4;SIZE2=4;\n}\f", "bytes of pixels"),
        (b"###CBF: VERSION 1.5\n", "cannot be read"),
        (b"\x93NUMPY\x01\x00", "cannot be read"),
        (b"\x89HDF\r\n\x1a\n" + b"x" * 500, "cannot be read"),
    ],
)
def test_broken_files_are_refused_by_name(content, part, tmp_path):
    file = tmp_path / "broken.img"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(nb.NbnumbaError, match=part) as error:
        nb.read_image(file)
    assert "broken.img" in str(error.value)
    with pytest.raises(nb.NbnumbaError, match=part):
        read_pair(file, file)


def test_a_file_with_a_block_of_others_is_hdf5(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["image"] = PIXELS
    np.testing.assert_array_equal(nb.read_image(tmp_path / "a.mat"), PIXELS)


def test_sizes_far_beyond_what_is_stored_are_refused(files):
    """Before anything of that size is made."""
    with h5py.File(files / "a.h5", "w") as file:
        file.create_dataset("image", (40_000, 30_000), "i4", chunks=(100, 100))
    (files / "a.cbf").write_bytes(
        (files / "a.cbf").read_bytes().replace(b"Second-Dimension: 20", b"Second-Dimension: 200000000")
    )
    np.save(files / "b.npy", PIXELS)
    (files / "a.npy").write_bytes((files / "b.npy").read_bytes().replace(b"(20, 30)", b"(200000000, 30)"))
    content = (files / "a.tif").read_bytes()
    (files / "a.tif").write_bytes(content.replace(*(struct.pack("<HHII", 257, 4, 1, n) for n in (20, 40_000))))
    assert content != (files / "a.tif").read_bytes()
    for name in ("a.h5", "a.cbf", "a.npy", "a.tif"):
        with pytest.raises(nb.NbnumbaError, match=rf"{name}: "):
            nb.read_image(files / name)


def test_one_image_is_read_of_a_file_with_room_for_many(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        stack = file.create_dataset("entry/data/data", (100_000, 1024, 1024), "u2", chunks=(1, 1024, 1024))
        stack[7] = np.arange(1024)
    layout = h5py.VirtualLayout((100_000, 1024, 1024), "u2")
    layout[:] = h5py.VirtualSource("data.h5", "entry/data/data", layout.shape)
    with h5py.File(tmp_path / "master.h5", "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    for name in ("data.h5", "master.h5"):
        assert (nb.read_image(tmp_path / name, number=7) == np.arange(1024)).all()


def test_a_big_endian_image_is_read(files):
    content = (files / "a.img").read_bytes().replace(b"little_endian", b"big_endian   ")
    (files / "big.img").write_bytes(content[:512] + PIXELS.astype(">u2").tobytes())
    np.testing.assert_array_equal(nb.read_image(files / "big.img"), PIXELS)


# commands


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_compare_tells_figures(files):
    result = run("compare", files / "a.img", files / "a.bin", "--png", files / "c.png")
    assert result.exit_code == 0, result.output
    for word in ("Correlation", "Sums", "rms", "largest", "half a pixel", "c.png"):
        assert word in result.output
    assert (files / "c.png").read_bytes().startswith(b"\x89PNG")


def test_compare_gives_json(files):
    report = json.loads(run("compare", files / "a.img", files / "a.npy", "--json", "--tolerance", 1e-9).output)
    assert report["correlation"] == pytest.approx(1.0)
    assert report["exceeded"] is False
    assert report["peaks"]["matched"] == report["peaks"]["strongest"]


@pytest.mark.parametrize(("tolerance", "code"), [(0.0016, 1), (0.0017, 0)])
def test_tolerance_decides_the_exit_code(tolerance, code, files):
    np.save(files / "b.npy", PIXELS + 1.0)  # 1 of 599
    assert run("compare", files / "a.img", files / "b.npy", "--tolerance", tolerance).exit_code == code


def test_dark_images_compare_as_json(tmp_path):
    np.save(tmp_path / "dark.npy", np.zeros((4, 5)))
    report = json.loads(run("compare", tmp_path / "dark.npy", tmp_path / "dark.npy", "--json").output)
    assert report["correlation"] is None
    np.save(tmp_path / "light.npy", np.ones((4, 5)))
    assert run("compare", tmp_path / "dark.npy", tmp_path / "light.npy", "--tolerance", 0.5).exit_code == 1


def test_comparison_picture_shows_signs(tmp_path):
    a, b = np.ones((10, 12)), np.ones((10, 12))
    a[2, 3], b[7, 8] = 5.0, 5.0
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    assert run("compare", tmp_path / "a.npy", tmp_path / "b.npy", "--png", tmp_path / "c.png").exit_code == 0
    pixels = decoded(tmp_path / "c.png")
    assert pixels.shape == (10, 3 * 12 + 2 * 8, 3)
    difference = pixels[:, -12:]
    assert difference[7, 8].tolist() == [255, 0, 0]
    assert difference[2, 3].tolist() == [0, 0, 255]
    assert (difference[0] == 255).all()


def decoded(file):
    """Pixels of an RGB PNG without filters."""
    content = file.read_bytes()
    fast, slow = struct.unpack(">II", content[16:24])
    start = content.index(b"IDAT")
    size = struct.unpack(">I", content[start - 4 : start])[0]
    rows = np.frombuffer(zlib.decompress(content[start + 4 : start + 4 + size]), np.uint8).reshape(slow, 3 * fast + 1)
    return rows[:, 1:].reshape(slow, fast, 3)


def test_flags_become_an_experiment_file(tmp_path):
    assert run("convert", "--nanobragg", FLAGS, tmp_path / "e.toml").exit_code == 0
    assert nb.Experiment.from_toml(tmp_path / "e.toml") == nb.from_nanobragg(FLAGS)


def test_flags_that_name_files_become_an_experiment_file(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "f.hkl").write_text("1 0 0 5.0\n0 1 0 6.0\n")
    monkeypatch.chdir(tmp_path / "in")
    assert run("convert", "--nanobragg", FLAGS + " -hkl f.hkl", tmp_path / "out" / "e.toml").exit_code == 0
    monkeypatch.chdir(tmp_path)
    assert len(nb.Experiment.from_toml(tmp_path / "out" / "e.toml").crystal.reflections.amplitude) == 2


def test_an_image_file_gives_its_experiment_back(tmp_path):
    experiment = nb.from_nanobragg(FLAGS)
    nb.write_nexus(tmp_path / "own.h5", experiment, nb.simulate(experiment))
    assert run("convert", tmp_path / "own.h5", tmp_path / "e.toml").exit_code == 0
    assert nb.Experiment.from_toml(tmp_path / "e.toml") == experiment


@pytest.mark.parametrize("suffix", [".npy", ".bin"])
def test_images_are_converted(suffix, files):
    target = files / f"new{suffix}"
    assert run("convert", files / "a.img", target).exit_code == 0
    np.testing.assert_array_equal(nb.read_image(target, shape=(20, 30)), PIXELS)
    assert isinstance(run("convert", files / "a.img", target).exception, nb.NbnumbaError)  # exists
    assert run("convert", files / "a.img", target, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [("a.img",), ("a.img", "b.xyz"), ("--nanobragg", FLAGS, "b.npy"), ("a.img", "b.toml"), ("none.img", "b.npy")],
)
def test_what_cannot_be_converted_is_refused(words, files, monkeypatch):
    monkeypatch.chdir(files)
    before = set(files.iterdir())
    assert isinstance(run("convert", *words).exception, nb.NbnumbaError | SystemExit)
    assert set(files.iterdir()) == before


def test_one_image_of_an_array_takes_the_memory_of_one(tmp_path):
    """Counted by NumPy's allocations, which tracemalloc sees."""
    images = np.arange(50 * 64 * 64, dtype=np.int32).reshape(50, 64, 64)
    np.save(tmp_path / "a.npy", images)
    tracemalloc.start()
    assert count_images(tmp_path / "a.npy") == 50
    image = nb.read_image(tmp_path / "a.npy", number=7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(image, images[7])
    assert type(image) is np.ndarray
    assert peak < 10 * images[7].nbytes  # the file is 50 times as large as an image
