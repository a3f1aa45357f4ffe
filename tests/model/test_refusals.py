"""What descriptions of experiments refuse."""

import math

import numpy as np
import pytest
import scenes

import nbnumba as nb

CRYSTAL = {"cell": (30, 40, 50, 90, 90, 90)}
BEAM = {"wavelength": 1.0}
DETECTOR = {"pixels": (10, 12), "pixel_size": 0.1}
NAN, INF = math.nan, math.inf


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
        ("tolerance", 1e-300, "1e-300"),
        ("tolerance", 9e-8, "from 1e-07 up to 0.5"),
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


def test_what_is_long_is_not_told_whole(tmp_path):
    name, words = "a" * 100_000, "-cell 70 -default_F 1"
    (tmp_path / "e.toml").write_text(f"{name} = 1")
    for made in (
        lambda: scenes.still(**{f"crystal.{name}": 1}),
        lambda: scenes.still(**{name: 1}),
        lambda: nb.Experiment.from_toml(tmp_path / "e.toml"),
        lambda: nb.Recipe.from_toml(f"count = 1\n{name} = 1"),
        lambda: nb.Recipe.from_toml(f"count = 1\nvary.{name} = 1"),
        lambda: nb.from_nanobragg(f"{words} -{name}"),
        lambda: nb.from_nanobragg(f"{words} {name}"),
        lambda: nb.from_nanobragg(f"{words} -N {name}"),
    ):
        with pytest.raises(nb.NbnumbaError, match="aaaa") as caught:
            made()
        assert len(str(caught.value)) < 2000


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
