import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.model.sources import even_grid, gaussian_grid, gaussian_shares

TABLE = nb.Spectrum((1.02, 0.98, 1.0, 0.99), (1.0, 2.0, 4.0, 0.0))


def test_a_spectrum_is_kept_in_order():
    assert TABLE.wavelengths == (0.98, 0.99, 1.0, 1.02)
    assert TABLE.weights == (2.0, 0.0, 4.0, 1.0)
    assert nb.Spectrum([0.98, 0.99, 1, 1.02], np.array([2, 0, 4, 1])) == TABLE
    assert hash(TABLE) == hash(nb.Spectrum(TABLE.wavelengths, TABLE.weights))
    assert len(TABLE) == 4
    assert TABLE.mean == pytest.approx((2 * 0.98 + 4 * 1.0 + 1.02) / 7, rel=1e-15)


@pytest.mark.parametrize(
    ("wavelengths", "weights", "message"),
    [
        ((), (), "0 wavelengths and 0 weights"),
        ((1.0,), (1.0, 2.0), "1 wavelengths and 2 weights"),
        ((0.0,), (1.0,), r"wavelengths\[0\]: found 0.0"),
        ((1.0, 2.0), (1.0, -0.5), "weights: found -0.5.*background"),
        ((1.0, 2.0), (0.0, 0.0), "above 0"),
        ((1.0,), ("x",), "'x'"),
        (1.0, (1.0,), "a list of numbers"),
        ("1", (1.0,), "a list of numbers"),
    ],
)
def test_what_is_no_spectrum_is_refused(wavelengths, weights, message):
    with pytest.raises(nb.NbnumbaError, match=message):
        nb.Spectrum(wavelengths, weights)


def test_fwhm_of_known_shapes():
    x = np.linspace(0.9, 1.1, 401)
    bell = nb.Spectrum(tuple(x), tuple(np.exp(-4 * np.log(2) * ((x - 1.0) / 0.02) ** 2)))
    assert bell.fwhm == pytest.approx(0.02, rel=1e-3)  # straight lines between points
    assert nb.Spectrum((1.0, 2.0, 3.0), (0.0, 1.0, 0.0)).fwhm == pytest.approx(1.0, rel=1e-15)
    assert nb.Spectrum((1.0, 1.5), (1.0, 0.8)).fwhm == 0.5
    assert nb.Spectrum((1.0,), (3.0,)).fwhm == 0.0


spectra = st.integers(1, 60).flatmap(
    lambda n: st.builds(
        nb.Spectrum,
        st.lists(st.floats(0.9, 1.1), min_size=n, max_size=n),
        st.lists(st.floats(0.0, 5.0), min_size=n, max_size=n).map(lambda w: [1.0, *w[1:]]),
    )
)


@given(spectra, st.integers(1, 20))
def test_rebinning_keeps_photons_and_mean(spectrum, steps):
    binned = spectrum.rebinned(steps)
    assert len(binned) <= steps
    assert sum(binned.weights) == pytest.approx(sum(spectrum.weights), rel=1e-12)
    assert binned.mean == pytest.approx(spectrum.mean, rel=1e-12)
    assert min(binned.weights) > 0.0
    assert spectrum.wavelengths[0] * (1 - 1e-12) <= binned.wavelengths[0]
    assert binned.wavelengths[-1] <= spectrum.wavelengths[-1] * (1 + 1e-12)


def test_bins_have_equal_width():
    assert nb.Spectrum((1.0, 1.1, 1.2, 2.0), (1.0, 1.0, 2.0, 1.0)).rebinned(2) == nb.Spectrum((1.125, 2.0), (4.0, 1.0))


def test_all_steps_leave_out_what_is_dark():
    assert TABLE.rebinned() == TABLE.rebinned(3) == nb.Spectrum((0.98, 1.0, 1.02), (2.0, 4.0, 1.0))


@pytest.mark.parametrize("count", [2, 3, 5, 8, 15, 60])
def test_gaussian_samples_have_its_moments(count):
    grid = gaussian_grid(2.0, count)
    x, w = np.array(grid.values()), np.array(gaussian_shares(count))
    assert len(x) == count
    assert w.sum() == pytest.approx(1.0, rel=1e-14)
    assert w @ x == pytest.approx(0.0, abs=1e-14)
    assert w @ x**2 == pytest.approx(4.0 / (8.0 * np.log(2.0)), rel=1e-13)
    np.testing.assert_allclose(w, w[::-1], rtol=1e-12)
    assert x[-1] < 3.02  # 1.5 FWHM, and what makes up for the variance beyond


def smeared(count, width):
    """Peaks of some width at many places, averaged over gaussian samples; and exactly, the wider gaussian."""
    grid, sigma = gaussian_grid(np.sqrt(8.0 * np.log(2.0)), count), 1.0
    places = np.linspace(-2.0, 2.0, 81)
    peaks = np.exp(-((places[:, None] - np.array(grid.values())) ** 2) / (2.0 * width**2))
    total = np.hypot(width, sigma)
    exact = width / total * np.exp(-(places**2) / (2.0 * total**2))
    return np.abs(peaks @ np.array(gaussian_shares(count)) - exact).max() / exact.max()


def test_gaussian_samples_converge_as_soon_as_peaks_overlap():
    """Steps are 7.06/(n-1) sigma: 15 samples leave no gap between peaks of half a sigma, 60 none of 0.15."""
    # what is left over is the 4 in 10^4 photons beyond 1.5 FWHM, which the samples have not
    assert smeared(15, 0.5) < 2e-3
    assert smeared(60, 0.15) < 5e-3
    assert smeared(8, 0.15) > 0.5  # single peaks


def test_one_sample_stands_for_a_grid_without_width():
    for make in (even_grid, gaussian_grid):
        assert make(0.0, 5).values() == make(1.0, 1).values() == [0.0]
