"""PTX run instruction by instruction: what a compiled kernel computes, one thread at a time, where there is no GPU.

Numbers are rounded as the PTX manual has it. Estimates of reciprocals (``approx``) are made as bad as they may be.
"""

import math
import re
import struct
from fractions import Fraction

import numpy as np

MASKS = {8: 0xFF, 16: 0xFFFF, 32: 0xFFFFFFFF, 64: 0xFFFFFFFFFFFFFFFF}


class Machine:
    """The kernel in a PTX text.

    Args:
        text: PTX with one kernel, which calls no function.
    """

    def __init__(self, text):
        entry = text[text.index(".entry") :]
        self.parameters = re.findall(r"\.param \.(\w+) (\w+)", entry[: entry.index("{")])
        self.code, self.labels = [], {}
        for line in map(str.strip, entry[entry.index("{") + 1 :].replace("{", "").splitlines()):
            label = re.fullmatch(r"(\$\w+):", line)
            if label:
                self.labels[label[1]] = len(self.code)
            found = re.fullmatch(r"(?:@(!?)(%\w+) )?([a-z][\w.:]*)\s*(.*);", line.replace("\t", " "))
            if found and not line.startswith("."):
                negated, predicate, name, operands = found.groups()
                wanted = (predicate, not negated) if predicate else None
                self.code.append((wanted, name.split("."), [part.strip() for part in _parts(operands)]))

    def run(self, values, arrays, place):
        """Run one thread, and count its instructions.

        Args:
            values: of the parameters, as ``flattened`` gives them.
            arrays: that it gives with them.
            place: special registers by name, such as ``ctaid.x``.
        """
        assert len(values) == len(self.parameters), "parameters are not what the kernel has"
        thread = _Thread(dict(zip([name for _, name in self.parameters], values, strict=True)), arrays, place)
        at = done = 0
        while True:
            wanted, name, operands = self.code[at]
            done, at = done + 1, at + 1
            if wanted is not None and bool(thread.registers[wanted[0]]) != wanted[1]:
                continue
            if name[0] == "bra":
                at = self.labels[operands[0]]
            elif name[0] == "ret":
                return done
            else:
                thread.do(name, operands)


def flattened(value, arrays):
    """Values of parameters, as numba-cuda hands over nested tuples; their arrays are added to ``arrays``."""
    if isinstance(value, tuple):
        return [part for item in value for part in flattened(item, arrays)]
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return [0, 0, value.size, value.itemsize, len(arrays) << 40, *value.shape, *value.strides]
    return [value]


def _parts(operands):
    """Operands, where commas in braces do not divide."""
    return re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+", operands)


def _single(x):
    with np.errstate(over="ignore"):
        return float(np.float32(x))


def _fused(a, b, c):
    """a b + c, rounded once."""
    if not all(map(math.isfinite, (a, b, c))):
        return a * b + c
    return _nearest(Fraction(a) * Fraction(b) + Fraction(c))


