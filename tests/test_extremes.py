"""Numbers at the ends of what can be described: right within the bounds that `extremes` states, or refused by name."""

import math
import warnings

import extreme_kinds
import extremes
import mpmath as mp
import numpy as np
import oracle
import pytest
import scenes
from slow import few

import nbnumba as nb
from nbnumba.gpu import kernel_arguments
from nbnumba.kernels.arguments import all_axes
from nbnumba.kernels.counting import Exposure
from nbnumba.kernels.pack import pack
from nbnumba.kernels.readout import expose
from nbnumba.physics.lattice import SHAPES
from nbnumba.spots import spots

pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="here a long double is no more precise than a double"
)

KINDS = [
    ("square", "uniform", "double", 40), ("square", "nearest", "double", 20), ("square", "uniform", "double", 400),
    ("square", "uniform", "mixed", 200),
    ("square", "nearest", "double", 200), ("gauss", "nearest", "mixed", 100),
    *((shape, "uniform", "double", 200) for shape in SHAPES if shape != "square"),
]  # fmt: skip


def simulate(experiment, precision="double"):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the image is zero", nb.NbnumbaWarning)
        return nb.simulate(experiment, precision=precision)


def test_every_shape_has_a_bound():
    assert set(extremes.SLACK) == set(SHAPES)


@pytest.mark.parametrize(("shape", "structure", "precision", "count"), few(KINDS, KINDS[:2]))
def test_images_are_those_of_long_doubles(shape, structure, precision, count):
    lit = 0
    for seed in range(count):
        found = extremes.possible_experiment(np.random.default_rng(seed), shape, structure)
        expected, bound = extremes.truth(found, precision)
        if expected.max() > np.finfo(np.float32).max:
            with pytest.raises(nb.NbnumbaError, match="numbers beyond float32"):
                simulate(found, precision)
            continue
        image = simulate(found, precision)
        assert np.isfinite(image).all()
        assert np.all(np.abs(image - expected) <= bound), f"seed {seed}"
        lit += image.max() > 0.0
    assert lit > count / 5


def test_the_oracle_itself_is_right_where_doubles_are_not():
    """One pixel, one step, by the textbook in 50 digits: 10^6 cells of 3000 A in waves of 0.01 A, 0.3 m of crystal."""
    e = scenes.still(
        **{
            "crystal.cell": (3000.0, 2999.0, 2998.0, 90.0, 90.0, 90.0), "crystal.misset": (0.0, 0.0, 0.0),
            "crystal.cells": (1e6, 1e6, 1e6), "beam.wavelength": 0.01, "beam.polarization": 0.7,
            "detector.pixels": (1, 1), "detector.distance": 70.0, "detector.beam_center": (12.25, -9.75),
        }
    )  # fmt: skip
    with mp.workdps(50):
        # Fast along z, slow along -y, the beam along x; the beam centre lies half a pixel off, and so does the pixel.
        x, y, z = mp.mpf(70), mp.mpf("12.25"), mp.mpf("9.75")
        size = mp.sqrt(x * x + y * y + z * z)
        d = [x / size, y / size, z / size]
        hkl = [a * (c - i) / mp.mpf(0.01) for a, c, i in zip((3000, 2999, 2998), d, (1, 0, 0), strict=True)]
        gratings = [mp.sin(mp.pi * 10**6 * h) / mp.sin(mp.pi * h) for h in hkl]
        polar = (1 + d[0] ** 2 - mp.mpf(0.7) * (d[2] ** 2 - d[1] ** 2)) / 2
        exact = float(100 * mp.fprod(gratings) ** 2 * polar * x / size**3)
    with oracle.extended():
        found = float(oracle.render(scenes.describe(e))[0, 0])
    assert found == pytest.approx(exact, rel=3e-6)  # 10^6 cells times 3 10^5 waves times the 5 10^-20 of a long double
    assert float(oracle.render(scenes.describe(e))[0, 0]) != pytest.approx(exact, rel=3e-6)  # in doubles
    bound = extremes.truth(e)[1]
    assert abs(simulate(e)[0, 0] - exact) <= bound[0, 0]


