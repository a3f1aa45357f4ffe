"""Dotted names of values: whether two are of one value, and what an experiment has for one."""

from __future__ import annotations

from typing import Any

from nbnumba.errors import NbnumbaError
from nbnumba.model.changes import ITEMS, is_number
from nbnumba.model.experiment import Experiment
from nbnumba.model.validate import refuse


def overlap(one: str, other: str) -> bool:
    """Whether dotted names are of one value, or one of a part of the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def is_component(name: str) -> bool:
    """Whether a dotted name, as detector.rotation.0, is that of a component of a value."""
    owner, _, last = name.rpartition(".")
    return is_number(last) and owner.rpartition(".")[2] not in ITEMS


def with_component(name: str, value: Any, place: int, component: Any) -> tuple[Any, ...]:
    """The base's value with one component replaced."""
    if not isinstance(value, tuple) or place >= len(value):
        raise refuse(f"{name}.{place}", value, f"a base whose {name} has a component {place}")
    return (*value[:place], component, *value[place + 1 :])


def base_value(experiment: Experiment, name: str) -> Any:
    """What an experiment has for a dotted name; cell and beam centre also where they follow from something else.

    Raises:
        NbnumbaError: there is none.
    """
    if is_component(name):
        owner, _, last = name.rpartition(".")
        values = base_value(experiment, owner)
        if not isinstance(values, tuple) or int(last) >= len(values):
            raise NbnumbaError(f"{name}: no such value in the base")
        return values[int(last)]
    if name == "crystal.cell":
        return experiment.crystal.unit_cell
    detector = experiment.detector
    is_left_out = detector.beam_center is None and detector.closest_point is None and not detector.panels
    if name == "detector.beam_center" and is_left_out:
        return detector.frame.from_detector(detector.reference_point, detector.extent)
    value: Any = experiment
    for step in name.split("."):
        if isinstance(value, tuple) and is_number(step) and int(step) < len(value):
            value = value[int(step)]
        elif value is not None and hasattr(type(value), "__dataclass_fields__") and hasattr(value, step):
            value = getattr(value, step)
        else:
            raise NbnumbaError(f"{name}: no such value in the base")
    if value is None:
        raise NbnumbaError(f"{name}: found nothing in the base to start from; give {name} there")
    return value


def components(value: Any, name: str) -> int:
    """How many numbers a value of the base has."""
    if not isinstance(value, tuple):
        raise refuse(f"{name}, each", value, "a value of several components in the base")
    return 3 if name == "crystal.cell" else len(value)
