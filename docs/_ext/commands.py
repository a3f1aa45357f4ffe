"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from nbnumba_cli.main import cli
from text import escaped


class Recorder(click.HelpFormatter):
    """Keeps the lists of options that a command writes into its help, by the heading of each."""

    def __init__(self) -> None:
        super().__init__(width=10_000)
        self.lists: list[tuple[str, Sequence[tuple[str, str]]]] = []
        self._heading = ""

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Remember the heading."""
        self._heading = name
        yield

    def write_dl(self, rows: Sequence[tuple[str, str]], *_: int, **__: int) -> None:
        """Remember the list."""
        self.lists.append((self._heading, rows))


def markdown() -> str:
    """A section for the program and one for each command."""
    context = click.Context(cli, info_name="nbnumba", **cli.context_settings)
    sections = [_help(cli), _usage(cli, context), _options(cli, context, links=True)]
    sections += [_section(context, name) for name in cli.list_commands(context)]
    return "\n\n".join(sections)


def _prose(text: str) -> str:
    """Plain text with its options as code."""
    parts = re.split(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", text)
    return "".join(f"`{part}`" if i % 2 else escaped(part) for i, part in enumerate(parts))


def _section(parent: click.Context, name: str) -> str:
    command = parent.command.get_command(parent, name)  # type: ignore[attr-defined]
    context = click.Context(command, info_name=name, parent=parent)
    parts = [f"## {context.command_path}", _usage(command, context), _help(command), _options(command, context)]
    if isinstance(command, click.Group):
        parts += [_section(context, inner) for inner in command.list_commands(context)]
    return "\n\n".join(parts)


def _usage(command: click.Command, context: click.Context) -> str:
    return f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```"


def _help(command: click.Command) -> str:
    """Paragraphs; those after a backspace are kept line by line, below their first one."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(_verbatim(text[1:]) if text.startswith("\b") else _prose(text) for text in paragraphs)


def _verbatim(text: str) -> str:
    heading, *lines = text.strip("\n").splitlines()
    return f"{_prose(heading)}\n\n```text\n{inspect.cleandoc(chr(10).join(lines))}\n```"


def _options(command: click.Command, context: click.Context, links: bool = False) -> str:
    recorder = Recorder()
    command.format_options(context, recorder)
    blocks = []
    for heading, rows in recorder.lists:
        terms = [
            f"[`{context.command_path} {left}`](#{context.command_path}-{left})"
            if links and heading == "Commands"
            else f"`{left}`"
            for left, _ in rows
        ]
        listed = "\n\n".join(
            f"{term}\n: {_prose(right) or 'Yes or no.'}" for term, (_, right) in zip(terms, rows, strict=True)
        )
        blocks.append(f"**{heading}**\n\n{listed}")
    return "\n\n".join(blocks)
