"""Geometry of images as instruments write them, and experiments that are simulated like one."""

import hashlib
import json
import math
import os
import shutil
import subprocess

import h5py
import measured
import numpy as np
import pytest
import scenes
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.contents import file_report
from nbnumba.outputs.nexus_geometry import frame

fabio = pytest.importorskip("fabio", reason="fabio is not installed")

TO_DIALS = np.diag([-1.0, 1.0, -1.0])  # from the frame of NeXus


def corner(found):
    """Outer corner of the first pixel [mm], and the axes."""
    model = nb.Crystal(cell=(30, 40, 50, 90, 90, 90))
    place = nb.Experiment(crystal=model, beam=found.beam, detector=found.detector).geometry
    return np.array(place.origin), np.array(place.fast), np.array(place.slow)


# --- miniCBF ---------------------------------------------------------------------------------------------------------


def test_a_pilatus_image(tmp_path):
    found = nb.read_geometry(measured.cbf(tmp_path / "a_00001.cbf", mini=measured.MINI))
    origin, fast, slow = corner(found)
    np.testing.assert_allclose(origin, [731.25 * 0.172, 98.5 * 0.172, 123.4], rtol=1e-12)
    np.testing.assert_allclose(fast, [-1, 0, 0])  # to the right, as the source sees it
    np.testing.assert_allclose(slow, [0, -1, 0])
    assert found.detector.pixels == measured.SHAPE
    assert found.detector.pixel_size == 0.172
    assert (found.detector.sensor_material, found.detector.sensor_thickness) == ("Si", 0.32)
    np.testing.assert_array_equal(found.detector.mask.pixels, measured.pixels() >= 0)
    assert found.beam.wavelength == 0.97918
    assert found.beam.polarization == pytest.approx(0.98)
    assert found.spindle == (-1.0, 0.0, 0.0)
    assert found.oscillation == (30.5, 0.25)


def test_an_eiger_image_of_cadmium_telluride_that_stood_still(tmp_path):
    header = measured.MINI.replace("Silicon sensor, thickness 0.000320 m", "CdTe sensor, thickness 0.000750 m")
    header = header.replace("Angle_increment 0.2500", "Angle_increment 0.0000").replace("# Polarization 0.990\n", "")
    found = nb.read_geometry(measured.cbf(tmp_path / "a_00001.cbf", mini=header))
    assert (found.detector.sensor_material, found.detector.sensor_thickness) == ("CdTe", 0.75)
    assert found.oscillation is None
    assert found.beam.polarization == 0.0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("# Beam_xy (731.25, 98.50) pixels\n", "", "found no Beam_xy in its header"),
        ("172e-6 m x 172e-6", "172e-6 m x 171e-6", "Pixel_size .*found 0.000172 and 0.000171"),
        ("Detector_2theta 0.0000", "Detector_2theta 3.0", "found Detector_2theta"),
        ("# Wavelength 0.97918 A\n", "", "beam.wavelength"),
    ],
)
def test_mini_headers_that_are_refused(tmp_path, old, new, words):
    path = measured.cbf(tmp_path / "a_00001.cbf", mini=measured.MINI.replace(old, new))
    with pytest.raises(nb.NbnumbaError, match=words) as caught:
        nb.read_geometry(path)
    assert str(path) in str(caught.value)


# --- imgCIF ----------------------------------------------------------------------------------------------------------


def test_imgcif_with_comments_about_the_sensor(tmp_path):
    experiment = scenes.still(**SCAN, **{"detector.sensor_material": "Si", "detector.sensor_thickness": 0.32})
    image = np.ones(experiment.detector.shape, np.int32)
    found = nb.read_geometry(nb.write_cbf(tmp_path / "a_0001.cbf", experiment, image, kind="full")).detector
    assert (found.sensor_material, found.sensor_thickness) == ("Si", 0.32)


