"""The structures that images are drawn from: files with coordinates or reflections, whose cells come with them."""

from __future__ import annotations

import functools
import glob
import hashlib
import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbnumba.datasets.distributions import Drawing, drawing, is_spelled, spelled_out
from nbnumba.datasets.shipped import place
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.reflections import read_reflections
from nbnumba.inputs.text import refuse_pipe, unreadable
from nbnumba.model.reflections import Reflections
from nbnumba.model.spectral import SpectralReflections
from nbnumba.model.validate import number, refuse, unknown_key

_OPTIONS = tuple(name for name in inspect.signature(read_reflections).parameters if name != "path")


@dataclass(frozen=True)
class Structures:
    """A list of files, one of which every image is of.

    Attributes:
        files: their names, as in the recipe, relative to ``folder``; "nbnumba:1orc" comes with the package.
        digests: SHA-256 of what is in them.
        weights: how often each is drawn; None: all alike.
        options: for ``read_reflections``, such as the resolution [A].
        b_factor: how B [A^2] of each image is drawn; None: none but that of ``options``.
        folder: where the recipe lies.
    """

    files: tuple[str, ...]
    digests: tuple[str, ...]
    weights: tuple[float, ...] | None
    options: dict[str, Any]
    b_factor: Drawing | None
    folder: str = field(compare=False)

    def read(self, number: int) -> Reflections | SpectralReflections:
        """Reflections of a structure; the last few are kept.

        Raises:
            NbnumbaError: the file cannot be read, or is not what it was.
        """
        file = place(self.files[number], self.folder)
        return _read(str(file), self.digests[number], json.dumps(self.options))

    def table(self) -> dict[str, Any]:
        """As in TOML."""
        found: dict[str, Any] = {"files": list(self.files), **self.options}
        if self.weights is not None:
            found["weights"] = list(self.weights)
        return found if self.b_factor is None else found | {"b_factor": self.b_factor.table()}


def structures_of(value: Any, folder: Path) -> Structures:
    """Structures from the table [structures] of a recipe in a folder.

    Raises:
        NbnumbaError: a file that is not there, or an option that does not exist.
    """
    if not isinstance(value, dict) or "files" not in value:
        raise refuse("structures", value, 'a table with files = ["a.pdb", "b.mtz"], or a pattern as "structures/*.pdb"')
    table = dict(value)
    files = _files(table.pop("files"), folder)
    weights, given = table.pop("weights", None), table.get("b_factor")
    for key in table:
        if key not in _OPTIONS:
            raise unknown_key("structures", key, ["files", "weights", *_OPTIONS])
    drawn = None
    if is_spelled(given):
        del table["b_factor"]
        drawn = drawing("structures.b_factor", spelled_out("structures.b_factor", given))
    digests = tuple(file_digest(place(file, folder)) for file in files)
    return Structures(files, digests, _weights(weights, len(files)), table, drawn, str(folder))


def _files(value: Any, folder: Path) -> tuple[str, ...]:
    """Names of files; patterns stand for what they match, in the order of the alphabet."""
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not patterns or not all(isinstance(item, str) for item in patterns):
        raise refuse("structures.files", value, "names of files or patterns, as structures/*.pdb")
    found: list[str] = []
    for pattern in patterns:
        is_name = not glob.has_magic(pattern) or os.path.exists(folder / pattern)
        matched = [pattern] if is_name else sorted(glob.glob(pattern, root_dir=folder))
        if not matched:
            raise NbnumbaError(f"structures.files: nothing in {folder} matches {pattern!r}; name files that exist")
        found += [name for name in matched if name not in found]
    return tuple(found)


def _weights(value: Any, count: int) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != count:
        raise refuse("structures.weights", value, f"{count} numbers, one for each file")
    weights = tuple(number(f"structures.weights[{i}]", item, low=0.0) for i, item in enumerate(value))
    if not sum(weights) > 0.0:
        raise refuse("structures.weights", value, "not all 0")
    return weights


def file_digest(file: Path) -> str:
    """SHA-256 of what is in a file, in hexadecimal."""
    refuse_pipe(file, "structures")
    try:
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from None


@functools.lru_cache(maxsize=64)
def _read(file: str, digest: str, options: str) -> Reflections | SpectralReflections:
    if file_digest(Path(file)) != digest:
        raise NbnumbaError(f"{file}: is not what it was when the recipe was read; restore it, or begin a new data set")
    known: Mapping[str, Any] = json.loads(options)
    return read_reflections(file, **known)
