"""Functions whose compiled form is written down here, because Numba would not make the right one of the plain one.

Each is a plain Python function for whoever calls it from Python; compiled loops get the code registered with it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

from nbnumba._jit import Compiler, when_compiling


def like(x: float, model: float) -> float:
    """The number x, in compiled code with the precision of ``model``: single-precision loops stay so."""
    return x


def polynomial(x: float, coefficients: tuple[float, ...]) -> float:
    """Value c0 + c1 x + c2 x^2 + ..., by Horner's rule, in compiled code with the precision of x."""
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def borrowed(value: Any) -> Any:
    """An array, or a tuple with arrays in it, in compiled code without references to their owners.

    Whoever calls this has to keep them alive. Counting references takes an atomic operation for every array of every
    tuple that a function is given, which can cost more than the work on a tile.
    """
    return value


@when_compiling
def _register_borrowed(compiler: Compiler) -> None:
    if compiler.name != "cpu":
        return
    types, intrinsic, overload = compiler.types, compiler.extending.intrinsic, compiler.extending.overload

    @intrinsic
    def disown(_context: Any, value: Any) -> Any:
        def free(target: Any, builder: Any, kind: Any, given: Any) -> Any:
            if isinstance(kind, types.BaseTuple):
                for i, item in enumerate(kind):
                    part = free(target, builder, item, builder.extract_value(given, i))
                    given = builder.insert_value(given, part, i)
            elif isinstance(kind, types.Array):
                view = target.make_array(kind)(target, builder, given)
                view.meminfo = view.meminfo.type(None)
                view.parent = view.parent.type(None)
                given = view._getvalue()
            return given

        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return free(target, builder, signature.return_type, arguments[0])

        return value(value), generate

    @overload(borrowed, strict=False, jit_options=compiler.inlined)
    def choose_borrowed(value: Any) -> Any:
        return lambda value: disown(value)


def wide_vectors() -> None:
    """Ask the compiler, from within a loop, for the widest vectors: by itself it takes narrower ones on some chips."""


@when_compiling
def _register_wide_vectors(compiler: Compiler) -> None:
    types, intrinsic, overload = compiler.types, compiler.extending.intrinsic, compiler.extending.overload
    if compiler.name != "cpu":
        overload(wide_vectors, strict=False, jit_options=compiler.inlined)(lambda: lambda: None)
        return

    @intrinsic
    def mark(_context: Any) -> Any:
        def generate(target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
            return target.get_dummy_value()

        return types.none(), generate

    # Inlined by Numba and not by LLVM, so that the function that is marked is the loop itself.
    @overload(wide_vectors, strict=False, inline="always")
    def choose_wide_vectors() -> Any:
        return lambda: mark()


def ceiling(x: float) -> float:
    """Smallest whole number not below ``x``, as a float: a detour over integers would cost the loops time."""
    return float(math.ceil(x))


@when_compiling
def _register_precision(compiler: Compiler) -> None:
    types, intrinsic, overload = compiler.types, compiler.extending.intrinsic, compiler.extending.overload

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

    @overload(like, strict=False, jit_options=compiler.inlined)
    def choose_like(x: Any, model: Any) -> Any:
        return (lambda x, model: convert(x, model)) if isinstance(model, types.Float) else (lambda x, model: x)

    @overload(polynomial, strict=False, jit_options=compiler.inlined)
    def choose_polynomial(x: Any, coefficients: Any) -> Any:
        return lambda x, coefficients: horner(x, coefficients)


@when_compiling
def _register_ceiling(compiler: Compiler) -> None:
    types, intrinsic, overload = compiler.types, compiler.extending.intrinsic, compiler.extending.overload

    @intrinsic
    def llvm_ceil(_context: Any, x: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            function = builder.module.declare_intrinsic("llvm.ceil", [arguments[0].type])
            return builder.call(function, arguments)

        return x(x), generate

    @overload(ceiling, strict=False, jit_options=compiler.inlined)
    def choose(x: Any) -> Any:
        return (lambda x: llvm_ceil(x)) if isinstance(x, types.Float) else None


def float_of(bits: int) -> float:
    """The float64 that is stored as these bits, given as a whole number of 64 bits."""
    return float(struct.unpack("<d", struct.pack("<q", int(bits)))[0])


def bits_of(x: float) -> int:
    """The bits of a float64, as a whole number."""
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


@when_compiling
def _register_bits(compiler: Compiler) -> None:
    types, intrinsic, overload = compiler.types, compiler.extending.intrinsic, compiler.extending.overload

    def cast_to(kind: Any) -> Any:
        @intrinsic
        def cast(_context: Any, x: Any) -> Any:
            def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                return builder.bitcast(arguments[0], target.get_value_type(signature.return_type))

            return kind(x), generate

        return cast

    to_float, to_bits = cast_to(types.float64), cast_to(types.int64)

    @overload(float_of, strict=False, jit_options=compiler.inlined)
    def choose_float(bits: Any) -> Any:
        return lambda bits: to_float(bits)

    @overload(bits_of, strict=False, jit_options=compiler.inlined)
    def choose_bits(x: Any) -> Any:
        return lambda x: to_bits(x)


def store(row: Any, numbers: Any) -> None:
    """Store the numbers of nested tuples, in order, as the elements of an array of float64."""
    row[:] = list(_leaves(numbers))


def _leaves(value: Any) -> Iterator[float]:
    for item in value:
        if isinstance(item, tuple):
            yield from _leaves(item)
        else:
            yield item


@when_compiling
def _register_store(compiler: Compiler) -> None:
    if compiler.name != "cpu":
        return
    types, intrinsic, overload = compiler.types, compiler.extending.intrinsic, compiler.extending.overload

    @intrinsic
    def put(_context: Any, row: Any, numbers: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def leaves(kind: Any, value: Any) -> Iterator[Any]:
                if isinstance(kind, types.BaseTuple):
                    for i, item in enumerate(kind):
                        yield from leaves(item, builder.extract_value(value, i))
                else:
                    yield target.cast(builder, value, kind, types.float64)

            data = target.make_array(signature.args[0])(target, builder, arguments[0]).data
            for i, leaf in enumerate(leaves(signature.args[1], arguments[1])):
                builder.store(leaf, builder.gep(data, [target.get_constant(types.intp, i)]))
            return target.get_dummy_value()

        return types.none(row, numbers), generate

    @overload(store, strict=False, jit_options=compiler.inlined)
    def choose(row: Any, numbers: Any) -> Any:
        return lambda row, numbers: put(row, numbers)
