"""Readers of reflection files: text, MTZ, SF-CIF, and coordinates from which reflections are calculated."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.reflections.anomalous import Anomalous, Given, checked_anomalous, checked_wavelengths
from nbnumba.inputs.reflections.cif import cif_format, read_sf_cif
from nbnumba.inputs.reflections.coordinates import read_coordinates
from nbnumba.inputs.reflections.hkl_text import read_hkl_text
from nbnumba.inputs.reflections.mtz import read_mtz
from nbnumba.inputs.text import is_pipe, naming
from nbnumba.model.reflections import Reflections
from nbnumba.model.spectral import SpectralReflections
from nbnumba.model.validate import number

__all__ = ["FORMATS", "read_reflections"]

log = logging.getLogger(__name__)

FORMATS = ("hkl", "mtz", "sf-cif", "coordinates")
_SUFFIXES = {".mtz": "mtz", ".pdb": "coordinates", ".ent": "coordinates", ".cif": "cif", ".mmcif": "cif"}


@overload
def read_reflections(
    path: str | os.PathLike[str], *, wavelength: float | None = None, **options: Any
) -> Reflections: ...
@overload
def read_reflections(
    path: str | os.PathLike[str], *, wavelength: Sequence[float], **options: Any
) -> SpectralReflections: ...
def read_reflections(  # type: ignore[misc]  # all options stand here alone
    path: str | os.PathLike[str],
    *,
    resolution: float | None = None,
    column: str | None = None,
    bulk_solvent: bool = False,
    anomalous: Anomalous = False,
    wavelength: float | Sequence[float] | None = None,
    b_factor: float | None = None,
    scale: float | None = None,
    format: str | None = None,
) -> Reflections | SpectralReflections:
    """Reads reflections from a file, or calculates them from coordinates.

    path: a file, plain or .gz, whose kind follows from its name: .mtz; .pdb or .ent coordinates; .cif or .mmcif
    coordinates or structure factors, whichever is in there; any other name a text list of h k l F.
    format: the kind, "hkl", "mtz", "sf-cif" or "coordinates", where the name does not tell it.
    resolution: smallest spacing d in angstrom; needed for coordinates, cuts MTZ and SF-CIF, not for text.
    column: label (or type letter) for MTZ, tag for SF-CIF; by default amplitudes before intensities.
    bulk_solvent: adds a flat solvent to coordinates.
    anomalous: adds f' and f'' of the elements to coordinates, at ``wavelength`` [A], so that Friedel mates differ; or
    values that take the place of the tables, near an edge, as {"Se": (-8.4, 1.8)} [electrons].
    wavelength: several make SpectralReflections, a list for each (and a pair f', f'' for each, where they are given).
    b_factor: B in square angstrom: amplitudes are multiplied by exp(-B (sin theta/lambda)^2); takes a cell in the file.
    scale: factor on amplitudes.
    Returns reflections in P1 with amplitudes in electrons (text: as listed), whose `origin` holds the path as
    "file" and the keyword arguments that read it again (of a pipe: nothing). Raises NbnumbaError for what
    cannot be read or asked.
    """
    file = _absolute(path)
    resolution = None if resolution is None else number("resolution", resolution, "A", above=0.0)
    if column is not None and not isinstance(column, str):
        raise NbnumbaError(f"column is {column!r}; give the label of a column as text.")
    waves = checked_wavelengths(wavelength)
    given = checked_anomalous(anomalous, waves)
    kind = _kind(file, format)
    _check_options(file, kind, resolution=resolution, column=column, bulk_solvent=bulk_solvent, anomalous=given)
    with naming(file):
        tables, used = _read(file, kind, resolution, column, bulk_solvent, given, waves)
    log.info("read %s: %s reflections (%s)", file, " + ".join(str(len(table)) for table in tables), used or kind)
    scale = None if scale is None else number("scale", scale, above=0.0)
    b_factor = None if b_factor is None else number("b_factor", b_factor, "A^2")
    if b_factor is not None or scale is not None:
        tables = [table.scaled(scale or 1.0, b_factor or 0.0) for table in tables]
    options = {"column": used, "resolution": resolution, "bulk_solvent": bulk_solvent or None,
               "anomalous": given or None, "wavelength": waves, "b_factor": b_factor, "scale": scale,
               "format": format}  # fmt: skip
    told = {"file": str(file), **{name: value for name, value in options.items() if value is not None}}
    origin = {} if is_pipe(file) else told  # a pipe is not read again
    if isinstance(waves, list):
        return SpectralReflections(tuple(waves), tuple(tables), origin)
    return replace(tables[0], origin=origin)


def _read(
    file: Path, kind: str, resolution: float | None, column: str | None, bulk_solvent: bool,
    anomalous: bool | Given, wavelength: float | list[float] | None,
) -> tuple[list[Reflections], str | None]:  # fmt: skip
    """The reflections, at each wavelength, and the column they are from, where the kind of file has columns."""
    if kind == "coordinates":
        return read_coordinates(file, resolution, bulk_solvent, anomalous, wavelength), None
    if kind == "hkl":
        return [read_hkl_text(file)], None
    reflections, used = read_mtz(file, column, resolution) if kind == "mtz" else read_sf_cif(file, column, resolution)
    return [reflections], used


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


def _check_options(file: Path, kind: str, **options: Any) -> None:
    """Refuses options that a kind of file has no use for, rather than passing over them."""
    unused = {"hkl": ("resolution", "column", "bulk_solvent", "anomalous"), "coordinates": ("column",)}
    for name in unused.get(kind, ("bulk_solvent", "anomalous")):
        if options[name]:
            raise NbnumbaError(
                f"{name} is {options[name]!r}, but {file} is read as {kind}, which has no use for it; "
                f"leave it out, or give the true kind of the file with format=."
            )
