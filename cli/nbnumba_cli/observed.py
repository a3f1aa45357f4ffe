"""Measured images and what is said of their noise on the command line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbnumba.errors import NbnumbaError
from nbnumba_cli import voice
from nbnumba_cli.options import check_shape

if TYPE_CHECKING:
    import numpy as np

    from nbnumba.model.experiment import Experiment

LOSSES = ("poisson", "gaussian", "least-squares")


def read_loss(file: Path, experiment: Experiment, asked: dict[str, Any]) -> Any:
    """The loss that options ask for, with the data of a file in photons.

    Args:
        file: an image of any kind.
        experiment: whose response and background serve where options are not given.
        asked: options of ``nbnumba refine`` by name.
    """
    import numpy as np

    import nbnumba as nb

    check_shape(asked["shape"], file)
    pixels, response = experiment.detector.shape, experiment.response or nb.Response()
    rows = math.prod(pixels[:-1]), pixels[-1]
    stored = nb.read_image(file, number=asked["number"], shape=asked["shape"] or rows)
    stored = stored.reshape(pixels) if stored.shape == rows else stored
    mask = np.isfinite(stored) & ((stored >= 0) | (stored.dtype.kind == "f"))
    if not mask.all():
        voice.note(f"{np.count_nonzero(~mask)} pixels hold no counts (negative, or not finite); left out")
    if asked["mask"] is not None:
        given = nb.read_mask(asked["mask"]).pixels
        if given.shape != stored.shape:
            raise NbnumbaError(f"--mask: found {given.shape} pixels (slow, fast); allowed: {stored.shape}, as the data")
        mask &= given
    if experiment.response is not None:
        mask &= (stored != response.masked_value) & (stored < response.highest)
    gain, offset = _given(asked["adu_per_photon"], response.gain), _given(asked["adu_offset"], response.offset)
    photons = (stored.astype(float) - offset) / gain
    known: dict[str, Any] = {"mask": mask, "background": _background(asked["background"], experiment)}
    noise, robust = _given(asked["readout_sigma"], response.readout_noise / gain), asked["robust"]
    if asked["loss"] == "least-squares":
        _refuse(robust is not None and noise == 0.0, "--robust", "a --readout-sigma beside --loss least-squares")
        return nb.LeastSquares(photons, None if noise == 0.0 else 1.0 / noise**2, huber=robust, **known)
    if asked["loss"] == "poisson":
        _refuse(robust is not None, "--robust", "--loss gaussian and least-squares")
        return nb.Poisson(photons, readout_sigma=noise, **known)
    return nb.Gaussian(photons, noise, freedom=robust, **known)


def _refuse(found: bool, option: str, allowed: str) -> None:
    if found:
        raise NbnumbaError(f"{option}: allowed with {allowed}")


def _given(option: float | None, otherwise: float) -> float:
    return otherwise if option is None else option


def _background(text: str | None, experiment: Experiment) -> float | np.ndarray:
    import nbnumba as nb

    if text is None:
        return nb.background(experiment) if experiment.background else 0.0
    try:
        return float(text)
    except ValueError:
        return nb.read_image(text)
