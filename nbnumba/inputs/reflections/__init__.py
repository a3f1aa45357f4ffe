"""Readers of reflection files: text, MTZ, SF-CIF, and coordinates from which reflections are calculated."""

import math
import os
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.reflections.cif import cif_format, read_sf_cif
from nbnumba.inputs.reflections.coordinates import read_coordinates
from nbnumba.inputs.reflections.hkl_text import read_hkl_text
from nbnumba.inputs.reflections.mtz import read_mtz
from nbnumba.model.reflections import Reflections

__all__ = ["FORMATS", "read_reflections"]

FORMATS = ("hkl", "mtz", "sf-cif", "coordinates")
_SUFFIXES = {".mtz": "mtz", ".pdb": "coordinates", ".ent": "coordinates", ".cif": "cif", ".mmcif": "cif"}


def read_reflections(
    path: str | os.PathLike[str],
    *,
    resolution: float | None = None,
    column: str | None = None,
    bulk_solvent: bool = False,
    format: str | None = None,
) -> Reflections:
    """Reads reflections from a file, or calculates them from coordinates.

    path: a file, plain or .gz, whose kind follows from its name: .mtz; .pdb or .ent coordinates; .cif or .mmcif
    coordinates or structure factors, whichever is in there; any other name a text list of h k l F.
    format: the kind, "hkl", "mtz", "sf-cif" or "coordinates", where the name does not tell it.
    resolution: smallest spacing d in angstrom; needed for coordinates, cuts MTZ and SF-CIF, not for text.
    column: label (or type letter) for MTZ, tag for SF-CIF; by default amplitudes before intensities.
    bulk_solvent: adds a flat solvent to coordinates.
    Returns reflections in P1 with amplitudes in electrons (text: as listed), whose `origin` holds the path as
    "file" and the keyword arguments that read it again. Raises NbnumbaError for what cannot be read or asked.
    """
    file = _absolute(path)
    resolution = _checked_resolution(resolution)
    if column is not None and not isinstance(column, str):
        raise NbnumbaError(f"column is {column!r}; give the label of a column as text.")
    kind = _kind(file, format)
    _check_options(file, kind, resolution=resolution, column=column, bulk_solvent=bulk_solvent)
    reflections, used = _read(file, kind, resolution, column, bulk_solvent)
    options = {"column": used, "resolution": resolution, "bulk_solvent": bulk_solvent or None, "format": format}
    origin = {"file": str(file), **{name: value for name, value in options.items() if value is not None}}
    return replace(reflections, origin=origin)


def _read(
    file: Path, kind: str, resolution: float | None, column: str | None, bulk_solvent: bool
) -> tuple[Reflections, str | None]:
    """The reflections and the column they are from, where the kind of file has columns."""
    if kind == "mtz":
        return read_mtz(file, column, resolution)
    if kind == "sf-cif":
        return read_sf_cif(file, column, resolution)
    if kind == "coordinates":
        return read_coordinates(file, resolution, bulk_solvent), None
    return read_hkl_text(file), None


def _absolute(path: Any) -> Path:
    try:
        return Path(os.path.abspath(os.fsdecode(path)))
    except TypeError as error:
        raise NbnumbaError(f"path is {path!r}; give the path of a file as text or pathlib.Path.") from error


def _kind(file: Path, format: str | None) -> str:
    if format is not None:
        if format not in FORMATS:
            raise NbnumbaError(f"format is {format!r}; give one of {', '.join(FORMATS)}, or leave it out.")
        return format
    stem = file.with_suffix("") if file.suffix.lower() == ".gz" else file
    kind = _SUFFIXES.get(stem.suffix.lower(), "hkl")
    return cif_format(file) if kind == "cif" else kind


def _checked_resolution(resolution: float | None) -> float | None:
    if resolution is None:
        return None
    number = isinstance(resolution, Real) and not isinstance(resolution, bool)
    if not (number and math.isfinite(resolution) and resolution > 0):
        raise NbnumbaError(f"resolution is {resolution!r}; give a finite number of angstrom above 0.")
    return float(resolution)


def _check_options(file: Path, kind: str, **options: Any) -> None:
    """Refuses options that a kind of file has no use for, rather than passing over them."""
    unused = {"hkl": ("resolution", "column", "bulk_solvent"), "coordinates": ("column",)}
    for name in unused.get(kind, ("bulk_solvent",)):
        if options[name]:
            raise NbnumbaError(
                f"{name} is {options[name]!r}, but {file} is read as {kind}, which has no use for it; "
                f"leave it out, or give the true kind of the file with format=."
            )
