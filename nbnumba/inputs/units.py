"""Units of lengths and angles in files of NeXus."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import text, value

#: Names of units by how many angstrom they are.
_LENGTHS = {
    1e10: ("m", "meter", "meters", "metre", "metres"),
    1e8: ("cm",),
    1e7: ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    1e4: ("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"),
    10.0: ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    1.0: ("angstrom", "angstroms", "a", "\u00e5", "\u212b"),
    1e-2: ("pm", "picometer", "picometers"),
}
_ANGLES = {math.radians(1.0): ("deg", "degree", "degrees", "\u00b0"), 1.0: ("rad", "radian", "radians")}
_IN_ANGSTROM = {name: factor for factor, names in _LENGTHS.items() for name in names}
_IN_MM = {name: factor / 1e7 for name, factor in _IN_ANGSTROM.items()}
_IN_RADIANS = {name: factor for factor, names in _ANGLES.items() for name in names}


def floats(where: str, held: Any) -> np.ndarray:
    """Numbers in one dimension."""
    with suppress(TypeError, ValueError):
        if not np.iscomplexobj(held):
            return np.ravel(held).astype(float)
    raise NbnumbaError(f"{where}: found {text(held)!r}; allowed: numbers")


def is_length(unit: str) -> bool:
    """Whether a unit is one of lengths."""
    return unit.strip().lower() in _IN_ANGSTROM


def is_angle(unit: str) -> bool:
    """Whether a unit is one of angles."""
    return unit.strip().lower() in _IN_RADIANS


def angstrom(item: h5py.Dataset) -> float:
    """The unit of a dataset of lengths [A]."""
    return _factor(item, _IN_ANGSTROM, "units")


def mm(item: h5py.Dataset, name: str = "units") -> float:
    """The unit of a dataset of lengths [mm], or what another attribute names."""
    return _factor(item, _IN_MM, name)


def radians(item: h5py.Dataset) -> float:
    """The unit of a dataset of angles [radians]."""
    return _factor(item, _IN_RADIANS, "units")


def in_angstrom(item: h5py.Dataset) -> np.ndarray:
    """Lengths of a dataset [A], as an array of one dimension."""
    return floats(item.name, value(item)) * angstrom(item)


def in_mm(item: h5py.Dataset) -> np.ndarray:
    """Lengths of a dataset [mm], as an array of one dimension."""
    return floats(item.name, value(item)) * mm(item)


def in_degrees(item: h5py.Dataset, units_of: h5py.Dataset | None = None) -> np.ndarray:
    """Angles of a dataset [degrees], as an array of one dimension; in the units of another one, if it is given."""
    return np.degrees(floats(item.name, value(item)) * radians(units_of or item))


def _factor(item: h5py.Dataset, known: dict[str, float], name: str) -> float:
    unit = text(item.attrs.get(name))
    factor = known.get("" if unit is None else unit.strip().lower())
    if factor is None:
        raise NbnumbaError(f"{item.name}@{name}: found {unit!r}; allowed: {', '.join(known)}")
    return factor
