"""A data set, or a part of it, by one of the engines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from nbnumba.datasets.engines.upkeep import Queue, remove_leftovers
from nbnumba.datasets.folder import prepare, prepare_share
from nbnumba.datasets.master import write_master
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shard import Progress, Shard, write_shard

log = logging.getLogger(__name__)


class Work(NamedTuple):
    """What an engine has to do, and whom to tell."""

    recipe: Recipe
    folder: Path
    wanted: list[Shard]
    threads: int | None  # of the CPU for each process; None: as the engine sees fit
    device: str
    tell: Tell


#: Makes the files of a work.
Engine = Callable[[Work], None]
Report = Callable[[dict[str, Any]], None]


class Tell:
    """Tells how far a work is."""

    def __init__(self, total: int, progress: Progress | None, report: Report | None) -> None:
        self._total, self._progress, self._report = total, progress, report
        self._finished, self._begun = 0, dict[str, int]()
        self.made = 0  # images, by this run
        self._show()

    def images(self, shard: Shard, done: int) -> None:
        """So many images of a file are done."""
        self._begun[shard.name] = done
        self._show()

    def lost(self, shard: Shard) -> None:
        """What was done of a file is lost."""
        self._begun.pop(shard.name, None)

    def finished(self, shard: Shard, found: dict[str, Any] | None) -> None:
        """A file is there: as ``write_shard`` told, or None if somebody else has made it."""
        self._begun.pop(shard.name, None)
        self._finished += shard.images
        if found is None:
            log.info("%s: made by another run", shard.name)
        else:
            self.made += shard.images
            log.info("%s: %d images in %.3f s", shard.name, shard.images, found["seconds"])
        if found is not None and self._report is not None:
            self._report(found)
        self._show()

    def _show(self) -> None:
        if self._progress is not None:
            self._progress(self._finished + sum(self._begun.values()), self._total)


def make_dataset(
    recipe: Recipe,
    folder: str | Path,
    engine: Engine | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    share: tuple[int, int | None] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """Make a data set; what is there is the same whatever makes it, and however often it is stopped.

    Args:
        recipe: what to make.
        folder: where; see ``prepare`` for ``resume`` and ``overwrite``.
        engine: what makes the files; None: this process.
        share: (i, n): make files i, i + n, i + 2 n ... alone, (i, None) file i alone, as far as they are not finished;
            the master is then left to ``write_master``. Those who make other shares may be at work at the same time.
        threads: of the CPU for each process; None: as the engine sees fit.
        device: where crystals are rendered, as ``simulate`` has it.
        progress: called as progress(done, total) with numbers of images.
        report: called with what ``write_shard`` returns, after each file.

    Returns:
        folder, images, made (images made by this run), seconds, content_hash (None with ``share``).

    Raises:
        NbnumbaError: as ``prepare`` and ``write_shard``.
        NbnumbaJobError: a file that could not be made though its processes were replaced.
    """
    start, folder = time.perf_counter(), Path(folder)
    if share is None:
        wanted = prepare(recipe, folder, resume=resume, overwrite=overwrite).missing
    else:
        wanted = prepare_share(recipe, folder, *share)
    for part in remove_leftovers(folder):
        log.info("removed %s, which a run that was killed has left", part)
    tell = Tell(sum(shard.images for shard in wanted), progress, report)
    try:
        if wanted:
            (engine or in_this_process)(Work(recipe, folder, wanted, threads, device, tell))
    finally:
        remove_leftovers(folder)
    whole = None if share is not None else write_master(folder)
    return {"folder": str(folder), "images": recipe.count, "made": tell.made, "seconds": time.perf_counter() - start,
            "content_hash": whole}  # fmt: skip


def in_this_process(work: Work) -> None:
    """Engine: one file after another, here."""
    queue = Queue(work.recipe, work.folder, work.wanted)
    while True:
        shard, others = queue.next()
        for other in others:
            work.tell.finished(other, None)
        if shard is None:
            return
        found = write_shard(
            work.recipe, shard, work.folder, _images_of(work.tell, shard), threads=work.threads or 1, device=work.device
        )
        work.tell.finished(shard, found)


def _images_of(tell: Tell, shard: Shard) -> Progress:
    return lambda done, _: tell.images(shard, done)
