"""What is wrong with a recipe as a whole, found when it is read and not at the image that would show it."""

from __future__ import annotations

import itertools

from nbnumba.datasets.distributions import Expression, extremes
from nbnumba.datasets.draw import draw, tried
from nbnumba.datasets.expressions import names_in, unknown_name
from nbnumba.datasets.names import base_value, overlap
from nbnumba.datasets.recipe import STRUCTURE, Recipe
from nbnumba.datasets.splits import structure_splits
from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import refuse


def check_recipe(recipe: Recipe) -> None:
    """Refuse names that do not exist, and whatever the first image shows to be wrong."""
    for name in recipe.order:
        distribution = recipe.drawings[name].distribution
        if isinstance(distribution, Expression):
            known = {*recipe.drawings, *((STRUCTURE,) if recipe.structures is not None else ())}
            for needed in sorted(names_in(name, distribution.text) - known):
                try:
                    base_value(recipe.base, needed)
                except NbnumbaError:
                    raise unknown_name(name, needed, sorted(known)) from None
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
    drawn = [(name, f"vary.{name}") for name in recipe.vary]
    drawn += [(f"crystal.{name}", f"lattices.vary.{name}") for name in recipe.of_lattices]
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


def _check_extremes(recipe: Recipe) -> None:
    """Refuse values that may be drawn later, and that no image can have."""
    drawings = recipe.drawings | {f"lattices.vary.{name}": one for name, one in recipe.of_lattices.items()}
    for name, one in drawings.items():
        for value in extremes(one.distribution, recipe.count):
            try:
                tried(recipe, name, value)
            except NbnumbaError as error:
                where = f"vary.{name}" if name in recipe.vary else name
                raise NbnumbaError(f"{where}: {value!r} may be drawn: {error}") from None
