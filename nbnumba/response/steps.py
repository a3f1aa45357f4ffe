"""What the loops over pixels need to know of a response."""

from __future__ import annotations

import numpy as np

from nbnumba.constants import PHOTON_ENERGY
from nbnumba.kernels.counting import FLICKER, Exposure
from nbnumba.model.experiment import Experiment
from nbnumba.model.response import Response
from nbnumba.model.sources import as_arrays
from nbnumba.physics.philox import Stream, draw, normal
from nbnumba.physics.readout import Electronics, varied


def exposure(experiment: Experiment, response: Response, seed: int, number: int) -> Exposure:
    """From expected photons to photons, in image ``number``."""
    intensity = varied(1.0, response.flicker, normal(draw(Stream(seed, number, FLICKER), 0, 0)))
    part = response.counted(_energy(experiment), experiment.detector.pixel_size)
    return Exposure(seed, number, response.photon_noise, intensity * part, response.calibration, response.seed)


def _energy(experiment: Experiment) -> float:
    """Mean energy of the photons [keV]."""
    _, weights, wavelengths = as_arrays(experiment.sources)
    return PHOTON_ENERGY * float(np.average(1.0 / wavelengths, weights=weights))


def electronics(experiment: Experiment, response: Response) -> Electronics:
    """What every pixel has in all images."""
    return Electronics(
        dead=response.dead_time / experiment.beam.exposure,
        paralyzable=response.paralyzable,
        gain=response.gain,
        offset=response.offset,
        noise=response.readout_noise,
        lowest=float(response.underload),
        highest=float(response.highest),
    )
