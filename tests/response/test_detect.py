"""From expected photons to counts: statistics, every step of a response, and what is refused."""

import math

import numpy as np
import pytest
import scenes
from scipy import stats

import nbnumba as nb
from nbnumba.kernels.counting import PHOTONS
from nbnumba.physics.philox import Stream
from nbnumba.physics.poisson import poisson

MEANS = (0.01, 1.0, 11.9, 12.0, 100.0, 1e4, 1e7)
SHAPE = (400, 500)
#: Chance to fail of each statistical test, were its seed not fixed.
RARE = 1e-4


def experiment(shape=SHAPE, **changes):
    return scenes.still(**{"detector.pixels": shape, **changes})


def flat(mean, shape=SHAPE):
    return np.full(shape, mean, dtype=np.float32)


def responded(mean, shape=SHAPE, seed=1, number=0, **response):
    return nb.detect(experiment(shape, response=nb.Response(**response)), flat(mean, shape), seed=seed, number=number)


class TestPhotonNoise:
    @pytest.mark.parametrize("mean", MEANS)
    def test_mean_variance_and_distribution(self, mean):
        counts = nb.detect(experiment(), flat(mean)).ravel().astype(float)
        n = counts.size
        assert abs(counts.mean() - mean) < 4.0 * math.sqrt(mean / n)
        fourth = mean + 3.0 * mean**2  # central moment
        assert abs(counts.var() - mean) < 4.0 * math.sqrt((fourth - mean**2) / n)
        assert chi_square(counts, mean) > RARE

    def test_neighbours_images_and_seeds_are_independent(self):
        bright = experiment()
        draws = [nb.detect(bright, flat(30.0), seed=s, number=n) for s, n in ((1, 0), (1, 1), (2, 0))]
        first = draws[0].astype(float)
        pairs = [
            (first[:, 1:], first[:, :-1]), (first[1:], first[:-1]), (first[:, 2:], first[:, :-2]),
            (first, draws[1]), (first, draws[2]), (first[:, :-256], first[:, 256:]),
        ]  # fmt: skip
        for a, b in pairs:
            correlation = np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]
            assert abs(correlation) < 4.0 / math.sqrt(a.size)

    def test_noise_of_the_readout_is_independent_of_that_of_photons(self):
        photons = responded(30.0)
        noise = responded(0.0, readout_noise=100.0, offset=5000.0)
        assert abs(np.corrcoef(photons.ravel(), noise.ravel())[0, 1]) < 4.0 / math.sqrt(photons.size)

    def test_plain_python_draws_the_same(self):
        means = (10.0 ** np.random.default_rng(2).uniform(-3, 6, (12, 17))).astype(np.float32)
        counts = nb.detect(experiment((12, 17)), means, seed=2**40 + 3, number=7)
        stream = Stream(2**40 + 3, 7, PHOTONS)
        assert counts.ravel().tolist() == [poisson(float(m), stream, i) for i, m in enumerate(means.ravel())]

    def test_threads_and_order_change_nothing(self):
        means = (10.0 ** np.random.default_rng(3).uniform(-2, 3, (3, 97, 103))).astype(np.float32)
        e = experiment((97, 103), response=nb.Response(flicker=0.1, readout_noise=2.0, offset=20.0))
        stack = nb.detect(e, means, seed=5, number=10)
        for i in (2, 0):
            alone = nb.detect(e, means[i], seed=5, number=10 + i, threads=1)
            np.testing.assert_array_equal(stack[i], alone)
        assert stack.shape == means.shape
        assert stack.dtype == np.int32

    def test_darkness_stays_dark(self):
        assert not nb.detect(experiment(), flat(0.0)).any()

    def test_more_than_a_number_can_hold_is_told(self):
        with pytest.warns(nb.NbnumbaWarning, match="largest number of int32"):
            counts = nb.detect(experiment((3, 4)), flat(1e12, (3, 4)))
        assert (counts == 2**31 - 1).all()


