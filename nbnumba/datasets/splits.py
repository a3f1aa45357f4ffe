"""Splits of a data set: which part an image, or all images of a structure, belong to."""

from __future__ import annotations

import functools

import numpy as np

from nbnumba.datasets.distributions import Choice
from nbnumba.datasets.random import uniform
from nbnumba.datasets.recipe import Recipe
from nbnumba.errors import NbnumbaError


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
    names = np.repeat(list(splits), _apportioned(list(splits.values()), len(different))).tolist()
    home = dict(zip(different, names, strict=True))
    return tuple(home[digest] for digest in digests)


def _apportioned(shares: list[float], total: int) -> list[int]:
    """Whole numbers, each at least 1, that are nearest to shares of a total."""
    counts = [1] * len(shares)
    for _ in range(total - len(shares)):
        counts[max(range(len(shares)), key=lambda i: shares[i] * total - counts[i])] += 1
    return counts
