"""Geometry from files: what we have written, what others write, and what is refused."""

import copy
import json
import math

import h5py
import numpy as np
import pytest
import scenes

import nbnumba as nb
from nbnumba.inputs.geometry.transformations import cumulative
from nbnumba.outputs.nexus_geometry import frame

TO_NEXUS = np.diag([-1.0, 1.0, -1.0])  # from the frame of DIALS
PANELS = (
    nb.Panel(pixels=(6, 9), origin=(80.0, 6.0, -9.0), fast=(0, 0, 1), slow=(0, -1, 0)),
    nb.Panel(pixels=(8, 5), origin=(70.0, -20.0, 9.0), fast=(0.3, 0.1, 1), slow=(-0.4, -1.0, 0.22)),
    nb.Panel(pixels=(5, 9), origin=(20.0, 60.0, -5.0), fast=(0, 0, 1), slow=(-1, 0, 0)),
)
LISTED = scenes.still(detector=nb.Detector(panels=PANELS, pixel_size=0.7))


def written(path, experiment):
    nb.write_nexus(path, experiment, np.ones(experiment.detector.shape, np.float32))
    return path


def corners(experiment):
    """Outer corners of first and last pixels [mm]."""
    size = experiment.detector.pixel_size
    return np.array(
        [
            [g.origin, np.array(g.origin) + size * (n_slow * np.array(g.slow) + n_fast * np.array(g.fast))]
            for i, g in enumerate(experiment.geometries)
            for n_slow, n_fast in [experiment.detector.size_of(i)]
        ]
    )


def placed(file):
    """An experiment with what was read."""
    return nb.Experiment(crystal=nb.Crystal(cell=(30, 40, 50, 90, 90, 90)), detector=file.detector, beam=file.beam)


# --- NXmx that we write ----------------------------------------------------------------------------------------------

