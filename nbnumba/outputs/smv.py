"""SMV images: a text header of KEY=value; lines in braces, then unsigned 16-bit pixels, little-endian."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import whole
from nbnumba.outputs.clock import started
from nbnumba.outputs.counts import good_pixels, readout, rounded, saturation
from nbnumba.outputs.laboratory import places, turn
from nbnumba.outputs.minicbf import why_not
from nbnumba.outputs.pixels import as_image

BLOCK = 512  # headers are a multiple of so many bytes
_LARGEST = 65535
_DATE = "%a %b %d %H:%M:%S %Y"


def write_smv(
    path: str | Path, experiment: Experiment | None, image: Any, number: int = 0, *, overwrite: bool = False
) -> Path:
    """Write one image as SMV, with the header of ADSC detectors.

    Pixels are unsigned 16-bit integers: floats are rounded to whole counts; those beyond 65535 become 65535, with a
    warning that tells how many. So do pixels outside mask and region, dead and over-responding ones, which readers take
    for overloaded.

    Args:
        path: the new file; DIALS wants a number in its name, as in "name_0001.img".
        experiment: what was rendered, on a flat detector square to the beam; None: pixels are written without a word
            about them.
        image: array (slow, fast).
        number: of the image in its series, from 0: it starts at ``scan.start + number * scan.width``.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        NbnumbaError: the file cannot be written, the header cannot tell the geometry, or the image has another shape
            than the detector or holds numbers below 0 in pixels that measure.
    """
    if experiment is not None:
        check_experiment(experiment)
    number = whole("number", number, low=0)
    array = as_image("image", image, None if experiment is None else experiment.detector.shape)
    if experiment is None:
        pixels, fields = _clipped(array.reshape(-1, array.shape[-1])), {}
    else:
        check_smv(experiment)
        fields = _fields(experiment, number, array.dtype)
        good = good_pixels(experiment)
        pixels = np.where(good, _clipped(np.where(good, array, 0)), _LARGEST).reshape(-1, array.shape[-1])
    with new_file(path, overwrite) as part:
        put_smv(part, pixels, fields)
    return Path(path)


def check_smv(experiment: Experiment) -> None:
    """Refuse an experiment whose geometry the header cannot tell."""
    obstacle = why_not(experiment)
    if obstacle is not None:
        raise NbnumbaError(
            f"experiment: found {obstacle}, of which a header of SMV cannot tell; allowed: a flat detector square to "
            'the beam and a horizontal rotation axis; write_cbf(kind="full") and write_nexus take all'
        )


def _clipped(array: np.ndarray) -> np.ndarray:
    """The numbers as uint16, with a warning where some are too large."""
    beyond = int(np.count_nonzero(array > _LARGEST))
    if beyond:
        warnings.warn(
            f"{beyond} of {array.size} pixels are above {_LARGEST}, the largest number of SMV, and become {_LARGEST}",
            NbnumbaWarning,
            stacklevel=3,
        )
    return rounded(np.minimum(array, _LARGEST), 0, _LARGEST).astype(np.uint16)


def _fields(experiment: Experiment, number: int, kind: np.dtype) -> dict[str, str]:
    """What ADSC detectors tell: lengths in mm, angles in degrees; the beam centre as MOSFLM counts it, slow first."""
    detector, values = experiment.detector, readout(experiment, kind)
    place, rotation = places(experiment)[0], turn(experiment, number)
    start, width = (0.0, 0.0) if rotation is None else rotation[1:]
    fast, slow = (detector.pixel_size * x for x in place.beam_center or ())
    known = {
        "PIXEL_SIZE": detector.pixel_size,
        "DISTANCE": place.distance,
        "WAVELENGTH": experiment.mean_wavelength,
        "BEAM_CENTER_X": slow,
        "BEAM_CENTER_Y": fast,
        "PHI": start,
        "OSC_START": start,
        "OSC_RANGE": width,
        "TIME": experiment.beam.exposure,
        "TWOTHETA": 0.0,  # whatever it was turned by: it is square to the beam
        "GAIN": values.gain,
        "IMAGE_PEDESTAL": values.offset,
        "CCD_IMAGE_SATURATION": min(saturation(experiment, kind) or _LARGEST, _LARGEST),
    }
    words = {"BIN": "none", "AXIS": "phi", "BEAMLINE": "nbnumba", "DATE": f"{started(experiment, number):{_DATE}}"}
    return {key: f"{value:.12g}" for key, value in known.items()} | words


def put_smv(path: Path, pixels: np.ndarray, fields: Mapping[str, str]) -> None:
    """Write an image.

    Args:
        path: the file.
        pixels: uint16 (slow, fast).
        fields: header lines beside those that describe the pixels.
    """
    slow, fast = pixels.shape
    with open(path, "wb") as file:
        file.write(_header(fast, slow, fields))
        file.write(np.ascontiguousarray(pixels, dtype="<u2").data)


def header_length(fast: int, slow: int, fields: Mapping[str, str]) -> int:
    """Characters that the header would have in one block."""
    return len(_text(BLOCK, fast, slow, fields))


def _header(fast: int, slow: int, fields: Mapping[str, str]) -> bytes:
    """Header that fills whole blocks and says how many bytes that are."""
    size = BLOCK
    while len(text := _text(size, fast, slow, fields)) > size:
        size += BLOCK
    return text.ljust(size).encode("ascii")


def _text(size: int, fast: int, slow: int, fields: Mapping[str, str]) -> str:
    kind = {"DIM": "2", "BYTE_ORDER": "little_endian", "TYPE": "unsigned_short"}
    lines = {"HEADER_BYTES": str(size), **kind, "SIZE1": str(fast), "SIZE2": str(slow), **fields}
    return "{\n" + "".join(f"{key}={value};\n" for key, value in lines.items()) + "}\f"
