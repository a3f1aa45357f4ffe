"""Arithmetic of drawn values, as people write it: parsed by Python's grammar, walked by us, nothing else understood."""

from __future__ import annotations

import ast
import functools
import keyword
import math
import operator
import unicodedata
from collections.abc import Callable
from typing import Any

from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import nearest, refuse

LONGEST = 500  # characters
_DEEPEST = 100  # parts in one another, such as the terms of a sum
FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min, "max": max, "abs": abs, "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "sin": math.sin,
    "cos": math.cos, "tan": math.tan, "radians": math.radians, "degrees": math.degrees,
}  # fmt: skip
CONSTANTS = {"pi": math.pi}
_ONE_ARGUMENT = set(FUNCTIONS) - {"min", "max"}

_BINARY: dict[type, Callable[[float, float], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: dict[type, Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_COMPARED: dict[type, Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SAME = (ast.Eq, ast.NotEq)
_ALLOWED = "numbers, names, + - * / **, comparisons, texts after == and !=, a if b else c, and " + ", ".join(FUNCTIONS)

Value = float | str


def is_name(text: str) -> bool:
    """Whether an expression can hold this name, as it is written, for a value of its own."""
    same = unicodedata.normalize("NFKC", text) == text  # as Python's grammar has it
    return text.isidentifier() and same and not keyword.iskeyword(text) and text not in {*CONSTANTS, *FUNCTIONS}


@functools.lru_cache(maxsize=1024)
def parsed(where: str, text: str) -> ast.expr:
    """The tree of an expression.

    Raises:
        NbnumbaError: something else than arithmetic.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise refuse(where, text, f"an expression of up to {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(where, text, tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, NbnumbaError):
            raise
        raise _refused(where, text, getattr(error, "msg", None) or type(error).__name__) from None
    return tree


def _refused(where: str, text: str, what: str) -> NbnumbaError:
    return NbnumbaError(f"{where}: found {what} in the expression {text!r}; allowed: {_ALLOWED}")


def _check(where: str, text: str, node: ast.AST, depth: int = 1, *, compared: bool = False) -> None:
    """Refuse whatever is not on the list; a text is on it where it is ``compared`` by == or !=."""
    if depth > _DEEPEST:
        raise _refused(where, text, f"more than {_DEEPEST} parts in one another")
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and compared:
            return
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise _refused(where, text, repr(node.value))
    elif isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in FUNCTIONS or node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise _refused(where, text, f"the call of {name!r}")
        if not node.args or (name in _ONE_ARGUMENT and len(node.args) != 1):
            raise _refused(where, text, f"{name} of {len(node.args)} numbers")
        for argument in node.args:
            _check(where, text, argument, depth + 1)
    elif isinstance(node, ast.Name | ast.Attribute):
        if _dotted(node) is None:
            raise _refused(where, text, repr(ast.unparse(node)))
    elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare | ast.IfExp):
        known: dict[type, Any] = {**_BINARY, **_UNARY, **_COMPARED}
        operators = node.ops if isinstance(node, ast.Compare) else [getattr(node, "op", None)]
        if not isinstance(node, ast.IfExp) and any(type(op) not in known for op in operators):
            raise _refused(where, text, repr(ast.unparse(node)))
        same = _is_of_texts(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                _check(where, text, child, depth + 1, compared=same)
    else:
        raise _refused(where, text, repr(ast.unparse(node)))


def _is_of_texts(node: ast.AST) -> bool:
    """Whether this is a comparison that texts can have: whether they are the same."""
    return isinstance(node, ast.Compare) and all(isinstance(op, _SAME) for op in node.ops)


def _dotted(node: ast.AST) -> str | None:
    """Name a.b.c of nested attributes; None: they are those of something else than a name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return None if inner is None else f"{inner}.{node.attr}"
    return None


def names_in(where: str, text: str) -> set[str]:
    """Names of values that an expression takes."""

    def found(node: ast.AST) -> set[str]:
        name = _dotted(node)
        if name is not None:
            return {name} - set(CONSTANTS)
        children = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
        return {name for child in children for name in found(child)}

    return found(parsed(where, text))


def evaluated(where: str, text: str, look_up: Callable[[str], Value]) -> float:
    """Value of an expression; ``look_up`` gives that of a name, a number or a text.

    Raises:
        NbnumbaError: no number comes out.
    """
    try:
        value = _value(parsed(where, text), look_up)
    except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, NbnumbaError):
            raise
        raise NbnumbaError(f"{where}: the expression {text!r} has no value here: {error}") from None
    if isinstance(value, complex) or not math.isfinite(value):
        raise NbnumbaError(f"{where}: the expression {text!r} gives {value}; allowed: a finite number")
    return float(value)


def _side(node: ast.AST, look_up: Callable[[str], Value]) -> Any:
    """Value of a side of == or !=, which may be a text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    name = _dotted(node)
    return _value(node, look_up) if name is None or name in CONSTANTS else look_up(name)


def _compared(node: ast.Compare, look_up: Callable[[str], Value]) -> bool:
    side = _side if _is_of_texts(node) else _value
    sides = [side(one, look_up) for one in (node.left, *node.comparators)]
    if len({isinstance(one, str) for one in sides}) > 1:
        raise TypeError(f"{', '.join(map(repr, sides))}: a text is compared with a number")
    return all(_COMPARED[type(op)](a, b) for op, a, b in zip(node.ops, sides, sides[1:], strict=False))


def _value(node: ast.AST, look_up: Callable[[str], Value]) -> Any:
    """Value of a part of a tree that was checked; whole numbers as floats, whose powers end."""
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_value(node.left, look_up), _value(node.right, look_up))
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](_value(node.operand, look_up))
    if isinstance(node, ast.IfExp):
        return _value(node.body if _value(node.test, look_up) else node.orelse, look_up)
    if isinstance(node, ast.Compare):
        return _compared(node, look_up)
    if isinstance(node, ast.Call):
        return FUNCTIONS[node.func.id](*(_value(a, look_up) for a in node.args))  # type: ignore[attr-defined]
    name = str(_dotted(node))
    found = CONSTANTS[name] if name in CONSTANTS else look_up(name)
    if isinstance(found, str):
        raise TypeError(f"{name} is the text {found!r}, which == and != take alone")
    return found


def unknown_name(where: str, name: str, known: list[str]) -> NbnumbaError:
    """Error for a name that an expression cannot take."""
    return NbnumbaError(f"{where}: no value {name!r} is drawn, nor is it a number of the base.{nearest(name, known)}")
