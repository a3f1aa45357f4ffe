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
    first = problem.evaluate(start)
    scale = 1.0 / np.sqrt(np.where(first.diagonal > 0.0, first.diagonal, 1.0))
    numbers = itertools.count(1)
    best: list[tuple[np.ndarray, Equations]] = [(start, first)]
    known: dict[bytes, Equations | None] = {start.tobytes(): first}
    report(Iteration(0, first.value, 0.0, 0.0, True, start))

    def at(y: np.ndarray) -> Equations | None:
        x = start + scale * y
        if x.tobytes() not in known:
            known.clear()
            try:
                found: Equations | None = problem.evaluate(x, curved=method in CURVED)
            except NbnumbaError:
                found = None
            known[x.tobytes()] = found
            value = np.nan if found is None else found.value
            accepted = bool(value < best[0][1].value)
            report(Iteration(next(numbers), value, 0.0, 0.0, accepted, x))
            if accepted and found is not None:
                best[0] = x, found
        return known[x.tobytes()]

    def value(y: np.ndarray) -> float:
        found = at(y)
        return found.value - first.value if found else _IMPOSSIBLE * abs(first.value)

    def slope(y: np.ndarray) -> np.ndarray:
        found = at(y)
        return found.gradient * scale if found else np.zeros(len(y))

    def curvature(y: np.ndarray) -> np.ndarray:
        found = at(y) or first
        return scale[:, None] * found.matrix * scale

    ended = optimize.minimize(
        value,
        np.zeros(len(start)),
        method=method,
        jac=slope,
        hess=curvature if method in CURVED else None,
        bounds=list(zip((low - start) / scale, (high - start) / scale, strict=True)) if method in BOUNDED else None,
        options=_options(method, iterations, tolerance),
    )
    x = best[0][0]
    return Solution(x, problem.evaluate(x), bool(ended.success), str(ended.message))


def _options(method: str, iterations: int, tolerance: float) -> dict[str, float]:
    if method == "L-BFGS-B":
        return {"maxiter": iterations, "maxfun": 10 * iterations, "ftol": 0.0, "gtol": np.sqrt(tolerance), "maxcor": 20}
    return {"maxiter": iterations, "gtol": np.sqrt(tolerance)}
