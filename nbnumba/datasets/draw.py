"""What one image of a recipe shows: a pure function of the recipe and the image's number."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbnumba.datasets.distributions import Choice, Drawing, Expression, Grid, extremes
from nbnumba.datasets.expressions import evaluated, names_in, unknown_name
from nbnumba.datasets.random import misset, rotation, sobol_uniform, uniform
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shadow import check_shadow
from nbnumba.errors import NbnumbaError
from nbnumba.model.changes import ITEMS, changed, put
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.sequences import MOST_DIMENSIONS
from nbnumba.model.validate import refuse, whole

Value = Any  # a number, a text, or a tuple of numbers
_COMPONENTS = 256  # of a value, at most
_ORIENTATION = "orientation"


@dataclass(frozen=True)
class Drawn:
    """One image, drawn.

    Attributes:
        number: of the image.
        experiment: what it shows; of a miss, without photons from the crystal.
        values: what was drawn, by name.
        lattices: what was drawn for each lattice, by name.
        split: the part of the data set that it belongs to; "" where there is none.
        structure: number of the structure in the recipe's list; None without one.
        seed: of the noise.
        hit: whether there is a crystal in the beam.
        shadow: values of the beamstop's shadow; None: there is none.
    """

    number: int
    experiment: Experiment
    values: dict[str, Value]
    lattices: tuple[dict[str, Value], ...]
    split: str
    structure: int | None
    seed: int
    hit: bool
    shadow: dict[str, float] | None


def draw(recipe: Recipe, number: int) -> Drawn:
    """Draw an image.

    Raises:
        NbnumbaError: values that the experiment does not allow; the message names the image.
    """
    try:
        return _Draw(recipe, whole("number", number, low=0, high=2**32 - 2)).drawn()
    except NbnumbaError as error:
        raise NbnumbaError(f"image {number}: {error}") from None


class _Draw:
    """An image while it is drawn: values are found when they are asked for."""

    def __init__(self, recipe: Recipe, number: int, instead: Mapping[str, Value] | None = None) -> None:
        self.recipe, self.number = recipe, number
        self._instead = instead or {}  # what is drawn, by name
        self.values: dict[str, Value] = {}
        self.structure = self._structure()
        self.base = self._base()

    def drawn(self) -> Drawn:
        recipe = self.recipe
        for name in recipe.drawings:
            self.value(name)
        hit = recipe.hit > 0.0 and self._u("hit") <= recipe.hit
        experiment, lattices = self._experiment()
        _check_shape(recipe, experiment)
        shadow = self._shadow()
        if shadow is not None:
            check_shadow(experiment, shadow)
        return Drawn(
            number=self.number,
            experiment=experiment,
            values=self.values,
            lattices=lattices,
            split=split_of(recipe, self.number, self.structure),
            structure=self.structure,
            seed=recipe.seed,
            hit=hit,
            shadow=shadow,
        )

    def _u(self, name: str, turn: int = 0) -> float:
        return uniform(self.recipe.seed, self.number, name, turn)

    def _structure(self) -> int | None:
        structures = self.recipe.structures
        if structures is None:
            return None
        chosen = Choice(tuple(range(len(structures.files))), structures.weights)
        return int(chosen.quantile(self._u("structure")))

    def _base(self) -> Experiment:
        """The base with the structure that was drawn, and presets of detectors."""
        recipe, presets = self.recipe, {}
        for name in ("detector.preset", "response.preset"):
            if name in recipe.vary:
                presets[name] = self.value(name)
        base = _variant(recipe, json.dumps(presets)) if presets else recipe.base
        if self.structure is None:
            return base
        assert recipe.structures is not None
        reflections = recipe.structures.read(self.structure)
        if "structures.b_factor" in recipe.drawings:
            if not hasattr(reflections, "scaled"):
                raise NbnumbaError("structures.b_factor: found with reflections for each of several wavelengths")
            reflections = reflections.scaled(b_factor=float(self.value("structures.b_factor")))
        known = {} if reflections.cell is None else {"crystal.cell": None, "crystal.orientation": None}
        return base.replace(**{"crystal.reflections": reflections, **known})

    def value(self, name: str) -> Value:
        """Value of a name, drawn now if it was not yet."""
        if name not in self.values:
            self.values[name] = self._value(name, self.recipe.drawings[name])
        return self.values[name]

    def _value(self, name: str, one: Drawing) -> Value:
        distribution = one.distribution
        if isinstance(distribution, Expression):
            found: Value = evaluated(name, distribution.text, functools.partial(self._number, name))
        elif isinstance(distribution, Grid) and name not in self._instead:
            found = distribution.values[self.recipe.place_on_grid(name, self.number)]
        else:
            found = self._quantiles(name, one)
        if not (one.scaled or one.added or one.each):
            return found
        return modified(name, one, found, base_value(self.base, name))

    def _quantiles(self, name: str, one: Drawing) -> Value:
        """A number, or one for each component of the base's value."""
        count = components(base_value(self.base, name), name) if one.each else 1
        if name in self._instead:
            return (self._instead[name],) * count if one.each else self._instead[name]
        first = sobol_dimensions(self.recipe)[name] if one.sobol else 0
        found = tuple(
            one.distribution.quantile(  # type: ignore[union-attr]
                sobol_uniform(self.recipe.seed, self.number, first + i, name) if one.sobol else self._u(name, i)
            )
            for i in range(count)
        )
        return found if one.each else found[0]

    def _number(self, name: str, needed: str) -> float:
        """What an expression takes for a name."""
        found = self.value(needed) if needed in self.recipe.drawings else base_value(self.recipe.base, needed)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise refuse(f"{name}, of which {needed}", found, "a number")
        return float(found)

    def _experiment(self) -> tuple[Experiment, tuple[dict[str, Value], ...]]:
        tree = self._changes()
        crystal = changed(self.base.crystal, tree.pop("crystal", {}), "crystal")
        lattices = tuple(self._lattice(i) for i in range(self._count()))
        crystals = [_crystal(crystal, values) for values in lattices]
        tree["crystal"] = crystals[0]
        if self.recipe.lattices is not None:
            tree["lattices"] = tuple(crystals[1:])
        return changed(self.base, tree, "experiment"), lattices

    def _changes(self) -> dict[str, Any]:
        """Nested values of fields that vary; those of single components put into the base's tuples."""
        found: dict[str, Any] = {}
        for name in self.recipe.vary:
            value = self.value(name)
            if name.endswith(".preset"):
                continue
            owner, _, last = name.rpartition(".")
            if is_component(name):
                found[owner] = with_component(owner, found.get(owner, base_value(self.base, owner)), int(last), value)
            else:
                found[name] = self.recipe.value_of(name, value)
        tree: dict[str, Any] = {}
        for name, value in found.items():
            put(tree, name, value)
        return tree

    def _count(self) -> int:
        if self.recipe.lattices is None:
            return 1
        return whole("lattices.count", self.value("lattices.count"), low=1, high=1000)

    def _lattice(self, number: int) -> dict[str, Value]:
        """What is drawn for one lattice, by the dotted name of a field of its crystal."""
        found: dict[str, Value] = {}
        if self.recipe.orientation != "base":
            found["misset"] = misset(rotation(self._orientation(number)))
        vary = {} if self.recipe.lattices is None else self.recipe.lattices.vary
        for name, one in vary.items():
            found[name] = self._of_lattice(number, name, one)
        return found

    def _orientation(self, lattice: int) -> tuple[float, float, float]:
        """Point of the unit cube that stands for the orientation of a lattice."""
        if self.recipe.orientation == "sobol" and lattice == 0:
            first = sobol_dimensions(self.recipe)[_ORIENTATION]
            u, v, w = (sobol_uniform(self.recipe.seed, self.number, first + i, _ORIENTATION) for i in range(3))
        else:
            u, v, w = (self._u(_ORIENTATION, _COMPONENTS * lattice + i) for i in range(3))
        return u, v, w

    def _of_lattice(self, lattice: int, name: str, one: Drawing) -> Value:
        base = base_value(self.base, f"crystal.{name}") if one.scaled or one.added or one.each else None
        count = components(base, name) if one.each else 1
        full = f"lattices.vary.{name}"
        found = tuple(
            self._instead[full] if full in self._instead
            else one.distribution.quantile(self._u(full, _COMPONENTS * lattice + i))  # type: ignore[union-attr]
            for i in range(count)
        )  # fmt: skip
        value = found if one.each else found[0]
        return modified(f"crystal.{name}", one, value, base) if base is not None else value

    def _shadow(self) -> dict[str, float] | None:
        shadow = self.recipe.shadow
        if shadow is None:
            return None
        return {name: float(self.value(f"shadow.{name}") if isinstance(given, Drawing) else given)
                for name, given in shadow.values().items()}  # fmt: skip


