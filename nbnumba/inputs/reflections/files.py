"""Bytes of an input file, plain or compressed, with errors that name the file."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbnumba.errors import NbnumbaError

GZIP_MAGIC = b"\x1f\x8b"


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
    except (RuntimeError, ValueError, OSError, IndexError, MemoryError) as error:
        raise NbnumbaError(
            f"{path} cannot be read as {kind}: {error}. Give an intact file, or its true kind with format=."
        ) from error


def _raw_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise NbnumbaError(f"{path} is a folder; give a file.")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NbnumbaError(f"{path} does not exist; give the path of an existing file.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NbnumbaError(f"{path} cannot be read ({reason}); check the path and its permissions.") from error


def _decompressed(content: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise NbnumbaError(f"{path} is not an intact gzip file ({error}); copy or compress it again.") from error
