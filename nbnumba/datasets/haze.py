"""Photons of what scatters beside the crystal, kept from image to image.

They are those of a beam of one fluence and matter of one thickness, times what both are in an image: only the geometry
takes a new one.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from nbnumba.datasets.cache import Cache
from nbnumba.errors import NbnumbaError
from nbnumba.model.background import Background
from nbnumba.model.beam import Beam
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import Mask
from nbnumba.response.background import background

_FLUENCE = 1e20  # photons/m^2


def haze(experiment: Experiment, cache: Cache) -> np.ndarray | None:
    """Expected photons of ``experiment.background``, float32 of the detector's shape; None where there is none."""
    total: np.ndarray | None = None
    plain: Any = {"exposure": 1.0, "size": 1.0, "profile": "square", "offset": (0.0, 0.0)}
    beam = replace(experiment.beam, flux=None, fluence=_FLUENCE, **plain)
    for part in experiment.background:
        unit = replace(part, thickness=1.0, area=1.0)
        step = cache.recipe.output.background_step
        key = (beam, experiment.detector, experiment.sampling.layers, unit)
        image = cache.get("haze", key, functools.partial(_unit, experiment, beam, unit, step, cache.threads))
        photons = experiment.beam.photons_per_area * part.molecules(experiment.beam.area)
        one = image * np.float32(photons / (_FLUENCE * unit.molecules(1.0)))
        total = one if total is None else total + one
    return total


def _unit(experiment: Experiment, beam: Beam, part: Background, step: int, threads: int) -> np.ndarray:
    """Photons of one part, of the beam and thickness that are kept."""
    lit = replace(experiment, beam=beam, background=(part,), lattices=())
    if step == 1 or experiment.detector.present is not None:
        return background(lit, threads=threads)
    if part.material == "ice":
        raise NbnumbaError(f"output.background_step: found {step} with ice, whose rings are sharp; allowed: 1")
    return _between_nodes(lit, step, threads)


def _between_nodes(experiment: Experiment, step: int, threads: int) -> np.ndarray:
    """Photons computed at every few pixels of the region, and cubics between them."""
    detector = experiment.detector
    region = detector.roi or ((0, detector.pixels[0]), (0, detector.pixels[1]))
    nodes = [_nodes(start, stop, step) for start, stop in region]
    marked = np.zeros(detector.pixels, dtype=bool)
    marked[np.ix_(*nodes)] = True
    shape = detector.shape
    mask = Mask(np.broadcast_to(marked, shape))
    coarse = background(replace(experiment, detector=replace(detector, mask=mask)), threads=threads)
    coarse = coarse.reshape(-1, *shape[-2:])
    found = np.zeros((len(coarse), *shape[-2:]), dtype=np.float32)
    inside = tuple(slice(*limits) for limits in region)
    along = [_cubics(places, *limits) for places, limits in zip(nodes, region, strict=True)]
    for panel, image in zip(coarse, found, strict=True):
        image[inside] = _filled(panel[np.ix_(*nodes)], *along)
    found = found.reshape(shape)
    if experiment.mask is not None:
        found *= experiment.rendered
    return found


def _nodes(start: int, stop: int, step: int) -> np.ndarray:
    """Places start, start + step ... and the last one, four at least."""
    step = max(1, min(step, (stop - start - 1) // 3))
    return np.unique([*range(start, stop, step), stop - 1])


def _cubics(nodes: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """For each place the numbers (n, 4) of the nodes around, and their weights in the cubic through them (Lagrange)."""
    places = np.arange(start, stop)
    count = min(4, len(nodes))
    first = (np.searchsorted(nodes, places, "right") - 2).clip(0, len(nodes) - count)
    chosen = first[:, np.newaxis] + np.arange(count)
    x, weights = nodes[chosen].astype(float), np.ones(chosen.shape)
    for i in range(count):
        for j in range(count):
            if i != j:
                weights[:, i] *= (places - x[:, j]) / (x[:, i] - x[:, j])
    return chosen, weights.astype(np.float32)


def _filled(coarse: np.ndarray, slow: tuple[np.ndarray, np.ndarray], fast: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Values everywhere from those at the nodes; sums in an order that no library chooses."""
    rows = sum(slow[1][:, i, np.newaxis] * coarse[slow[0][:, i]] for i in range(slow[0].shape[1]))
    turned = np.ascontiguousarray(np.asarray(rows).T)
    columns = sum(fast[1][:, i, np.newaxis] * turned[fast[0][:, i]] for i in range(fast[0].shape[1]))
    return np.maximum(np.asarray(columns).T, 0.0)
