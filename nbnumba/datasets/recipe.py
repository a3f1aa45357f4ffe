"""A recipe: one experiment, what varies from image to image, and what is kept."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from nbnumba.datasets.distributions import (
    Choice,
    Drawing,
    Expression,
    Grid,
    by_name,
    drawing,
    is_spelled,
    plain,
    spelled_out,
)
from nbnumba.datasets.expressions import CONSTANTS, FUNCTIONS, is_name, names_in
from nbnumba.datasets.labels import IMAGES
from nbnumba.datasets.output import Output, output_of
from nbnumba.datasets.shadow import Shadow, shadow_of
from nbnumba.datasets.structures import Structures, structures_of
from nbnumba.errors import NbnumbaError
from nbnumba.model.changes import put
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import Mask
from nbnumba.model.reflections import Reflections
from nbnumba.model.spectral import SpectralReflections
from nbnumba.model.toml import from_tree, is_file, tree_of, value_of
from nbnumba.model.validate import choice, number, refuse, unknown_key, whole

#: Which way of drawing an image from a recipe this is; another one would be another number, and another hash.
VERSION = 1
ORIENTATIONS = ("base", "uniform", "sobol")
LARGEST_SEED, MOST_IMAGES = 2**63 - 1, 2**32 - 1
#: Parts of a recipe that hold distributions by dotted name.
_NAMED = ("vary", "draw", "lattices.vary")
_KEYS = ("count", "seed", "orientation", "hit", "base", "draw", "vary", "structures", "lattices", "shadow", "output")
#: Names that columns of labels have anyway.
RESERVED = tuple(name for name in IMAGES if name.isidentifier())


@dataclass(frozen=True)
class Lattices:
    """How many crystals are in the beam, and what differs between them.

    Attributes:
        count: how their number is drawn.
        vary: by dotted name of a field of ``Crystal``, how values are drawn for each of them.
    """

    count: Drawing
    vary: dict[str, Drawing]


@dataclass(frozen=True, eq=False, repr=False)
class Recipe:
    """All that determines a data set: image i depends on it and on i alone.

    Attributes:
        count: number of images.
        seed: of all random numbers.
        base: the experiment that images start from.
        orientation: "base": as in ``base`` and ``vary``; "uniform": even over all rotations, for each lattice; "sobol":
            the same, as evenly as a low-discrepancy sequence is.
        hit: probability that there is a crystal in the beam.
        draw: by name, how helper values are drawn, which are no fields.
        vary: by dotted name of a field of the experiment, how its values are drawn.
        structures, lattices, shadow, output: see there; None: not asked for.
        folder: that names of files are relative to.
        source: tables of the base, the folder they are from, and values by dotted name put over them.
    """

    count: int
    seed: int
    base: Experiment
    orientation: str
    hit: float
    draw: dict[str, Drawing]
    vary: dict[str, Drawing]
    structures: Structures | None
    lattices: Lattices | None
    shadow: Shadow | None
    output: Output
    folder: str
    source: tuple[dict[str, Any], str, dict[str, Any]]

    def __post_init__(self) -> None:
        from nbnumba.datasets.draw import check_recipe

        whole("count", self.count, low=1, high=MOST_IMAGES)
        whole("seed", self.seed, low=0, high=LARGEST_SEED)
        number("hit", self.hit, low=0.0, high=1.0)
        choice("orientation", self.orientation, ORIENTATIONS)
        self.output.shape(self.base.detector)
        for name in self.draw:
            if not is_name(name) or name in RESERVED:
                taken = ", ".join((*RESERVED, *CONSTANTS, *FUNCTIONS))
                raise refuse(f"draw.{name}", name, f"a name that expressions can have, other than {taken}")
        self._check_loops()
        check_recipe(self)

    @classmethod
    def from_toml(
        cls, source: str | Path, changes: Mapping[str, Any] | None = None, *, folder: str | Path | None = None
    ) -> Recipe:
        """Recipe from a TOML file, whose relative paths are relative to it, or from TOML text.

        Args:
            source: name of a file, or text.
            changes: values by dotted name that take the place of those in the file, as in {"count": 1000,
                "vary.crystal.mosaic.spread.high": 0.5, "base.detector.distance": 120}.
            folder: that relative paths are relative to; None: the file's, or for text the working folder.

        Raises:
            NbnumbaError: an unknown key or distribution, names that depend on one another in a circle, or a value that
                the experiment does not allow.
        """
        is_text = isinstance(source, str) and ("\n" in source or ("=" in source and not os.path.exists(source)))
        name = "recipe" if is_text else str(source)
        own = Path.cwd() if is_text else Path(source).resolve().parent
        try:
            text = str(source) if is_text else Path(source).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise NbnumbaError(
                f"{name}: cannot be read ({getattr(error, 'strerror', 'not text')}); name a recipe"
            ) from None
        tree = tree_of(text, name)
        try:
            return _recipe(tree, own if folder is None else Path(folder), changes or {})
        except NbnumbaError as error:
            raise NbnumbaError(f"{name}: {error}") from None

    def to_toml(self, *, count: bool = True) -> str:
        """Text that ``from_toml`` turns into an equal recipe, in the same folder; with no ``count`` if False."""
        table: dict[str, Any] = {"count": self.count} if count else {}
        table |= {"seed": self.seed, "orientation": self.orientation, "hit": self.hit}
        base = self.base if self.output.crop is None else self.base.replace(**{"detector.roi": None})
        table["base"] = _beside(tomllib.loads(base.to_toml()), Path(self.folder))
        for name in ("draw", "vary"):
            drawings = {key: one.table() for key, one in getattr(self, name).items()}
            table |= {name: drawings} if drawings else {}
        if self.lattices is not None:
            each = {key: one.table() for key, one in self.lattices.vary.items()}
            table["lattices"] = {"count": self.lattices.count.table()} | ({"vary": each} if each else {})
        for name in ("structures", "shadow", "output"):
            part = getattr(self, name)
            table |= {} if part is None else {name: part.table()}
        return tomli_w.dumps(table)

    @cached_property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, of all that determines an image, contents of files included; not of ``count``."""
        left_out = ("count", "folder", "source")
        parts = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in left_out}
        parts["files"] = self._files()
        return hashlib.sha256(json.dumps([VERSION, _canonical(parts)]).encode()).hexdigest()

    def _files(self) -> list[Any]:
        """What is in the files that images choose from, such as masks and spectra."""
        chosen = [
            (name, value)
            for name, one in self.vary.items()
            if isinstance(one.distribution, Choice | Grid) and is_file(name)
            for value in one.distribution.values
        ]
        return [self.value_of(name, value) for name, value in chosen]

    def value_of(self, name: str, value: Any) -> Any:
        """What a drawn value stands for, where the field of that dotted name is a file; each is read once."""
        if not is_file(name):
            return value
        key = json.dumps([name, plain(value)])
        if key not in self._read:
            self._read[key] = value_of(name, plain(value), Path(self.folder))
        return self._read[key]

    @cached_property
    def _read(self) -> dict[str, Any]:
        return {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and (self.count, self.hash) == (other.count, other.hash)

    def __hash__(self) -> int:
        return hash((self.count, self.hash))

    def __repr__(self) -> str:
        return f"Recipe({self.count} images, seed {self.seed}, hash {self.hash[:12]})"

    @cached_property
    def drawings(self) -> dict[str, Drawing]:
        """Everything that is drawn once an image, by name."""
        found = {**self.draw, **self.vary}
        if self.structures is not None and self.structures.b_factor is not None:
            found["structures.b_factor"] = self.structures.b_factor
        if self.lattices is not None:
            found["lattices.count"] = self.lattices.count
        return found | {f"shadow.{name}": one for name, one in (self.shadow.drawings() if self.shadow else {}).items()}

    def variant(self, settings: Mapping[str, Any]) -> Experiment:
        """The base with presets of detectors, which take the place of several fields."""
        tree, folder, before = self.source
        return _cropped(from_tree(copy.deepcopy(tree), Path(folder), {**before, **settings}), self.output)

    def place_on_grid(self, name: str, image: int) -> int:
        """Which value of a grid an image takes: combinations are counted with the last grid changing fastest."""
        grids = {key: one.distribution.values for key, one in self.drawings.items()
                 if isinstance(one.distribution, Grid)}  # fmt: skip
        for key in reversed(grids):
            image, place = divmod(image, len(grids[key]))
            if key == name:
                return place
        raise KeyError(name)

    def _check_loops(self) -> None:
        """Refuse expressions that need themselves."""
        needs = {name: names_in(name, one.distribution.text) & set(self.drawings)
                 for name, one in self.drawings.items() if isinstance(one.distribution, Expression)}  # fmt: skip

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                circle = " -> ".join((*path[path.index(name) :], name))
                raise NbnumbaError(f"vary, draw: expressions need one another in a circle: {circle}")
            for other in sorted(needs.get(name, ())):
                visit(other, (*path, name))

        for name in needs:
            visit(name, ())


def _recipe(tree: dict[str, Any], folder: Path, changes: Mapping[str, Any]) -> Recipe:
    for key in tree:
        if key not in _KEYS:
            raise unknown_key("recipe", key, _KEYS)
    tree, settings = _changed(_normal(tree), changes)
    base_tree, base_folder = _base(tree.get("base"), folder, settings)
    output = output_of(tree.get("output", {}))
    base = _cropped(from_tree(copy.deepcopy(base_tree), base_folder, settings), output)
    lattices = tree.get("lattices")
    return Recipe(
        count=whole("count", _needed(tree, "count"), low=1, high=MOST_IMAGES),
        seed=whole("seed", tree.get("seed", 1), low=0, high=LARGEST_SEED),
        base=base,
        orientation=tree.get("orientation", "base"),
        hit=number("hit", tree.get("hit", 1.0), low=0.0, high=1.0),
        draw=_drawings("draw", tree.get("draw", {})),
        vary=_drawings("vary", tree.get("vary", {})),
        structures=structures_of(tree["structures"], folder) if "structures" in tree else None,
        lattices=None if lattices is None else _lattices(lattices),
        shadow=shadow_of(tree["shadow"]) if "shadow" in tree else None,
        output=output,
        folder=str(folder),
        source=(base_tree, str(base_folder), settings),
    )


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
        if head not in _KEYS or (head == "base" and not rest):
            raise unknown_key("recipe", head, _KEYS)
        named = next((part for part in _NAMED if name.startswith(f"{part}.")), None)
        if head == "base" and rest != "experiment":
            settings[rest] = value
        elif named is not None:
            inner = tree
            for step in named.split("."):
                inner = inner.setdefault(step, {})
            _change_drawing(named, inner, name[len(named) + 1 :], value)
        else:
            put(tree, name, spelled_out(name, value) if is_spelled(value) else value)
    return tree, settings


def _change_drawing(where: str, tables: dict[str, Any], name: str, value: Any) -> None:
    """Set a distribution, a parameter of one, or the one value that is drawn, by its dotted name."""
    if is_spelled(value):
        tables[name] = spelled_out(f"{where}.{name}", value)
        return
    if name in tables:
        tables[name] = spelled_out(f"{where}.{name}", {"choice": [value]})
        return
    known, _, parameter = name.rpartition(".")
    if known not in tables:
        raise unknown_key(where, name, [f"{key}.{one}" for key, table in tables.items() for one in table])
    tables[known] = {**tables[known], parameter: value}


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
        tree = tree_of(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise NbnumbaError(f"base.experiment: {path} cannot be read: {error}") from None
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


def _beside(value: Any, folder: Path) -> Any:
    """Nested tables with names of files relative to a folder."""
    if isinstance(value, dict):
        return {
            key: os.path.relpath(item, folder) if key == "file" and isinstance(item, str) else _beside(item, folder)
            for key, item in value.items()
        }
    return [_beside(item, folder) for item in value] if isinstance(value, list) else value


def _canonical(value: Any) -> Any:
    """What JSON can hold of a value, with the contents of arrays and files by their hashes, and no places of files."""
    if isinstance(value, Reflections | SpectralReflections):
        return ["reflections", value.digest, _canonical(value.cell)]
    if isinstance(value, Mask):
        return ["mask", value.digest]
    if is_dataclass(value) and not isinstance(value, type):
        kept = [item.name for item in fields(value) if item.compare]
        return [type(value).__name__, {name: _canonical(getattr(value, name)) for name in kept}]
    if isinstance(value, Mapping):
        return [[key, _canonical(item)] for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
