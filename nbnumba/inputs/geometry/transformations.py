"""Chains of transformations of NeXus: x' = T1 T2 ... Tn x, where Tn depends on the one before it, and T1 on nothing.

A translation is T x = x + value vector + offset, a rotation T x = R(vector, value) x + offset (NeXus manual,
NXtransformations).
"""

from __future__ import annotations

import math
import posixpath
from typing import Any

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import text, value
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.physics.vector import Vector, unit

_LONGEST = 100  # of chains
_LENGTHS = {
    1e3: ("m", "meter", "meters", "metre", "metres"),
    1e1: ("cm",),
    1.0: ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    1e-3: ("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"),
    1e-6: ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    1e-7: ("angstrom", "angstroms", "a", "\u00e5", "\u212b"),
    1e-9: ("pm", "picometer", "picometers"),
}
_ANGLES = {math.radians(1.0): ("deg", "degree", "degrees", "\u00b0"), 1.0: ("rad", "radian", "radians")}
_MM = {name: factor for factor, names in _LENGTHS.items() for name in names}
_RADIANS = {name: factor for factor, names in _ANGLES.items() for name in names}


def _floats(where: str, held: Any) -> np.ndarray:
    """Numbers in one dimension."""
    try:
        if np.iscomplexobj(held):
            raise TypeError
        return np.ravel(held).astype(float)
    except (TypeError, ValueError):
        raise NbnumbaError(f"{where}: found {text(held)!r}; allowed: numbers") from None


def _factor(item: h5py.Dataset, known: dict[str, float], name: str = "units") -> float:
    unit_name = text(item.attrs.get(name))
    factor = known.get("" if unit_name is None else unit_name.strip().lower())
    if factor is None:
        raise NbnumbaError(f"{item.name}@{name}: found {unit_name!r}; allowed: {', '.join(known)}")
    return factor


def is_length(unit: str) -> bool:
    """Whether a unit is one of lengths."""
    return unit.strip().lower() in _MM


def in_mm(item: h5py.Dataset) -> np.ndarray:
    """Lengths of a dataset [mm], as an array of one dimension."""
    return _floats(item.name, value(item)) * _factor(item, _MM)


def in_degrees(item: h5py.Dataset, units_of: h5py.Dataset | None = None) -> np.ndarray:
    """Angles of a dataset [degrees], as an array of one dimension; in the units of another one, if it is given."""
    return np.degrees(_floats(item.name, value(item)) * _factor(units_of or item, _RADIANS))


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
    return kind == "rotation" or (kind is None and (text(item.attrs.get("units")) or "").strip().lower() in _RADIANS)


def vector(item: h5py.Dataset) -> np.ndarray:
    """Axis of a transformation, as it is stored."""
    found = _floats(f"{item.name}@vector", item.attrs.get("vector", ()))
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
    found = _floats(f"{item.name}@offset", item.attrs.get("offset", (0.0, 0.0, 0.0)))
    if not found.any():
        return np.zeros(3)
    if found.shape != (3,):
        raise NbnumbaError(f"{item.name}@offset: found {found.tolist()}; allowed: x, y, z")
    return found * _factor(item, _MM, "offset_units" if "offset_units" in item.attrs else "units")


def matrix(item: h5py.Dataset) -> np.ndarray:
    """Matrix (4, 4) of one transformation [mm].

    Raises:
        NbnumbaError: unknown units, no axis, or more than one value.
    """
    values, found = _floats(item.name, value(item)), np.eye(4)
    if values.size == 0 or not (values == values[0]).all():
        raise NbnumbaError(f"{item.name}: found {values.size} values that differ; allowed: one for all images")
    setting, found[:3, 3] = float(values[0]), offset(item)
    if is_rotation(item):
        found[:3, :3] = rotation_matrix(axis(item), setting * _factor(item, _RADIANS))
    else:
        found[:3, 3] += setting * _factor(item, _MM) * vector(item)
    return found
