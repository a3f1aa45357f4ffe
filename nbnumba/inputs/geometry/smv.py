"""SMV images: ADSC and Rayonix detectors, and those of nanoBragg.

ADSC detectors write the beam centre [mm] as MOSFLM counts it, X along slow and Y along fast, from the outer corner of
the first pixel: so DIALS takes it (dxtbx/format/FormatSMVADSC.py, https://github.com/cctbx/dxtbx). nanoBragg writes
that point as XDS counts it beside others, which leaves no doubt.
"""

from __future__ import annotations

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry.parts import BEAM, SPINDLE, Found, facing
from nbnumba.inputs.smv import Smv


def from_smv(image: Smv) -> Found:
    """What the header of an image tells.

    Raises:
        NbnumbaError: something is missing, or the detector is swung.
    """
    if (image.number("TWOTHETA") or 0.0) != 0.0:
        raise NbnumbaError(f"{image.file}: found TWOTHETA={image.header['TWOTHETA']}, about an axis that the header "
                           "does not tell; allowed: 0")  # fmt: skip
    pixel = _needed(image, "PIXEL_SIZE")
    distance, center = _place(image, pixel)
    slow, fast = image.pixels.shape
    wavelength = image.number("WAVELENGTH")
    told = {} if wavelength is None else {"wavelength": wavelength}
    return Found([facing((slow, fast), pixel, distance, center)], {**BEAM, **told}, SPINDLE, _oscillation(image))


def _place(image: Smv, pixel: float) -> tuple[float, tuple[float, float]]:
    """Distance, and the beam centre along fast and slow [mm]."""
    if "XDS_ORGX" in image.header and "CLOSE_DISTANCE" in image.header:
        x, y = (_needed(image, key) for key in ("XDS_ORGX", "XDS_ORGY"))  # of which 1 is the first pixel's middle
        return _needed(image, "CLOSE_DISTANCE"), ((x - 0.5) * pixel, (y - 0.5) * pixel)
    center = _needed(image, "BEAM_CENTER_Y"), _needed(image, "BEAM_CENTER_X")
    return _needed(image, "DISTANCE"), center


def _oscillation(image: Smv) -> tuple[float, float] | None:
    start, width = image.number("OSC_START"), image.number("OSC_RANGE")
    start = image.number("PHI") if start is None else start
    return None if start is None or not width else (start, width)


def _needed(image: Smv, key: str) -> float:
    value = image.number(key)
    if value is None:
        raise NbnumbaError(f"{image.file}: found no {key} in its header; allowed: an image of an ADSC or Rayonix "
                           "detector, or of nanoBragg")  # fmt: skip
    return value
