"""Sphinx extension: parts of pages that are made from the code, in the place of lines `<!-- generated: NAME -->`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import api
import commands
import equations
from text import CODE

DOCS = Path(__file__).parents[1]


def others() -> str:
    """Pages that the table of contents does not name itself, in the order of the alphabet."""
    listed = set((DOCS / "index.md").read_text(encoding="utf-8").split()) | {"index"}
    return "\n".join(name for name in sorted(page.stem for page in DOCS.glob("*.md")) if name not in listed)


MAKERS = {"api": api.markdown, "commands": commands.markdown, "equations": equations.markdown, "others": others}
_PLACE = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
_properties: dict[str, list[str]] = {}


def fill(_app: Any, _page: str, source: list[str]) -> None:
    """Put what is generated into a page that asks for it."""
    source[0] = _PLACE.sub(lambda place: MAKERS[place[1]](), source[0])


def outdated(*_: Any) -> list[str]:
    """Pages that are made anew each time, as the code may have changed."""
    return ["api", "commands", "equations", "index"]


def plain(_app: Any, kind: str, name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings are plain text but for ``code``: nothing else in them is markup, such as a* or |q|."""
    parts = CODE.split("\n".join(lines))
    parts[::2] = [re.sub(r"([*|]|_\b)", r"\\\1", part) for part in parts[::2]]
    text = "".join(parts).replace("Attributes:", "Args:")  # fields of frozen classes are what they are made from
    lines[:] = _apart(text).split("\n")
    if kind == "property":
        _properties[name] = list(lines)


def _apart(text: str) -> str:
    """Names that share an explanation, as in ``a, b: text``, each with its own."""

    def each(found: re.Match[str]) -> str:
        return "".join(f"{found[1]}{name}: {found[3]}" for name in found[2].split(", "))

    return re.sub(r"^( +)((?:\w+, )+\w+): (.*\n?(?:\1 +.*\n?)*)", each, text + "\n", flags=re.MULTILINE)


def keep(_app: Any, _kind: str, name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """What stands before a colon in the text of a property is not its type, as napoleon has it."""
    lines[:] = _properties.pop(name, lines)


def signature(_app: Any, *given: Any) -> tuple[str, str] | None:
    """A default that is made anew for each object is left open."""
    arguments, returned = given[-2:]
    return (arguments.replace("<factory>", "..."), returned) if arguments else None


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", plain, priority=100)  # before napoleon, which adds markup
    app.connect("autodoc-process-docstring", keep, priority=900)
    app.connect("autodoc-process-signature", signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
