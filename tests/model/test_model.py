"""Descriptions of experiments: what is refused, what is exact, what survives a file."""

import base64
import copy
import dataclasses
import math
import pickle
import tomllib
import zlib

import numpy as np
import pytest
import scenes
import tomli_w
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.model.cell import cell_of, reciprocal

CRYSTAL = {"cell": (30, 40, 50, 90, 90, 90)}
BEAM = {"wavelength": 1.0}
DETECTOR = {"pixels": (10, 12), "pixel_size": 0.1}
NAN, INF = math.nan, math.inf


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(kind, given, field, found):
    """Constructing fails with a message that names the field and the value."""
    with pytest.raises(nb.NbnumbaError) as caught:
        kind(**given)
    assert field in str(caught.value)
    assert str(found) in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("cell", (-30, 40, 50, 90, 90, 90), "-30"),
        ("cell", (30, 0, 50, 90, 90, 90), "0"),
        ("cell", (30, 40, NAN, 90, 90, 90), "nan"),
        ("cell", (30, 40, INF, 90, 90, 90), "inf"),
        ("cell", (30, 40, 50, 90, 90), "(30, 40, 50, 90, 90)"),
        ("cell", (30, 40, 50, 90, 90, 90, 90), "90, 90, 90, 90"),
        ("cell", (30, 40, True, 90, 90, 90), "True"),
        ("cell", (30, 40, "50", 90, 90, 90), "'50'"),
        ("cell", "30 40 50", "'30 40 50'"),
        ("cell", 30.0, "30.0"),
        ("cell", None, "nothing"),
        ("cell", (30, 40, 50, 90, 90, 190), "190"),
        ("cell", (30, 40, 50, 90, 90, 180), "180"),
        ("cell", (30, 40, 50, 90, 90, 0), "0"),
        ("cell", (30, 40, 50, 90, 90, -90), "-90"),
        ("cell", (30, 40, 50, 10, 20, 100), "(10.0, 20.0, 100.0)"),
        ("cell", (30, 40, 50, 120, 120, 120), "(120.0, 120.0, 120.0)"),
        ("cell", (30, 40, 50, 40, 50, 90), "(40.0, 50.0, 90.0)"),
        ("misset", (1, 2), "[1, 2]"),
        ("misset", (1, 2, NAN), "nan"),
        ("misset", 5, "5"),
        ("misset", (1, 2, False), "False"),
        ("cells", (1, 2), "[1, 2]"),
        ("cells", (1, 2, 0.5), "0.5"),
        ("cells", -3, "-3"),
        ("cells", True, "True"),
        ("shape", "cube", "'cube'"),
        ("shape", 3, "3"),
        ("fudge", 0.0, "0.0"),
        ("fudge", True, "True"),
        ("default_f", NAN, "nan"),
        ("default_f", "100", "'100'"),
        ("interpolate", "cubic", "'cubic'"),
        ("reflections", [(1, 2, 3, 4)], "[(1, 2, 3, 4)]"),
        ("mosaic", 0.1, "0.1"),
        ("spot_scale", -1.0, "-1.0"),
    ],
)
def test_a_crystal_refuses(field, value, found):
    refused(nb.Crystal, {**CRYSTAL, field: value}, f"crystal.{field}", found)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (((30, 0, 0), (0, 40, 0), (30, 40, 0)), "singular"),
        (((0, 0, 0), (0, 40, 0), (0, 0, 50)), "singular"),
        (((30, 0, 0), (0, 40, 0)), "((30, 0, 0), (0, 40, 0))"),
        (((30, 0, 0), (0, 40), (0, 0, 50)), "[0, 40]"),
        (((30, 0, 0), (0, NAN, 0), (0, 0, 50)), "nan"),
        (((30, 0, 0), 40, (0, 0, 50)), "40"),
        (5, "5"),
    ],
)
def test_an_orientation_refuses(value, found):
    refused(nb.Crystal, {"orientation": value}, "crystal.orientation", found)


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("spread", -0.1, "-0.1"),
        ("spread", 181.0, "181.0"),
        ("domains", 0, "0"),
        ("domains", 2.5, "2.5"),
        ("domains", True, "True"),
        ("seed", 0, "0"),
        ("seed", 2**31, "2147483648"),
    ],
)
def test_a_mosaic_refuses(field, value, found):
    refused(nb.Mosaic, {field: value}, f"crystal.mosaic.{field}", found)


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("wavelength", 0.0, "0.0"),
        ("wavelength", -1.0, "-1.0"),
        ("wavelength", NAN, "nan"),
        ("wavelength", True, "True"),
        ("wavelength", "1.0", "'1.0'"),
        ("wavelength", None, "None"),
        ("fluence", -1.0, "-1.0"),
        ("fluence", INF, "inf"),
        ("flux", -1.0, "-1.0"),
        ("exposure", 0.0, "0.0"),
        ("size", 0.0, "0.0"),
        ("polarization", 1.01, "1.01"),
        ("polarization", -1.01, "-1.01"),
        ("polarized", 1, "1"),
        ("polarized", "yes", "'yes'"),
        ("direction", (0, 0, 0), "(0.0, 0.0, 0.0)"),
        ("direction", (0, 1), "[0, 1]"),
        ("polarization_axis", (0, NAN, 1), "nan"),
        ("divergence", (1.0, -2.0), "-2.0"),
        ("divergence", 1.0, "1.0"),
        ("divergence_steps", (1, 0), "0"),
        ("divergence_steps", (1, 1.5), "1.5"),
        ("dispersion", -1.0, "-1.0"),
        ("dispersion", 200.0, "200.0"),
        ("dispersion_steps", 0, "0"),
        ("round_divergence", 0, "0"),
        ("sources", [(1, 0, 0, 1, 1)], "[(1, 0, 0, 1, 1)]"),
    ],
)
def test_a_beam_refuses(field, value, found):
    refused(nb.Beam, {**BEAM, field: value}, f"beam.{field}", found)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], "[]"),
        ([(1, 0, 0, 1)], "[1, 0, 0, 1]"),
        ([(0, 0, 0, 1, 1)], "(0.0, 0.0, 0.0)"),
        ([(1, 0, 0, -1, 1)], "-1.0"),
        ([(1, 0, 0, 0, 1)], "[0.0]"),
        ([(1, 0, 0, 1, 0)], "0.0"),
        ([(1, 0, 0, 1, NAN)], "nan"),
        ([5], "5"),
    ],
)
def test_sources_refuse(rows, found):
    refused(nb.Sources, {"rows": rows}, "beam.sources", found)


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("pixels", (0, 10), "0"),
        ("pixels", (10, -1), "-1"),
        ("pixels", (10, 10.5), "10.5"),
        ("pixels", (10,), "[10]"),
        ("pixels", 10, "10"),
        ("pixels", (10, True), "True"),
        ("pixels", (10, NAN), "nan"),
        ("pixel_size", 0.0, "0.0"),
        ("pixel_size", INF, "inf"),
        ("distance", -100.0, "-100.0"),
        ("distance", 0.0, "0.0"),
        ("close_distance", -1.0, "-1.0"),
        ("convention", "mosfilm", "'mosfilm'"),
        ("beam_center", (1.0,), "[1.0]"),
        ("beam_center", (1.0, INF), "inf"),
        ("closest_point", 3.0, "3.0"),
        ("pivot", "corner", "'corner'"),
        ("rotation", (1, 2), "[1, 2]"),
        ("twotheta", NAN, "nan"),
        ("fast_axis", (0, 0, 0), "(0.0, 0.0, 0.0)"),
        ("slow_axis", "y", "'y'"),
        ("normal_axis", (1, 2), "[1, 2]"),
        ("twotheta_axis", (NAN, 0, 1), "nan"),
        ("curvature", "cylinder", "'cylinder'"),
        ("point_pixels", 1, "1"),
        ("sensor_thickness", -0.1, "-0.1"),
        ("sensor_mu", -0.1, "-0.1"),
        ("mask", np.ones((10, 12)), "1."),
        ("mask", nb.Mask(np.ones((12, 10))), "(12, 10)"),
        ("roi", ((0, 11), (0, 12)), "11"),
        ("roi", ((0, 10), (0, 13)), "13"),
        ("roi", ((-1, 5), (0, 12)), "-1"),
        ("roi", ((5, 5), (0, 12)), "5"),
        ("roi", ((0, 5), (12, 13)), "12"),
        ("roi", ((0, 5.5), (0, 12)), "5.5"),
        ("roi", (0, 5, 0, 12), "(0, 5, 0, 12)"),
        ("roi", 7, "7"),
    ],
)
def test_a_detector_refuses(field, value, found):
    refused(nb.Detector, {**DETECTOR, field: value}, f"detector.{field}", found)