def test_numbers_from_the_ends_of_all_that_may_be_given():
    lit = 0
    for seed in range(25):
        found, _ = extreme_kinds.drawn("strange", seed)
        result = extreme_kinds.judged(found, "double")
        assert result.worst <= 1.0, f"seed {seed}"
        lit += result.lit
    assert lit > 12


@pytest.mark.slow
@pytest.mark.parametrize("name", extreme_kinds.KINDS)
def test_all_kinds_of_images_are_those_of_long_doubles(name):
    lit = 0
    for seed in range(30):
        found, _ = extreme_kinds.drawn(name, seed)
        result = extreme_kinds.judged(found, extreme_kinds.KINDS[name].precision)
        assert result.worst <= 1.0, f"seed {seed}"
        lit += result.lit
    assert lit > 10


# --- derivatives -----------------------------------------------------------------------------------------------------

PARAMETERS = ("misset_y", "cell_b", "cells_b", "wavelength", "distance", "phi_start", "polarization", "spot_scale")


@pytest.mark.parametrize("count", few([8, 200], [8]))
def test_derivatives_are_those_of_long_doubles(count):
    for seed in range(count):
        found = extremes.smooth_experiment(np.random.default_rng(seed))
        _, slopes = nb.jacobian(found, PARAMETERS)
        for name in PARAMETERS:
            expected, bound = extremes.slope(found, name)
            assert np.isfinite(slopes[name]).all()
            assert np.all(np.abs(slopes[name] - expected) <= bound), f"seed {seed}, {name}"


# --- background and predictions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", few([10, 200], [10]))
def test_backgrounds_are_those_of_long_doubles(count):
    for seed in range(count):
        found = extremes.hazy_experiment(np.random.default_rng(seed))
        expected, bound = extremes.haze(found)
        if expected.max() > np.finfo(np.float32).max:
            with pytest.raises(nb.NbnumbaError, match="background: the image holds numbers beyond float32"):
                nb.background(found)
            continue
        assert np.all(np.abs(nb.background(found) - expected) <= bound), f"seed {seed}"


@pytest.mark.parametrize("count", few([20, 300], [20]))
def test_predicted_spots_are_those_of_long_doubles(count):
    together = 0
    for seed in range(count):
        found = extremes.turning_experiment(np.random.default_rng(seed))
        seen = spots(found)
        exact = seen.where(seen.excitation_error == 0.0)
        got = np.column_stack([exact.hkl, exact.slow, exact.fast, exact.angle])
        expected = extremes.crossing(found)
        assert len(got) == len(expected), f"seed {seed}"
        by_index = [rows[np.lexsort(rows[:, [5, 2, 1, 0]].T)] for rows in (got, expected)]
        # Where a reflection barely crosses, its angle is known to the root of a double's precision.
        np.testing.assert_allclose(*by_index, rtol=0.0, atol=1e-5, err_msg=f"seed {seed}")
        together += len(got)
    assert together > 5 * count


# --- large counts of steps -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hundred_thousand_sources():
    rng = np.random.default_rng(1)
    rows = tuple(
        (-1.0, *rng.normal(0.0, 1e-3, 2).tolist(), weight, 1.0 + wavelength)
        for weight, wavelength in zip(rng.uniform(0.1, 1.0, 10**5), rng.normal(0.0, 1e-3, 10**5), strict=True)
    )
    few_pixels = {"detector.pixels": (1, 2), "beam.sources": nb.Sources(rows)}
    same(scenes.still(**few_pixels))


@pytest.mark.slow
def test_a_hundred_thousand_domains():
    same(scenes.still(**{"detector.pixels": (1, 2), "crystal.mosaic.spread": 1.0, "crystal.mosaic.domains": 10**5}))


@pytest.mark.slow
def test_more_points_outside_a_table_than_32_bits_count():
    few = nb.Reflections([(0, 0, 0), (1, 1, 1)], [50.0, 60.0])
    fine = {"crystal.reflections": few, "crystal.interpolate": "tricubic", "detector.pixels": (3000, 3000)}
    domains = {"crystal.mosaic.spread": 3.0, "crystal.mosaic.domains": 240, "detector.pixel_size": 0.02}
    with pytest.warns(nb.NbnumbaWarning, match="2160000000 points of the sum"):
        nb.simulate(scenes.still(**fine, **domains))


