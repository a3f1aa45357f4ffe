"""NXmx files: modules of a detector, and the beam, which runs along z."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nbnumba.constants import NO_SENSOR
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry.parts import BEAM, Found, FoundPanel, alike, triple
from nbnumba.inputs.geometry.transformations import (
    above,
    axis,
    chain,
    cumulative,
    is_rotation,
    offset,
    resolved,
)
from nbnumba.inputs.hdf5 import DAMAGE, STRICT, of_class, opened, text, value
from nbnumba.inputs.kinds import MOST_PIXELS
from nbnumba.inputs.units import in_angstrom, in_degrees, in_mm


def from_nexus(path: str | Path, number: int) -> Found:
    """What a file tells of one of its detectors.

    Raises:
        NbnumbaError: there is no such detector, or something is missing or unknown.
    """
    with opened(path) as file:
        try:
            with np.errstate(**STRICT):
                return _told(file, number)
        except NbnumbaError:
            raise
        except DAMAGE as error:
            raise NbnumbaError(f"found {type(error).__name__} {error} in it; allowed: an NXmx file") from None


def _told(file: h5py.File, number: int) -> Found:
    entry, detectors = _entry(file)
    if number >= len(detectors):
        raise NbnumbaError(f"number: found {number}; allowed: 0 to {len(detectors) - 1}, the file's detectors")
    axis = _turning(entry)
    return Found(
        _panels(detectors[number]),
        _beam(entry),
        None if axis is None else _spindle(axis),
        None if axis is None else _oscillation(axis),
    )


def _of_class(parent: h5py.Group, name: str) -> list[h5py.Group]:
    """Groups of a NeXus class, in the order of the numbers in their names."""
    return sorted(
        of_class(parent, name), key=lambda g: [int(x) if x.isdecimal() else x for x in re.split(r"(\d+)", g.name)]
    )


def _entry(file: h5py.File) -> tuple[h5py.Group, list[h5py.Group]]:
    """The first entry with detectors, and these."""
    for entry in _of_class(file, "NXentry"):
        detectors = [
            detector
            for instrument in _of_class(entry, "NXinstrument")
            for detector in _of_class(instrument, "NXdetector")
            if _of_class(detector, "NXdetector_module")
        ]
        if detectors:
            return entry, detectors
    raise NbnumbaError("found no NXdetector with an NXdetector_module; allowed: an NXmx file")


def _panels(detector: h5py.Group) -> list[FoundPanel]:
    """Modules in the order of their data."""
    modules = sorted(_of_class(detector, "NXdetector_module"), key=lambda m: np.ravel(value(m["data_origin"])).tolist())
    return [_panel(detector, module, alone=len(modules) == 1) for module in modules]


def _panel(detector: h5py.Group, module: h5py.Group, *, alone: bool) -> FoundPanel:
    origin, size = (np.ravel(value(module[name])).astype(int).tolist() for name in ("data_origin", "data_size"))
    if len(size) < 2 or len(origin) != len(size) or any(n != 1 for n in size[:-2]):
        raise NbnumbaError(f"{module.name}: found data_origin {origin}, data_size {size}; allowed: slow x fast pixels")
    if not (min(origin) >= 0 and min(size) > 0 and size[-2] * size[-1] <= MOST_PIXELS):
        raise NbnumbaError(
            f"{module.name}: found data_origin {origin}, data_size {size}; allowed: up to {MOST_PIXELS} pixels"
        )
    if "data_stride" in module and (value(module["data_stride"]) != 1).any():
        raise NbnumbaError(f"{module.name}/data_stride: found {value(module['data_stride'])}; allowed: 1")
    fast, slow = module["fast_pixel_direction"], module["slow_pixel_direction"]
    start = _start(detector, module, fast)
    if any(item in (fast, slow) for item in chain(start)):
        raise NbnumbaError(f"{fast.name}@depends_on: found the direction of pixels; allowed: what carries the module")
    steps = [float(alike(f"{item.name} [mm]", in_mm(item).tolist())) for item in (fast, slow)]
    whole = cumulative(start)
    corner, first = offset(fast), offset(slow)
    if first.any() and not np.allclose(first, corner, atol=1e-6):
        raise NbnumbaError(f"{slow.name}@offset: found {first.tolist()} mm; allowed: 0, or that of the fast direction")
    axes = [
        np.sign(step) * (cumulative(_start(detector, module, item))[:3, :3] @ np.array(axis(item)))
        for step, item in zip(steps, (fast, slow), strict=True)
    ]
    place = (whole @ [*corner, 1.0])[:3]
    pixel = abs(steps[0]), abs(steps[1])
    if alone and not place[:2].any():
        place = place - _beam_center(detector) @ (np.array(pixel)[:, np.newaxis] * axes)
    material, thickness = _sensor(detector)
    return FoundPanel(
        (size[-2], size[-1]), pixel, triple(place), triple(axes[0]), triple(axes[1]), thickness, 0.0,
        _mask(detector, origin, size), material,
    )  # fmt: skip


#: Names of materials that are known without further libraries.
_MATERIALS = {"si": "Si", "silicon": "Si", "cdte": "CdTe", "gaas": "GaAs"}


def _sensor(detector: h5py.Group) -> tuple[str | None, float]:
    """Material and thickness [mm] of the sensor; None and 0 where either is not told, or stands for no sensor."""
    if "sensor_material" not in detector or "sensor_thickness" not in detector:
        return None, 0.0
    material = _MATERIALS.get((text(value(detector["sensor_material"])) or "").strip().lower())
    thickness = float(in_mm(detector["sensor_thickness"])[0])
    return (material, thickness) if material is not None and thickness > 2.0 * NO_SENSOR else (None, 0.0)


def _start(detector: h5py.Group, module: h5py.Group, direction: h5py.Dataset) -> h5py.Dataset | None:
    """What a direction of pixels depends on; if it says nothing, the module's offset or what carries the detector."""
    found = above(direction)
    if found is not None:
        return found
    if "module_offset" in module:
        return module["module_offset"]
    return resolved(detector, text(value(detector["depends_on"])) if "depends_on" in detector else None)


