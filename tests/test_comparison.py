"""Two images in figures: nb.compare."""

import math

import numpy as np
import pytest

import nbnumba as nb


def spots(places, shape=(60, 80), width=1.2, strength=100.0):
    slow, fast = np.indices(shape)
    squares = [((slow - s) ** 2 + (fast - f) ** 2) / (2 * width**2) for s, f in places]
    return 3.0 + strength * sum(np.exp(-square) for square in squares)


PLACES = [(10, 12), (20.3, 40.4), (45, 70), (55.2, 5.1)]


def test_an_image_equals_itself():
    image = spots(PLACES)
    found = nb.compare(image, image)
    assert (found.correlation, found.ratio, found.rms, found.largest, found.relative) == (1.0, 1.0, 0.0, 0.0, 0.0)
    assert found.peaks == ((4, 4), (4, 4), 0.0)


def test_figures_of_a_known_difference():
    a = np.arange(12.0).reshape(3, 4)
    b = a.copy()
    b[2, 1] += 3.0
    found = nb.compare(a, b)
    assert found.ratio == pytest.approx(69.0 / 66.0)
    assert found.rms == pytest.approx(math.sqrt(9.0 / 12.0))
    assert (found.largest, found.place) == (3.0, (2, 1))
    assert found.relative == pytest.approx(3.0 / 11.0)
    assert found.correlation == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize(("shift", "matched"), [(0.0, 4), (0.3, 4), (0.6, 0), (2.0, 0)])
def test_peaks_match_within_half_a_pixel(shift, matched):
    found = nb.compare(spots(PLACES), spots([(s, f + shift) for s, f in PLACES]))
    assert found.peaks.strongest == (4, 4)
    assert found.peaks.matched == (matched, matched)


def test_a_missing_peak_is_counted_on_its_side():
    assert nb.compare(spots(PLACES), spots(PLACES[:3])).peaks.matched == (3, 3)
    assert nb.compare(spots(PLACES), spots(PLACES[:3])).peaks.strongest == (4, 3)
    assert nb.compare(spots(PLACES), spots(PLACES[:3]), peaks=3.0).peaks.strongest == (3, 3)


def test_only_the_strongest_peaks_are_looked_for():
    assert nb.compare(spots(PLACES), spots(PLACES), peaks=2).peaks.strongest == (2, 2)


def test_a_saturated_peak_is_one():
    image = np.minimum(spots(PLACES, width=3.0), 60.0)
    assert nb.compare(image, image).peaks.strongest == (4, 4)


def test_pixels_that_are_not_finite_are_left_out():
    a, b = spots(PLACES), spots(PLACES)
    a[3, 4], b[5, 6] = np.nan, np.inf
    found = nb.compare(a, b)
    assert (found.pixels, found.one_sided) == (a.size - 2, 2)
    assert found.largest == 0.0
    assert found.ratio == 1.0


def test_infinities_that_differ_are_counted():
    a, b = spots(PLACES), spots(PLACES)
    a[3, 4], b[3, 4] = np.inf, -np.inf
    a[5, 6], b[5, 6] = np.inf, np.nan
    a[7, 8] = b[7, 8] = np.inf
    a[9, 1] = b[9, 1] = np.nan
    assert nb.compare(a, b).one_sided == 2


def test_flat_and_dark_images_have_no_correlation():
    dark = np.zeros((5, 6))
    found = nb.compare(dark, dark)
    assert math.isnan(found.correlation)
    assert math.isnan(found.ratio)
    assert found.relative == 0.0
    assert math.isnan(found.peaks.apart)
    assert math.isnan(nb.compare(dark, dark + 1.0).relative)


@pytest.mark.parametrize(
    ("a", "b", "part"),
    [
        (np.zeros((4, 5)), np.zeros((5, 4)), "same shape"),
        (np.zeros(4), np.zeros(4), "two dimensions"),
        (np.zeros((2, 2), complex), np.zeros((2, 2)), "first image"),
        (np.full((2, 2), np.nan), np.zeros((2, 2)), "finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, part):
    with pytest.raises(nb.NbnumbaError, match=part):
        nb.compare(a, b)


def test_a_number_of_peaks_below_0_is_refused():
    with pytest.raises(nb.NbnumbaError, match="peaks: found -1"):
        nb.compare(np.eye(3), np.eye(3), peaks=-1)