@pytest.mark.parametrize("pixels", [np.ones(5), np.ones((0, 3)), np.array([["a"]]), 3])
def test_a_mask_refuses(pixels):
    refused(nb.Mask, {"pixels": pixels}, "detector.mask", np.asarray(pixels).shape)


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("start", NAN, "nan"),
        ("width", "1", "'1'"),
        ("steps", 0, "0"),
        ("steps", True, "True"),
        ("axis", (0, 0, 0), "(0.0, 0.0, 0.0)"),
        ("rule", "right", "'right'"),
    ],
)
def test_a_scan_refuses(field, value, found):
    refused(nb.Scan, {field: value}, f"scan.{field}", found)


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("oversample", 0, "0"),
        ("oversample", 1001, "1001"),
        ("oversample", "many", "'many'"),
        ("oversample", True, "True"),
        ("oversample", None, "None"),
        ("layers", 0, "0"),
        ("dmin", -1.0, "-1.0"),
        ("solid_angle", "layer", "'layer'"),
        ("polarization", 1.0, "1.0"),
    ],
)
def test_a_sampling_refuses(field, value, found):
    refused(nb.Sampling, {field: value}, f"sampling.{field}", found)


@pytest.mark.parametrize("part", ["crystal", "beam", "detector", "scan", "sampling"])
def test_an_experiment_refuses_what_is_no_part(part):
    parts = {"crystal": nb.Crystal(**CRYSTAL), "beam": nb.Beam(**BEAM), "detector": nb.Detector(**DETECTOR)}
    refused(nb.Experiment, {**parts, part: 3}, f"experiment.{part}", "3")


@pytest.mark.parametrize(
    ("kind", "given", "one", "other"),
    [
        (nb.Crystal, {**CRYSTAL, "orientation": ((30, 0, 0), (0, 40, 0), (0, 0, 50))}, "cell", "orientation"),
        (nb.Beam, {**BEAM, "fluence": 1e20, "flux": 1e12}, "fluence", "flux"),
        (nb.Detector, {**DETECTOR, "distance": 100.0, "close_distance": 90.0}, "distance", "close_distance"),
    ],
)
def test_two_values_for_one_thing_are_refused(kind, given, one, other):
    with pytest.raises(nb.NbnumbaError, match=f"both {one} and {other}"):
        kind(**given)


@pytest.mark.parametrize("rotation", [(0.0, 180.0, 0.0), (0.0, 120.0, 0.0), (0.0, 90.0, 0.0)])
def test_a_detector_that_is_turned_away_is_refused(rotation):
    with pytest.raises(nb.NbnumbaError, match="detector.rotation.*" + str(rotation[1])):
        scenes.still(**{"detector.rotation": rotation})


def test_a_detector_behind_the_sample_is_refused():
    with pytest.raises(nb.NbnumbaError, match=r"detector.*in front of the sample"):
        scenes.still(**{"detector.twotheta": 170.0})


def test_a_crystal_too_large_for_automatic_subpixels_is_refused():
    with pytest.raises(nb.NbnumbaError, match=r"sampling\.oversample"):
        scenes.still(**{"sampling.oversample": "auto", "crystal.cells": 10**6})


