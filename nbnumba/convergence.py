"""How finely an image has to be sampled: numbers of steps that grow until doubling them leaves the image as it is.

The change is the sum of absolute differences over the sum of the image, estimated from the brightest parts of the
detector and from parts chosen at random, which stand for all the others. Each of n numbers gets the tolerance over
sqrt(n), as their changes have nothing to do with one another.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.journal import stage
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.mask import Mask

log = logging.getLogger(__name__)
_BLOCK = 16  # pixels along each edge of a part of the detector
_BLOCKS = 32  # that are looked at, half of them the brightest
_MOST_STEPS = 1 << 17  # of a pixel


class Choice(NamedTuple):
    """A number of steps."""

    name: str  # of the field that holds it
    number: int
    change: float  # of the image when it is doubled, relative
    enough: bool  # whether that is its share of the tolerance, or less


class Sampled(NamedTuple):
    """An experiment with numbers of steps that were found to be enough."""

    experiment: Experiment
    choices: tuple[Choice, ...]
    pixels: int  # that were looked at


def choose_sampling(experiment: Experiment, progress: Callable[[int, int], None] | None = None) -> Sampled:
    """Choose sub-pixels, layers, phi steps, mosaic domains and source points for ``experiment.sampling.tolerance``.

    Numbers that the experiment holds itself are not looked at. What cannot be reached within 131,072 steps a pixel
    is left there, with a warning. The search runs on the CPU.

    Args:
        experiment: with a tolerance above 0.
        progress: called as progress(done, total) after each image; the total is a guess.

    Returns:
        The experiment with the numbers and no tolerance, the numbers with the changes that doubling each of them
        makes, and how many pixels were looked at.

    Raises:
        NbnumbaError: a tolerance of 0.
    """
    check_experiment(experiment)
    tolerance = experiment.sampling.tolerance
    if tolerance == 0.0:
        raise NbnumbaError("sampling.tolerance: found 0; allowed: a relative change of the image, as 0.01")
    with stage(log, f"choosing the sampling for a tolerance of {tolerance:g}"):
        found = _Search(experiment, tolerance, progress).run()
    for choice in found.choices:
        log.info("%s = %d: doubling it changes the image by %.2g of its sum", *choice[:3])
    return found


def settled(experiment: Experiment) -> Experiment:
    """The experiment itself, or with the numbers that its tolerance asks for."""
    return experiment if experiment.sampling.tolerance == 0.0 else _settled(experiment)


@lru_cache(maxsize=8)
def _settled(experiment: Experiment) -> Experiment:
    return choose_sampling(experiment).experiment


def numbers(experiment: Experiment) -> dict[str, int]:
    """Numbers of steps that act on the image, by the names of their fields, where a search begins."""
    found = {"sampling.oversample": 1}
    if experiment.detector.sensor_thickness > 0.0:
        found["sampling.layers"] = 1
    if experiment.turning:
        found["scan.steps"] = 1
    crystals = {"crystal": experiment.crystal, **{f"lattices.{i}": c for i, c in enumerate(experiment.lattices)}}
    for name, crystal in crystals.items():
        if crystal.mosaic.count > 1:
            found[f"{name}.mosaic.domains"] = 2
    beam = experiment.beam
    if beam.sources is None:
        for i, width in enumerate(beam.divergence):
            if width > 0.0:
                found[f"beam.divergence_steps.{i}"] = 3
        if beam.dispersion > 0.0:
            found["beam.dispersion_steps"] = 3
        if beam.spectrum is not None:
            found["beam.spectrum_steps"] = 3
    return found


def with_numbers(experiment: Experiment, chosen: dict[str, int]) -> Experiment:
    """Copy with these numbers of steps and no tolerance."""
    divergence = list(experiment.beam.divergence_steps)
    changes: dict[str, object] = {"sampling.tolerance": 0.0}
    for name, number in chosen.items():
        field, _, place = name.rpartition(".")
        if field == "beam.divergence_steps":
            divergence[int(place)] = number
            changes[field] = tuple(divergence)
        else:
            changes[name] = number
    return experiment.replace(**changes)


class _Search:
    """The search for one experiment."""

    def __init__(self, experiment: Experiment, tolerance: float, progress: Callable[[int, int], None] | None) -> None:
        self._experiment, self._progress = experiment, progress
        self._begin = numbers(experiment)
        self._share = tolerance / math.sqrt(len(self._begin))
        self._images: dict[tuple[int, ...], np.ndarray] = {}
        self._rendered = 0
        pixels, self._weight = self._parts()
        self._looked_at = Mask(pixels)

    def run(self) -> Sampled:
        """Grow what is too small; then halve what need not be so large, and look again."""
        found = self._grown(dict(self._begin))
        for name in found:
            while found[name] > self._begin[name] and self._change(found, name, 0.5) <= self._share:
                found[name] //= 2
        found = self._grown(found)
        choices = []
        for name, number in found.items():
            change = self._change(found, name, 2)
            choices.append(Choice(name, number, change, change <= self._share))
        short = [choice for choice in choices if not choice.enough]
        if short:
            names = ", ".join(f"{c.name} = {c.number} ({100.0 * c.change:.2g} %)" for c in short)
            warnings.warn(
                f"sampling.tolerance: not reached within {_MOST_STEPS} steps a pixel: doubling still changes the image "
                f"for {names}",
                NbnumbaWarning,
                stacklevel=4,
            )
        return Sampled(with_numbers(self._experiment, found), tuple(choices), int(self._looked_at.pixels.sum()))

    def _grown(self, found: dict[str, int]) -> dict[str, int]:
        """Double what changes the image most, as long as that is more than its share."""
        while True:
            fits = [name for name in found if self._steps({**found, name: 2 * found[name]}) <= _MOST_STEPS]
            changes = {name: self._change(found, name, 2) for name in fits}
            name = max(changes, key=lambda name: changes[name], default="")
            if not name or changes[name] <= self._share:
                return found
            found = {**found, name: 2 * found[name]}

    def _steps(self, found: dict[str, int]) -> int:
        return with_numbers(self._experiment, found).steps_per_pixel

    def _change(self, found: dict[str, int], name: str, factor: float) -> float:
        """Relative change of the image between a number and another, ``factor`` times as large."""
        few, many = sorted((found[name], int(found[name] * factor)))
        before, after = (self._image({**found, name: n}) for n in (few, many))
        total = float(self._weight @ after)
        return float(self._weight @ np.abs(after - before)) / total if total > 0.0 else 0.0

    def _image(self, found: dict[str, int]) -> np.ndarray:
        key = tuple(found.values())
        if key not in self._images:
            self._images[key] = self._render(found, self._looked_at)[self._looked_at.pixels].astype(np.float64)
            self._rendered += 1
            if self._progress is not None:
                self._progress(self._rendered, max(self._rendered + 1, 8 * len(self._begin)))
        return self._images[key]

    def _render(self, found: dict[str, int], mask: Mask | None) -> np.ndarray:
        from nbnumba.simulation import simulate

        experiment = with_numbers(self._experiment, found)
        if mask is not None:
            experiment = experiment.replace(**{"detector.mask": mask, "detector.roi": None})
        return simulate(experiment)

    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels to look at, and what each of them stands for.

        They are all pixels of a small detector, else blocks: the brightest, and as many of the others at random, which
        stand for all the others.
        """
        there = self._experiment.rendered
        if there.sum() <= _BLOCKS * _BLOCK**2:
            return there, np.ones(int(there.sum()))
        preview = self._render(self._begin, None)
        rows = preview.reshape(-1, preview.shape[-1])
        slow, fast = (-(-n // _BLOCK) for n in rows.shape)
        padded = np.zeros((slow * _BLOCK, fast * _BLOCK))
        padded[: rows.shape[0], : rows.shape[1]] = rows
        light = padded.reshape(slow, _BLOCK, fast, _BLOCK).sum(axis=(1, 3)).ravel()
        order = np.argsort(-light, kind="stable")
        brightest, others = order[: _BLOCKS // 2], order[_BLOCKS // 2 :]
        chosen = np.random.default_rng(0).permutation(others)[: _BLOCKS // 2]
        share = np.zeros(light.size)
        share[brightest], share[chosen] = 1.0, len(others) / len(chosen)
        whole = np.kron(share.reshape(slow, fast), np.ones((_BLOCK, _BLOCK)))
        whole = whole[: rows.shape[0], : rows.shape[1]].reshape(preview.shape) * there
        return whole > 0.0, whole[whole > 0.0]
