"""A data set on the disk: its files, and the manifest that says what they are of."""

from __future__ import annotations

import difflib
import json
import logging
import os
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from nbnumba import __version__
from nbnumba.atomic import new_file
from nbnumba.datasets.log import LOG
from nbnumba.datasets.provenance import is_finished, logged_in, read_provenance
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shard import Shard, shards
from nbnumba.errors import NbnumbaError

log = logging.getLogger(__name__)

MANIFEST, MASTER, REPORT = "manifest.json", "master.h5", "report.html"
_DIFFERENCES = 20  # lines that are shown
_PATIENCE = 2.0  # seconds between lines of the log
_SHARD = re.compile(r"shard-\d+\.h5")


class Plan(NamedTuple):
    """What there is to do in a folder."""

    folder: Path
    all: list[Shard]
    missing: list[Shard]


def prepare(recipe: Recipe, folder: str | Path, *, resume: bool = False, overwrite: bool = False) -> Plan:
    """Make a folder ready for a data set, and tell which files are missing.

    Args:
        recipe: of the data set.
        folder: which is made where it is not there.
        resume: keep the files that are finished and, as all of them are read for it, undamaged.
        overwrite: remove a data set that is there, whatever its recipe.

    Raises:
        NbnumbaError: the folder holds a data set of another recipe (the difference is shown) or version, or of this one
            and neither ``resume`` nor ``overwrite`` is asked for.
    """
    folder = _own_folder(folder)
    if overwrite:
        _remove(folder)
    before, plan = _before(recipe, folder), shards(recipe)
    there = [shard for shard in plan if (folder / shard.name).exists()]
    if there and not resume:
        raise NbnumbaError(f"{folder}: holds {len(there)} files of this data set; add --resume for what is missing, "
                           "or --overwrite to begin anew")  # fmt: skip
    _claim(recipe, folder, plan, before)
    return Plan(folder, plan, _unfinished(recipe, folder, plan))


