"""Where a measurement was made: detector and beam from NXmx, CBF and SMV files and the experiment files of DIALS.

The laboratory frame of what is read is that of NeXus: z along the beam, y up, x to the left as the source sees it. The
convention "xds" has this beam too, and its electric field along the same axis.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.cbf import read_arrays
from nbnumba.inputs.geometry.cbf import from_cbf
from nbnumba.inputs.geometry.dials import from_dials
from nbnumba.inputs.geometry.nexus import from_nexus
from nbnumba.inputs.geometry.parts import Found, alike
from nbnumba.inputs.geometry.smv import from_smv
from nbnumba.inputs.kinds import MOST_PIXELS, kind_of
from nbnumba.inputs.smv import parse_smv
from nbnumba.inputs.text import naming, read_bytes
from nbnumba.model.beam import Beam
from nbnumba.model.detector import Detector
from nbnumba.model.mask import Mask
from nbnumba.model.panel import Geometry, Panel
from nbnumba.model.validate import numbers, whole
from nbnumba.physics.vector import Vector, unit

CONVENTION = "xds"
ALLOWED = "an NXmx file, a CBF or SMV image, or a .expt file of DIALS"


class GeometryFile(NamedTuple):
    """What a file tells of an experiment's geometry."""

    detector: Detector
    beam: Beam
    spindle: tuple[float, ...] | None  # rotation axis for ``Scan.axis``; None: the file names none, or a choice
    oscillation: tuple[float, ...] | None = None  # start and width [degrees] of the first image; None: not told


def read_geometry(path: str | Path, *, number: int = 0) -> GeometryFile:
    """Read detector, beam and rotation from an NXmx file, a CBF or SMV image, or a .expt file of DIALS (JSON).

    The laboratory frame is that of NeXus: z along the beam, y up; from the other files, where the beam runs against z,
    x and z change their signs. A detector of one panel that faces the beam gives images (slow, fast), any other one
    lists its panels. Masked pixels are those of NXmx, the rectangles of DIALS, and those below 0 of CBF; sensors are by
    material, from DIALS by attenuation. Intensities, pixel values that are trusted and crystals are not read.

    CBF may have the header of PILATUS and EIGER detectors (miniCBF) or of imgCIF. The beam centre of SMV is taken as
    ADSC detectors and MOSFLM count it, X along slow and Y along fast.

    Args:
        path: the file.
        number: of the detector in an NXmx file, or of the experiment in a DIALS file.

    Raises:
        NbnumbaError: the file is missing, damaged or of another kind, or has pixels that are not squares of one size,
            panels whose sensors differ, or a detector that moved.
    """
    with naming(path):
        return geometry_of(found_in(path, number))


def geometry_of(found: Found) -> GeometryFile:
    """What was found, as parts of an experiment."""
    spindle = None if found.spindle is None else numbers("axis of the rotation", found.spindle, 3)
    rotation = None if found.oscillation is None else numbers("start and width of the rotation", found.oscillation, 2)
    return GeometryFile(detector_of(found), Beam(**found.beam), spindle, rotation)


def found_in(path: str | Path, number: int, arrays: list[np.ndarray] | None = None) -> Found:
    """What a file of any kind tells; ``arrays`` are those of a CBF image, where they are read already.

    Raises:
        NbnumbaError: as ``read_geometry``, though not always with the name of the file.
    """
    number = whole("number", number, low=0)
    kind = kind_of(path)
    if kind == "hdf5":
        return from_nexus(path, number)
    if kind == "expt":
        return from_dials(read_json(path), number)
    if kind not in ("cbf", "smv"):
        raise NbnumbaError(f"{path}: found neither HDF5 nor CBF, SMV or JSON; allowed: {ALLOWED}")
    if number:
        raise NbnumbaError(f"number: found {number}; allowed: 0, as an image of this kind has one detector")
    content = read_bytes(path)
    if kind == "cbf":
        return from_cbf(path, content, read_arrays(path, content) if arrays is None else arrays)
    return from_smv(parse_smv(path, content))


def read_json(path: str | Path) -> Any:
    """What a .expt file holds.

    Raises:
        NbnumbaError: it is no JSON.
    """
    try:
        return json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise NbnumbaError(f"{path}: found no JSON ({error}); allowed: {ALLOWED}") from None


def detector_of(found: Found) -> Detector:
    """The detector."""
    if not found.panels:
        raise NbnumbaError("panels: found none; allowed: one, or more")
    count = len(found.panels) * math.prod(max(panel.pixels[i] for panel in found.panels) for i in range(2))
    if count > MOST_PIXELS:
        raise NbnumbaError(f"pixels: found {count}; allowed: up to {MOST_PIXELS}")
    beam = Vector(*found.beam["direction"])
    pixel = alike("pixel sizes [mm]", [size for panel in found.panels for size in panel.pixel_size])
    thickness, mu = (
        alike(f"{name} of sensors", [getattr(panel, name) for panel in found.panels]) for name in ("thickness", "mu")
    )
    material = found.panels[0].material
    if any(panel.material != material for panel in found.panels):
        raise NbnumbaError("materials of sensors: found several; allowed: one for all")
    common: dict[str, Any] = {
        "pixel_size": pixel,
        "convention": CONVENTION,
        "sensor_thickness": thickness,
        **({"sensor_mu": mu} if material is None else {"sensor_material": material}),
    }
    panels = tuple(
        Panel(pixels=panel.pixels, origin=panel.origin, fast=panel.fast, slow=panel.slow) for panel in found.panels
    )
    masks = [panel.mask for panel in found.panels]
    place = panels[0].geometry(unit(beam))
    if len(panels) == 1 and place.incidence > 1e-6:
        mask = None if masks[0] is None else Mask(masks[0])
        return Detector(pixels=panels[0].pixels, mask=mask, **_as_one(place), **common)
    return Detector(panels=panels, mask=_stacked(panels, masks), **common)


def _as_one(g: Geometry) -> dict[str, Any]:
    """Fields that place a detector where a panel lies."""
    axes = {"fast_axis": g.fast, "slow_axis": g.slow, "normal_axis": g.normal}
    return {"pivot": "sample", "close_distance": g.close_distance, "closest_point": g.closest_point, **axes}


def _stacked(panels: tuple[Panel, ...], masks: list[np.ndarray | None]) -> Mask | None:
    if all(mask is None for mask in masks):
        return None
    shape = len(panels), *(max(panel.pixels[i] for panel in panels) for i in range(2))
    rendered = np.zeros(shape, dtype=bool)
    for image, panel, mask in zip(rendered, panels, masks, strict=True):
        image[: panel.pixels[0], : panel.pixels[1]] = True if mask is None else mask
    return Mask(rendered)
