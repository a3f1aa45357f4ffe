"""Where the loops for derivatives run."""

from __future__ import annotations

import weakref
from collections import deque
from functools import cache
from typing import Any

import numpy as np

from nbnumba._jit import kernel
from nbnumba._run import call
from nbnumba.kernels.arguments import NO_ORIENTATIONS, Arguments
from nbnumba.kernels.slopes import Motions
from nbnumba.kernels.sums import WIDTH, Places, Run, Target, chunks_of
from nbnumba.simulation import check_device


def engine(device: str = "cpu") -> Run:
    """The loops on "cpu", "cuda" or "cuda:1" and so on; on a GPU, what one call sent there serves the next.

    Raises:
        NbnumbaError: a device that is not there.
    """
    check_device(device)
    if device == "cpu":
        from nbnumba.kernels.derivatives import run

        return run
    return _on_gpu("cuda:0" if device == "cuda" else device)


@cache
def _on_gpu(device: str) -> _OnGpu:
    return _OnGpu(device)


class _OnGpu:
    """The loops on a GPU, whose arrays stay there."""

    def __init__(self, name: str) -> None:
        from nbnumba.kernels.device import Device

        self._device = Device(name)
        self._unused: deque[str] = deque()  # keys of pixels that nobody asks for any more
        self._known: set[str] = set()

    def __call__(
        self, z: np.ndarray, storing: bool, places: Places, target: Target, whole: bool, curved: bool,
        motions: Motions, a: Arguments,
    ) -> np.ndarray:  # fmt: skip
        from nbnumba.kernels.cuda import LEAST, SUMMING, add_chunks, sum_chunk

        device: Any = self._device
        least = SUMMING if storing else LEAST
        chunks, groups = chunks_of(places, a.sheet.rows, least), len(places.groups) - 1
        firsts = np.searchsorted(chunks.owner, np.arange(groups + 1))
        with device.active():
            # All orientations are in the motions.
            a_there, motions_there = device.send((a._replace(orientations=NO_ORIENTATIONS), motions), "all", 0)
            bounds, centers, firsts, pixels, target = device.send(
                (chunks.bounds, chunks.centers, firsts, places.pixels, target), self._key(places.pixels), 0
            )
            sums = device.array((1 if storing else len(chunks.owner), WIDTH, WIDTH), np.float64)
            there, found = device.array(z.shape, np.float64), device.array((groups, WIDTH, WIDTH), np.float64)
            call(
                kernel(sum_chunk)[len(chunks.owner), SUMMING], sums, there, storing, bounds, centers, pixels,
                places.width, target, whole, curved, motions_there, a_there,
            )  # fmt: skip
            if storing:
                there.copy_to_host(z)
                return np.zeros((groups, WIDTH, WIDTH))
            call(kernel(add_chunks)[(groups, WIDTH * WIDTH // SUMMING), SUMMING], found, sums, firsts)
            result: np.ndarray = found.copy_to_host()
            return result

    def _key(self, pixels: np.ndarray) -> str:
        """Key of what belongs to pixels, which is dropped when they are."""
        while self._unused:
            unused = self._unused.popleft()
            self._known.discard(unused)
            self._device.forget(unused)
        key = f"pixels {id(pixels)}"
        if key not in self._known:
            self._known.add(key)
            weakref.finalize(pixels, self._unused.append, key)
        return key
