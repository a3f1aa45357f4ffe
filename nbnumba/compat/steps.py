"""How nanoBragg completes ranges, steps and counts of which only some were given."""

from __future__ import annotations

import math

from nbnumba.model.sources import Grid


def complete(width: float | None, step: float | None, count: int | None) -> Grid:
    """Grid of divergence [rad] or dispersion: one sample unless range and step end up above zero."""
    if step is not None and step <= 0.0:
        step = None
    grid = _with_count(width, step, count) if count is not None and count > 0 else _without_count(width, step)
    return grid if grid.width > 0.0 and grid.step > 0.0 and grid.number > 0 else Grid(0.0, 0.0, 1)


def _without_count(width: float | None, step: float | None) -> Grid:
    if width is None:
        return Grid(0.0, 0.0, 1) if step is None else Grid(step, step, 2)
    return Grid(width, width, 2) if step is None else Grid(width, step, math.ceil(width / step))


def _with_count(width: float | None, step: float | None, count: int) -> Grid:
    if width is None:
        return Grid(1.0, 1.0 / count, count) if step is None else Grid(step, step, 2)
    if step is not None:
        return Grid(width, step, count)
    count = max(count, 2)
    return Grid(width, width / (count - 1), count)


def complete_phi(width: float | None, step: float | None, count: int | None) -> Grid:
    """Range, step [rad] and number of the rotation's steps."""
    if count is None or count < 0:
        return _phi_without_count(width, step)
    count = max(count, 1)
    if width is None:
        if step is None or step <= 0.0:
            return Grid(math.radians(1.0), math.radians(1.0) / count, count)
        return Grid(step, step, 2)
    return Grid(width, width / count if step is None or step < 0.0 else step, count)


def _phi_without_count(width: float | None, step: float | None) -> Grid:
    if step is None or step <= 0.0:
        return Grid(0.0, 0.0, 1) if width is None else Grid(width, width / 2.0, 2)
    return Grid(step, step, 2) if width is None else Grid(width, step, max(math.ceil(width / step), 1))
