"""Spots of an image: which reflections light it, where, how strongly, and by what part of the beam."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nbnumba.crossings import lengths
from nbnumba.datasets.boxes import Boxes
from nbnumba.datasets.labels import SPOTS
from nbnumba.datasets.output import Output
from nbnumba.model.cell import reciprocal
from nbnumba.model.experiment import Experiment
from nbnumba.placement import seen
from nbnumba.prediction import Landings, landings
from nbnumba.spots import Diffracting, diffracting

#: Widths of a spot within which the Ewald sphere has to pass for the reflection to be looked at.
_REACH = 3.0
#: Root mean square distances of a spot's photons from its middle that the box around it reaches.
_BOX = 2.0
_SMALLEST, _LARGEST = 5, 99  # edges of boxes [pixel]
#: Part of what is listed that a spot has at least in the smallest box, or it is not looked at any more.
_DARK = 0.01


class Candidates(NamedTuple):
    """Reflections at a step of the scan where they come nearest to the Ewald sphere; arrays of one length."""

    hkl: np.ndarray  # (n, 3)
    d: np.ndarray  # spacing [A]
    strength: np.ndarray  # F^2 times how well it is met by the beam, of no unit: for shares alone
    direction: np.ndarray  # (n, 3) of the diffracted beam
    wavelength: np.ndarray  # [A], mean of what it diffracts
    share: np.ndarray  # of the beam's photons that meet it
    reach: np.ndarray  # [rad] from its middle to the edge of the box that its photons are counted in
    lattice: np.ndarray  # number of the crystal

    def where(self, chosen: np.ndarray) -> Candidates:
        """Some of them."""
        return Candidates(*(array[chosen] for array in self))


class Found(NamedTuple):
    """What an image has of spots."""

    spots: dict[str, np.ndarray]  # columns by name, the strongest first
    resolution: float  # spacing [A] of the farthest that stands out; NaN: none


def none() -> Found:
    """What an image without a crystal has."""
    return Found({name: np.empty(0, label.dtype) for name, label in SPOTS.items()}, math.nan)


def candidates(experiment: Experiment) -> Candidates:
    """Reflections of all lattices that may light the image, once for each time that they come near the sphere."""
    exposed = experiment.angles[0], experiment.angles[-1]
    found = [
        _lit(experiment, lattice, near)
        for lattice in range(len(experiment.crystals))
        for near in diffracting(experiment, lattice, exposed, _REACH)
    ]
    return Candidates(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


def _lit(experiment: Experiment, lattice: int, near: Diffracting) -> Candidates:
    """How well each source meets each reflection, and what follows from that; the beam is turned, not the crystal."""
    near, angles = _at_steps(near, np.array(experiment.angles))
    found = seen(experiment, lattice, near.hkl, angles)
    apart = lengths(reciprocal(experiment.crystals[lattice].axes)).min() * experiment.mean_wavelength
    return Candidates(
        hkl=near.hkl,
        d=1.0 / lengths(near.q),
        strength=near.amplitude**2 * found.share,
        direction=found.towards,
        wavelength=found.wavelength,
        share=found.share,
        lattice=np.full(len(near.hkl), lattice),
        reach=np.minimum(_BOX * found.width, 0.5 * apart),
    )


def _at_steps(near: Diffracting, steps: np.ndarray) -> tuple[Diffracting, np.ndarray]:
    """Reflections once at each step that is nearest to one of their angles, and its angle (n,) [rad]."""
    turn = steps[-1] - steps[0]
    if turn == 0.0:
        return near, np.full(len(near.angles), steps[0])
    step = np.rint((near.angles - steps[0]) / turn * (len(steps) - 1)).astype(int)
    _, once = np.unique(np.column_stack([near.hkl, step]), axis=0, return_index=True)
    return Diffracting(*(array[once] for array in near)), steps[step[once]]


def find(
    experiment: Experiment, bragg: np.ndarray, expected: np.ndarray, output: Output,
    *, seen: np.ndarray | None, shade: np.ndarray | None,
) -> Found:  # fmt: skip
    """Spots of an image, whose photons are shared between those in one box by their strengths.

    Args:
        experiment: what the image shows.
        bragg: expected photons of the crystals in the image that is kept.
        expected: those of everything, there.
        output: what is kept.
        seen: pixels of the whole image that are measured; None: all.
        shade: those that are behind the beamstop; None: none.
    """
    lit, slow, fast, panel, edges = _lie(experiment, output, seen, shade)
    cores = Boxes(bragg.shape, panel, slow, fast, np.minimum(edges, _SMALLEST))
    bright = cores.sums(bragg) > _DARK * min(output.faintest, output.significance**2)
    lit, slow, fast, panel, edges = _Places(lit.where(bright), *(x[bright] for x in (slow, fast, panel, edges)))
    boxes = Boxes(bragg.shape, panel, slow, fast, edges)
    intensity = boxes.shares(bragg, lit.strength / edges**2)
    behind = np.maximum(boxes.sums(expected) - boxes.sums(bragg), 0.0)
    stands_out = lit.d[intensity > output.significance * np.sqrt(intensity + behind)]
    kept = np.flatnonzero(intensity >= output.faintest)
    kept = kept[np.argsort(-intensity[kept], kind="stable")]
    h, k, l = lit.hkl.T  # noqa: E741
    columns = {
        "h": h, "k": k, "l": l, "panel": panel, "slow": slow, "fast": fast, "intensity": intensity,
        "background": behind, "box": edges, "d": lit.d, "wavelength": lit.wavelength, "share": lit.share,
        "lattice": lit.lattice,
    }  # fmt: skip
    spots = {name: columns[name][kept].astype(label.dtype) for name, label in SPOTS.items()}
    return Found(spots, float(stands_out.min()) if len(stands_out) else math.nan)


class _Places(NamedTuple):
    """Where reflections lie in the image that is kept."""

    lit: Candidates
    slow: np.ndarray  # pixels from the outer corner of its first one
    fast: np.ndarray
    panel: np.ndarray
    edges: np.ndarray  # of their boxes [pixel]


def _lie(experiment: Experiment, output: Output, seen: np.ndarray | None, shade: np.ndarray | None) -> _Places:
    """Those whose middle is on a pixel that sees it."""
    lit = candidates(experiment)
    at = landings(experiment, lit.direction)
    on = _measured(at, experiment.detector.shape, seen, shade)
    lit, at = lit.where(on), Landings(*(array[on] for array in at))
    first = output.first
    slow, fast = (at.slow - first[0]) / output.bin, (at.fast - first[1]) / output.bin
    edges = _edges(lit.reach * at.distance / (experiment.detector.pixel_size * output.bin), output)
    return _Places(lit, slow, fast, at.panel, edges)


def _edges(reach: np.ndarray, output: Output) -> np.ndarray:
    """Pixels along the edges of boxes, odd numbers, of spots that reach so many pixels."""
    if output.spot_size:
        return np.full(len(reach), output.spot_size)
    return np.clip(2 * np.rint(reach).astype(int) + 1, _SMALLEST, _LARGEST)


def _measured(at: Landings, shape: tuple[int, ...], seen: np.ndarray | None, shade: np.ndarray | None) -> np.ndarray:
    """Numbers of the rays that meet a pixel which sees them."""
    on = np.flatnonzero(at.inside)
    pixel = (at.panel[on] * shape[-2] + at.slow[on].astype(int)) * shape[-1] + at.fast[on].astype(int)
    good = np.ones(len(on), dtype=bool)
    if seen is not None:
        good &= seen.reshape(-1)[pixel]
    if shade is not None:
        good &= ~shade.reshape(-1)[pixel]
    return on[good]
