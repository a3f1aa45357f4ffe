"""How loops are compiled by Numba: which options they get, how scalar functions reach them.

The physics is written as plain Python functions of scalars and tuples. ``scalar`` and ``by_type`` only note them down,
so that they stay plain Python for whoever calls them from Python; ``register`` hands all of them to Numba, which then
inlines them wherever a compiled loop, on the CPU or on a GPU, calls them by name.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from nbnumba._cache import cache_directory

Function = TypeVar("Function", bound=Callable[..., Any])

#: Relaxations that let LLVM fuse a*b + c, drop the sign of zero and divide by multiplying with a reciprocal. Sums are
#: not reordered, NaN and infinity keep their meaning.
FASTMATH = {"contract", "nsz", "arcp"}

#: Options of inlined functions: the first two let a call disappear, whose error status would stop the vectoriser.
INLINED = {"forceinline": True, "error_model": "numpy", "fastmath": FASTMATH}
#: The same for sums over pixels, each lane of a vector by itself: the order is the compiler's, and always the same.
SUMMED = {**INLINED, "fastmath": FASTMATH | {"reassoc"}}


class Compiler(NamedTuple):
    """Who is told of scalar functions: Numba for loops on the CPU, or numba-cuda for those on a GPU."""

    name: str  # "cpu" or "cuda"
    extending: Any  # the module whose functions tell it
    types: Any  # the module of its types
    inlined: dict[str, Any]  # options of inlined functions
    summed: dict[str, Any]  # options of those that add to sums whose order does not matter


#: Held by whoever compiles or runs parallel loops.
one_at_a_time = threading.RLock()
#: All that were made in this process.
loops: list[Any] = []
_notes: list[Callable[[Compiler], None]] = []
_told = {"cpu": 0, "cuda": 0}  # how many notes each compiler was told


def scalar(function: Function) -> Function:
    """Note a scalar function for inlining into compiled loops; it stays the plain Python function that it is."""
    when_compiling(lambda compiler: compiler.extending.register_jitable(**compiler.inlined)(function))
    return function


def summing(function: Function) -> Function:
    """Note a scalar function that adds to sums whose order does not matter."""
    when_compiling(lambda compiler: compiler.extending.register_jitable(**compiler.summed)(function))
    return function


def by_type(implementations: Mapping[type, Callable[..., Any]]) -> Callable[[Function], Function]:
    """Make a function that hands its arguments to the implementation for the type of the first one.

    In compiled loops the choice is made while compiling: a loop holds the code of one implementation alone.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def dispatch(first: Any, *rest: Any) -> Any:
            return implementations[type(first)](first, *rest)

        @when_compiling
        def note(compiler: Compiler) -> None:
            @compiler.extending.overload(dispatch, strict=False, jit_options=compiler.inlined)
            def choose(first: Any, *rest: Any) -> Any:
                return implementations.get(getattr(first, "instance_class", type(None)))

        dispatch.implementations = implementations  # type: ignore[attr-defined]
        return dispatch  # type: ignore[return-value]

    return decorate


def when_compiling(note: Callable[[Compiler], Any]) -> Callable[[Compiler], Any]:
    """Note a function that tells a compiler something; it is called before the first loop is compiled."""
    _notes.append(note)
    return note


def register() -> None:
    """Tell Numba of every function noted so far."""
    import numba
    from numba import extending

    _tell(Compiler("cpu", extending, numba.types, INLINED, SUMMED))


def register_cuda() -> None:
    """Tell numba-cuda the same; its simulator runs the plain functions and needs no telling."""
    from numba import config

    if not config.ENABLE_CUDASIM:
        from numba.cuda import extending, types

        options = {"device": True, "forceinline": True}
        _tell(Compiler("cuda", extending, types, options, options))


def _tell(compiler: Compiler) -> None:
    with one_at_a_time:
        while _told[compiler.name] < len(_notes):
            _told[compiler.name] += 1
            _notes[_told[compiler.name] - 1](compiler)


def loop(*, parallel: bool = False, exact: bool = False) -> Callable[[Function], Function]:
    """Compile a loop over arrays; ``parallel`` turns its ``prange`` into threads, ``exact`` rounds as written."""
    import numba
    from numba.core import config

    def decorate(function: Function) -> Function:
        register()
        with _caching(config) as cache:
            jit = numba.njit(
                parallel=parallel,
                nogil=True,
                error_model="numpy",
                fastmath=set() if exact else FASTMATH,
                cache=cache,
            )
            loops.append(jit(function))
        return loops[-1]

    return decorate


@functools.cache
def kernel(function: Callable[..., None], registers: int | None = None) -> Any:
    """Prepare a function for GPUs; it is compiled for each kind of arguments when ``call`` first launches it with them.

    Args:
        function: what each thread does.
        registers: how many a thread may have at most, so that more threads run at a time.
    """
    import numba
    from numba import cuda

    with one_at_a_time:
        register_cuda()
        if numba.config.ENABLE_CUDASIM:
            return cuda.jit(function)
        from numba.cuda.core import config

        with _caching(config) as cache:
            # Not optimised again while linking: there is nothing to link, and tests see what the compiler makes.
            loops.append(cuda.jit(function, cache=cache, max_registers=registers, lto=False))
        return loops[-1]


@contextmanager
def _caching(config: Any) -> Iterator[bool]:
    """Whether to cache, with our folder in a compiler's settings: it takes the folder from there at this moment, while
    other users of Numba keep theirs.
    """
    directory = cache_directory()
    previous, config.CACHE_DIR = config.CACHE_DIR, str(directory or "")
    try:
        yield directory is not None
    finally:
        config.CACHE_DIR = previous