@pytest.mark.slow
def test_the_last_pixels_of_more_than_32_bits_count():
    """Memory is there once it is written to: of 2.5 10^9 pixels, a few are."""
    whole = {"detector.pixels": (50_000, 50_000), "detector.pixel_size": 1e-3}
    image = nb.simulate(scenes.still(**whole, **{"detector.roi": ((49_996, 50_000), (49_995, 50_000))}))
    far = {"detector.pixels": (4, 5), "detector.pixel_size": 1e-3, "detector.beam_center": (-24.9955, -24.9945)}
    np.testing.assert_allclose(image[49_996:, 49_995:], nb.simulate(scenes.still(**far)), rtol=1e-6)


def test_more_orientations_than_fit_are_refused(monkeypatch):
    a = pack(scenes.still())
    many = np.broadcast_to(np.eye(3), (20_000, 3, 3))
    a = a._replace(orientations=a.orientations._replace(cells=many, turns=many))
    with pytest.raises(nb.NbnumbaError, match="found 400000000 orientations; allowed on a GPU: up to 238609293"):
        kernel_arguments(a, np.asarray)
    monkeypatch.setattr("nbnumba.kernels.arguments.physical_memory", lambda: 2**36)
    with pytest.raises(nb.NbnumbaError, match=r"found 20000 x 20000 orientations, .* takes 53.6 GiB; allowed: half of"):
        all_axes(a.orientations)


def same(experiment):
    np.testing.assert_allclose(simulate(experiment), oracle.render(scenes.describe(experiment)), rtol=1e-6)


# --- photons to counts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [1e3, 1e9, 1e15, 1e18, 1e24])
def test_photons_vary_by_the_root_of_their_number_however_many(mean):
    photons = np.full(100_000, mean)
    expose(photons, Exposure(1, 0, True, 1.0, 0.0, 1))
    away = (photons - mean) / math.sqrt(mean)
    # Standard errors of mean and deviation are 1/316 and 1/447; the largest of 10^5 lies beyond 6 once in 5000 times.
    assert abs(away.mean()) < 0.013
    assert abs(away.std() - 1.0) < 0.009
    assert np.abs(away).max() < 6.0


@pytest.mark.parametrize("most", [1e32, 3e33, 1e36, float(np.finfo(np.float32).max)])
def test_any_number_of_photons_is_counted(most):
    experiment = scenes.still(response=nb.Response(gain=1e-300, saturation=10**6))
    image = np.linspace(0.5, 1.0, 12 * 17).reshape(12, 17) * most
    assert not nb.detect(experiment, image).any()
    assert (nb.detect(experiment.replace(**{"response.gain": 1.0}), image) == 10**6).all()
    with pytest.warns(nb.NbnumbaWarning, match="largest number of int32"):
        assert (nb.detect(experiment.replace(response=None), image) == 2**31 - 1).all()


def test_random_numbers_of_pixels_do_not_repeat():
    with pytest.raises(nb.NbnumbaError, match=r"detector.pixels: found \(65536, 65537\); allowed: up to 4294967296"):
        nb.detect(scenes.still(**{"detector.pixels": (65536, 65537)}), np.zeros((65536, 0)))


def test_counts_are_those_of_photons_up_to_the_largest_integer():
    plain = nb.Response(photon_noise=False)
    image = np.array([[0.0, 1.0, 2**31 - 2, 2**31 - 1, 2**31, 2**32 + 7, 2**53, 3e38]])
    experiment = scenes.still(**{"detector.pixels": (1, 8), "response": plain})
    most = 2**31 - 1
    assert nb.detect(experiment, image).tolist() == [[0, 1, most - 1, most, most, most, most, most]]
    narrow = experiment.replace(**{"response.dtype": "uint16"})
    assert nb.detect(narrow, image).tolist() == [[0, 1, *[65535] * 6]]