def test_axes_of_imgcif(tmp_path):
    """By hand: the arm turns by 10 degrees about y, which takes (x, y, z) to (x cos + z sin, y, z cos - x sin)."""
    found = nb.read_geometry(measured.cbf(tmp_path / "a_00001.cbf", imgcif=measured.IMGCIF))
    origin, fast, slow = corner(found)
    c, s = math.cos(math.radians(10.0)), math.sin(math.radians(10.0))
    x, y, z = -125.775, 16.942, -123.4
    np.testing.assert_allclose(TO_DIALS @ origin, [x * c + z * s, y, z * c - x * s], rtol=1e-12)
    np.testing.assert_allclose(TO_DIALS @ fast, [c, 0, -s], atol=1e-12)
    np.testing.assert_allclose(slow, [0, -1, 0], atol=1e-12)
    assert found.detector.pixels == measured.SHAPE
    np.testing.assert_array_equal(found.detector.mask.pixels, measured.pixels() >= 0)
    assert (found.beam.wavelength, found.beam.polarization) == (0.97918, 0.8)
    normal = TO_DIALS @ np.cross(found.beam.direction, found.beam.polarization_axis)
    tilt = math.radians(20.0)
    assert abs(normal @ [math.sin(tilt), math.cos(tilt), 0.0]) == pytest.approx(1.0)
    assert found.spindle == (-1.0, 0.0, 0.0)
    assert found.oscillation == (30.5, 0.25)  # of this image, not of the first one of the scan


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("depends_on\n_axis.vector", "dep\n_axis.vector", "side by side"),
        ("DETECTOR_Z translation detector DETECTOR_2THETA", "DETECTOR_Z translation detector NOWHERE", "NOWHERE"),
        ("DETECTOR_2THETA rotation detector .", "DETECTOR_2THETA rotation detector DETECTOR_Z", "does not end"),
        ("increasing ELEMENT_X", "decreasing ELEMENT_X", "decreasing"),
        ("ELEMENT_Y ELEMENT_Y 0.0 0.172", "ELEMENT_Y ELEMENT_Y 0.0 0.1", "pixel sizes"),
    ],
)
def test_imgcif_headers_that_are_refused(tmp_path, old, new, words):
    assert old in measured.IMGCIF
    path = measured.cbf(tmp_path / "a_00001.cbf", imgcif=measured.IMGCIF.replace(old, new))
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.read_geometry(path)


# --- images of ours --------------------------------------------------------------------------------------------------

TILTED = {"detector.pixels": (30, 40), "detector.rotation": (3.0, -4.0, 20.0), "detector.twotheta": 15.0}
SCAN = {"scan.start": 5.0, "scan.width": 2.0}
FLAT = scenes.still(**SCAN, **{"detector.pixels": (30, 40), "scan.axis": (0.0, 0.0, 1.0)})
OURS = {
    "mini": (FLAT, lambda path, e, image: nb.write_cbf(path, e, image, kind="mini")),
    "full": (scenes.still(**TILTED, **SCAN), lambda path, e, image: nb.write_cbf(path, e, image, kind="full")),
    "panels": (
        scenes.still(**TILTED).with_panels(slow=3, fast=2),
        lambda path, e, image: nb.write_cbf(path, e, image, kind="full"),
    ),
    "smv": (FLAT, nb.write_smv),
}


@pytest.mark.parametrize("name", OURS)
def test_what_we_write_is_read(tmp_path, name):
    """As from NXmx."""
    experiment, write = OURS[name]
    image = np.ones(experiment.detector.shape, np.int32)
    found = nb.read_geometry(write(tmp_path / "a_0001", experiment, image))
    model = nb.Experiment(crystal=experiment.crystal, beam=found.beam, detector=found.detector)
    for one, other in zip(model.geometries, experiment.geometries, strict=True):
        for field in ("origin", "fast", "slow"):
            np.testing.assert_allclose(
                getattr(one, field), frame(experiment) @ getattr(other, field), atol=1e-8
            )  # of 12 digits
    assert found.beam.wavelength == pytest.approx(experiment.beam.wavelength, rel=1e-11)
    if experiment.scan:
        assert found.oscillation == pytest.approx((5.0, 2.0))
        np.testing.assert_allclose(found.spindle, frame(experiment) @ experiment.spindle, atol=1e-12)
    else:
        assert found.oscillation is None


@pytest.mark.parametrize("scan", [SCAN, {}])
def test_oscillations_of_nxmx_and_dials(tmp_path, scan):
    experiment = scenes.still(**scan)
    nb.write_nexus(tmp_path / "a.h5", experiment, np.ones((2, *experiment.detector.shape), "f4"))
    nb.write_dials(tmp_path / "a.expt", experiment, images=2)
    for name in ("a.h5", "a.expt"):
        assert nb.read_geometry(tmp_path / name).oscillation == ((5.0, 2.0) if scan else None)


def test_the_sensor_of_nxmx(tmp_path):
    experiment = scenes.still(**{"detector.sensor_material": "CdTe", "detector.sensor_thickness": 0.75})
    nb.write_nexus(tmp_path / "a.h5", experiment, np.ones(experiment.detector.shape, "f4"))
    found = nb.read_geometry(tmp_path / "a.h5").detector
    assert (found.sensor_material, found.sensor_thickness) == ("CdTe", 0.75)


