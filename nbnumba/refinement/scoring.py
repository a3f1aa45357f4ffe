"""Damped Fisher scoring: Levenberg and Marquardt's steps with expected curvatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from nbnumba.errors import NbnumbaError

_FIRST_DAMPING, _LEAST_DAMPING, _LARGEST_DAMPING = 1e-3, 1e-9, 1e12
_ROUNDING = 1e-14  # of the loss: smaller changes of it are not seen


class Quadratic(Protocol):
    """A loss at one point with its slopes and expected curvatures."""

    @property
    def value(self) -> float:
        """The loss."""

    @property
    def gradient(self) -> np.ndarray:
        """Its slopes."""

    def step(self, damping: float, held: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Step to where the slopes end, each curvature raised by a fraction; ``shift`` for unknowns that are held."""

    def predicted(self, step: np.ndarray) -> float:
        """By how much a step lessens the loss, if that is what slopes and curvatures say."""


Q = TypeVar("Q", bound=Quadratic, covariant=True)


class Minimisable(Protocol[Q]):
    """A loss that can be found at any point between limits."""

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest values of the unknowns."""

    def near(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest values of the unknowns within one step."""

    def evaluate(self, x: np.ndarray) -> Q:
        """The loss at a point; raises an NbnumbaError where there is none."""


class Iteration(NamedTuple):
    """One point that was tried."""

    number: int
    loss: float  # NaN for values that no experiment can have
    predicted: float  # by how much the loss was to fall
    damping: float
    accepted: bool
    unknowns: np.ndarray


class Solution(NamedTuple, Generic[Q]):
    """Where the search ended."""

    unknowns: np.ndarray
    equations: Q
    converged: bool
    message: str


def score(
    problem: Minimisable[Q],
    start: np.ndarray,
    *,
    iterations: int,
    tolerance: float,
    report: Callable[[Iteration], None],
) -> Solution[Q]:
    """Search for the least loss; the point found is never worse than the start.

    Args:
        problem: what to minimise.
        start: unknowns to start from.
        iterations: largest number of points that are tried.
        tolerance: fall of the loss that is not worth another step.
        report: called for every point.
    """
    low, high = problem.limits()
    x, damping = np.clip(start, low, high), _FIRST_DAMPING
    now = problem.evaluate(x)
    if not np.isfinite(now.value) or not np.isfinite(now.gradient).all():
        raise NbnumbaError(
            f"loss: found {now.value:g} at the start, with slopes {now.gradient}; allowed: finite numbers; look at "
            "background and scale"
        )
    report(Iteration(0, now.value, 0.0, damping, True, x))
    for number in range(1, iterations + 1):
        step, stopped = _within(now, x, damping, *problem.near(x))
        predicted = now.predicted(step)
        enough = max(tolerance, _ROUNDING * abs(now.value))
        if 0.0 <= predicted <= enough and damping <= 1.0 and not stopped:
            return Solution(x, now, True, "the next step would lessen the loss by no more than the tolerance")
        if damping >= _LARGEST_DAMPING:
            return Solution(x, now, False, "no smaller loss was found, however short the step")
        trial = _tried(problem, x + step) if predicted > 0.0 else None
        fall = now.value - trial.value if trial else -np.inf
        report(Iteration(number, trial.value if trial else np.nan, predicted, damping, fall >= 0.0, x + step))
        if trial and fall >= 0.0:
            x, now = x + step, trial
            damping *= 0.1 if fall > 0.75 * predicted else 1.0 if fall > 0.25 * predicted else 4.0
        else:
            damping *= 10.0
        damping = max(damping, _LEAST_DAMPING)
    return Solution(x, now, False, f"{iterations} iterations were not enough")


def _within(
    now: Quadratic, x: np.ndarray, damping: float, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, bool]:
    """The step between the limits, and whether any unknown was stopped there.

    What would pass its limit stops at it, and the rest is solved for again.
    """
    held = ((x <= low) & (now.gradient > 0.0)) | ((x >= high) & (now.gradient < 0.0))
    shift, stopped = np.zeros(len(x)), False
    while True:
        step = now.step(damping, held, shift)
        beyond = ~held & ((x + step < low) | (x + step > high))
        if not beyond.any():
            return step, stopped
        shift[beyond] = (np.clip(x + step, low, high) - x)[beyond]
        held, stopped = held | beyond, True


def _tried(problem: Minimisable[Q], x: np.ndarray) -> Q | None:
    """Equations at a point, if there is an experiment there and its loss is a number."""
    try:
        found = problem.evaluate(x)
    except NbnumbaError:
        return None
    return found if np.isfinite(found.value) and np.isfinite(found.gradient).all() else None
