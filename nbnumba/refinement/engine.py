"""Where the loops for derivatives run."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbnumba.kernels.arguments import Arguments, Orientations
from nbnumba.kernels.slopes import Motions
from nbnumba.kernels.sums import Places, Run, Target
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
    return _OnGpu(device)


class _OnGpu:
    """The loops on a GPU."""

    def __init__(self, name: str) -> None:
        from nbnumba.kernels.device import Device

        self._device = Device(name)

    def __call__(
        self, sums: np.ndarray, z: np.ndarray, storing: bool, bounds: np.ndarray, middles: np.ndarray, places: Places,
        target: Target, whole: bool, curved: bool, motions: Motions, a: Arguments,
    ) -> None:  # fmt: skip
        from nbnumba.kernels.cuda import SUMMING, compiled, sum_chunk

        device: Any = self._device
        none = motions.axes[:0]  # all orientations are in the motions
        few = a._replace(orientations=Orientations(none, none, False))
        with device.active():
            sent = device.send((bounds, middles, places.pixels, target, motions, few))
            bounds_there, middles_there, pixels, target_there, motions_there, arguments = sent
            there = device.cuda.device_array(sums.shape, np.float64), device.cuda.device_array(z.shape, np.float64)
            compiled(sum_chunk)[len(sums), SUMMING](
                *there, storing, bounds_there, middles_there, pixels, places.width, target_there, whole, motions_there,
                arguments,
            )  # fmt: skip
            there[1 if storing else 0].copy_to_host(z if storing else sums)
