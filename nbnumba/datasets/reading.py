"""Recipes from TOML: tables, files that they name, and values put over them."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbnumba.datasets.checks import check_recipe
from nbnumba.datasets.distributions import (
    KINDS,
    MODIFIERS,
    Choice,
    Drawing,
    Expression,
    Grid,
    by_name,
    drawing,
    is_spelled,
    spelled_out,
)
from nbnumba.datasets.output import Output, output_of
from nbnumba.datasets.recipe import PRESETS, Lattices, Recipe
from nbnumba.datasets.shadow import shadow_of
from nbnumba.datasets.structures import structures_of
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import read_text
from nbnumba.model.changes import put
from nbnumba.model.experiment import Experiment
from nbnumba.model.toml import from_tree, source_of, tree_of
from nbnumba.model.validate import cut, nearest, refuse, shown, unknown_key

#: Parts of a recipe that hold distributions by dotted name.
_NAMED = ("vary", "draw", "lattices.vary")
KEYS = ("count", "seed", "orientation", "hit", "base", "draw", "vary", "structures", "lattices", "shadow", "output")


def load(source: str | Path, changes: Mapping[str, Any], folder: str | Path | None) -> Recipe:
    """Recipe from a file or from text; see ``Recipe.from_toml``."""
    given = source_of(source, "recipe", "a recipe")
    tree = tree_of(given.text, given.name)
    try:
        return _recipe(tree, given.folder if folder is None else Path(folder), changes)
    except NbnumbaError as error:
        raise NbnumbaError(f"{given.name}: {error}") from None


def _recipe(tree: dict[str, Any], folder: Path, changes: Mapping[str, Any]) -> Recipe:
    for key in tree:
        if key not in KEYS:
            raise _unknown(key)
    tree, settings = _changed(_normal(tree), changes)
    base_tree, base_folder = _base(tree.get("base"), folder, settings)
    output = output_of(tree.get("output", {}))
    read = lambda over: _cropped(from_tree(copy.deepcopy(base_tree), base_folder, over), output)  # noqa: E731
    base, vary, lattices = read(settings), _drawings("vary", tree.get("vary", {})), tree.get("lattices")
    found = Recipe(
        count=_needed(tree, "count"),
        seed=tree.get("seed", 1),
        base=base,
        orientation=tree.get("orientation", "base"),
        hit=tree.get("hit", 1.0),
        draw=_drawings("draw", tree.get("draw", {})),
        vary=vary,
        structures=structures_of(tree["structures"], folder) if "structures" in tree else None,
        lattices=None if lattices is None else _lattices(lattices),
        shadow=shadow_of(tree["shadow"]) if "shadow" in tree else None,
        output=output,
        folder=str(folder),
        variants=_variants(base, vary, lambda presets: read({**settings, **presets})),
    )
    check_recipe(found)
    return found


def _variants(
    base: Experiment, vary: Mapping[str, Drawing], read: Callable[[dict[str, Any]], Experiment]
) -> dict[tuple[str, ...], Experiment]:
    """The base with each combination of presets, read now, as files may be others when an image is drawn."""
    values = {}
    for name in (name for name in PRESETS if name in vary):
        drawn = vary[name].distribution
        if not isinstance(drawn, Choice | Grid):
            raise refuse(f"vary.{name}", vary[name].table(), "a choice or a grid of names of detectors")
        values[name] = drawn.values
    if not values:
        return {(): base}
    found = {}
    for chosen in itertools.product(*values.values()):
        variant = read(dict(zip(values, chosen, strict=True)))
        found[chosen] = base.replace(detector=variant.detector, response=variant.response)
    return found


def _needed(tree: Mapping[str, Any], key: str) -> Any:
    if key not in tree:
        raise NbnumbaError(f"{key}: found nothing; it must be given, as in {key} = 1000")
    return tree[key]


def _drawings(where: str, tables: Mapping[str, Any]) -> dict[str, Drawing]:
    return {name: drawing(f"{where}.{name}", table) for name, table in tables.items()}


def _lattices(table: Any) -> Lattices:
    count = table.get("count")
    spelled = spelled_out("lattices.count", {"integer": [count, count]} if isinstance(count, int) else count)
    for key in table:
        if key not in ("count", "vary"):
            raise unknown_key("lattices", key, ("count", "vary"))
    vary = _drawings("lattices.vary", table.get("vary", {}))
    for name, one in vary.items():
        if isinstance(one.distribution, Grid | Expression) or one.sobol:
            raise refuse(f"lattices.vary.{name}", one.table(), "random numbers: neither a grid, expression nor sobol")
    return Lattices(drawing("lattices.count", spelled), vary)


def _normal(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tables with distributions by dotted name, all their parameters by name."""
    found = copy.deepcopy(dict(tree))
    for name in ("vary", "draw"):
        if name in found:
            found[name] = by_name(name, found[name])
    lattices: Any = found.get("lattices")
    if lattices is not None and not isinstance(lattices, dict):
        raise refuse("lattices", lattices, "a table with count, as {integer = [1, 4]}, and vary")
    if lattices is not None and "vary" in lattices:
        lattices["vary"] = by_name("lattices.vary", lattices["vary"])
    for name in ("shadow", "structures", "lattices"):
        part: Any = found.get(name)
        for key, value in part.items() if isinstance(part, dict) else ():
            if is_spelled(value):
                part[key] = spelled_out(f"{name}.{key}", value)
    return found