def test_a_misspelt_word_is_corrected():
    with pytest.raises(nb.NbnumbaError, match="did you mean 'mosflm'"):
        nb.Detector(**DETECTOR, convention="mosfilm")


def test_errors_are_value_errors():
    assert issubclass(nb.NbnumbaError, ValueError)


def test_arrays_serve_as_tuples():
    as_arrays = nb.Experiment(
        crystal=nb.Crystal(cell=np.array([30.0, 40, 50, 90, 90, 90]), misset=np.zeros(3), cells=np.array([2, 3, 4])),
        beam=nb.Beam(wavelength=np.float64(1.0), direction=np.array([1, 0, 0])),
        detector=nb.Detector(pixels=np.array([10, 12]), pixel_size=np.float32(0.5), roi=np.array([[0, 5], [0, 6]])),
        sampling=nb.Sampling(oversample=np.int64(2)),
    )
    as_tuples = nb.Experiment(
        crystal=nb.Crystal(cell=(30, 40, 50, 90, 90, 90), cells=(2, 3, 4)),
        beam=nb.Beam(wavelength=1, direction=(1, 0, 0)),
        detector=nb.Detector(pixels=(10, 12), pixel_size=0.5, roi=((0, 5), (0, 6))),
        sampling=nb.Sampling(oversample=2),
    )
    assert as_arrays == as_tuples
    assert hash(as_arrays) == hash(as_tuples)
    assert as_arrays.to_toml() == as_tuples.to_toml()


def test_an_orientation_may_be_an_array():
    axes = scenes.still().crystal.axes
    np.testing.assert_array_equal(nb.Crystal(orientation=axes).axes, axes)


def test_an_array_of_the_wrong_length_is_no_cell():
    refused(nb.Crystal, {"cell": np.ones(5)}, "crystal.cell", "1., 1., 1., 1., 1.")


# --- frozen values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part", [nb.Crystal(**CRYSTAL), nb.Beam(**BEAM), nb.Detector(**DETECTOR), nb.Scan(), nb.Sampling(), nb.Mosaic()]
)
def test_parts_are_frozen(part):
    for field in dataclasses.fields(part):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, field.name, getattr(part, field.name))


def test_an_experiment_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenes.still().crystal = nb.Crystal(**CRYSTAL)


def test_a_mask_is_frozen_and_a_copy():
    pixels = np.ones((3, 4), dtype=bool)
    mask = nb.Mask(pixels)
    pixels[0, 0] = False
    assert mask.pixels.all()
    with pytest.raises(ValueError, match="read-only"):
        mask.pixels[0, 0] = False


@given(scenes.experiments(structure="nearest"))
def test_equal_experiments_have_equal_hash_and_text(experiment):
    twin = copy.deepcopy(experiment)
    assert twin == experiment
    assert hash(twin) == hash(experiment)
    assert repr(twin) == repr(experiment)


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
def test_an_experiment_can_be_sent_to_another_process(convention):
    experiment = scenes.still(**{"detector.convention": convention, "detector.mask": nb.Mask(np.eye(12, 17))})
    assert pickle.loads(pickle.dumps(experiment)) == experiment


def test_whole_numbers_equal_floats():
    first, second = scenes.still(**{"detector.distance": 83}), scenes.still(**{"detector.distance": 83.0})
    assert first == second
    assert hash(first) == hash(second)
    assert first.to_toml() == second.to_toml()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crystal.misset", (0, 0, 1)),
        ("beam.wavelength", 1.04),
        ("detector.mask", nb.Mask(np.eye(12, 17))),
        ("scan.start", 0),
    ],
)
def test_different_experiments_are_not_equal(name, value):
    assert scenes.still(**{name: value}) != scenes.still()


# --- the unit cell ---------------------------------------------------------------------------------------------------


def squared_volume(angles):
    """Of the cell with edges 1."""
    a, b, c = np.cos(np.radians(angles))
    return 1.0 - a * a - b * b - c * c + 2.0 * a * b * c


lengths = st.floats(2.0, 2000.0)
angles = st.floats(10.0, 170.0)


@st.composite
def triclinic(draw):
    cell = tuple(draw(kind) for kind in (lengths,) * 3 + (angles,) * 3)
    assume(squared_volume(cell[3:]) > 1e-3)
    low, mid, high = sorted(cell[3:])
    assume(low + mid > high)
    assume(low + mid + high < 360.0)
    return cell


@st.composite
def rhombohedral(draw):
    cell = (draw(lengths),) * 3 + (draw(st.floats(15.0, 119.9)),) * 3
    assume(squared_volume(cell[3:]) > 1e-3)
    return cell


@given(triclinic() | rhombohedral())
@settings(max_examples=200)
def test_the_cell_is_recovered_from_its_axes(cell):
    np.testing.assert_allclose(cell_of(nb.Crystal(cell=cell).axes), cell, rtol=1e-12)


@given(triclinic() | rhombohedral(), scenes.generators())
def test_the_cell_is_recovered_from_a_turned_orientation(cell, rng):
    axes = nb.Crystal(cell=cell).axes @ scenes.random_rotation(rng).T
    turned = nb.Crystal(orientation=axes.tolist(), misset=tuple(rng.uniform(-180.0, 180.0, 3)))
    np.testing.assert_allclose(turned.unit_cell, cell, rtol=1e-11)


@given(triclinic() | rhombohedral())
def test_the_standard_setting(cell):
    a, b, c = reciprocal(nb.Crystal(cell=cell).axes)
    assert abs(a[1]) + abs(a[2]) <= 1e-11 * a[0]
    assert abs(b[2]) <= 1e-11 * np.linalg.norm(b)
    assert b[1] > 0.0
    assert c[2] == pytest.approx(1.0 / cell[2], rel=1e-12)


@given(triclinic())
def test_the_volume_is_positive_and_that_of_the_cell(cell):
    volume = float(np.linalg.det(nb.Crystal(cell=cell).axes))
    assert volume == pytest.approx(math.prod(cell[:3]) * math.sqrt(squared_volume(cell[3:])), rel=1e-9)


