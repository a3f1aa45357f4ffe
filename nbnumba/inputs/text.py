"""Numbers in text files, with errors that name file and line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbnumba.errors import NbnumbaError

log = logging.getLogger(__name__)


@contextmanager
def naming(file: str | Path) -> Iterator[None]:
    """Errors of the block tell the file, where they do not yet."""
    try:
        yield
    except NbnumbaError as error:
        if str(file) in str(error):
            raise
        raise NbnumbaError(f"{file}: {error}") from None


def read_bytes(file: str | Path) -> bytes:
    """Content of a file."""
    try:
        content = Path(file).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise NbnumbaError(f"{file}: cannot be read ({why}); name an existing file") from None
    log.debug("read %s: %d bytes", file, len(content))
    return content


def read_rows(file: str | Path) -> list[tuple[int, list[float]]]:
    """Line number and numbers of every line that is neither blank nor a comment (#)."""
    try:
        text = read_bytes(file).decode("utf-8")
    except UnicodeDecodeError:
        raise NbnumbaError(f"{file}: not a text file; allowed: lines of numbers") from None
    rows = []
    for count, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            raise NbnumbaError(f"{file}, line {count}: found {line.strip()[:60]!r}; allowed: numbers") from None
        if numbers:
            rows.append((count, numbers))
    return rows
