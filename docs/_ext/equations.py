"""The page of equations: every function of the physics with what its docstring says, and who calls it."""

from __future__ import annotations

import ast
import importlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mathematics import markdown as typeset

PACKAGE = Path(__file__).parents[2] / "nbnumba"
PHYSICS = PACKAGE / "physics"

#: Files by subject; those that no subject names come last.
SUBJECTS = {
    "One step of the sum": ["step"],
    "From a pixel to a reflection": ["pixel", "scattering", "ewald", "rotation"],
    "The crystal": ["structure_factor", "lattice/*"],
    "Beam and sensor": ["illumination", "polarization", "absorption"],
    "Background and counts": ["amorphous", "spread", "readout", "poisson", "philox"],
    "Likelihood": ["likelihood"],
    "Tools": ["vector", "elementary"],
}


class Entry(NamedTuple):
    """A function or a tuple of the physics."""

    name: str
    kind: str  # "function" or "class"
    arguments: list[str]
    text: str
    line: int
    choices: list[tuple[str, str]]  # type of the first argument -> function, where that chooses
    called: frozenset[str]  # names in it


def files() -> dict[str, list[Path]]:
    """Files of the physics by subject."""
    left = sorted(file for file in PHYSICS.rglob("*.py") if file != PHYSICS / "__init__.py")
    found: dict[str, list[Path]] = {}
    for subject, patterns in SUBJECTS.items():
        found[subject] = [file for pattern in patterns for file in sorted(PHYSICS.glob(f"{pattern}.py"))]
        left = [file for file in left if file not in found[subject]]
    return {**found, **({"Others": left} if left else {})}


def entries(file: Path) -> list[Entry]:
    """What a file defines, in its order."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return [_entry(node, file) for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def _entry(node: ast.FunctionDef | ast.ClassDef, file: Path) -> Entry:
    function = isinstance(node, ast.FunctionDef)
    arguments = (
        [argument.arg for argument in node.args.args]
        if isinstance(node, ast.FunctionDef)
        else [
            item.target.id
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        ]
    )
    return Entry(
        node.name, "function" if function else "class", arguments, ast.get_docstring(node) or "", node.lineno,
        _choices(node.name, file), frozenset(_names(node)),
    )  # fmt: skip


def _choices(name: str, file: Path) -> list[tuple[str, str]]:
    chosen = getattr(getattr(importlib.import_module(module(file)), name), "implementations", {})
    return [(kind.__name__, function.__name__) for kind, function in chosen.items()]


def _shapes(file: Path) -> list[Entry]:
    """Tuples that a file makes of its functions, such as a crystal's shape."""
    made = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign)]
    return [Entry(ast.unparse(n.targets[0]), "tuple", [], "", n.lineno, [], frozenset(_names(n.value))) for n in made]


def _names(node: ast.AST) -> Iterator[str]:
    yield from (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def module(file: Path) -> str:
    """Name of a file as a module."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def users() -> dict[tuple[str, str], list[str]]:
    """Files of the package that take a name from a module of the physics."""
    found = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nbnumba.physics"):
                for alias in node.names:
                    found[str(node.module), alias.name].append(file.relative_to(PACKAGE).as_posix())
    return found


def markdown() -> str:
    """A section for each subject, in it one for each file."""
    used = users()
    blocks = []
    for subject, members in files().items():
        blocks.append(f"## {subject}")
        blocks += [_file(file, used) for file in members]
    return "\n\n".join(blocks)


def _file(file: Path, used: dict[tuple[str, str], list[str]]) -> str:
    stem = file.parent.name if file.stem == "__init__" else file.stem
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    known = entries(file)
    parts = [
        f"### {stem.replace('_', ' ').capitalize()}",
        f":::{{container}} equation\n{typeset(text)}\n:::",
        *(_shown(entry, file, known, used) for entry in known),
    ]
    return "\n\n".join(parts)


def _shown(entry: Entry, file: Path, known: list[Entry], used: dict[tuple[str, str], list[str]]) -> str:
    here = [other.name for other in (*known, *_shapes(file)) if entry.name in other.called and other.name != entry.name]
    callers = [f"`{name}`" for name in [*here, *sorted(set(used.get((module(file), entry.name), [])))]]
    where = f"`{file.relative_to(PACKAGE.parent).as_posix()}:{entry.line}`"
    choices = "; ".join(f"`{kind}`: `{function}`" for kind, function in entry.choices)
    arguments = ", ".join(entry.arguments)
    fields = entry.kind == "class"
    lines = [
        f"```{{py:{entry.kind}}} {entry.name}" + ("" if fields else f"({arguments})"),
        f":module: {module(file)}",
        "",
        typeset(entry.text),
        "",
        *([f"Fields: `{arguments}`.", ""] if fields and arguments else []),
        *([f"By the type of `{entry.arguments[0]}`: {choices}.", ""] if choices else []),
        ":::{container} where",
        where + (f", used by {', '.join(callers)}" if callers else ""),
        ":::",
        "```",
    ]
    return "\n".join(lines)
