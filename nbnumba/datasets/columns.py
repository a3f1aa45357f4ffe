"""Columns of labels: their types follow from the recipe, so that they are the same in every file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba.datasets.distributions import Choice, Drawing, Grid, Integer, plain
from nbnumba.datasets.labels import IMAGES, LATTICES, Label
from nbnumba.datasets.names import base_value, components
from nbnumba.datasets.panels import COLUMNS as PANELS
from nbnumba.datasets.panels import PLACES
from nbnumba.datasets.recipe import Recipe
from nbnumba.outputs.data_files import need_data
from nbnumba.outputs.nexus_tree import put


class Kind(NamedTuple):
    """Type of a column."""

    dtype: str
    shape: tuple[int, ...] = ()

    def value(self, given: Any) -> Any:
        """A value in this type."""
        if self.dtype.startswith("S"):
            return (given if isinstance(given, str) else json.dumps(plain(given))).encode()
        return np.asarray(given, self.dtype).reshape(self.shape)

    def array(self, values: list[Any]) -> np.ndarray:
        """Values, each as ``value`` gives them, as a column."""
        return np.array(values, self.dtype).reshape(len(values), *self.shape)

    def column(self, given: np.ndarray | list[Any]) -> np.ndarray:
        """A column of this type from one of numbers, or from values of any kind."""
        if isinstance(given, list):
            return self.array([self.value(one) for one in given])
        return np.asarray(given, self.dtype).reshape(-1, *self.shape)


_INT, _FLOAT = Kind("<i8"), Kind("<f8")


class Columns:
    """Columns of one length, filled image by image."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self.kinds = dict(kinds)
        self._parts: dict[str, list[np.ndarray]] = {name: [] for name in self.kinds}

    @classmethod
    def of_labels(cls, labels: Mapping[str, Label]) -> Columns:
        """Columns of numbers."""
        return cls(_kinds(labels))

    @classmethod
    def of_rows(cls, recipe: Recipe) -> Columns:
        """Columns of what each image has."""
        kinds = _kinds(IMAGES) | {"split": _text([*recipe.output.splits, ""])}
        if recipe.structures is None:
            del kinds["structure"]
        else:
            kinds["structure"] = _text(list(recipe.structures.files))
        if recipe.base.detector.panels:
            kinds = {name: kind for name, kind in kinds.items() if name not in ("distance", "beam_slow", "beam_fast")}
        if recipe.varies(*PLACES):
            panels = (len(recipe.base.geometries),) if recipe.base.detector.panels else ()
            kinds |= dict.fromkeys(PANELS, Kind("<f8", (*panels, 3))) | {"pixel_size": _FLOAT}
        return cls(kinds | {name: kind_of(recipe, name, one) for name, one in recipe.drawings.items()})

    @classmethod
    def of_lattices(cls, recipe: Recipe) -> Columns:
        """Columns of what each lattice has."""
        drawn = {
            name: kind_of(recipe, f"crystal.{name}", one)
            for name, one in recipe.of_lattices.items()
            if name != "misset"
        }
        return cls(_kinds(LATTICES) | drawn)

    def add(self, row: Mapping[str, Any]) -> list[bytes]:
        """Add a row; its bytes, column by column."""
        return self._take({name: kind.array([kind.value(row[name])]) for name, kind in self.kinds.items()})

    def extend(self, rows: Mapping[str, Any]) -> list[bytes]:
        """Add several rows, given as columns: arrays, or lists of values of any kind."""
        return self._take({name: kind.column(rows[name]) for name, kind in self.kinds.items()})

    def _take(self, columns: Mapping[str, np.ndarray]) -> list[bytes]:
        for name, column in columns.items():
            self._parts[name].append(column)
        return [column.tobytes() for column in columns.values()]

    def arrays(self) -> dict[str, np.ndarray]:
        """All columns."""
        return {
            name: np.concatenate(parts) if parts else np.empty((0, *self.kinds[name].shape), self.kinds[name].dtype)
            for name, parts in self._parts.items()
        }

    def write(self, parent: h5py.Group, label: Callable[[str], Label]) -> None:
        """Write all columns into a group, with their units and meaning."""
        for name, column in self.arrays().items():
            about = label(name)
            put(parent, name, column, about.units, meaning=about.meaning)

    def read(self, parent: h5py.Group, rows: int) -> list[np.ndarray]:
        """All columns from a group.

        Raises:
            ValueError: one is not of so many rows of its kind.
        """
        for name, kind in self.kinds.items():
            if parent[name].shape != (rows, *kind.shape):
                raise ValueError(f"{name}: found shape {parent[name].shape} for {rows} rows")
            need_data(parent[name])
        return [parent[name][()].astype(kind.dtype) for name, kind in self.kinds.items()]


def _kinds(labels: Mapping[str, Label]) -> dict[str, Kind]:
    return {name: Kind(label.dtype, label.shape) for name, label in labels.items()}


def kind_of(recipe: Recipe, name: str, one: Drawing) -> Kind:
    """Type of the values of a name, whatever is drawn."""
    distribution = one.distribution
    if one.each or one.scaled or one.added:
        base = base_value(recipe.base, name)
        if one.each and not (one.scaled or one.added):
            return Kind("<f8", (components(base, name),))
        return Kind("<f8", (len(base),)) if isinstance(base, tuple) else _FLOAT
    if isinstance(distribution, Integer):
        return _INT
    if not isinstance(distribution, Choice | Grid):
        return _FLOAT
    return _common(list(distribution.values))


def _common(values: list[Any]) -> Kind:
    """Type that all of some values have."""
    if all(isinstance(value, int) for value in values):  # bool is one
        return _INT
    if all(isinstance(value, int | float) for value in values):
        return _FLOAT
    shapes = {np.shape(value) if _numbers(value) else None for value in values}
    shape = shapes.pop() if len(shapes) == 1 else None
    return _text(values) if shape is None else Kind("<f8", shape)


def _numbers(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "iuf" and not isinstance(value, str)
    except ValueError:
        return False


def _text(values: list[Any]) -> Kind:
    texts = [value if isinstance(value, str) else json.dumps(plain(value)) for value in values]
    return Kind(f"S{max(1, *(len(text.encode()) for text in texts))}")
