"""What a person wants to know of an experiment's geometry: axes, beam centres, rings, where reflections fall."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nbnumba.model.experiment import Experiment
from nbnumba.model.panel import Geometry
from nbnumba.physics.ewald import two_theta
from nbnumba.prediction import hits, indices_at
from nbnumba.report import beam_centers, columns, joined, panel_figures, resolution_limits, table
from nbnumba.rings import chosen_rings


def geometry_report(
    experiment: Experiment,
    reflections: Iterable[tuple[int, int, int]] = (),
    pixels: Iterable[tuple[int, int]] = (),
    *,
    panel: int | None = None,
) -> dict[str, Any]:
    """Plain values with their units in the names.

    Args:
        experiment: what is looked at.
        reflections: h, k, l whose places are wanted.
        pixels: numbers (slow, fast) of pixels whose indices are wanted.
        panel: number of the panel of these pixels, where the detector lists panels.

    Raises:
        NbnumbaError: the reflection 0 0 0, or a pixel that is not on the detector.
    """
    detector = experiment.detector
    frame = {
        "beam": list(experiment.beam_direction),
        "polarization": list(experiment.polarization_axis),
        "spindle": list(experiment.spindle),
    }
    return {
        "pixel_mm": detector.pixel_size,
        **(_panels(experiment, frame) if detector.panels else _detector(experiment, frame)),
        "reflections": [
            {"hkl": list(hkl), "hits": [hit._asdict() for hit in hits(experiment, *hkl)]} for hkl in reflections
        ],
        "indices": [_indices(experiment, *pixel, panel) for pixel in pixels],
    }


def _detector(experiment: Experiment, frame: dict[str, Any]) -> dict[str, Any]:
    """A detector as a whole."""
    return {
        "pixels_slow_fast": list(experiment.detector.pixels),
        "distance_mm": experiment.geometry.distance,
        **_place(experiment.geometry),
        **frame,
        "beam_center": beam_centers(experiment),
        **resolution_limits(experiment),
        "rings": _rings(experiment),
    }


def _panels(experiment: Experiment, frame: dict[str, Any]) -> dict[str, Any]:
    """Listed panels."""
    listed = zip(experiment.detector.panels, experiment.geometries, strict=True)
    return {
        **frame,
        **panel_figures(experiment),
        "panels": [{"pixels_slow_fast": list(panel.pixels), **_place(g)} for panel, g in listed],
    }


def _place(g: Geometry) -> dict[str, Any]:
    return {
        "close_distance_mm": g.close_distance,
        "origin_mm": list(g.origin),
        "fast": list(g.fast),
        "slow": list(g.slow),
        "normal": list(g.normal),
    }


def _rings(experiment: Experiment) -> list[dict[str, float]]:
    """Some rings on the detector, with their angle and radius on a plane across the beam."""
    return [_ring(experiment, d) for d in chosen_rings(experiment)]


def _ring(experiment: Experiment, spacing: float) -> dict[str, float]:
    angle = two_theta(spacing, experiment.mean_wavelength)
    radius = experiment.geometry.distance * math.tan(angle) if angle < math.pi / 2.0 else math.inf
    pixels = radius / experiment.detector.pixel_size
    return {"spacing_A": spacing, "two_theta_degrees": math.degrees(angle), "radius_pixels": pixels}


def _indices(experiment: Experiment, slow: int, fast: int, panel: int | None) -> dict[str, Any]:
    experiment.detector.check_pixel(slow, fast, experiment.detector.panel_number(panel))
    center = slow + 0.5, fast + 0.5
    return {
        "slow": slow,
        "fast": fast,
        "hkl": list(indices_at(experiment, *center, panel)),
        "resolution_A": experiment.resolution(*center, panel),
    }


def geometry_text(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    parts = [_panels_text(report) if "panels" in report else _detector_text(report)]
    for found in report["reflections"]:
        parts.append(_hits_text(found))
    for found in report["indices"]:
        h, k, l = found["hkl"]  # noqa: E741
        parts.append(
            f"Pixel slow {found['slow']}, fast {found['fast']}: h {h:.4f} k {k:.4f} l {l:.4f}, "
            f"{found['resolution_A']:.4g} A (centre of the pixel, start of the scan)"
        )
    return "\n\n".join(parts)


def _panels_text(report: dict[str, Any]) -> str:
    rows = [
        ("Detector", f"{len(report['panels'])} panels of pixels of {report['pixel_mm']:g} mm, from "
                     f"{report['nearest_mm']:.6g} to {report['farthest_mm']:.6g} mm from the sample"),
        *((name.capitalize(), _vector(report[name])) for name in ("beam", "polarization", "spindle")),
        ("Resolution", f"{report['resolution_corner_A']:.4g} A at the farthest corner"),
    ]  # fmt: skip
    head = ["panel", "slow x fast", "origin [mm]", "fast", "slow", "normal"]
    lines = [
        [str(i), "{} x {}".format(*p["pixels_slow_fast"]), *(_vector(p[name]) for name in ("origin_mm", *head[3:]))]
        for i, p in enumerate(report["panels"])
    ]
    return f"{table(rows)}\n\n{columns([head, *lines])}"


def _detector_text(report: dict[str, Any]) -> str:
    centers, pixels = report["beam_center"], report["pixels_slow_fast"]
    vectors = ("fast", "slow", "normal", "beam", "polarization", "spindle")
    rows = [
        ("Detector", f"{pixels[0]} x {pixels[1]} pixels (slow x fast) of {report['pixel_mm']:g} mm"),
        ("Distance", f"{report['distance_mm']:.6g} mm along the beam, {report['close_distance_mm']:.6g} at closest"),
        ("Origin", f"{_vector(report['origin_mm'])} mm, outer corner of the first pixel, seen from the sample (pix0)"),
        *((name.capitalize(), _vector(report[name])) for name in vectors),
        ("Beam centre", "as each convention counts it:"),
        *((f"  {_CENTERS[name][0]}", _center(values, _CENTERS[name][1])) for name, values in centers.items()),
        ("Resolution",
         f"{report['resolution_edge_A']:.4g} A at the edge, {report['resolution_corner_A']:.4g} A at the corner"),
    ]  # fmt: skip
    if not report["rings"]:
        return table(rows)
    head = ["ring [A]", "two-theta [degrees]", "radius on a plane across the beam [pixels]"]
    rings = columns([head, *([f"{x:.6g}" for x in ring.values()] for ring in report["rings"])])
    return f"{table(rows)}\n\n{rings}"


#: Names and units of beam centres.
_CENTERS = {
    "mosflm": ("MOSFLM", "mm (Xbeam, Ybeam)"),
    "denzo": ("DENZO", "mm (Xbeam, Ybeam)"),
    "adxv": ("ADXV", "mm (Xbeam, Ybeam)"),
    "fast_slow": ("detector", "mm (fast, slow) from the outer corner of the first pixel"),
    "xds_orgx_orgy_pixels": ("XDS", "pixels (ORGX, ORGY)"),
    "dials_origin": ("DIALS", "mm (origin)"),
}


def _hits_text(found: dict[str, Any]) -> str:
    head = ["spindle [degrees]", "off the sphere [1/A]", "slow [pixels]", "fast [pixels]", "on the detector"]
    listed = any(hit["panel"] is not None for hit in found["hits"])
    lines = [
        [f"{hit['angle']:.4f}", f"{hit['excitation_error']:.3g}", f"{hit['slow']:.3f}", f"{hit['fast']:.3f}",
         "no" if not hit["on_detector"] else f"panel {hit['panel']}" if listed else "yes"]
        for hit in found["hits"]
    ]  # fmt: skip
    never = "" if len(lines) > 1 else "\nNo angle of the spindle brings it onto the Ewald sphere."
    name = " ".join(map(str, found["hkl"]))
    return f"Reflection {name}: at the start, then where it diffracts\n{columns([head, *lines])}{never}"


def _center(values: list[float], unit: str) -> str:
    return f"{_vector(values)} {unit}" if all(map(math.isfinite, values)) else "the beam misses the detector's plane"


def _vector(values: list[float]) -> str:
    return joined(values, ".6g")
