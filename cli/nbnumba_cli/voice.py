"""What is said on stderr besides errors, and how much of it: -q, nothing; -v and -vv, the library's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click
from click.core import ParameterSource

QUIET = -1
_LOG = logging.getLogger("nbnumba")
_LEVELS = {QUIET: logging.WARNING, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}

_asked: dict[ParameterSource, int] = {}  # how much, on the command line and by the environment


class _Lines(logging.Handler):
    """Lines of a log on stderr; at -vv with the module that each is from."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        click.echo(f"{record.name}: {text}" if loudness() > 1 else text, err=True)


def begin() -> None:
    """Forget what was asked for."""
    _asked.clear()


@contextmanager
def listening() -> Iterator[None]:
    """Show the library's log on stderr while a command runs, as much of it as is asked for before and meanwhile."""
    handler = _Lines()
    _LOG.addHandler(handler)
    _set_level()
    try:
        yield
    finally:
        _LOG.removeHandler(handler)
        _LOG.setLevel(logging.NOTSET)


def ask(source: ParameterSource, change: int) -> None:
    """Say more, or nothing; before a command and after it adds up, and the command line outdoes the environment.

    Raises:
        click.UsageError: both at the same time.
    """
    before = _asked.get(source, 0)
    if QUIET in (before, change) and before * change < 0:
        raise click.UsageError("-q: found beside -v; give one of them.")
    _asked[source] = QUIET if change == QUIET else before + change
    _set_level()


def _set_level() -> None:
    _LOG.setLevel(_LEVELS[min(loudness(), 2)])


def loudness() -> int:
    """-1: only warnings and errors; 0: also progress and notes; 1: also the log; 2: all of it."""
    return _asked.get(ParameterSource.COMMANDLINE, _asked.get(ParameterSource.ENVIRONMENT, 0))


def note(text: str) -> None:
    """Tell what a person should know."""
    tell(f"Note: {text}")


def tell(text: str) -> None:
    """Tell how far the work is."""
    if loudness() > QUIET:
        click.echo(text, err=True)


@contextmanager
def log_of(name: str) -> Iterator[None]:
    """Show lines of a logger that tell how far the work is, without -v too."""
    log = logging.getLogger(name)
    if loudness() == 0:
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(logging.NOTSET)