def chi_square(counts, mean, parts=40):
    """Probability of a deviation as large as that of counts from a Poisson distribution, in parts equally likely."""
    edges = np.unique(stats.poisson.ppf(np.linspace(0.0, 1.0, parts + 1)[1:-1], mean))
    bins = np.concatenate([[-1.0], edges, [np.inf]])
    found = np.histogram(counts, bins + 0.5)[0]
    expected = np.diff(stats.poisson.cdf(bins, mean)) * counts.size
    enough = expected > 5.0
    rest = expected[~enough].sum()
    found = np.append(found[enough], found[~enough].sum()) if rest else found[enough]
    expected = np.append(expected[enough], rest) if rest else expected[enough]
    return stats.chisquare(found, expected).pvalue


class TestReadout:
    def test_gain_offset_and_noise(self):
        counts = responded(50.0, gain=7.3, offset=40.0, readout_noise=3.0).astype(float)
        n = counts.size
        variance = 7.3**2 * 50.0 + 3.0**2 + 1.0 / 12.0  # photons, read-out, rounding
        assert abs(counts.mean() - (7.3 * 50.0 + 40.0)) < 4.0 * math.sqrt(variance / n)
        assert counts.var() == pytest.approx(variance, rel=4.0 * math.sqrt(2.0 / n))

    def test_rounding_is_to_the_nearest(self):
        means = np.array([[0.0, 0.49, 0.5, 1.49, 1.5, 2.51]], dtype=np.float32)
        e = experiment((1, 6), response=nb.Response(photon_noise=False))
        assert nb.detect(e, means).tolist() == [[0, 0, 1, 1, 2, 3]]

    def test_limits(self):
        counts = responded(100.0, dtype="uint16", saturation=105, underload=95)
        assert (counts.min(), counts.max(), counts.dtype) == (95, 105, np.uint16)
        assert responded(1e6, (3, 4), dtype="uint16").max() == 65535

    def test_negative_numbers_where_they_are_allowed(self):
        noise = responded(0.0, readout_noise=5.0, underload=-100)
        assert noise.min() < -15
        assert abs(noise.mean()) < 4.0 * 5.0 / math.sqrt(noise.size)
        assert noise.std() == pytest.approx(math.sqrt(25.0 + 1.0 / 12.0), rel=0.01)

    def test_dead_time(self):
        e = experiment((1, 3), **{"beam.exposure": 0.1})
        means = np.array([[1e3, 1e5, 1e6]], dtype=np.float32)
        tau, rate = 200e-9, means[0].astype(float) * 200e-9 / 0.1
        for paralyzable, seen in ((False, means[0] / (1.0 + rate)), (True, means[0] * np.exp(-rate))):
            response = nb.Response(photon_noise=False, dead_time=tau, paralyzable=paralyzable)
            counts = nb.detect(e.replace(response=response), means)
            np.testing.assert_allclose(counts[0], seen, atol=0.5)

    @pytest.mark.parametrize("paralyzable", [False, True])
    def test_variance_with_a_dead_time_is_that_of_a_counter(self, paralyzable):
        """Against the arrival times themselves: each photon is lost that comes within the dead time."""
        mean, dead, n = 400.0, 1e-3, 20000
        e = experiment((100, 200), **{"beam.exposure": 1.0})
        response = nb.Response(dead_time=dead, paralyzable=paralyzable)
        counts = nb.detect(e.replace(response=response), flat(mean, (100, 200))).astype(float)
        rng = np.random.default_rng(5)
        times = np.cumsum(rng.exponential(1.0 / mean, (n, 620)), axis=1)
        if paralyzable:
            seen = np.diff(times, axis=1, prepend=-1.0) > dead
        else:
            seen, last = np.zeros(times.shape, dtype=bool), np.full(n, -1.0)
            for i in range(times.shape[1]):
                seen[:, i] = times[:, i] - last > dead
                last = np.where(seen[:, i], times[:, i], last)
        true = (seen & (times < 1.0)).sum(axis=1)
        assert counts.mean() == pytest.approx(true.mean(), rel=3e-3)  # the formula is for many counts
        assert counts.var() == pytest.approx(true.var(), rel=0.05)

    def test_threshold_and_shared_charge(self):
        """At half the photon's energy each photon counts once, however the charge spreads; above it some are lost."""
        energy = 12.398419843320026 / experiment().beam.wavelength
        part = {"photon_noise": False, "gain": 1000.0, "charge_cloud": 0.01}
        size = experiment().detector.pixel_size
        assert (responded(10.0, (2, 3), **part, threshold=energy / 2) == 10000).all()
        assert not responded(10.0, (2, 3), **part, threshold=energy * 1.01).any()
        lost = 1.0 - 2.0 * 0.01 * stats.norm.ppf(0.75) / size
        assert responded(10.0, (2, 3), **part, threshold=0.75 * energy)[0, 0] == round(1e4 * lost**2)

    def test_threshold_counts_each_wavelength_by_itself(self):
        two = experiment((2, 3), **{"beam.spectrum": nb.Spectrum((1.0, 2.0), (1.0, 3.0))})  # 12.4 and 6.2 keV
        counts = nb.detect(two.replace(response=nb.Response(threshold=8.0, photon_noise=False)), flat(1000.0, (2, 3)))
        assert (counts == 250).all()