# --- SMV -------------------------------------------------------------------------------------------------------------


def test_an_adsc_image(tmp_path):
    found = nb.read_geometry(measured.smv(tmp_path / "a_001.img"))
    origin, fast, slow = corner(found)
    np.testing.assert_allclose(origin, [10.35, 7.9, 250.0])  # X of the header runs along slow
    np.testing.assert_allclose(fast, [-1, 0, 0])
    np.testing.assert_allclose(slow, [0, -1, 0])
    assert found.detector.pixels == (160, 200)
    assert found.detector.pixel_size == 0.1024
    assert found.detector.mask is None
    assert found.beam.wavelength == 0.97918
    assert found.oscillation == (30.5, 0.25)


def test_an_image_of_nanobragg(tmp_path):
    """Its header tells the beam centre as XDS counts it, whose pixel 1 is the middle of the first one."""
    path = measured.smv(tmp_path / "a_001.img", XDS_ORGX="101.5", XDS_ORGY="50.25", CLOSE_DISTANCE="90")
    origin, _, _ = corner(nb.read_geometry(path))
    np.testing.assert_allclose(origin, [101.0 * 0.1024, 49.75 * 0.1024, 90.0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DISTANCE": None}, "found no DISTANCE in its header"),
        ({"TWOTHETA": "5.0"}, "found TWOTHETA=5.0"),
        ({"PIXEL_SIZE": "wide"}, "PIXEL_SIZE='wide'"),
    ],
)
def test_smv_headers_that_are_refused(tmp_path, changes, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.read_geometry(measured.smv(tmp_path / "a_001.img", **changes))


def test_an_image_has_one_detector(tmp_path):
    with pytest.raises(nb.NbnumbaError, match="number: found 1; allowed: 0"):
        nb.read_geometry(measured.smv(tmp_path / "a_001.img"), number=1)


# --- against DIALS ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.dials
@pytest.mark.skipif(shutil.which("dials.import") is None, reason="the DIALS programs are not on PATH")
@pytest.mark.parametrize("name", ["mini_00001.cbf", "imgcif_00001.cbf", "adsc_001.img"])
def test_dials_reads_the_same_geometry(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".img":
        measured.smv(path)
    else:
        measured.cbf(path, **{path.stem.partition("_")[0]: measured.MINI if "mini" in name else measured.IMGCIF})
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    subprocess.run(["dials.import", name], cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=True)
    ours, theirs = nb.read_geometry(path), nb.read_geometry(tmp_path / "imported.expt")
    for mine, other in zip(corner(ours), corner(theirs), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-9)
    assert ours.detector.pixels == theirs.detector.pixels
    assert ours.beam.wavelength == pytest.approx(theirs.beam.wavelength)
    assert ours.detector.sensor_thickness == pytest.approx(theirs.detector.sensor_thickness)
    assert ours.oscillation == pytest.approx(theirs.oscillation)
    np.testing.assert_allclose(ours.spindle, theirs.spindle, atol=1e-12)


# --- simulated like one ----------------------------------------------------------------------------------------------

CRYSTAL = "[crystal]\ncell = [50, 60, 70, 90, 90, 90]\ncells = [5, 5, 5]\ndefault_f = 10.0\n"


@pytest.fixture
def toml(tmp_path):
    file = tmp_path / "crystal.toml"
    file.write_text(CRYSTAL)
    return file


def test_a_crystal_like_an_image(tmp_path, toml):
    image = measured.cbf(tmp_path / "a_00001.cbf", mini=measured.MINI)
    experiment = nb.Experiment.from_toml(toml, like=image)
    found = nb.read_geometry(image)
    assert experiment.detector == found.detector
    assert experiment.beam == found.beam
    assert (experiment.scan.start, experiment.scan.width, experiment.scan.steps) == (30.5, 0.25, 10)
    assert experiment.scan.axis == found.spindle
    assert nb.Experiment.from_toml(experiment.to_toml(inline=True)) == experiment


def test_the_rest_stays_and_settings_win(tmp_path, toml):
    toml.write_text(
        CRYSTAL + "[beam]\nwavelength = 1.5\nflux = 1e12\nsize = 0.03\npolarization = 0.3\n"
        "[detector]\npixels = [10, 10]\npixel_size = 1.0\nsensor_thickness = 1.0\nsensor_mu = 2.0\n"
        "[scan]\nwidth = 3.0\nsteps = 4\n[sampling]\noversample = 2\n"
    )
    image = measured.smv(tmp_path / "a_001.img")
    changes = {"detector.distance": 300.0, "detector.beam_center": (9.0, 8.0), "scan.width": 0.5}
    experiment = nb.Experiment.from_toml(toml, changes, like=image)
    assert experiment.beam.wavelength == 0.97918
    assert (experiment.beam.flux, experiment.beam.size, experiment.beam.polarization) == (1e12, 0.03, 0.3)
    assert experiment.detector.sensor_mu == 0.0
    assert experiment.geometry.distance == pytest.approx(300.0)
    np.testing.assert_allclose(experiment.geometry.beam_center, (9.0, 8.0))
    assert (experiment.scan.start, experiment.scan.width, experiment.scan.steps) == (30.5, 0.5, 4)
    assert experiment.sampling.oversample == 2


@pytest.mark.parametrize("changes", [{}, SCAN])
def test_a_file_of_ours_gives_its_own_frame(tmp_path, toml, changes):
    """A crystal alone, like an image of it, is that image again."""
    experiment = nb.Experiment.from_toml(
        CRYSTAL + "[beam]\nwavelength = 1.1\n[detector]\npixels = [20, 30]\npixel_size = 1.0\ndistance = 60.0\n"
        "[sampling]\noversample = 1\n",
        changes,
    )
    nb.write_nexus(tmp_path / "a.h5", experiment, np.ones(experiment.detector.shape, "f4"))
    again = nb.Experiment.from_toml(toml, {"sampling.oversample": 1}, like=tmp_path / "a.h5")
    assert again.replace(scan=experiment.scan) == experiment
    if changes:
        assert (again.scan.start, again.scan.width) == (5.0, 2.0)
    else:
        assert again.scan is None


def test_sources_beside_an_image_are_refused(tmp_path, toml):
    toml.write_text(CRYSTAL + "[beam]\nsources = [[-1, 0, 0, 1, 1.0]]\n")
    with pytest.raises(nb.NbnumbaError, match=r"beam.sources: found beside the geometry"):
        nb.Experiment.from_toml(toml, like=measured.smv(tmp_path / "a_001.img"))


@pytest.mark.parametrize("name", ["beam", "scan"])
def test_what_is_no_table_is_refused_beside_an_image(tmp_path, toml, name):
    toml.write_text(f"{name} = 3\n{CRYSTAL}")
    with pytest.raises(nb.NbnumbaError, match=f"{name}: found 3; allowed: a table"):
        nb.Experiment.from_toml(toml, like=measured.smv(tmp_path / "a_001.img"))


def test_without_an_image_beam_and_detector_are_needed(toml):
    with pytest.raises(nb.NbnumbaError, match=r"no table \[beam\]"):
        nb.Experiment.from_toml(toml)


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.mark.parametrize("damage", ["cut", "number", "text", "bare"])
def test_damaged_images_are_refused_by_name(tmp_path, toml, damage):
    path = tmp_path / "cut.h5"
    nb.write_nexus(path, FLAT, np.ones(FLAT.detector.shape, np.int32))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:3000])
    else:
        with h5py.File(path, "r+") as file:
            name = "entry/nbnumba/experiment"
            del file[name], file["entry/instrument"]
            file[name] = {"number": 7, "text": "neither", "bare": "beam = 3"}[damage]
    with pytest.raises(nb.NbnumbaError, match=r"cut\.h5: "):
        nb.Experiment.from_toml(toml, like=path)


def test_simulate_like_an_image(tmp_path, toml):
    image = measured.smv(tmp_path / "a_001.img", shape=(16, 20), PIXEL_SIZE="1.0")
    out = tmp_path / "out.h5"
    done = run("simulate", toml, "--like", image, "-o", out, "--set", "scan.steps=1", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["pixels"] == [16, 20]
    experiment, _ = nb.read_nexus(out)
    assert experiment == nb.Experiment.from_toml(toml, {"scan.steps": 1}, like=image)
    line = file_report(out)["provenance"]["command_line"]
    assert line.endswith(f"  # {image.name}: SHA-256 {hashlib.sha256(image.read_bytes()).hexdigest()}")
    bare = image.rename(tmp_path / "a")
    again = run("simulate", toml, "--like", bare, "-o", bare, "--overwrite")
    assert "is an input" in str(again.exception)


def test_geometry_of_an_image(tmp_path, toml):
    done = run("info", toml, "--like", measured.smv(tmp_path / "a_001.img"), "--geometry", "--json")
    assert json.loads(done.stdout)["distance_mm"] == 250.0
