"""Experiments from TOML, from files that a person wrote: what is wrong is told by the name of its key."""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NamedTuple, cast

from nbnumba.errors import NbnumbaError
from nbnumba.model.changes import ITEMS, PARTS, SEVERAL, changed, put, unknown_part, with_items, without_rivals
from nbnumba.model.detector import Detector
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import Mask
from nbnumba.model.mosaic import Mosaic
from nbnumba.model.packed import unpack_array
from nbnumba.model.panel import Panel
from nbnumba.model.presets import Preset, over, preset, replaced_by
from nbnumba.model.response import Response
from nbnumba.model.sources import Sources
from nbnumba.model.spectrum import Spectrum
from nbnumba.model.toml_reflections import reflections_of
from nbnumba.model.validate import refuse, unknown_key

log = logging.getLogger(__name__)
#: Keys for which the parser takes the square of their parts, or comes to its limit.
_NESTED = re.compile(r"""(?<![\w"'-])(?:["']?[\w-]*+["']?\.){100}""")
Reader = Callable[[str, Any, Path], Any]


class Source(NamedTuple):
    """TOML text, and where it is from."""

    text: str
    name: str  # for errors
    folder: Path  # that paths in it are relative to
    is_file: bool


def source_of(source: str | Path, unnamed: str, kind: str) -> Source:
    """TOML text that is given itself (it holds a line break, or an equals sign and is no file), or that of a file.

    Args:
        source: text, or name of a file.
        unnamed: name of text.
        kind: what a file should be, for errors.

    Raises:
        NbnumbaError: the file cannot be read.
    """
    from nbnumba.inputs.text import is_pipe, read_text

    if isinstance(source, str) and ("\n" in source or ("=" in source and not os.path.exists(source))):
        return Source(source, unnamed, Path.cwd(), False)
    folder = Path.cwd() if is_pipe(source) else Path(os.path.realpath(source)).parent
    return Source(read_text(source, kind), str(source), folder, True)


def load(source: str | Path, settings: Mapping[str, Any], like: str | Path | None = None) -> Experiment:
    """Experiment from a TOML file or from TOML text."""
    given = source_of(source, "TOML text", "a TOML file with an experiment")
    tree = tree_of(given.text, given.name)
    if like is not None:
        from nbnumba.inputs.like import likened

        tree = likened(tree, like)
    try:
        found = _experiment(_with_settings(tree, settings), given.folder)
    except NbnumbaError as error:
        raise NbnumbaError(f"{given.name}: {error}") from None
    if given.is_file:
        changes = "".join(f", {key} = {value!r}" for key, value in settings.items())
        log.info("read %s: an experiment%s", given.name, changes)
    return found


def tree_of(text: str, name: str) -> dict[str, Any]:
    """Tables of TOML text, which errors call by a name.

    Raises:
        NbnumbaError: it is no TOML.
    """
    if _NESTED.search(text):
        raise NbnumbaError(f"{name}: found a key of 100 parts or more; allowed: those of an experiment or a recipe")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # the first of which is that of numbers of thousands of digits too
        raise NbnumbaError(f"{name}: not valid TOML: {error}") from None


def from_tree(tree: Mapping[str, Any], folder: Path, settings: Mapping[str, Any]) -> Experiment:
    """Experiment from the tables of a TOML file that lies in a folder, with values by dotted name put over them."""
    return _experiment(_with_settings(dict(tree), settings), folder)


def value_of(name: str, value: Any, folder: Path) -> Any:
    """What a value of a TOML file in a folder stands for, where the field of that dotted name is a file or a table."""
    return _SPECIAL[name.rpartition(".")[2]](name, value, folder) if is_file(name) else value


def is_file(name: str) -> bool:
    """Whether the field of that dotted name is a file or a table of its own."""
    return name.rpartition(".")[2] in _SPECIAL


