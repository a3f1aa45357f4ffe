"""Plain text as Markdown."""

import re

CODE = re.compile(r"(``.+?``)", re.DOTALL)


def escaped(text: str) -> str:
    """Text whose punctuation means nothing to Markdown."""
    return re.sub(r"([\\`*_\[\]<>|$~^#{}])", r"\\\1", text)
