"""How compiled loops are run: on how many threads, and what happens where their code cannot be kept."""

from __future__ import annotations

import logging
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba import _jit
from nbnumba._cache import cache_directory

log = logging.getLogger(__name__)

#: What storing compiled code on a full disk raises, and reading it back from a damaged file.
_CACHE_FAULTS = (OSError, EOFError, pickle.UnpicklingError, ValueError, LookupError, AttributeError, ImportError)


def thread_limit() -> int:
    """Largest number of threads that loops can use in this process."""
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


@contextmanager
def using_threads(count: int | None) -> Iterator[int]:
    """Run a block with a number of threads, or with the number that is set; one such block at a time in a process.

    Not every threading layer of Numba bears parallel loops in several Python threads at once.
    """
    import numba

    with _jit.one_at_a_time:
        before = numba.get_num_threads()
        numba.set_num_threads(count or before)
        try:
            yield count or before
        finally:
            numba.set_num_threads(before)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a loop, or a kernel on its grid; where compiled code can be neither stored nor read, go without cache."""
    try:
        return function(*arguments)
    except _CACHE_FAULTS as error:
        folder = cache_directory()
        if folder is None:
            raise
        log.warning("compiled code is not kept: %s: %s", folder, error)
        _forget(folder)
        return function(*arguments)


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
        outer.compile(rows)
        with using_threads(None):
            return outer.overloads[rows].entry_point(inner, image, start, stop, *arguments)

    return call(run)


def _forget(folder: Path) -> None:
    """Empty the cache, so that the next process starts anew, and do without it in this one."""
    from numba.core.caching import NullCache

    shutil.rmtree(folder, ignore_errors=True)
    for function in _jit.loops:
        function._cache = NullCache()
