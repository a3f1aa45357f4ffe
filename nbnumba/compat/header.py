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
    return {
        "PIXEL_SIZE": f"{pixel:g}",
        "DISTANCE": f"{reference_distance(experiment):g}",
        "WAVELENGTH": f"{experiment.beam.wavelength:g}",
        "BEAM_CENTER_X": f"{beam_x:g}",
        "BEAM_CENTER_Y": f"{beam_y:g}",
        "ADXV_CENTER_X": f"{fast:g}",
        "ADXV_CENTER_Y": f"{translation.placed.size[1] - slow:g}",
        "MOSFLM_CENTER_X": f"{slow - 0.5 * pixel:g}",
        "MOSFLM_CENTER_Y": f"{fast - 0.5 * pixel:g}",
        "DENZO_X_BEAM": f"{slow:g}",
        "DENZO_Y_BEAM": f"{fast:g}",
        "DIALS_ORIGIN": f"{g.origin.z:g},{g.origin.y:g},{-g.origin.x:g}",
        "XDS_ORGX": f"{g.closest_point[0] / pixel + 0.5:g}",
        "XDS_ORGY": f"{g.closest_point[1] / pixel + 0.5:g}",
        "CLOSE_DISTANCE": f"{g.close_distance:g}",
        "PHI": f"{start:g}",
        "OSC_START": f"{start:g}",
        "OSC_RANGE": f"{math.degrees(translation.oscillation.width):g}",
        "TWOTHETA": f"{experiment.detector.twotheta:g}",
        "DETECTOR_SN": "000",
        "BEAMLINE": "fake",
    }