def test_right_angles_are_exact():
    axes = nb.Crystal(cell=(30, 40, 50, 90, 90, 90)).axes
    np.testing.assert_array_equal(axes[~np.eye(3, dtype=bool)], 0.0)
    np.testing.assert_allclose(np.diag(axes), [30.0, 40.0, 50.0], rtol=1e-15)


@given(scenes.generators())
def test_missetting_turns_about_x_then_y_then_z(rng):
    scipy_rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    cell, misset = scenes.cells(rng), rng.uniform(-180.0, 180.0, 3)
    expected = scipy_rotation.from_euler("xyz", misset, degrees=True).apply(nb.Crystal(cell=cell).axes)
    np.testing.assert_allclose(nb.Crystal(cell=cell, misset=tuple(misset)).axes, expected, atol=1e-12)


@pytest.mark.parametrize("slack", [1e-13, 1e-12, 1e-10, 1e-8])
@pytest.mark.parametrize("angles", [(120.0, 120.0, 120.0), (40.0, 50.0, 90.0), (1.0, 1.0, 2.0), (179.0, 178.0, 3.0)])
def test_a_flat_cell_is_refused_or_has_axes(angles, slack):
    try:
        crystal = nb.Crystal(cell=(30.0, 40.0, 50.0, angles[0], angles[1], angles[2] * (1.0 - slack)))
    except nb.NbnumbaError:
        return
    assert np.isfinite(crystal.axes).all()
    assert np.isfinite(reciprocal(crystal.axes)).all()


def test_the_cell_comes_from_the_reflections_where_none_is_given():
    cell = (30.0, 40.0, 50.0, 80.0, 90.0, 100.0)
    assert nb.Crystal(reflections=nb.Reflections([(1, 0, 0)], [1.0], cell=cell)).unit_cell == cell


def test_a_given_cell_goes_before_that_of_the_reflections():
    listed = nb.Reflections([(1, 0, 0)], [1.0], cell=(1.0, 2.0, 3.0, 80.0, 90.0, 100.0))
    assert nb.Crystal(**CRYSTAL, reflections=listed).cell == (30, 40, 50, 90, 90, 90)


def test_one_number_of_cells_serves_three_axes():
    assert nb.Crystal(**CRYSTAL, cells=7).cells == (7.0, 7.0, 7.0)


@pytest.mark.parametrize(
    ("interpolate", "cells", "expected"),
    [("auto", (9, 9, 2), True), ("auto", (9, 9, 2.1), False), ("nearest", (1, 1, 1), False), ("tricubic", 9, True)],
)
def test_small_crystals_are_interpolated(interpolate, cells, expected):
    listed = nb.Reflections([(1, 0, 0)], [1.0])
    assert nb.Crystal(**CRYSTAL, reflections=listed, interpolate=interpolate, cells=cells).interpolates is expected


# --- replace ---------------------------------------------------------------------------------------------------------


def test_replace_changes_what_it_names_and_nothing_else():
    before = scenes.still()
    after = before.replace(**{"crystal.misset": (1, 2, 3), "crystal.mosaic.spread": 0.5, "beam.wavelength": 2})
    assert after.crystal.misset == (1.0, 2.0, 3.0)
    assert after.crystal.mosaic == nb.Mosaic(spread=0.5)
    assert after.beam.wavelength == 2.0
    assert after.detector is before.detector
    assert before == scenes.still()


def test_replacing_nothing_is_a_copy():
    assert scenes.still().replace() == scenes.still()


def test_replace_exchanges_whole_parts():
    assert scenes.still(beam=nb.Beam(wavelength=2)).beam == nb.Beam(wavelength=2)


def test_replace_starts_a_scan_where_there_was_none():
    assert scenes.still().scan is None
    assert scenes.still(**{"scan.start": 20.0}).scan == nb.Scan(start=20.0)


def test_replace_ends_a_scan():
    assert scenes.still(**{"scan.start": 20.0}).replace(scan=None).scan is None


@pytest.mark.parametrize(
    ("name", "value", "cleared"),
    [
        ("crystal.orientation", ((30, 0, 0), (0, 40, 0), (0, 0, 50)), "crystal.cell"),
        ("beam.flux", 1e12, "beam.fluence"),
        ("detector.close_distance", 70.0, "detector.distance"),
    ],
)
def test_replace_clears_the_alternative_and_back(name, value, cleared):
    def field(experiment, name):
        part, attribute = name.split(".")
        return getattr(getattr(experiment, part), attribute)

    original = scenes.still(**{"beam.fluence": 1e20})
    changed = original.replace(**{name: value})
    assert field(changed, cleared) is None
    assert field(changed, name) is not None
    assert changed.replace(**{cleared: field(original, cleared)}) == original


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("crystal.missset", "misset"),
        ("crystal.mosaic.spred", "spread"),
        ("detektor.distance", "detector"),
        ("beam.wavelenght", "wavelength"),
        ("scan.stert", "start"),
        ("sampling.oversampling", "oversample"),
    ],
)
def test_replace_suggests_the_right_name(name, suggestion):
    with pytest.raises(nb.NbnumbaError, match=f"{name.split('.')[0 if 'dete' in name else -1]}.*mean '{suggestion}'"):
        scenes.still(**{name: 1})


@pytest.mark.parametrize(
    "name", ["crystal.misset.x", "crystal.cell.a.b", "beam.wavelength.value", "detector.mask.pixels"]
)
def test_replace_refuses_names_below_a_value(name):
    with pytest.raises(nb.NbnumbaError, match=name.rsplit(".", 1)[0].split(".")[1]):
        scenes.still(**{name: 1})


@pytest.mark.parametrize("reverse", [False, True])
def test_replace_refuses_a_part_together_with_its_fields(reverse):
    changes = [("beam", nb.Beam(wavelength=2)), ("beam.polarization", 0.5)]
    with pytest.raises(nb.NbnumbaError, match="beam"):
        scenes.still().replace(**dict(changes[::-1] if reverse else changes))


