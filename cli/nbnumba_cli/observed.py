"""Measured images and what is said of their noise on the command line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbnumba.errors import NbnumbaError

if TYPE_CHECKING:
    import numpy as np

LOSSES = ("poisson", "gaussian", "least-squares")


def read_loss(file: Path, pixels: tuple[int, ...], asked: dict[str, Any]) -> Any:
    """The loss that options ask for, with the data of a file in photons.

    Args:
        file: an image of any kind.
        pixels: shape of the detector's images.
        asked: options of ``nbnumba refine`` by name.
    """
    import numpy as np

    import nbnumba as nb

    rows = math.prod(pixels[:-1]), pixels[-1]
    stored = nb.read_image(file, number=asked["number"], shape=asked["shape"] or rows)
    stored = stored.reshape(pixels) if stored.shape == rows else stored
    mask = np.isfinite(stored) & ((stored >= 0) | (stored.dtype.kind == "f"))
    if not mask.all():
        click.echo(
            f"Note: {np.count_nonzero(~mask)} pixels hold no counts (negative, or not finite); left out", err=True
        )
    if asked["mask"] is not None:
        given = nb.read_mask(asked["mask"]).pixels
        if given.shape != stored.shape:
            raise NbnumbaError(f"--mask: found {given.shape} pixels (slow, fast); allowed: {stored.shape}, as the data")
        mask &= given
    photons = (stored.astype(float) - asked["adu_offset"]) / asked["adu_per_photon"]
    known = {"mask": mask, "background": _background(asked["background"])}
    noise, robust = asked["readout_sigma"], asked["robust"]
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


def _background(text: str) -> float | np.ndarray:
    import nbnumba as nb

    try:
        return float(text)
    except ValueError:
        return nb.read_image(text)