def _beam_center(detector: h5py.Group) -> np.ndarray:
    """Fast, slow [pixels] of the beam, where some files of single modules have it alone; 0 where it is not told."""
    names = ("beam_center_x", "beam_center_y")
    return np.array([float(np.ravel(value(detector[name]))[0]) if name in detector else 0.0 for name in names])


def _mask(detector: h5py.Group, origin: list[int], size: list[int]) -> np.ndarray | None:
    stored = detector.get("pixel_mask")
    if stored is None:
        return None
    part = tuple(slice(start, start + count) for start, count in zip(origin, size, strict=True))
    if stored.ndim != len(origin) or any(s.stop > n for s, n in zip(part, stored.shape, strict=True)):
        raise NbnumbaError(f"{stored.name}: found shape {stored.shape}; allowed: that of the data with all modules")
    good = np.asarray(stored[part] == 0).reshape(size[-2:])
    return None if good.all() else good


def _beam(entry: h5py.Group) -> dict[str, Any]:
    """Fields of ``Beam``."""
    parents = [*_of_class(entry, "NXinstrument"), *_of_class(entry, "NXsample")]
    for beam in (beam for parent in parents for beam in _of_class(parent, "NXbeam")):
        if "incident_wavelength" in beam:
            return {**BEAM, "wavelength": _wavelength(beam), **_polarization(beam)}
    raise NbnumbaError("found no NXbeam with an incident_wavelength; allowed: an NXmx file")


def _wavelength(beam: h5py.Group) -> float:
    """Wavelength [A]: the mean of a spectrum, or that of the first image."""
    values = in_angstrom(beam["incident_wavelength"])
    weights = beam.get("incident_wavelength_weights")
    if weights is not None and weights.shape == values.shape:
        return float(np.average(values, weights=value(weights)))
    return float(values[0])


def _polarization(beam: h5py.Group) -> dict[str, Any]:
    """The field of ``Beam`` that tells it, if anything does; angles count from x towards y."""
    stokes = beam.get("incident_polarization_stokes", beam.get("incident_polarisation_stokes"))
    if stokes is None:
        return {}
    s0, s1, s2, s3 = np.reshape(value(stokes), (-1, 4))[0].astype(float).tolist()
    return {"polarization": s1 / s0} if s2 == 0.0 and s3 == 0.0 else {"stokes": (s0, s1, s2, s3)}


def _turning(entry: h5py.Group) -> h5py.Dataset | None:
    """The axis that turns the sample; None where none does, or it is not told which."""
    for sample in _of_class(entry, "NXsample"):
        start = resolved(sample, text(value(sample["depends_on"])) if "depends_on" in sample else None)
        turns = [item for item in chain(start) if is_rotation(item)]
        moving = [item for item in turns if np.ptp(value(item)) > 0.0]
        if len(moving) == 1 or len(turns) == 1:
            return (moving or turns)[0]
    return None


def _spindle(item: h5py.Dataset) -> tuple[float, ...]:
    """Direction of an axis, as those that carry it have left it."""
    return triple(cumulative(above(item))[:3, :3] @ np.array(axis(item)))


def _oscillation(item: h5py.Dataset) -> tuple[float, float] | None:
    """Start and width [degrees] of the first image; None where the width is not told."""
    starts, end = in_degrees(item), item.parent.get(f"{posixpath.basename(item.name)}_end")
    stops = starts[1:] if end is None else in_degrees(end, units_of=item)
    return (float(starts[0]), float(stops[0] - starts[0])) if len(stops) else None
