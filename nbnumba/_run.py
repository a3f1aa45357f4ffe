"""How compiled loops are run: on how many threads, and what happens where their code cannot be kept."""

from __future__ import annotations

import functools
import logging
import os
import pickle
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba import _jit
from nbnumba._cache import cache_directory
from nbnumba.errors import NbnumbaError

log = logging.getLogger(__name__)

#: What storing compiled code on a full disk raises, and reading it back from a damaged file.
_CACHE_FAULTS = (OSError, EOFError, pickle.UnpicklingError, ValueError, LookupError, AttributeError, ImportError)

#: Steps that plain Python takes in a few tenths of a second.
FEW = 1000

_forked = False  # whether threads that loops would use were lost, in the process that this one is a copy of


def _note_fork() -> None:
    """Do without threads in a copy of a process whose loops have used them: OpenMP ends such a process."""
    global _forked
    _jit.one_at_a_time = threading.RLock()  # whoever held it is not here
    if "numba" in sys.modules:
        try:
            sys.modules["numba"].threading_layer()
        except ValueError:  # none was chosen yet: no loop has run
            return
        _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def thread_limit() -> int:
    """Largest number of threads that loops can use in this process."""
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


@contextmanager
def using_threads(count: int | None) -> Iterator[int]:
    """Run a block with a number of threads, or with the number that is set; one such block at a time in a process.

    Not every threading layer of Numba bears parallel loops in several Python threads at once.

    Raises:
        NbnumbaError: Numba has no such threading layer as the environment asks for.
    """
    import numba

    if _forked:
        log.info("a forked process: loops run on one thread")
        yield 1
        return
    with _jit.one_at_a_time:
        try:
            before = numba.get_num_threads()
        except ValueError as error:
            layer = numba.config.THREADING_LAYER
            raise NbnumbaError(f"NUMBA_THREADING_LAYER: found {layer!r}; Numba says: {error}") from None
        numba.set_num_threads(count or before)
        try:
            yield count or before
        finally:
            numba.set_num_threads(before)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a loop, or a kernel on its grid; where compiled code can be neither stored nor read, go without cache."""
    if _forked and getattr(function, "targetoptions", {}).get("parallel"):
        return _serial(function)(*arguments)
    try:
        return function(*arguments)
    except _CACHE_FAULTS as error:
        folder = cache_directory()
        if folder is None:
            raise
        log.warning("compiled code is not kept: %s: %s", folder, error)
        _forget(folder)
        return function(*arguments)


def call_for(total: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a loop that takes ``total`` steps in all its calls, in plain Python where those are few.

    They are done long before the loop would be compiled. What was done before makes no difference, so that figures come
    out the same to the last digit whenever they are asked for.
    """
    plain = total <= FEW and hasattr(function, "py_func")  # which is not there where Numba is switched off
    return call(function.py_func if plain else function, *arguments)  # type: ignore[attr-defined]


def call_parallel(outer: Any, inner: Any, image: np.ndarray, start: int, stop: int, *arguments: Any) -> Any:
    """Call a parallel loop over rows ``start`` ... ``stop`` - 1 that hands each of them to another compiled loop.

    That one, ``inner(image, row, *arguments)``, is passed by its address: compiled into the parallel loop, its code
    would be optimised again in each of the wrappers that Numba puts around parallel code.
    """

    def run() -> Any:
        if not hasattr(outer, "compile"):  # Numba is switched off
            return outer(inner, image, start, stop, *arguments)
        from numba import typeof, types

        kinds = tuple(typeof(argument) for argument in arguments)
        row = (typeof(image), types.int64, *kinds)
        inner.compile(row)
        rows = (types.FunctionType(inner.overloads[row].signature), typeof(image), types.int64, types.int64, *kinds)
        if _forked:
            return _one_by_one(inner.overloads[row].entry_point, image, start, stop, arguments)
        outer.compile(rows)
        with using_threads(None):
            return outer.overloads[rows].entry_point(inner, image, start, stop, *arguments)

    return call(run)


def _one_by_one(row: Any, image: np.ndarray, start: int, stop: int, arguments: tuple[Any, ...]) -> tuple[int, int]:
    """Rows without threads; the sums of what those loops count that count anything."""
    counts = [row(image, np.int64(number), *arguments) for number in range(start, stop)]
    first, second = np.array([count for count in counts if isinstance(count, tuple)], int).reshape(-1, 2).sum(axis=0)
    return int(first), int(second)


@functools.cache
def _serial(function: Any) -> Any:
    """The same loop without threads; it is not kept, as the cache would take it for the other."""
    import numba

    options = {name: value for name, value in function.targetoptions.items() if name not in ("parallel", "nopython")}
    return numba.njit(**options)(function.py_func)


def _forget(folder: Path) -> None:
    """Empty the cache, so that the next process starts anew, and do without it in this one."""
    from numba.core.caching import NullCache

    shutil.rmtree(folder, ignore_errors=True)
    for function in _jit.loops:
        function._cache = NullCache()
