"""Headers of imgCIF: axes with their settings, and arrays of pixels that run along some of them.

An axis moves or turns what it carries by its setting, after its own offset; it stands on another one, down to the
laboratory, whose z points from the sample to the source (imgCIF dictionary, Bernstein and Hammersley 2005,
International Tables for Crystallography G, 3.7 and 4.6). Where the first pixel of an array is said to be counts as its
outer corner, as DIALS has it (dxtbx/model/detector.py, https://github.com/cctbx/dxtbx).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gemmi
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry.parts import TO_NEXUS, Found, FoundPanel, triple
from nbnumba.inputs.hdf5 import DAMAGE, STRICT
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.physics.vector import Vector, unit

_LONGEST = 100  # of chains
_ALLOWED = "an imgCIF header"
Row = dict[str, str]


class Axis(NamedTuple):
    """An axis in the frame of imgCIF."""

    kind: str  # translation, rotation or general
    equipment: str
    above: str | None
    vector: np.ndarray
    offset: np.ndarray  # [mm]
    setting: float  # [mm] or [degrees]


def from_imgcif(header: str, good: Sequence[np.ndarray], sensor: tuple[str | None, float]) -> Found:
    """What a header tells.

    Args:
        header: the text up to the pixels.
        good: pixels (slow, fast) of each array that are measured.
        sensor: material and thickness [mm]; None and 0: not told.

    Raises:
        NbnumbaError: something is missing.
    """
    try:
        block = gemmi.cif.read_string(_closed(header)).sole_block()
        with np.errstate(**STRICT):
            axes = _axes(block)
            panels = [panel._replace(material=sensor[0], thickness=sensor[1]) for panel in _panels(block, axes, good)]
            return Found(panels, _beam(block, axes), _spindle(block, axes), _oscillation(block, axes))
    except NbnumbaError:
        raise
    except DAMAGE as error:
        raise NbnumbaError(f"found {type(error).__name__} {error} in its header; allowed: {_ALLOWED}") from None


def _closed(header: str) -> str:
    """The header as a whole CIF: what comes before the loop or item that holds the pixels."""
    return header.partition("_array_data.")[0].rstrip().removesuffix("loop_") + "\n"


def _rows(block: Any, category: str) -> list[Row]:
    """Rows of a category, whether it is a loop or not."""
    table = block.find_mmcif_category(f"_{category}.")
    names = [tag.partition(".")[2] for tag in table.tags]
    return [{name: gemmi.cif.as_string(row[i]) for i, name in enumerate(names)} for row in table]


def _number(row: Mapping[str, str], *names: str) -> float:
    """The first of some items that is given; 0 where none is."""
    return next((float(row[name]) for name in names if row.get(name, "") not in ("", ".", "?")), 0.0)


def _axes(block: Any) -> dict[str, Axis]:
    settings = {row["axis_id"]: row for row in _rows(block, "diffrn_scan_axis")}
    for row in _rows(block, "diffrn_scan_frame_axis"):  # what an image has comes before what its scan starts with
        settings[row["axis_id"]] = {**settings.get(row["axis_id"], {}), **row}
    found = {}
    for row in _rows(block, "axis"):
        turns = row.get("type") == "rotation"
        names = ("angle", "angle_start") if turns else ("displacement", "displacement_start")
        found[row["id"]] = Axis(
            row.get("type", "general"),
            row.get("equipment", "general"),
            row["depends_on"] if row.get("depends_on", "") not in ("", ".", "?") else None,
            np.array([_number(row, f"vector[{i}]") for i in (1, 2, 3)]),
            np.array([_number(row, f"offset[{i}]") for i in (1, 2, 3)]),
            _number(settings.get(row["id"], {}), *names),
        )
    return found


def _carried(axes: Mapping[str, Axis], name: str | None, extra: Mapping[str, float]) -> np.ndarray:
    """Matrix (4, 4) of an axis and all that it stands on; ``extra`` goes beyond their settings."""
    total = np.eye(4)
    for _ in range(_LONGEST):
        if name is None:
            return total
        axis, step = axes[name], np.eye(4)
        setting = axis.setting + extra.get(name, 0.0)
        step[:3, 3] = axis.offset
        if axis.kind == "rotation":
            step[:3, :3] = rotation_matrix(unit(Vector(*axis.vector.tolist())), math.radians(setting))
        elif axis.kind == "translation":
            step[:3, 3] += setting * axis.vector / np.linalg.norm(axis.vector)
        total, name = step @ total, axis.above
    raise NbnumbaError("_axis.depends_on: found a chain that does not end")


def _panels(block: Any, axes: Mapping[str, Axis], good: Sequence[np.ndarray]) -> list[FoundPanel]:
    arrays: dict[str, list[Row]] = {}
    for row in _rows(block, "array_structure_list"):
        arrays.setdefault(row.get("array_id", ""), []).append(row)
    steps = {row.get("axis_set_id", row["axis_id"]): row for row in _rows(block, "array_structure_list_axis")}
    if not arrays or not steps:
        raise NbnumbaError(f"found no _array_structure_list and its axes; allowed: {_ALLOWED}")
    if len(good) != len(arrays):
        raise NbnumbaError(f"found {len(arrays)} arrays in the header, and pixels of {len(good)}; allowed: as many")
    return [_panel(rows, axes, steps, measured) for rows, measured in zip(arrays.values(), good, strict=True)]


def _panel(rows: list[Row], axes: Mapping[str, Axis], steps: Mapping[str, Row], good: np.ndarray) -> FoundPanel:
    fast, slow = sorted(rows, key=lambda row: int(row["precedence"]))[:2]
    for row in (fast, slow):
        if row.get("direction", "increasing") != "increasing":
            raise NbnumbaError(f"_array_structure_list.direction: found {row['direction']}; allowed: increasing")
    along = [steps[row["axis_set_id"]] for row in (fast, slow)]
    sizes = [_number(row, "displacement_increment") for row in along]
    names = [row["axis_id"] for row in along]
    start = {row["axis_id"]: _number(row, "displacement") for row in along}
    last = names[1] if axes[names[1]].above == names[0] else names[0]  # the one that stands on the other
    if axes[last].above not in names:
        raise NbnumbaError(f"_axis.depends_on: found {names[0]} and {names[1]} side by side; allowed: one on the other")

    def point(fast_steps: int, slow_steps: int) -> np.ndarray:
        moved = {
            name: start[name] + n * size for name, size, n in zip(names, sizes, (fast_steps, slow_steps), strict=True)
        }
        return np.asarray(TO_NEXUS @ _carried(axes, last, moved)[:3, 3])

    corner = point(0, 0)
    mask = None if good.all() else good
    return FoundPanel(
        (int(slow["dimension"]), int(fast["dimension"])), (abs(sizes[0]), abs(sizes[1])), triple(corner),
        triple((point(1, 0) - corner) / abs(sizes[0])), triple((point(0, 1) - corner) / abs(sizes[1])),
        0.0, 0.0, mask,
    )  # fmt: skip


def _beam(block: Any, axes: Mapping[str, Axis]) -> dict[str, Any]:
    source = next((axis.vector for axis in axes.values() if axis.equipment == "source"), np.array([0.0, 0.0, 1.0]))
    direction = -TO_NEXUS @ source / np.linalg.norm(source)
    radiation = (_rows(block, "diffrn_radiation") or [{}])[0]
    angle = math.radians(_number(radiation, "polarizn_source_norm"))
    normal = TO_NEXUS @ np.array([math.sin(angle), math.cos(angle), 0.0])
    beam: dict[str, Any] = {
        "direction": triple(direction),
        "polarization_axis": triple(np.cross(direction, normal)),
    }
    if "polarizn_source_ratio" in radiation:
        beam["polarization"] = _number(radiation, "polarizn_source_ratio")
    wavelengths = _rows(block, "diffrn_radiation_wavelength")
    if wavelengths:
        beam["wavelength"] = _number(wavelengths[0], "wavelength")
    return beam


def _scanned(block: Any, axes: Mapping[str, Axis]) -> tuple[str, float] | None:
    """The axis of the goniometer that turns, and by how much [degrees]; None: none does."""
    for row in _rows(block, "diffrn_scan_axis"):
        width = _number(row, "angle_increment", "angle_range")
        name = row["axis_id"]
        if width != 0.0 and name in axes and axes[name].equipment == "goniometer":
            return name, width
    return None


def _spindle(block: Any, axes: Mapping[str, Axis]) -> tuple[float, ...] | None:
    scanned = _scanned(block, axes)
    if scanned is None:
        return None
    axis = axes[scanned[0]]
    return triple(TO_NEXUS @ _carried(axes, axis.above, {})[:3, :3] @ np.array(unit(Vector(*axis.vector.tolist()))))


def _oscillation(block: Any, axes: Mapping[str, Axis]) -> tuple[float, float] | None:
    scanned = _scanned(block, axes)
    return None if scanned is None else (axes[scanned[0]].setting, scanned[1])