def test_replace_validates():
    with pytest.raises(nb.NbnumbaError, match=r"beam\.wavelength.*-1"):
        scenes.still(**{"beam.wavelength": -1})


# --- TOML ------------------------------------------------------------------------------------------------------------

any_float = st.floats(-1e300, 1e300) | st.sampled_from(
    [0.1 + 0.2, 1e-300, 5e-324, 1e22, 1 / 3, -0.0, 123456789.123456789]
)


@st.composite
def described(draw):
    """A random experiment with floats of any size where any are allowed."""
    structure = draw(st.sampled_from(("uniform", "nearest")))
    curvature = draw(st.sampled_from(("flat", "curved")))
    experiment = draw(scenes.experiments(draw(st.sampled_from(tuple(scenes.CELL_LIMITS))), structure, curvature))
    return experiment.replace(
        **{
            "crystal.misset": draw(st.tuples(*[any_float] * 3)),
            "crystal.default_f": draw(any_float),
            "crystal.spot_scale": abs(draw(any_float)),
            "beam.exposure": draw(st.sampled_from([1e-300, 0.1 + 0.2, 1e15])),
            **draw(st.just({"scan": None}) | st.fixed_dictionaries({"scan.start": any_float})),
        }
        if draw(st.booleans())
        else {"crystal.default_f": draw(any_float), "scan": draw(st.none() | scenes.scans())}
    )


def assert_round_trip(experiment, **options):
    text = experiment.to_toml(**options)
    again = nb.Experiment.from_toml(text)
    assert again == experiment
    assert hash(again) == hash(experiment)
    assert again.to_toml(**options) == text
    return text


@given(described())
@settings(max_examples=100)
def test_toml_holds_all_of_an_experiment(experiment):
    assert_round_trip(experiment)


@pytest.mark.parametrize("count", [1, 50, 51, 5000])
def test_toml_holds_any_number_of_reflections(count):
    rng = np.random.default_rng(count)
    hkl = rng.permutation(20**3)[:count, None] // np.array([1, 20, 400]) % 20 - 10
    cell = (30.0, 40.0, 50.0, 80.0, 90.0, 100.0)
    listed = nb.Reflections(hkl, rng.normal(size=count) / 3.0, cell=cell)
    experiment = scenes.still(**{"crystal.reflections": listed, "crystal.cell": cell})
    text = assert_round_trip(experiment)
    assert nb.Experiment.from_toml(text).crystal.reflections.cell == cell
    assert ("list" in tomllib.loads(text)["crystal"]["reflections"]) is (count <= 50)


def test_toml_holds_sources_and_masks():
    rows = [(-1, 0.1, 0.2 + 0.1, 1 / 3, 1.0), (-2, 0, 0, 5, 1.1)]
    mask = nb.Mask(np.arange(12 * 17).reshape(12, 17) % 3)
    assert_round_trip(scenes.still(**{"beam.sources": nb.Sources(rows), "detector.mask": mask}))


def test_toml_is_written_to_a_file_and_read_from_it(tmp_path):
    file = tmp_path / "experiment.toml"
    text = scenes.still().to_toml(file)
    assert file.read_text(encoding="utf-8") == text
    assert nb.Experiment.from_toml(file) == scenes.still()
    assert nb.Experiment.from_toml(str(file)) == scenes.still()


