"""Numba, named in one place: which options the loops get, how scalar functions reach them, how many threads run.

The physics is written as plain Python functions of scalars and tuples. ``scalar`` and ``by_type`` only note them down,
so that they stay plain Python for whoever calls them from Python; ``register`` hands all of them to Numba, which then
inlines them wherever a compiled loop, on the CPU or on a GPU, calls them by name.
"""

from __future__ import annotations

import functools
import logging
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nbnumba._cache import cache_directory

Function = TypeVar("Function", bound=Callable[..., Any])

#: Relaxations that let LLVM fuse a*b + c, drop the sign of zero and divide by multiplying with a reciprocal. Sums are
#: not reordered, NaN and infinity keep their meaning.
FASTMATH = {"contract", "nsz", "arcp"}

#: Options of inlined functions: the first two let a call disappear, whose error status would stop the vectoriser.
INLINED = {"forceinline": True, "error_model": "numpy", "fastmath": FASTMATH}
#: The same for sums over pixels, each lane of a vector by itself: the order is the compiler's, and always the same.
SUMMED = {**INLINED, "fastmath": FASTMATH | {"reassoc"}}

_one_at_a_time = threading.RLock()
#: What storing compiled code on a full disk raises, and reading it back from a damaged file.
_CACHE_FAULTS = (OSError, EOFError, pickle.UnpicklingError, ValueError, LookupError, AttributeError, ImportError)

_loops: list[Any] = []
_pending: list[Callable[[], None]] = []


def scalar(function: Function) -> Function:
    """Note a scalar function for inlining into compiled loops; it stays the plain Python function that it is."""
    return _noted(function, INLINED)


def summing(function: Function) -> Function:
    """Note a scalar function that adds to sums whose order does not matter."""
    return _noted(function, SUMMED)


def _noted(function: Function, options: dict[str, Any]) -> Function:
    def register() -> None:
        from numba.extending import register_jitable

        register_jitable(**options)(function)

    _pending.append(register)
    return function


def by_type(implementations: Mapping[type, Callable[..., Any]]) -> Callable[[Function], Function]:
    """Make a function that hands its arguments to the implementation for the type of the first one.

    In compiled loops the choice is made while compiling: a loop holds the code of one implementation alone.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def dispatch(first: Any, *rest: Any) -> Any:
            return implementations[type(first)](first, *rest)

        def register() -> None:
            from numba.extending import overload

            @overload(dispatch, strict=False, jit_options=INLINED)
            def choose(first: Any, *rest: Any) -> Any:
                return implementations.get(getattr(first, "instance_class", type(None)))

        _pending.append(register)
        dispatch.implementations = implementations  # type: ignore[attr-defined]
        return dispatch  # type: ignore[return-value]

    return decorate


def when_compiling(register: Callable[[], None]) -> Callable[[], None]:
    """Note a function that tells Numba something; it is called before the first loop is compiled."""
    _pending.append(register)
    return register


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

    with _one_at_a_time:
        before = numba.get_num_threads()
        numba.set_num_threads(count or before)
        try:
            yield count or before
        finally:
            numba.set_num_threads(before)


def register() -> None:
    """Hand every function noted so far to Numba."""
    while _pending:
        _pending.pop(0)()


def loop(*, parallel: bool = False, exact: bool = False) -> Callable[[Function], Function]:
    """Compile a loop over arrays; ``parallel`` turns its ``prange`` into threads, ``exact`` rounds as written."""
    import numba
    from numba.core import config

    directory = cache_directory()

    def decorate(function: Function) -> Function:
        register()
        jit = functools.partial(
            numba.njit,
            parallel=parallel,
            nogil=True,
            error_model="numpy",
            fastmath=set() if exact else FASTMATH,
            cache=directory is not None,
        )
        # Numba takes the folder from its own global setting at this moment; other users of Numba keep theirs.
        previous, config.CACHE_DIR = config.CACHE_DIR, str(directory or "")
        try:
            _loops.append(jit(function))
            return _loops[-1]
        finally:
            config.CACHE_DIR = previous

    return decorate


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a loop; where compiled code can be neither stored nor read back, compile without the cache."""
    try:
        return function(*arguments)
    except _CACHE_FAULTS as error:
        folder = cache_directory()
        if folder is None:
            raise
        logging.getLogger("nbnumba").warning("compiled code is not kept: %s: %s", folder, error)
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
    for function in _loops:
        function._cache = NullCache()
