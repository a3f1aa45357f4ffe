"""Numba, named in one place: which options the loops get, how scalar functions reach them, how many threads run.

The physics is written as plain Python functions of scalars and tuples. ``scalar`` and ``by_type`` only note them down,
so that they stay plain Python for whoever calls them from Python; ``register`` hands all of them to Numba, which then
inlines them wherever a compiled loop, on the CPU or on a GPU, calls them by name.
"""

from __future__ import annotations

import functools
import logging
import math
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

#: ``forceinline`` and ``error_model`` let a call disappear: otherwise its error status stops the vectoriser.
_INLINED = {"forceinline": True, "error_model": "numpy", "fastmath": FASTMATH}

_one_at_a_time = threading.RLock()
#: What storing compiled code on a full disk raises, and reading it back from a damaged file.
_CACHE_FAULTS = (OSError, EOFError, pickle.UnpicklingError, ValueError, LookupError, AttributeError, ImportError)

_loops: list[Any] = []
_pending: list[Callable[[], None]] = []


def scalar(function: Function) -> Function:
    """Note a scalar function for inlining into compiled loops; it stays the plain Python function that it is."""

    def register() -> None:
        from numba.extending import register_jitable

        register_jitable(**_INLINED)(function)

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

            @overload(dispatch, strict=False, jit_options=_INLINED)
            def choose(first: Any, *rest: Any) -> Any:
                return implementations.get(getattr(first, "instance_class", type(None)))

        _pending.append(register)
        return dispatch  # type: ignore[return-value]

    return decorate


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


def like(x: float, model: float) -> float:
    """The number x, in compiled code with the precision of ``model``: single-precision loops stay so."""
    return x


def polynomial(x: float, coefficients: tuple[float, ...]) -> float:
    """Value c0 + c1 x + c2 x^2 + ..., by Horner's rule, in compiled code with the precision of x."""
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def borrowed(array: Any) -> Any:
    """The array, in compiled code without a reference to its owner, which the caller has to keep alive.

    Counting references takes an atomic operation for every array of every tuple that a function is given, which can
    cost more than the work on a tile.
    """
    return array


def _register_borrowed() -> None:
    from numba.extending import intrinsic, overload

    @intrinsic
    def disown(_context: Any, array: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            view = target.make_array(signature.return_type)(target, builder, arguments[0])
            view.meminfo = view.meminfo.type(None)
            view.parent = view.parent.type(None)
            return view._getvalue()

        return array(array), generate

    @overload(borrowed, strict=False, jit_options=_INLINED)
    def choose_borrowed(array: Any) -> Any:
        return lambda array: disown(array)


_pending.append(_register_borrowed)


def wide_vectors() -> None:
    """Ask the compiler, from within a loop, for the widest vectors: by itself it takes narrower ones on some chips."""


def _register_wide_vectors() -> None:
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic
    def mark(_context: Any) -> Any:
        def generate(target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
            return target.get_dummy_value()

        return types.none(), generate

    @overload(wide_vectors, strict=False, jit_options=_INLINED)
    def choose_wide_vectors() -> Any:
        return lambda: mark()


_pending.append(_register_wide_vectors)


def ceiling(x: float) -> float:
    """Smallest whole number not below ``x``, as a float: a detour over integers would cost the loops time."""
    return float(math.ceil(x))


def _register_precision() -> None:
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic
    def convert(_context: Any, x: Any, model: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return target.cast(builder, arguments[0], signature.args[0], signature.return_type)

        return model(x, model), generate

    @intrinsic
    def horner(_context: Any, x: Any, coefficients: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            # Constants of x's own type: nothing of the tuple is left for the vectoriser to stumble over.
            values = [
                target.cast(builder, builder.extract_value(arguments[1], i), signature.args[1].dtype, x)
                for i in range(signature.args[1].count)
            ]
            total = values.pop()
            while values:
                total = builder.fadd(builder.fmul(total, arguments[0]), values.pop())
            return total

        return x(x, coefficients), generate

    @overload(like, strict=False, jit_options=_INLINED)
    def choose_like(x: Any, model: Any) -> Any:
        return (lambda x, model: convert(x, model)) if isinstance(model, types.Float) else (lambda x, model: x)

    @overload(polynomial, strict=False, jit_options=_INLINED)
    def choose_polynomial(x: Any, coefficients: Any) -> Any:
        return lambda x, coefficients: horner(x, coefficients)


_pending.append(_register_precision)


def _register_ceiling() -> None:
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic
    def llvm_ceil(_context: Any, x: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            function = builder.module.declare_intrinsic("llvm.ceil", [arguments[0].type])
            return builder.call(function, arguments)

        return x(x), generate

    @overload(ceiling, strict=False, jit_options=_INLINED)
    def choose(x: Any) -> Any:
        return (lambda x: llvm_ceil(x)) if isinstance(x, types.Float) else None


_pending.append(_register_ceiling)


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
        return outer.overloads[rows].entry_point(inner, image, start, stop, *arguments)

    return call(run)


def _forget(folder: Path) -> None:
    """Empty the cache, so that the next process starts anew, and do without it in this one."""
    from numba.core.caching import NullCache

    shutil.rmtree(folder, ignore_errors=True)
    for function in _loops:
        function._cache = NullCache()
