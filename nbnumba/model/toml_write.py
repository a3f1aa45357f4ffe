"""Experiments to TOML: one table for each part, one key for each field, units in the documentation of the classes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import tomli_w

from nbnumba.atomic import new_file
from nbnumba.model.changes import ITEMS, without_rivals
from nbnumba.model.detector import PLACING
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import Mask
from nbnumba.model.packed import pack_array
from nbnumba.model.reflections import Reflections
from nbnumba.model.sources import Sources
from nbnumba.model.spectral import SpectralReflections

_LISTED = 50  # reflections up to this number are written as readable rows


def dump(experiment: Experiment, file: str | Path | None, *, inline: bool, overwrite: bool) -> str:
    """TOML text of an experiment, also written to ``file`` if one is named."""
    text = tomli_w.dumps(table_of(experiment, inline))
    if file is not None:
        with new_file(file, overwrite) as part:
            part.write_text(text, encoding="utf-8")
    return text


def table_of(part: Any, inline: bool) -> dict[str, Any]:
    """Table of an experiment or a part of it; ``inline``: with everything that it refers to."""
    values = {f.name: getattr(part, f.name) for f in fields(part)}
    left_out = [name for name in ITEMS if values.get(name) == ()]
    left_out += ["pixels", *PLACING] if values.get("panels") else []  # which follow from the panels, or are empty
    given = {name: value for name, value in values.items() if value is not None and name not in left_out}
    table = {name: _plain(value, inline) for name, value in given.items()}
    if isinstance(part, Experiment) and part.lattices:
        table["lattices"] = [_differences(table["crystal"], lattice) for lattice in table["lattices"]]
    return table


def _differences(crystal: dict[str, Any], lattice: dict[str, Any]) -> dict[str, Any]:
    """What a table of a further lattice has to hold; [] for what it has not got while the crystal has."""
    changes = {name: value for name, value in lattice.items() if crystal.get(name) != value}
    left = [name for name, value in without_rivals(crystal, changes).items() if value is not None]
    return {**changes, **{name: [] for name in left if name not in lattice}}


def _plain(value: Any, inline: bool) -> Any:
    if isinstance(value, Sources):
        return [list(row) for row in value.rows]
    if isinstance(value, Reflections | SpectralReflections):
        return _plain_reflections(value, inline)
    if isinstance(value, Mask):
        return {"array": pack_array(value.pixels)}
    if is_dataclass(value):
        return table_of(value, inline)
    if isinstance(value, tuple):
        return [_plain(item, inline) for item in value]
    return value


def _plain_reflections(reflections: Reflections | SpectralReflections, inline: bool) -> dict[str, Any]:
    if reflections.origin and not inline:
        given = {key: value for key, value in reflections.origin.items() if value is not None}
        return {**given, "digest": reflections.digest}
    if isinstance(reflections, SpectralReflections):
        tables = [_plain_reflections(table, inline) for table in reflections.tables]
        return {"wavelengths": list(reflections.wavelengths), "tables": tables}
    cell = {"cell": list(reflections.cell)} if reflections.cell else {}
    if len(reflections.amplitude) <= _LISTED:
        rows = zip(reflections.hkl.tolist(), reflections.amplitude.tolist(), strict=True)
        return {"list": [[*hkl, f] for hkl, f in rows], **cell}
    return {"hkl": pack_array(reflections.hkl), "amplitude": pack_array(reflections.amplitude), **cell}
