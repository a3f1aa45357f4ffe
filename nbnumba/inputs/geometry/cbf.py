"""CBF images: the header of PILATUS and EIGER detectors (miniCBF), and which other kind there is.

Comments in the header tell the settings, a keyword and values each (DECTRIS, "PILATUS CBF header specification"); the
beam centre counts in pixels along fast and slow from the outer corner of the first one, as DIALS takes it
(dxtbx/format/FormatCBFMini.py, https://github.com/cctbx/dxtbx). ``Polarization`` is the fraction of XDS, 0.5 for none.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry.imgcif import from_imgcif
from nbnumba.inputs.geometry.parts import BEAM, SPINDLE, Found, alike, facing

_BINARY = b"--CIF-BINARY-FORMAT-SECTION--"
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_SENSOR = re.compile(rf"(Silicon|Si|CdTe|GaAs) sensor,? thickness:? *{_NUMBER} *m")


def from_cbf(path: str | Path, content: bytes, arrays: list[np.ndarray]) -> Found:
    """What an image tells, given the content of its file and its arrays (slow, fast).

    Raises:
        NbnumbaError: something is missing, or cannot be read.
    """
    good = [array >= 0 for array in arrays]  # below 0 are gaps and broken pixels
    header = content.partition(_BINARY)[0].decode("latin-1")
    if "_array_structure_list_axis." in header or "_axis.id" in header:
        return from_imgcif(header, good, _sensor(header))
    if "_array_data.header_contents" not in header:
        raise NbnumbaError(f"{path}: found no header with settings; allowed: a miniCBF or an imgCIF header")
    return _mini(header, good[0])


def _mini(header: str, good: np.ndarray) -> Found:
    if (_number(header, "Detector_2theta") or 0.0) != 0.0:
        raise NbnumbaError("found Detector_2theta, about an axis that the header does not tell; allowed: 0")
    pixel = _mm(alike("Pixel_size [m]", _needed(header, "Pixel_size", _NUMBER + " *m *x *" + _NUMBER)))
    x, y = _needed(header, "Beam_xy", r"\(?" + _NUMBER + "[, ]+" + _NUMBER)
    (distance,) = _needed(header, "Detector_distance", _NUMBER)
    mask = None if good.all() else good
    shape = good.shape[0], good.shape[1]
    panel = facing(shape, pixel, _mm(distance), (x * pixel, y * pixel), _sensor(header), mask)
    return Found([panel], _beam(header), SPINDLE, _oscillation(header))


def _sensor(header: str) -> tuple[str | None, float]:
    """Material and thickness [mm] of the sensor; None and 0 where they are not told."""
    found = _SENSOR.search(header)
    return (None, 0.0) if found is None else ({"Silicon": "Si"}.get(found[1], found[1]), _mm(float(found[2])))


def _mm(meters: float) -> float:
    """Without what the last digits of binary numbers add."""
    return round(1e3 * meters, 12)


def _beam(header: str) -> dict[str, Any]:
    beam = dict(BEAM)
    wavelength, fraction = _number(header, "Wavelength"), _number(header, "Polarization")
    if wavelength is not None:
        beam["wavelength"] = wavelength
    if fraction is not None and 0.0 <= fraction <= 1.0:
        beam["polarization"] = 2.0 * fraction - 1.0
    return beam


def _oscillation(header: str) -> tuple[float, float] | None:
    start, width = _number(header, "Start_angle"), _number(header, "Angle_increment")
    return None if start is None or not width else (start, width)


def _number(header: str, keyword: str) -> float | None:
    found = _values(header, keyword, _NUMBER)
    return None if found is None else found[0]


def _needed(header: str, keyword: str, pattern: str) -> list[float]:
    found = _values(header, keyword, pattern)
    if found is None:
        raise NbnumbaError(f"found no {keyword} in its header; allowed: an image of a PILATUS or EIGER detector, or "
                           "with an imgCIF header")  # fmt: skip
    return found


def _values(header: str, keyword: str, pattern: str) -> list[float] | None:
    line = re.search(rf"^#\s*{keyword}[:=\s]+{pattern}", header, re.MULTILINE)
    return None if line is None else [float(value) for value in line.groups()]
