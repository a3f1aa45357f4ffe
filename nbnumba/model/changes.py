"""Changed copies of experiments: values by dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from nbnumba.errors import NbnumbaError
from nbnumba.model.beam import Beam
from nbnumba.model.crystal import Crystal
from nbnumba.model.detector import Detector
from nbnumba.model.sampling import Sampling
from nbnumba.model.scan import Scan
from nbnumba.model.validate import refuse, unknown_key

PARTS: dict[str, type] = {"crystal": Crystal, "beam": Beam, "detector": Detector, "scan": Scan, "sampling": Sampling}

#: Fields of which a component holds one or the other: setting one clears its partners.
ALTERNATIVES = (("cell", "orientation"), ("fluence", "flux"), ("distance", "close_distance"))


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
    return unknown_key("experiment", name, list(PARTS))


def without_rivals(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What changes make of the fields of a part: of alternatives, the one that is set anew stays alone."""
    values = {**current, **changes}
    for partners in ALTERNATIVES:
        if any(changes.get(name) is not None for name in partners):
            values.update({name: None for name in partners if name in values and changes.get(name) is None})
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
            current = Scan() if name == "scan" and current is None else current
            if not is_dataclass(current):
                raise refuse(f"{where}.{name}", value, "a single value: it has no parts")
            value = changed(current, value, name if where == "experiment" else f"{where}.{name}")
        values[name] = value
    return type(part)(**without_rivals({name: getattr(part, name) for name in known}, values))
