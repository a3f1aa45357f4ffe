"""How far a model image is from data: value, slope and expected curvature for each pixel (derivatives, 2.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nbnumba.errors import NbnumbaError


class Terms(NamedTuple):
    """One number a pixel of each."""

    value: np.ndarray
    slope: np.ndarray  # by the model
    curvature: np.ndarray  # what is to be expected of it


@dataclass(frozen=True, eq=False)
class Loss:
    """Data beside which a model is laid.

    Attributes:
        data: image (slow, fast) [photons].
        mask: true where a pixel counts; None: all.
        background: photons that the model does not hold, one number or an image.

    Raises:
        NbnumbaError: data, mask and background of different shapes, or that are no finite numbers.
    """

    data: np.ndarray
    mask: np.ndarray | None = None
    background: np.ndarray | float = 0.0

    def __post_init__(self) -> None:
        data = _image("data", self.data)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "background", np.broadcast_to(_image("background", self.background), data.shape))
        mask = np.ones(data.shape, dtype=bool) if self.mask is None else np.asarray(self.mask) != 0
        self._same("mask", mask)
        if not np.isfinite(data[mask]).all():
            raise NbnumbaError("data: found numbers that are not finite; allowed: finite ones, or a mask without them")
        object.__setattr__(self, "mask", mask)

    def _same(self, name: str, array: np.ndarray) -> None:
        if array.shape != self.data.shape:
            raise NbnumbaError(f"{name}: found shape {array.shape}; allowed: {self.data.shape}, that of the data")

    def pixels(self, rendered: np.ndarray) -> np.ndarray:
        """Those of some pixels (n, 2) that count."""
        assert self.mask is not None
        return rendered[self.mask[rendered[:, 0], rendered[:, 1]]]

    def at(self, pixels: np.ndarray, image: np.ndarray) -> Terms:
        """Terms of pixels (n, 2) whose image without background is given (n,)."""
        place = pixels[:, 0], pixels[:, 1]
        return self.terms(image + np.asarray(self.background)[place], place)

    def terms(self, model: np.ndarray, place: Any) -> Terms:
        """Terms of a model with its background, at places of the image."""
        raise NotImplementedError


def _image(name: str, value: ArrayLike) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or (name == "data" and array.ndim != 2):
        raise NbnumbaError(f"{name}: found {array.dtype} of shape {array.shape}; allowed: an image of numbers")
    return array.astype(float)


@dataclass(frozen=True, eq=False)
class Poisson(Loss):
    """Photon counts: m - d log m."""

    def terms(self, model: np.ndarray, place: Any) -> Terms:
        """The model has to be above 0 where photons are."""
        data = self.data[place]
        safe = np.maximum(model, np.finfo(float).tiny)
        return Terms(model - np.where(data > 0.0, data * np.log(safe), 0.0), 1.0 - data / safe, 1.0 / safe)


@dataclass(frozen=True, eq=False)
class Gaussian(Loss):
    """Counts with read-out noise: (log V + u^2/V)/2 with V = m + sigma^2 and u = d - m, as diffBragg has it.

    Attributes:
        readout_sigma: standard deviation of the read-out noise [photons].
    """

    readout_sigma: float = 0.0

    def terms(self, model: np.ndarray, place: Any) -> Terms:
        """Variance of photons and read-out together."""
        u, v = self.data[place] - model, np.maximum(model + self.readout_sigma**2, np.finfo(float).tiny)
        slope = (1.0 - 2.0 * u - u * u / v) / (2.0 * v)
        return Terms(0.5 * (np.log(v) + u * u / v), slope, 1.0 / v + 0.5 / (v * v))


@dataclass(frozen=True, eq=False)
class LeastSquares(Loss):
    """Weighted squares: w (d - m)^2/2.

    Attributes:
        weights: image of weights, 1/variance; None: 1 everywhere.
    """

    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = np.ones(self.data.shape) if self.weights is None else _image("weights", self.weights)
        self._same("weights", weights)
        object.__setattr__(self, "weights", weights)

    def terms(self, model: np.ndarray, place: Any) -> Terms:
        """The weights are the curvature."""
        assert self.weights is not None
        u, w = self.data[place] - model, self.weights[place]
        return Terms(0.5 * w * u * u, -w * u, w)
