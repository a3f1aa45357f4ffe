"""What the drop-in command writes for 62 lists of flags, against nanoBragg (8-10-25, compiled without fast-math).

The bound on images is the one that nbnumba promises; what is found is 8e-8, the last digit of float32.
"""

from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.inputs.smv import read_smv

HERE = Path(__file__).parent / "golden"
FULL = Path(__file__).parents[2] / "shared" / "golden"
TOLERANCE = 1e-6  # of the image maximum


def cases(having="value"):
    with h5py.File(HERE / "figures.h5") as file:
        return [name for name in file if having in file[name]]


@pytest.fixture(scope="module")
def written(tmp_path_factory, golden_inputs):
    """Runs the command for a case, once; gives its folder."""
    made = {}

    def folder_of(name):
        if name not in made:
            made[name] = folder = tmp_path_factory.mktemp(name)
            (folder / "inputs").symlink_to(golden_inputs / "inputs")
            with h5py.File(HERE / "figures.h5") as file, pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                attributes = file[name].attrs
                for flags in filter(None, (attributes.get("first"), attributes["args"])):
                    result = CliRunner().invoke(cli, ["nanobragg", *flags.split()], catch_exceptions=False)
                    assert result.exit_code == 0, result.output
        return made[name]

    return folder_of


def raw_image(folder, shape):
    return nb.read_image(folder / "floatimage.bin", shape=tuple(shape)).astype(float)


@pytest.mark.parametrize("name", cases())
def test_image_has_the_reference_figures(name, written):
    with h5py.File(HERE / "figures.h5") as file:
        case = file[name]
        image = raw_image(written(name), case.attrs["shape"])
        peak = case.attrs["max"]
        assert np.abs(image.ravel()[case["place"][()]] - case["value"][()]).max() < TOLERANCE * peak
        assert image.max() == pytest.approx(peak, rel=TOLERANCE)
        assert image.sum() == pytest.approx(case.attrs["sum"], rel=TOLERANCE)


@pytest.mark.skipif(not FULL.exists(), reason="the full set of reference images is not beside this checkout")
@pytest.mark.parametrize("name", cases())
def test_every_pixel_equals_the_reference(name, written):
    with h5py.File(FULL / "nanobragg.h5") as file:
        reference = file[name]["float"][()].astype(float)
        assert np.abs(raw_image(written(name), reference.shape) - reference).max() < TOLERANCE * reference.max()
        if "noise" in file[name]:
            np.testing.assert_array_equal(read_smv(written(name) / "noiseimage.img").pixels, file[name]["noise"][()])


@pytest.mark.parametrize("name", cases())
def test_header_values_equal_the_reference(name, written):
    with h5py.File(HERE / "figures.h5") as file:
        text = file[name].attrs["smv_header"]
    expected = dict(line.rstrip(";").split("=", 1) for line in text.splitlines() if "=" in line)
    found = read_smv(written(name) / "intimage.img").header
    assert set(found) == set(expected)
    for key in set(found) - {"BYTE_ORDER", "TYPE", "BEAMLINE", "DETECTOR_SN"}:
        ours, theirs = ([float(x) for x in values[key].split(",")] for values in (found, expected))
        # %g keeps six digits, of which rounding may move the last; a value that should be 0 may be the dust of it.
        assert ours == pytest.approx(theirs, rel=1.1e-5, abs=1e-12), key


@pytest.mark.parametrize("name", cases("int"))
def test_integer_and_pgm_images_equal_the_reference_to_a_count(name, written):
    with h5py.File(HERE / "figures.h5") as file:
        case = file[name]
        place = case["place"][()]
        counts = read_smv(written(name) / "intimage.img").pixels.ravel()[place].astype(int)
        assert np.abs(counts - case["int"][()]).max() <= 1
        header = case.attrs["pgm_header"].encode()
        content = (written(name) / "image.pgm").read_bytes()
        assert content.startswith(header)
        grey = np.frombuffer(content[len(header) :], np.uint8)[place].astype(int)
        assert np.abs(grey - case["pgm"][()]).max() <= 1


@pytest.mark.parametrize("name", cases("noise"))
def test_noise_equals_the_reference_number_by_number(name, written):
    with h5py.File(HERE / "figures.h5") as file:
        expected = file[name]["noise"][()]
    np.testing.assert_array_equal(read_smv(written(name) / "noiseimage.img").pixels.ravel()[: len(expected)], expected)
