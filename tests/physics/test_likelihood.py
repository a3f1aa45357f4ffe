"""Terms of the losses: slopes are those of the values, curvatures those of the probabilities that they stand for."""

import numpy as np
import pytest

from nbnumba.physics.likelihood import GAUSSIAN, HUBER, LEAST_PHOTONS, POISSON, SQUARES, STUDENT, terms

SETTINGS = {
    "poisson": (POISSON, 0.0, 0.0),
    "gaussian": (GAUSSIAN, 9.0, 0.0),
    "student": (STUDENT, 9.0, 5.0),
    "squares": (SQUARES, 0.2, 0.0),
    "huber": (HUBER, 0.2, 1.5),
}


def value(kind, model, data):
    number, extra, shape = SETTINGS[kind]
    return terms(number, model, data, extra, shape)


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("model", [0.3, 7.0, 4000.0])
@pytest.mark.parametrize("data", [0.0, 5.0, 3900.0])
def test_slopes_are_those_of_the_value(kind, model, data):
    h = 1e-4 * model
    f = [value(kind, model + n * h, data).value for n in (-2, -1, 1, 2)]
    expected = (f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / (12.0 * h)
    assert value(kind, model, data).slope == pytest.approx(expected, rel=1e-7, abs=1e-9 * max(map(abs, f)) / h)


def drawn(kind, mean, rng, count):
    """Data of which the loss is minus the logarithm of the probability."""
    _, extra, shape = SETTINGS[kind]
    if kind == "poisson":
        return rng.poisson(mean, count)
    if kind == "squares":
        return rng.normal(mean, np.sqrt(1.0 / extra), count)
    size = np.sqrt(mean + extra)
    return mean + size * (rng.normal(size=count) if kind == "gaussian" else rng.standard_t(shape, count))


@pytest.mark.parametrize("kind", ["poisson", "gaussian", "student", "squares"])
@pytest.mark.parametrize("mean", [2.0, 50.0])
def test_curvature_is_what_slopes_vary_by(kind, mean):
    """The variance of the slope is the expected curvature, and its mean 0."""
    data = drawn(kind, mean, np.random.default_rng(2), 100_000)
    slopes = np.array([value(kind, mean, x).slope for x in data.tolist()])
    curvature = value(kind, mean, 0.0).curvature
    error = slopes.std() / np.sqrt(len(slopes))
    assert slopes.mean() == pytest.approx(0.0, abs=5.0 * error)
    # Five times the statistical error of the variance.
    assert slopes.var() == pytest.approx(curvature, abs=5.0 * np.sqrt(((slopes**2).var()) / len(slopes)))


def test_student_with_many_degrees_of_freedom_is_normal():
    many = terms(STUDENT, 7.0, 12.0, 9.0, 1e9)
    assert many == pytest.approx(terms(GAUSSIAN, 7.0, 12.0, 9.0, 0.0), rel=1e-6)


def test_robust_losses_bear_outliers():
    for kind, plain in (("student", "gaussian"), ("huber", "squares")):
        assert abs(value(kind, 50.0, 5000.0).slope) < 0.05 * abs(value(plain, 50.0, 5000.0).slope)
        assert value(kind, 50.0, 52.0).slope == pytest.approx(value(plain, 50.0, 52.0).slope, rel=0.25)


@pytest.mark.parametrize("kind", ["poisson", "gaussian", "student"])
@pytest.mark.parametrize("model", [-1e-2, -9.5, -500.0])
@pytest.mark.parametrize("data", [0.0, 3.0])
def test_models_below_nothing_are_brought_back(kind, model, data):
    """No minimiser may be told of a slope that is not that of the value, or that leads further down."""
    below = model if kind == "poisson" else model - 9.0  # where photons and noise have a variance no more
    h = 1e-6 * abs(below)
    values = [value(kind, below + n * h, data).value for n in (-1, 1)]
    assert value(kind, below, data).slope == pytest.approx((values[1] - values[0]) / (2.0 * h), rel=1e-4)
    assert value(kind, below, data).slope < 0.0
    assert value(kind, below, data).curvature > 0.0


@pytest.mark.parametrize("kind", ["poisson", "gaussian", "student"])
def test_terms_go_on_smoothly_below_nothing(kind):
    edge = LEAST_PHOTONS if kind == "poisson" else LEAST_PHOTONS - 9.0
    above, below = (value(kind, edge + x, 2.0) for x in (1e-12, -1e-12))
    assert above.value == pytest.approx(below.value, rel=1e-4)
    assert above.slope == pytest.approx(below.slope, rel=1e-4)
