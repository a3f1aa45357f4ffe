"""DIALS reads our files, finds the geometry they were simulated with, and recovers the crystal from the spots."""

import json
import os
import re
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


def dials(folder: Path, program: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [f"dials.{program}", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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


@pytest.mark.parametrize(("convention", "kind"), [("mosflm", "float32"), ("dials", "uint16")])
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


PANELS = (
    nb.Panel(pixels=(20, 30), origin=(100.0, 3.0, -5.0), fast=(0, 0.1, 1), slow=(0, -1, 0.1)),
    nb.Panel(pixels=(15, 30), origin=(90.0, 13.0, -15.0), fast=(-0.2, 0, 1), slow=(0, -1, 0)),
    nb.Panel(pixels=(20, 10), origin=(20.0, 60.0, -3.0), fast=(0, 0, 1), slow=(-1, 0, 0)),
)


def test_panels_are_where_they_were_simulated(tmp_path):
    """As dials.show tells it, six digits of each number, and as we read the file of DIALS."""
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=CELL, default_f=10.0),
        beam=FIXED["beam"],
        detector=nb.Detector(panels=PANELS, pixel_size=0.2),
        scan=nb.Scan(width=1.0),
    )
    nb.write_nexus(tmp_path / "a.nxs", experiment, np.ones((2, 3, 20, 30), "float32"))
    dials(tmp_path, "import", "a.nxs")
    told = dials(tmp_path, "show", "imported.expt")
    turn = TO_DIALS @ frame(experiment)
    shown = {
        name: [np.array(found.split(","), float) for found in re.findall(rf"\n  {name}: *{{(.*)}}", told)]
        for name in ("origin", "fast_axis", "slow_axis", "image_size", "pixel_size")
    }
    found = nb.read_geometry(tmp_path / "imported.expt")
    read = nb.Experiment(crystal=experiment.crystal, beam=found.beam, detector=found.detector)
    for i, (panel, place) in enumerate(zip(PANELS, experiment.geometries, strict=True)):
        for name, vector in (("origin", place.origin), ("fast_axis", place.fast), ("slow_axis", place.slow)):
            np.testing.assert_allclose(shown[name][i], turn @ vector, rtol=1e-5, atol=1e-5)
        assert shown["image_size"][i].tolist() == list(panel.pixels[::-1])
        assert shown["pixel_size"][i].tolist() == [0.2, 0.2]
        np.testing.assert_allclose(read.geometries[i].origin, frame(experiment) @ place.origin, atol=1e-9)
        np.testing.assert_allclose(read.geometries[i].fast, frame(experiment) @ place.fast, atol=1e-12)
        np.testing.assert_allclose(read.geometries[i].normal, frame(experiment) @ place.normal, atol=1e-12)
    assert found.detector.sensor_mu == 0.0
    np.testing.assert_allclose(found.spindle, frame(experiment) @ experiment.spindle, atol=1e-12)


def test_spots_are_found_on_the_panels_they_were_simulated_on(tmp_path):
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=CELL), beam=FIXED["beam"], detector=nb.Detector(panels=PANELS, pixel_size=0.2)
    )
    image = np.random.default_rng(1).poisson(5.0, (3, 20, 30)).astype(np.int32)
    peaks = {(0, 7, 11), (1, 5, 22), (2, 14, 3)}
    for panel, slow, fast in peaks:
        image[panel, slow - 1 : slow + 2, fast - 1 : fast + 2] += 500
    nb.write_nexus(tmp_path / "a.nxs", experiment, image)
    dials(tmp_path, "import", "a.nxs")
    dials(tmp_path, "find_spots", "imported.expt", "nproc=1")
    told = dials(tmp_path, "show", "strong.refl", "show_all_reflection_data=True", "max_reflections=9")
    rows = re.findall(r"\n +0 +(\d) .*? ([\d.]+), +([\d.]+), 0\.50", told)
    assert {(int(panel), int(float(slow)), int(float(fast))) for panel, fast, slow in rows} == peaks


@pytest.mark.slow
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
        start = experiment.scan.start_of(i)
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
