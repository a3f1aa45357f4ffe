"""Reflections of an experiment in TOML: in a file, as a list, or packed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.cell import Cell
from nbnumba.model.packed import unpack_array
from nbnumba.model.reflections import Reflections
from nbnumba.model.spectral import SpectralReflections
from nbnumba.model.validate import numbers, unknown_key

#: What may describe reflections: options of read_reflections, what guards them, and lists.
_OPTIONS = ("file", "format", "column", "resolution", "bulk_solvent", "anomalous", "wavelength", "b_factor", "scale")
_LISTS = ("list", "hkl", "amplitude", "cell", "wavelengths", "tables")


def reflections_of(where: str, value: Any, folder: Path) -> Reflections | SpectralReflections:
    """Reflections as a name of a file, or a table, describes them."""
    known = (*_OPTIONS, "digest", *_LISTS)
    if isinstance(value, str):
        value = {"file": value}
    if not isinstance(value, dict):
        raise NbnumbaError(f"{where}: found {value!r}; allowed: the name of a file, or a table with {', '.join(known)}")
    allowed = (*_OPTIONS, "digest") if "file" in value else known
    for key in value:
        if key not in allowed:
            raise unknown_key(where, key, allowed)
    if "file" in value:
        return _from_file(where, dict(value), folder)
    if "tables" in value:
        tables = value["tables"] if isinstance(value["tables"], list) else []
        each = [reflections_of(f"{where}.tables[{i}]", table, folder) for i, table in enumerate(tables)]
        return SpectralReflections(value.get("wavelengths", ()), cast(tuple[Reflections, ...], tuple(each)))
    cell = cast(Cell, numbers(f"{where}.cell", value["cell"], 6, "A, degrees")) if "cell" in value else None
    if "list" in value:
        try:
            rows = np.array(value["list"], dtype=float).reshape(-1, 4)
        except (TypeError, ValueError):
            raise NbnumbaError(f"{where}.list: allowed: rows of four numbers h, k, l, F") from None
        return Reflections(rows[:, :3], rows[:, 3], cell=cell)
    if "hkl" not in value or "amplitude" not in value:
        raise NbnumbaError(f"{where}: found the keys {', '.join(value)}; allowed: file, or list, or hkl and amplitude")
    hkl = unpack_array(f"{where}.hkl", value.get("hkl"), "int32")
    return Reflections(hkl, unpack_array(f"{where}.amplitude", value.get("amplitude"), "float64"), cell=cell)


def _from_file(where: str, options: dict[str, Any], folder: Path) -> Reflections | SpectralReflections:
    from nbnumba.inputs.reflections import read_reflections

    digest = options.pop("digest", None)
    file = os.path.join(folder, str(options.pop("file")))
    try:
        reflections = read_reflections(file, **options)
    except NbnumbaError as error:
        raise NbnumbaError(f"{where}: {error}") from None
    if digest is not None and digest != reflections.digest:
        raise NbnumbaError(
            f"{where}: {file} no longer holds the reflections that the experiment was written with; "
            "restore it, or delete the key 'digest' to take what it holds now"
        )
    return reflections
