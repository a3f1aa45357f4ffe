"""Headers of miniCBF as DECTRIS writes them: comments with the settings of an instrument."""

from __future__ import annotations

import numpy as np

from nbnumba import __version__
from nbnumba.constants import PHOTON_ENERGY
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.clock import timestamp
from nbnumba.outputs.laboratory import places, turn
from nbnumba.outputs.nexus_geometry import Module

#: Conventions by name: that of PILATUS is read by most programs, but DIALS takes it for detectors of that size alone.
PILATUS, GENERIC = "PILATUS_1.2", "GENERIC_MINI"
_MODULE, _GAP = (195, 487), (17, 7)  # pixels along slow, fast
_SENSORS = {"Si": "Silicon"}
_PARALLEL = 1e-9


def why_not(experiment: Experiment) -> str | None:
    """What of an experiment such a header cannot tell; None: it tells all."""
    if len(experiment.detector.panels) > 1:
        return "several panels"
    place = places(experiment)[0]
    if not (_same(place.fast, (1.0, 0.0, 0.0)) and _same(place.slow, (0.0, -1.0, 0.0))):
        return "a detector that is not square to the beam, or turned about it"
    rotation = turn(experiment, 0)
    if rotation is not None and not _same(rotation.axis, (1.0, 0.0, 0.0)):
        return "a rotation axis that is not horizontal, or turns the other way"
    return None


def _same(found: np.ndarray, wanted: tuple[float, float, float]) -> bool:
    return bool(np.abs(found - wanted).max() < _PARALLEL)


def convention(pixels: tuple[int, ...]) -> str:
    """Name of the header's convention for a detector of so many pixels (slow, fast)."""
    whole = [(n + gap) % (module + gap) == 0 for n, module, gap in zip(pixels, _MODULE, _GAP, strict=True)]
    return PILATUS if all(whole) else GENERIC


def comments(experiment: Experiment, number: int, cutoff: int) -> list[str]:
    """Lines of the header of image ``number``.

    Args:
        experiment: on a detector of one panel.
        number: of the image in its series.
        cutoff: counts from which on a pixel is saturated.
    """
    beam, detector = experiment.beam, experiment.detector
    place, rotation = places(experiment)[0], turn(experiment, number)
    start, width = (0.0, 0.0) if rotation is None else rotation[1:]
    wavelength = experiment.mean_wavelength
    size = f"{_text(1e3 * detector.pixel_size)}e-6 m"
    lines = [
        f"Detector: nbnumba {__version__}, S/N 00-0000",
        timestamp(experiment, number),
        f"Pixel_size {size} x {size}",
        *_sensor(experiment),
        f"Exposure_time {_text(beam.exposure)} s",
        f"Exposure_period {_text(beam.exposure)} s",
        "Tau = 0 s",
        f"Count_cutoff {cutoff} counts",
        f"Threshold_setting: {_text(500.0 * PHOTON_ENERGY / wavelength)} eV",
        f"N_excluded_pixels = {int(np.count_nonzero(~experiment.rendered))}",
        f"Wavelength {_text(wavelength)} A",
        f"Detector_distance {_text(1e-3 * place.distance)} m",
        f"Beam_xy {_beam_xy(place)} pixels",
        f"Start_angle {_text(start)} deg.",
        f"Angle_increment {_text(width)} deg.",
        f"Phi {_text(start)} deg.",
        "Detector_2theta 0 deg.",  # whatever it was turned by: it is square to the beam
        f"Polarization {_text(0.5 + 0.5 * beam.kahn)}",
    ]
    return [f"# {line}" for line in lines]


def _sensor(experiment: Experiment) -> list[str]:
    """A line about the sensor, for which DIALS corrects; none where none is simulated or nothing is known of it."""
    detector = experiment.detector
    if detector.sensor_material is None or experiment.sensor_mu == 0.0:
        return []
    name = _SENSORS.get(detector.sensor_material, detector.sensor_material)
    return [f"{name} sensor, thickness {_text(1e-3 * detector.sensor_thickness)} m"]


def _beam_xy(place: Module) -> str:
    return "({}, {})".format(*(_text(x) for x in place.beam_center or (float("nan"), float("nan"))))


def _text(x: float) -> str:
    return f"{x:.12g}"
