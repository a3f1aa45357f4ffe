"""How far one pixel's model is from its data: value, slope by the model and expected curvature.

Those of Poisson, Gauss and Student are minus the logarithm of a probability, up to a constant, and their curvature is
the expectation of the second derivative; that of Huber's is the weight of the next step of least squares.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar

#: Kinds of likelihood.
POISSON, GAUSSIAN, STUDENT, SQUARES, HUBER, LINEAR = 0, 1, 2, 3, 4, 5
#: A model is not to be less: from there down the logarithms go on as parabolas, which bring any search back.
LEAST_PHOTONS = 1e-6
_BARRIER = 1e3  # curvature below 0 where there are no counts, and so no logarithm


class Terms(NamedTuple):
    """Value of the loss, its slope by the model, and the curvature that is to be expected of it."""

    value: float
    slope: float
    curvature: float


@scalar
def poisson(model: float, data: float) -> Terms:
    """Photon counts: m - d log m."""
    if model >= LEAST_PHOTONS:
        return Terms(model - (data * math.log(model) if data != 0.0 else 0.0), 1.0 - data / model, 1.0 / model)
    less, steep = model - LEAST_PHOTONS, data / LEAST_PHOTONS
    bend, below = steep / LEAST_PHOTONS, model if model < 0.0 else 0.0
    return Terms(
        model
        - data * math.log(LEAST_PHOTONS)
        - steep * less
        + 0.5 * bend * less * less
        + 0.5 * _BARRIER * below * below,
        1.0 - steep + bend * less + _BARRIER * below,
        1.0 / LEAST_PHOTONS,
    )


@scalar
def gaussian(model: float, data: float, variance: float) -> Terms:
    """Photons and read-out noise: (log V + u^2/V)/2 with V = m + ``variance`` and u = d - m, as diffBragg has it."""
    m = at_least(model, LEAST_PHOTONS - variance)
    u, v = data - m, m + variance
    square = u * u / v
    found = Terms(0.5 * (math.log(v) + square), (1.0 - 2.0 * u - square) / (2.0 * v), 1.0 / v + 0.5 / (v * v))
    return continued(found, model - m)


@scalar
def student(model: float, data: float, variance: float, freedom: float) -> Terms:
    """The same with Student's distribution of n degrees of freedom: (log V + (n + 1) log(1 + u^2/(n V)))/2.

    Its expected curvature is (n + 1)/((n + 3) V) + n/(2 (n + 3) V^2) (Lange, Little & Taylor 1989, J. Am. Stat. Assoc.
    84, 881).
    """
    m = at_least(model, LEAST_PHOTONS - variance)
    u, v = data - m, m + variance
    square = u * u / v
    pull = (freedom + 1.0) / (freedom + square)
    found = Terms(
        0.5 * (math.log(v) + (freedom + 1.0) * math.log(1.0 + square / freedom)),
        (1.0 - pull * (2.0 * u + square)) / (2.0 * v),
        (freedom + 1.0 + 0.5 * freedom / v) / ((freedom + 3.0) * v),
    )
    return continued(found, model - m)


@scalar
def at_least(x: float, low: float) -> float:
    """The larger one."""
    return x if x > low else low


@scalar
def continued(terms: Terms, less: float) -> Terms:
    """The parabola that goes on from some terms, ``less`` (up to 0) away from them."""
    value = terms.value + (terms.slope + 0.5 * terms.curvature * less) * less
    return Terms(value, terms.slope + terms.curvature * less, terms.curvature)


@scalar
def squares(model: float, data: float, weight: float) -> Terms:
    """Weighted squares: w u^2/2."""
    u = data - model
    return Terms(0.5 * weight * u * u, -weight * u, weight)


@scalar
def huber(model: float, data: float, weight: float, limit: float) -> Terms:
    """Squares up to abs(t) = ``limit`` with t = sqrt(w) u, growing linearly from there on (Huber 1964, Ann. Math. Stat.
    35, 73)."""
    u, root = data - model, math.sqrt(weight)
    size = abs(root * u)
    if size <= limit:
        return squares(model, data, weight)
    return Terms(limit * (size - 0.5 * limit), -root * math.copysign(limit, u), weight * limit / size)


@scalar
def terms(kind: int, model: float, data: float, extra: float, shape: float) -> Terms:
    """Terms of one pixel; ``extra``: variance or weight, ``shape``: degrees of freedom or limit.

    The kind ``LINEAR`` is no likelihood: its slope is given in place of data.
    """
    if kind == POISSON:
        return poisson(model, data)
    if kind == GAUSSIAN:
        return gaussian(model, data, extra)
    if kind == STUDENT:
        return student(model, data, extra, shape)
    if kind == SQUARES:
        return squares(model, data, extra)
    if kind == LINEAR:
        return Terms(model * data, data, 0.0)
    return huber(model, data, extra, shape)