class TestVariation:
    def test_sensitivity_stays_from_image_to_image(self):
        e = experiment(response=nb.Response(photon_noise=False, gain=1e4, calibration=0.03))
        first = nb.detect(e, flat(10.0))
        np.testing.assert_array_equal(first, nb.detect(e, flat(10.0), seed=9))
        np.testing.assert_array_equal(first, nb.detect(e, flat(10.0), number=3))
        assert first.std() / first.mean() == pytest.approx(0.03, rel=0.01)

    def test_another_detector_has_another_sensitivity(self):
        e = experiment(response=nb.Response(photon_noise=False, gain=1e4, calibration=0.03, seed=2))
        assert (
            nb.detect(e, flat(10.0)) != responded(10.0, photon_noise=False, gain=1e4, calibration=0.03)
        ).mean() > 0.9

    def test_flicker_is_one_factor_an_image(self):
        e = experiment((1, 2), response=nb.Response(photon_noise=False, gain=1e4, flicker=0.1))
        images = nb.detect(e, np.full((2000, 1, 2), 10.0, np.float32))
        assert (images[:, 0, 0] == images[:, 0, 1]).all()
        factors = images[:, 0, 0] / 1e5
        assert abs(factors.mean() - 1.0) < 4.0 * 0.1 / math.sqrt(2000)
        assert factors.std() == pytest.approx(0.1, rel=4.0 / math.sqrt(4000))

    def test_dead_and_hot_pixels_are_those_of_the_mask(self):
        response = nb.Response(dead_pixels=0.01, hot_pixels=0.002, saturation=1000, photon_noise=False)
        e = experiment(response=response)
        counts, mask = nb.detect(e, flat(10.0)), nb.pixel_mask(e)
        np.testing.assert_array_equal(mask == 2, counts == 0)
        np.testing.assert_array_equal(mask == 8, counts == 1000)
        for fraction, value in ((0.01, 2), (0.002, 8)):
            n = mask.size
            assert abs((mask == value).sum() - n * fraction) < 4.0 * math.sqrt(n * fraction)

    @pytest.mark.parametrize(
        ("kind", "masked", "value"), [("int32", None, -1), ("uint16", None, 65535), ("int32", 0, 0)]
    )
    def test_gaps_and_pixels_outside_the_region(self, kind, masked, value):
        rendered = np.random.default_rng(1).uniform(size=(20, 30)) < 0.7
        e = experiment(
            (20, 30),
            **{"detector.mask": nb.Mask(rendered), "detector.roi": ((0, 15), (3, 30))},
            response=nb.Response(dtype=kind, masked=masked, offset=7.0),
        )
        counts = nb.detect(e, flat(100.0, (20, 30)))
        np.testing.assert_array_equal(counts == value, ~e.rendered)
        np.testing.assert_array_equal(nb.pixel_mask(e) == 1, ~e.rendered)