def test_a_spread_wider_than_the_detector_is_cut_at_its_edge():
    """A gaussian of 1 m on pixels of 1 um has 10^7 taps, of which 17 act."""
    wide = nb.Response(psf="gaussian", psf_fwhm=1e3, photon_noise=False, noise_before_spread=False, gain=1e9)
    experiment = scenes.still(**{"detector.pixel_size": 1e-3, "response": wide})
    image = np.zeros((12, 17))
    image[3, 4] = 1e9
    # 10^18 photons times the peak of a gaussian, 4 ln 2/(pi w^2), w = 10^6 pixels, times the gain's 10^9.
    expected = 1e18 * 4.0 * math.log(2.0) / math.pi / 1e12
    counts = nb.detect(experiment, image)
    assert np.abs(counts - expected).max() <= 1.0


def test_photons_of_all_energies_are_counted_at_the_least_threshold():
    response = nb.Response(threshold=1e-17, charge_cloud=1e-3)
    assert 1.0 < response.counted_fraction(1.0, 0.1) < 1.5


# --- angles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [1, 1000, 10**9, 2**40])
def test_whole_turns_change_no_bit(turns):
    """30, 60 and 45 degrees and any number of turns are doubles."""
    more = 360.0 * turns
    plain = {"crystal.misset": (30.0, -60.0, 45.0), "detector.rotation": (3.0, -6.0, 4.5), "detector.twotheta": 7.5}
    turned = {name: tuple(x + math.copysign(more, x) for x in np.atleast_1d(value)) for name, value in plain.items()}
    turned["detector.twotheta"] = turned["detector.twotheta"][0]
    np.testing.assert_array_equal(simulate(scenes.still(**plain)), simulate(scenes.still(**turned)))


def test_a_scan_may_begin_after_any_number_of_turns():
    images = [simulate(scenes.still(scan=nb.Scan(start=start, width=1.0, steps=2))) for start in (30.0, 36e6 + 30.0)]
    np.testing.assert_allclose(*images, rtol=1e-6)


def test_derivatives_after_a_million_turns():
    slopes = [
        nb.jacobian(scenes.still(**{"crystal.misset": (30.0 + turns, 0.0, 0.0)}), ("misset_x",))[1]["misset_x"]
        for turns in (0.0, 360.0 * 2**40)
    ]
    np.testing.assert_allclose(*slopes, rtol=1e-9, atol=1e-9 * np.abs(slopes[0]).max())


def test_divergences_of_less_than_a_ray_are_those_of_none():
    one = scenes.still(**{"beam.divergence": (1e-300, 0.0), "beam.divergence_steps": (3, 1)})
    np.testing.assert_array_equal(simulate(one), simulate(scenes.still()))


# --- what is refused, by name ----------------------------------------------------------------------------------------

