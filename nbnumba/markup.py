"""Small pieces of HTML for notebooks, which need no style sheet; all text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

_CELL = "text-align:left;padding:1px 12px 1px 0;vertical-align:top"


def card(title: str, *pieces: str) -> str:
    """A title above pieces of HTML."""
    return f'<div style="font-family:sans-serif;font-size:13px"><b>{escape(title)}</b>{"".join(pieces)}</div>'


def table(rows: Iterable[Sequence[Any]], head: Sequence[Any] = ()) -> str:
    """A table of text."""
    lines = [_line("th", head)] if head else []
    lines += [_line("td", row) for row in rows]
    return f'<table style="border-collapse:collapse;font-size:inherit">{"".join(lines)}</table>'


def _line(tag: str, cells: Sequence[Any]) -> str:
    return "<tr>" + "".join(f'<{tag} style="{_CELL}">{escape(str(cell))}</{tag}>' for cell in cells) + "</tr>"


def folded(title: str, piece: str) -> str:
    """A piece of HTML that opens when its title is clicked."""
    return f"<details><summary>{escape(title)}</summary>{piece}</details>"


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f'<p style="margin:2px 0">{escape(text)}</p>'
