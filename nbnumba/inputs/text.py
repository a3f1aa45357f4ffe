"""Numbers in text files, with errors that name file and line."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from nbnumba.errors import NbnumbaError

log = logging.getLogger(__name__)

#: Bytes that a file is read of.
MOST = 2**30
_PATIENCE = 2.0  # seconds
_AT_ONCE = 2**20  # bytes, of files that do not tell their size


@contextmanager
def naming(file: str | Path) -> Iterator[None]:
    """Errors of the block tell the file, where they do not yet."""
    try:
        yield
    except NbnumbaError as error:
        if str(file) in str(error):
            raise
        raise NbnumbaError(f"{file}: {error}") from None


@contextmanager
def opened(file: str | Path) -> Iterator[BinaryIO]:
    """A file to be read; where it is a pipe, and nothing comes for a while, the log tells what is waited for."""
    if not is_pipe(file):
        with open(file, "rb") as content:
            yield content
        return
    notice = threading.Timer(_PATIENCE, log.warning, [f"Waiting for {file}, a pipe, to be written and closed."])
    notice.daemon = True
    notice.start()
    try:
        with open(file, "rb") as content:
            yield content
    finally:
        notice.cancel()


def is_pipe(file: str | Path) -> bool:
    """Whether this is a pipe, which can be read once."""
    with suppress(OSError, ValueError):
        return stat.S_ISFIFO(os.stat(file).st_mode)
    return False


def refuse_pipe(file: str | Path, what: str) -> None:
    """Refuse a pipe for ``what`` is read more than once, or from several places."""
    if is_pipe(file):
        raise NbnumbaError(f"{file}: is a pipe, of which {what} cannot be read; write it to a file and name that")


def unreadable(file: str | Path, error: Exception) -> NbnumbaError:
    """The error that tells why a file cannot be opened."""
    why = getattr(error, "strerror", None) or error
    return NbnumbaError(f"{file}: cannot be read ({why}); name an existing file")


def read_up_to(opened: Any, most: int, size: int = 0) -> bytes:
    """What is in an open file, or a byte more than ``most`` of it; room is made for what is there, not for ``most``."""
    content: bytes = opened.read(min(size, most) + 1)
    while content and (more := opened.read(min(max(_AT_ONCE, len(content)), most + 1 - len(content)))):
        content += more
    return content


def read_bytes(file: str | Path) -> bytes:
    """Content of a file, or of a pipe, of up to MOST bytes."""
    try:
        with opened(file) as stream:
            content = read_up_to(stream, MOST, os.fstat(stream.fileno()).st_size)
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from None
    if len(content) > MOST:
        raise NbnumbaError(f"{file}: found more than {MOST} bytes; allowed: a smaller file")
    log.debug("read %s: %d bytes", file, len(content))
    return content


def read_text(file: str | Path, kind: str) -> str:
    """Text of a file in UTF-8, with or without a mark of byte order; ``kind``: what it should be."""
    try:
        return read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NbnumbaError(
            f"{file}: not a text file in UTF-8 ({error.reason} at byte {error.start}); name {kind}"
        ) from None


def read_rows(file: str | Path) -> list[tuple[int, list[float]]]:
    """Line number and numbers of every line that is neither blank nor a comment (#)."""
    rows = []
    for count, line in enumerate(read_text(file, "lines of numbers").splitlines(), start=1):
        words = line.split("#")[0].split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            raise NbnumbaError(f"{file}, line {count}: found {line.strip()[:60]!r}; allowed: numbers") from None
        if numbers:
            rows.append((count, numbers))
    return rows
