"""Value, gradient and Fisher matrix of a loss, summed over pixels as they come: no image of derivatives is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.pack import pack
from nbnumba.kernels.slopes import COUNT, SPREAD
from nbnumba.model.experiment import Experiment
from nbnumba.refinement.chain import chain
from nbnumba.refinement.jacobian import motions
from nbnumba.refinement.losses import Loss


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
    from nbnumba.kernels.derivatives import LOSS, SLOPE, Places, derive

    if loss.data.shape != experiment.detector.pixels:
        raise NbnumbaError(
            f"data: found shape {loss.data.shape}; allowed: {experiment.detector.pixels}, the detector's"
        )
    matrix, pixels = chain(experiment, parameters), np.flatnonzero(experiment.rendered & loss.mask)
    a, width = pack(experiment, merged=False), loss.data.shape[1]
    sums = derive(
        a, motions(experiment, a), Places(pixels, width, np.array([0, len(pixels)])), loss.target,
        whole=bool(matrix[SPREAD:].any()), curved=curved,
    )[0]  # fmt: skip
    upper = np.triu(sums[:COUNT, :COUNT])
    fisher = upper + np.triu(upper, 1).T
    return float(sums[LOSS, LOSS]), matrix.T @ sums[:COUNT, SLOPE], matrix.T @ fisher @ matrix
