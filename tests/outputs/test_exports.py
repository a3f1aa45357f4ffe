"""What other programs are given: experiment lists of DIALS, geometry of CrystFEL, tables of reflections."""

import csv
import json
import math
import os
import re
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import scenes

import nbnumba as nb
from nbnumba.outputs.nexus_geometry import frame
from nbnumba.prediction import hits

TO_DIALS = np.diag([-1.0, 1.0, -1.0])  # from the frame of NeXus
TILTED = {"detector.pixels": (60, 50), "detector.rotation": (3.0, -4.0, 20.0), "detector.twotheta": 15.0}
SCAN = {"scan.start": 5.0, "scan.width": 2.0}
EXPERIMENTS = {
    "still": scenes.still(**TILTED),
    "scan": scenes.still(**TILTED, **SCAN, **{"scan.axis": (0.1, 0.2, 1.0)}),
    "backwards": scenes.still(**TILTED, **SCAN | {"scan.width": -2.0}),
    "panels": scenes.still(**TILTED, **SCAN).with_panels(slow=3, fast=2),
    "beam aside": scenes.still(**TILTED, **{"beam.direction": (1, 0.1, -0.2), "beam.stokes": (1.0, 0.3, 0.5, 0.1)}),
}


def written(folder, experiment, images=2, kind="int32"):
    image = np.zeros((images, *experiment.detector.shape), kind)
    return nb.write_nexus(folder / "images.h5", experiment, image)


# --- DIALS -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_dials_geometry_is_that_of_the_images(tmp_path, name):
    """As read from both files: what is in the list is what NXmx says, which DIALS was seen to read."""
    experiment = EXPERIMENTS[name]
    listed = nb.read_geometry(nb.write_dials(tmp_path / "a.expt", experiment, images=2))
    stored = nb.read_geometry(written(tmp_path, experiment))
    model = nb.Crystal(cell=(30, 40, 50, 90, 90, 90))
    a, b = (nb.Experiment(crystal=model, beam=found.beam, detector=found.detector) for found in (listed, stored))
    assert a.detector.pixels == b.detector.pixels
    for one, other in zip(a.geometries, b.geometries, strict=True):
        for field in ("origin", "fast", "slow", "normal"):
            np.testing.assert_allclose(getattr(one, field), getattr(other, field), atol=1e-9)
    np.testing.assert_allclose(a.beam_direction, b.beam_direction, atol=1e-12)
    assert a.beam.wavelength == pytest.approx(experiment.beam.wavelength, rel=1e-14)
    assert a.beam.kahn == pytest.approx(experiment.beam.kahn, rel=1e-12)
    assert abs(np.dot(a.electric_axis, b.electric_axis)) == pytest.approx(1.0, abs=1e-9)
    if experiment.scan:
        np.testing.assert_allclose(listed.spindle, stored.spindle, atol=1e-12)
        assert listed.oscillation == pytest.approx(stored.oscillation)
    else:
        assert listed.spindle is None


def test_a_turn_backwards_is_one_forwards_about_the_opposite_axis(tmp_path):
    """dxtbx refuses rotations of negative width (oscillation_[1] >= 0)."""
    experiment = EXPERIMENTS["backwards"]
    file = written(tmp_path, experiment, images=3)
    for told in (file, nb.write_dials(tmp_path / "a.expt", experiment, images=3)):
        found = nb.read_geometry(told)
        assert found.oscillation == pytest.approx((-5.0, 2.0))
        np.testing.assert_allclose(found.spindle, -frame(experiment) @ experiment.spindle, atol=1e-12)
    with h5py.File(file) as opened:
        axes = opened["entry/sample/transformations"]
        assert axes["omega"][()].tolist() == [-5.0, -3.0, -1.0]
        assert axes["omega_end"][()].tolist() == [-3.0, -1.0, 1.0]
    assert nb.read_nexus(file)[0] == experiment
    experiment.to_toml(tmp_path / "e.toml")
    assert nb.Experiment.from_toml(tmp_path / "e.toml", like=file) == experiment


