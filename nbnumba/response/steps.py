"""What the loops over pixels need to know of a response."""

from __future__ import annotations

from nbnumba.constants import PHOTON_ENERGY
from nbnumba.kernels.counting import FLICKER, Exposure
from nbnumba.model.experiment import Experiment
from nbnumba.model.response import Response
from nbnumba.physics.philox import Stream, draw, normal
from nbnumba.physics.readout import Electronics, varied


def exposure(experiment: Experiment, response: Response, seed: int, number: int) -> Exposure:
    """From expected photons to photons, in image ``number``."""
    intensity = varied(1.0, response.flicker, normal(draw(Stream(seed, number, FLICKER), 0, 0)))
    part = response.counted(PHOTON_ENERGY / experiment.mean_wavelength, experiment.detector.pixel_size)
    return Exposure(seed, number, response.photon_noise, intensity * part, response.calibration, response.seed)


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