TILTED = {"detector.rotation": (3.0, -4.0, 20.0), "detector.twotheta": 15.0}
MASK = nb.Mask(np.random.default_rng(1).random((12, 17)) < 0.7)
EXPERIMENTS = {
    "listed": LISTED,
    "cut": scenes.still(**TILTED, **{"detector.mask": MASK}).with_panels(slow=3, fast=1),
    "one": scenes.still(**{"detector.mask": MASK}),
    "aside": scenes.still(**{"detector.pivot": "sample", "detector.twotheta": 100.0}),
    "beam aside": scenes.still(**{"beam.direction": (1.0, 0.1, -0.2), "beam.polarization_axis": (0.3, 0.0, 1.0)}),
    **{name: scenes.still(**{"detector.convention": name, **TILTED}) for name in scenes.CONVENTIONS},
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_was_written_is_read(tmp_path, name):
    experiment = EXPERIMENTS[name]
    found = nb.read_geometry(written(tmp_path / "a.h5", experiment))
    read = placed(found)
    assert read.detector.pixel_size == experiment.detector.pixel_size
    np.testing.assert_allclose(corners(read), corners(experiment) @ frame(experiment).T, atol=1e-11)
    np.testing.assert_array_equal(read.rendered.reshape(experiment.rendered.shape), experiment.rendered)
    assert found.beam.wavelength == pytest.approx(experiment.beam.wavelength, rel=1e-15)
    assert found.beam.polarization == experiment.beam.polarization
    across = frame(experiment) @ experiment.polarization_axis
    assert abs(across[:2] @ np.array(found.beam.polarization_axis)[:2]) == pytest.approx(math.hypot(*across[:2]))
    np.testing.assert_allclose(frame(read), np.eye(3), atol=1e-15)  # a file that is read and written stays
    assert found.spindle is None
    listed = name in ("listed", "cut", "aside")  # one panel that the beam cannot face as it is placed is listed too
    assert bool(read.detector.panels) == listed


def test_images_are_those_of_the_experiment_that_was_written(tmp_path):
    """With a crystal that is turned into the frame of the file."""
    for experiment in (LISTED, scenes.still(**TILTED)):
        turn = frame(experiment)
        found = nb.read_geometry(written(tmp_path / "a.h5", experiment))
        axes = tuple(map(tuple, (experiment.crystal.axes @ turn.T).tolist()))
        crystal = nb.Crystal(orientation=axes, cells=experiment.crystal.cells, default_f=10.0)
        read = nb.Experiment(crystal=crystal, beam=found.beam, detector=found.detector, sampling=experiment.sampling)
        image = nb.simulate(experiment)
        np.testing.assert_allclose(nb.simulate(read), image, rtol=1e-6, atol=1e-9 * image.max())
        (tmp_path / "a.h5").unlink()


def test_the_spindle_of_a_scan(tmp_path):
    experiment = scenes.still(scan=nb.Scan(width=1.0, axis=(0.1, 0.2, 1.0)))
    found = nb.read_geometry(written(tmp_path / "a.h5", experiment))
    np.testing.assert_allclose(found.spindle, frame(experiment) @ experiment.spindle, atol=1e-15)


@pytest.mark.parametrize("stokes", [(1.0, 0.5, 0.3, 0.1), (2.0, -1.0, 0.0, 0.0)])
def test_stokes_parameters(tmp_path, stokes):
    experiment = scenes.still(**{"beam.polarization": 0.0, "beam.stokes": stokes, **TILTED})
    read = placed(nb.read_geometry(written(tmp_path / "a.h5", experiment))).replace(sampling=experiment.sampling)
    for pixel in ((0, 0), (11, 3)):
        here, there = next(nb.walk(read, *pixel)), next(nb.walk(experiment, *pixel))
        assert here.polarization == pytest.approx(there.polarization, rel=1e-12)


# --- NXmx that others write ------------------------------------------------------------------------------------------


def axis(group, name, value, kind, vector, depends_on, units, **attributes):
    made = group.create_dataset(name, data=value)
    made.attrs.update(
        {"transformation_type": kind, "vector": vector, "depends_on": depends_on, "units": units, **attributes}
    )


def other(path, **changes):
    """A detector of two modules in one image, turned by an arm, in metres; the second module is turned in itself."""
    with h5py.File(path, "w") as file:

        def group(name, kind):
            made = file.create_group(name)
            made.attrs["NX_class"] = np.bytes_(kind)
            return made

        group("entry", "NXentry")
        group("entry/instrument", "NXinstrument")
        beam = group("entry/instrument/beam", "NXbeam")
        beam["incident_wavelength"] = changes.get("wavelength", 0.1)
        beam["incident_wavelength"].attrs["units"] = "nm"
        detector = group("entry/instrument/ELE_D0", "NXdetector")
        arm = group("entry/instrument/ELE_D0/transformations", "NXtransformations")
        axis(arm, "two_theta", 30.0, "rotation", [0, 1, 0], ".", "deg")
        axis(arm, "det_z", changes.get("det_z", [0.2, 0.2]), "translation", [0, 0, 1], "two_theta", "m")
        axis(arm, "turn", math.pi / 2, "rotation", [0, 0, 1], "det_z", "rad", offset=[4.0, 0, 0], offset_units="mm")
        detector["depends_on"] = "transformations/det_z"
        turn = changes.get("turn", "/entry/instrument/ELE_D0/transformations/turn")
        for number, above in enumerate(("/entry/instrument/ELE_D0/transformations/det_z", turn)):
            module = group(f"entry/instrument/ELE_D0/module_{10 - number}", "NXdetector_module")
            module["data_origin"], module["data_size"] = [0, 7 * number], [5, 7]
            axis(module, "module_offset", 10.0, "translation", [-1, 0, 0], above, "mm")
            for name, vector in (("fast", [-1, 0, 0]), ("slow", [0, -1, 0])):
                axis(module, f"{name}_pixel_direction", [75.0], "translation", vector, "module_offset",
                     changes.get(f"units_{name}", "um"), offset=[0, 2, 0], offset_units="mm")  # fmt: skip
        if "pixel_mask" in changes:
            detector["pixel_mask"] = changes["pixel_mask"]
        sample = group("entry/sample", "NXsample")
        moves = group("entry/sample/transformations", "NXtransformations")
        axis(moves, "omega", [0.0, 1.0], "rotation", [-1, 0, 0], "chi", "deg")
        axis(moves, "chi", 90.0, "rotation", [0, 0, 1], ".", "deg")
        sample["depends_on"] = "/entry/sample/transformations/omega"
        for change in changes.get("edit", ()):
            change(file)
    return path


def test_chains_of_turns_and_shifts(tmp_path):
    """By hand: the arm turns (x, y, z) to (x cos + z sin, y, z cos - x sin), 30 degrees about y."""
    found = nb.read_geometry(other(tmp_path / "a.h5"))
    first, second = found.detector.panels
    sine, cosine = 0.5, math.sqrt(0.75)
    assert found.detector.pixel_size == pytest.approx(0.075)
    # In front of the arm's turn the first corner lies at (-10, 2, 200); the second module's, at (-10, 2, 0) before its
    # own quarter turn, at (-2 + 4, -10, 200).
    np.testing.assert_allclose(first.origin, (-10 * cosine + 200 * sine, 2.0, 200 * cosine + 10 * sine), rtol=1e-14)
    np.testing.assert_allclose(first.fast, (-cosine, 0.0, sine), atol=1e-15)
    np.testing.assert_allclose(first.slow, (0.0, -1.0, 0.0), atol=1e-15)
    np.testing.assert_allclose(second.origin, (2 * cosine + 200 * sine, -10.0, 200 * cosine - 2 * sine), rtol=1e-14)
    np.testing.assert_allclose(second.fast, (0.0, -1.0, 0.0), atol=1e-15)
    np.testing.assert_allclose(second.slow, (cosine, 0.0, -sine), atol=1e-15)
    assert found.beam.wavelength == pytest.approx(1.0)
    np.testing.assert_allclose(found.spindle, (0.0, -1.0, 0.0), atol=1e-15)  # carried by chi


@pytest.mark.parametrize("wavelength", [0.9003, 1.2012])
def test_a_wavelength_in_angstrom_stays_as_it_is(tmp_path, wavelength):
    def in_angstrom(file):
        file["entry/instrument/beam/incident_wavelength"].attrs["units"] = "angstrom"

    found = nb.read_geometry(other(tmp_path / "a.h5", wavelength=wavelength, edit=[in_angstrom]))
    assert found.beam.wavelength == wavelength


def test_paths_may_be_relative(tmp_path):
    first = nb.read_geometry(other(tmp_path / "a.h5"))
    assert nb.read_geometry(other(tmp_path / "b.h5", turn="../transformations/turn")) == first


def test_axes_of_turns_may_have_any_length(tmp_path):
    longer = set_attribute(f"{D}/transformations/turn", "vector", [0, 0, 2])
    assert nb.read_geometry(other(tmp_path / "a.h5")) == nb.read_geometry(other(tmp_path / "b.h5", edit=[longer]))


def test_positions_are_those_of_the_package_nxmx(tmp_path):
    nxmx = pytest.importorskip("nxmx")
    with h5py.File(other(tmp_path / "a.h5")) as file:
        for number in (9, 10):
            module = nxmx.NXdetector_module(file[f"entry/instrument/ELE_D0/module_{number}"])
            chain = nxmx.get_dependency_chain(module.fast_pixel_direction.depends_on)
            matrix = cumulative(file[f"entry/instrument/ELE_D0/module_{number}/module_offset"])
            np.testing.assert_allclose(matrix[:3, 3], nxmx.get_cumulative_transformation(chain)[0, :3, 3], atol=1e-9)


def test_masked_pixels(tmp_path):
    bad = np.zeros((5, 14), np.uint32)
    bad[2, 3] = bad[0, 9] = 1 << 5
    good = nb.read_geometry(other(tmp_path / "a.h5", pixel_mask=bad)).detector.mask.pixels
    assert np.argwhere(~good).tolist() == [[0, 2, 3], [1, 0, 2]]
    assert nb.read_geometry(other(tmp_path / "b.h5", pixel_mask=0 * bad)).detector.mask is None


def beam_center_alone(file):
    """A module whose directions depend on nothing, as some writers have it, and the beam centre beside it."""
    detector = file["entry/instrument/ELE_D0"]
    del detector["module_9"], detector["module_10/module_offset"]
    detector["beam_center_x"], detector["beam_center_y"] = 3.0, 2.0
    del file["entry/instrument/ELE_D0/transformations/turn"]
    for name in ("two_theta", "det_z"):
        detector[f"transformations/{name}"][...] = {"two_theta": 0.0, "det_z": 0.2}[name]
    for name in ("fast", "slow"):
        direction = detector[f"module_10/{name}_pixel_direction"]
        direction.attrs["depends_on"] = "."
        del direction.attrs["offset"]


def test_a_beam_center_that_stands_alone(tmp_path):
    found = placed(nb.read_geometry(other(tmp_path / "a.h5", edit=[beam_center_alone])))
    assert found.detector.shape == (5, 7)
    assert np.array(found.geometry.beam_center) / 0.075 == pytest.approx((3.0, 2.0))
    assert found.geometry.distance == pytest.approx(200.0)


def delete(name):
    return lambda file: file.__delitem__(name)


def set_attribute(name, key, value):
    return lambda file: file[name].attrs.__setitem__(key, value)


D = "entry/instrument/ELE_D0"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"det_z": [0.2, 0.3]}, "det_z: found 2 values that differ"),
        ({"units_fast": "furlong"}, "@units: found 'furlong'; allowed: m, meter"),
        ({"units_slow": "mm"}, "pixel sizes .*: found 0.075 and 75; allowed: one for all"),
        ({"pixel_mask": np.zeros((5, 7), int)}, r"pixel_mask: found shape \(5, 7\)"),
        ({"edit": [delete(f"{D}/transformations/two_theta")]}, "depends_on 'two_theta', which is not in the file"),
        ({"edit": [set_attribute(f"{D}/transformations/two_theta", "depends_on", "det_z")]}, "does not end"),
        ({"edit": [set_attribute(f"{D}/transformations/turn", "vector", [0, 0, 0])]}, "an axis of some length"),
        ({"edit": [set_attribute(f"{D}/transformations/turn", "vector", [0, 1])]}, "allowed: x, y, z"),
        ({"edit": [set_attribute(f"{D}/transformations/turn", "transformation_type", "shear")]}, "found 'shear'"),
        ({"edit": [set_attribute(f"{D}/module_9/slow_pixel_direction", "offset", [1, 0, 0])]}, "slow_pixel_direction"),
        ({"edit": [set_attribute(f"{D}/module_9/slow_pixel_direction", "vector", [1, 1, 0])]}, "at right angles"),
        (
            {"edit": [set_attribute(f"{D}/module_9/fast_pixel_direction", "depends_on", "slow_pixel_direction")]},
            "direction of pixels",
        ),
        ({"edit": [delete(f"{D}/module_9/data_size")]}, "allowed: an NXmx file"),
        ({"edit": [delete("entry/instrument/beam")]}, "no NXbeam"),
        ({"edit": [delete(D)]}, "no NXdetector"),
        ({"edit": [lambda file: file.__setitem__(f"{D}/module_9/data_stride", [2, 1])]}, "data_stride"),
    ],
)  # fmt: skip
def test_files_that_are_refused(tmp_path, changes, words):
    with pytest.raises(nb.NbnumbaError, match=words) as caught:
        nb.read_geometry(other(tmp_path / "a.h5", **changes))
    assert str(caught.value).startswith(str(tmp_path / "a.h5"))


