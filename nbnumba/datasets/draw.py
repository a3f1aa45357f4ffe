"""What one image of a recipe shows: a pure function of the recipe and the image's number."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nbnumba.datasets.distributions import Choice, Drawing, Expression, Grid
from nbnumba.datasets.expressions import evaluated
from nbnumba.datasets.names import base_value, components, is_component, with_component
from nbnumba.datasets.random import rotation, sobol_uniform, uniform
from nbnumba.datasets.recipe import ORIENTATION, PRESETS, STRUCTURE, Recipe
from nbnumba.datasets.shadow import check_shadow
from nbnumba.datasets.splits import split_of
from nbnumba.errors import NbnumbaError
from nbnumba.model.changes import changed, put
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mosaic import misset_of
from nbnumba.model.reflections import Reflections
from nbnumba.model.validate import LARGEST_IMAGE, refuse, whole

Value = Any  # a number, a text, or a tuple of numbers
_COMPONENTS = 256  # of a value, at most


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
        return _Draw(recipe, whole("number", number, low=0, high=LARGEST_IMAGE - 1)).drawn()
    except NbnumbaError as error:
        raise NbnumbaError(f"image {number}: {error}") from None


def tried(recipe: Recipe, name: str, value: Value) -> Drawn:
    """The first image with this in the place of what is drawn for a name.

    Raises:
        NbnumbaError: a value that the experiment does not allow.
    """
    return _Draw(recipe, 0, {name: value}).drawn()


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
        for name in recipe.order:
            self.value(name)
        hit = recipe.hit > 0.0 and self._share("hit") <= recipe.hit
        experiment, lattices = self._experiment()
        _check_shape(recipe, experiment)
        shadow = self._shadow()
        if shadow is not None:
            check_shadow(experiment, shadow)
        return Drawn(
            number=self.number,
            experiment=experiment,
            values={name: self.values[name] for name in recipe.drawings},
            lattices=lattices,
            split=split_of(recipe, self.number, self.structure),
            structure=self.structure,
            seed=recipe.seed,
            hit=hit,
            shadow=shadow,
        )

    def _structure(self) -> int | None:
        structures = self.recipe.structures
        if structures is None:
            return None
        chosen = Choice(tuple(range(len(structures.files))), structures.weights)
        return int(chosen.quantile(self._share("structure")))

    def _base(self) -> Experiment:
        """The base with the structure that was drawn, and presets of detectors."""
        recipe = self.recipe
        base = recipe.variants[tuple(self.value(name) for name in PRESETS if name in recipe.vary)]
        if self.structure is None:
            return base
        assert recipe.structures is not None
        reflections = recipe.structures.read(self.structure)
        known = {} if reflections.cell is None else {"crystal.cell": None, "crystal.orientation": None}
        return base.replace(**{"crystal.reflections": reflections, **known})

    def value(self, name: str) -> Value:
        """Value of a name, drawn now if it was not yet."""
        if name not in self.values:
            self.values[name] = self._value(name, self.recipe.drawings[name], name)
        return self.values[name]

    def _value(self, name: str, one: Drawing, field: str, turn: int = 0) -> Value:
        """What is drawn for a name, by random numbers from a turn on, as the value of a field of the base."""
        found = self._drawn(name, one, field, turn)
        if not (one.scaled or one.added or one.each):
            return found
        return modified(field, one, found, base_value(self.base, field))

    def _drawn(self, name: str, one: Drawing, field: str, turn: int) -> Value:
        """A number or what is listed, or one for each component of the base's value."""
        distribution = one.distribution
        if isinstance(distribution, Expression):
            return evaluated(name, distribution.text, functools.partial(self._operand, name))
        count = components(base_value(self.base, field), field) if one.each else 1
        found: tuple[Value, ...]
        if name in self._instead:
            found = (self._instead[name],) * count
        elif isinstance(distribution, Grid):
            found = (distribution.values[self.recipe.place_on_grid(name, self.number)],)
        else:
            found = tuple(distribution.quantile(self._share(name, turn + i, sobol=one.sobol)) for i in range(count))
        return found if one.each else found[0]

    def _share(self, name: str, turn: int = 0, *, sobol: bool = False) -> float:
        """Number in (0, 1), of Sobol's sequence or random."""
        if not sobol:
            return uniform(self.recipe.seed, self.number, name, turn)
        return sobol_uniform(self.recipe.seed, self.number, self.recipe.sobol_dimensions[name] + turn, name)

    def _operand(self, name: str, needed: str) -> float | str:
        """What an expression takes for a name: a number, or a text that it compares."""
        if needed == STRUCTURE and self.structure is not None:
            assert self.recipe.structures is not None
            return self.recipe.structures.files[self.structure]
        found = self.value(needed) if needed in self.recipe.drawings else base_value(self.recipe.base, needed)
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            raise refuse(f"{name}, of which {needed}", found, "a number or a text")
        return found if isinstance(found, str) else float(found)

    def _experiment(self) -> tuple[Experiment, tuple[dict[str, Value], ...]]:
        tree = self._changes()
        crystal = changed(self._crystal(), tree.pop("crystal", {}), "crystal")
        lattices = tuple(self._lattice(i) for i in range(self._count()))
        crystals = [_crystal(crystal, values) for values in lattices]
        tree["crystal"] = crystals[0]
        if self.recipe.lattices is not None:
            tree["lattices"] = tuple(crystals[1:])
        return changed(self.base, tree, "experiment"), lattices

    def _crystal(self) -> Crystal:
        """That of the base, its amplitudes with the B factor that was drawn."""
        crystal = self.base.crystal
        if "structures.b_factor" not in self.values:
            return crystal
        if not isinstance(crystal.reflections, Reflections):
            raise NbnumbaError("structures.b_factor: found with reflections for each of several wavelengths")
        b_factor = float(self.values["structures.b_factor"])
        return replace(crystal, reflections=crystal.reflections.scaled(b_factor=b_factor))

    def _changes(self) -> dict[str, Any]:
        """Nested values of fields that vary; those of single components put into the base's tuples."""
        found: dict[str, Any] = {}
        for name in self.recipe.vary:
            value = self.value(name)
            if name in PRESETS:
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
            found["misset"] = misset_of(rotation(self._orientation(number)))
        for name, one in self.recipe.of_lattices.items():
            found[name] = self._value(f"lattices.vary.{name}", one, f"crystal.{name}", _COMPONENTS * number)
        return found

    def _orientation(self, lattice: int) -> tuple[float, float, float]:
        """Point of the unit cube that stands for the orientation of a lattice."""
        sobol, first = self.recipe.orientation == "sobol" and lattice == 0, _COMPONENTS * lattice
        u, v, w = (self._share(ORIENTATION, first + i, sobol=sobol) for i in range(3))
        return u, v, w

    def _shadow(self) -> dict[str, float] | None:
        shadow = self.recipe.shadow
        if shadow is None:
            return None
        return {name: float(self.value(f"shadow.{name}") if isinstance(given, Drawing) else given)
                for name, given in shadow.values().items()}  # fmt: skip


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


def _check_shape(recipe: Recipe, experiment: Experiment) -> None:
    """Refuse an image that has not the shape that those of the base have."""
    found, wanted = (recipe.output.shape(one.detector) for one in (experiment, recipe.base))
    if found != wanted:
        raise NbnumbaError(
            f"detector: found an image of {found} pixels, while the base makes {wanted}; all images of a set have one "
            "shape: name one of the detectors in base.detector, or cut all alike by output.crop"
        )


def bare(experiment: Experiment) -> Experiment:
    """The same without what scatters beside the crystal."""
    return replace(experiment, background=()) if experiment.background else experiment
