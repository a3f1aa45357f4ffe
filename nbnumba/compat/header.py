"""What nanoBragg writes into the headers of its SMV images."""

from __future__ import annotations

import math

from nbnumba.compat.geometry import reference_beam_spot, reference_distance
from nbnumba.compat.translate import Translation


def smv_fields(translation: Translation) -> dict[str, str]:
    """Header fields beside those of the pixels; lengths in mm, angles in degrees, numbers as C's %g."""
    experiment, (beam_x, beam_y) = translation.experiment, translation.placed.beam
    g, pixel = experiment.geometry, experiment.detector.pixel_size
    fast, slow = reference_beam_spot(experiment)
    start = experiment.scan.start if experiment.scan else 0.0
    numbers = {
        "PIXEL_SIZE": pixel,
        "DISTANCE": reference_distance(experiment),
        "WAVELENGTH": experiment.beam.wavelength,
        "BEAM_CENTER_X": beam_x,
        "BEAM_CENTER_Y": beam_y,
        "ADXV_CENTER_X": fast,
        "ADXV_CENTER_Y": translation.placed.size[1] - slow,
        "MOSFLM_CENTER_X": slow - 0.5 * pixel,
        "MOSFLM_CENTER_Y": fast - 0.5 * pixel,
        "DENZO_X_BEAM": slow,
        "DENZO_Y_BEAM": fast,
    }
    later = {
        "XDS_ORGX": g.closest_point[0] / pixel + 0.5,
        "XDS_ORGY": g.closest_point[1] / pixel + 0.5,
        "CLOSE_DISTANCE": g.close_distance,
        "PHI": start,
        "OSC_START": start,
        "OSC_RANGE": math.degrees(translation.oscillation.width),
        "TWOTHETA": experiment.detector.twotheta,
    }
    return {
        **{key: f"{value:g}" for key, value in numbers.items()},
        "DIALS_ORIGIN": ",".join(f"{x:g}" for x in (g.origin.z, g.origin.y, -g.origin.x)),
        **{key: f"{value:g}" for key, value in later.items()},
        "DETECTOR_SN": "000",
        "BEAMLINE": "fake",
    }
