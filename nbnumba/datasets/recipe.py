"""A recipe: one experiment, what varies from image to image, and what is kept."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from nbnumba.datasets.distributions import Choice, Drawing, Expression, Grid, plain
from nbnumba.datasets.expressions import CONSTANTS, FUNCTIONS, is_name, names_in
from nbnumba.datasets.labels import IMAGES, OTHERS
from nbnumba.datasets.names import base_value, components, overlap
from nbnumba.datasets.output import Output
from nbnumba.datasets.shadow import Shadow
from nbnumba.datasets.structures import Structures
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import Mask
from nbnumba.model.reflections import Reflections
from nbnumba.model.sequences import MOST_DIMENSIONS
from nbnumba.model.spectral import SpectralReflections
from nbnumba.model.toml import is_file, value_of
from nbnumba.model.validate import LARGEST_SEED, choice, number, refuse, whole

#: Which way of drawing an image from a recipe this is; another one would be another number, and another hash.
VERSION = 1
ORIENTATION, ORIENTATIONS = "orientation", ("base", "uniform", "sobol")
#: Name of the file of the structure that an image is of, in expressions.
STRUCTURE = "structure"
#: Names that stand for several fields.
PRESETS = ("detector.preset", "response.preset")
#: Names that columns of labels have anyway.
RESERVED = tuple(name for name in (*IMAGES, *OTHERS) if name.isidentifier())


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
        variants: the base with each combination of the presets of detectors that are drawn.
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
    variants: dict[tuple[str, ...], Experiment]

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("count", whole("count", self.count, low=1, high=10**8))
        put("seed", whole("seed", self.seed, low=0, high=LARGEST_SEED))
        put("hit", number("hit", self.hit, low=0.0, high=1.0))
        choice("orientation", self.orientation, ORIENTATIONS)
        self.output.shape(self.base.detector)
        for name in self.draw:
            if not is_name(name) or name in RESERVED:
                taken = ", ".join((*RESERVED, *CONSTANTS, *FUNCTIONS))
                raise refuse(f"draw.{name}", name, f"a name that expressions can have, other than {taken}")

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
        from nbnumba.datasets.reading import load

        return load(source, changes or {}, folder)

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
        left_out = ("count", "folder", "variants")
        parts = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in left_out}
        parts["files"] = self._files()
        return _digest([VERSION, parts])

    def _files(self) -> list[Any]:
        """What is in the files that images choose from, such as masks and spectra."""
        return [self.value_of(name, value) for name, value in self._chosen()]

    def _chosen(self) -> list[tuple[str, Any]]:
        """Files that images choose from, with the names of their fields."""
        return [
            (name, value)
            for name, one in self.vary.items()
            if isinstance(one.distribution, Choice | Grid) and is_file(name)
            for value in one.distribution.values
        ]

    @cached_property
    def contents(self) -> dict[str, str]:
        """Hashes of what is in each file that the recipe names, to tell which of them was changed."""
        found = {} if self.structures is None else dict(
            zip(self.structures.files, self.structures.digests, strict=True)
        )  # fmt: skip
        found |= {f"vary.{name} = {plain(value)}": _digest(self.value_of(name, value))
                  for name, value in self._chosen()}  # fmt: skip
        return found | dict(_parts_of_files("base", self.base))

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

    @property
    def of_lattices(self) -> dict[str, Drawing]:
        """What is drawn for each lattice, by the dotted name of a field of its crystal."""
        return {} if self.lattices is None else self.lattices.vary

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names of what is drawn, each after those that its expression takes."""
        needs: dict[str, list[str]] = {name: [] for name in self.drawings}
        for name, one in self.drawings.items():
            if isinstance(one.distribution, Expression):
                needs[name] = sorted(names_in(name, one.distribution.text) & set(self.drawings))
        try:
            return tuple(TopologicalSorter(needs).static_order())
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise NbnumbaError(f"vary, draw: expressions need one another in a circle: {circle}") from None

    def varies(self, *names: str) -> bool:
        """Whether any of these fields, by dotted name, or a part of one, or what it is a part of, is drawn."""
        return any(overlap(one, other) for one in self.vary for other in names)

    @cached_property
    def sobol_dimensions(self) -> dict[str, int]:
        """First dimension of Sobol's sequence for each value that takes some, in the order of the recipe.

        Raises:
            NbnumbaError: more dimensions than there are.
        """
        found, used = ({ORIENTATION: 0}, 3) if self.orientation == "sobol" else ({}, 0)
        for name, one in self.drawings.items():
            if one.sobol:
                found[name] = used
                used += components(base_value(self.base, name), name) if one.each else 1
        if used > MOST_DIMENSIONS:
            raise NbnumbaError(f"sobol: found {used} numbers an image; allowed: up to {MOST_DIMENSIONS}")
        return found

    def place_on_grid(self, name: str, image: int) -> int:
        """Which value of a grid an image takes: combinations are counted with the last grid changing fastest."""
        grids = {key: one.distribution.values for key, one in self.drawings.items()
                 if isinstance(one.distribution, Grid)}  # fmt: skip
        for key in reversed(grids):
            image, place = divmod(image, len(grids[key]))
            if key == name:
                return place
        raise KeyError(name)


def _beside(value: Any, folder: Path) -> Any:
    """Nested tables with names of files relative to a folder."""
    if isinstance(value, dict):
        return {
            key: os.path.relpath(item, folder) if key == "file" and isinstance(item, str) else _beside(item, folder)
            for key, item in value.items()
        }
    return [_beside(item, folder) for item in value] if isinstance(value, list) else value


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(_canonical(value)).encode()).hexdigest()


def _parts_of_files(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Fields of an experiment that may be read from files, by dotted name, and the hashes of what they are."""
    if value is None:
        return
    if is_file(name):
        yield name, _digest(value)
    elif is_dataclass(value):
        for item in fields(value):
            if item.compare:
                yield from _parts_of_files(f"{name}.{item.name}", getattr(value, item.name))
    elif isinstance(value, tuple):
        for i, one in enumerate(value):
            yield from _parts_of_files(f"{name}.{i}", one)


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
