"""What a refinement found, and how sure it is."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nbnumba.errors import NbnumbaWarning
from nbnumba.model.experiment import Experiment
from nbnumba.refinement.equations import RANK, Equations
from nbnumba.refinement.free import Free
from nbnumba.refinement.jacobian import jacobian
from nbnumba.refinement.problem import Picture, Problem
from nbnumba.refinement.scoring import Iteration, Solution
from nbnumba.refinement.shoeboxes import Shoebox

_SHARE = 0.1  # of the largest part in a combination, from which on a parameter is named


@dataclass(frozen=True, eq=False)
class Refinement:
    """A refined model.

    Parameters of one of several images carry its number, as in "misset_x[3]".

    Attributes:
        experiments: the refined ones, one for each image.
        values: by name, in A, degrees, mm.
        esd: standard deviations expected of them, in the same units; infinite at bounds and where the data say nothing.
        correlation: (n, n) between the values in the order of ``values``; 0 beside what the data say nothing about.
        misorientations: angle between the first and the refined orientation of each image's crystal [degrees].
        boxes: for each image those that counted, in the order of the planes; none without boxes.
        planes: for each image (boxes, 3): background at the middle pixel of a box [photons], and its slopes along fast
            and slow [photons/pixel].
        loss: value at the end.
        pixels: number of pixels that counted.
        history: every point that was tried.
        evaluations: number of points that were tried, in all stages.
        converged: whether no further step was worth its while.
        message: why the search ended.
        at_bounds: names of the parameters that ended at a bound.
        degenerate: combinations of parameters that the data cannot tell apart, by their names.
    """

    experiments: tuple[Experiment, ...]
    values: dict[str, float]
    esd: dict[str, float]
    correlation: np.ndarray
    misorientations: tuple[float, ...]
    boxes: tuple[tuple[Shoebox, ...], ...]
    planes: tuple[np.ndarray, ...]
    loss: float
    pixels: int
    history: tuple[Iteration, ...]
    evaluations: int
    converged: bool
    message: str
    at_bounds: tuple[str, ...]
    degenerate: tuple[tuple[str, ...], ...]
    _images: tuple[Picture, ...] = field(repr=False)
    _planes: tuple[np.ndarray, ...] = field(repr=False)
    _free: tuple[Free, ...] = field(repr=False)

    def beside(self, number: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Data and model with its background (slow, fast) [photons] of one image, NaN where no pixel counted."""
        return self._images[number].beside(self.experiments[number], self._planes[number])

    def jacobian(self, number: int = 0) -> dict[str, np.ndarray]:
        """Derivatives (slow, fast) of one image by what is refined of it, with all that is tied to it."""
        found = {}
        for free in dict.fromkeys(self._free):
            _, members = jacobian(self.experiments[number], free.members)
            found[free.name] = np.sum(list(members.values()), axis=0)
        return found

    @property
    def experiment(self) -> Experiment:
        """The refined experiment, the first one of several."""
        return self.experiments[0]

    @property
    def misorientation(self) -> float:
        """Largest angle between a first and a refined orientation [degrees]."""
        return max(self.misorientations)

    @property
    def table(self) -> str:
        """Values with their standard deviations, for people."""
        from nbnumba.report import columns

        return columns(self._rows())

    def _repr_html_(self) -> str:
        from nbnumba.markup import card, paragraph, table

        head, *rows = self._rows()
        ended = f"{'Converged' if self.converged else 'Not converged'} after {self.evaluations} points: {self.message}"
        told = f"loss {self.loss:.8g} over {self.pixels} pixels; orientation moved by {self.misorientation:.4g}°"
        lost = [paragraph(f"Cannot be told apart: {', '.join(group)}") for group in self.degenerate]
        return card("Refinement", paragraph(ended), table(rows, head), paragraph(told), *lost)

    def _rows(self) -> list[tuple[str, str, str]]:
        rows = [(name, f"{value:.8g}", self._told(name)) for name, value in self.values.items()]
        return [("parameter", "value", "esd"), *rows]

    def _told(self, name: str) -> str:
        return "at its bound" if name in self.at_bounds else f"{self.esd[name]:.2g}"


