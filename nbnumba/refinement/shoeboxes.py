"""Small boxes of pixels around the places where spots are predicted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nbnumba.model.cell import reciprocal
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import number, refuse, whole
from nbnumba.physics.ewald import diffracted, excitation_error
from nbnumba.physics.vector import Vector
from nbnumba.prediction import axes_at_start, mean_beam, point_seen
from nbnumba.report import resolution_limits
from nbnumba.spots import all_indices


class Shoebox(NamedTuple):
    """Pixels slow_start ... slow_stop - 1, fast_start ... fast_stop - 1 around a reflection."""

    h: int
    k: int
    l: int  # noqa: E741
    slow_start: int
    slow_stop: int
    fast_start: int
    fast_stop: int


def shoeboxes(
    experiment: Experiment, *, size: int = 11, excitation: float | None = None, dmin: float = 0.0
) -> list[Shoebox]:
    """Boxes around all reflections near the Ewald sphere at the start of the scan, those nearest to it first.

    Args:
        experiment: crystal, beam and detector; of several sources, the mean is taken, of several lattices the crystal.
        size: pixels along the edge of a box, an odd number; boxes end at the detector's edge.
        excitation: largest distance from the Ewald sphere [1/A]; None: twice the width of a spot, 1/(N a) along the
            axis where the crystal is thinnest and the width of the mosaic domains times 1/d together.
        dmin: smallest spacing [A]; 0: that of the detector's farthest corner.

    Raises:
        NbnumbaError: a size that is not odd and positive, a detector that lists panels, or more than 500 million
            reflections up to ``dmin``.
    """
    check_experiment(experiment)
    experiment.detector.check_one_panel("shoeboxes")
    size = whole("size", size, low=1)
    if size % 2 == 0:
        raise refuse("size", size, "an odd whole number [pixels]")
    number("dmin", dmin, "A", low=0.0)
    if excitation is not None:
        number("excitation", excitation, "1/A", low=0.0)
    beam, crystal = mean_beam(experiment), experiment.crystal
    turned = axes_at_start(experiment)
    thin = (np.array(crystal.cells_across) * np.linalg.norm(turned, axis=1)).min()
    found: list[tuple[float, Shoebox]] = []
    for hkl, q in _resolved(turned, max(dmin, resolution_limits(experiment)["resolution_corner_A"])):
        wide = np.full(len(q), excitation) if excitation is not None else 2.0 * (
            1.0 / thin + crystal.mosaic.width * np.linalg.norm(q, axis=1)
        )  # fmt: skip
        # A first look leaves few to be looked at one by one: |s|^2 - 1/lambda^2 is twice the distance over lambda.
        near = np.abs(q @ np.array(beam.direction) + 0.5 * beam.wavelength * (q * q).sum(axis=1)) <= 4.0 * wide
        for indices, vector, limit in zip(hkl[near].tolist(), q[near].tolist(), wide[near].tolist(), strict=True):
            error = abs(excitation_error(Vector(*vector), *beam))
            box = _box(experiment, indices, point_seen(experiment, diffracted(Vector(*vector), *beam)), size)
            if error <= limit and box is not None:
                found.append((error, box))
    return [box for _, box in sorted(found)]


def _resolved(axes: np.ndarray, dmin: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices (n, 3) of all reflections of a spacing [A] or more, but 0 0 0, and their vectors (n, 3) [1/A], in parts.

    Raises:
        NbnumbaError: they are too many.
    """
    for hkl in all_indices(axes, 1.0 / dmin, "Give a larger dmin"):
        q = hkl @ reciprocal(axes)
        size = np.linalg.norm(q, axis=1)
        kept = (size > 0.0) & (size * dmin <= 1.0)
        yield hkl[kept], q[kept]


def _box(experiment: Experiment, hkl: list[int], point: tuple[float, float], size: int) -> Shoebox | None:
    """The box around a point of the detector, if it lies there."""
    limits: list[int] = []
    for at, count in zip(point, experiment.detector.pixels, strict=True):
        if not 0.0 <= at < count:
            return None
        start = math.floor(at) - size // 2
        limits += [max(start, 0), min(start + size, count)]
    return Shoebox(*hkl, *limits)