def _changed(tree: dict[str, Any], changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables with values by dotted name put into them; those of the base by themselves."""
    settings: dict[str, Any] = {}
    for name, value in changes.items():
        head, _, rest = name.partition(".")
        if head not in KEYS:
            raise _unknown(head)
        named = next((part for part in _NAMED if name.startswith(f"{part}.")), None)
        if head == "base" and rest not in ("", "experiment"):
            settings[rest] = value
        elif named is not None:
            inner = tree
            for step in named.split("."):
                inner = inner.setdefault(step, {})
            _change_drawing(named, inner, name[len(named) + 1 :], value)
        else:
            put(tree, name, value)
            tree = _normal(tree)
    return tree, settings


def _unknown(key: str) -> NbnumbaError:
    return unknown_key("recipe", key, (*KEYS, "base.experiment"))


def _change_drawing(where: str, tables: dict[str, Any], name: str, value: Any) -> None:
    """Set a distribution, its kind or a parameter, or the one value that all images take, by its dotted name."""
    known, _, parameter = name.rpartition(".")
    if is_spelled(value):
        tables[name] = spelled_out(f"{where}.{name}", value)
    elif known and parameter in KINDS:
        kept = {key: item for key, item in tables.get(known, {}).items() if key in MODIFIERS}
        tables[known] = spelled_out(f"{where}.{known}", {parameter: value, **kept})
    elif name in tables:
        tables[name] = spelled_out(f"{where}.{name}", {"choice": [value]})
    elif known in tables:
        tables[known] = {**tables[known], parameter: value}
    else:
        drawn, like = ", ".join(tables) or "none", [*tables, *(f"{known}.{kind}" for kind in KINDS)]
        raise NbnumbaError(
            f"{where}: no such key {shown(name)}.{nearest(name, like)} There are: {drawn}; a new one is given "
            f"with its distribution, as {where}.{cut(name)}.uniform=1,2"
        )


def _base(value: Any, folder: Path, settings: dict[str, Any]) -> tuple[dict[str, Any], Path]:
    """Tables of the base, and the folder they are relative to; what stands beside a file's name goes over the file."""
    if isinstance(value, str):
        value = {"experiment": value}
    if not isinstance(value, dict):
        raise refuse("base", value, 'an experiment: tables [base.crystal] and so on, or experiment = "crystal.toml"')
    tables = dict(value)
    file = tables.pop("experiment", None)
    if file is None:
        return tables, folder
    path = folder / str(file)
    try:
        tree = tree_of(read_text(path, "an experiment"), str(path))
    except NbnumbaError as error:
        raise NbnumbaError(f"base.experiment: {error}") from None
    over = {f"{part}.{key}": item for part, table in tables.items() if isinstance(table, dict)
            for key, item in table.items()} | {k: v for k, v in tables.items() if not isinstance(v, dict)}  # fmt: skip
    for name, item in over.items():
        settings.setdefault(name, item)
    return tree, path.resolve().parent


def _cropped(experiment: Experiment, output: Output) -> Experiment:
    """The experiment with its region cut to the part that is kept."""
    if output.crop is None:
        return experiment
    output.shape(experiment.detector)
    if experiment.detector.roi is not None:
        raise NbnumbaError("output.crop: found with detector.roi; give one of them")
    return experiment.replace(**{"detector.roi": output.crop})