def test_dials_crystal_is_the_true_one(tmp_path):
    experiment = EXPERIMENTS["scan"]
    tree = json.loads(nb.write_dials(tmp_path / "a.expt", experiment, images=7).read_text())
    (crystal,) = tree["crystal"]
    axes = np.array([crystal[f"real_space_{name}"] for name in "abc"])
    np.testing.assert_allclose(axes, experiment.crystal.axes @ (TO_DIALS @ frame(experiment)).T, atol=1e-12)
    assert crystal["space_group_hall_symbol"] == " P 1"
    assert crystal["mosaicity"] == 0.0
    assert tree["scan"][0]["oscillation"] == [5.0, 2.0]
    assert tree["scan"][0]["image_range"] == [1, 7]
    assert tree["imageset"] == []


def test_dials_stills_of_two_lattices_name_their_images(tmp_path):
    experiment = scenes.still(**{"crystal.mosaic.spread": 0.3})
    experiment = experiment.replace(lattices=(experiment.crystal,))
    file = written(tmp_path, experiment, images=3)
    tree = json.loads(nb.write_dials(tmp_path / "a.expt", experiment, file=file).read_text())
    assert [(e["imageset"], e["crystal"]) for e in tree["experiment"]] == [(i, c) for i in range(3) for c in (0, 1)]
    assert [each["single_file_indices"] for each in tree["imageset"]] == [[0], [1], [2]]
    assert tree["imageset"][0]["images"] == [str(file)]
    assert len({e["identifier"] for e in tree["experiment"]}) == 6
    assert tree["crystal"][0]["ML_half_mosaicity_deg"] == 0.3
    assert tree["crystal"][0]["ML_domain_size_ang"] == pytest.approx(3 * 35.7)
    assert "goniometer" not in tree["experiment"][0]


def test_stills_keep_their_own_wavelengths(tmp_path):
    experiment, image = scenes.still(), np.zeros((3, 12, 17), "int32")
    beams = [nb.Beam(wavelength=wavelength) for wavelength in (1.0, 1.1, 1.2)]
    file = nb.write_nexus(tmp_path / "a.h5", experiment, image, beams=beams)
    nb.write_dials(tmp_path / "a.expt", experiment, file=file)
    for number, beam in enumerate(beams):
        assert nb.read_geometry(tmp_path / "a.expt", number=number).beam.wavelength == beam.wavelength


@pytest.mark.parametrize("distribution", ["nanobragg", "gaussian"])
def test_dials_mosaicity_is_the_deviation_of_domains(tmp_path, distribution):
    mosaic = nb.Mosaic(spread=2.0, domains=4000, distribution=distribution, sequence="low-discrepancy")
    experiment = scenes.still(**SCAN, **{"crystal.mosaic": mosaic})
    tree = json.loads(nb.write_dials(tmp_path / "a.expt", experiment).read_text())
    turns = mosaic.rotations()
    about_z = np.degrees((turns[:, 1, 0] - turns[:, 0, 1]) / 2.0)  # of small turns
    assert tree["crystal"][0]["mosaicity"] == pytest.approx(about_z.std(), rel=0.01)  # of 4000 domains