def summarize(
    problem: Problem, solution: Solution[Equations], history: Sequence[Iteration], *, scaled: bool
) -> Refinement:
    """Gather what was found; ``scaled``: whether the loss tells the spread of the data only up to a factor."""
    parts, names = problem.parts(solution.unknowns), problem.names()
    low, high = problem.limits()
    inner = solution.unknowns[problem.places()]
    held = ((solution.unknowns <= low) | (solution.unknowns >= high))[problem.places()]
    free = [*problem.shared, *(f for _ in problem.pictures for f in problem.own)]
    values = [f.outer(float(x)) for f, x in zip(free, inner, strict=True)]
    pixels = sum(len(picture.places.pixels) for picture in problem.pictures)
    # Planes lie beside the parameters; what they leave open is known when they are eliminated.
    matrix = solution.equations.without_planes().matrix
    degenerate = _degenerate(matrix, held, names)
    covariance = _covariance(matrix, held)
    if scaled:
        covariance *= 2.0 * solution.equations.value / max(pixels - len(solution.unknowns), 1)
    lost = {name for group in degenerate for name in group}
    known = np.array([n not in lost for n in names]) & (np.diag(covariance) > 0.0)
    roots = np.where(known, np.sqrt(np.diag(covariance)), np.inf)
    rates = np.array([f.rate(value) for f, value in zip(free, values, strict=True)])
    return Refinement(
        experiments=tuple(experiment for experiment, _ in parts),
        values=dict(zip(names, values, strict=True)),
        esd=dict(zip(names, (roots * rates).tolist(), strict=True)),
        correlation=covariance / np.outer(roots, roots),
        misorientations=tuple(_turned(start, end) for start, (end, _) in zip(problem.starts, parts, strict=True)),
        boxes=tuple(tuple(picture.boxes) for picture in problem.pictures),
        planes=tuple(np.exp(u[:, :1]) * np.column_stack([np.ones(len(u)), u[:, 1:]]) for _, u in parts),
        loss=solution.equations.value,
        pixels=pixels,
        history=tuple(history),
        evaluations=len(history),
        converged=solution.converged,
        message=solution.message,
        at_bounds=tuple(name for name, is_held in zip(names, held.tolist(), strict=True) if is_held),
        degenerate=degenerate,
        _images=tuple(problem.pictures),
        _planes=tuple(planes for _, planes in parts),
        _free=tuple(free),
    )


def _scaled(matrix: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curvatures with each unknown on the scale of its own one, and that scale; 0 for those that are held."""
    diagonal = np.diag(matrix)
    scale = np.where((diagonal > 0.0) & ~held, 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)), 0.0)
    return scale[:, None] * matrix * scale, scale


def _covariance(matrix: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Inverse of the curvatures, 0 for what is held or unknown."""
    scaled, scale = _scaled(matrix, held)
    return scale[:, None] * np.linalg.pinv(scaled, rcond=RANK, hermitian=True) * scale


def _silent(matrix: np.ndarray, held: np.ndarray) -> list[np.ndarray]:
    """Which unknowns take part in each combination that changes nothing: eigenvectors without a curvature."""
    scaled, scale = _scaled(matrix, held)
    alone = [np.arange(len(scale)) == i for i in np.flatnonzero((scale == 0.0) & ~held)]
    values, vectors = np.linalg.eigh(scaled[np.ix_(scale > 0.0, scale > 0.0)])
    found = []
    for value, vector in zip(values, vectors.T, strict=True):
        if value < RANK * values[-1]:
            part = np.zeros(len(scale))
            part[scale > 0.0] = np.abs(vector)
            found.append(part > _SHARE * part.max())
    return alone + found


def _degenerate(matrix: np.ndarray, held: np.ndarray, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Names of the parameters in each combination that changes nothing; a warning for each."""
    groups = [tuple(name for name, part in zip(names, v, strict=True) if part) for v in _silent(matrix, held)]
    for group in groups:
        _warn(group)
    return tuple(groups)


def _warn(names: tuple[str, ...]) -> None:
    if len(names) == 1:
        text = f"{names[0]} changes nothing in the pixels that count; its value is where it started"
    else:
        text = (
            f"{', '.join(names)} cannot be told apart: together they can change without changing the image; keep one "
            "of them fixed, or restrain it"
        )
    warnings.warn(text, NbnumbaWarning, stacklevel=5)


def _turned(start: Experiment, end: Experiment) -> float:
    """Angle [degrees] of the rotation that is nearest to what takes the first axes to the others."""
    u, _, v = np.linalg.svd(np.linalg.solve(start.crystal.axes, end.crystal.axes))
    turn = u @ v
    axis = 0.5 * np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    return math.degrees(math.atan2(float(np.linalg.norm(axis)), 0.5 * (float(np.trace(turn)) - 1.0)))
