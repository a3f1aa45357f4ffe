"""DIALS reads our files, finds the geometry they were simulated with, and recovers the crystal from the spots."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.outputs.nexus_geometry import frame

pytestmark = [
    pytest.mark.dials,
    pytest.mark.skipif(shutil.which("dials.import") is None, reason="the DIALS programs are not on PATH"),
]

TO_DIALS = np.diag([-1.0, 1.0, -1.0])  # from the frame of NeXus
CELL = (34.8, 39.2, 48.3, 90.0, 95.0, 90.0)
FIXED = {
    "beam": nb.Beam(wavelength=1.0, fluence=1e26, exposure=0.25),
    "detector": nb.Detector(pixels=(600, 600), pixel_size=0.2, distance=90.0),
}


def random_reflections() -> nb.Reflections:
    """Amplitudes as those of a protein to 2.2 A, with Friedel's law."""
    hkl = np.argwhere(np.ones((31, 35, 43))) - [15, 17, 21]
    hkl = hkl[np.linalg.norm(hkl / np.array(CELL[:3]), axis=1) < 1 / 2.2]
    half = hkl[len(hkl) // 2 + 1 :]  # those after 0 0 0; the others are their mates
    amplitude = np.random.default_rng(8).rayleigh(150.0, len(half))
    return nb.Reflections(np.concatenate([half, -half]), np.concatenate([amplitude, amplitude]))


def dials(folder: Path, program: str, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [f"dials.{program}", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def load(file: Path) -> dict:
    return json.loads(file.read_text())


def check_geometry(experiment: nb.Experiment, imported: dict) -> None:
    turn, place = TO_DIALS @ frame(experiment), experiment.geometry
    (panel,) = imported["detector"][0]["panels"]
    np.testing.assert_allclose(panel["origin"], turn @ place.origin, atol=1e-9)
    np.testing.assert_allclose(panel["fast_axis"], turn @ place.fast, atol=1e-12)
    np.testing.assert_allclose(panel["slow_axis"], turn @ place.slow, atol=1e-12)
    assert panel["pixel_size"] == [experiment.detector.pixel_size] * 2
    assert panel["image_size"] == list(experiment.detector.pixels[::-1])
    assert imported["beam"][0]["wavelength"] == pytest.approx(experiment.beam.wavelength)
    assert imported["beam"][0]["direction"] == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("convention", ["mosflm", "xds", "dials"])
@pytest.mark.parametrize("kind", ["float32", "uint16"])
def test_stills_are_imported(tmp_path, convention, kind):
    detector = nb.Detector(
        pixels=(20, 30), pixel_size=0.2, distance=90.0, convention=convention, rotation=(3, 4, 5), twotheta=10.0
    )
    experiment = nb.Experiment(crystal=nb.Crystal(cell=CELL), beam=FIXED["beam"], detector=detector)
    nb.write_nexus(tmp_path / "a.nxs", experiment, np.ones((3, 20, 30), kind))
    dials(tmp_path, "import", "a.nxs")
    imported = load(tmp_path / "imported.expt")
    assert len(imported["experiment"]) == 3
    assert imported["scan"] == []
    check_geometry(experiment, imported)


def test_crystal_is_recovered_from_a_rotation(tmp_path):
    crystal = nb.Crystal(
        cell=CELL,
        misset=(10.0, 20.0, 30.0),
        cells=(15, 15, 15),
        reflections=random_reflections(),
        mosaic=nb.Mosaic(spread=0.15, domains=8),
    )
    scan = nb.Scan(start=5.0, width=1.0, steps=8)
    experiment = nb.Experiment(crystal=crystal, scan=scan, sampling=nb.Sampling(oversample=1), **FIXED)
    nb.write_nexus(tmp_path / "series.nxs", experiment, rotation_images(experiment, 15))

    dials(tmp_path, "import", "series.nxs")
    imported = load(tmp_path / "imported.expt")
    check_geometry(experiment, imported)
    assert imported["scan"][0]["oscillation"] == [5.0, 1.0]
    assert imported["scan"][0]["image_range"] == [1, 15]
    assert set(imported["scan"][0]["exposure_time"]) == {0.25}
    expected = TO_DIALS @ frame(experiment) @ experiment.spindle
    np.testing.assert_allclose(imported["goniometer"][0]["rotation_axis"], expected, atol=1e-12)

    dials(tmp_path, "find_spots", "imported.expt", "nproc=1")
    dials(tmp_path, "index", "imported.expt", "strong.refl", "nproc=1")
    check_crystal(experiment, load(tmp_path / "indexed.expt"))


def rotation_images(experiment: nb.Experiment, n: int):
    noise = np.random.default_rng(3)
    for i in range(n):
        start = experiment.scan.start + i * experiment.scan.width
        expected = nb.simulate(experiment.replace(**{"scan.start": start}))
        yield noise.poisson(expected.astype(float) + 1.0).astype(np.int32)


def check_crystal(experiment: nb.Experiment, indexed: dict) -> None:
    """The axes that DIALS has found, up to their signs, against those that were simulated."""
    (crystal,) = indexed["crystal"]
    found = np.array([crystal[f"real_space_{name}"] for name in "abc"])
    turn = TO_DIALS @ frame(experiment)
    true = experiment.crystal.axes @ turn.T
    lengths = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(lengths, CELL[:3], rtol=1e-3)
    cosines = np.sum(found * true, axis=1) / lengths / CELL[:3]
    assert np.degrees(np.arccos(np.abs(cosines))).max() < 0.05
