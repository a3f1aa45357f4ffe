"""Inputs that are made of the words of their kind: flags, fields, tables, arithmetic."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import tomli_w

import nbnumba as nb
from fuzz.mutations import NUMBERS, VALUES, altered
from nbnumba.compat.flags import FLAGS
from nbnumba.model.changes import PARTS

Make = Callable[[Any, list[bytes]], bytes]


def either(*ways: Make) -> Make:
    """One of several ways to make an input."""
    return lambda chosen, good: chosen.choice(ways)(chosen, good)


def toml_tree(chosen: Any, good: list[bytes]) -> bytes:
    """TOML with strange values."""
    tree = _for_toml(altered(chosen, tomllib.loads(chosen.choice(good).decode())))
    return tomli_w.dumps(tree if isinstance(tree, dict) else {"crystal": tree}).encode("utf-8", "replace")


def _for_toml(tree: Any) -> Any:
    """What TOML can hold of a tree."""
    if isinstance(tree, dict):
        return {key: _for_toml(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_for_toml(value) for value in tree]
    large = isinstance(tree, int) and tree >= 2**63
    return 2**63 - 1 if large else 0 if tree is None else tree


def json_tree(chosen: Any, good: list[bytes]) -> bytes:
    """JSON with strange values."""
    return json.dumps(altered(chosen, json.loads(chosen.choice(good)))).encode()


def json_lines(chosen: Any, good: list[bytes]) -> bytes:
    """Lines of JSON, one of which has strange values."""
    lines = chosen.choice(good).splitlines()
    place = chosen.randrange(len(lines))
    lines[place] = json.dumps(altered(chosen, json.loads(lines[place]))).encode()
    return b"\n".join([*lines, b""])


def many_flags(chosen: Any, good: list[bytes]) -> bytes:
    """Flags that exist, with values that may."""
    words = [chosen.choice(good)] if chosen.random() < 0.8 else []
    for _ in range(chosen.choice((1, 1, 2, 4, 8))):
        flag = chosen.choice(FLAGS)
        words.append(b"-" + chosen.choice(flag.names).encode())
        words += [_some_number(chosen) for _ in flag.values[: chosen.choice((9, 9, 9, 1))]]
    return b" ".join(words)


def _some_number(chosen: Any) -> bytes:
    ordinary = (b"1", b"2", b"0.5", b"10", b"100", b"90", b"-3", b"0")
    return chosen.choice(ordinary if chosen.random() < 0.6 else NUMBERS) or b"0"


_KINDS: dict[str, Any] = {
    **PARTS, "lattices.0": nb.Crystal, "background.0": nb.Background, "crystal.mosaic": nb.Mosaic,
    "beam.spectrum": nb.Spectrum,
}  # fmt: skip


def some_settings(chosen: Any, good: list[bytes]) -> bytes:
    """Fields that exist, with values that may."""
    lines = []
    for _ in range(chosen.choice((1, 1, 2, 3))):
        part = chosen.choice(list(_KINDS))
        name = chosen.choice([field.name for field in fields(_KINDS[part])])
        value = chosen.choice((_some_number(chosen).decode(), *(json.dumps(chosen.choice(VALUES)) for _ in range(3))))
        lines.append(f"{part}.{name}={value}".replace("\n", " "))
    return "\n".join(lines).encode("utf-8", "replace")


def grown_expression(chosen: Any, good: list[bytes]) -> bytes:
    """Arithmetic of all kinds, and what is none."""

    def grow(depth: int) -> str:
        if depth == 0 or chosen.random() < 0.2:
            return chosen.choice(
                ("a", "b.c", "pi", "1", "2.5", "1e308", "0", "1e400", "10**9", "True", "'a'", "x.__class__", "-a", "1j")
            )
        inner = [grow(depth - 1) for _ in range(3)]
        return chosen.choice((
            "({0} + {1})", "{0} * {1}", "{0} ** {1}", "{0} / {1}", "{0} - {1}", "({0} if {1} else {2})",
            "{0} < {1} <= {2}", "min({0}, {1})",
            "max({0})", "sqrt({0})", "exp({0})", "log({0})", "-{0}", "abs({0})", "({0})", "{0} // {1}", "[{0}]",
            "lambda: {0}", "{0}[{1}]",
            "min(*{0})", "eval({0})", "{0} and {1}", "{0} % {1}", "not {0}", "tan({0})", "(yield {0})", "(z := {0})",
            "f'{{{0}}}'",
        )).format(*inner)  # fmt: skip

    return grow(chosen.choice((1, 2, 3, 5))).encode()
