"""What makes the images of ``nbnumba dataset``: processes here, a cluster of Dask, or jobs of Slurm."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from nbnumba_cli import options, voice

_LINES = 60.0  # seconds between lines where there is no terminal to draw a bar on
_MINUTE, _HOUR = 60, 3600
_NUMBER = re.compile(r"\d{1,18}")

Options = Callable[[Callable[..., Any]], Callable[..., Any]]


class Share(click.ParamType):
    """I, the number of a file, or I/N: files I, I + N, I + 2 N ..."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int | None]:
        """Both numbers; None for an N that is not there."""
        first, slash, step = str(value).partition("/")
        if not _NUMBER.fullmatch(first) or (slash and not (_NUMBER.fullmatch(step) and int(step) > 0)):
            self.fail(f"found {value!r}; allowed: I or I/N, as 3 or 3/100", param, ctx)
        return int(first), int(step) if slash else None


def engine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that tell what makes the images."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS: tuple[Options, ...] = (
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=None,
        help="Processes, as in --workers 8 [default: one a core]; with --slurm, most jobs at a time.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        default=None,
        help="CPU threads of each process [default: 1, or more where there are fewer files than cores].",
    ),
    options.device,
    click.option(
        "--shard",
        type=Share(),
        default=None,
        metavar="I[/N]",
        help="Make file I alone, from 0, or files I, I + N, I + 2 N ..., as in --shard $SLURM_ARRAY_TASK_ID/100; "
        "others may make the rest at the same time. --master then shows them as one.",
    ),
    click.option(
        "--slurm",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="SCRIPT.sh",
        help="Only write a script that has Slurm make what is missing: an array of jobs, then the master.",
    ),
    click.option(
        "--sbatch",
        multiple=True,
        metavar="NAME=VALUE",
        help="With --slurm: option of sbatch for its jobs, as in --sbatch time=02:00:00 --sbatch partition=short "
        "--sbatch cpus-per-task=8 --sbatch gres=gpu:1; may be repeated.",
    ),
    click.option(
        "--dask",
        default=None,
        metavar="ADDRESS",
        help="Have a cluster of Dask do it (extra dask): tcp://HOST:PORT of its scheduler, local, or slurm and other "
        "queues as dask-jobqueue is configured; with --workers processes.",
    ),
)


class How(NamedTuple):
    """What makes the images, and what becomes of those that are there."""

    workers: int | None
    threads: int | None
    device: str
    shard: tuple[int, int | None] | None
    slurm: Path | None
    sbatch: tuple[str, ...]
    dask: str | None
    resume: bool
    overwrite: bool


_SPEED = {"workers", "threads", "device"}
#: What some options go with, beside -o, --set and --json.
_GOES_WITH = {
    "preview": {"threads", "device", "overwrite"},
    "dry_run": _SPEED,
    "master": set(),
    "slurm": {*_SPEED, "sbatch", "resume", "overwrite"},
    "shard": {*_SPEED, "dask", "resume"},
    "resume": {*_SPEED, "dask", "slurm", "sbatch", "shard"},
    "overwrite": {*_SPEED, "dask", "slurm", "sbatch", "preview"},
}
#: What some are for, one of these.
_NEEDS = {"sbatch": {"slurm"}}


def check_together(ctx: click.Context) -> None:
    """Refuse options that would be ignored beside others."""
    names = {str(option.name): option.opts[0] for option in ctx.command.params}
    given = {name for name in names if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    given &= {*_GOES_WITH, *_NEEDS, *_SPEED, "dask"}
    for name in sorted(given & set(_GOES_WITH)):
        for other in sorted(given - _GOES_WITH[name] - {name}):
            raise click.UsageError(f"{names[name]} and {names[other]} do not go together.")
    for name in sorted(given & set(_NEEDS)):
        if not given & _NEEDS[name]:
            raise click.UsageError(f"{names[name]} needs {' or '.join(names[one] for one in sorted(_NEEDS[name]))}.")


def make(recipe: Any, folder: Path, how: How) -> dict[str, Any]:
    """Make a data set, or a part of it."""
    from nbnumba.datasets.engines.run import make_dataset

    engine = _engine(how)
    with counting() as counter, voice.log_of("nbnumba.datasets.folder"):
        return make_dataset(
            recipe, folder, engine, resume=how.resume, overwrite=how.overwrite, share=how.shard,
            threads=how.threads, device=how.device, progress=counter.show,
        )  # fmt: skip


def _engine(how: How) -> Any:
    if how.dask is not None:
        from nbnumba.datasets.engines.distributed import Dask

        return Dask(how.dask, how.workers)
    from nbnumba.datasets.engines.local import Local

    return Local(how.workers)


def write_script(recipe: Any, source: Path, folder: Path, settings: tuple[str, ...], how: How) -> Any:
    """Write the script for Slurm."""
    from nbnumba.atomic import check_writable, new_file
    from nbnumba.datasets.engines.slurm import script
    from nbnumba.datasets.folder import prepare

    path = Path(str(how.slurm))
    check_writable(path, how.overwrite)
    plan = prepare(recipe, folder, resume=True)
    words = [sys.executable, "-m", "nbnumba_cli", "dataset", str(source), "-o", str(folder)]
    words += [word for text in settings for word in ("--set", text)]
    making = ["--device", how.device, *(["--threads", str(how.threads)] if how.threads else [])]
    text = script(plan, words, making, name=str(path), options=how.sbatch, at_once=how.workers)
    with new_file(path, how.overwrite) as part:
        part.write_text(text, encoding="utf-8")
    return {"images": sum(shard.images for shard in plan.missing), "files": [str(path)]}


@contextmanager
def counting() -> Iterator[Counter]:
    """Count images on stderr, from when the first number is known: a bar on a terminal, elsewhere a line a minute."""
    with ExitStack() as opened:
        yield Counter(lambda: opened.enter_context(_bar()))


@contextmanager
def _bar() -> Iterator[tuple[options.ProgressBar, Any]]:
    hidden = voice.loudness() == voice.QUIET
    with click.progressbar(
        length=1, label="Rendering", file=sys.stderr, hidden=hidden, show_pos=True, show_eta=False,
        item_show_func=lambda text: text,
    ) as bar:  # fmt: skip
        shown = options.ProgressBar(bar)
        try:
            yield shown, bar
        finally:
            shown.hush()


class Counter:
    """Shows how many images are done, how fast they come, and when all will be there."""

    def __init__(self, begin: Callable[[], tuple[options.ProgressBar, Any]]) -> None:
        self._begun = cache(begin)
        self._lines = not sys.stderr.isatty()
        self._first: tuple[int, float] | None = None
        self._told = time.monotonic()

    def show(self, done: int, total: int) -> None:
        """Tell of images: so many of so many."""
        now = time.monotonic()
        if done and self._first is None:
            self._first = done, now
        shown, bar = self._begun()
        bar.current_item = text = self._speed(done, total, now)
        shown.show(done, total)
        if self._lines and text and now - self._told > _LINES:
            self._told = now
            voice.tell(f"{done} of {total} images, {text}")

    def _speed(self, done: int, total: int, now: float) -> str:
        """Rate since the first images came: what goes before is compilation."""
        if self._first is None or done <= self._first[0] or now <= self._first[1]:
            return ""
        rate = (done - self._first[0]) / (now - self._first[1])
        return f"{rate:.3g} images/s, {in_words((total - done) / rate)} left"


def in_words(seconds: float) -> str:
    """A time as people tell it."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
