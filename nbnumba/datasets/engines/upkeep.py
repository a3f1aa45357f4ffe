"""Files that are under way: what a run that was killed left, what another run is making, and what it has made.

There are no locks. Two runs that make the same file make the same bytes, and each gives it its name in one step; that
they seldom do so is a matter of speed alone.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from nbnumba.atomic import hidden_in
from nbnumba.datasets.folder import MANIFEST, MASTER
from nbnumba.datasets.provenance import is_finished
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shard import Shard

_WRITTEN = re.compile(rf"shard-\d+\.h5|{re.escape(MASTER)}|{re.escape(MANIFEST)}")

#: What tells two files of one name apart; None: there is none.
Stamp = tuple[int, int, int] | None


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove the half-written files of processes that are no more; their paths."""
    found = [part for name, part, written in hidden_in(folder) if not written and _WRITTEN.fullmatch(name)]
    for part in found:
        _unlink(part)
    return found


def remove_leftover(folder: Path, shard: Shard, process: int) -> None:
    """Remove what a process that was killed has left of a file."""
    for name, part, _ in hidden_in(folder):
        if name == shard.name and f"-{process}-" in part.name:
            _unlink(part)


def _unlink(part: Path) -> None:
    with contextlib.suppress(OSError):  # another run does the same
        part.unlink()


def under_way(folder: Path) -> set[str]:
    """Names of files that are being written now."""
    return {name for name, _, written in hidden_in(folder) if written}


def stamp(folder: Path, shard: Shard) -> Stamp:
    """What tells this file from another of its name."""
    try:
        found = (folder / shard.name).stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def made_since(recipe: Recipe, shard: Shard, folder: Path, before: Stamp) -> bool:
    """Whether somebody has made a file since it had a stamp."""
    return stamp(folder, shard) != before and is_finished(recipe, shard, folder)


class Queue:
    """Files that are to be made, those first that nobody else is making."""

    def __init__(self, recipe: Recipe, folder: Path, wanted: list[Shard]) -> None:
        self.recipe, self.folder = recipe, folder
        self._before = {shard: stamp(folder, shard) for shard in wanted}

    def next(self) -> tuple[Shard | None, list[Shard]]:
        """A file to make, None if there is none left; and those that turned out to be made by somebody else."""
        made: list[Shard] = []
        while self._before:
            busy = under_way(self.folder)
            shard = min(self._before, key=lambda one: one.name in busy)
            before = self._before.pop(shard)
            if not made_since(self.recipe, shard, self.folder, before):
                return shard, made
            made.append(shard)
        return None, made

    def put_back(self, shard: Shard) -> None:
        """Have a file made again."""
        self._before = {shard: stamp(self.folder, shard), **self._before}
