"""DIALS reads our series however they are stored: in several files, compressed, followed, with beams of their own."""

import os
import shutil
import subprocess

import numpy as np
import pytest

import nbnumba as nb

PYTHON = "dxtbx.python"  # has the library with which the DIALS programs read images
pytestmark = [
    pytest.mark.dials,
    pytest.mark.skipif(shutil.which(PYTHON) is None, reason="the DIALS programs are not on PATH"),
]

SHAPE = (40, 50)
STILL = nb.Experiment(
    crystal=nb.Crystal(cell=(50, 60, 70, 90, 95, 90), default_f=10.0),
    beam=nb.Beam(wavelength=1.0, fluence=1e26, exposure=0.25),
    detector=nb.Detector(pixels=SHAPE, pixel_size=0.2, distance=90.0),
)
SCAN = STILL.replace(scan=nb.Scan(start=5.0, width=1.0))
IMAGES = np.random.default_rng(2).poisson(5.0, (5, *SHAPE)).astype(np.int32)
WAYS = {"several": {"images_per_file": 2}, "lz4": {"compression": "lz4"}, "followed": {"follow": True}}
MEANS = [1.0, 1.01, 1.02, 0.99, 0.98]
SPECTRA = {
    lines: [nb.Spectrum((x - 0.01, x, x + 0.01)[:lines], (1.0, 2.0, 1.0)[:lines]) for x in MEANS] for lines in (1, 3)
}

READ = """
import sys
import numpy
from dxtbx.model.experiment_list import ExperimentListFactory
for name in sys.argv[1:]:
    found = ExperimentListFactory.from_filenames([name])
    scan = found[0].scan
    numpy.savez(
        name + ".npz",
        images=[s.get_raw_data(i)[0].as_numpy_array() for s in found.imagesets() for i in range(len(s))],
        scan=[] if scan is None else [*scan.get_image_range(), *scan.get_oscillation()],
        wavelengths=[each.beam.get_wavelength() for each in found],
    )
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """What DIALS reads of each file, all in one process, for it takes seconds to start."""
    folder, more = tmp_path_factory.mktemp("files"), {}
    ways = dict(WAYS)
    try:
        more["HDF5_PLUGIN_PATH"] = __import__("hdf5plugin").PLUGIN_PATH
    except ImportError:
        del ways["lz4"]
    for name, how in ways.items():
        nb.write_nexus(folder / f"{name}.nxs", SCAN, IMAGES, **how)
    for lines, spectra in SPECTRA.items():
        beams = [nb.Beam(spectrum=each, fluence=1e26, exposure=0.25) for each in spectra]
        nb.write_nexus(folder / f"{lines}.nxs", STILL, IMAGES, beams=beams, images_per_file=3)
    names = [f"{name}.nxs" for name in (*ways, *SPECTRA)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | more
    done = subprocess.run(
        [PYTHON, "-c", READ, *names], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name.removesuffix(".nxs"): np.load(folder / f"{name}.npz") for name in names}


@pytest.mark.parametrize("way", WAYS)
def test_images_of_a_rotation_are_those_that_were_written(read, way):
    if way not in read:
        pytest.skip("hdf5plugin is not installed")
    np.testing.assert_array_equal(read[way]["images"], IMAGES)
    np.testing.assert_allclose(read[way]["scan"], [1, 5, 5.0, 1.0], rtol=1e-12)


@pytest.mark.parametrize("lines", SPECTRA)
def test_stills_have_their_own_wavelengths(read, lines):
    found = read[str(lines)]
    assert found["scan"].size == 0
    np.testing.assert_array_equal(found["images"], IMAGES)
    np.testing.assert_allclose(found["wavelengths"], [each.mean for each in SPECTRA[lines]], rtol=1e-12)