def _with_settings(tree: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in settings.items():
        put(changes, name, value)
    kept = dict(tree)
    for name in ("detector", "response"):
        given, before = changes.get(name), tree.get(name)
        if isinstance(given, dict) and "preset" in given and isinstance(before, dict):
            kept[name] = {key: value for key, value in before.items() if key not in replaced_by(name)}
    return _merged(kept, changes)


def _merged(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Nested tables with changes; None marks what an alternative took the place of."""
    values = dict(changes)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            # A new file of reflections, say, takes the place of all that described the old one.
            values[key] = value if "file" in value else _merged(table[key], value)
        if isinstance(value, dict) and isinstance(table.get(key), list) and key in ITEMS:
            values[key] = list(with_items(key, table[key], value, lambda item, given, _: _merged(item, given)))
    merged = without_rivals(table, values)
    return {key: value for key, value in merged.items() if value is not None}


def _experiment(tree: dict[str, Any], folder: Path) -> Experiment:
    parts: dict[str, Any] = {}
    if isinstance(tree.get("detector"), dict) and "geometry" in tree["detector"]:
        tree, parts["detector"] = _with_geometry(tree, folder)
    for name, table in tree.items():
        if name in PARTS:
            parts[name] = _part(name, PARTS[name], table, folder)
        elif name not in SEVERAL:
            raise unknown_part(name)
    for name in ("crystal", "beam", "detector"):
        if name not in parts:
            raise NbnumbaError(f"experiment: no table [{name}]; there must be [crystal], [beam] and [detector]")
    for name in SEVERAL:
        if name in tree:
            model = parts["crystal"] if name == "lattices" else None
            parts[name] = _several(name, SEVERAL[name], tree[name], folder, model)
    return Experiment(**parts)


#: What a file with the geometry says of the beam, and what may be said of the detector beside it.
OF_BEAM = ("wavelength", "direction", "polarization_axis", "polarization", "stokes")
_BESIDE_GEOMETRY = (
    "mask",
    "roi",
    "sensor_thickness",
    "sensor_mu",
    "sensor_material",
    "sensor_density",
    "point_pixels",
)


def _with_geometry(tree: dict[str, Any], folder: Path) -> tuple[dict[str, Any], Detector]:
    """The other tables, with what a file of the geometry says of beam and spindle and they do not; and the detector."""
    from nbnumba.inputs.geometry import read_geometry

    tables = dict(tree)
    table = dict(tables.pop("detector"))
    given = table.pop("geometry")
    file = {"file": given} if isinstance(given, str) else given
    if not isinstance(file, dict) or "file" not in file or set(file) - {"file", "number"}:
        raise refuse("detector.geometry", given, "the name of a file, or a table with file and number")
    found = read_geometry(os.path.join(folder, str(file["file"])), number=file.get("number", 0))
    for key in table:
        if key not in _BESIDE_GEOMETRY:
            raise unknown_key("detector, beside geometry", key, _BESIDE_GEOMETRY)
    named = {name: getattr(found.beam, name) for name in OF_BEAM}
    if isinstance(tables.setdefault("beam", {}), dict):
        named.pop("stokes" if found.beam.stokes is None else "polarization")
        if "spectrum" in tables["beam"]:  # whose mean is the wavelength
            named.pop("wavelength")
        tables["beam"] = without_rivals(named, tables["beam"])
    if isinstance(tables.get("scan"), dict) and found.spindle is not None:
        tables["scan"] = {"axis": found.spindle, **tables["scan"]}
    beside = _values("detector", Detector, table, folder, _SPECIAL)
    current = {f.name: getattr(found.detector, f.name) for f in fields(Detector)}
    return tables, Detector(**without_rivals(current, beside))


def _values(where: str, kind: type, table: Any, folder: Path, special: Mapping[str, Reader]) -> dict[str, Any]:
    """Fields of a part that a table gives, those that are files or tables as what they stand for."""
    known = [f.name for f in fields(kind)]
    if not isinstance(table, dict):
        raise NbnumbaError(f"{where}: found {table!r}; allowed: a table with the keys {', '.join(known)}")
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key == "preset" and kind in _WITH_PRESETS:
            continue
        if key not in known:
            raise unknown_key(where, key, known)
        values[key] = special[key](f"{where}.{key}", value, folder) if key in special else value
    preset_values = _of_preset(where, kind, table)
    return over(preset_values, values) if preset_values else values


def _part(where: str, kind: type, table: Any, folder: Path) -> Any:
    values = _values(where, kind, table, folder, _SPECIAL)
    required = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    for name in required:
        if name not in values:
            raise NbnumbaError(f"{where}.{name}: found nothing; it must be given, as there is no default")
    return kind(**values)


#: Parts whose fields can be those of a detector that people use.
_WITH_PRESETS: dict[type, Callable[[Preset], dict[str, Any]]] = {
    Detector: Preset.detector,
    Response: lambda found: found.response,
}


def _of_preset(where: str, kind: type, table: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that a table leaves to the detector that it names."""
    if kind not in _WITH_PRESETS or "preset" not in table:
        return {}
    return dict(_WITH_PRESETS[kind](preset(table["preset"], where)))


def _several(where: str, kind: type, tables: Any, folder: Path, model: Any = None) -> tuple[Any, ...]:
    """Parts of one kind; what their tables leave out is as in a ``model``, if there is one, or as by default."""
    if not isinstance(tables, list):
        raise NbnumbaError(f"{where}: found {tables!r}; allowed: tables [[{where}]], one for each")
    names = [f"{where}.{i}" for i in range(len(tables))]
    if model is None:
        return tuple(_named(name, _part, kind, table, folder) for name, table in zip(names, tables, strict=True))
    return tuple(_named(name, _variant, model, table, folder) for name, table in zip(names, tables, strict=True))


def _variant(where: str, model: Any, table: Any, folder: Path) -> Any:
    """A part like another one with what a table holds; [] there stands for nothing."""
    special = {"reflections": lambda *given: reflections_of(*given) if given[1] != [] else None}
    values = _values(where, type(model), table, folder, special)
    return changed(model, {key: None if value == [] else value for key, value in values.items()}, where)


def _named(where: str, make: Callable[..., Any], *arguments: Any) -> Any:
    """What a function makes, whose errors begin with a name."""
    try:
        return make(where, *arguments)
    except NbnumbaError as error:
        raise error if str(error).startswith(where) else NbnumbaError(f"{where}: {error}") from None


def _mosaic(where: str, value: Any, folder: Path) -> Any:
    return _part(where, Mosaic, value, folder)


def _panels(where: str, value: Any, folder: Path) -> tuple[Panel, ...]:
    return _several(where, Panel, value, folder)


def _mask(where: str, value: Any, folder: Path) -> Mask:
    if isinstance(value, str):
        from nbnumba.inputs.mask import read_mask

        return read_mask(os.path.join(folder, value))
    if not isinstance(value, dict) or "array" not in value:
        raise NbnumbaError(f"{where}: found {value!r}; allowed: the name of a file, or a table with an 'array'")
    return Mask(unpack_array(f"{where}.array", value["array"], "bool"))


def _sources(where: str, value: Any, folder: Path) -> Sources:
    if isinstance(value, str):
        from nbnumba.inputs.sources import read_sources

        return read_sources(os.path.join(folder, value))
    return Sources(tuple(value) if isinstance(value, list) else ())


def _scattering(where: str, value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        from nbnumba.inputs.scattering import read_scattering

        return read_scattering(os.path.join(folder, value))
    return value


def _spectrum(where: str, value: Any, folder: Path) -> Spectrum:
    if isinstance(value, str):
        value = {"file": value}
    if not isinstance(value, dict) or not isinstance(value.get("file", ""), str):
        raise NbnumbaError(f"{where}: found {value!r}; allowed: a file, or a table with wavelengths and weights")
    if "file" not in value:
        return cast(Spectrum, _part(where, Spectrum, value, folder))
    from nbnumba.inputs.spectra import read_spectrum

    for key in value:
        if key not in ("file", "shot"):
            raise unknown_key(where, key, ("file", "shot"))
    return read_spectrum(os.path.join(folder, value["file"]), value.get("shot", 0))


_SPECIAL: dict[str, Reader] = {
    "mosaic": _mosaic,
    "reflections": reflections_of,
    "mask": _mask,
    "sources": _sources,
    "table": _scattering,
    "spectrum": _spectrum,
    "panels": _panels,
}
