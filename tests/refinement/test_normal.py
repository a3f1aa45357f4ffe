"""Gradients and Fisher matrices of losses are those of the images of derivatives, and of differences."""

import numpy as np
import pytest
import scenes

import nbnumba as nb

NAMES = ["misset_x", "cell_b", "cells_c", "wavelength", "distance", "spot_scale"]


def experiment():
    return scenes.still(**{"sampling.oversample": 2, "crystal.mosaic.spread": 0.7, "crystal.mosaic.domains": 3,
                           "crystal.spot_scale": 30.0})  # fmt: skip


def losses():
    rng = np.random.default_rng(5)
    data = rng.poisson(nb.simulate(experiment().with_parameters(misset_x=11.5)) + 2.0).astype(float)
    mask = rng.uniform(size=data.shape) < 0.9
    return {
        "poisson": nb.Poisson(data, mask, 2.0),
        "gaussian": nb.Gaussian(data, mask, np.full(data.shape, 2.0), readout_sigma=3.0),
        "least squares": nb.LeastSquares(data, None, 2.0, weights=rng.uniform(0.1, 1.0, data.shape)),
    }


@pytest.mark.parametrize("name", ["poisson", "gaussian", "least squares"])
def test_sums_are_those_of_the_jacobian(name):
    loss = losses()[name]
    image, derivatives = nb.jacobian(experiment(), NAMES)
    place = np.nonzero(loss.mask)
    j = np.array([derivatives[n][place] for n in NAMES])
    found = loss.terms(image[place] + 2.0, place)
    value, gradient, fisher = nb.normal_equations(experiment(), loss, NAMES)
    assert value == pytest.approx(found.value.sum(), rel=1e-12)
    scale = np.abs(j) @ np.abs(found.slope)
    np.testing.assert_allclose(gradient / scale, j @ found.slope / scale, atol=1e-12)
    expected = (j * found.curvature) @ j.T
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(fisher / size, expected / size, atol=1e-12)
    assert nb.value_and_gradient(experiment(), loss, NAMES) == (value, dict(zip(NAMES, gradient.tolist(), strict=True)))


@pytest.mark.parametrize("name", ["poisson", "gaussian", "least squares"])
def test_the_gradient_is_that_of_the_value(name):
    loss, base = losses()[name], experiment()
    _, gradient = nb.value_and_gradient(base, loss, NAMES)
    for parameter in NAMES:
        h, now = 1e-5, base.parameters()[parameter]
        f = [
            nb.value_and_gradient(base.with_parameters(**{parameter: now + n * h}), loss, [])[0] for n in (-2, -1, 1, 2)
        ]
        assert gradient[parameter] == pytest.approx((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h), rel=1e-5)


@pytest.mark.parametrize("name", ["poisson", "gaussian", "least squares"])
def test_curvature_is_what_slopes_vary_by(name):
    """The variance of the slope is the expected curvature for a loss that is minus a log-likelihood."""
    rng, mean = np.random.default_rng(2), 50.0
    data = rng.normal(mean, np.sqrt(mean + 9.0), (400, 400)) if name != "poisson" else rng.poisson(mean, (400, 400))
    loss = {
        "poisson": lambda: nb.Poisson(data),
        "gaussian": lambda: nb.Gaussian(data, readout_sigma=3.0),
        "least squares": lambda: nb.LeastSquares(data, weights=np.full(data.shape, 1.0 / (mean + 9.0))),
    }[name]()
    found = loss.terms(np.full(data.shape, mean), ...)
    assert found.slope.mean() == pytest.approx(0.0, abs=5.0 * found.slope.std() / 400.0)
    assert found.slope.var() == pytest.approx(found.curvature.mean(), rel=0.02)  # 160,000 draws


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda d: nb.Poisson(d[0]), "data: found float64 of shape"),
        (lambda d: nb.Poisson(d, mask=d[:2]), "mask: found shape"),
        (lambda d: nb.Poisson(d * np.nan), "not finite"),
        (lambda d: nb.LeastSquares(d, weights=d[:3]), "weights: found shape"),
        (lambda d: nb.value_and_gradient(experiment(), nb.Poisson(d[:3]), ["misset_x"]), "the detector's"),
    ],
)
def test_what_does_not_fit_is_refused(build, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        build(np.ones((12, 17)))
