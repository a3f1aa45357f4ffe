"""Experiment files of DIALS: JSON with lists of models, and experiments that name them by their numbers.

Frames as in dxtbx/model/virtual_panel.h and detector.h (https://github.com/cctbx/dxtbx): a panel's fast axis, slow axis
and origin count in the frame of the group it belongs to, whose axes are fast, slow and fast x slow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nbnumba.constants import NO_SENSOR
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry.parts import TO_NEXUS, Found, FoundPanel, triple
from nbnumba.inputs.hdf5 import DAMAGE, STRICT
from nbnumba.inputs.kinds import MOST_PIXELS
from nbnumba.model import validate
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector, unit

_ALLOWED = "a .expt file as DIALS writes it"


def from_dials(tree: Any, number: int) -> Found:
    """What a parsed file tells of one of its experiments.

    Raises:
        NbnumbaError: there is no such experiment, or something is missing.
    """
    try:
        experiments = tree["experiment"]
        if number >= len(experiments):
            raise NbnumbaError(f"number: found {number}; allowed: 0 to {len(experiments) - 1}, the file's experiments")
        chosen = experiments[number]
        detector, beam = tree["detector"][chosen["detector"]], tree["beam"][chosen["beam"]]
        goniometer = tree["goniometer"][chosen["goniometer"]] if "goniometer" in chosen else None
        with np.errstate(**STRICT):
            spindle = None if goniometer is None else _spindle(goniometer)
            return Found(_panels(detector), _beam(beam), spindle, _oscillation(tree, chosen))
    except NbnumbaError:
        raise
    except DAMAGE as error:
        raise NbnumbaError(f"found {type(error).__name__} {error} in it; allowed: {_ALLOWED}") from None


def _panels(detector: dict[str, Any]) -> list[FoundPanel]:
    whole = np.eye(4)
    frames = dict.fromkeys(range(len(detector["panels"])), whole)
    if "hierarchy" in detector:
        frames = _frames(detector["hierarchy"], whole)
    return [_panel(panel, frames[i]) for i, panel in enumerate(detector["panels"])]


def _frames(group: dict[str, Any], above: np.ndarray) -> dict[int, np.ndarray]:
    """Frames (4, 4) of the groups that panels belong to, by the panels' numbers."""
    frame = above @ _frame(group)
    found: dict[int, np.ndarray] = {}
    for child in group["children"]:
        found.update({child["panel"]: frame} if "panel" in child else _frames(child, frame))
    return found


def _frame(item: dict[str, Any]) -> np.ndarray:
    fast, slow = (np.array(unit(Vector(*item[name]))) for name in ("fast_axis", "slow_axis"))
    frame = np.eye(4)
    frame[:3] = np.column_stack([fast, slow, np.cross(fast, slow), item["origin"]])
    return frame


def _panel(panel: dict[str, Any], group: np.ndarray) -> FoundPanel:
    frame = (TO_NEXUS @ (group @ _frame(panel))[:3]).T
    fast, slow = map(int, panel["image_size"])
    sensor = float(panel.get("thickness", 0.0)), float(panel.get("mu", 0.0))
    if slow * fast > MOST_PIXELS:
        raise NbnumbaError(f"image_size: found {fast} x {slow}; allowed: up to {MOST_PIXELS} pixels")
    bad = np.zeros((slow, fast), dtype=bool)
    for f0, s0, f1, s1 in panel.get("mask", []):
        bad[max(s0, 0) : max(s1, 0), max(f0, 0) : max(f1, 0)] = True
    return FoundPanel(
        (slow, fast), tuple(map(float, panel["pixel_size"])), triple(frame[3]), triple(frame[0]), triple(frame[1]),
        *(sensor if sensor[0] > NO_SENSOR and sensor[1] > 0.0 else (0.0, 0.0)), ~bad if bad.any() else None,
    )  # fmt: skip


def _beam(beam: dict[str, Any]) -> dict[str, Any]:
    """Fields of ``Beam``; DIALS points from the sample to the source, and names the normal of the polarized plane."""
    direction = -TO_NEXUS @ np.array(unit(Vector(*validate.direction("beam direction", beam["direction"]))))
    normal = TO_NEXUS @ np.array(beam.get("polarization_normal", (0.0, 1.0, 0.0)), dtype=float)
    return {
        "wavelength": float(beam["wavelength"]),
        "direction": triple(direction),
        "polarization_axis": triple(np.cross(direction, normal)),
        "polarization": 2.0 * float(beam.get("polarization_fraction", 0.5)) - 1.0,
    }


def _oscillation(tree: dict[str, Any], experiment: dict[str, Any]) -> tuple[float, float] | None:
    if "scan" not in experiment:
        return None
    found = tree["scan"][experiment["scan"]]
    if "oscillation" in found:
        start, width = map(float, found["oscillation"])
        return start, width
    starts = found.get("properties", {}).get("oscillation", [])  # as newer versions have it
    return (float(starts[0]), float(starts[1] - starts[0])) if len(starts) > 1 else None


def _spindle(goniometer: dict[str, Any]) -> tuple[float, ...]:
    """The axis that turns, as others that carry it have left it."""
    if "axes" not in goniometer:
        setting = np.reshape(goniometer.get("setting_rotation", np.eye(3)), (3, 3))
        return triple(TO_NEXUS @ setting @ goniometer["rotation_axis"])
    scanned = goniometer["scan_axis"]
    axis = Vector(*goniometer["axes"][scanned])
    carrying = zip(goniometer["axes"][scanned + 1 :], goniometer["angles"][scanned + 1 :], strict=True)
    for other, degrees in carrying:
        axis = rotate(axis, unit(Vector(*other)), float(np.radians(degrees)))
    return triple(TO_NEXUS @ np.array(axis))