def _nearest(x):
    try:
        return float(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def _sum_up(a, b):
    """a + b, rounded towards infinity."""
    found = a + b
    if math.isfinite(found) and Fraction(found) < Fraction(a) + Fraction(b):
        return math.nextafter(found, math.inf)
    return found


def _upper_half(x):
    return struct.unpack("<d", struct.pack("<Q", struct.unpack("<Q", struct.pack("<d", x))[0] & ~MASKS[32]))[0]


class _Thread:
    """Registers and memory of a thread."""

    def __init__(self, parameters, arrays, place):
        self.parameters, self.arrays = parameters, [array.reshape(-1).view(np.uint8) for array in arrays]
        self.registers = {f"%{name}": number for name, number in place.items()}

    def do(self, name, operands):
        kind, out, inputs = name[-1], operands[0], operands[1:]
        if name[:2] == ["ld", "param"]:
            self.registers[out] = self._as(kind, self.parameters[inputs[0].strip("[]")])
        elif name[:2] == ["ld", "global"]:
            self.registers[out] = self._cell(inputs[0], kind)[0].item()
        elif name[:2] == ["st", "global"]:
            self._cell(out, kind)[0] = self._value(inputs[0], kind)
        elif name[0] == "atom":
            cell = self._cell(inputs[0], kind)
            self.registers[out] = cell[0].item()
            cell[0] += cell.dtype.type(self._value(inputs[1], kind))
        elif name[0] == "mov" and out.startswith("{"):
            whole = struct.unpack("<Q", struct.pack("<d", self._value(inputs[0], "f64")))[0]
            for i, part in enumerate(re.findall(r"%\w+", out)):
                self.registers[part] = whole >> (32 * i) & MASKS[32]
        elif name[0] == "cvta":
            self.registers[out] = self._value(inputs[0], kind)
        elif name[0] == "cvt":
            self.registers[out] = self._converted(name, self._value(inputs[0], kind))
        elif name[0] == "setp":
            self.registers[out] = _compared(name[1], *(self._value(item, kind) for item in inputs))
        elif name[0] == "selp":
            self.registers[out] = self._value(inputs[0 if self.registers[inputs[2]] else 1], kind)
        else:
            wide = name[:2] == ["mul", "wide"]
            found = _OPERATIONS[name[0]](name, *(self._value(item, kind) for item in inputs))
            self.registers[out] = self._as("b64" if wide else kind, found)

    def _cell(self, operand, kind):
        register, offset = re.fullmatch(r"\[(%\w+)(?:\+(-?\d+))?\]", operand).groups()
        address = self.registers[register] + int(offset or 0)
        dtype = np.dtype(kind.replace("b", "u")[0] + str(int(kind[1:]) // 8))
        start = address & ((1 << 40) - 1)
        cell = self.arrays[(address >> 40) - 1][start : start + dtype.itemsize]
        assert cell.size == dtype.itemsize, "outside its array"
        return cell.view(dtype)

    def _value(self, operand, kind):
        if operand in self.registers:
            found = self.registers[operand]
            return self._as(kind, found)
        if operand.startswith("0d"):
            return struct.unpack(">d", bytes.fromhex(operand[2:]))[0]
        if operand.startswith("0f"):
            return struct.unpack(">f", bytes.fromhex(operand[2:]))[0]
        return self._as(kind, int(operand, 0))

    @staticmethod
    def _as(kind, value):
        """A number as a register of a type holds it; signed ones are turned to Python's."""
        if kind == "pred":
            return bool(value)
        if kind[0] == "f":
            return _single(value) if kind == "f32" else float(value)
        bits = int(kind[1:])
        whole = int(value) & MASKS[bits]
        return whole - (1 << bits) if kind[0] == "s" and whole >> (bits - 1) else whole

    def _converted(self, name, value):
        kind = name[-2]
        if kind[0] == "f" or not isinstance(value, float):
            value = math.floor(value) if "rmi" in name else math.ceil(value) if "rpi" in name else value
            return self._as(kind, value)
        low, high = (-(1 << (int(kind[1:]) - 1)), (1 << (int(kind[1:]) - 1)) - 1)
        return self._as(kind, 0 if math.isnan(value) else min(max(math.trunc(value), low), high))


def _compared(how, a, b):
    """Comparison of two numbers; those that end on u hold for NaN too."""
    unordered = isinstance(a, float) and (math.isnan(a) or math.isnan(b))
    if unordered:
        return how in ("ltu", "leu", "gtu", "geu", "equ", "neu", "nan")
    plain = how.removesuffix("u") if how not in ("lo", "ls", "hi", "hs") else how
    return {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b, "eq": a == b, "ne": a != b, "num": True}[plain]


def _sum(name, a, b):
    return _sum_up(a, b) if "rp" in name else a + b


def _product(name, a, b):
    return a * b


def _quotient(name, a, b):
    return a / b if b else math.copysign(math.inf, b) * a


def _reciprocal(name, a):
    if "approx" not in name:
        return 1.0 / a
    return (
        _upper_half(1.0 / _upper_half(a)) if name[-1] == "f64" else np.nextafter(np.float32(1.0 / a), np.float32(0.0))
    )


def _reciprocal_root(name, a):
    return _upper_half(1.0 / math.sqrt(_upper_half(a)))


_OPERATIONS = {
    "mov": lambda name, a: a,
    "add": _sum,
    "sub": lambda name, a, b: a - b,
    "mul": _product,
    "mad": lambda name, a, b, c: a * b + c,
    "fma": lambda name, a, b, c: _fused(a, b, c) if name[-1] == "f64" else a * b + c,
    "div": _quotient,
    "rcp": _reciprocal,
    "rsqrt": _reciprocal_root,
    "sqrt": lambda name, a: math.sqrt(a),
    "abs": lambda name, a: abs(a),
    "neg": lambda name, a: -a,
    "min": lambda name, a, b: min(a, b),
    "max": lambda name, a, b: max(a, b),
    "and": lambda name, a, b: a & b,
    "or": lambda name, a, b: a | b,
    "xor": lambda name, a, b: a ^ b,
    "not": lambda name, a: not a if name[-1] == "pred" else ~a,
    "shl": lambda name, a, b: a << b,
    "shr": lambda name, a, b: a >> b,
}
