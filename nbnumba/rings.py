"""Which rings of resolution are worth a look on a detector."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nbnumba.model.experiment import Experiment

#: Spacings [A] of rings, times powers of ten.
_ROUND = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.5, 2.8, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0)
_RINGS = 5
_GRID = 13  # points along an edge of a panel at which resolutions are looked up

#: Left, right, top, bottom [pixels] of a part of a panel.
Window = tuple[float, float, float, float]


def chosen_rings(
    experiment: Experiment, panels: Sequence[int] | None = None, window: Window | None = None
) -> list[float]:
    """About five round spacings [A], evenly over what is looked at.

    Args:
        experiment: what was taken.
        panels: numbers of those that are looked at; None: all.
        window: the part of them that is looked at; None: the whole.
    """
    inverse = _inverse_spacings(experiment, range(len(experiment.panels)) if panels is None else panels, window)
    if inverse.size == 0:
        return []
    low, high = float(inverse.min()), float(inverse.max())
    low = 0.0 if low < 0.15 * high else low
    spacings = (float(f"{d:.1f}e{power}") for power in range(-1, 4) for d in _ROUND)
    usable = [d for d in spacings if low <= 1.0 / d <= high and 2.0 * d > experiment.mean_wavelength]
    digits = 1
    while len(usable) < 3 and digits < 5:
        usable = [round(i * 10.0**-digits, digits) for i in _steps(low, high, 10.0**-digits)]
        digits += 1
    return _thinned(usable, low, high)


def _steps(low: float, high: float, step: float) -> range:
    """Multiples of a step among the spacings between 1/high and 1/low, with at most some hundred."""
    first, last = math.ceil(1.0 / high / step - 1e-9), math.floor(1.0 / max(low, high / 20.0) / step + 1e-9)
    return range(first, last + 1, max((last - first) // 100, 1))


def _thinned(spacings: Sequence[float], low: float, high: float) -> list[float]:
    """For each of some even places in 1/d the spacing next to it."""
    goals = [low + (high - low) * (i + (1.0 if low == 0.0 else 0.5)) / (_RINGS + 0.3) for i in range(_RINGS)]
    found = {min(spacings, key=lambda d: abs(1.0 / d - goal)) for goal in goals} if spacings else set()
    return sorted(found, reverse=True)


def _inverse_spacings(experiment: Experiment, panels: Sequence[int], window: Window | None) -> np.ndarray:
    """Values of 1/d over what is looked at."""
    found = []
    for panel in panels:
        slow, fast = experiment.detector.size_of(panel)
        left, right, top, bottom = window or (0.0, fast, 0.0, slow)
        number = panel if experiment.detector.panels else None
        for s in np.linspace(top, bottom, _GRID).tolist():
            found += [1.0 / experiment.resolution(s, f, number) for f in np.linspace(left, right, _GRID).tolist()]
    return np.array(found)
