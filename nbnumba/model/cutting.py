"""Detectors cut into panels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.detector import PLACING
from nbnumba.model.mask import Mask
from nbnumba.model.panel import Panel
from nbnumba.model.validate import whole
from nbnumba.physics.pixel import flat_position

if TYPE_CHECKING:
    from nbnumba.model.experiment import Experiment


def cut(experiment: Experiment, slow: int, fast: int) -> Experiment:
    """The experiment with its detector as ``slow`` x ``fast`` panels; see ``Experiment.with_panels``."""
    whole("slow", slow, low=1)
    whole("fast", fast, low=1)
    detector = experiment.detector
    detector.check_one_panel("with_panels")
    detector.check_flat("with_panels")
    if detector.pixels[0] % slow or detector.pixels[1] % fast:
        raise NbnumbaError(
            f"with_panels: found {slow} x {fast} panels for {detector.pixels} pixels; allowed: numbers that divide them"
        )
    size = detector.pixels[0] // slow, detector.pixels[1] // fast
    changes: dict[str, Any] = {f.name: f.default for f in fields(detector) if f.name in (*PLACING, "pixels")}
    changes["panels"] = tuple(_pieces(experiment, slow, fast, size))
    changes["mask"] = _mask(experiment.rendered, slow, fast, size)
    made = replace(detector, **changes)
    return replace(experiment, detector=made, sampling=replace(experiment.sampling, oversample=experiment.oversample))


def _pieces(experiment: Experiment, slow: int, fast: int, size: tuple[int, int]) -> Iterator[Panel]:
    g, pixel = experiment.geometry, experiment.detector.pixel_size
    for row in range(slow):
        for column in range(fast):
            corner = flat_position(g, column * size[1] * pixel, row * size[0] * pixel, 0.0)
            yield Panel(pixels=size, origin=corner, fast=g.fast, slow=g.slow)


def _mask(rendered: np.ndarray, slow: int, fast: int, size: tuple[int, int]) -> Mask | None:
    if rendered.all():
        return None
    grid = rendered.reshape(slow, size[0], fast, size[1]).transpose(0, 2, 1, 3)
    return Mask(grid.reshape(slow * fast, *size))
