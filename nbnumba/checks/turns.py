"""What differs from image to image: wavelengths and angles."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from nbnumba.checks.rules import UNREAD, Found, missing, rule
from nbnumba.checks.tree import Tree
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry.transformations import chain, is_rotation, resolved
from nbnumba.inputs.hdf5 import child, numbers, text, told, words


@rule("error")
def wavelengths(tree: Tree) -> Iterator[Found]:
    """One wavelength for all images, or one for each; spectra with their weights."""
    for group in tree.below("NXbeam"):
        item = child(group, "incident_wavelength")
        if not isinstance(item, h5py.Dataset):
            continue
        variant = text(item.attrs.get("variant"))
        weights = child(group, f"{item.name}_weights")
        if item.size not in (1, tree.images) and tree.images is not None and weights is None:
            yield item.name, f"{item.size} wavelengths for {tree.images} images", "1, or one for each", UNREAD
        if variant is not None:
            yield from missing([group], (variant, f"{variant}_weights"), UNREAD)


def _turning(tree: Tree) -> Iterator[h5py.Dataset]:
    """Rotations that the sample depends on."""
    for sample in tree.samples:
        try:
            start = resolved(sample, words(sample, "depends_on"))
            yield from (item for item in chain(start) if is_rotation(item))
        except NbnumbaError:
            continue  # which another rule tells


@rule("error")
def angles(tree: Tree) -> Iterator[Found]:
    """Angles for every image."""
    for item in _turning(tree):
        if numbers(item.parent, item.name) is None:
            yield item.name, told(item.parent, item.name), "angles", UNREAD
        elif tree.images is not None and item.size not in (1, tree.images):
            yield item.name, f"{item.size} angles for {tree.images} images", "1, or one for each", UNREAD


def _moves(item: h5py.Dataset) -> bool:
    """Whether an axis differs from image to image."""
    found = numbers(item.parent, item.name)
    return found is not None and bool(found.max() > found.min())


@rule("error")
def oscillation_width(tree: Tree) -> Iterator[Found]:
    """A rotation of which the width can be told."""
    items = list(_turning(tree))
    if not items or any(map(_moves, items)):
        return
    if any(child(item.parent, f"{item.name.rpartition('/')[2]}_end") is not None for item in items):
        return
    where = items[0].name
    if tree.images == 1:
        yield where, "one angle", "its _end beside it", "dxtbx (DIALS) reads a rotation by 0 degrees"
    elif tree.images is not None:
        otherwise = "dxtbx (DIALS) takes them for a rotation by 0 degrees, not for stills"
        yield where, "angles that are all the same", "depends_on '.' for stills", otherwise


@rule("error")
def backwards(tree: Tree) -> Iterator[Found]:
    """Angles that grow from image to image."""
    for item in _turning(tree):
        own, end = (numbers(item.parent, f"{item.name}{more}") for more in ("", "_end"))
        if own is None:
            continue  # which another rule tells
        if np.any(np.diff(own) < 0.0) or (end is not None and len(end) == len(own) and np.any(end < own)):
            yield item.name, "angles that fall", "the opposite axis, about which they grow", UNREAD


@rule("warning")
def several_turn(tree: Tree) -> Iterator[Found]:
    """One axis turns at a time."""
    moving = [item.name for item in _turning(tree) if _moves(item)]
    if len(moving) > 1:
        yield moving[0], f"{len(moving)} axes that turn", "one", "dxtbx (DIALS) follows one of them"


@rule("warning")
def frame_time(tree: Tree) -> Iterator[Found]:
    """How long an image takes, where the sample turns."""
    if any(True for _ in _turning(tree)):
        yield from missing(tree.below("NXdetector"), ("frame_time",), "dxtbx (DIALS) has no exposure times")