def test_a_sensor_is_told_to_dials(tmp_path):
    sensor = {"detector.sensor_material": "Si", "detector.sensor_thickness": 0.45}
    experiment = scenes.still(**sensor)
    (panel,) = json.loads(nb.write_dials(tmp_path / "a.expt", experiment).read_text())["detector"][0]["panels"]
    assert (panel["thickness"], panel["material"]) == (0.45, "Si")
    assert panel["mu"] == experiment.sensor_mu
    assert panel["px_mm_strategy"] == {"type": "ParallaxCorrectedPxMmStrategy"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"detector.curvature": "spherical"}, "curvature"),
        ({"crystal.orientation": ((30, 0, 0), (0, 40, 0), (0, 0, -50))}, "left-handed"),
    ],
)
def test_what_dials_has_not_is_refused(tmp_path, changes, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.write_dials(tmp_path / "a.expt", scenes.still(**changes))
    assert not list(tmp_path.iterdir())


def test_a_file_without_experiment_is_refused(tmp_path):
    file = tmp_path / "a.npy"
    np.save(file, np.zeros((2, 2)))
    with pytest.raises(nb.NbnumbaError, match="no experiment"):
        nb.write_dials(tmp_path / "a.expt", scenes.still(), file=file)


# --- CrystFEL --------------------------------------------------------------------------------------------------------


def fields(file):
    """Fields of a geometry file: those of all panels, and of each."""
    common, panels = {}, {}
    for key, value in re.findall(r"^(\S+) = (.*)$", file.read_text(), re.MULTILINE):
        panel, _, name = key.rpartition("/")
        (panels.setdefault(panel, {}) if panel else common)[name] = value
    return common, panels


def vector(text):
    found = re.fullmatch(r"(.+)x (.+)y (.+)z", text)
    return np.array([float(x) for x in found.groups()])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_crystfel_pixels_are_where_they_were_simulated(tmp_path, name):
    experiment = EXPERIMENTS[name]
    common, panels = fields(nb.write_crystfel(tmp_path / "a.geom", experiment, file=written(tmp_path, experiment)))
    size = 1.0 / float(common["res"])
    stored = nb.read_image(tmp_path / "images.h5").shape
    for number, (panel, place) in enumerate(zip(panels.values(), experiment.geometries, strict=True)):
        along = float(common["clen"]) + float(panel["coffset"])
        corner = np.array([float(panel["corner_x"]) * size, float(panel["corner_y"]) * size, along])
        for fs, ss in ((0.5, 0.5), (7.5, 3.5)):
            found = corner + size * (fs * vector(panel["fs"]) + ss * vector(panel["ss"]))
            true = np.array(place.origin) + fs * np.array(place.fast) + ss * np.array(place.slow)  # pixels of 1 mm
            np.testing.assert_allclose(1e3 * found, frame(experiment) @ true, atol=1e-8)
        slow, fast = experiment.detector.size_of(number)
        assert int(panel["min_fs"]) == 0
        assert int(panel["max_fs"]) == fast - 1
        assert int(panel["max_ss"]) - int(panel["min_ss"]) == slow - 1
        assert int(panel["max_ss"]) < math.prod(stored[:-1])
    assert float(common["photon_energy"]) == pytest.approx(12398.4198 / experiment.beam.wavelength)
    assert common["data"] == "/entry/data/data"
    assert common["mask0_data"] == "/entry/instrument/detector/pixel_mask"
    assert float(common["max_adu"]) == 2**31 - 3


def test_crystfel_gain_is_that_of_the_response(tmp_path):
    experiment = scenes.still(**{"response.gain": 2.5})
    common, _ = fields(nb.write_crystfel(tmp_path / "a.geom", experiment))
    assert float(common["adu_per_photon"]) == 2.5
    assert "mask0_data" not in common


def test_crystfel_has_no_curved_detectors(tmp_path):
    with pytest.raises(nb.NbnumbaError, match="curvature"):
        nb.write_crystfel(tmp_path / "a.geom", scenes.still(**{"detector.curvature": "spherical"}))


def test_cfelpyutils_reads_the_geometry(tmp_path):
    utils = pytest.importorskip("cfelpyutils.geometry.crystfel_utils", reason="cfelpyutils is not installed")
    experiment = EXPERIMENTS["panels"]
    nb.write_crystfel(tmp_path / "a.geom", experiment, file=written(tmp_path, experiment))
    found = utils.load_crystfel_geometry(str(tmp_path / "a.geom"))
    panels = found.detector["panels"]
    assert len(panels) == 6
    assert found.beam["photon_energy"] == pytest.approx(12398.4198 / experiment.beam.wavelength)
    for panel, place in zip(panels.values(), experiment.geometries, strict=True):
        corner = [panel["cnx"], panel["cny"], 1e3 * (panel["clen"] + panel["coffset"])]  # pixels of 1 mm
        np.testing.assert_allclose(corner, frame(experiment) @ place.origin, atol=1e-8)
        np.testing.assert_allclose([panel[f"fs{x}"] for x in "xyz"], frame(experiment) @ place.fast, atol=1e-10)


# --- reflections -----------------------------------------------------------------------------------------------------

LARGE = {"detector.pixels": (80, 60), "detector.pixel_size": 2.0}


def test_every_passage_through_the_sphere_is_listed():
    """Against one reflection after another, over more than a turn of the spindle."""
    hkl = np.argwhere(np.ones((9, 9, 9))) - 4
    reflections = nb.Reflections(hkl, np.arange(len(hkl), dtype=float))
    changes = {"scan.start": 100.0, "scan.width": -50.0, "crystal.reflections": reflections, "crystal.default_f": 0.0}
    experiment = scenes.still(**LARGE, **changes)
    table = nb.predict_reflections(experiment, images=9)  # from 100 to -350 degrees
    table = table[table["excitation_error_per_A"] == 0.0]
    expected = []
    for index, f in zip(hkl.tolist(), reflections.amplitude, strict=True):
        for hit in hits(experiment, *index)[1:] if any(index) and f else []:
            angles = [hit.angle + turn for turn in (-720.0, -360.0, 0.0, 360.0)]
            expected += [(*index, f, hit.slow, hit.fast, a) for a in angles if hit.on_detector and -350 <= a <= 100]
    names = ["h", "k", "l", "amplitude", "slow", "fast", "phi_degrees"]
    by_name_and_angle = lambda row: (*row[:4], row[-1])  # noqa: E731
    found = sorted(table[names].tolist(), key=by_name_and_angle)
    assert len(found) == len(expected) > 100
    np.testing.assert_allclose(found, sorted(expected, key=by_name_and_angle), atol=1e-6)
    np.testing.assert_array_equal(table["image"], np.floor((100.0 - table["phi_degrees"]) / 50.0))
    np.testing.assert_array_equal(table["intensity"], table["amplitude"] ** 2)
    spacing = [experiment.resolution(row["slow"], row["fast"]) for row in table]
    np.testing.assert_allclose(table["d_A"], spacing, rtol=1e-9)
    assert (np.diff(table["image"]) >= 0).all()


def test_reflections_near_the_sphere_at_the_end_of_a_turn_are_listed():
    experiment = scenes.still(**LARGE, **SCAN)
    table = nb.predict_reflections(experiment)
    reach = 1.0 / min(experiment.crystal.size)
    off = np.abs(table["excitation_error_per_A"])
    assert 0.0 < off.max() <= reach
    assert set(table["phi_degrees"][off > 0.0]) == {5.0, 7.0}


def test_bright_spots_of_a_still_are_listed():
    experiment = scenes.still(**LARGE, **{"crystal.cells": (25, 20, 15), "sampling.oversample": 3})
    table = nb.predict_reflections(experiment)
    image = nb.simulate(experiment)
    for slow, fast in np.argwhere(image > 0.1 * image.max()):  # above the transform's first side lobe, 0.05
        apart = np.hypot(table["slow"] - slow - 0.5, table["fast"] - fast - 0.5)
        assert apart.min() < 1.5, (slow, fast, apart.min())  # half a pixel's diagonal, and the spot's own width
    few = nb.predict_reflections(experiment.replace(**{"crystal.cells": (100, 100, 100)}))
    wide = nb.predict_reflections(experiment.replace(**{"crystal.mosaic.spread": 2.0}))
    assert len(few) < len(table) < len(wide)


def test_default_amplitudes_fill_what_the_list_leaves_out():
    known = nb.Reflections([[1, -2, 3], [2, 2, -1]], [50.0, 0.0])
    changes = {"crystal.reflections": known, "scan.width": 180.0}
    experiment = scenes.still(**LARGE, **changes)
    table = nb.predict_reflections(experiment)
    by = {(row["h"], row["k"], row["l"]): row["amplitude"] for row in table}
    assert by[1, -2, 3] == 50.0
    assert (2, 2, -1) not in by
    assert set(by.values()) == {10.0, 50.0}
    cut = nb.predict_reflections(experiment.replace(**{"sampling.dmin": 4.0}))
    assert len(cut) == (table["d_A"] >= 4.0).sum() > 0


def test_lattices_and_panels_are_numbered():
    experiment = scenes.still(**LARGE, **{"scan.width": 4.0}).with_panels(slow=2, fast=1)
    other = experiment.replace(**{"crystal.misset": (50.0, 60.0, 70.0)}).crystal
    table = nb.predict_reflections(experiment.replace(lattices=(other,)))
    for number, crystal in enumerate((experiment.crystal, other)):
        alone = nb.predict_reflections(experiment.replace(crystal=crystal))
        names = [name for name in alone.dtype.names if name != "lattice"]
        np.testing.assert_array_equal(table[names][table["lattice"] == number], alone[names])
    assert set(table["panel"]) == {0, 1}


def test_the_table_as_text(tmp_path):
    experiment = scenes.still(**LARGE, **SCAN)
    with open(nb.write_reflections(tmp_path / "a.csv", experiment, images=3), newline="") as file:
        rows = list(csv.DictReader(file))
    table = nb.predict_reflections(experiment, 3)
    assert len(rows) == len(table)
    for name in table.dtype.names:
        np.testing.assert_allclose([float(row[name]) for row in rows], table[name], rtol=1e-8)


def test_several_experiments_may_come_one_by_one(tmp_path):
    experiment = scenes.still(**LARGE, **SCAN)
    listed = nb.write_reflections(tmp_path / "a.csv", [experiment, experiment])
    given = nb.write_reflections(tmp_path / "b.csv", (experiment for _ in range(2)))
    assert given.read_bytes() == listed.read_bytes()


# --- against DIALS ---------------------------------------------------------------------------------------------------

COLUMNS = """
import json, sys
from dials.array_family import flex
t = flex.reflection_table.from_file(sys.argv[1])
print(json.dumps([[int(i), *map(int, h), int(p), *xyz] for i, h, p, xyz in zip(
    t["id"], t["miller_index"], t["panel"], t["xyzcal.px"])]))
"""


def predicted_by_dials(folder):
    """Rows experiment, h, k, l, panel, fast, slow, image."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    how = {"cwd": folder, "env": environment, "capture_output": True, "text": True, "timeout": 120, "check": True}
    subprocess.run(["dials.predict", "a.expt", "output=a.refl"], **how)
    with open(shutil.which("dials.predict"), encoding="utf-8") as program:
        python = program.readline().removeprefix("#!").split()
    done = subprocess.run([*python, "-c", COLUMNS, "a.refl"], **how)
    return np.array(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.dials
@pytest.mark.skipif(shutil.which("dials.predict") is None, reason="the DIALS programs are not on PATH")
@pytest.mark.parametrize("name", ["scan", "backwards", "panels", "still"])
def test_dials_predicts_the_spots_where_we_do(tmp_path, name):
    experiment = EXPERIMENTS[name].replace(**{"crystal.cells": (30, 30, 30)})
    file = written(tmp_path, experiment, images=20 if experiment.scan else 1)
    nb.write_dials(tmp_path / "a.expt", experiment, file=file)
    theirs = predicted_by_dials(tmp_path)
    table = nb.predict_reflections(experiment, 20)
    if experiment.scan:  # DIALS leaves out those that the ends of the turn cut off
        table = table[table["excitation_error_per_A"] == 0.0]
    phi = (table["phi_degrees"] - 5.0) / experiment.scan.width if experiment.scan else np.zeros(len(table))
    ours = np.column_stack([table[n] for n in ("h", "k", "l", "panel", "fast", "slow")] + [phi])
    if experiment.scan:
        assert len(theirs) == len(ours) > 100
        order, other = (np.lexsort(np.rint(rows[:, [6, 2, 1, 0]] * 1e3).T) for rows in (ours, theirs[:, 1:]))
        np.testing.assert_allclose(ours[order], theirs[other, 1:], atol=1e-5)
        return
    # Of stills DIALS turns each reflection onto the sphere, and has another rule for which ones are seen.
    mine = {tuple(row[:4]): row[4:6] for row in ours}
    assert len(theirs) > 10
    for row in theirs[:, 1:]:
        assert np.hypot(*(mine[tuple(row[:4])] - row[4:6])) < 0.5
