"""What is refined: parameters with their ties, bounds, restraints and the scale on which they move."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from nbnumba.model.experiment import Experiment
from nbnumba.model.parameters import PARAMETERS, check_acts
from nbnumba.model.validate import refuse, unknown_key
from nbnumba.refinement.chain import check_smooth

_LENGTHS, _ANGLES = ("cell_a", "cell_b", "cell_c"), ("cell_alpha", "cell_beta", "cell_gamma")
#: Crystal systems: which constants of the cell follow another one, and what the angles that stay have to be [degrees].
SYSTEMS: dict[str, tuple[dict[str, tuple[str, ...]], dict[str, float]]] = {
    "triclinic": ({}, {}),
    "monoclinic": ({}, {"cell_alpha": 90.0, "cell_gamma": 90.0}),
    "orthorhombic": ({}, dict.fromkeys(_ANGLES, 90.0)),
    "tetragonal": ({"cell_a": ("cell_b",)}, dict.fromkeys(_ANGLES, 90.0)),
    "rhombohedral": ({"cell_a": ("cell_b", "cell_c"), "cell_alpha": ("cell_beta", "cell_gamma")}, {}),
    **dict.fromkeys(
        ("hexagonal", "trigonal"),
        ({"cell_a": ("cell_b",)}, {"cell_alpha": 90.0, "cell_beta": 90.0, "cell_gamma": 120.0}),
    ),
    "cubic": ({"cell_a": ("cell_b", "cell_c")}, dict.fromkeys(_ANGLES, 90.0)),
}
#: Where parameters may move, where that is not everywhere; those of the first kind move on a scale of logarithms.
_POSITIVE = ("spot_scale", "mosaic_spread", "sensor_mu", "sensor_thickness")
_LOGARITHM = 300.0  # largest one, of either sign, that is tried
_BOUNDS = {
    **dict.fromkeys(_POSITIVE, (0.0, math.inf)),
    **dict.fromkeys(("cells_a", "cells_b", "cells_c"), (1.0, math.inf)),
    **dict.fromkeys((*_LENGTHS, "wavelength", "distance"), (0.0, math.inf)),
    "polarization": (-1.0, 1.0),
}


class Free(NamedTuple):
    """One number that is refined."""

    name: str
    members: tuple[str, ...]  # parameters that have its value: the one it is named by, and those tied to it
    shared: bool  # by all images
    logarithmic: bool
    low: float
    high: float
    bounded: bool  # whether these are the user's, not the model's
    restraint: tuple[float, float] | None  # most likely value and standard deviation

    def inner(self, value: float) -> float:
        """From a value in its unit to the scale on which it moves: itself, or its logarithm."""
        return math.log(value) if self.logarithmic else value

    def outer(self, inner: float) -> float:
        """From there to the value in its unit."""
        return math.exp(min(max(inner, -_LOGARITHM), _LOGARITHM)) if self.logarithmic else inner

    def rate(self, value: float) -> float:
        """Derivative of the value by its inner one."""
        return value if self.logarithmic else 1.0

    @property
    def limits(self) -> tuple[float, float]:
        """Bounds on the scale on which it moves."""
        if not self.logarithmic:
            return self.low, self.high
        return (math.log(self.low) if self.low > 0.0 else -_LOGARITHM), min(math.log(self.high), _LOGARITHM)


def choose(
    experiments: Sequence[Experiment],
    names: Sequence[str],
    *,
    shared: Collection[str] = (),
    bounds: Mapping[str, tuple[float, float]] | None = None,
    restraints: Mapping[str, tuple[float, float]] | None = None,
    ties: Mapping[str, str | Sequence[str]] | None = None,
    system: str | None = None,
) -> tuple[Free, ...]:
    """What is refined, shared numbers first.

    Raises:
        NbnumbaError: names that cannot be refined, or settings that do not fit them or the experiments.
    """
    bounds, restraints = bounds or {}, restraints or {}
    if isinstance(names, str) or not names or len(set(names)) < len(names):
        raise refuse("parameters", names, "a list of one or more names, each once")
    tied = _tied(experiments, names, ties or {}, system)
    shared = (shared,) if isinstance(shared, str) else shared
    for field, given in (("shared", shared), ("bounds", bounds), ("restraints", restraints)):
        for name in given:
            if name not in names:
                raise refuse(field, name, f"parameters that are refined: {', '.join(names)}")
    found = []
    for name in names:
        low, high = _bounds(name, bounds)
        members, logarithmic = (name, *tied.get(name, ())), name in _POSITIVE and low >= 0.0
        free = Free(name, members, name in shared, logarithmic, low, high, name in bounds, _restraint(name, restraints))
        for experiment in experiments:
            _check(experiment, free)
        found.append(free)
    return tuple(sorted(found, key=lambda free: not free.shared))


def _pair(field: str, value: Any) -> tuple[float, float]:
    try:
        first, second = map(float, value)
    except (TypeError, ValueError):
        raise refuse(field, value, "two numbers") from None
    return first, second


def _bounds(name: str, bounds: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    if name not in bounds:
        return _BOUNDS.get(name, (-math.inf, math.inf))
    return _pair(f"bounds of {name}", bounds[name])


def _restraint(name: str, restraints: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    if name not in restraints:
        return None
    center, sigma = _pair(f"restraints of {name}", restraints[name])
    if not (math.isfinite(center) and sigma > 0.0):
        raise refuse(f"restraints of {name}", (center, sigma), "a finite value and a standard deviation above 0")
    return center, sigma


def _check(experiment: Experiment, free: Free) -> None:
    for name in free.members:
        check_acts(experiment, name)
        check_smooth(experiment, name)
    value = experiment.parameters()[free.name]
    if not free.low < free.high:
        raise refuse(f"bounds of {free.name}", (free.low, free.high), "a lower number and a higher one")
    if not free.low <= value <= free.high:
        raise refuse(free.name, value, f"a start within its bounds, {free.low:g} to {free.high:g}")
    if free.logarithmic and value == 0.0:
        raise refuse(free.name, value, "a start above 0, as it is refined on a scale of logarithms")


def _tied(
    experiments: Sequence[Experiment], names: Sequence[str], ties: Mapping[str, str | Sequence[str]], system: str | None
) -> dict[str, tuple[str, ...]]:
    """Followers of each parameter, from ties and the crystal system."""
    tied = {name: (given,) if isinstance(given, str) else tuple(given) for name, given in ties.items()}
    if system is not None:
        for name, followers in _of_system(experiments, names, system).items():
            tied[name] = (*tied.get(name, ()), *(other for other in followers if other not in tied.get(name, ())))
    leaders: dict[str, str] = {}
    for name, followers in tied.items():
        if name not in names:
            raise refuse("ties", name, f"parameters that are refined: {', '.join(names)}")
        for follower in followers:
            if follower not in PARAMETERS:
                raise unknown_key("ties", follower, list(PARAMETERS))
            if follower in names:
                raise refuse("parameters", follower, f"{name} in its place, which it follows")
            if follower in leaders:
                raise refuse("ties", follower, f"once; it follows {leaders[follower]} and {name}")
            leaders[follower] = name
    for follower, name in leaders.items():
        for experiment in experiments:
            _check_equal(experiment, name, follower)
    return tied


def _of_system(experiments: Sequence[Experiment], names: Sequence[str], system: str) -> dict[str, tuple[str, ...]]:
    """Followers of the constants of the cell that are refined."""
    if system not in SYSTEMS:
        raise unknown_key("system", system, list(SYSTEMS))
    follows, fixed = SYSTEMS[system]
    for name in names:
        if name in fixed:
            raise refuse("parameters", name, f"constants that are free in the {system} system")
    for experiment in experiments:
        _check_system(experiment, system)
    for name, followers in follows.items():
        for follower in followers:
            if follower in names:
                raise refuse("parameters", follower, f"{name}, which it follows in the {system} system")
    return {name: followers for name, followers in follows.items() if name in names}


def _check_equal(experiment: Experiment, name: str, follower: str) -> None:
    now = experiment.parameters()
    check_acts(experiment, name)
    check_acts(experiment, follower)
    if not math.isclose(now[name], now[follower], rel_tol=1e-6):
        raise refuse(follower, now[follower], f"the value of {name}, {now[name]:g}, which it follows; start from there")


def _check_system(experiment: Experiment, system: str) -> None:
    now, (_, fixed) = experiment.parameters(), SYSTEMS[system]
    for name, value in fixed.items():
        if not math.isclose(now[name], value, rel_tol=1e-6):
            raise refuse(name, now[name], f"{value:g} degrees in the {system} system; start from such a cell")
    for name, followers in SYSTEMS[system][0].items():
        for follower in followers:
            _check_equal(experiment, name, follower)