def test_one_of_several_detectors(tmp_path):
    def add(file):
        file.copy(D, file["entry/instrument"], "ELE_D1")
        file["entry/instrument/ELE_D1/transformations/det_z"][...] = 0.3

    path = other(tmp_path / "a.h5", edit=[add], turn="../transformations/turn")
    assert nb.read_geometry(path) == nb.read_geometry(path, number=0)
    with pytest.raises(nb.NbnumbaError, match="number: found 2; allowed: 0 to 1, the file's detectors"):
        nb.read_geometry(path, number=2)
    moved = nb.read_geometry(path, number=1).detector.panels[1].origin  # whose chain is its own
    still = nb.read_geometry(path).detector.panels[1].origin
    np.testing.assert_allclose(np.linalg.norm(np.subtract(moved, still)), 100.0)


# --- DIALS -----------------------------------------------------------------------------------------------------------

PANEL = {
    "fast_axis": [1.0, 0.0, 0.0],
    "slow_axis": [0.0, -1.0, 0.0],
    "origin": [-10.0, 12.0, -150.0],
    "image_size": [30, 20],
    "pixel_size": [0.172, 0.172],
    "trusted_range": [0, 65535],
    "thickness": 0.32,
    "mu": 3.9,
    "material": "Si",
    "mask": [],
}
BEAM = {
    "direction": [0.0, 0.0, 1.0],
    "wavelength": 0.9795,
    "polarization_normal": [0.0, 1.0, 0.0],
    "polarization_fraction": 0.95,
}
FILE = {
    "__id__": "ExperimentList",
    "experiment": [{"beam": 0, "detector": 0, "goniometer": 0}, {"beam": 1, "detector": 1}],
    "beam": [BEAM, {**BEAM, "direction": [0.01, 0.0, 1.0], "polarization_fraction": 0.5, "wavelength": 1.1}],
    "detector": [{"panels": [PANEL]}, {"panels": [PANEL, {**PANEL, "origin": [5.0, 3.0, -140.0]}]}],
    "goniometer": [
        {"rotation_axis": [1.0, 0.0, 0.0], "setting_rotation": [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]}
    ],
}