@pytest.fixture
def reflection_file(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / "small.hkl"
    file.write_text("1 0 0 10.5\n0 1 0 20.25\n-1 2 3 7\n", encoding="utf-8")
    return file


@pytest.fixture
def from_file(reflection_file):
    return scenes.still(**{"crystal.reflections": nb.read_reflections(reflection_file)})


def table_with(reflections, **changes):
    tree = tomllib.loads(scenes.still(**changes).to_toml())
    tree["crystal"]["reflections"] = reflections
    return tree


def test_paths_are_relative_to_the_toml_file(tmp_path, monkeypatch, reflection_file, from_file):
    toml = tmp_path / "experiment.toml"
    toml.write_text(tomli_w.dumps(table_with("data/small.hkl")), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert nb.Experiment.from_toml(toml) == from_file
    assert nb.Experiment.from_toml("../experiment.toml") == from_file


def test_paths_in_text_are_relative_to_the_working_folder(monkeypatch, reflection_file, from_file):
    monkeypatch.chdir(reflection_file.parent)
    assert nb.Experiment.from_toml(tomli_w.dumps(table_with({"file": "small.hkl"}))) == from_file


def test_reflections_from_a_file_are_referred_to(reflection_file, from_file):
    table = tomllib.loads(assert_round_trip(from_file))["crystal"]["reflections"]
    assert table["file"] == str(reflection_file)
    assert table["digest"] == from_file.crystal.reflections.digest


def test_inline_toml_needs_no_file(reflection_file, from_file):
    text = from_file.to_toml(inline=True)
    reflection_file.unlink()
    assert nb.Experiment.from_toml(text) == from_file


def test_a_reflection_file_that_changed_is_noticed(reflection_file, from_file):
    text = from_file.to_toml()
    reflection_file.write_text("1 0 0 11.5\n", encoding="utf-8")
    with pytest.raises(nb.NbnumbaError, match=r"crystal\.reflections.*small\.hkl no longer holds"):
        nb.Experiment.from_toml(text)


def test_a_reflection_file_that_is_gone_is_named(reflection_file, from_file):
    text = from_file.to_toml()
    reflection_file.unlink()
    with pytest.raises(nb.NbnumbaError, match=r"small\.hkl"):
        nb.Experiment.from_toml(text)


@pytest.mark.parametrize(
    ("place", "key", "suggestion"),
    [
        ((), "detektor", "detector"),
        (("crystal",), "missset", "misset"),
        (("crystal", "mosaic"), "domain", "domains"),
        (("beam",), "wave_length", "wavelength"),
        (("detector",), "distanc", "distance"),
        (("sampling",), "dmim", "dmin"),
    ],
)
def test_an_unknown_key_gets_a_suggestion(place, key, suggestion):
    tree = tomllib.loads(scenes.still().to_toml())
    table = tree
    for name in place:
        table = table[name]
    table[key] = {} if not place else 1
    with pytest.raises(nb.NbnumbaError, match=f"{key}'.*mean '{suggestion}'"):
        nb.Experiment.from_toml(tomli_w.dumps(tree))


def test_an_unknown_key_of_reflections_gets_a_suggestion():
    with pytest.raises(nb.NbnumbaError, match=r"'fiel'.*mean 'file'"):
        nb.Experiment.from_toml(tomli_w.dumps(table_with({"fiel": "small.hkl"})))


@pytest.mark.parametrize("text", ["= 3\n", "[crystal\n", "a = \n", "[crystal]\n[crystal]\n", "x = nan_\n"])
def test_malformed_toml_is_said_to_be(text):
    with pytest.raises(nb.NbnumbaError, match="not valid TOML"):
        nb.Experiment.from_toml(text)


@pytest.mark.parametrize("part", ["crystal", "beam", "detector"])
def test_a_missing_table_is_named(part):
    tree = tomllib.loads(scenes.still().to_toml())
    del tree[part]
    with pytest.raises(nb.NbnumbaError, match=rf"\[{part}\]"):
        nb.Experiment.from_toml(tomli_w.dumps(tree))


@pytest.mark.parametrize("field", ["beam.wavelength", "detector.pixels", "detector.pixel_size"])
def test_a_missing_value_is_named(field):
    tree = tomllib.loads(scenes.still().to_toml())
    part, name = field.split(".")
    del tree[part][name]
    with pytest.raises(nb.NbnumbaError, match=field):
        nb.Experiment.from_toml(tomli_w.dumps(tree))


def test_scan_and_sampling_may_be_missing():
    tree = tomllib.loads(scenes.still(**{"scan.start": 1.0}).to_toml())
    del tree["scan"], tree["sampling"]
    assert nb.Experiment.from_toml(tomli_w.dumps(tree)) == scenes.still(sampling=nb.Sampling())


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(nb.NbnumbaError, match=r"nowhere\.toml.*cannot be read"):
        nb.Experiment.from_toml(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_text_is_named(tmp_path):
    file = tmp_path / "image.toml"
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(nb.NbnumbaError, match=r"image\.toml.*not a text file"):
        nb.Experiment.from_toml(file)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(nb.NbnumbaError, match=r"e\.toml.*nowhere does not exist"):
        scenes.still().to_toml(tmp_path / "nowhere" / "e.toml")


def packed(array):
    zipped = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"shape": list(array.shape), "type": array.dtype.name, "zlib": zipped}


def full_tree():
    """Every key of every table."""
    experiment = scenes.still(
        **{
            "beam.sources": nb.Sources([(-1, 0, 0, 1, 1)]),
            "beam.fluence": 1e20,
            "beam.direction": (1, 0, 0),
            "beam.polarization_axis": (0, 0, 1),
            "beam.stokes": (1, 0.1, 0.2, 0.3),
            "crystal.extent": 0.1,
            "detector.beam_center": (8, 6),
            "detector.closest_point": (8, 6),
            "detector.pivot": "sample",
            "detector.fast_axis": (0, 0, 1),
            "detector.slow_axis": (0, -1, 0),
            "detector.normal_axis": (1, 0, 0),
            "detector.twotheta_axis": (0, 0, -1),
            "detector.roi": ((0, 5), (0, 6)),
            "scan.axis": (0, 0, 1),
        }
    )
    tree = tomllib.loads(experiment.to_toml())
    hkl = np.array([[1, 2, 3]], dtype=np.int32)
    cell = [30.0, 40.0, 50.0, 90.0, 90.0, 90.0]
    tree["crystal"]["reflections"] = {"hkl": packed(hkl), "amplitude": packed(np.ones(1)), "cell": cell}
    tree["detector"]["mask"] = {"array": packed(np.ones((12, 17), dtype=bool))}
    return tree


def branches(tree, path=()):
    for key, value in tree.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from branches(value, (*path, key))


JUNK = [
    True,
    -1,
    0,
    2**70,
    1e308,
    NAN,
    INF,
    "",
    "junk",
    [],
    [[]],
    [1, 2],
    [[1, 2], [3]],
    [True] * 3,
    {},
    {"a": {"b": 1}},
]


def test_the_full_tree_is_a_valid_experiment():
    nb.Experiment.from_toml(tomli_w.dumps(full_tree()))


@pytest.mark.parametrize("path", list(branches(full_tree())), ids=".".join)
@pytest.mark.filterwarnings("error")
def test_junk_in_toml_is_taken_or_refused_but_never_crashes(path):
    crashes = []
    for junk in JUNK:
        tree = full_tree()
        table = tree
        for name in path[:-1]:
            table = table[name]
        table[path[-1]] = junk
        try:
            nb.Experiment.from_toml(tomli_w.dumps(tree))
        except nb.NbnumbaError:
            pass
        except Exception as error:
            crashes.append((junk, repr(error)))
    assert not crashes


@pytest.mark.parametrize(
    "junk",
    [{"list": [[1, 2, 3]]}, {"list": "x"}, {"list": [[1, 2, 3, 4]], "cell": 5}, {"hkl": 3}, {"file": 7}, {"file": ""}],
)
def test_junk_for_reflections_is_refused(junk):
    with pytest.raises(nb.NbnumbaError):
        nb.Experiment.from_toml(tomli_w.dumps(table_with(junk)))


@pytest.mark.parametrize("option", ["format", "column", "resolution", "bulk_solvent", "digest",
                                    "anomalous", "wavelength", "b_factor", "scale"])  # fmt: skip
def test_junk_for_the_reading_of_reflections_never_crashes(option, reflection_file):
    crashes = []
    for junk in JUNK:
        text = tomli_w.dumps(table_with({"file": str(reflection_file), option: junk}))
        try:
            nb.Experiment.from_toml(text)
        except nb.NbnumbaError:
            pass
        except Exception as error:
            crashes.append((junk, repr(error)))
    assert not crashes


# --- geometry --------------------------------------------------------------------------------------------------------


def beam_spot(name, beam_center, pixels, pixel):
    """Offsets along fast and slow [mm] that a beam centre stands for."""
    x, y = beam_center
    if name == "mosflm":
        return y + pixel / 2.0, x + pixel / 2.0
    if name == "denzo":
        return y, x
    if name == "adxv":
        return x, pixels[0] * pixel - y
    return x, y


@st.composite
def placed(draw, **others):
    """A detector anywhere in front of a beam that may be tilted, and its geometry."""
    name = draw(st.sampled_from(scenes.CONVENTIONS))
    rng = draw(scenes.generators())
    detector = nb.Detector(
        pixels=(10, 14),
        pixel_size=0.3,
        convention=name,
        beam_center=tuple(rng.uniform(-5.0, 9.0, 2)),
        rotation=tuple(rng.uniform(-25.0, 25.0, 3)),
        twotheta=float(rng.uniform(-25.0, 25.0)),
        **{draw(st.sampled_from(("distance", "close_distance"))): float(rng.uniform(50.0, 500.0))},
        **others,
    )
    beam = np.array(detector.frame.beam) + rng.uniform(-0.1, 0.1, 3)
    beam = type(detector.frame.beam)(*(beam / np.linalg.norm(beam)).tolist())
    return detector, beam, detector.geometry(beam)


def point(geometry, offsets):
    """Position [mm] of a point of the plane."""
    fast, slow = offsets
    return np.array(geometry.origin) + fast * np.array(geometry.fast) + slow * np.array(geometry.slow)


@given(placed(pivot="beam"))
def test_the_beam_meets_the_plane_at_the_beam_center(scene):
    detector, beam, geometry = scene
    spot = beam_spot(detector.convention, detector.beam_center, detector.pixels, detector.pixel_size)
    np.testing.assert_allclose(geometry.beam_center, spot, atol=1e-10)
    along = point(geometry, spot) @ np.array(beam)
    np.testing.assert_allclose(point(geometry, spot), along * np.array(beam), atol=1e-10)
    np.testing.assert_allclose(detector.frame.from_detector(spot, detector.extent), detector.beam_center, atol=1e-12)


@given(placed())
def test_the_beam_center_that_follows_lies_on_the_beam(scene):
    _, beam, geometry = scene
    spot = point(geometry, geometry.beam_center)
    np.testing.assert_allclose(spot, (spot @ np.array(beam)) * np.array(beam), atol=1e-10)


@given(placed())
def test_the_closest_point_is_the_foot_of_the_normal(scene):
    _, _, geometry = scene
    expected = geometry.close_distance * np.array(geometry.normal)
    np.testing.assert_allclose(point(geometry, geometry.closest_point), expected, atol=1e-10)


@given(placed())
def test_the_axes_stay_orthonormal(scene):
    _, _, geometry = scene
    frame = np.array([geometry.fast, geometry.slow, geometry.normal])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-13)


@given(placed(pivot="beam"))
def test_rotations_about_the_beam_spot_leave_it_in_place(scene):
    detector, beam, geometry = scene
    distance = detector.distance or 120.0
    fixed = dataclasses.replace(detector, distance=distance, close_distance=None)
    unturned = dataclasses.replace(fixed, rotation=(0.0, 0.0, 0.0), twotheta=0.0)
    spot = geometry.beam_center
    np.testing.assert_allclose(point(fixed.geometry(beam), spot), distance * np.array(beam), atol=1e-9)
    np.testing.assert_allclose(point(unturned.geometry(beam), spot), distance * np.array(beam), atol=1e-9)


@given(placed(pivot="sample", closest_point=(1.25, 2.5)))
def test_rotations_about_the_sample_leave_the_closest_point_in_place(scene):
    detector, _, geometry = scene
    np.testing.assert_allclose(geometry.closest_point, (1.25, 2.5), atol=1e-10)
    if detector.close_distance is not None:
        assert geometry.close_distance == pytest.approx(detector.close_distance, rel=1e-13)


@given(placed())
def test_without_rotation_the_closest_point_is_the_beam_center(scene):
    detector, _, _ = scene
    detector = dataclasses.replace(detector, rotation=(0.0, 0.0, 0.0), twotheta=0.0)
    geometry = detector.geometry(detector.frame.beam)
    np.testing.assert_allclose(geometry.closest_point, geometry.beam_center, atol=1e-11)
    assert geometry.close_distance == pytest.approx(geometry.distance, rel=1e-14)


@pytest.mark.parametrize("pivot", ["beam", "sample"])
@pytest.mark.parametrize("turned", [{"detector.rotation": (3.0, 4.0, 5.0)}, {"detector.twotheta": 20.0}], ids=str)
def test_the_distance_is_the_one_that_was_given(pivot, turned):
    geometry = scenes.still(**{"detector.pivot": pivot, **turned}).geometry
    assert geometry.distance == pytest.approx(83.0, rel=1e-13)


@pytest.mark.parametrize(
    ("convention", "spot"),
    [
        ("mosflm", (0.3 * 8.0, 0.3 * 6.0)),
        ("denzo", (0.3 * 7.5, 0.3 * 5.5)),
        ("adxv", (0.3 * 7.5, 0.3 * 5.5)),
        ("xds", (0.3 * 7.0, 0.3 * 5.0)),
        ("dials", (0.3 * 7.0, 0.3 * 5.0)),
        ("custom", (0.3 * 7.0, 0.3 * 5.0)),
    ],
)
def test_default_beam_centers_are_about_the_middle(convention, spot):
    detector = nb.Detector(pixels=(10, 14), pixel_size=0.3, convention=convention)
    np.testing.assert_allclose(detector.geometry(detector.frame.beam).beam_center, spot, rtol=1e-12)


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
def test_axes_of_the_conventions_are_orthonormal(convention):
    frame = nb.Detector(**DETECTOR, convention=convention).frame
    np.testing.assert_array_equal(np.abs(np.array([frame.fast, frame.slow, frame.normal])).sum(axis=0), [1, 1, 1])
    assert frame.beam == frame.normal
    assert np.dot(frame.polarization, frame.beam) == 0.0


def test_resolution_follows_the_bragg_equation():
    experiment = scenes.still(**{"detector.convention": "custom", "detector.beam_center": (0.0, 0.0)})
    theta = math.atan2(17.0, 83.0) / 2.0
    assert experiment.resolution(0.0, 17.0) == pytest.approx(1.03 / (2.0 * math.sin(theta)), rel=1e-12)


# --- what follows from an experiment ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("oversample", "expected"), [(3, 3), ("auto", 8)])
def test_subpixels_follow_the_size_of_the_crystal(oversample, expected):
    # 3 * 200 A against a fringe of 1.03 * 83/1 = 85.5 A
    experiment = scenes.still(**{"sampling.oversample": oversample, "crystal.cells": (200 / 31.3, 1, 1)})
    assert experiment.oversample == expected


def test_steps_are_counted():
    experiment = scenes.still(
        **{
            "sampling.oversample": 2,
            "sampling.layers": 3,
            "detector.sensor_thickness": 1.0,
            "detector.sensor_mu": 1.0,
            "scan.steps": 4,
            "crystal.mosaic.spread": 1.0,
            "crystal.mosaic.domains": 5,
            "beam.dispersion": 1.0,
            "beam.dispersion_steps": 6,
        }
    )
    assert experiment.steps_per_pixel == 4 * 3 * 4 * 5 * 6
    bare = {"detector.sensor_mu": 0.0, "detector.sensor_thickness": 0.0}
    assert experiment.replace(**bare).layers == 1


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"detector.sensor_mu": 1.0}, "sensor_mu"),
        ({"detector.closest_point": (1.0, 2.0)}, "closest_point"),
        ({"beam.divergence": (5.0, 0.0)}, "divergence_steps"),
        ({"beam.dispersion": 1.0}, "dispersion_steps"),
        ({"detector.fast_axis": (1, 0, 0)}, "fast_axis and normal_axis"),
        ({"beam.size": 1e-308, "beam.flux": 1.0}, "beam.flux"),
        ({"beam.flux": 1.0, "beam.fluence": 1.0}, "fluence and flux"),
        ({"beam.wavelength": {}}, "beam.wavelength"),
        ({"misset": (1, 2, 3)}, "crystal.misset"),
    ],
)
def test_what_would_have_no_effect_or_no_sense_is_refused(changes, part):
    with pytest.raises(nb.NbnumbaError, match=part):
        scenes.still().replace(**changes)


