"""The steps of a response on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbnumba._jit import call, kernel
from nbnumba.kernels.counting import Exposure, Readout
from nbnumba.kernels.cuda_readout import THREADS, expose_pixel, spread_pixel, write_pixel
from nbnumba.kernels.device import Device
from nbnumba.model.response import Response
from nbnumba.physics.readout import Electronics
from nbnumba.response.spread import gaussian_taps, spread


class Chip:
    """A GPU; images stay there between the steps."""

    def __init__(self, name: str) -> None:
        self._device = Device(name)
        self._cuda = self._device.cuda

    def expose(self, image: Any, exposure: Exposure) -> Any:
        """Photons, float64, from expected ones, which may be on the device already."""
        with self._device.active():
            there = image if hasattr(image, "copy_to_host") else self._cuda.to_device(np.ascontiguousarray(image))
            photons = self._device.array(there.shape, np.float64)
            self._each(expose_pixel, photons.reshape(photons.size), there.reshape(there.size), exposure)
            return photons

    def spread(self, photons: Any, response: Response, pixel_size: float) -> Any:
        """The signal after the point spread. That of fibres, whose tails reach everywhere, is left to the CPU."""
        with self._device.active():
            if response.psf == "fiber":
                return self._cuda.to_device(spread(photons.copy_to_host(), response, pixel_size))
            taps = self._cuda.to_device(gaussian_taps(response.psf_fwhm / pixel_size))
            for along_slow in (True, False):
                result = self._device.array(photons.shape, np.float64)
                rows, width = photons.shape
                grid = (rows, -(-width // THREADS)), (1, THREADS)
                call(kernel(spread_pixel)[grid], result, photons, taps, along_slow)
                photons = result
            return photons

    def read_out(
        self, photons: Any, seen: np.ndarray, counts: np.ndarray, readout: Readout, electronics: Electronics
    ) -> None:
        """Fill ``counts``, on the CPU, with what is written."""
        with self._device.active():
            there, mask = self._device.array((counts.size,), counts.dtype), self._cuda.to_device(seen.reshape(-1))
            self._each(write_pixel, there, photons.reshape(photons.size), mask, readout, electronics)
            there.copy_to_host(counts.reshape(-1))

    def _each(self, function: Any, result: Any, *arguments: Any) -> None:
        """Launch a thread for each element of the result."""
        call(kernel(function)[-(-result.size // THREADS), THREADS], result, *arguments)
