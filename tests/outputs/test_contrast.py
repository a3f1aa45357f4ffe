"""Scales of darkness: their ends, their course, and what they make of expected photons and counts."""

import numpy as np
import pytest

from nbnumba.errors import NbnumbaError
from nbnumba.outputs import reduce
from nbnumba.outputs.contrast import SCALES, contrast
from nbnumba.outputs.reduce import shrunk


def expected():
    """Spots of all strengths on next to nothing."""
    slow, fast = np.mgrid[0:200, 0:200]
    image = 1e-4 * np.ones((500, 500))
    for i, height in enumerate(np.logspace(-1, 4, 60)):
        squared = (slow - 10 - 25 * (i // 8)) ** 2 + (fast - 10 - 25 * (i % 8)) ** 2
        image[:200, :200] += height * np.exp(-squared / 2.0)
    return image


def counts(ground=10.0):
    return np.random.default_rng(1).poisson(expected() + ground).astype(float)


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_rises_from_its_low_to_its_high_end(scale):
    found = contrast([counts()], scale, (5.0, 99.0))
    values = np.linspace(found.low, found.high, 50)
    shades = found.shade(values)
    assert (shades[0], shades[-1]) == pytest.approx((0.0, 1.0))
    assert (np.diff(shades) > 0.0).all()
    np.testing.assert_allclose(found.value(shades), values, rtol=1e-9)
    assert found.shade(np.float64(found.low - 100.0)) == 0.0


def test_percentiles_are_taken_as_they_are_given():
    found = contrast([np.arange(101.0).reshape(1, -1)], "linear", (10.0, 90.0))
    assert (found.low, found.high) == (10.0, 90.0)
    assert found.shade(np.float64(50.0)) == 0.5


@pytest.mark.parametrize(("image", "whole"), [(expected(), False), (counts(), True), (counts(0.05), True)])
def test_the_ground_is_light_and_strong_spots_are_dark(image, whole):
    found = contrast([image], counts=whole)
    assert found.shade(np.median(image)) < 0.3
    assert np.percentile(found.shade(image), 80) < 0.45
    assert found.shade(image.max()) >= 1.0
    assert found.shade(image[10 + 25 * 5, 10 + 25 * 3]) > 0.6  # of some 700 photons


def test_weak_spots_are_seen_beside_strong_ones():
    found = contrast([expected()])
    assert found.shade(np.float64(1.0)) > 0.1  # beside one of 10,000


def test_a_ground_that_varies_is_seen():
    ramp = np.tile(np.linspace(100.0, 1000.0, 300), (300, 1))
    image = np.random.default_rng(1).poisson(ramp).astype(float)
    found = contrast([image], counts=True)
    assert found.shade(np.float64(300.0)) < found.shade(np.float64(600.0)) - 0.05


def test_single_photons_are_not_black():
    image = np.random.default_rng(1).poisson(0.05, (100, 100)).astype(float)
    assert contrast([image], counts=True).shade(np.float64(1.0)) < 0.5


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "image", [expected(), counts(), counts(2000.0), -counts(), np.full((3, 3), 7.0), np.zeros((2, 2))]
)
def test_numbers_along_a_scale_have_room(scale, image):
    found = contrast([image], scale)
    places = found.shade(np.array(found.ticks()))
    assert len(places) >= 2
    assert ((places >= 0.0) & (places <= 1.0)).all()
    assert (np.diff(places) >= 0.069).all()


def test_nothing_to_see_has_a_scale():
    assert contrast([np.full((3, 3), np.nan)]).high == 1.0


@pytest.mark.parametrize(
    "wrong", [("cubic", None), ("log", (50.0, 50.0)), ("log", (-1.0, 50.0)), ("log", (5.0, 101.0))]
)
def test_other_scales_are_refused(wrong):
    with pytest.raises(NbnumbaError, match="allowed"):
        contrast([counts()], *wrong)


def test_a_bin_shows_its_strongest_pixel_that_counts(monkeypatch):
    image = np.random.default_rng(1).normal(size=(23, 31))
    image[4, 4] = np.inf
    masked = np.random.default_rng(2).random(image.shape) < 0.3
    masked[6:9, 9:12] = True
    clean = np.where(masked | ~np.isfinite(image), np.nan, image)
    for at_once in (1 << 20, 31 * 3):
        monkeypatch.setattr(reduce, "_AT_ONCE", at_once)
        found = shrunk(image, masked, 3)
        assert found.shape == (8, 11)
        for i, j in np.ndindex(found.shape):
            inside = clean[3 * i : 3 * i + 3, 3 * j : 3 * j + 3]
            inside = inside[np.isfinite(inside)]
            assert found[i, j] == inside.max() if inside.size else np.isnan(found[i, j])
    assert np.isnan(found[2, 3])


def test_integers_keep_their_values():
    image = np.array([[2**31 - 1, 5], [-3, 0]], dtype=np.int32)
    np.testing.assert_array_equal(shrunk(image, None, 1), image)
