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


def near_ceiling(x: float) -> float:
    """The same within 2^51 of 0: GPUs take one sum, rounded up, where rounding itself is slow."""
    return float(math.ceil(x))


def nearest(x: float) -> float:
    """A whole number nearest to ``x`` within 2^51 of 0; which of two that are equally near is left open."""
    return float(math.ceil(x - 0.5))


def quotient(x: float, y: float) -> float:
    """Quotient x / y where neither y nor 1/y is 0, subnormal or infinite: GPUs divide without looking for that."""
    return x / y


def root(x: float) -> float:
    """Square root where neither x nor 1/x is 0, subnormal or infinite."""
    return math.sqrt(x)


def element(array: Any, place: float) -> float:
    """Element of a one-dimensional array at a place that is a whole number, from 0 to 2^31 - 1, of any type."""
    return float(array[int(place)])


def place_in_box(
    h: float, k: float, l: float,  # noqa: E741
    h_low: float, k_low: float, l_low: float, h_count: float, k_count: float, l_count: float,
) -> float:  # fmt: skip
    """Place of element (h, k, l), whole numbers, in a box flattened with l fastest; of the border, if it lies outside.

    GPUs count in integers, and take the last element along an axis on either side: both borders have to be alike.
    """
    i = h - h_low
    i = i if i > 0.0 else 0.0
    i = i if i < h_count - 1.0 else h_count - 1.0
    j = k - k_low
    j = j if j > 0.0 else 0.0
    j = j if j < k_count - 1.0 else k_count - 1.0
    m = l - l_low
    m = m if m > 0.0 else 0.0
    m = m if m < l_count - 1.0 else l_count - 1.0
    return (i * k_count + j) * l_count + m


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


#: Added to a number within 2^51 of 0, it leaves the digits after the point no room: what is left is a whole number,
#: and its last 32 bits are those of an integer.
_SHIFTER = 1.5 * 2.0**52


@when_compiling
def _register_for_cpu(compiler: Compiler) -> None:
    if compiler.name != "cpu":
        return
    overload, inlined = compiler.extending.overload, compiler.inlined
    overload(near_ceiling, strict=False, jit_options=inlined)(lambda x: lambda x: ceiling(x))
    overload(nearest, strict=False, jit_options=inlined)(lambda x: lambda x: ceiling(x - like(0.5, x)))
    # The mask tells the compiler that there is nothing to count from the end.
    overload(element, strict=False, jit_options=inlined)(
        lambda array, place: lambda array, place: array[int(place) & 0x7FFFFFFF]
    )
    for function in (quotient, root, place_in_box):
        compiler.extending.register_jitable(**inlined)(function)