def test_new_reflections_bring_their_own_cell():
    one, two = (nb.Reflections([(1, 0, 0)], [1.0], cell=(a, 40.0, 50.0, 90.0, 90.0, 90.0)) for a in (30.0, 31.0))
    crystal = nb.Crystal(reflections=one)
    changed = scenes.still(crystal=crystal).replace(**{"crystal.reflections": two})
    assert changed.crystal.unit_cell == two.cell


def test_a_part_can_be_set_to_nothing_beside_its_alternative():
    turned = {"crystal.cell": None, "crystal.orientation": ((9, 0, 0), (0, 8, 0), (0, 0, 7))}
    assert scenes.still().replace(**turned).crystal.unit_cell[:3] == (9.0, 8.0, 7.0)


def test_rendered_pixels_are_counted_inside_region_and_mask():
    mask = np.zeros((12, 17))
    mask[3:, 4:] = 1
    experiment = scenes.still(**{"detector.mask": nb.Mask(mask), "detector.roi": ((0, 5), (0, 6))})
    assert experiment.pixels_rendered == 4


@pytest.mark.parametrize(
    ("rule", "expected"), [("midpoint", [10.25, 10.75, 11.25, 11.75]), ("left", [10.0, 10.5, 11.0, 11.5])]
)
def test_steps_of_a_scan(rule, expected):
    angles = nb.Scan(start=10.0, width=2.0, steps=4, rule=rule).angles()
    np.testing.assert_allclose(np.degrees(angles), expected, rtol=1e-14)