def saved(path, tree):
    path.write_text(json.dumps(tree))
    return path


def changed(**changes):
    """The file with other values by path, as in detector.0.panels.0.mu."""
    tree = copy.deepcopy(FILE)
    for name, value in changes.items():
        *parents, last = (int(key) if key.isdigit() else key for key in name.split("."))
        item = tree
        for key in parents:
            item = item[key]
        item[last] = value
    return tree


def test_a_single_panel_of_dials(tmp_path):
    found = nb.read_geometry(saved(tmp_path / "a.expt", FILE))
    read = placed(found)
    assert found.detector.shape == (20, 30)
    assert (found.detector.sensor_thickness, found.detector.sensor_mu) == (0.32, 3.9)
    np.testing.assert_allclose(read.geometry.origin, (10.0, 12.0, 150.0), rtol=1e-14)
    np.testing.assert_allclose(read.geometry.fast, (-1.0, 0.0, 0.0))
    np.testing.assert_allclose(read.geometry.slow, (0.0, -1.0, 0.0))
    np.testing.assert_allclose(read.geometry.beam_center, (10.0, 12.0), rtol=1e-14)
    assert read.beam_direction == (0.0, 0.0, 1.0)
    assert found.beam.wavelength == 0.9795
    assert found.beam.polarization == pytest.approx(0.9)
    assert abs(read.polarization_axis.x) == 1.0  # across the normal of the plane
    np.testing.assert_allclose(found.spindle, (0.0, 1.0, 0.0), atol=1e-15)  # x, set by a quarter turn about z
    assert read.parameters()["distance"] == pytest.approx(150.0)  # a detector like any other


