"""Gradients and Fisher matrices of losses are those of the images of derivatives, and of differences."""

import numba
import numpy as np
import pytest
import scenes

import nbnumba as nb
from nbnumba.physics.likelihood import terms

NAMES = ["misset_x", "cell_b", "cells_c", "wavelength", "distance", "spot_scale"]


def experiment():
    return scenes.still(**{"sampling.oversample": 2, "crystal.mosaic.spread": 0.7, "crystal.mosaic.domains": 3,
                           "crystal.spot_scale": 30.0})  # fmt: skip


def terms_of(loss, model):
    """Value, slope and curvature (n, 3) of the pixels that count, from the scalar functions."""
    kind, shape, *images, _ = loss.target
    data, background, extra = (x[loss.mask.ravel()] for x in images)
    rows = zip(np.ravel(model) - 2.0 + background, data, extra, strict=True)
    return np.array([terms(kind, m, d, x, shape) for m, d, x in rows])


def losses():
    rng = np.random.default_rng(5)
    data = rng.poisson(nb.simulate(experiment().with_parameters(misset_x=11.5)) + 2.0).astype(float)
    mask = rng.uniform(size=data.shape) < 0.9
    return {
        "poisson": nb.Poisson(data, mask, 2.0),
        "gaussian": nb.Gaussian(data, 3.0, mask=mask, background=np.full(data.shape, 2.0)),
        "least squares": nb.LeastSquares(data, rng.uniform(0.1, 1.0, data.shape), background=2.0),
        "noisy poisson": nb.Poisson(data, mask, 2.0, readout_sigma=1.5),
        "student": nb.Gaussian(data, rng.uniform(1.0, 3.0, data.shape), mask=mask, background=2.0, freedom=4.0),
        "huber": nb.LeastSquares(data, 0.2, mask=mask, background=2.0, huber=1.5),
    }


KINDS = ["poisson", "gaussian", "least squares", "noisy poisson", "student", "huber"]


@pytest.mark.parametrize("name", KINDS)
def test_sums_are_those_of_the_jacobian(name):
    loss = losses()[name]
    image, derivatives = nb.jacobian(experiment(), NAMES)
    place = np.nonzero(loss.mask)
    j = np.array([derivatives[n][place] for n in NAMES])
    found = terms_of(loss, image[place] + 2.0)
    value, gradient, fisher = nb.normal_equations(experiment(), loss, NAMES)
    assert value == pytest.approx(found[:, 0].sum(), rel=1e-12)
    scale = np.abs(j) @ np.abs(found[:, 1])
    np.testing.assert_allclose(gradient / scale, j @ found[:, 1] / scale, atol=1e-12)
    expected = (j * found[:, 2]) @ j.T
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(fisher / size, expected / size, atol=1e-12)
    assert nb.value_and_gradient(experiment(), loss, NAMES) == (value, dict(zip(NAMES, gradient.tolist(), strict=True)))


