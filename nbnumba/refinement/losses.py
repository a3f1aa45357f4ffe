"""Losses: data beside which a model image is laid, and how the distance is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nbnumba.errors import NbnumbaError
from nbnumba.model.mask import Mask
from nbnumba.model.validate import number
from nbnumba.physics.likelihood import GAUSSIAN, HUBER, LINEAR, POISSON, SQUARES, STUDENT

if TYPE_CHECKING:
    from nbnumba.kernels.sums import Target


@dataclass(frozen=True, eq=False)
class Loss:
    """Data beside which a model is laid.

    Attributes:
        data: image (slow, fast), or (panel, slow, fast), [photons].
        mask: array or ``Mask``, true where a pixel counts; None: all. What is masked in a masked array of NumPy does
            not count either.
        background: photons that the model does not hold, one number or an image.

    Raises:
        NbnumbaError: data, mask and background of different shapes, or that are no finite numbers.
    """

    data: np.ndarray
    mask: np.ndarray | Mask | None = field(default=None, kw_only=True)
    background: np.ndarray | float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        data = _numbers("data", self.data)
        if data.ndim not in (2, 3):
            allowed = "an image (slow, fast) or (panel, slow, fast)"
            raise NbnumbaError(f"data: found {data.dtype} of shape {data.shape}; allowed: {allowed}")
        masked = np.ma.getmaskarray(self.data) if isinstance(self.data, np.ma.MaskedArray) else None
        object.__setattr__(self, "data", data)
        given = self.mask.pixels if isinstance(self.mask, Mask) else self.mask
        mask = np.ones(data.shape, dtype=bool) if given is None else np.asarray(given)
        if mask.dtype.kind not in "biu":
            raise NbnumbaError(
                f"mask: found {mask.dtype}; allowed: an image of bool or whole numbers, 0 for what is masked"
            )
        mask = (mask != 0) if masked is None else (mask != 0) & ~masked
        if mask.shape != data.shape:
            raise NbnumbaError(f"mask: found shape {mask.shape}; allowed: {data.shape}, that of the data")
        object.__setattr__(self, "mask", mask)
        self._check("data", data)
        self._spread("background", self.background)

    def _spread(self, name: str, value: ArrayLike | None, least: float = -np.inf) -> None:
        """Keep one number or an image as an image."""
        array, shape = _numbers(name, value), self.data.shape
        if array.shape not in ((), shape):
            raise NbnumbaError(f"{name}: found shape {array.shape}; allowed: one number, or {shape}, that of the data")
        object.__setattr__(self, name, np.broadcast_to(array, shape))
        self._check(name, getattr(self, name), least)

    def _check(self, name: str, image: np.ndarray, least: float = -np.inf) -> None:
        counting = image[np.asarray(self.mask)]
        wrong = counting[~(np.isfinite(counting) & (counting >= least))]
        if wrong.size:
            what = "finite numbers" if np.isinf(least) else f"finite numbers from {least:g} on"
            raise NbnumbaError(f"{name}: found {wrong[0]}; allowed: {what}, or a mask without such pixels")

    @cached_property
    def target(self) -> Target:
        """What the loops need to know."""
        from nbnumba.kernels.sums import Target

        kind, shape, extra = self._kind()
        data, background = np.asarray(self.data), np.asarray(self.background)
        if kind == POISSON and extra.any():  # a Poisson number with another one added whose mean is known
            data, background = data + extra, background + extra
        return Target(kind, shape, np.ravel(data), np.ravel(background), np.ravel(extra), plane=np.zeros(1))

    def _kind(self) -> tuple[int, float, np.ndarray]:
        """Kind of likelihood, degrees of freedom or limit, and the image of variances or weights."""
        raise NotImplementedError


def _numbers(name: str, value: ArrayLike | None) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        found = repr(value) if isinstance(value, str) else f"{array.dtype} of shape {array.shape}"
        raise NbnumbaError(f"{name}: found {found}; allowed: numbers, as from read_image(file)")
    return array.astype(float)


@dataclass(frozen=True, eq=False)
class Poisson(Loss):
    """Photon counts: m - d log m.

    Attributes:
        readout_sigma: standard deviation of read-out noise [photons], one number or an image; its square is added to
            data and model, which is good while there are many photons or little noise.
    """

    mask: np.ndarray | Mask | None = None
    background: np.ndarray | float = 0.0
    readout_sigma: np.ndarray | float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._spread("readout_sigma", self.readout_sigma, 0.0)
        self._spread("background", self.background, 0.0)
        shifted = (self.data + np.asarray(self.readout_sigma) ** 2)[np.asarray(self.mask)]
        if (shifted < 0.0).any():
            raise NbnumbaError(
                f"data: found {shifted.min():g} (with the square of readout_sigma); allowed: counts from 0 on, or a "
                "mask without such pixels; Gaussian takes negative data"
            )

    def _kind(self) -> tuple[int, float, np.ndarray]:
        return POISSON, 0.0, np.asarray(self.readout_sigma) ** 2


@dataclass(frozen=True, eq=False)
class Gaussian(Loss):
    """Counts with read-out noise: (log V + u^2/V)/2 with V = m + sigma^2 and u = d - m, as diffBragg has it.

    Attributes:
        readout_sigma: standard deviation of the read-out noise [photons], one number or an image.
        freedom: degrees of freedom of Student's distribution, which bears outliers; None: normally distributed.
    """

    readout_sigma: np.ndarray | float = 0.0
    freedom: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._spread("readout_sigma", self.readout_sigma, 0.0)
        _check_positive("freedom", self.freedom)

    def _kind(self) -> tuple[int, float, np.ndarray]:
        variance = np.asarray(self.readout_sigma) ** 2
        return (GAUSSIAN, 0.0, variance) if self.freedom is None else (STUDENT, self.freedom, variance)


@dataclass(frozen=True, eq=False)
class LeastSquares(Loss):
    """Weighted squares: w (d - m)^2/2.

    Attributes:
        weights: 1/variance, one number or an image; None: 1 everywhere, and ``refine`` takes the variance from what is
            left in the end.
        huber: standard deviations from which on the loss grows linearly, which bears outliers; None: none.
    """

    weights: np.ndarray | float | None = None
    huber: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("huber", self.huber)
        if self.weights is not None:
            self._spread("weights", self.weights, 0.0)
        elif self.huber is not None:
            raise NbnumbaError("huber: found without weights; allowed: with weights, which tell standard deviations")

    @property
    def plain(self) -> bool:
        """Whether the variance of the data is not given."""
        return self.weights is None

    def _kind(self) -> tuple[int, float, np.ndarray]:
        weights = np.broadcast_to(1.0 if self.weights is None else self.weights, self.data.shape)
        return (SQUARES, 0.0, weights) if self.huber is None else (HUBER, self.huber, weights)


@dataclass(frozen=True, eq=False)
class Linear(Loss):
    """Sum of pixels, each times a number that stands in place of its data."""

    def _kind(self) -> tuple[int, float, np.ndarray]:
        return LINEAR, 0.0, np.zeros(self.data.shape)


def _check_positive(name: str, value: float | None) -> None:
    if value is not None:
        number(name, value, above=0.0)
