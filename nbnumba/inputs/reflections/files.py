"""Bytes of an input file, plain or compressed, with errors that name the file."""

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.text import read_up_to

GZIP_MAGIC = b"\x1f\x8b"
#: Of what is compressed, so that a small file cannot fill the memory.
MOST_BYTES = 2**30


def read_bytes(path: Path) -> bytes:
    """Content of a file, decompressed where it is named .gz or begins like gzip; never empty.

    Raises NbnumbaError for a file that is missing, a folder, not readable, damaged or empty.
    """
    content = _raw_bytes(path)
    if content and (path.suffix.lower() == ".gz" or content.startswith(GZIP_MAGIC)):
        content = _decompressed(content, path)
    if not content:
        raise NbnumbaError(f"{path} is empty; give a file with reflections or coordinates.")
    return content


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turns the errors of a parser into an NbnumbaError that says that `path` is no good file of `kind`."""
    try:
        yield
    except NbnumbaError:
        raise
    except (RuntimeError, ValueError, OSError, IndexError, ArithmeticError, MemoryError) as error:
        raise NbnumbaError(
            f"{path} cannot be read as {kind}: {error}. Give an intact file, or its true kind with format=."
        ) from error


def _raw_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            content = read_up_to(opened, MOST_BYTES, os.fstat(opened.fileno()).st_size)
    except IsADirectoryError as error:
        raise NbnumbaError(f"{path} is a folder; give a file.") from error
    except FileNotFoundError as error:
        raise NbnumbaError(f"{path} does not exist; give the path of an existing file.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NbnumbaError(f"{path} cannot be read ({reason}); check the path and its permissions.") from error
    if len(content) > MOST_BYTES:
        raise NbnumbaError(f"{path} holds more than {MOST_BYTES} bytes; give a smaller file.")
    return content


def _decompressed(content: bytes, path: Path) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            found = read_up_to(stream, MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise NbnumbaError(f"{path} is not an intact gzip file ({error}); copy or compress it again.") from error
    if len(found) > MOST_BYTES:
        raise NbnumbaError(
            f"{path} holds more than {MOST_BYTES} bytes; allowed are so many, give it without compression."
        )
    return found