@when_compiling
def _register_for_cuda(compiler: Compiler) -> None:
    if compiler.name != "cuda":
        return
    types, intrinsic, overload = compiler.types, compiler.extending.intrinsic, compiler.extending.overload
    from llvmlite import ir

    def call(builder: Any, name: str, *arguments: Any) -> Any:
        """A function of NVVM, whose result has the type of its arguments."""
        kind = arguments[0].type
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(kind, [kind] * len(arguments)), name
        )
        return builder.call(function, arguments)

    #: Of sums with the shifter, so that one that takes it away and one that adds it cancel.
    UNDONE = ("reassoc", "nsz")

    def estimate(builder: Any, what: str, x: Any) -> Any:
        """Approximation by one instruction: some 20 digits of a double, all but the last of a single."""
        name, letter = ("f64", "d") if isinstance(x.type, ir.DoubleType) else ("f32", "f")
        kind = ir.FunctionType(x.type, [x.type])
        return builder.asm(kind, f"{what}.approx.ftz.{name} $0, $1;", f"={letter},{letter}", [x], False)

    def shifted_up(builder: Any, x: Any) -> Any:
        return call(builder, "llvm.nvvm.add.rp.d", x, x.type(_SHIFTER))

    @intrinsic
    def rounded_up(_context: Any, x: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            (x,) = arguments
            return builder.fsub(shifted_up(builder, x), x.type(_SHIFTER), flags=UNDONE)

        return x(x), generate

    @intrinsic
    def rounded(_context: Any, x: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            (x,) = arguments
            return builder.fsub(builder.fadd(x, x.type(_SHIFTER)), x.type(_SHIFTER))

        return x(x), generate

    @intrinsic
    def divide(_context: Any, x: Any, y: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            # Newton's step from an estimate to half the digits, and one with the remainder of the quotient.
            x, y = arguments
            minus = builder.fsub(y.type(-0.0), y)
            inverse = estimate(builder, "rcp", y)
            if isinstance(y.type, ir.DoubleType):
                inverse = builder.fma(builder.fma(minus, inverse, y.type(1.0)), inverse, inverse)
            first = builder.fmul(x, inverse)
            return builder.fma(builder.fma(minus, first, x), inverse, first)

        return x(x, x), generate

    @intrinsic
    def square_root(_context: Any, x: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            # The same with 1/sqrt(x).
            (x,) = arguments
            inverse = estimate(builder, "rsqrt", x)
            half, minus = builder.fmul(inverse, x.type(0.5)), builder.fsub(x.type(-0.0), x)
            error = builder.fma(builder.fmul(minus, inverse), half, x.type(0.5))
            inverse = builder.fma(inverse, error, inverse)
            first = builder.fmul(x, inverse)
            rest = builder.fma(builder.fsub(x.type(-0.0), first), first, x)
            return builder.fma(rest, builder.fmul(inverse, x.type(0.5)), first)

        return x(x), generate

    @intrinsic
    def load(_context: Any, array: Any, place: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = target.make_array(signature.args[0])(target, builder, arguments[0]).data
            at = target.cast(builder, arguments[1], signature.args[1], types.int64)
            return builder.load(builder.gep(data, [at], inbounds=True))

        return array.dtype(array, place), generate

    @intrinsic
    def clamped_place(_context: Any, at: Any, low: Any, count: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            whole, place = ir.IntType(32), ir.IntType(32)(0)
            for axis in range(3):
                x, low, count = (builder.extract_value(argument, axis) for argument in arguments)
                low, count = builder.fptosi(low, whole), builder.fptosi(count, whole)
                shifted = builder.fadd(x, x.type(_SHIFTER), flags=UNDONE)
                at = builder.sub(builder.trunc(builder.bitcast(shifted, ir.IntType(64)), whole), low)
                last = builder.sub(count, whole(1))
                at = builder.select(builder.icmp_unsigned("<", at, last), at, last)
                place = builder.add(builder.mul(place, count), at)
            return place

        return types.int32(at, low, count), generate

    @overload(near_ceiling, strict=False, jit_options=compiler.inlined)
    def choose_near_ceiling(x: Any) -> Any:
        return (lambda x: rounded_up(x)) if x == types.float64 else (lambda x: ceiling(x))

    @overload(nearest, strict=False, jit_options=compiler.inlined)
    def choose_nearest(x: Any) -> Any:
        return (lambda x: rounded(x)) if x == types.float64 else (lambda x: ceiling(x - like(0.5, x)))

    @overload(quotient, strict=False, jit_options=compiler.inlined)
    def choose_quotient(x: Any, y: Any) -> Any:
        return lambda x, y: divide(x, y)

    @overload(root, strict=False, jit_options=compiler.inlined)
    def choose_root(x: Any) -> Any:
        return lambda x: square_root(x)

    @overload(element, strict=False, jit_options=compiler.inlined)
    def choose_element(array: Any, place: Any) -> Any:
        return lambda array, place: load(array, place)

    @overload(place_in_box, strict=False, jit_options=compiler.inlined)
    def choose_place(
        h: Any, k: Any, l: Any,  # noqa: E741
        h_low: Any, k_low: Any, l_low: Any, h_count: Any, k_count: Any, l_count: Any,
    ) -> Any:  # fmt: skip
        return lambda h, k, l, h_low, k_low, l_low, h_count, k_count, l_count: clamped_place(  # noqa: E741
            (h, k, l), (h_low, k_low, l_low), (h_count, k_count, l_count)
        )


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
