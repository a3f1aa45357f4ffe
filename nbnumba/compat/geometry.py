"""nanoBragg's flags and image headers to a detector."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from nbnumba.compat.flags import Flags
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.smv import Smv, read_smv
from nbnumba.model.conventions import CONVENTIONS, Convention, Extent
from nbnumba.model.detector import Detector
from nbnumba.model.experiment import Experiment
from nbnumba.model.mask import Mask
from nbnumba.model.validate import Roi
from nbnumba.physics.vector import dot, plus, scaled

_VECTORS = {
    "fdet_vector": "fast_axis",
    "sdet_vector": "slow_axis",
    "odet_vector": "normal_axis",
    "twotheta_axis": "twotheta_axis",
}
_CUSTOM = (*_VECTORS, "beam_vector", "polar_vector", "spindle_axis", "pix0_vector")
_PROGRAMS = ("mosflm", "xds", "adxv", "denzo", "dials")
#: Flags that, standing last, decide what custom axes pivot on.
_PIVOTS = {
    "Xbeam": "beam",
    "Ybeam": "beam",
    "distance": "beam",
    "Xclose": "sample",
    "Yclose": "sample",
    "ORGX": "sample",
    "ORGY": "sample",
    "close_distance": "sample",
    "twotheta": "sample",
    "twotheta_axis": "sample",
    "mosflm": "beam",
    "adxv": "beam",
    "denzo": "beam",
    "dials": "beam",
    "xds": "sample",
}
_HEADER = {
    "PIXEL_SIZE": "pixel",
    "DISTANCE": "distance",
    "CLOSE_DISTANCE": "close_distance",
    "WAVELENGTH": "wavelength",
    "BEAM_CENTER_X": "Xbeam",
    "BEAM_CENTER_Y": "Ybeam",
    "ORGX": "ORGX",
    "ORGY": "ORGY",
    "PHI": "phi",
    "OSC_RANGE": "osc",
}


def read_headers(flags: Flags) -> dict[str, Any]:
    """What the headers of -mask and -img say, the latter last; under the names of the flags they stand for."""
    values: dict[str, Any] = {}
    for name in ("mask", "img"):
        file = flags.file(name)
        if file is not None:
            values.update(_from_header(read_smv(file), counted_from_end=name == "mask"))
    return values


def _from_header(image: Smv, counted_from_end: bool) -> dict[str, Any]:
    # nanoBragg takes the last name that contains the one it looks for: XDS_ORGX for ORGX.
    names = {key: next((name for name in reversed(image.header) if key in name), key) for key in _HEADER}
    read = {flag: image.number(names[key]) for key, flag in _HEADER.items()}
    values: dict[str, Any] = {flag: value for flag, value in read.items() if value is not None}
    slow, fast = image.pixels.shape
    values |= {"detpixels_s": slow, "detpixels_f": fast}
    if counted_from_end:
        values["mask"] = Mask(image.pixels)
        if "Ybeam" in values:
            values["Ybeam"] = slow * values.get("pixel", 0.1) - values["Ybeam"]
    return values


class Placed(NamedTuple):
    """A detector, and what nanoBragg's headers say of it: Xbeam, Ybeam and the size that was asked for [mm]."""

    detector: Detector
    beam: tuple[float, float]
    size: tuple[float, float]  # fast, slow


