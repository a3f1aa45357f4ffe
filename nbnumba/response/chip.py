"""The steps of a response on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbnumba._jit import kernel
from nbnumba._run import call
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
        """The signal after the point spread, on each panel by itself."""
        with self._device.active():
            result = self._device.array(photons.shape, np.float64)
            for panel in range(1 if photons.ndim == 2 else photons.shape[0]):
                here = slice(None) if photons.ndim == 2 else panel
                self._spread(photons[here], result[here], response, pixel_size)
            return result

    def _spread(self, photons: Any, result: Any, response: Response, pixel_size: float) -> None:
        """Fill ``result`` (slow, fast). The spread of fibres, whose tails reach everywhere, is left to the CPU."""
        if response.psf == "fiber":
            result.copy_to_device(spread(photons.copy_to_host(), response, pixel_size))
            return
        taps = self._cuda.to_device(gaussian_taps(response.psf_fwhm / pixel_size, max(photons.shape)))
        between, (rows, width) = self._device.array(photons.shape, np.float64), photons.shape
        spreading = kernel(spread_pixel)[(rows, -(-width // THREADS)), (1, THREADS)]
        call(spreading, between, photons, taps, True)
        call(spreading, result, between, taps, False)

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
