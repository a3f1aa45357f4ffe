"""HDF5 files that are whole or not there."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py

from nbnumba.atomic import new_file

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


@contextlib.contextmanager
def new_hdf5(path: str | Path, overwrite: bool = False) -> Iterator[Use]:
    """Open a new HDF5 file that takes its name when the block ends well; equal contents make equal bytes.

    The block is given a function: ``use(work, *arguments)`` returns ``work(file, *arguments)``, and raises as soon as
    the disk is full. All work is done in one thread of its own, where no interrupt can strike within HDF5.

    Raises:
        NbnumbaError: the file cannot be written; see ``new_file``.
    """
    with new_file(path, overwrite) as part, open(part, "wb+", buffering=0) as raw, ThreadPoolExecutor(1) as thread:
        sink, opened = Sink(raw), _Opened()

        def run(work: Callable[..., Any], *arguments: Any) -> Any:
            try:
                return thread.submit(work, *arguments).result()
            finally:
                sink.check()

        try:
            run(opened.open, sink)
            yield lambda work, *arguments: run(work, opened.file, *arguments)
        finally:
            _whatever_interrupts(lambda: run(opened.close))


class _Opened:
    """An HDF5 file, known from the moment it is open: one that is never closed crashes the program at its end."""

    file: h5py.File | None = None

    def open(self, sink: Sink) -> None:
        self.file = h5py.File(sink, "w", track_order=False)

    def close(self) -> None:
        if self.file is not None:
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