@pytest.mark.parametrize("name", KINDS)
def test_the_gradient_is_that_of_the_value(name):
    loss, base = losses()[name], experiment()
    _, gradient = nb.value_and_gradient(base, loss, NAMES)
    for parameter in NAMES:
        h, now = 1e-5, base.parameters()[parameter]
        f = [
            nb.value_and_gradient(base.with_parameters(**{parameter: now + n * h}), loss, [])[0] for n in (-2, -1, 1, 2)
        ]
        assert gradient[parameter] == pytest.approx((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h), rel=1e-7)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda d: nb.Poisson(d[0]), "data: found float64 of shape"),
        (lambda d: nb.Poisson(d, mask=d[:2] > 0.0), "mask: found shape"),
        (lambda d: nb.Poisson(d * np.nan), "data: found nan; allowed: finite numbers, or a mask"),
        (lambda d: nb.Poisson(d, background=d / 0.0), "background: found inf"),
        (lambda d: nb.LeastSquares(d, weights=d[:3]), "weights: found shape"),
        (lambda d: nb.LeastSquares(d, weights=-1.0), "weights: found -1.0; allowed: finite numbers from 0 on"),
        (lambda d: nb.Gaussian(d, readout_sigma=-3.0), "readout_sigma: found -3.0"),
        (lambda d: nb.Gaussian(d, readout_sigma=[1.0, 2.0]), "readout_sigma: found shape"),
        (lambda d: nb.Gaussian(d, freedom=0.0), "freedom: found 0.0; allowed: a number above 0"),
        (lambda d: nb.LeastSquares(d, huber=-1.0), "huber: found -1.0"),
        (lambda d: nb.LeastSquares(d, huber=1.0), "huber: found without weights"),
        (lambda d: nb.Poisson(-d), "data: found -1 "),
        (lambda d: nb.Poisson(d, d * 0.5), "mask: found float64"),
        (lambda d: nb.Poisson(d, background=-1.0), "background: found -1.0; allowed: finite numbers from 0 on"),
        (lambda d: nb.Poisson("image.h5"), "data: found 'image.h5'; allowed: numbers, as from read_image"),
        (lambda d: nb.vjp(experiment(), d[:3], NAMES), "slopes: found float64 of shape"),
        (lambda d: nb.value_and_gradient(experiment(), d, NAMES), "loss: found 'ndarray'"),
        (lambda d: nb.jacobian("a.toml", NAMES), "experiment: found str"),
        (lambda d: nb.jacobian(experiment(), None), "parameters: found None"),
        (lambda d: nb.jacobian(experiment(), "misset_x"), "parameters: found 'misset_x'"),
        (lambda d: nb.LeastSquares(d, weights="many"), "weights: found .many."),
        (lambda d: nb.value_and_gradient(experiment(), nb.Poisson(d[:3]), ["misset_x"]), "the detector's"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_does_not_fit_is_refused(build, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        build(np.ones((12, 17)))


def test_pixels_that_are_masked_may_hold_anything():
    loss = losses()["poisson"]
    data = np.where(loss.mask, loss.data, np.nan)
    assert nb.normal_equations(experiment(), nb.Poisson(data, loss.mask, 2.0), NAMES)[0] == pytest.approx(
        nb.normal_equations(experiment(), loss, NAMES)[0], rel=1e-15
    )


@pytest.mark.parametrize("names", [["misset_x", "cell_b"], ["misset_x", "distance"]])
def test_parameters_of_the_crystal_alone_take_a_shorter_way(names):
    """The loops leave out what no parameter asks for; nothing else may change."""
    loss, everything = losses()["poisson"], NAMES
    value, gradient, fisher = nb.normal_equations(experiment(), loss, everything)
    at = [everything.index(name) for name in names]
    part = nb.normal_equations(experiment(), loss, names)
    assert part[0] == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(part[1], gradient[at], rtol=1e-10)
    np.testing.assert_allclose(part[2], fisher[np.ix_(at, at)], rtol=1e-10)


def test_sums_do_not_depend_on_threads():
    large = experiment().replace(**{"detector.pixels": (70, 90)})  # several chunks of pixels
    loss = nb.Poisson(np.arange(6300.0).reshape(70, 90), background=1.0)
    numba.set_num_threads(1)
    try:
        alone = nb.normal_equations(large, loss, NAMES)
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    together = nb.normal_equations(large, loss, NAMES)
    assert alone[0] == together[0]
    np.testing.assert_array_equal(alone[1], together[1])
    np.testing.assert_array_equal(alone[2], together[2])


def test_products_with_the_jacobian():
    rng = np.random.default_rng(3)
    slopes = rng.normal(size=(12, 17))
    _, derivatives = nb.jacobian(experiment(), NAMES)
    found = nb.vjp(experiment(), slopes, NAMES)
    for name in NAMES:
        size = np.abs(slopes * derivatives[name]).sum()
        assert found[name] == pytest.approx((slopes * derivatives[name]).sum(), abs=1e-12 * size)
    with pytest.raises(nb.NbnumbaError, match="slopes: found float64"):
        nb.vjp(experiment(), slopes * np.nan, NAMES)


def test_an_image_of_nothing_is_told_of():
    dark, loss = experiment().replace(**{"crystal.default_f": 0.0}), losses()["poisson"]
    for function in (nb.value_and_gradient, nb.normal_equations):
        with pytest.warns(nb.NbnumbaWarning, match="the image is zero"):
            function(dark, loss, NAMES)
    with pytest.warns(nb.NbnumbaWarning, match="the image is zero"):
        nb.jacobian(dark, NAMES)
    with pytest.warns(nb.NbnumbaWarning, match="the image is zero"):
        nb.vjp(dark, np.ones((12, 17)), NAMES)


def test_losses_without_a_slope_are_told_of():
    exact = nb.LeastSquares(nb.jacobian(experiment(), [])[0])
    with pytest.warns(nb.NbnumbaWarning, match="misset_x, cell_b: the loss has no slope"):
        nb.value_and_gradient(experiment(), exact, ["misset_x", "cell_b"])
    assert np.abs(nb.normal_equations(experiment(), exact, ["misset_x", "cell_b"])[1]).max() == 0.0


def test_masks_of_every_kind():
    loss = losses()["poisson"]
    masked = np.ma.array(loss.data, mask=~loss.mask)
    for same in (nb.Poisson(loss.data, nb.Mask(loss.mask), 2.0), nb.Poisson(masked, None, 2.0),
                 nb.Poisson(loss.data, loss.mask.astype(int), 2.0)):  # fmt: skip
        np.testing.assert_array_equal(same.mask, loss.mask)
