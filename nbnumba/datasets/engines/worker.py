"""A process that makes files of a data set, one after another, as it is told through a pipe."""

from __future__ import annotations

import contextlib
import pickle
import signal
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shard import Shard, write_shard
from nbnumba.errors import NbnumbaError


class Images(NamedTuple):
    """So many images of the file are done."""

    done: int


class Made(NamedTuple):
    """The file is there; what ``write_shard`` told."""

    found: dict[str, Any]


class Failed(NamedTuple):
    """It cannot be made."""

    error: Exception


class Warned(NamedTuple):
    """What a user should know."""

    message: Warning | str


def serve(pipe: Connection, recipe: Recipe, folder: Path, threads: int, device: str) -> None:
    """Make the files that come through a pipe, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which is for the process at the other end
    warnings.showwarning = lambda message, *_, **__: _say(pipe, Warned(message))
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            shard: Shard = pipe.recv()
            _say(pipe, _made(pipe, recipe, shard, folder, threads, device))


def _made(pipe: Connection, recipe: Recipe, shard: Shard, folder: Path, threads: int, device: str) -> Made | Failed:
    def progress(done: int, _: int) -> None:
        _say(pipe, Images(done))

    try:
        return Made(write_shard(recipe, shard, folder, progress, threads=threads, device=device))
    except Exception as error:
        return Failed(_that_travels(error))


def _say(pipe: Connection, what: Any) -> None:
    """Send; where nobody is left to listen, end this process, and what it was at is removed."""
    try:
        pipe.send(what)
    except OSError:
        raise SystemExit(1) from None


def _that_travels(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return NbnumbaError(f"{type(error).__name__}: {error}")
    return error