class TestSpread:
    @pytest.mark.parametrize("kind", ["gaussian", "fiber"])
    @pytest.mark.parametrize("fwhm", [0.3, 1.0, 4.0])
    def test_a_point_spreads_as_the_integral_over_pixels(self, kind, fwhm):
        e = experiment((41, 51), response=spreading(kind, fwhm))
        image = flat(0.0, (41, 51))
        image[17, 22] = 1000.0
        found = nb.detect(e, image) / 1e9
        np.testing.assert_allclose(found, shares(kind, fwhm, 41, 51, 17, 22), atol=1e-8)

    @pytest.mark.parametrize("kind", ["gaussian", "fiber"])
    def test_spread_is_linear_and_loses_what_leaves(self, kind):
        rng, e = np.random.default_rng(4), experiment((9, 13), response=spreading(kind, 2.0))
        image = rng.uniform(0.0, 1000.0, (9, 13)).astype(np.float32)
        total = sum(image[s, f] * shares(kind, 2.0, 9, 13, s, f) for s in range(9) for f in range(13))
        np.testing.assert_allclose(nb.detect(e, image) / 1e6, total, rtol=1e-6, atol=1e-5)

    def test_a_screen_smooths_the_noise_and_spread_photons_keep_theirs(self):
        screen = responded(100.0, psf="gaussian", psf_fwhm=0.3, gain=100.0)[20:-20, 20:-20]
        photons = responded(100.0, psf="gaussian", psf_fwhm=0.3, noise_before_spread=False)[20:-20, 20:-20]
        assert photons.var() == pytest.approx(100.0, rel=0.02)
        size = experiment().detector.pixel_size
        taps = gaussian_shares(np.arange(-30, 31), 0.3 / size)
        assert screen.var() / 1e4 == pytest.approx(100.0 * (taps**2).sum() ** 2, rel=0.05)  # of correlated pixels
        assert screen.mean() / 100.0 == pytest.approx(photons.mean(), rel=2e-3)


def spreading(kind, fwhm):
    """A response that shows the point spread alone; ``fwhm`` in pixels."""
    size = experiment().detector.pixel_size
    return nb.Response(psf=kind, psf_fwhm=fwhm * size, photon_noise=False, gain=1e6)


def gaussian_shares(offsets, fwhm):
    sigma = fwhm / math.sqrt(8.0 * math.log(2.0))
    return stats.norm.cdf((offsets + 0.5) / sigma) - stats.norm.cdf((offsets - 0.5) / sigma)


def shares(kind, fwhm, slow, fast, s0, f0):
    """What the pixels of a detector get of a photon at one of them, by numerical integration for fibres."""
    s, f = np.arange(slow) - s0, np.arange(fast) - f0
    if kind == "gaussian":
        return np.outer(gaussian_shares(s, fwhm), gaussian_shares(f, fwhm))
    g = fwhm / math.sqrt(4.0 * (2.0 ** (2.0 / 3.0) - 1.0))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    x, y = s[:, None] + nodes / 2.0, f[:, None] + nodes / 2.0
    square = x[:, None, :, None] ** 2 + y[None, :, None, :] ** 2
    return np.einsum("sfij,i,j->sf", g / (2.0 * math.pi * (g * g + square) ** 1.5), weights / 2.0, weights / 2.0)


