"""Axes and directions of pixels, and what they depend on."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from nbnumba.checks.rules import NOTHING, UNREAD, Found, rule
from nbnumba.checks.tree import Tree
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry.transformations import chain, is_rotation, offset, resolved, vector
from nbnumba.inputs.hdf5 import child, numbers, of_class, text, words


def _transformations(tree: Tree) -> Iterator[h5py.Dataset]:
    """Datasets that are, or are in the place of, axes."""
    for module in tree.modules:
        for name in ("fast_pixel_direction", "slow_pixel_direction", "module_offset"):
            item = child(module, name)
            if isinstance(item, h5py.Dataset):
                yield item
    for parent in (*tree.below("NXdetector"), *tree.samples):
        for group in of_class(parent, "NXtransformations"):
            items = (child(group, name) for name in group)
            yield from (item for item in items if isinstance(item, h5py.Dataset) and "vector" in item.attrs)


@rule("error")
def vectors(tree: Tree) -> Iterator[Found]:
    """Axes have a vector, and units."""
    for item in _transformations(tree):
        try:
            vector(item)
        except NbnumbaError:
            found = np.ravel(item.attrs.get("vector", ())).tolist()
            yield f"{item.name}@vector", str(found), "x, y, z", UNREAD
        if text(item.attrs.get("units")) is None:
            yield f"{item.name}@units", NOTHING, "mm, m, deg ...", UNREAD


@rule("error")
def pixel_directions(tree: Tree) -> Iterator[Found]:
    """Directions of pixels depend on something, and have no offset of their own."""
    for module in tree.modules:
        for name in ("fast_pixel_direction", "slow_pixel_direction"):
            item = child(module, name)
            if not isinstance(item, h5py.Dataset):
                continue
            if text(item.attrs.get("depends_on")) is None:
                yield f"{item.name}@depends_on", NOTHING, "the module's offset, or the detector's axis", UNREAD
            if np.any(item.attrs.get("offset", 0.0)):
                otherwise = "dxtbx 3.11 (DIALS 3.12) overlooks it, and has the beam centre at 0, 0"
                yield (
                    f"{item.name}@offset",
                    str(np.ravel(item.attrs["offset"]).tolist()),
                    "the offset on module_offset",
                    otherwise,
                )


@rule("error")
def pixels(tree: Tree) -> Iterator[Found]:
    """Pixels have a size, and directions that differ."""
    for module in tree.modules:
        items = [child(module, f"{name}_pixel_direction") for name in ("fast", "slow")]
        sizes = [numbers(module, f"{name}_pixel_direction") for name in ("fast", "slow")]
        for item, size in zip(items, sizes, strict=True):
            if item is not None and size is not None and not (np.isfinite(size) & (size > 0.0)).all():
                yield item.name, str(size[:4].tolist()), "the size of a pixel, above 0", UNREAD
        try:
            fast, slow = (vector(item) for item in items if isinstance(item, h5py.Dataset))
        except (NbnumbaError, ValueError):  # what "vectors" and "module" tell of
            continue
        if not np.cross(fast, slow).any():
            yield module.name, f"directions {fast.tolist()} and {slow.tolist()}", "two that differ", UNREAD


@rule("error")
def chains(tree: Tree) -> Iterator[Found]:
    """Everything that an axis depends on is there, to the end."""
    for item in _transformations(tree):
        try:
            for one in chain(item):
                is_rotation(one)
                offset(one)
        except NbnumbaError as error:
            where, _, found = str(error).partition(": ")
            yield where, found, "a chain of axes of known type and units that ends with '.'", UNREAD
    for group in (*tree.samples, *tree.below("NXdetector")):
        path = words(group, "depends_on")
        try:
            resolved(group, path)
        except NbnumbaError:
            yield f"{group.name}/depends_on", repr(path), "a path in the file, or '.'", UNREAD
