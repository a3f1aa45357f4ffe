"""The steps of a response on the CPU."""

from __future__ import annotations

import numpy as np

from nbnumba.kernels.counting import Exposure, Readout
from nbnumba.kernels.readout import expose, read_out
from nbnumba.model.response import Response
from nbnumba.physics.readout import Electronics
from nbnumba.response.spread import spread


class Host:
    """The processor."""

    def expose(self, image: np.ndarray, exposure: Exposure) -> np.ndarray:
        """Photons, float64, from expected ones."""
        photons = image.astype(np.float64)
        expose(photons, exposure)
        return photons

    def spread(self, photons: np.ndarray, response: Response, pixel_size: float) -> np.ndarray:
        """The signal after the point spread, on each panel by itself."""
        if photons.ndim == 2:
            return spread(photons, response, pixel_size)
        return np.stack([spread(panel, response, pixel_size) for panel in photons])

    def read_out(
        self, photons: np.ndarray, seen: np.ndarray, counts: np.ndarray, readout: Readout, electronics: Electronics
    ) -> None:
        """Fill ``counts`` with what is written."""
        read_out(photons, seen, counts, readout, electronics)
