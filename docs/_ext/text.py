"""Plain text as Markdown."""

import re

CODE = re.compile(r"(``.+?``)", re.DOTALL)


def escaped(text: str) -> str:
    """Text whose punctuation means nothing to Markdown."""
    return re.sub(r"([\\`*_\[\]<>|$~^#{}])", r"\\\1", text)


def prose(text: str) -> str:
    """The same for a docstring, in which ``code`` stays code."""
    return "".join(part if i % 2 else escaped(part) for i, part in enumerate(CODE.split(text)))