@functools.lru_cache(maxsize=32)
def _variant(recipe: Recipe, presets: str) -> Experiment:
    return recipe.variant(json.loads(presets))


def _crystal(crystal: Crystal, values: Mapping[str, Value]) -> Crystal:
    """A lattice: the crystal with values by dotted name."""
    if not values:
        return crystal
    tree: dict[str, Any] = {}
    for name, value in values.items():
        put(tree, name, value)
    found = changed(crystal, tree, "lattices.vary")
    assert isinstance(found, Crystal)
    return found


def overlap(one: str, other: str) -> bool:
    """Whether dotted names are of one value, or one of a part of the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def is_component(name: str) -> bool:
    """Whether a dotted name, as detector.rotation.0, is that of a component of a value."""
    owner, _, last = name.rpartition(".")
    return last.isdigit() and owner.rpartition(".")[2] not in ITEMS


def with_component(name: str, value: Any, place: int, component: Any) -> tuple[Any, ...]:
    """The base's value with one component replaced."""
    if not isinstance(value, tuple) or place >= len(value):
        raise refuse(f"{name}.{place}", value, f"a base whose {name} has a component {place}")
    return (*value[:place], component, *value[place + 1 :])


def base_value(experiment: Experiment, name: str) -> Any:
    """What an experiment has for a dotted name; the cell of a crystal wherever it is from.

    Raises:
        NbnumbaError: nothing.
    """
    if name == "crystal.cell":
        return experiment.crystal.unit_cell
    value: Any = experiment
    for step in name.split("."):
        if isinstance(value, tuple) and step.isdigit() and int(step) < len(value):
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
    return 3 if name.endswith("crystal.cell") or name == "cell" else len(value)


