"""Headers of imgCIF: axes, settings and arrays, from which programs work out where every pixel lies.

The categories are those of the imgCIF dictionary (Bernstein and Hammersley 2005, International Tables for
Crystallography G, 3.7 and 4.6); axes stand in its frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.outputs.clock import timestamp
from nbnumba.outputs.counts import LARGEST, readout, saturation
from nbnumba.outputs.laboratory import places, polarization_normal, turn

_SCAN, _FRAME, _DETECTOR, _GONIOMETER = "SCAN1", "FRAME1", "DETECTOR", "GONIOMETER"
_OMEGA, _ARM = "GONIOMETER_OMEGA", "DETECTOR_Z"


def array_name(panel: int) -> str:
    """Name of the array with the pixels of a panel."""
    return f"ARRAY{panel + 1}"


def categories(experiment: Experiment, number: int, kind: np.dtype) -> list[str]:
    """Lines of the header of image ``number``, but for the pixels.

    Args:
        experiment: what was rendered.
        number: of the image in its series.
        kind: type of the pixels that were given: floats are photons.
    """
    panels = range(len(places(experiment)))
    return [
        *_items("diffrn", id="DIFFRN"),
        *_source(experiment),
        *_stations(experiment, panels),
        *_axes(experiment, number),
        *_items("diffrn_scan", id=_SCAN, frame_id_start=_FRAME, frame_id_end=_FRAME, frames=1),
        *_items(
            "diffrn_scan_frame",
            frame_id=_FRAME,
            frame_number=1,
            integration_time=experiment.beam.exposure,
            scan_id=_SCAN,
            date=timestamp(experiment, number),
        ),
        *_arrays(experiment, panels, kind),
    ]


def _source(experiment: Experiment) -> list[str]:
    spectrum = experiment.spectrum
    lines = [
        *_items("diffrn_source", diffrn_id="DIFFRN", source="simulation", type="nbnumba"),
        *_loop(
            "diffrn_radiation_wavelength",
            ("id", "wavelength", "wt"),
            [("WAVELENGTH1", experiment.mean_wavelength, sum(spectrum.weights))],
        ),
    ]
    radiation: dict[str, Any] = {"diffrn_id": "DIFFRN", "wavelength_id": "WAVELENGTH1", "type": "X-ray"}
    if experiment.beam.polarized:
        radiation["polarizn_source_ratio"] = experiment.beam.kahn
        radiation["polarizn_source_norm"] = polarization_normal(experiment)
    return lines + _items("diffrn_radiation", **radiation)


def _stations(experiment: Experiment, panels: range) -> list[str]:
    """Detector, its elements and the goniometer; stills have none, by which DIALS knows them."""
    lines = [
        *_items("diffrn_detector", diffrn_id="DIFFRN", id=_DETECTOR, type="simulated", number_of_axes=1),
        *_loop("diffrn_detector_axis", ("detector_id", "axis_id"), [(_DETECTOR, _ARM)]),
        *_loop("diffrn_detector_element", ("id", "detector_id"), [(f"ELEMENT{i + 1}", _DETECTOR) for i in panels]),
        *_loop(
            "diffrn_data_frame",
            ("id", "detector_element_id", "array_id", "binary_id"),
            [(_FRAME, f"ELEMENT{i + 1}", array_name(i), i + 1) for i in panels],
        ),
    ]
    if turn(experiment, 0) is None:
        return lines
    return [
        *lines,
        *_items("diffrn_measurement", diffrn_id="DIFFRN", id=_GONIOMETER, number_of_axes=1, method="omega"),
        *_loop("diffrn_measurement_axis", ("measurement_id", "axis_id"), [(_GONIOMETER, _OMEGA)]),
    ]


def _axes(experiment: Experiment, number: int) -> list[str]:
    """All axes, and where they stand.

    A panel's fast axis depends on its slow one, which starts at the outer corner of its first pixel, from the arm of
    the detector. The components of the equipment group them, as DIALS wants it for several panels.
    """
    found, rotation = places(experiment), turn(experiment, number)
    arm = -float(found[0].corner[2])
    axes: list[tuple[Any, ...]] = []
    settings: list[tuple[Any, ...]] = []
    if rotation is not None:
        axes.append((_OMEGA, "rotation", "goniometer", ".", *rotation.axis, 0, 0, 0, "goniometer"))
        settings.append((_OMEGA, rotation.start, rotation.width, 0))
    axes.append(("SOURCE", "general", "source", ".", 0, 0, 1, 0, 0, 0, "source"))
    axes.append(("GRAVITY", "general", "gravity", ".", 0, -1, 0, 0, 0, 0, "gravity"))
    axes.append((_ARM, "translation", "detector", ".", 0, 0, -1, 0, 0, 0, "detector"))
    settings.append((_ARM, 0, 0, arm))
    for i, place in enumerate(found, start=1):
        corner = place.corner + np.array([0.0, 0.0, arm])
        axes.append((f"SLOW{i}", "translation", "detector", _ARM, *place.slow, *corner, f"panel{i}"))
        axes.append((f"FAST{i}", "translation", "detector", f"SLOW{i}", *place.fast, 0, 0, 0, f"panel{i}"))
        settings += [(f"SLOW{i}", 0, 0, 0), (f"FAST{i}", 0, 0, 0)]
    vectors = tuple(f"{name}[{i}]" for name in ("vector", "offset") for i in (1, 2, 3))
    columns = ("id", "type", "equipment", "depends_on", *vectors, "equipment_component")
    scanned = ("axis_id", "scan_id", "angle_start", "angle_range", "angle_increment")
    moved = ("displacement_start", "displacement_range", "displacement_increment")
    return [
        *_loop("axis", columns, axes),
        *_loop(
            "diffrn_scan_axis",
            scanned + moved,
            [(name, _SCAN, start, width, width, shift, 0, 0) for name, start, width, shift in settings],
        ),
        *_loop(
            "diffrn_scan_frame_axis",
            ("frame_id", "axis_id", "angle", "displacement"),
            [(_FRAME, name, start, shift) for name, start, _, shift in settings],
        ),
    ]


def _arrays(experiment: Experiment, panels: range, kind: np.dtype) -> list[str]:
    """The arrays of the panels, all of the same size, and which axes they run along."""
    slow, fast = experiment.detector.pixels
    size, gain = experiment.detector.pixel_size, readout(experiment, kind).gain
    overload = saturation(experiment, kind) or LARGEST
    directions = [(i, name, n) for i in panels for n, name in enumerate(("FAST", "SLOW"), start=1)]
    return [
        *_loop(
            "array_structure",
            ("id", "encoding_type", "compression_type", "byte_order"),
            [(array_name(i), "signed 32-bit integer", "byte_offset", "little_endian") for i in panels],
        ),
        *_loop(
            "array_structure_list",
            ("array_id", "index", "dimension", "precedence", "direction", "axis_set_id"),
            [(array_name(i), n, (fast, slow)[n - 1], n, "increasing", f"{name}{i + 1}") for i, name, n in directions],
        ),
        *_loop(
            "array_structure_list_axis",
            ("axis_set_id", "axis_id", "displacement", "displacement_increment"),
            [(f"{name}{i + 1}", f"{name}{i + 1}", 0, size) for i, name, _ in directions],
        ),
        *_loop(
            "array_intensities",
            ("array_id", "binary_id", "linearity", "gain", "overload", "undefined_value"),
            [(array_name(i), i + 1, "linear", gain, overload, -1) for i in panels],
        ),
    ]


def _items(category: str, **values: Any) -> list[str]:
    return [f"_{category}.{name} {_text(value)}" for name, value in values.items()] + [""]


def _loop(category: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    names = [f"_{category}.{name}" for name in columns]
    return ["loop_", *names, *(" ".join(map(_text, row)) for row in rows), ""]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"' if " " in value else value
    return str(value) if isinstance(value, int) else f"{value + 0.0:.15g}"
