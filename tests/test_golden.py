"""The images of nanoBragg (version of 8-10-25, compiled without fast-math), for 62 lists of flags.

The bound is the one that nbnumba promises; what is found is 2e-11, an image in float32 that is the same but for single
pixels.
"""

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbnumba as nb
from nbnumba.outputs.dump import write_dump

HERE = Path(__file__).parent / "golden"
FULL = Path(__file__).parents[2] / "shared" / "golden"
TOLERANCE = 1e-6  # of the image maximum


def cases():
    with h5py.File(HERE / "figures.h5") as file:
        return sorted(file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("golden")
    with zipfile.ZipFile(HERE / "inputs.zip") as archive:
        archive.extractall(target)
    return target


def experiment_of(attributes, folder, scratch):
    """The experiment of a case; where a run was made before it, that run's dump is written first."""
    args = attributes["args"]
    if "first" in attributes:
        crystal = nb.from_nanobragg(attributes["first"], folder=folder).crystal
        args = args.replace("F.bin", str(write_dump(scratch / "F.bin", crystal.reflections, crystal.default_f)))
    return nb.from_nanobragg(args, folder=folder)


@pytest.mark.parametrize("name", cases())
def test_image_has_the_reference_figures(name, folder, tmp_path):
    with h5py.File(HERE / "figures.h5") as file:
        case = file[name]
        image = nb.simulate(experiment_of(case.attrs, folder, tmp_path)).astype(float)
        peak = case.attrs["max"]
        assert image.shape == tuple(case.attrs["shape"])
        assert np.abs(image.ravel()[case["place"][()]] - case["value"][()]).max() < TOLERANCE * peak
        assert image.max() == pytest.approx(peak, rel=TOLERANCE)
        assert image.sum() == pytest.approx(case.attrs["sum"], rel=TOLERANCE)


@pytest.mark.skipif(not FULL.exists(), reason="the full set of reference images is not beside this checkout")
@pytest.mark.parametrize("name", cases())
def test_every_pixel_equals_the_reference(name, tmp_path):
    with h5py.File(FULL / "nanobragg.h5") as file:
        reference = file[name]["float"][()].astype(float)
        image = nb.simulate(experiment_of(file[name].attrs, FULL, tmp_path)).astype(float)
    assert np.abs(image - reference).max() < TOLERANCE * reference.max()