ALONG = {"detector.twotheta": 90.0}
REFUSED = {
    "flat cell": ({"crystal.cell": (9, 9, 9, 33.3, 33.3, math.nextafter(66.6, 0.0))}, "crystal.cell angles"),
    "cell of nothing": ({"crystal.cell": (1e-120, 9, 9, 90, 90, 90)}, r"crystal.cell\[0\]"),
    "crystal of 10^13 waves": ({"crystal.cell": (1e5, 1e5, 1e5, 90, 90, 90), "crystal.cells": (1e8,) * 3},
                               "crystal.cells: found spots as sharp as those of 1e"),
    "lattice of 10^13 waves": ({"lattices": [nb.Crystal(cell=(1e5,) * 3 + (90,) * 3, cells=1e8)]}, "lattices.0.cells"),
    "large crystal on a detector askew": (
        {"crystal.cell": (1e4,) * 3 + (90.0,) * 3, "crystal.cells": (1e6,) * 3, "detector.pivot": "sample",
         "detector.pixel_size": 0.01, "detector.rotation": (0.0, 0.0, 89.99)},
        "crystal.cells: .* a detector placed by lengths of 5.7",
    ),
    "axes of 10^9 waves and a table": (
        {"crystal.cell": (1e9,) * 3 + (90.0,) * 3, "crystal.cells": 1.0, "crystal.reflections": scenes.TABLE},
        "crystal.cell: .* allowed with a list of reflections: 5e.08 wavelengths",
    ),
    "axes of nothing": (
        {"crystal.cell": None, "crystal.orientation": ((1e-9, 0, 0), (0, 9, 0), (0, 0, 9))},
        r"crystal.orientation\[0\] length",
    ),
    "endless axes": (
        {"crystal.cell": None, "crystal.orientation": ((1e200, 0, 0), (0, 1e200, 0), (0, 0, 1e200))},
        r"crystal.orientation\[0\] length",
    ),
    "scan from afar": ({"scan": {"start": 1e10}}, "scan.start: .* up to 1e.09"),
    "endless scan": ({"scan": {"width": 1e22}}, "scan.width: .* up to 1e.09"),
    "amplitude": ({"crystal.default_f": -1e41}, "crystal.default_f: .* from -1e.40 up to 1e.40"),
    "scale": ({"crystal.spot_scale": 1e41}, "crystal.spot_scale: .* up to 1e.40"),
    "fluence": ({"beam.fluence": 1e81}, "beam.fluence: .* up to 1e.80"),
    "stokes of one digit": ({"beam.stokes": (5e-324, 5e-324, 5e-324, 0.0)}, "beam.stokes: .* S0 above 0"),
    "flux": ({"beam.flux": 1e60, "beam.size": 1e-12}, r"beam.flux, exposure, size: .* up to 1e\+80 photons"),
    "starred spots": ({"crystal.shape": "gauss_star", "crystal.cells": (1e5, 1e5, 1e5)}, "crystal.cells"),
    "fudge": ({"crystal.shape": "gauss", "crystal.fudge": 1e300}, "crystal.fudge"),
    "detector along the beam": (ALONG, "detector: found its plane .* allowed: 0.001 mm or more in front of the sample"),
    "detector behind": ({"detector.twotheta": 120.0}, "detector: found its plane -41.5 mm along its normal"),
    "offset": ({"detector.beam_center": (1e300, 0.0)}, r"detector.beam_center\[0\]"),
    "thick sensor": ({"detector.sensor_thickness": 1e200, "detector.sensor_mu": 1.0}, "detector.sensor_thickness"),
    "black sensor": ({"detector.sensor_thickness": 1.0, "detector.sensor_mu": 1e200}, "detector.sensor_mu"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_right_is_refused_before_the_work(name):
    changes, told = REFUSED[name]
    with pytest.raises(nb.NbnumbaError, match=told):
        scenes.still(**changes)


def test_amplitudes_whose_squares_are_lost_are_refused():
    with pytest.raises(nb.NbnumbaError, match=r"amplitude\[1\] is -1e\+160; give values within -1e\+40..1e\+40"):
        nb.Reflections([(0, 0, 1), (0, 0, 2)], [1.0, -1e160])


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ((-1e-200, 0.0, 0.0, 1.0, 1.0), "direction"),
        ((-1.0, 0.0, 0.0, 1.0, 1e-300), "wavelength"),
        ((-1.0, 0.0, 0.0, 1.0, 1e9), "wavelength"),
        ((-1.0, 0.0, 0.0, -1.0, 1.0), "weight"),
    ],
)
def test_sources_that_no_double_can_serve_are_refused(row, told):
    with pytest.raises(nb.NbnumbaError, match=rf"beam.sources\[1\] {told}"):
        nb.Sources(((-1.0, 0.0, 0.0, 1.0, 1.0), row))


def test_weights_beyond_all_numbers_are_refused():
    with pytest.raises(nb.NbnumbaError, match=r"beam\.sources weights"):
        nb.Sources(((-1.0, 0.0, 0.0, 1e308, 1.0), (-1.0, 0.0, 0.1, 1e308, 1.0)))


def test_spectra_have_wavelengths_of_beams():
    with pytest.raises(nb.NbnumbaError, match=r"spectrum.wavelengths\[1\]"):
        nb.Spectrum((1.0, 1e-9), (1.0, 1.0))


def test_images_beyond_float32_are_not_counted():
    with pytest.raises(nb.NbnumbaError, match=r"image: .* beyond float32"):
        nb.detect(scenes.still(), np.full((12, 17), 1e40))
