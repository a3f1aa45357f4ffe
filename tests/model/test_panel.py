"""Listed panels: what they are, what is refused, what survives a file."""

import math

import numpy as np
import pytest
import scenes

import nbnumba as nb
from nbnumba.physics.vector import Vector

PANEL = {"pixels": (3, 4), "origin": (80.0, 5.0, -6.0), "fast": (0, 0, 2), "slow": (0, -1, 0)}
SMALL = {**PANEL, "pixels": (2, 5), "origin": (80.0, 5.0, 6.0)}
#: Fields of a detector that place a single panel, each with a value.
PLACING = {
    "distance": 100.0,
    "close_distance": 100.0,
    "beam_center": (1.0, 2.0),
    "pivot": "sample",
    "rotation": (0.0, 0.0, 1.0),
    "twotheta": 3.0,
    "fast_axis": (0, 0, 1),
    "slow_axis": (0, 1, 0),
    "normal_axis": (1, 0, 0),
    "twotheta_axis": (1, 0, 0),
    "curvature": "spherical",
    "roi": ((0, 1), (0, 1)),
}


def listed(**changes):
    return nb.Detector(panels=(nb.Panel(**PANEL), nb.Panel(**SMALL)), pixel_size=0.5, **changes)


def experiment(**changes):
    return scenes.still(detector=listed(**changes))


