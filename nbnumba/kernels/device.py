"""A GPU and the arrays that were sent to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import config, cuda
from numba.cuda.cudadrv.driver import CudaAPIError

from nbnumba.errors import NbnumbaError

_SIMULATED = bool(config.ENABLE_CUDASIM)
_FEWER = "take fewer pixels, reflections or domains, or 'cpu'"
_EXTRAS = "'nbnumba[cuda12]' (drivers from 525 on) or 'nbnumba[cuda13]' (from 580 on)"


def require(device: str) -> None:
    """Check that there is a GPU to compute on.

    Raises:
        NbnumbaError: numba-cuda, its compiler, a driver or a GPU is missing, or there is no GPU of this number.
    """
    if not _SIMULATED and getattr(cuda, "implementation", "") != "NVIDIA":
        raise NbnumbaError(
            f"device: found {device!r}, but numba-cuda is not installed; install it with pip install {_EXTRAS}, "
            "or use 'cpu'"
        )
    if not cuda.is_available():
        raise NbnumbaError(f"device: found {device!r}, but {_what_is_missing()}, or use 'cpu'")
    number, count = number_of(device), len(list(cuda.gpus))
    if number >= count:
        raise NbnumbaError(f"device: found {device!r}; there is: cpu, {', '.join(f'cuda:{i}' for i in range(count))}")


def _what_is_missing() -> str:
    """Why there is no GPU to compute on, and what to do."""
    error = cuda.cuda_error()
    if error is None:  # the driver has no complaint
        return (
            f"numba-cuda does not find its compiler NVVM; install one that fits the driver with pip install {_EXTRAS}"
        )
    reason = " ".join(str(error).split())
    return f"no usable GPU and driver ({reason}); nvidia-smi tells what is there; install or update the driver"


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
        self._number, self._one_at_a_time = number_of(name), threading.RLock()
        self._sent: dict[str, tuple[np.ndarray, Any]] = {}

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within it, memory and launches are on this GPU, and this thread alone uses what was sent."""
        with self._one_at_a_time, self.cuda.gpus[self._number]:
            yield

    def free(self) -> float:
        """Bytes of memory that are free."""
        return float(self.cuda.current_context().get_memory_info().free)

    def array(self, shape: tuple[int, ...], dtype: Any, advice: str = _FEWER) -> Any:
        """An array on the device, of any content.

        Raises:
            NbnumbaError: too little memory; ``advice`` says what to do.
        """
        return self._allocated(self.cuda.device_array, shape, dtype, advice)

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array on the CPU that the device can fill while both compute.

        Raises:
            NbnumbaError: too little memory.
        """
        return self._allocated(self.cuda.pinned_array, shape, dtype, _FEWER)

    def _allocated(self, make: Any, shape: tuple[int, ...], dtype: Any, advice: str) -> Any:
        try:  # numba-cuda tries twice, and in between gives back what nobody uses any more
            return make(shape, dtype)
        except (CudaAPIError, MemoryError) as error:
            if isinstance(error, CudaAPIError) and "OUT_OF_MEMORY" not in str(error):
                raise
            needed = np.prod(shape, dtype=float) * np.dtype(dtype).itemsize
            raise NbnumbaError(
                f"device: {needed / 2**20:.2f} MiB for {' x '.join(map(str, shape))} numbers do not fit into the GPU's "
                f"memory, of which {self.free() / 2**20:.2f} MiB are free; {advice}"
            ) from None

    def send(self, value: Any, key: str, stream: Any = None) -> Any:
        """Nested tuples with their arrays on the device; what was sent with the same key before is not sent again.

        Args:
            value: tuples, of which those of arrays are sent.
            key: what they are for. Arrays take the place of those that were sent with the same key.
            stream: on which they are sent; None: when all other work is done, for any stream.

        Raises:
            NbnumbaError: too little memory.
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


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether arrays hold the same, without looking where they are the same memory."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.__array_interface__["data"] == b.__array_interface__["data"] or np.array_equal(a, b)