class TestDescription:
    def test_toml_and_dotted_names(self):
        e = experiment(response=nb.Response(gain=2.0, psf="fiber", psf_fwhm=0.05, dtype="uint16"))
        assert nb.Experiment.from_toml(e.to_toml()) == e
        assert experiment().replace(**{"response.gain": 2}).response == nb.Response(gain=2)
        assert "response" not in experiment().to_toml()

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"gain": 0}, "response.gain: found 0"),
            ({"psf": "gauss"}, "did you mean 'gaussian'"),
            ({"psf": "fiber"}, "psf_fwhm 0 mm"),
            ({"psf_fwhm": 0.1}, "psf 'none'"),
            ({"dtype": "float32"}, "int32 | uint16"),
            ({"dtype": "uint16", "saturation": 70000}, "response.saturation: found 70000"),
            ({"underload": 10, "saturation": 10}, "from 11"),
            ({"charge_cloud": 0.01}, "0 without a threshold"),
            ({"dead_pixels": 0.6, "hot_pixels": 0.6}, "up to 1"),
            ({"dead_time": 1e-7, "psf": "gaussian", "psf_fwhm": 0.1}, "has no screen"),
            ({"seed": -1}, "response.seed: found -1"),
            ({"flicker": float("nan")}, "response.flicker: found nan"),
            ({"photon_noise": 1}, "true or false"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, values, reason):
        with pytest.raises(nb.NbnumbaError) as error:
            nb.Response(**values)
        assert reason in str(error.value)

    @pytest.mark.parametrize(
        ("image", "reason"),
        [
            (np.zeros((3, 4)), r"allowed: numbers of shape \(12, 17\)"),
            (-np.ones((12, 17)), "negative"),
            (np.full((12, 17), np.nan), "not finite"),
            (np.zeros((0, 12, 17)), "found nothing"),
            (np.zeros((12, 17), complex), "complex128"),
            (np.zeros((1, 1, 12, 17)), "allowed: numbers of shape"),
        ],
    )
    def test_images_that_are_none(self, image, reason):
        with pytest.raises(nb.NbnumbaError, match=reason):
            nb.detect(experiment((12, 17)), image)

    @pytest.mark.parametrize(
        ("given", "reason"),
        [({"seed": -1}, "seed"), ({"seed": 2**63}, "seed"), ({"number": 2**32}, "number"), ({"threads": 0}, "threads"),
         ({"device": "gpu"}, "device")],
    )  # fmt: skip
    def test_other_arguments(self, given, reason):
        with pytest.raises(nb.NbnumbaError, match=f"{reason}: found"):
            nb.detect(experiment((12, 17)), flat(1.0, (12, 17)), **given)


class TestFiles:
    def test_expected_photons_beside_counts(self, tmp_path):
        e = experiment((12, 17), response=nb.Response(gain=2.0, offset=10.0))
        means = np.random.default_rng(1).uniform(0.0, 9.0, (3, 12, 17)).astype(np.float32)
        counts = nb.detect(e, means)
        nb.write_nexus(tmp_path / "x.h5", e, counts, expected=means)
        assert nb.read_nexus(tmp_path / "x.h5")[0] == e
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "x.h5")[1], counts)
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "x.h5", expected=True)[1], means)

    def test_without_them_asking_for_them_is_refused(self, tmp_path):
        e = experiment((12, 17))
        nb.write_nexus(tmp_path / "x.h5", e, flat(1.0, (12, 17)))
        with pytest.raises(nb.NbnumbaError, match="no expected photons"):
            nb.read_nexus(tmp_path / "x.h5", expected=True)

    def test_as_many_of_both(self, tmp_path):
        e = experiment((12, 17))
        with pytest.raises(nb.NbnumbaError, match="another number of images"):
            nb.write_nexus(tmp_path / "x.h5", e, np.zeros((3, 12, 17)), expected=np.zeros((2, 12, 17)))
        assert not list(tmp_path.iterdir())

    def test_what_readers_are_told_to_trust(self, tmp_path):
        import h5py

        e = experiment((12, 17), response=nb.Response(saturation=1000, underload=2, dead_pixels=0.1, hot_pixels=0.1))
        nb.write_nexus(tmp_path / "x.h5", e, nb.detect(e, flat(100.0, (12, 17))))
        with h5py.File(tmp_path / "x.h5") as file:
            detector = file["entry/instrument/detector"]
            assert detector["saturation_value"][()] == 999
            assert detector["underload_value"][()] == 2
            np.testing.assert_array_equal(detector["pixel_mask"], nb.pixel_mask(e))
            assert {0, 2, 8} == set(np.unique(detector["pixel_mask"]))