def made_folder(folder: str | Path) -> Path:
    """A folder, made where it is not there.

    Raises:
        NbnumbaError: a file is in its place, or it cannot be made.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NbnumbaError(f"{folder}: cannot be made a folder ({error.strerror}); name another one") from None
    return Path(folder)


def _own_folder(folder: str | Path) -> Path:
    """A folder, made where it is not there, in which no other file has a name that a data set takes.

    Raises:
        NbnumbaError: there is such a file, or as ``made_folder``.
    """
    folder = made_folder(folder)
    there = [name for name in (MASTER, REPORT, LOG) if os.path.lexists(folder / name)]
    # Looked for in this order, as another process may begin here at the same time, with the manifest.
    if there and not (folder / MANIFEST).exists() and not any(folder.glob("shard-*.h5")):
        raise NbnumbaError(
            f"{folder / there[0]}: would be written over, and is of no data set, as there is no {MANIFEST}; name "
            "another folder, or move it away"
        )
    return folder


def prepare_share(recipe: Recipe, folder: str | Path, first: int, step: int | None = None) -> list[Shard]:
    """Files first, first + step ... that are not finished, for those who make a share each, at once and in any order.

    Args:
        recipe: of the data set.
        folder: which is made where it is not there.
        first: number of the first file.
        step: from one to the next; None: there is only one.

    Raises:
        NbnumbaError: no such file, or the folder holds a data set of another recipe or version.
    """
    folder, plan = Path(folder), shards(recipe)
    last = (len(plan) if step is None else step) - 1
    if not 0 <= first <= last:
        raise NbnumbaError(f"--shard: found {first}; allowed: 0 to {last}")
    folder = _own_folder(folder)
    _claim(recipe, folder, plan, _before(recipe, folder))
    return _unfinished(recipe, folder, plan[first :: step or len(plan)])


def _unfinished(recipe: Recipe, folder: Path, wanted: list[Shard]) -> list[Shard]:
    logged, told, missing = logged_in(folder), time.monotonic(), []
    for number, shard in enumerate(wanted):
        if time.monotonic() - told > _PATIENCE:
            log.info("looked through %d of %d files", number, len(wanted))
            told = time.monotonic()
        if not is_finished(recipe, shard, folder, logged):
            missing.append(shard)
    return missing


def _remove(folder: Path) -> None:
    """Remove the files of a data set, and nothing else."""
    named = [folder / name for name in (MASTER, MANIFEST, LOG, REPORT)]
    for path in [*folder.glob("shard-*.h5"), *folder.glob(".shard-*.h5"), *named]:
        path.unlink(missing_ok=True)


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        _check_manifest(found)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, RecursionError, OSError) as error:
        raise NbnumbaError(
            f"{folder / MANIFEST}: cannot be read ({error}); remove it, or name another folder"
        ) from None
    return dict(found)


def _check_manifest(found: Any) -> None:
    """Refuse what is no manifest, or names files that are none of a data set, by some ValueError or its like."""
    for name, kind in (("version", str), ("recipe_hash", str), ("recipe", str), ("count", int), ("shards", dict)):
        if not isinstance(found[name], kind):
            raise TypeError(f"found {found[name]!r:.60} for {name!r}")
        if kind is str and b"\0" in found[name].encode():  # neither that nor halves of characters go into HDF5
            raise ValueError(f"found a null character for {name!r}")
    if not isinstance(found.get("contents", {}), dict):
        raise TypeError(f"found {found['contents']!r:.60} for 'contents'")
    for name, images in found["shards"].items():
        if not _SHARD.fullmatch(name) or [type(number) for number in images] != [int, int]:
            raise ValueError(f"found a file {name!r:.60} of the images {images!r:.60}")


def manifest_of(folder: Path) -> dict[str, Any]:
    """What the manifest of a folder says.

    Raises:
        NbnumbaError: no data set.
    """
    found = _read_manifest(folder)
    if found is None:
        raise NbnumbaError(f"{folder}: no data set, as there is no {MANIFEST}")
    return found


def _before(recipe: Recipe, folder: Path) -> dict[str, Any] | None:
    """The manifest that is in a folder; neither it, nor a file where there is none, may be of another recipe."""
    before = _read_manifest(folder)
    if before is not None:
        _check_same(recipe, before, folder)
        return before
    for path in sorted(folder.glob("shard-*.h5")):
        said = read_provenance(path)
        if said is not None:
            _check_same(recipe, said._asdict(), folder)
    return None


def _claim(recipe: Recipe, folder: Path, plan: list[Shard], before: dict[str, Any] | None) -> None:
    """Have the manifest be that of a recipe; of several that come to an empty folder at once, one writes it."""
    if before is not None and before["count"] == recipe.count:
        return
    content = {
        "program": "nbnumba", "version": __version__, "recipe_hash": recipe.hash, "count": recipe.count,
        "shards": {shard.name: (shard.first, shard.stop) for shard in plan}, "recipe": recipe.to_toml(),
        "contents": recipe.contents,
    }  # fmt: skip
    try:
        with new_file(folder / MANIFEST, overwrite=before is not None) as part:
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except NbnumbaError:
        if not (folder / MANIFEST).exists():
            raise
    _check_same(recipe, manifest_of(folder), folder)


def _check_same(recipe: Recipe, before: dict[str, Any], folder: Path) -> None:
    """Refuse a folder with a data set of another recipe; a larger number of images is the same one, made longer."""
    if before["version"] != __version__:
        raise NbnumbaError(f"{folder}: holds a data set of nbnumba {before['version']}, whose images may differ from "
                           f"those of this version, {__version__}; install that one, name another folder, or "
                           "--overwrite to remove it")  # fmt: skip
    if before["recipe_hash"] == recipe.hash:
        if before.get("count", 0) > recipe.count:
            raise NbnumbaError(f"count: found {recipe.count}, while {folder} holds a set of {before['count']} images; "
                               "name another folder, or add --overwrite")  # fmt: skip
        return
    lines = difflib.unified_diff(before["recipe"].splitlines(), recipe.to_toml(count="count" in before).splitlines(),
                                 "there", "asked for", lineterm="", n=0)  # fmt: skip
    shown = [line for line in lines if not line.startswith("@@")]
    more = [f"... and {len(shown) - _DIFFERENCES} lines more"] if len(shown) > _DIFFERENCES else []
    text = "\n  ".join(
        [*shown[:_DIFFERENCES], *more, *_changed_files(recipe, before)] or ["the contents of a file that it names"]
    )
    raise NbnumbaError(f"{folder}: holds a data set of another recipe; name another folder, or --overwrite to remove "
                       f"it. What differs:\n  {text}")  # fmt: skip


def _changed_files(recipe: Recipe, before: dict[str, Any]) -> list[str]:
    """Which files have other contents than they had, as far as that was kept; one line, or none."""
    had = before.get("contents", {})
    changed = [name for name, digest in recipe.contents.items() if had.get(name, digest) != digest]
    return [f"the contents of {', '.join(changed)}"] if changed else []
