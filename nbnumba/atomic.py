"""Files that appear under their final name only when they are whole."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import platform
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nbnumba.errors import NbnumbaError, NbnumbaJobError

log = logging.getLogger(__name__)

_DAY = 86400.0  # seconds
_HIDDEN = re.compile(r"\.(.+)\.(\w*)-(\d+)-[0-9a-f]{8}(\.\w+)")  # names as hidden_path makes them


def check_writable(path: str | Path, overwrite: bool = False) -> None:
    """Check, before any work is done, that a file could be written.

    Raises:
        NbnumbaError: its folder is missing, not a folder or not writable; or ``path`` is a folder, something else that
            is not a file, or a file that may not be overwritten.
    """
    if is_device(path):
        return
    path = Path(path)
    folder = path.parent
    if "\0" in str(path):
        raise NbnumbaError(f"{str(path)!r}: is no name of a file; name one without a null character")
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
        raise _exists(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NbnumbaError(f"{path}: its folder {folder} is not writable; name a file in one that is")
    try:
        os.lstat(hidden_path(path))
    except FileNotFoundError:
        return
    except OSError as error:  # a name that is too long
        raise NbnumbaError(f"{path}: cannot be written ({error.strerror}); name another file") from None


def _exists(path: str | Path) -> NbnumbaError:
    return NbnumbaError(f"{path}: exists already; add --overwrite (overwrite=True) to replace it, or name another file")


def check_distinct(outputs: Iterable[str | Path | None], inputs: Iterable[str | Path | None]) -> None:
    """Check that no output is the same file as another or as an input; None stands for a file that is not wanted.

    Raises:
        NbnumbaError: one is.
    """
    taken = {os.path.realpath(name) for name in inputs if name is not None}
    for output in outputs:
        if output is None or is_device(output):
            continue
        place = os.path.realpath(output)
        if place in taken:
            raise NbnumbaError(f"{output}: is an input or another output of this command; name another file")
        taken.add(place)


def is_device(path: str | Path) -> bool:
    """Whether this is a device such as /dev/null, which takes what is written as it comes."""
    with contextlib.suppress(OSError):
        return stat.S_ISCHR(os.stat(path).st_mode)
    return False


def hidden_path(path: str | Path, process: int | None = None) -> Path:
    """Where a new file is until it takes its name; a link's is beside the file that it leads to.

    Its name has the machine and the number of the process that writes it, this one if None. Each call gives another
    name: threads may write one file at a time.
    """
    final = Path(os.path.realpath(path))
    writer = f"{_machine()}-{process or os.getpid()}-{secrets.token_hex(4)}"
    return final.with_name(f".{final.stem}.{writer}{final.suffix}")


def hidden_in(folder: str | Path) -> list[tuple[str, Path, bool]]:
    """Hidden files in a folder: the name that each is for, its path, and whether it is still being written.

    That is told by whether the process lives; on another machine and where a number may be another process's by now,
    by whether the file was changed within a day.
    """
    found = [(_HIDDEN.fullmatch(entry), Path(folder, entry)) for entry in os.listdir(folder)]
    return [(name[1] + name[4], part, _is_written(part, name[2], int(name[3]))) for name, part in found if name]


def _is_written(part: Path, machine: str, process: int) -> bool:
    try:
        recent = time.time() - part.stat().st_mtime < _DAY
    except FileNotFoundError:
        return False
    return recent and (machine != _machine() or _lives(process))


def _lives(process: int) -> bool:
    if os.name != "posix":  # where there is no asking without sending a signal
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # someone else's
        return True
    return True


def _machine() -> str:
    return re.sub(r"\W", "_", platform.node().partition(".")[0])


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
    files = _Files(overwrite, [])
    with files.guarded(paths):
        yield [files.add(path) for path in paths]
        files.check()
        files.rename()


@contextlib.contextmanager
def new_family(path: str | Path, overwrite: bool = False) -> Iterator[tuple[Path, Callable[[Path], Path]]]:
    """As ``new_file`` for a file and others that it refers to, which become known one after another.

    Gives the hidden file of the first, and a function that takes the final name of another and gives its hidden file.
    All take their names when all are whole, the first as the last of them. One that it replaces goes before: at no
    moment does a file lie beside others that are not its own.
    """
    files = _Files(overwrite, [])
    with files.guarded([path]):
        yield files.add(path), files.add
        files.check()
        files.rename_first_last()


class _Files(NamedTuple):
    """Files in the making: name, hidden file, and final place (where a link leads to)."""

    overwrite: bool
    made: list[tuple[str | Path, Path, Path]]

    def add(self, path: str | Path) -> Path:
        check_writable(path, self.overwrite)
        final = Path(os.path.realpath(path))  # a link stays a link
        if is_device(final):
            return final
        part = hidden_path(final)
        self.made.append((path, part, final))
        return part

    def check(self) -> None:
        for path, part, _ in self.made:
            _to_disk(part)
            check_writable(path, self.overwrite)  # something may have appeared there meanwhile

    def rename(self) -> None:
        for path, part, final in self.made:
            if self.overwrite or not _linked(path, part, final):
                os.replace(part, final)
            log.info("wrote %s: %d bytes", final, os.path.getsize(final))
        for folder in {final.parent for _, _, final in self.made}:
            _names_to_disk(folder)

    def rename_first_last(self) -> None:
        for _, _, final in self.made[:1] if len(self.made) > 1 else ():
            final.unlink(missing_ok=True)
        self._replace(made=[*self.made[1:], *self.made[:1]]).rename()

    @contextlib.contextmanager
    def guarded(self, paths: Sequence[str | Path]) -> Iterator[None]:
        """Tell errors by the names of the files, and leave no hidden ones behind."""
        try:
            yield
        except NbnumbaError as error:
            named = {str(part): str(path) for path, part, _ in self.made}
            text = functools.reduce(lambda text, part: text.replace(part, named[part]), named, str(error))
            raise type(error)(text) from error
        except OSError as error:
            concerned = [path for path, part, _ in self.made if error.filename in (str(part), part)]
            if not self.made or (error.filename is not None and not concerned):
                raise  # about a file that the block reads, not ours
            raise NbnumbaJobError(
                f"{', '.join(map(str, concerned or paths))}: cannot be written ({error.strerror or error}), and "
                "nothing was left behind; free some space or name a file elsewhere"
            ) from error
        finally:
            for _, part, _ in self.made:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)


def _linked(path: str | Path, part: Path, final: Path) -> bool:
    """Give a file a name that nobody has, in one step; False where there are no links.

    Of several processes that do so at once, one gets it.
    """
    try:
        os.link(part, final)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:
        return False
    part.unlink()
    return True


def _names_to_disk(folder: Path) -> None:
    """Have the names in a folder outlive a loss of power, where the system can."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _to_disk(file: Path) -> None:
    with open(file, "rb+") as opened:
        os.fsync(opened.fileno())
