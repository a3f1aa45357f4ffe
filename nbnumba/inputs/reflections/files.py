"""Bytes of an input file, plain or compressed, with errors that name the file."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbnumba.errors import NbnumbaError
from nbnumba.inputs import text
from nbnumba.inputs.text import MOST, read_up_to

GZIP_MAGIC = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """Content of a file, decompressed where it is named .gz or begins like gzip; never empty.

    Raises NbnumbaError for a file that cannot be read, is damaged, empty, or of more than 1 GiB, compressed or not.
    """
    content = text.read_bytes(path)
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


def _decompressed(content: bytes, path: Path) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            found = read_up_to(stream, MOST)
    except (OSError, EOFError, zlib.error) as error:
        raise NbnumbaError(f"{path} is not an intact gzip file ({error}); copy or compress it again.") from error
    if len(found) > MOST:
        raise NbnumbaError(f"{path}: found more than {MOST} bytes in it; allowed: a smaller file")
    return found
