"""DIALS finds in CBF and SMV images the geometry and pixels of the experiment, as it does in NXmx files."""

import re

import numpy as np
import pytest
from test_dials import CELL, FIXED, PANELS, TO_DIALS, dials, load, pytestmark  # noqa: F401  (skips without DIALS)

import nbnumba as nb
from nbnumba.outputs.nexus_geometry import frame

FLAT = nb.Detector(pixels=(20, 30), pixel_size=0.2, distance=90.0, beam_center=(1.5, 2.5))
TILTED = nb.Detector(pixels=(20, 30), pixel_size=0.2, distance=90.0, rotation=(3, 4, 5), twotheta=10.0)
PILATUS = nb.Detector(pixels=(195, 487), pixel_size=0.172, distance=90.0)
LISTED = nb.Detector(panels=PANELS, pixel_size=0.2)
SCAN = nb.Scan(start=5.0, width=0.3)
READERS = {
    "mini": (FLAT, SCAN, "FormatCBFMini"),
    "still full": (TILTED, None, "FormatCBFFullStill"),
    "panels": (LISTED, SCAN, "FormatCBFMultiTileHierarchy"),
    "smv": (FLAT, SCAN, "FormatSMVADSC"),
    "pilatus": (PILATUS, SCAN, "FormatCBFMiniPilatus"),
    "full": (TILTED, SCAN, "FormatCBFFullByteOffset"),
    "own axis": (FLAT, nb.Scan(start=5.0, width=0.3, axis=(0.2, 1.0, 0.1)), "FormatCBFFullByteOffset"),
    "still panels": (LISTED, None, "FormatCBFMultiTileHierarchyStill"),
}
QUICK = ("mini", "panels")


def described(detector, scan):
    return nb.Experiment(crystal=nb.Crystal(cell=CELL), beam=FIXED["beam"], detector=detector, scan=scan)


def imported(folder, *words):
    """What DIALS says of files, and the experiments that it makes of them."""
    told = dials(folder, "import", *words, "output.experiments=found.expt")
    return told, load(folder / "found.expt")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in READERS])
def test_geometry_is_that_of_the_experiment(tmp_path, name):
    detector, scan, reader = READERS[name]
    experiment = described(detector, scan)
    write = nb.write_smv if name == "smv" else nb.write_cbf
    for number in range(3):
        write(tmp_path / f"a_{number + 1:04d}.x", experiment, np.zeros(detector.shape), number)
    told, found = imported(tmp_path, "a_0001.x", "a_0002.x", "a_0003.x")
    assert f".{reader}'" in told
    same_panels(experiment, found, nb.read_geometry(tmp_path / "found.expt"))
    same_rotation(experiment, found)
    assert found["beam"][0]["wavelength"] == pytest.approx(experiment.beam.wavelength, rel=1e-12)
    assert found["beam"][0]["direction"] == [0.0, 0.0, 1.0]


def same_panels(experiment, found, read):
    """``read`` follows the chain of groups in the file of DIALS, and is in the frame of NeXus."""
    turn = frame(experiment)
    read = nb.Experiment(crystal=experiment.crystal, beam=read.beam, detector=read.detector)
    panels = found["detector"][0]["panels"]
    for panel, a, b in zip(panels, read.geometries, experiment.geometries, strict=True):
        np.testing.assert_allclose(a.origin, turn @ b.origin, atol=1e-9)
        np.testing.assert_allclose(a.fast, turn @ b.fast, atol=1e-12)
        np.testing.assert_allclose(a.slow, turn @ b.slow, atol=1e-12)
        np.testing.assert_allclose(panel["pixel_size"], experiment.detector.pixel_size, rtol=1e-12)
        assert panel["image_size"] == list(experiment.detector.pixels[::-1])  # those of the largest, for all


def same_rotation(experiment, found):
    if experiment.scan is None:
        assert len(found["experiment"]) == 3
        assert found["scan"] == found["goniometer"] == []
        return
    (scan,), (goniometer,) = found["scan"], found["goniometer"]
    assert scan["image_range"] == [1, 3]
    np.testing.assert_allclose(scan["oscillation"], [5.0, 0.3], atol=1e-9)
    assert scan["exposure_time"] == 3 * [experiment.beam.exposure]
    (axis,) = goniometer.get("axes") or [goniometer["rotation_axis"]]
    np.testing.assert_allclose(axis, TO_DIALS @ frame(experiment) @ experiment.spindle, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("detector", [TILTED, LISTED], ids=["tilted", "panels"])
@pytest.mark.parametrize("scan", [SCAN, None], ids=["rotation", "still"])
def test_spots_are_found_where_they_were_written(tmp_path, detector, scan):
    experiment = described(detector, scan)
    image = np.random.default_rng(1).poisson(5.0, detector.shape).astype(np.int32)
    panels = image.reshape(-1, 20, 30)
    peaks = {(0, 7, 11), (1, 5, 22), (2, 14, 3)} if len(panels) == 3 else {(0, 7, 11), (0, 14, 22)}
    for panel, slow, fast in peaks:
        panels[panel, slow - 1 : slow + 2, fast - 1 : fast + 2] += 500
    nb.write_cbf(tmp_path / "a_0001.cbf", experiment, image)
    imported(tmp_path, "a_0001.cbf")
    dials(tmp_path, "find_spots", "found.expt", "nproc=1")
    told = dials(tmp_path, "show", "strong.refl", "show_all_reflection_data=True", "max_reflections=9")
    rows = re.findall(r"\n +0 +(\d) .*? ([\d.]+), +([\d.]+), 0\.50", told)
    assert {(int(panel), int(float(slow)), int(float(fast))) for panel, fast, slow in rows} == peaks


@pytest.mark.slow
def test_sensor_is_corrected_for(tmp_path):
    """A mini header tells of it; beside a full one, DIALS has to be told."""
    sensor = {"detector.sensor_material": "Si", "detector.sensor_thickness": 0.45}
    for name, detector, words in (
        ("mini", FLAT, ()),
        ("full", TILTED, [f"geometry.detector.panel.{x}" for x in
                          ("material=Si", "thickness=0.45", "parallax_correction=True")]),
    ):  # fmt: skip
        nb.write_cbf(tmp_path / f"{name}_1.cbf", described(detector, SCAN).replace(**sensor), np.zeros((20, 30)))
        _, found = imported(tmp_path, f"{name}_1.cbf", *words)
        (panel,) = found["detector"][0]["panels"]
        assert (panel["material"], panel["thickness"]) == ("Si", pytest.approx(0.45))
        strategy = panel["px_mm_strategy"]
        assert strategy["type"] == "ParallaxCorrectedPxMmStrategy", name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mini", "smv"])
def test_stills_that_tell_of_no_rotation_become_stills_on_request(tmp_path, kind):
    experiment = described(FLAT, None)
    for i in (1, 2):
        if kind == "mini":
            nb.write_cbf(tmp_path / f"a_{i}.x", experiment, np.zeros((20, 30)), kind="mini")
        else:
            nb.write_smv(tmp_path / f"a_{i}.x", experiment, np.zeros((20, 30)))
    _, found = imported(tmp_path, "a_1.x", "a_2.x", "convert_sequences_to_stills=True")
    assert len(found["experiment"]) == 2
    assert found["scan"] == found["goniometer"] == []
