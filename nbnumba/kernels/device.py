"""A GPU and the arrays that were sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numba import config, cuda

from nbnumba.errors import NbnumbaError

_SIMULATED = bool(config.ENABLE_CUDASIM)


def require(device: str) -> None:
    """Check that there is a GPU to compute on.

    Raises:
        NbnumbaError: numba-cuda, a driver or a GPU is missing, or there is no GPU of this number.
    """
    if not _SIMULATED and getattr(cuda, "implementation", "") != "NVIDIA":
        raise NbnumbaError(
            f"device: found {device!r}, but numba-cuda is not installed; install it with pip install 'nbnumba[cuda12]' "
            "(drivers from 525 on) or 'nbnumba[cuda13]' (from 580 on), or use 'cpu'"
        )
    if not cuda.is_available():
        reason = " ".join(str(cuda.cuda_error()).split())
        raise NbnumbaError(
            f"device: found {device!r}, but no usable GPU and driver ({reason}); nvidia-smi tells what is there; "
            "install or update the driver, or use 'cpu'"
        )
    number, count = number_of(device), len(list(cuda.gpus))
    if number >= count:
        raise NbnumbaError(f"device: found {device!r}; there is: cpu, {', '.join(f'cuda:{i}' for i in range(count))}")


def number_of(device: str) -> int:
    """Number of the GPU that "cuda" (the first) or "cuda:N" names."""
    return int(device.partition(":")[2] or 0)


class Device:
    """A GPU with the arrays that were sent to it, by their place in the arguments of the loops.

    Raises:
        NbnumbaError: it is not there.
    """

    def __init__(self, name: str) -> None:
        require(name)
        self.cuda, self.bytes_sent = cuda, 0
        self._number = number_of(name)
        self._sent: dict[str, tuple[np.ndarray, Any]] = {}

    def active(self) -> AbstractContextManager[Any]:
        """Within it, memory and launches are on this GPU."""
        found: AbstractContextManager[Any] = self.cuda.gpus[self._number]
        return found

    def free(self) -> float:
        """Bytes of memory that are free."""
        return float(self.cuda.current_context().get_memory_info().free)

    def send(self, value: Any, stream: Any = 0) -> Any:
        """Nested tuples with their arrays on the device; those that are there already are not sent again.

        Raises:
            NbnumbaError: too little memory.
        """
        new = sum(array.nbytes for array in self._missing(value, ""))
        if new > self.free():
            raise NbnumbaError(
                f"device: tables, matrices and images need {new / 2**20:.0f} MiB, and the GPU has "
                f"{self.free() / 2**20:.0f} MiB free; take fewer reflections, domains or pixels, or 'cpu'"
            )
        return self._sent_tree(value, "", stream)

    def _missing(self, value: Any, place: str) -> Iterator[np.ndarray]:
        if isinstance(value, tuple):
            for i, item in enumerate(value):
                yield from self._missing(item, f"{place}.{i}")
        elif isinstance(value, np.ndarray) and not self._there(value, place):
            yield value

    def _there(self, array: np.ndarray, place: str) -> bool:
        before = self._sent.get(place)
        return before is not None and _same(before[0], array)

    def _sent_tree(self, value: Any, place: str, stream: Any) -> Any:
        if isinstance(value, tuple):
            parts = [self._sent_tree(item, f"{place}.{i}", stream) for i, item in enumerate(value)]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if not isinstance(value, np.ndarray):
            return value
        if not self._there(value, place):
            self._sent[place] = value, self.cuda.to_device(np.ascontiguousarray(value), stream=stream)
            self.bytes_sent += value.nbytes
        return self._sent[place][1]


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether arrays hold the same, without looking where they are the same memory."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.__array_interface__["data"] == b.__array_interface__["data"] or np.array_equal(a, b)
