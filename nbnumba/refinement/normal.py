"""Value, gradient and Fisher matrix of a loss, summed over pixels as they come: no image of derivatives is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.pack import pack
from nbnumba.kernels.slopes import COUNT, VALUE
from nbnumba.model.experiment import Experiment
from nbnumba.refinement.chain import chain
from nbnumba.refinement.jacobian import motions
from nbnumba.refinement.losses import Loss

_BATCH = 1 << 14  # pixels whose intermediates are held at a time


def value_and_gradient(experiment: Experiment, loss: Loss, parameters: Sequence[str]) -> tuple[float, dict[str, float]]:
    """A loss, and its derivative by each of some parameters.

    Args:
        experiment: what is rendered.
        loss: Poisson, Gaussian or LeastSquares, with the data.
        parameters: names among ``experiment.parameters()``.

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act or has no derivative, or data of another shape.
    """
    value, gradient, _ = _summed(experiment, loss, parameters, curved=False)
    return value, dict(zip(parameters, gradient.tolist(), strict=True))


def normal_equations(
    experiment: Experiment, loss: Loss, parameters: Sequence[str]
) -> tuple[float, np.ndarray, np.ndarray]:
    """A loss, its gradient (n,) and its Fisher matrix (n, n) in the order of the parameters.

    The Fisher matrix is the sum of J^T W J with the expected curvature W of the loss.

    Args:
        experiment: what is rendered.
        loss: Poisson, Gaussian or LeastSquares, with the data.
        parameters: names among ``experiment.parameters()``.

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act or has no derivative, or data of another shape.
    """
    return _summed(experiment, loss, parameters, curved=True)


def _summed(
    experiment: Experiment, loss: Loss, parameters: Sequence[str], *, curved: bool
) -> tuple[float, np.ndarray, np.ndarray]:
    from nbnumba.kernels.fisher import gradient_and_fisher
    from nbnumba.kernels.jacobian import intermediates

    if loss.data.shape != experiment.detector.pixels:
        raise NbnumbaError(
            f"data: found shape {loss.data.shape}; allowed: {experiment.detector.pixels}, the detector's"
        )
    matrix, places = chain(experiment, parameters), loss.pixels(experiment.rendered_pixels())
    a = pack(experiment, merged=False)
    moving = motions(experiment, a)
    value, gradient, fisher = 0.0, np.zeros(COUNT), np.zeros((COUNT, COUNT))
    z = np.empty((COUNT, min(_BATCH, len(places))))  # one memory for all batches
    for start in range(0, len(places), _BATCH):
        pixels = places[start : start + _BATCH]
        intermediates(a, moving, pixels, z)
        found = loss.at(pixels, z[VALUE, : len(pixels)])
        value += float(found.value.sum())
        first, second = gradient_and_fisher(z, found.slope, found.curvature, curved)
        gradient += first
        fisher += second
    return value, matrix.T @ gradient, matrix.T @ fisher @ matrix