def translate_detector(flags: Flags, header: dict[str, Any]) -> Placed:
    """The detector, with the point that it turns about spelled out where a flag or header says so."""
    convention = _convention(flags)
    pixel = flags.value("pixel", header.get("pixel", 0.1))
    if pixel <= 0.0:
        raise NbnumbaError(f"-pixel: found {pixel!r}; allowed: above 0 mm")
    size_fast, fast = _extent(flags, header, "f", pixel)
    size_slow, slow = _extent(flags, header, "s", pixel)
    if flags.value("pivot", "beam") not in ("beam", "sample"):
        raise NbnumbaError(f"-pivot: found {flags.value('pivot')!r}; allowed: beam | sample")
    _note_effects(flags, convention)
    thickness, mu = _sensor(flags)
    size = (size_fast, size_slow)
    middle = _middle(flags, header, pixel, size)
    beam = _beam_center(flags, header, CONVENTIONS[convention], Extent(*size, pixel), middle)
    detector = Detector(
        pixels=(slow, fast),
        pixel_size=pixel,
        **_distance(flags, header),
        convention=convention,
        **_centers(flags, convention, beam, middle, slow * pixel - size_slow),
        pivot=_pivot(flags) if convention == "custom" else None,
        rotation=tuple(flags.value(f"detector_rot{axis}", 0.0) for axis in "xyz"),
        twotheta=flags.value("twotheta", 0.0),
        **_axes(flags, convention),
        curvature="nanobragg" if "curved_det" in flags else "flat",
        point_pixels="point_pixel" in flags,
        sensor_thickness=thickness,
        sensor_mu=mu,
        mask=_mask(flags, header, (slow, fast)),
        roi=_roi(flags, slow, fast),
    )
    return Placed(detector, beam, size)


def _mask(flags: Flags, header: dict[str, Any], pixels: tuple[int, int]) -> Mask | None:
    mask: Mask | None = header.get("mask")
    if mask is not None and mask.pixels.shape != pixels:
        raise NbnumbaError(
            f"-mask: found {mask.pixels.shape} pixels (slow, fast) in {flags.file('mask')}; allowed: the detector's "
            f"{pixels}, which are the mask's where no other flag sets them"
        )
    return mask


def _note_effects(flags: Flags, convention: str) -> None:
    """Tell of flags that do something else than their names say."""
    for name in _CUSTOM:
        if name in flags and convention != "custom":
            flags.notes.append(f"-{name} has no effect before -{convention}, which sets all axes")
    if "pix0_vector" in flags:
        flags.notes.append("-pix0_vector selects custom axes; its values have no effect")
    if "pivot" in flags and convention != "custom":
        flags.notes.append(f"-pivot has no effect in the {convention} convention; custom axes alone obey it")
    if "curved_det" in flags:
        flags.notes.append("-curved_det maps pixels as nanoBragg does, mirrored about the image's anti-diagonal")


def reference_distance(experiment: Experiment) -> float:
    """Distance [mm] as nanoBragg has it in the end: the closest one, over the cosine before the two-theta swing."""
    return experiment.geometry.close_distance / experiment.geometry.incidence


def reference_beam_spot(experiment: Experiment) -> tuple[float, float]:
    """Fbeam, Sbeam [mm] as nanoBragg has them in the end: where its distance along the beam lies on the axes."""
    g = experiment.geometry
    spot = plus(scaled(experiment.beam_direction, reference_distance(experiment)), scaled(g.origin, -1.0))
    return dot(g.fast, spot), dot(g.slow, spot)


def _convention(flags: Flags) -> str:
    last = flags.last_of(*_PROGRAMS, *_CUSTOM)
    if last is None:
        return "mosflm"
    return "custom" if last.name in _CUSTOM else last.name


def _pivot(flags: Flags) -> str:
    for name, values in reversed(flags.given):
        if name == "pivot":
            return str(values[0])
        if name in _PIVOTS:
            return _PIVOTS[name]
    return "beam"


def _axes(flags: Flags, convention: str) -> dict[str, Any]:
    if convention != "custom":
        return {}
    given = {field: flags.values(name) for name, field in _VECTORS.items() if name in flags}
    return {"twotheta_axis": (0.0, 1.0, 0.0), **given}


