"""Chains of transformations of NeXus: x' = T1 T2 ... Tn x, where Tn depends on the one before it, and T1 on nothing.

A translation is T x = x + value vector + offset, a rotation T x = R(vector, value) x + offset (NeXus manual,
NXtransformations).
"""

from __future__ import annotations

import posixpath

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import text, value
from nbnumba.inputs.units import floats, is_angle, mm, radians
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.physics.vector import Vector, unit

_LONGEST = 100  # of chains


def above(item: h5py.Dataset) -> h5py.Dataset | None:
    """What a transformation depends on; None: nothing."""
    return resolved(item.parent, text(item.attrs.get("depends_on")))


def resolved(group: h5py.Group, path: str | None) -> h5py.Dataset | None:
    """The dataset that a path in a ``depends_on`` names; None: nothing."""
    if path is None or path.strip() in (".", ""):
        return None
    item = group.file.get(posixpath.normpath(posixpath.join(group.name, path)))  # HDF5 itself knows no ".."
    if not isinstance(item, h5py.Dataset):
        raise NbnumbaError(f"{group.name}: found depends_on {path!r}, which is not in the file")
    return item


def chain(start: h5py.Dataset | None) -> list[h5py.Dataset]:
    """A transformation and all that it depends on, in this order.

    Raises:
        NbnumbaError: a chain that does not end.
    """
    found: list[h5py.Dataset] = []
    while start is not None:
        found.append(start)
        start = above(start)
        if len(found) > _LONGEST:
            raise NbnumbaError(f"{found[0].name}: found a chain of depends_on that does not end")
    return found


def cumulative(start: h5py.Dataset | None) -> np.ndarray:
    """Matrix (4, 4) of a chain [mm]."""
    total = np.eye(4)
    for item in chain(start):
        total = matrix(item) @ total
    return total


def is_rotation(item: h5py.Dataset) -> bool:
    """Whether a transformation turns, and does not shift; where its type is left out, its units tell."""
    kind = text(item.attrs.get("transformation_type"))
    if kind not in (None, "rotation", "translation"):
        raise NbnumbaError(f"{item.name}@transformation_type: found {kind!r}; allowed: rotation, translation")
    return kind == "rotation" or (kind is None and is_angle(text(item.attrs.get("units")) or ""))


def vector(item: h5py.Dataset) -> np.ndarray:
    """Axis of a transformation, as it is stored."""
    found = floats(f"{item.name}@vector", item.attrs.get("vector", ()))
    if found.shape != (3,) or not np.isfinite(found).all():
        raise NbnumbaError(f"{item.name}@vector: found {found.tolist()}; allowed: x, y, z")
    return found


def axis(item: h5py.Dataset) -> Vector:
    """Axis of a transformation as a unit vector."""
    found = vector(item)
    if not found.any():
        raise NbnumbaError(f"{item.name}@vector: found {found.tolist()}; allowed: an axis of some length")
    return unit(Vector(*found.tolist()))


def offset(item: h5py.Dataset) -> np.ndarray:
    """Offset [mm]; its units, where they are left out, are those of the value."""
    found = floats(f"{item.name}@offset", item.attrs.get("offset", (0.0, 0.0, 0.0)))
    if not found.any():
        return np.zeros(3)
    if found.shape != (3,):
        raise NbnumbaError(f"{item.name}@offset: found {found.tolist()}; allowed: x, y, z")
    return found * mm(item, "offset_units" if "offset_units" in item.attrs else "units")


def matrix(item: h5py.Dataset) -> np.ndarray:
    """Matrix (4, 4) of one transformation [mm].

    Raises:
        NbnumbaError: unknown units, no axis, or more than one value.
    """
    values, found = floats(item.name, value(item)), np.eye(4)
    if values.size == 0 or not (values == values[0]).all():
        raise NbnumbaError(f"{item.name}: found {values.size} values that differ; allowed: one for all images")
    setting, found[:3, 3] = float(values[0]), offset(item)
    if is_rotation(item):
        found[:3, :3] = rotation_matrix(axis(item), setting * radians(item))
    else:
        found[:3, 3] += setting * mm(item) * vector(item)
    return found