@pytest.mark.parametrize(("steps", "count"), [((3, 3), 5), ((3, 2), 6), ((5, 5), 13)])
def test_round_divergence_keeps_an_ellipse(steps, count):
    beam = nb.Beam(wavelength=1, divergence=(2.0, 4.0), divergence_steps=steps)
    assert len(scenes.still(beam=beam).sources.rows) == count
    square = dataclasses.replace(beam, round_divergence=False)
    assert len(scenes.still(beam=square).sources.rows) == steps[0] * steps[1]


def test_dispersion_spreads_the_wavelength():
    experiment = scenes.still(**{"beam.dispersion": 2.0, "beam.dispersion_steps": 3, "beam.wavelength": 1.5})
    np.testing.assert_allclose([row[4] for row in experiment.sources.rows], [1.485, 1.5, 1.515], rtol=1e-14)


@given(scenes.generators())
def test_divergence_leaves_the_beam_by_half_its_width(rng):
    width = float(rng.uniform(1.0, 20.0))
    experiment = scenes.still(**{"beam.divergence": (width, 0.0), "beam.divergence_steps": (2, 1)})
    towards = np.array(experiment.sources.rows)[:, :3]
    np.testing.assert_allclose(np.arccos(towards @ [-1, 0, 0]), width * 0.5e-3, rtol=1e-6)


def test_a_matrix_file_gives_the_axes(tmp_path):
    file = tmp_path / "A.mat"
    axes = scenes.still().crystal.axes
    starred = np.linalg.inv(axes) * 1.1  # columns a*, b*, c* times the wavelength
    file.write_text("\n".join(" ".join(f"{x:.17g}" for x in row) for row in starred))
    crystal = nb.Crystal.from_matrix(file, 1.1, cells=3, default_f=1.0)
    np.testing.assert_allclose(crystal.axes, axes, atol=1e-12)
    assert crystal.cells == (3.0, 3.0, 3.0)