def _extent(flags: Flags, header: dict[str, Any], axis: str, pixel: float) -> tuple[float, int]:
    """Size [mm] along one axis and number of pixels."""
    counted = flags.last_of("detpixels", f"detpixels_{axis}")
    sized = flags.last_of("detsize", f"detsize_{axis}")
    count = int(counted.values[0]) if counted else int(header.get(f"detpixels_{axis}", 0))
    size = float(sized.values[0]) if sized else 102.4
    if count > 0:
        size = pixel * count
    return size, math.ceil(size / pixel - 0.5)


def _distance(flags: Flags, header: dict[str, Any]) -> dict[str, Any]:
    close = flags.value("close_distance", header.get("close_distance"))
    if close is not None:
        return {"close_distance": close}
    return {"distance": flags.value("distance", header.get("distance", 100.0))}


def _middle(flags: Flags, header: dict[str, Any], pixel: float, size: tuple[float, float]) -> tuple[float, float]:
    """Fclose, Sclose [mm]: the XDS origin, or the middle of the size that was asked for."""
    orgs = [flags.value(name, header.get(name)) for name in ("ORGX", "ORGY")]
    fast, slow = (s / 2.0 if org is None else (org - 0.5) * pixel for org, s in zip(orgs, size, strict=True))
    return fast, slow


def _beam_center(
    flags: Flags, header: dict[str, Any], frame: Convention, extent: Extent, middle: tuple[float, float]
) -> tuple[float, float]:
    """Xbeam, Ybeam [mm], with nanoBragg's defaults."""
    default = (flags.value("Xclose", middle[0]), flags.value("Yclose", middle[1]))
    if frame.default_beam is not None:
        default = frame.default_beam(extent)
    return (
        flags.value("Xbeam", header.get("Xbeam", default[0])),
        flags.value("Ybeam", header.get("Ybeam", default[1])),
    )


def _centers(
    flags: Flags, convention: str, beam: tuple[float, float], middle: tuple[float, float], surplus: float
) -> dict[str, Any]:
    """What the detector is placed by; ``surplus`` [mm] is what its pixels add to the slow size that was asked for."""
    if convention == "custom":
        return {"beam_center": beam, "closest_point": beam}
    if CONVENTIONS[convention].pivot == "sample":
        for name in ("Xbeam", "Ybeam", "Xclose", "Yclose"):
            if name in flags:
                flags.notes.append(f"-{name} has no effect in the {convention} convention; -ORGX and -ORGY do")
        return {"closest_point": middle}
    # ADXV counts from the far edge of the size that was asked for.
    return {"beam_center": (beam[0], beam[1] + surplus) if convention == "adxv" else beam}


def _sensor(flags: Flags) -> tuple[float, float]:
    """Thickness [mm] and attenuation coefficient [1/mm]; zeros where there is no sensor."""
    thickness, mu = 0.0, None
    for name, values in flags.given:
        if name == "detector_thick":
            thickness = float(values[0]) * 1e-3
        if name == "detector_abs":
            depth = _depth(str(values[0]))
            thickness, mu = (0.0, 0.0) if depth == 0.0 else (thickness, 1e3 / depth)
    if thickness <= 0.0 or mu == 0.0:
        return 0.0, 0.0
    return thickness, 1.0 / thickness if mu is None else mu


def _depth(text: str) -> float:
    """Attenuation depth [um]; 0 for infinite."""
    try:
        depth = float(text)
    except ValueError:
        raise NbnumbaError(f"-detector_abs: found {text!r}; allowed: a depth [um], inf or 0") from None
    return depth if math.isfinite(depth) else 0.0


def _roi(flags: Flags, slow: int, fast: int) -> Roi | None:
    given = flags.values("roi")
    if given is None:
        return None
    limits = []
    for low, high, size in ((given[2], given[3], slow), (given[0], given[1], fast)):
        start, stop = max(low, 0), min(high if high >= 0 else size, size - 1) + 1
        if start >= stop:
            raise NbnumbaError(f"-roi: found {given}; allowed: xmin xmax ymin ymax inside {fast} x {slow} pixels")
        limits.append((start, stop))
    return limits[0], limits[1]
