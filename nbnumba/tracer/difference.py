"""Where two traces of a pixel part: which quantity differs first, in the order in which it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbnumba.report import columns
from nbnumba.tracer.quantities import COUNTERS, QUANTITIES, parts
from nbnumba.tracer.trace import Trace

TOLERANCE = 1e-9  # of the largest value of a quantity; rounding differs by less
_SIGNLESS = ("f_latt", "f_latt_argument", "f_latt_along", "f_latt_by_hkl", "f_latt_by_cells")


class Deviation(NamedTuple):
    """A quantity that differs, at the step where it differs most."""

    quantity: str  # name of the single number, as in q_x
    unit: str
    step: dict[str, int]  # counters of the loops, or empty
    first: float
    second: float

    @property
    def difference(self) -> float:
        """Second less first."""
        return self.second - self.first


def differences(first: Trace, second: Trace, tolerance: float = TOLERANCE) -> list[Deviation]:
    """What differs between two traces, in the order of the computation; empty: nothing does.

    Loops of different lengths come first; of the others, steps with the same counters are compared.

    Args:
        first: a trace.
        second: another, usually of the same pixel in another experiment.
        tolerance: largest difference that counts as none, as a fraction of the largest value of the quantity.
    """
    a, b = first.records, second.records
    found = [
        Deviation(name, "steps", {}, float(lengths[0]), float(lengths[1]))
        for name in COUNTERS
        if len(set(lengths := [1 + int(r[name].max(initial=-1)) for r in (a, b)])) > 1
    ]
    i, j = _alike(first, second)
    for name in QUANTITIES:
        if name in COUNTERS or name not in (a.dtype.names or ()) or name not in (b.dtype.names or ()):
            continue
        found += _deviation(name, a[i], b[j], tolerance)
    return found


def _alike(first: Trace, second: Trace) -> tuple[np.ndarray, np.ndarray]:
    """Places of the steps that have the same counters in both."""
    counters = [np.array([r[name] for name in COUNTERS], dtype=np.int64) for r in (first.records, second.records)]
    lengths = 1 + np.maximum(*(c.max(axis=1, initial=0) for c in counters))
    one, other = (np.ravel_multi_index(tuple(c), tuple(lengths)) for c in counters)
    if np.array_equal(one, other):
        return np.arange(len(one)), np.arange(len(one))
    _, i, j = np.intersect1d(one, other, return_indices=True)
    return i, j


def _deviation(name: str, a: np.ndarray, b: np.ndarray, tolerance: float) -> list[Deviation]:
    """The number of a quantity that differs most, if any does."""
    x, y = (r[name].reshape(len(r), len(parts(name))).astype(float) for r in (a, b))
    if name in _SIGNLESS:
        x, y = np.abs(x), np.abs(y)
    with np.errstate(invalid="ignore"):
        apart = np.where(x == y, 0.0, np.abs(x - y))
    finite = [np.abs(v[np.isfinite(v)]).max(initial=0.0) for v in (x, y)]
    if not (apart > tolerance * max(finite)).any():
        return []
    step, part = np.unravel_index(int(np.argmax(apart)), apart.shape)
    counters = {name: int(a[name][step]) for name in COUNTERS}
    return [Deviation(parts(name)[part], QUANTITIES[name].unit, counters, float(x[step, part]), float(y[step, part]))]


def report(found: Sequence[Deviation], names: tuple[str, str]) -> str:
    """Lines for a terminal; ``names`` of the two that are compared."""
    if not found:
        return f"No quantity differs between {names[0]} and {names[1]}."
    rows: list[list[Any]] = [["", *names, "difference", "unit", "step"]]
    for d in found:
        step = " ".join(f"{name} {number}" for name, number in d.step.items())
        rows.append([d.quantity, repr(d.first), repr(d.second), d.difference, d.unit, step])
    first = found[0]
    by = f"{first.difference:.6g} {first.unit}".rstrip()
    return f"The first quantity that differs is {first.quantity}, by {by}:\n{columns(rows)}"