# --- a panel ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pixels": (0, 4)}, "panel.pixels: found 0"),
        ({"pixels": (3,)}, "panel.pixels"),
        ({"origin": (80.0, math.nan, 0.0)}, "panel.origin"),
        ({"fast": (0, 0, 0)}, "panel.fast"),
        ({"slow": (0, -1, 0.1)}, "at right angles"),
        ({"origin": (0.0005, 5.0, -6.0)}, "passes 0.0005 mm from the sample"),
        ({"origin": (0.0, 0.0, 0.0)}, "passes 0 mm"),
    ],
)
def test_what_no_panel_can_be_is_refused(change, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.Panel(**{**PANEL, **change})


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("behind", [False, True])
def test_a_normal_points_away_from_the_sample(mirrored, behind):
    x = -80.0 if behind else 80.0
    slow = (0, 1, 0) if mirrored else (0, -1, 0)
    place = nb.Panel(**{**PANEL, "origin": (x, 5.0, -6.0), "slow": slow}).geometry(Vector(1.0, 0.0, 0.0))
    assert tuple(place.normal) == (math.copysign(1.0, x), 0.0, 0.0)
    assert place.close_distance == 80.0
    assert tuple(place.fast) == (0.0, 0.0, 1.0)


def test_a_place_is_told_as_that_of_a_detector():
    place = nb.Panel(**PANEL).geometry(Vector(1.0, 0.0, 0.0))
    assert place.distance == 80.0
    assert place.beam_center == (6.0, 5.0)  # fast along z, slow against y
    assert place.closest_point == (6.0, 5.0)
    aside = nb.Panel(**PANEL).geometry(Vector(0.0, 1.0, 0.0))
    assert math.isnan(aside.distance)
    assert math.isnan(aside.beam_center[0])


@pytest.mark.parametrize(
    ("origin", "nearest"),
    [
        ((80.0, 5.0, -6.0), math.hypot(80.0, 3.5, 4.0)),  # ends at y 3.5, z -4
        ((80.0, 1.0, -1.0), 80.0),
        ((80.0, -5.0, -1.0), math.hypot(80.0, 5.0)),
    ],
)
def test_the_nearest_point(origin, nearest):
    assert nb.Panel(**{**PANEL, "origin": origin}).nearest(0.5) == pytest.approx(nearest, rel=1e-15)


# --- a detector that lists panels ------------------------------------------------------------------------------------


def test_shapes_follow_from_the_panels():
    detector = listed()
    assert detector.pixels == (3, 5)
    assert detector.shape == (2, 3, 5)
    assert detector.rows == 6
    assert nb.Detector(pixels=(3, 5), pixel_size=1.0).shape == (3, 5)
    present = np.ones((2, 3, 5), dtype=bool)
    present[0, :, 4] = present[1, 2] = False
    np.testing.assert_array_equal(experiment().rendered, present)
    assert experiment().pixels_rendered == 3 * 4 + 2 * 5
    np.testing.assert_array_equal(experiment().rendered_pixels(), np.argwhere(present))


def test_masks_have_the_image_s_shape():
    good = np.random.default_rng(1).random((2, 3, 5)) < 0.5
    found = experiment(mask=nb.Mask(good)).rendered
    np.testing.assert_array_equal(found, good & experiment().rendered)
    for shape in ((3, 5), (6, 5), (1, 3, 5)):
        with pytest.raises(nb.NbnumbaError, match=r"detector.mask.*\(2, 3, 5\)"):
            listed(mask=nb.Mask(np.ones(shape)))


@pytest.mark.parametrize("name", PLACING)
def test_what_places_one_panel_is_refused_beside_several(name):
    with pytest.raises(nb.NbnumbaError, match=f"detector.{name}: found .* nothing beside panels"):
        listed(**{name: PLACING[name]})


@pytest.mark.parametrize("panels", [3, "ab", (PANEL,), (nb.Panel(**PANEL), None)])
def test_only_panels_are_panels(panels):
    with pytest.raises(nb.NbnumbaError, match=r"detector.panels: found .* a list of Panel"):
        nb.Detector(panels=panels, pixel_size=1.0)


def test_pixels_are_given_once():
    with pytest.raises(nb.NbnumbaError, match=r"detector\.pixels: found nothing"):
        nb.Detector(pixel_size=1.0)
    with pytest.raises(nb.NbnumbaError, match=r"detector.pixels: found \(9, 9\).*largest"):
        listed(pixels=(9, 9))
    assert listed(pixels=(3, 5)) == listed()


def test_there_is_no_place_of_several_panels_as_a_whole():
    for name in ("geometry", "panel"):
        with pytest.raises(nb.NbnumbaError, match=r"detector\.panels: found 2 panels"):
            getattr(experiment(), name)
    assert len(experiment().geometries) == len(experiment().panels) == 2


@pytest.mark.parametrize("panel", [None, 2, -1, True, 0.0])
def test_a_panel_is_asked_for_by_its_number(panel):
    with pytest.raises(nb.NbnumbaError, match=r"panel: found .*; allowed: from 0 to 1"):
        experiment().resolution(1.0, 1.0, panel)
    with pytest.raises(nb.NbnumbaError, match="lists no panels"):
        scenes.still().resolution(1.0, 1.0, 0)


def test_detectors_are_equal_hashable_and_printed():
    assert listed() == listed()
    assert hash(listed()) == hash(listed())
    assert listed() != nb.Detector(panels=(nb.Panel(**PANEL),), pixel_size=0.5)
    assert "Panel(pixels=(3, 4), origin=(80.0, 5.0, -6.0)" in repr(listed())


@pytest.mark.parametrize(
    "changes", [{}, {"mask": nb.Mask(np.arange(30).reshape(2, 3, 5) % 2)}, {"sensor_thickness": 0.3, "sensor_mu": 1.0}]
)
def test_toml_is_exact(changes):
    given = experiment(convention="xds", **changes)
    text = given.to_toml()
    assert nb.Experiment.from_toml(text) == given
    assert text.count("[[detector.panels]]") == 2
    assert not any(f"\n{name} =" in text.split("[detector]")[1].split("[[")[0] for name in PLACING)
    moved = nb.Experiment.from_toml(text, {"detector.panels.1.origin": [80, 7, 7]})
    assert moved == given.replace(**{"detector.panels.1.origin": (80, 7, 7)})
    assert moved.detector.panels[0] == given.detector.panels[0]
    assert moved.detector.panels[1].origin == (80.0, 7.0, 7.0)


def test_a_changed_size_changes_the_image_s_shape():
    assert experiment().replace(**{"detector.panels.0.pixels": (9, 2)}).detector.shape == (2, 9, 5)


def test_errors_in_a_file_name_the_panel():
    text = experiment().to_toml()
    with pytest.raises(nb.NbnumbaError, match=r"detector\.panels\.1: panel\.slow"):
        nb.Experiment.from_toml(text, {"detector.panels.1.slow": [0, 0, 0]})
    with pytest.raises(nb.NbnumbaError, match=r"detector\.panels\.1: no such key 'orgin'"):
        nb.Experiment.from_toml(text, {"detector.panels.1.orgin": [0, 0, 0]})
    with pytest.raises(nb.NbnumbaError, match="number of an item, 0 to 1"):
        experiment().replace(**{"detector.panels.2.origin": (1, 2, 3)})


# --- a detector that is cut ------------------------------------------------------------------------------------------


def test_a_cut_detector_has_its_points_where_they_were():
    whole = scenes.still(**{"detector.rotation": (3, 4, 5), "detector.twotheta": 12.0})
    cut = whole.with_panels(slow=3, fast=1)
    assert cut.detector.shape == (3, 4, 17)
    for panel in range(3):
        there, here = whole.scattering_vector(4.0 * panel + 1.3, 2.6), cut.scattering_vector(1.3, 2.6, panel)
        np.testing.assert_allclose(here, there, rtol=1e-13, atol=1e-15)


def test_a_cut_keeps_sub_pixels_mask_and_region():
    mask = np.random.default_rng(2).random((12, 17)) < 0.6
    whole = scenes.still(
        **{"detector.mask": nb.Mask(mask), "detector.roi": ((1, 9), (2, 17)), "sampling.oversample": "auto",
           "crystal.cells": 60, "detector.twotheta": 40.0}
    )  # fmt: skip
    cut = whole.with_panels(slow=4, fast=17)
    assert cut.oversample == whole.oversample > 1
    inside = np.zeros((12, 17), dtype=bool)
    inside[1:9, 2:] = mask[1:9, 2:]
    back = cut.rendered.reshape(4, 17, 3, 1).transpose(0, 2, 1, 3).reshape(12, 17)
    np.testing.assert_array_equal(back, inside)


def test_a_cut_keeps_the_sensor():
    sensor = {"detector.sensor_thickness": 0.3, "detector.sensor_material": "CdTe", "detector.point_pixels": True}
    whole = scenes.still(**sensor)
    cut = whole.with_panels(slow=2, fast=1)
    assert cut.sensor_mu == whole.sensor_mu > 0.0
    assert cut.detector.point_pixels


@pytest.mark.parametrize(
    ("changes", "grid", "words"),
    [
        ({}, (5, 1), r"found 5 x 1 panels for \(12, 17\) pixels"),
        ({}, (1, 2), "numbers that divide"),
        ({}, (0, 1), "slow: found 0"),
        ({"detector.curvature": "spherical"}, (1, 1), "detector.curvature"),
    ],
)
def test_what_cannot_be_cut_is_refused(changes, grid, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        scenes.still(**changes).with_panels(slow=grid[0], fast=grid[1])
    with pytest.raises(nb.NbnumbaError, match="with_panels"):
        scenes.still().with_panels(slow=1, fast=1).with_panels(slow=1, fast=1)


def test_sub_pixels_are_chosen_for_the_nearest_panel():
    given = scenes.still(detector=listed(), **{"sampling.oversample": "auto", "crystal.cells": 500})
    near, far = sorted(panel.nearest(0.5) for panel in given.detector.panels)
    assert far > near
    assert given.oversample == math.ceil(3.0 * max(given.crystal.size) / (1.03 * near / 0.5)) > 100
