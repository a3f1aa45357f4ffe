"""A GPU and the arrays that were sent to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import config, cuda

from nbnumba.errors import NbnumbaJobError
from nbnumba.kernels.driver import explained, is_theirs, number_of, require

_FEWER = "take fewer pixels, reflections or domains, or 'cpu'"


class Device:
    """A GPU with the arrays that were sent to it, by their place in the arguments of the loops.

    Raises:
        NbnumbaError: it is not there.
        NbnumbaJobError: driver, toolkit and GPU do not fit together.
    """

    def __init__(self, name: str) -> None:
        require(name)
        self.cuda, self.bytes_sent = cuda, 0
        self.name, self._number, self._one_at_a_time = name, number_of(name), threading.RLock()
        self._sent: dict[str, tuple[np.ndarray, Any]] = {}

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within it, memory and launches are on this GPU, and this thread alone uses what was sent.

        Raises:
            NbnumbaJobError: the driver or its toolkit failed.
        """
        with self._one_at_a_time, explained(self.name), _without_advice(), self.cuda.gpus[self._number]:
            yield

    def free(self) -> float:
        """Bytes of memory that are free."""
        return float(self.cuda.current_context().get_memory_info().free)

    def array(self, shape: tuple[int, ...], dtype: Any, advice: str = _FEWER) -> Any:
        """An array on the device, of any content.

        Raises:
            NbnumbaJobError: too little memory; ``advice`` says what to do.
        """
        return self._allocated(self.cuda.device_array, shape, dtype, advice)

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array on the CPU that the device can fill while both compute.

        Raises:
            NbnumbaJobError: too little memory.
        """
        return self._allocated(self.cuda.pinned_array, shape, dtype, _FEWER)

    def _allocated(self, make: Any, shape: tuple[int, ...], dtype: Any, advice: str) -> Any:
        try:  # numba-cuda tries twice, and in between gives back what nobody uses any more
            return make(shape, dtype)
        except Exception as error:
            if not isinstance(error, MemoryError) and not (is_theirs(error) and "OUT_OF_MEMORY" in str(error)):
                raise
            needed = np.prod(shape, dtype=float) * np.dtype(dtype).itemsize
            raise NbnumbaJobError(
                f"device: {in_words(needed)} for {' x '.join(map(str, shape))} numbers do not fit into the GPU's "
                f"memory, of which {in_words(self.free())} are free; {advice}"
            ) from None

    def send(self, value: Any, key: str, stream: Any = None) -> Any:
        """Nested tuples with their arrays on the device; what was sent with the same key before is not sent again.

        Args:
            value: tuples, of which those of arrays are sent.
            key: what they are for. Arrays take the place of those that were sent with the same key.
            stream: on which they are sent; None: when all other work is done, for any stream.

        Raises:
            NbnumbaJobError: too little memory.
        """
        if isinstance(value, tuple):
            parts = [self.send(item, f"{key}.{i}", stream) for i, item in enumerate(value)]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if not isinstance(value, np.ndarray):
            return value
        if key not in self._sent or not _same(self._sent[key][0], value):
            if stream is None:
                self.cuda.synchronize()
            self._replace(key, value, stream or 0)
            if stream is None:
                self.cuda.synchronize()
        return self._sent[key][1]

    def _replace(self, key: str, array: np.ndarray, stream: Any) -> None:
        before: np.ndarray | None
        there: Any
        before, there = self._sent.pop(key, (None, None))
        if before is None or (before.shape, before.dtype) != (array.shape, array.dtype):
            del there  # makes room
            there = self.array(array.shape, array.dtype)
        there.copy_to_device(np.ascontiguousarray(array), stream=stream)
        self._sent[key] = array, there
        self.bytes_sent += array.nbytes

    def forget(self, key: str) -> None:
        """Drop what was sent with this key, or one that begins with it and a comma."""
        for place in [place for place in self._sent if place.startswith((f"{key}.", f"{key},"))]:
            del self._sent[place]


def in_words(size: float) -> str:
    """A number of bytes in a unit in which it is no fraction."""
    power = 2 if size >= 2**20 else 1 if size >= 2**10 else 0
    return f"{size / 2.0 ** (10 * power):.5g} {('bytes', 'KiB', 'MiB')[power]}"


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep numba-cuda from warning of small images, whose size is not for the user of a program to choose."""
    before, config.CUDA_LOW_OCCUPANCY_WARNINGS = config.CUDA_LOW_OCCUPANCY_WARNINGS, 0
    try:
        yield
    finally:
        config.CUDA_LOW_OCCUPANCY_WARNINGS = before


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether arrays hold the same, without looking where they are the same memory."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.__array_interface__["data"] == b.__array_interface__["data"] or np.array_equal(a, b)
