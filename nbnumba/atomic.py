"""Files that appear under their final name only when they are whole."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nbnumba.errors import NbnumbaError

log = logging.getLogger(__name__)


def check_writable(path: str | Path, overwrite: bool = False) -> None:
    """Check, before any work is done, that a file could be written.

    Raises:
        NbnumbaError: its folder is missing, not a folder or not writable; or ``path`` is a folder, something else that
            is not a file, or a file that may not be overwritten.
    """
    if _is_device(path):
        return
    path = Path(path)
    folder = path.parent
    if not os.path.lexists(folder):
        raise NbnumbaError(f"{path}: its folder {folder} does not exist; make it, or name a file in one that does")
    if not os.path.isdir(folder):
        raise NbnumbaError(f"{path}: {folder} is not a folder; name a file in one that is")
    if os.path.isdir(path):
        raise NbnumbaError(f"{path}: is a folder; name a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise NbnumbaError(f"{path}: is neither a file nor free; name a file")
    if os.path.isfile(path) and not os.access(path, os.W_OK):
        raise NbnumbaError(f"{path}: is write-protected; name another file, or lift the protection")
    if os.path.lexists(path) and not overwrite:
        raise NbnumbaError(
            f"{path}: exists already; add --overwrite (overwrite=True) to replace it, or name another file"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NbnumbaError(f"{path}: its folder {folder} is not writable; name a file in one that is")


def check_distinct(outputs: Iterable[str | Path | None], inputs: Iterable[str | Path | None]) -> None:
    """Check that no output is the same file as another or as an input; None stands for a file that is not wanted.

    Raises:
        NbnumbaError: one is.
    """
    taken = {os.path.realpath(name) for name in inputs if name is not None}
    for output in outputs:
        if output is None or _is_device(output):
            continue
        place = os.path.realpath(output)
        if place in taken:
            raise NbnumbaError(f"{output}: is an input or another output of this command; name another file")
        taken.add(place)


def _is_device(path: str | Path) -> bool:
    """Whether this is a device such as /dev/null, which takes what is written as it comes."""
    with contextlib.suppress(OSError):
        return stat.S_ISCHR(os.stat(path).st_mode)
    return False


@contextlib.contextmanager
def new_file(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Give the path of a hidden file beside ``path``, which takes that name when the block ends well.

    Whatever ends the block otherwise, an interrupt included, leaves neither file behind and an older file untouched.

    Raises:
        NbnumbaError: as ``check_writable``, or the file system refuses, for instance because it is full.
    """
    with new_files([path], overwrite) as parts:
        yield parts[0]


@contextlib.contextmanager
def new_files(paths: Sequence[str | Path], overwrite: bool = False) -> Iterator[list[Path]]:
    """As ``new_file`` for several files, which take their names together, when all of them are whole."""
    for path in paths:
        check_writable(path, overwrite)
    finals = [Path(os.path.realpath(path)) for path in paths]  # a link stays a link
    parts = [
        final if _is_device(final) else final.with_name(f".{final.stem}.{os.getpid()}{final.suffix}")
        for final in finals
    ]
    hidden = [(path, part, final) for path, part, final in zip(paths, parts, finals, strict=True) if part != final]
    try:
        yield parts
        for path, part, _ in hidden:
            _to_disk(part)
            check_writable(path, overwrite)  # something may have appeared there meanwhile
        for _, part, final in hidden:
            os.replace(part, final)
            log.info("wrote %s: %d bytes", final, os.path.getsize(final))
    except NbnumbaError as error:
        named = {str(part): str(path) for path, part, _ in hidden}
        raise NbnumbaError(
            functools.reduce(lambda text, part: text.replace(part, named[part]), named, str(error))
        ) from error
    except OSError as error:
        concerned = [path for path, part, _ in hidden if error.filename in (str(part), part)]
        if error.filename is not None and not concerned:
            raise  # about a file that the block reads, not ours
        raise NbnumbaError(
            f"{', '.join(map(str, concerned or paths))}: cannot be written ({error.strerror or error}), and nothing "
            "was left behind; free some space or name a file elsewhere"
        ) from error
    finally:
        for _, part, _ in hidden:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def _to_disk(file: Path) -> None:
    with open(file, "rb+") as opened:
        os.fsync(opened.fileno())
