"""SciPy's minimisers on the same problem, with unknowns scaled by what is expected of their curvatures."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import refuse
from nbnumba.refinement.equations import Equations
from nbnumba.refinement.problem import Problem
from nbnumba.refinement.scoring import Iteration, Solution

#: Those that take bounds, and those that take a matrix of curvatures.
BOUNDED, CURVED = ("L-BFGS-B",), ("trust-exact", "trust-ncg")
_IMPOSSIBLE = 1e10  # times the loss at the start, for values that no experiment can have


def minimize(
    problem: Problem,
    start: np.ndarray,
    method: str,
    *,
    iterations: int,
    tolerance: float,
    report: Callable[[Iteration], None],
) -> Solution[Equations]:
    """Search for the least loss by one of SciPy's methods; the point found is never worse than the start.

    Raises:
        NbnumbaError: bounds that the method does not know, or SciPy is not installed.
    """
    try:
        from scipy import optimize
    except ImportError:
        raise NbnumbaError(
            f"optimizer: {method} needs SciPy; install it with pip install 'nbnumba[refine]', or choose 'fisher'"
        ) from None
    low, high = problem.limits()
    if method not in BOUNDED and any(free.bounded for free in (*problem.shared, *problem.own)):
        raise refuse("optimizer", method, "'fisher' or 'L-BFGS-B' for parameters that have bounds")
    search = _Search(problem, start, method in CURVED, report)
    scale = search.scale
    ended = optimize.minimize(
        search.value,
        np.zeros(len(start)),
        method=method,
        jac=search.slope,
        hess=search.curvature if search.curved else None,
        bounds=list(zip((low - start) / scale, (high - start) / scale, strict=True)) if method in BOUNDED else None,
        options=_options(method, iterations, tolerance),
    )
    return Solution(search.best, problem.evaluate(search.best), bool(ended.success), str(ended.message))


class _Search:
    """The problem in unknowns y that are 0 at the start and scaled alike, and the best point of those tried."""

    def __init__(self, problem: Problem, start: np.ndarray, curved: bool, report: Callable[[Iteration], None]) -> None:
        self.problem, self.start, self.curved, self.report = problem, start, curved, report
        self.first = problem.evaluate(start)
        self.scale = 1.0 / np.sqrt(np.where(self.first.diagonal > 0.0, self.first.diagonal, 1.0))
        self.best, self._least = start, self.first.value
        self._last: tuple[np.ndarray, Equations | None] = start, self.first
        self._numbers = itertools.count(1)
        report(Iteration(0, self.first.value, 0.0, 0.0, True, start))

    def value(self, y: np.ndarray) -> float:
        """Rise of the loss since the start."""
        found = self._at(y)
        return found.value - self.first.value if found else _IMPOSSIBLE * abs(self.first.value)

    def slope(self, y: np.ndarray) -> np.ndarray:
        """Derivatives of the value."""
        found = self._at(y)
        return found.gradient * self.scale if found else np.zeros(len(y))

    def curvature(self, y: np.ndarray) -> np.ndarray:
        """Second derivatives of the value."""
        found = self._at(y) or self.first
        return self.scale[:, None] * found.matrix * self.scale

    def _at(self, y: np.ndarray) -> Equations | None:
        """What is known of a point; SciPy asks for its value, slopes and curvatures one after another."""
        x = self.start + self.scale * y
        if not np.array_equal(x, self._last[0]):
            self._last = x, self._try(x)
        return self._last[1]

    def _try(self, x: np.ndarray) -> Equations | None:
        try:
            found = self.problem.evaluate(x, curved=self.curved)
        except NbnumbaError:
            found = None
        value = np.nan if found is None else found.value
        better = bool(value < self._least)
        self.report(Iteration(next(self._numbers), value, 0.0, 0.0, better, x))
        if better:
            self.best, self._least = x, value
        return found


def _options(method: str, iterations: int, tolerance: float) -> dict[str, float]:
    if method == "L-BFGS-B":
        return {"maxiter": iterations, "maxfun": 10 * iterations, "ftol": 0.0, "gtol": np.sqrt(tolerance), "maxcor": 20}
    return {"maxiter": iterations, "gtol": np.sqrt(tolerance)}
