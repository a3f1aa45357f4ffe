"""Value, gradient and Fisher matrix of a loss, summed over pixels as they come: no image of derivatives is kept."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import refuse
from nbnumba.refinement.chain import chain
from nbnumba.refinement.jacobian import jacobian
from nbnumba.refinement.losses import Linear, Loss
from nbnumba.refinement.problem import Picture, Sums


def value_and_gradient(
    experiment: Experiment, loss: Loss, parameters: Sequence[str], *, device: str = "cpu"
) -> tuple[float, dict[str, float]]:
    """A loss, and its derivative by each of some parameters.

    Args:
        experiment: what is rendered.
        loss: Poisson, Gaussian or LeastSquares, with the data.
        parameters: names among ``experiment.parameters()``.
        device: "cpu", or "cuda", "cuda:1" and so on (extras cuda12, cuda13; docs/gpu.md).

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act or has no derivative, or data of another shape.
    """
    found = _sums(experiment, loss, parameters, curved=False, device=device)
    _warn_of_nothing(experiment, loss, parameters, found.part.slope)
    return found.value, dict(zip(parameters, found.part.slope.tolist(), strict=True))


def normal_equations(
    experiment: Experiment, loss: Loss, parameters: Sequence[str], *, device: str = "cpu"
) -> tuple[float, np.ndarray, np.ndarray]:
    """A loss, its gradient (n,) and its Fisher matrix (n, n) in the order of the parameters.

    The Fisher matrix is the sum of J^T W J with the expected curvature W of the loss.

    Args:
        experiment: what is rendered.
        loss: Poisson, Gaussian or LeastSquares, with the data.
        parameters: names among ``experiment.parameters()``.
        device: "cpu", or "cuda", "cuda:1" and so on (extras cuda12, cuda13; docs/gpu.md).

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act or has no derivative, or data of another shape.
    """
    found = _sums(experiment, loss, parameters, curved=True, device=device)
    _warn_of_nothing(experiment, loss, parameters, np.diag(found.part.curvature))
    return found.value, found.part.slope, found.part.curvature


def vjp(
    experiment: Experiment, slopes: ArrayLike, parameters: Sequence[str], *, device: str = "cpu"
) -> dict[str, float]:
    """Derivative of any function of the image by parameters, given its slope by each pixel: r^T J.

    Args:
        experiment: what is rendered.
        slopes: array of the image's shape [1/photons].
        parameters: names among ``experiment.parameters()``.
        device: "cpu", or "cuda", "cuda:1" and so on (extras cuda12, cuda13; docs/gpu.md).

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act or has no derivative, or slopes of another shape or
            that are no finite numbers.
    """
    check_experiment(experiment)
    weights, pixels = np.asarray(slopes), experiment.detector.shape
    if weights.dtype.kind not in "biuf" or weights.shape != pixels or not np.isfinite(weights).all():
        raise NbnumbaError(
            f"slopes: found {weights.dtype} of shape {weights.shape}; allowed: finite numbers of shape {pixels}"
        )
    found = _sums(experiment, Linear(weights), parameters, curved=False, device=device)
    if weights.any():
        _warn_of_nothing(experiment, Linear(weights), parameters, found.part.slope)
    return dict(zip(parameters, found.part.slope.tolist(), strict=True))


def _sums(experiment: Experiment, loss: Loss, parameters: Sequence[str], *, curved: bool, device: str) -> Sums:
    if not isinstance(loss, Loss):
        raise refuse("loss", type(loss).__name__, "Poisson, Gaussian or LeastSquares, with the data")
    matrix = chain(experiment, parameters)
    return Picture(loss, experiment, device=device).sums(experiment, matrix, np.zeros((0, 3)), curved=curved)


def _warn_of_nothing(experiment: Experiment, loss: Loss, parameters: Sequence[str], rates: np.ndarray) -> None:
    """Say so where parameters have no effect: an optimiser would silently stay where it is."""
    silent = [name for name, rate in zip(parameters, rates.tolist(), strict=True) if rate == 0.0]
    if not silent:
        return
    if len(silent) == len(parameters) and not jacobian(experiment, [])[0][np.asarray(loss.mask)].any():
        text = "the image is zero in all pixels that count, and so are its derivatives"
    else:
        text = (
            f"{', '.join(silent)}: the loss has no slope; they change nothing in the pixels that count, or fit exactly"
        )
    warnings.warn(text, NbnumbaWarning, stacklevel=3)
