"""HDF5 files that are whole or not there."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py

from nbnumba.atomic import check_writable, is_device, new_file
from nbnumba.errors import NbnumbaError

#: Calls a function with an open file and further arguments, and returns its result.
Use = Callable[..., Any]


class Sink:
    """A file for HDF5 to write to, which keeps the first error to itself and then pretends that all is well.

    HDF5 does not recover from a failed write: it cannot close the file any more, and complains on stderr when
    the program ends. Behind a sink it never sees the failure; ``check`` raises it.
    """

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self._error: Exception | None = None

    def check(self) -> None:
        """Raise the error that was kept, if there is one."""
        if self._error is not None:
            raise self._error

    @contextlib.contextmanager
    def _keep_error(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._error = self._error or error

    def write(self, data: memoryview) -> int:
        """Write all bytes at the current position."""
        view = memoryview(data).cast("B")
        with self._keep_error():
            while len(view) and self._error is None:
                view = view[self._raw.write(view) :]
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Bytes from the current position; h5py knows a file by this method, but does not call it."""
        buffer = bytearray(max(size, 0))
        self.readinto(memoryview(buffer))
        return bytes(buffer)

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer from the current position, with zeros past the end."""
        view = memoryview(buffer).cast("B")
        done = 0
        with self._keep_error():
            while count := self._raw.readinto(view[done:]):
                done += count
        view[done:] = bytes(len(view) - done)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position; its number."""
        position = 0
        with self._keep_error():
            position = self._raw.seek(offset, whence)
        return position

    def tell(self) -> int:
        """Number of the current position."""
        return self.seek(0, os.SEEK_CUR)

    def truncate(self, size: int) -> int:
        """Set the size [bytes]."""
        with self._keep_error():
            self._raw.truncate(size)
        return size

    def flush(self) -> None:
        """Nothing to do: no buffer."""


def check_hdf5(path: str | Path, overwrite: bool = False) -> None:
    """As ``check_writable``, for a file that is written back and forth: no device will do.

    Raises:
        NbnumbaError: it cannot be written.
    """
    if is_device(path):
        raise NbnumbaError(f"{path}: is a device, which cannot hold HDF5; name a file")
    check_writable(path, overwrite)


@contextlib.contextmanager
def new_hdf5(path: str | Path, overwrite: bool = False) -> Iterator[Use]:
    """Open a new HDF5 file that takes its name when the block ends well; equal contents make equal bytes.

    The block is given a function: ``use(work, *arguments)`` returns ``work(file, *arguments)``, and raises as soon as
    the disk is full. All work is done in one thread of its own, where no interrupt can strike within HDF5.

    Raises:
        NbnumbaError: the file cannot be written; see ``new_file``.
    """
    check_hdf5(path, overwrite)
    with new_file(path, overwrite) as part, writing_hdf5(part) as use:
        yield use


@contextlib.contextmanager
def writing_hdf5(path: Path, versions: tuple[str, str] | None = None) -> Iterator[Use]:
    """As ``new_hdf5`` for a file whose name and fate are someone else's care.

    Args:
        path: the new file.
        versions: oldest and newest format of objects in it, as h5py's ``libver``; None: the oldest that will do.
    """
    with open(path, "wb+", buffering=0) as raw, ThreadPoolExecutor(1) as thread:
        sink, opened = Sink(raw), _Opened()

        def run(work: Callable[..., Any], *arguments: Any) -> Any:
            try:
                return thread.submit(work, *arguments).result()
            finally:
                sink.check()

        try:
            run(opened.open, sink, "w", versions)
            yield lambda work, *arguments: run(work, opened.file, *arguments)
        finally:
            _whatever_interrupts(lambda: run(opened.close))


@contextlib.contextmanager
def growing_hdf5(path: Path) -> Iterator[Use]:
    """As ``writing_hdf5`` for a file that exists, while others read it: single writer, multiple readers.

    From the start of the block on nothing new can be made in it: datasets grow and their values change. HDF5 does this
    to real files only, with no sink between: space on the disk is set aside before each work, for its arguments and
    what HDF5 adds to them, so that it is here that a full disk is noticed.
    """
    with open(path, "rb+", buffering=0) as raw, ThreadPoolExecutor(1) as thread:
        opened, aside = _Opened(), 0

        def run(work: Callable[..., Any], *arguments: Any) -> Any:
            nonlocal aside
            needed = thread.submit(opened.size).result() + sum(map(_bytes_in, arguments)) + _ROOM
            if needed > aside:
                _set_aside(raw.fileno(), needed + _ROOM)
                aside = needed + _ROOM
            return thread.submit(work, opened.file, *arguments).result()

        try:
            thread.submit(opened.open, path, "r+", WATCHED).result()
            thread.submit(opened.watch).result()
            yield run
        finally:
            _whatever_interrupts(lambda: thread.submit(opened.close).result())
            raw.truncate(min(opened.last_size, os.fstat(raw.fileno()).st_size))


#: Formats that can be read while they are written, as h5py's ``libver``.
WATCHED = ("v110", "v110")
#: What HDF5 may write [bytes] beside the arguments of a work: heads and indices of datasets.
_ROOM = 1 << 20


def _bytes_in(argument: Any) -> int:
    if isinstance(argument, bytes):
        return len(argument)
    if isinstance(argument, list | tuple):
        return sum(map(_bytes_in, argument))
    return int(getattr(argument, "nbytes", 0))


def _set_aside(file: int, size: int) -> None:
    """Make a file own its first bytes on the disk, where the system can; OSError: there is no space for them."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file, 0, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # what some file systems say that cannot
            raise


class _Opened:
    """An HDF5 file, known from the moment it is open: one that is never closed crashes the program at its end."""

    file: h5py.File | None = None
    last_size = 0  # bytes, when it was closed

    def open(self, file: Sink | Path, mode: str, versions: tuple[str, str] | None) -> None:
        self.file = h5py.File(file, mode, libver=versions, track_order=False)

    def watch(self) -> None:
        """Let others read while this one writes."""
        assert self.file is not None
        self.file.swmr_mode = True

    def size(self) -> int:
        """Bytes that HDF5 has taken so far."""
        return 0 if self.file is None else int(self.file.id.get_filesize())

    def close(self) -> None:
        if self.file:  # open
            self.file.flush()  # gives back what was taken and is not used
            self.last_size = self.size()
            self.file.close()


def _whatever_interrupts(work: Callable[[], None]) -> None:
    """Do work that can be repeated, again and again until no interrupt strikes in the middle; then raise the last."""
    interrupt = None
    while True:
        try:
            work()
            break
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt
