"""Files that are damaged at random, with the same seeds each time: they are told or refused, and never a surprise."""

import random
import re

import h5py
import measured
import numpy as np
import pytest
import scenes
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.outputs.pgm import put_pgm

fabio = pytest.importorskip("fabio", reason="fabio is not installed")

SCAN = scenes.still(**{"scan.start": 5.0, "scan.width": 2.0})
#: What is put in the place of whatever a file holds.
STRANGE = {
    "text": "some text",
    "bytes": np.bytes_(b"\xff\xfe"),
    "numbers": np.arange(3.0),
    "nan": np.nan,
    "empty": np.zeros(0),
    "no text": np.zeros(0, "S3"),
    "null": h5py.Empty("f8"),
    "rank": np.ones((1, 2, 2, 2)),
    "table": np.zeros(2, [("a", "i4"), ("b", "f8")]),
    "complex": 1j,
    "large": 2**62,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Undamaged files of every kind."""
    folder = tmp_path_factory.mktemp("whole")
    nb.write_nexus(folder / "a.h5", SCAN, np.ones((3, *SCAN.detector.shape), "int32"))
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    fabio.cbfimage.CbfImage(data=pixels.astype(np.int32)).write(str(folder / "a.cbf"))
    fabio.tifimage.TifImage(data=pixels).write(str(folder / "a.tif"))
    measured.smv(folder / "a.img", shape=(20, 30))
    put_pgm(folder / "a.pgm", (pixels % 256).astype(np.uint8), 1.0)
    np.save(folder / "a.npy", pixels)
    nb.write_dials(folder / "a.expt", SCAN, images=2)
    SCAN.to_toml(folder / "e.toml")
    return folder


def survived(folder, path):
    """Every command on a file ends well, or in a message that names it."""
    words = [
        ("info", path, "--json"),
        ("check", path),
        ("convert", path, folder / "out.npy", "--overwrite"),
        ("convert", path, folder / "out.toml", "--overwrite"),
        ("info", folder / "e.toml", "--geometry", "--like", path),
    ]
    for command in words:
        done = CliRunner().invoke(cli, [str(word) for word in command])
        assert done.exception is None or isinstance(done.exception, nb.NbnumbaError | SystemExit), (command, path)
        if isinstance(done.exception, nb.NbnumbaError):
            assert path.name in str(done.exception)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.filterwarnings("ignore")  # of NumPy and fabio, about what they find
def test_values_of_another_kind(whole, tmp_path, seed):
    chosen = random.Random(seed)
    path = tmp_path / "x.h5"
    path.write_bytes((whole / "a.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for name in chosen.sample(names, 3):
            if name not in file:
                continue
            value = STRANGE[chosen.choice(list(STRANGE))]
            attributes = dict(file[name].attrs)
            if attributes and chosen.random() < 0.5:
                file[name].attrs[chosen.choice(list(attributes))] = value
            else:
                del file[name]
                file[name] = value
                file[name].attrs.update(attributes)
    survived(whole, path)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ending", ["cbf", "tif", "img", "pgm", "npy", "expt", "h5"])
@pytest.mark.filterwarnings("ignore")
def test_bytes_that_are_wrong_or_missing(whole, tmp_path, ending, seed):
    """Of HDF5 only missing ones: its library itself does not always come back from wrong ones."""
    chosen = random.Random(seed)
    content = bytearray((whole / f"a.{ending}").read_bytes())
    if seed < 2 or ending == "h5":
        content = content[: chosen.randrange(len(content))]
    elif seed < 4:
        for _ in range(3):
            content[chosen.randrange(min(len(content), 1500))] = chosen.randrange(256)
    else:
        number = chosen.choice(list(re.finditer(rb"\d+", content)))
        content[number.start() : number.end()] = chosen.choice([b"1000000000", b"0", b"-1", b"nan", b"9" * 30])
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    survived(whole, path)


def test_pixels_that_are_not_those_of_the_checksum_are_refused(whole, tmp_path):
    pytest.importorskip("fabio")
    content = bytearray((whole / "a.cbf").read_bytes())
    at = content.index(b"\x0c\x1a\x04\xd5") + 20
    content[at] ^= 1
    (tmp_path / "a.cbf").write_bytes(content)
    with pytest.raises(nb.NbnumbaError, match="checksum"):
        nb.read_image(tmp_path / "a.cbf")


def test_a_series_that_was_killed_while_it_grew_can_be_read(tmp_path):
    e = scenes.still()
    with nb.NexusWriter(tmp_path / "a.h5", e, follow=True) as writer:
        for i in range(3):
            writer.append(np.full(e.detector.shape, i, "int32"))
        (tmp_path / "left.h5").write_bytes(writer.growing.read_bytes())
    assert nb.read_image(tmp_path / "left.h5", number=2).max() == 2
    assert nb.read_geometry(tmp_path / "left.h5").beam.wavelength == e.beam.wavelength


def test_a_detector_before_the_sample_is_refused(whole, tmp_path):
    text = (whole / "a.img").read_bytes()
    (tmp_path / "a.img").write_bytes(re.sub(rb"\nDISTANCE=(\d)", rb"\nDISTANCE=-\1", text))
    with pytest.raises(nb.NbnumbaError, match=r"distance: found -[\d.]+ mm"):
        nb.read_geometry(tmp_path / "a.img")
