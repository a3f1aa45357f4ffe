"""DIALS takes our series however they are stored: in several files, compressed, followed, with beams of their own."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

import nbnumba as nb

pytestmark = [
    pytest.mark.dials,
    pytest.mark.skipif(shutil.which("dials.import") is None, reason="the DIALS programs are not on PATH"),
]

SHAPE = (40, 50)
STILL = nb.Experiment(
    crystal=nb.Crystal(cell=(50, 60, 70, 90, 95, 90), default_f=10.0),
    beam=nb.Beam(wavelength=1.0, fluence=1e26, exposure=0.25),
    detector=nb.Detector(pixels=SHAPE, pixel_size=0.2, distance=90.0),
)
SCAN = STILL.replace(scan=nb.Scan(start=5.0, width=1.0))
#: Middles (slow, fast) of the spots of image i.
SPOTS = [(7 + 4 * i, 9 + 5 * i) for i in range(5)]


def images():
    """Five images with a spot each, at its own place."""
    stack = np.random.default_rng(2).poisson(5.0, (5, *SHAPE)).astype(np.int32)
    for image, (slow, fast) in zip(stack, SPOTS, strict=True):
        image[slow - 1 : slow + 2, fast - 1 : fast + 2] += 500
    return stack


def dials(folder, *words, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | more
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "imported.expt").read_text()) if words[0] == "dials.import" else done.stdout


def spots(folder, **more):
    """Image, slow and fast [pixels] of the spots that are found."""
    dials(folder, "dials.find_spots", "imported.expt", "nproc=1", "min_spot_size=3", **more)
    words = ["dials.show", "strong.refl", "show_all_reflection_data=True", "max_reflections=20"]
    rows = [line.replace(",", " ").split() for line in dials(folder, *words, **more).splitlines()]
    found = [list(map(float, row[5:8])) for row in rows if len(row) == 12 and row[0].isdigit()]
    return [(int(image), int(slow), int(fast)) for fast, slow, image in found]


@pytest.mark.parametrize("how", [{"images_per_file": 2}, {"compression": "lz4"}, {"follow": True}], ids=str)
def test_spots_of_a_rotation_are_found_where_they_are(tmp_path, how):
    more = {}
    if "compression" in how:
        more["HDF5_PLUGIN_PATH"] = pytest.importorskip("hdf5plugin").PLUGIN_PATH
    nb.write_nexus(tmp_path / "a.nxs", SCAN, images(), **how)
    imported = dials(tmp_path, "dials.import", "a.nxs", **more)
    assert imported["scan"][0]["image_range"] == [1, 5]
    assert imported["scan"][0]["oscillation"] == pytest.approx([5.0, 1.0])
    assert spots(tmp_path, **more) == [(i, slow, fast) for i, (slow, fast) in enumerate(SPOTS)]


@pytest.mark.parametrize("lines", [1, 3])
def test_stills_have_their_own_wavelengths(tmp_path, lines):
    means = [1.0, 1.01, 1.02, 0.99, 0.98]
    spectra = [nb.Spectrum((x - 0.01, x, x + 0.01)[:lines], (1.0, 2.0, 1.0)[:lines]) for x in means]
    beams = [nb.Beam(spectrum=each, fluence=1e26, exposure=0.25) for each in spectra]
    nb.write_nexus(tmp_path / "a.nxs", STILL, images(), beams=beams, images_per_file=3)
    imported = dials(tmp_path, "dials.import", "a.nxs")
    found = [imported["beam"][each["beam"]]["wavelength"] for each in imported["experiment"]]
    np.testing.assert_allclose(found, [each.mean for each in spectra], rtol=1e-12)
