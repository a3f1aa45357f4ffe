"""Where reflections fall, and what indices a pixel has: the two agree with one another and with the image."""

import math

import numpy as np
import pytest
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.geometry import geometry_report
from nbnumba.physics.vector import Vector
from nbnumba.prediction import hits, indices_at, point_seen, ring

TILTED = {"detector.twotheta": 20.0, "detector.rotation": (3.0, 4.0, 5.0)}
KINDS = [
    {}, TILTED,
    {"detector.curvature": "spherical"}, {"detector.curvature": "spherical", "detector.twotheta": 60.0},
    {"detector.curvature": "nanobragg"}, {"detector.curvature": "nanobragg", **TILTED},
]  # fmt: skip
LARGE = {"detector.pixels": (400, 300), "detector.pixel_size": 0.5}


@pytest.mark.parametrize("changes", KINDS)
@settings(max_examples=20)
@given(hkl=st.tuples(*[st.integers(-6, 6)] * 3).filter(any), start=st.floats(-180.0, 180.0))
def test_a_reflection_has_its_indices_where_it_diffracts(changes, hkl, start):
    experiment = scenes.still(**{**LARGE, **changes, "scan.start": start, "scan.width": 2.0})
    still, *exact = hits(experiment, *hkl)
    assert still.angle == pytest.approx(start)
    for hit in exact:
        assert hit.excitation_error == pytest.approx(0.0, abs=1e-12)
        if math.isfinite(hit.slow):
            turned = experiment.replace(**{"scan.start": hit.angle, "scan.width": 3.0})
            np.testing.assert_allclose(indices_at(turned, hit.slow, hit.fast), hkl, atol=1e-7)


@pytest.mark.parametrize("changes", KINDS)
@settings(max_examples=20)
@given(place=st.tuples(st.floats(0.0, 399.0), st.floats(0.0, 299.0)))
def test_a_point_is_seen_where_it_is(changes, place):
    experiment = scenes.still(**{**LARGE, **changes})
    q, beam = experiment.scattering_vector(*place), experiment.beam_direction
    direction = [b + experiment.beam.wavelength * x for b, x in zip(beam, q, strict=True)]
    np.testing.assert_allclose(point_seen(experiment, Vector(*direction)), place, atol=1e-6)


def test_the_brightest_pixel_of_a_predicted_spot_is_that_pixel():
    base = scenes.still(**{**LARGE, "crystal.cells": (30, 30, 30)})
    hit = next(hit for hit in hits(base, 3, -2, 4)[1:] if hit.on_detector)
    slow, fast = math.floor(hit.slow), math.floor(hit.fast)
    around = ((slow - 3, slow + 4), (fast - 3, fast + 4))
    image = nb.simulate(base.replace(**{"scan.start": hit.angle, "detector.roi": around, "sampling.oversample": 5}))
    assert np.unravel_index(image.argmax(), image.shape) == (slow, fast)


@pytest.mark.parametrize("changes", KINDS)
def test_rings_have_one_resolution(changes):
    experiment = scenes.still(**{**LARGE, **changes})
    found = ring(experiment, 3.0)
    points = np.column_stack([found.slow, found.fast])[found.inside]
    assert len(points) > 50
    for point in points[::40]:
        assert experiment.resolution(*point) == pytest.approx(3.0, rel=1e-9)


@pytest.mark.parametrize("changes", KINDS)
def test_chosen_rings_are_on_the_detector(changes):
    experiment = scenes.still(**{**LARGE, **changes})
    found = geometry_report(experiment)["rings"]
    assert 3 <= len(found) <= 5
    assert ring(experiment, found[-1]["spacing_A"]).inside.any()


def test_behind_the_detector_nothing_is_seen():
    assert all(map(math.isnan, point_seen(scenes.still(), Vector(-1.0, 0.0, 0.0))))
    assert all(map(math.isnan, point_seen(scenes.still(), Vector(0.0, 0.0, 1.0))))


def test_what_does_not_exist_is_refused():
    with pytest.raises(nb.NbnumbaError, match="0 0 0, the direct beam"):
        hits(scenes.still(), 0, 0, 0)
    with pytest.raises(nb.NbnumbaError, match=r"hkl: found \(1, 40000, 3\); allowed: indices up to 32767"):
        hits(scenes.still(), 1, 40000, 3)
    with pytest.raises(nb.NbnumbaError, match=r"found 0\.5 A; allowed: above half the wavelength"):
        ring(scenes.still(), 0.5)


def test_several_sources_stand_for_their_mean():
    source = lambda wavelength: nb.Sources(((-1.0, 0.0, 0.0, 1.0, wavelength),))  # noqa: E731
    given, other = (scenes.still(**LARGE, **{"beam.sources": source(x)}) for x in (1.5, 1.03))
    assert hits(given, 2, 1, -3) != hits(other, 2, 1, -3)
    assert hits(given, 2, 1, -3) == hits(scenes.still(**LARGE, **{"beam.wavelength": 1.5}), 2, 1, -3)


def test_some_reflections_never_diffract():
    experiment = scenes.still(**{"crystal.misset": (0.0, 0.0, 0.0), "scan.axis": (1.0, 0.0, 0.0)})
    assert len(hits(experiment, 1, 0, 0)) == 1