def modified(name: str, one: Drawing, drawn: Any, base: Any) -> Value:
    """Value of a field from what was drawn and the base's value; of a cell the lengths, while its angles stay."""
    if isinstance(base, bool) or not isinstance(base, int | float | tuple):
        raise refuse(f"{name}, scaled or added", base, "a number, or several, in the base")
    if not isinstance(base, tuple):
        return _combined(one, drawn, base)
    kept: tuple[Any, ...] = ()
    if name == "crystal.cell":
        base, kept = base[:3], base[3:]
    numbers = drawn if isinstance(drawn, tuple) else (drawn,) * len(base)
    return (*(_combined(one, number, old) for number, old in zip(numbers, base, strict=True)), *kept)


def _combined(one: Drawing, drawn: float, base: float) -> float:
    if one.scaled:
        return drawn * base
    return drawn + base if one.added else drawn


@functools.lru_cache(maxsize=8)
def sobol_dimensions(recipe: Recipe) -> dict[str, int]:
    """First dimension of Sobol's sequence for each value that takes some, in the order of the recipe.

    Raises:
        NbnumbaError: more dimensions than there are.
    """
    found, used = {}, 0
    if recipe.orientation == "sobol":
        found[_ORIENTATION], used = 0, 3
    for name, one in recipe.drawings.items():
        if one.sobol:
            found[name] = used
            used += components(base_value(recipe.base, name), name) if one.each else 1
    if used > MOST_DIMENSIONS:
        raise NbnumbaError(f"sobol: found {used} numbers an image; allowed: up to {MOST_DIMENSIONS}")
    return found


def split_of(recipe: Recipe, number: int, structure: int | None) -> str:
    """Name of the split that an image belongs to."""
    splits = recipe.output.splits
    if not splits:
        return ""
    if recipe.output.split_by == "structure":
        assert structure is not None
        return structure_splits(recipe)[structure]
    return str(Choice(tuple(splits), tuple(splits.values())).quantile(uniform(recipe.seed, number, "split")))


@functools.lru_cache(maxsize=8)
def structure_splits(recipe: Recipe) -> tuple[str, ...]:
    """Split of each structure: those of equal content together, in an order that the seed tells.

    Raises:
        NbnumbaError: no structures, or fewer of them than splits.
    """
    splits = {name: share for name, share in recipe.output.splits.items() if share > 0.0}
    digests = recipe.structures.digests if recipe.structures is not None else ()
    different = sorted(set(digests), key=lambda digest: uniform(recipe.seed, 0, f"split of {digest}"))
    if len(different) < len(splits):
        raise NbnumbaError(
            f"output.split_by: found 'structure' with {len(different)} different structures for {len(splits)} splits; "
            "list more files in structures.files"
        )
    ends = np.cumsum(_apportioned(list(splits.values()), len(different)))
    names = [name for i in range(len(different)) for name in [list(splits)[int(np.searchsorted(ends, i, "right"))]]]
    home = dict(zip(different, names, strict=True))
    return tuple(home[digest] for digest in digests)