def test_another_experiment_with_panels_and_a_beam_aside(tmp_path):
    found = nb.read_geometry(saved(tmp_path / "a.expt", FILE), number=1)
    assert [p.origin for p in found.detector.panels] == [(10.0, 12.0, 150.0), (-5.0, 3.0, 140.0)]
    np.testing.assert_allclose(np.cross(found.beam.direction, (0.01, 0.0, 1.0)), 0.0, atol=1e-15)
    assert found.beam.direction[2] > 0.99
    assert found.beam.polarization == 0.0
    assert found.spindle is None


def test_polarization_is_that_of_dials(tmp_path):
    """P = (1 - 2 f)(1 - (n.s)^2) + f (1 + (b.s)^2), the formula of DIALS for a fraction f and the normal n."""
    values = {"beam.0.polarization_normal": [0.6, 0.8, 0.0], "detector.0.panels.0.thickness": 0.0}
    read = placed(nb.read_geometry(saved(tmp_path / "a.expt", changed(**values))))
    step = next(nb.walk(read, 3, 27))
    s = TO_NEXUS @ step.direction  # in the frame of the file, where the beam runs against z
    expected = (1 - 2 * 0.95) * (1 - (np.array([0.6, 0.8, 0.0]) @ s) ** 2) + 0.95 * (1 + s[2] ** 2)
    assert step.polarization == pytest.approx(expected, rel=1e-12)


