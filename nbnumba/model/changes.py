"""Changed copies of experiments: values by dotted names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from nbnumba.errors import NbnumbaError
from nbnumba.model.background import Background
from nbnumba.model.beam import Beam
from nbnumba.model.crystal import Crystal
from nbnumba.model.detector import Detector
from nbnumba.model.panel import Panel
from nbnumba.model.response import Response
from nbnumba.model.sampling import Sampling
from nbnumba.model.scan import Scan
from nbnumba.model.validate import refuse, unknown_key

PARTS: dict[str, type] = {
    "crystal": Crystal,
    "beam": Beam,
    "detector": Detector,
    "scan": Scan,
    "sampling": Sampling,
    "response": Response,
}
#: Parts that an experiment can be without; setting a field of one makes it.
OPTIONAL = ("scan", "response")
#: Parts of which there may be any number, as tuples.
SEVERAL: dict[str, type] = {"lattices": Crystal, "background": Background}
#: Fields that are tuples of things with parts.
ITEMS: dict[str, type] = {**SEVERAL, "panels": Panel}

#: Fields of which a component holds one or the other: setting one clears its partners.
ALTERNATIVES = (
    ("cell", "orientation"),
    ("fluence", "flux"),
    ("polarization", "stokes"),
    ("sources", "spectrum"),
    ("distance", "close_distance"),
    ("beam_center", "closest_point"),
    ("sensor_mu", "sensor_material"),
    ("pixels", "panels"),
)


def put(tree: dict[str, Any], name: str, value: Any) -> None:
    """Set a value in nested dictionaries by its dotted name."""
    *parents, last = name.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise NbnumbaError(f"{name}: found together with a value for {parent!r}; give one of them")
    tree[last] = value


def unknown_part(name: str) -> NbnumbaError:
    """Error for a name that is no part of an experiment, but may be a field of one."""
    homes = [f"{part}.{name}" for part, kind in PARTS.items() if name in {f.name for f in fields(kind)}]
    if homes:
        return NbnumbaError(f"experiment: no such key {name!r}. Did you mean {' or '.join(homes)}?")
    return unknown_key("experiment", name, [*PARTS, *SEVERAL])


def is_number(step: str) -> bool:
    """Whether a step of a dotted name is the number of an item, or of a component of a value."""
    return re.fullmatch("[0-9]{1,9}", step) is not None


def _number(where: str, items: Sequence[Any], key: str) -> int:
    """Number of the item that a key, as in ``lattices.0``, names."""
    if is_number(key) and int(key) < len(items):
        return int(key)
    there = f"0 to {len(items) - 1}" if items else "none: there are no items; set the whole list first"
    raise refuse(where, key, f"the number of an item, {there}")


def without_rivals(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What changes make of the fields of a part: of alternatives, the one that is set anew stays alone."""
    values = {**current, **changes}
    for partners in ALTERNATIVES:
        if any(changes.get(name) is not None for name in partners):
            values.update({name: None for name in partners if name in values and changes.get(name) is None})
    if changes.get("spectrum") is not None and changes.get("wavelength") is None and "wavelength" in values:
        values["wavelength"] = None  # that of another spectrum
    return values


def changed(part: Any, changes: dict[str, Any], where: str) -> Any:
    """Copy of an experiment or of a part of it, called ``where`` in messages, with values from a nested dictionary."""
    known = [f.name for f in fields(part)]
    values: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise unknown_part(name) if where == "experiment" else unknown_key(where, name, known)
        current = getattr(part, name)
        if isinstance(value, dict):
            current = PARTS[name]() if name in OPTIONAL and current is None else current
            if isinstance(current, tuple) and name in ITEMS:
                values[name] = with_items(f"{where}.{name}", current, value, changed)
                continue
            if not is_dataclass(current):
                raise refuse(f"{where}.{name}", value, "a single value: it has no parts")
            value = changed(current, value, name if where == "experiment" else f"{where}.{name}")
        values[name] = value
    return type(part)(**without_rivals({name: getattr(part, name) for name in known}, values))


def with_items(
    where: str, items: Sequence[Any], changes: Mapping[str, Any], merged: Callable[[Any, dict[str, Any], str], Any]
) -> tuple[Any, ...]:
    """Items changed by their numbers: ``merged`` makes one of an item, of what a table changes, and of its name."""
    found = list(items)
    for key, value in changes.items():
        i = _number(where, items, key)
        found[i] = merged(items[i], value, f"{where}.{key}") if isinstance(value, dict) else value
    return tuple(found)