def _apportioned(shares: list[float], total: int) -> list[int]:
    """Whole numbers, each at least 1, that are nearest to shares of a total."""
    counts = [1] * len(shares)
    for _ in range(total - len(shares)):
        counts[max(range(len(shares)), key=lambda i: shares[i] * total - counts[i])] += 1
    return counts


def check_recipe(recipe: Recipe) -> None:
    """Refuse names that do not exist, and whatever the first image shows to be wrong."""
    for name, one in recipe.drawings.items():
        if isinstance(one.distribution, Expression):
            for needed in sorted(names_in(name, one.distribution.text) - set(recipe.drawings)):
                try:
                    base_value(recipe.base, needed)
                except NbnumbaError:
                    raise unknown_name(name, needed, list(recipe.drawings)) from None
    if recipe.lattices is not None and recipe.orientation == "base" and "misset" not in recipe.lattices.vary:
        raise NbnumbaError(
            'lattices: all would lie on one another; add orientation = "uniform", or lattices.vary.misset'
        )
    if recipe.base.lattices and (recipe.lattices is not None or recipe.orientation != "base"):
        raise NbnumbaError("base.lattices: found with lattices or an orientation that is drawn; use [lattices] count")
    if recipe.shadow is not None:
        recipe.base.detector.check_one_panel("shadow")
    if recipe.output.splits and recipe.output.split_by == "structure":
        structure_splits(recipe)
    for name in recipe.vary:
        if overlap(name, "detector.pixels"):
            raise NbnumbaError(f"vary.{name}: all images of a set have one shape; make a set of each")
    _check_overlaps(recipe)
    draw(recipe, 0)
    _check_extremes(recipe)


def _check_overlaps(recipe: Recipe) -> None:
    """Refuse two ways of drawing one value: only one of them would be what the image has."""
    each = [f"crystal.{name}" for name in ([] if recipe.lattices is None else recipe.lattices.vary)]
    drawn = [*((name, f"vary.{name}") for name in recipe.vary), *((name, f"lattices.vary.{name[8:]}") for name in each)]
    for (one, where), (other, there) in itertools.combinations(drawn, 2):
        if overlap(one, other):
            raise NbnumbaError(f"{there}: found with {where}, which draws the same value; give one of them")
    for name, where in drawn:
        if recipe.orientation != "base" and overlap(name, "crystal.misset"):
            raise refuse("orientation", recipe.orientation, f'"base" where {where} is given')
        if recipe.structures is not None and overlap(name, "crystal.reflections"):
            raise NbnumbaError(f"{where}: found with structures, which have reflections; give one of them")
    if recipe.output.crop is not None and "detector.roi" in recipe.vary:
        raise NbnumbaError("vary.detector.roi: found with output.crop, which is the region; give one of them")


def _check_shape(recipe: Recipe, experiment: Experiment) -> None:
    """Refuse an image that has not the shape that those of the base have."""
    found, wanted = (recipe.output.shape(one.detector) for one in (experiment, recipe.base))
    if found != wanted:
        raise NbnumbaError(
            f"detector: found an image of {found} pixels, while the base makes {wanted}; all images of a set have one "
            "shape: name one of the detectors in base.detector, or cut all alike by output.crop"
        )


def _check_extremes(recipe: Recipe) -> None:
    """Refuse values that may be drawn later, and that no image can have."""
    of_lattices = {} if recipe.lattices is None else recipe.lattices.vary
    drawings = recipe.drawings | {f"lattices.vary.{name}": one for name, one in of_lattices.items()}
    for name, one in drawings.items():
        for value in extremes(one.distribution, recipe.count):
            try:
                _Draw(recipe, 0, {name: value}).drawn()
            except NbnumbaError as error:
                where = f"vary.{name}" if name in recipe.vary else name
                raise NbnumbaError(f"{where}: {value!r} may be drawn: {error}") from None


def bare(experiment: Experiment) -> Experiment:
    """The same without what scatters beside the crystal."""
    return replace(experiment, background=()) if experiment.background else experiment