def test_groups_of_panels(tmp_path):
    """By hand: a group turned by a quarter about z, in a group that is shifted."""
    identity = {"fast_axis": [1, 0, 0], "slow_axis": [0, 1, 0], "origin": [0, 0, 0]}
    turned = {"fast_axis": [0, 1, 0], "slow_axis": [-1, 0, 0], "origin": [1, 2, 3]}
    arm = {**identity, "origin": [0, 0, -100], "children": [{**turned, "children": [{"panel": 1}]}, {"panel": 0}]}
    tree = changed(**{"detector.1.hierarchy": {**identity, "children": [arm]}})
    tree["detector"][1]["panels"][0]["origin"] = [1, 1, 0]
    tree["detector"][1]["panels"][1]["origin"] = [10, 20, 30]
    first, second = nb.read_geometry(saved(tmp_path / "a.expt", tree), number=1).detector.panels
    np.testing.assert_allclose(TO_NEXUS @ first.origin, (1, 1, -100))
    np.testing.assert_allclose(TO_NEXUS @ second.origin, (1 - 20, 2 + 10, 3 + 30 - 100))
    np.testing.assert_allclose(TO_NEXUS @ second.fast, (0, 1, 0), atol=1e-15)
    np.testing.assert_allclose(TO_NEXUS @ second.slow, (1, 0, 0), atol=1e-15)


def test_goniometers_of_several_axes(tmp_path):
    gonio = {"axes": [[1, 0, 0], [0, 0, 1], [0, 1, 0]], "angles": [0.0, 90.0, 180.0], "names": ["a", "b", "c"]}
    for scanned, expected in ((0, (0, 1, 0)), (1, (0, 0, -1)), (2, (0, 1, 0))):
        tree = changed(**{"goniometer.0": {**gonio, "scan_axis": scanned}})
        found = nb.read_geometry(saved(tmp_path / f"{scanned}.expt", tree)).spindle
        np.testing.assert_allclose(TO_NEXUS @ found, expected, atol=1e-15)


def test_rectangles_that_are_masked(tmp_path):
    tree = changed(**{"detector.1.panels.1.mask": [[2, 0, 5, 3]]})
    good = nb.read_geometry(saved(tmp_path / "a.expt", tree), number=1).detector.mask.pixels
    expected = np.ones((2, 20, 30), dtype=bool)
    expected[1, 0:3, 2:5] = False
    np.testing.assert_array_equal(good, expected)


@pytest.mark.parametrize("thickness", [0.0, 1e-6])
def test_a_sensor_of_no_depth_is_none(tmp_path, thickness):
    tree = changed(**{"detector.0.panels.0.thickness": thickness})
    found = nb.read_geometry(saved(tmp_path / "a.expt", tree)).detector
    assert (found.sensor_thickness, found.sensor_mu) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "neither HDF5 nor CBF, SMV or JSON"),
        ("[1, 2]", "neither HDF5 nor CBF, SMV or JSON"),
        ('{"a": 1]', "found no JSON"),
        ('{"a":' + 100_000 * "[", "found no JSON"),
        ("{}", "found KeyError 'experiment'"),
        (changed(**{"beam.0": {"direction": [0, 0, 1]}}), "'wavelength'"),
        (changed(**{"experiment.0.detector": 7}), "IndexError"),
        (changed(**{"detector.0.panels.0.pixel_size": [0.1, 0.2]}), "pixel sizes .*: found 0.1 and 0.2"),
        (changed(**{"detector.0.panels.0.origin": [1, 2]}), "a .expt file"),
        (changed(**{"detector.0.panels.0.origin": [1, 2, 0]}), "passes 0 mm from the sample"),
    ],
)
def test_files_of_dials_that_are_refused(tmp_path, content, words):
    path = tmp_path / "a.expt"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.read_geometry(path)


