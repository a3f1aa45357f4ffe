"""Sphinx extension: parts of pages that are made from the code, in the place of lines `<!-- generated: NAME -->`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import api
import commands
import equations

DOCS = Path(__file__).parents[1]


def others() -> str:
    """Pages that the table of contents does not name itself, in the order of the alphabet."""
    listed = set((DOCS / "index.md").read_text(encoding="utf-8").split()) | {"index", "tracing"}
    return "\n".join(name for name in sorted(page.stem for page in DOCS.glob("*.md")) if name not in listed)


MAKERS = {"api": api.markdown, "commands": commands.markdown, "equations": equations.markdown, "others": others}
_PLACE = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
_CODE = re.compile(r"(``.+?``)", re.DOTALL)


def fill(_app: Any, _page: str, source: list[str]) -> None:
    """Put what is generated into a page that asks for it."""
    source[0] = _PLACE.sub(lambda place: MAKERS[place[1]](), source[0])


def plain(_app: Any, _kind: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings are plain text but for ``code``: nothing else in them is markup, such as a* or |q|."""
    parts = _CODE.split("\n".join(lines))
    parts[::2] = [re.sub(r"([*|]|_\b)", r"\\\1", part) for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", plain, priority=100)  # before napoleon, which adds markup
    return {"parallel_read_safe": True, "parallel_write_safe": True}