def test_numbers_and_names_that_do_not_exist(tmp_path):
    path = saved(tmp_path / "a.expt", changed(**{"detector.1.panels.1.mu": 4.5}))
    with pytest.raises(nb.NbnumbaError, match="number: found 2; allowed: 0 to 1, the file's experiments"):
        nb.read_geometry(path, number=2)
    with pytest.raises(nb.NbnumbaError, match="number: found -1"):
        nb.read_geometry(path, number=-1)
    with pytest.raises(nb.NbnumbaError, match=r"mu of sensors: found 3\.9 and 4\.5"):
        nb.read_geometry(path, number=1)
    with pytest.raises(nb.NbnumbaError, match=r"missing\.expt: cannot be read"):
        nb.read_geometry(tmp_path / "missing.expt")


# --- in TOML ---------------------------------------------------------------------------------------------------------

TOML = """
[crystal]
cell = [30, 40, 50, 90, 90, 90]
default_f = 10
[beam]
polarization = 0.5
[scan]
width = 1.0
[detector]
geometry = "a.expt"
mask = "mask.npy"
"""


@pytest.fixture
def described(tmp_path):
    saved(tmp_path / "a.expt", FILE)
    np.save(tmp_path / "mask.npy", np.eye(20, 30))
    (tmp_path / "e.toml").write_text(TOML)
    return tmp_path / "e.toml"


def test_a_toml_file_names_one(described):
    found, experiment = nb.read_geometry(described.parent / "a.expt"), nb.Experiment.from_toml(described)
    assert experiment.geometry == placed(found).geometry
    assert experiment.detector.mask.pixels.sum() == 20
    assert experiment.detector.sensor_mu == 3.9
    assert experiment.beam.polarization == 0.5  # what the table says
    assert experiment.beam.wavelength == 0.9795  # what it does not
    assert experiment.scan.axis == found.spindle
    text = experiment.to_toml(inline=True)
    assert "geometry" not in text
    assert nb.Experiment.from_toml(text) == experiment


def test_a_table_s_own_spectrum_and_stokes_parameters_stand(described):
    text = described.read_text().replace(
        "polarization = 0.5", "stokes = [1, 0.2, 0, 0]\nspectrum = {wavelengths = [0.9, 1.0], weights = [1, 1]}"
    )
    described.write_text(text)
    beam = nb.Experiment.from_toml(described).beam
    assert beam.stokes == (1.0, 0.2, 0.0, 0.0)
    assert beam.wavelength == pytest.approx(0.95)


def test_settings_change_it(described):
    np.save(described.parent / "mask.npy", np.ones((2, 20, 30)))
    other_one = {"detector.geometry": {"file": "a.expt", "number": 1}, "detector.sensor_mu": 2.0}
    found = nb.Experiment.from_toml(described, other_one)
    assert found.detector.shape == (2, 20, 30)
    assert found.detector.sensor_mu == 2.0
    assert found.scan.axis is None  # that experiment names none


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"detector.distance": 100.0}, "detector, beside geometry: no such key 'distance'"),
        ({"detector.convention": "dials"}, "beside geometry: no such key 'convention'"),
        ({"detector.geometry": 3}, "detector.geometry: found 3; allowed: the name of a file"),
        ({"detector.geometry": {"file": "a.expt", "nmber": 1}}, "a table with file and number"),
        ({"detector.geometry": "b.expt"}, "b.expt: cannot be read"),
    ],
)
def test_what_makes_no_sense_beside_it(described, settings, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.Experiment.from_toml(described, settings)
