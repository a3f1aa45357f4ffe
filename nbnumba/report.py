"""What a person wants to know about an image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from nbnumba._cache import cache_directory
from nbnumba.model.conventions import CONVENTIONS
from nbnumba.model.experiment import Experiment
from nbnumba.model.response import Response
from nbnumba.physics.pixel import position
from nbnumba.physics.vector import length


def image_report(experiment: Experiment, image: np.ndarray, seconds: float) -> dict[str, Any]:
    """Figures about an experiment and its image that took ``seconds``; plain values with their units in the names."""
    steps = experiment.pixels_rendered * experiment.steps_per_pixel
    place = [int(i) for i in np.unravel_index(int(image.argmax()), image.shape)]
    return {
        "cell_A_degrees": [round(x, 6) for x in experiment.crystal.unit_cell],
        "crystal_A": [round(x, 3) for x in experiment.crystal.size],
        "lattices": len(experiment.lattices),
        "reflections": len(experiment.crystal.reflections) if experiment.crystal.reflections else 0,
        "wavelength_A": experiment.beam.wavelength,
        **beam_figures(experiment),
        "sensor_material": experiment.detector.sensor_material,
        "sensor_thickness_mm": experiment.detector.sensor_thickness,
        "sensor_mu_per_mm": experiment.sensor_mu,
        "sensor_caught": experiment.caught,
        "background": [f"{part.name}, {part.thickness:g} mm" for part in experiment.background],
        **(panel_figures(experiment) if experiment.detector.panels else _figures(experiment)),
        "pixels": list(image.shape),
        "steps_per_pixel": experiment.steps_per_pixel,
        "steps": steps,
        "photons_max": float(image.max()),
        "photons_max_panel_slow_fast" if image.ndim == 3 else "photons_max_slow_fast": place,
        "photons_mean": float(image.mean(dtype=np.float64)),
        "photons_total": float(image.sum(dtype=np.float64)),
        "seconds": seconds,
        "steps_per_second": steps / seconds,
    }


def counts_report(experiment: Experiment, counts: np.ndarray, seed: int) -> dict[str, Any]:
    """Figures about an image of counts."""
    response = experiment.response or Response()
    seen = counts[experiment.rendered] if experiment.pixels_rendered else counts
    return {
        "counts_min": int(seen.min()),
        "counts_max": int(seen.max()),
        "counts_mean": float(seen.mean(dtype=np.float64)),
        "counts_saturated": int(np.count_nonzero(seen >= response.highest)),
        "counts_type": counts.dtype.name,
        "response": {
            f.name: getattr(response, f.name) for f in fields(response) if getattr(response, f.name) != f.default
        },
        "seed": seed,
    }


def counts_text(report: dict[str, Any]) -> str:
    """The report on counts as lines for a terminal."""
    text = (
        f"{report['counts_min']} to {report['counts_max']}, {report['counts_mean']:.6g} on average, "
        f"{report['counts_saturated']} pixels saturated; {report['counts_type']}, seed {report['seed']}"
    )
    steps = ", ".join(f"{name} {value}" for name, value in report["response"].items())
    return table([("Response", steps or "photon noise alone"), ("Counts", text)])


def beam_figures(experiment: Experiment) -> dict[str, float]:
    """Wavelengths that there are, and photons on the crystal, also as a fraction of those at the beam's centre."""
    spectrum, center = experiment.spectrum, experiment.beam.photons_per_area
    return {
        "wavelengths": len(spectrum),
        "wavelength_mean_A": spectrum.mean,
        "wavelength_fwhm_A": spectrum.fwhm,
        "fluence_photons_m2": experiment.fluence,
        "illuminated_fraction": experiment.fluence / center if center > 0.0 else 0.0,
    }


def _figures(experiment: Experiment) -> dict[str, Any]:
    """Figures about a detector as a whole."""
    return {
        "distance_mm": experiment.geometry.distance,
        **resolution_limits(experiment),
        "beam_center": beam_centers(experiment),
    }


def panel_figures(experiment: Experiment) -> dict[str, Any]:
    """Figures about listed panels: how many, how near to the sample and how far, and the spacing at their farthest
    corner [A].
    """
    detector, size = experiment.detector, experiment.detector.pixel_size
    corners = [
        position(placed, f * panel.pixels[1] * size, s * panel.pixels[0] * size, 0.0)
        for panel, placed in zip(detector.panels, experiment.panels, strict=True)
        for s in (0, 1)
        for f in (0, 1)
    ]
    return {
        "panels": len(detector.panels),
        "nearest_mm": experiment.nearest,
        "farthest_mm": max(map(length, corners)),
        "resolution_corner_A": min(experiment.border_resolutions(2)),
    }


def resolution_limits(experiment: Experiment) -> dict[str, float]:
    """Spacing of the largest ring that is complete on the detector, and at its farthest corner [A]."""
    spacings = experiment.border_resolutions(65)
    return {"resolution_edge_A": max(spacings), "resolution_corner_A": min(spacings)}


def beam_centers(experiment: Experiment) -> dict[str, list[float]]:
    """Beam centre as each convention counts it: Xbeam, Ybeam [mm]; XDS origin [pixels]; DIALS origin [mm]."""
    g, extent = experiment.geometry, experiment.detector.extent
    centers = {
        name: [float(x) for x in CONVENTIONS[name].from_detector(g.beam_center, extent)]
        for name in ("mosflm", "denzo", "adxv")
    }
    centers["fast_slow"] = list(g.beam_center)
    centers["xds_orgx_orgy_pixels"] = [x / extent.pixel + 0.5 for x in g.closest_point]
    centers["dials_origin"] = [g.origin.z, g.origin.y, -g.origin.x]
    return centers


def installation() -> dict[str, Any]:
    """Versions, processor, threads, graphics processor and cache of this installation."""
    import platform
    from importlib.metadata import version

    import numba
    from llvmlite import binding

    from nbnumba import __version__
    from nbnumba.kernels.driver import installed

    features = binding.get_host_cpu_features()
    return {
        "nbnumba": __version__,
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numba", "numpy", "h5py", "gemmi")},
        "processor": f"{binding.get_host_cpu_name()}, {platform.machine()}",
        "vectors": next((f"{n} bits" for name, n in _SIMD.items() if features.get(name)), "128 bits or less"),
        "threads": numba.config.NUMBA_NUM_THREADS,
        "GPU": installed(),
        "cache": str(cache_directory() or "none: no folder can be written; set NUMBA_CACHE_DIR"),
        "compiling": "switched off (NUMBA_DISABLE_JIT)" if numba.config.DISABLE_JIT else "on",
    }


_SIMD = {"avx512f": 512, "avx2": 256, "avx": 256}


def report_text(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    axes = ("panel", "slow", "fast") if "panels" in report else ("slow", "fast")
    brightest = zip(axes, report["photons_max_" + "_".join(axes)], strict=True)
    rows = [
        ("Cell", joined(report["cell_A_degrees"], "g") + "  A, degrees"),
        ("Crystal", joined(report["crystal_A"], ".1f", " x ") + f" A, {report['reflections']} reflections"
                    f"{_further(report['lattices'])}"),
        *(_panel_rows(report) if "panels" in report else _detector_rows(report)),
        ("Spectrum", _spectrum_text(report)),
        ("Fluence", f"{report['fluence_photons_m2']:.6g} photons/m^2 on the crystal, "
                    f"{100.0 * report['illuminated_fraction']:.4g} % of that at the beam's centre"),
        ("Sensor", _sensor(report)),
        *([("Background", "; ".join(report["background"]))] if report["background"] else []),
        *_choices(report),
        ("Steps", f"{report['steps']:.4g} ({joined(report['pixels'], 'd', ' x ')} pixels, "
                  f"{report['steps_per_pixel']} in each)"),
        ("Photons", f"{report['photons_max']:.6g} at most ({', '.join(f'{axis} {n}' for axis, n in brightest)}), "
                    f"{report['photons_mean']:.6g} on average, {report['photons_total']:.6g} in all"),
        ("Time", f"{report['seconds']:.2f} s, {report['steps_per_second']:.3g} steps a second"),
    ]  # fmt: skip
    return table(rows)


def _panel_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Beam", f"{report['wavelength_A']:g} A, {report['panels']} panels from {report['nearest_mm']:.6g} to "
                 f"{report['farthest_mm']:.6g} mm from the sample"),
        ("Resolution", f"{report['resolution_corner_A']:.3f} A at the farthest corner"),
    ]  # fmt: skip


def _detector_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    centers = report["beam_center"]
    return [
        ("Beam", f"{report['wavelength_A']:g} A, detector at {report['distance_mm']:g} mm"),
        ("Resolution", f"{report['resolution_edge_A']:.3f} A at the edge, "
            f"{report['resolution_corner_A']:.3f} A at the corner"),
        ("Beam centre", f"fast, slow {joined(centers['fast_slow'], '.3f')} mm from the first pixel's corner"
                        f"{'' if math.isfinite(centers['fast_slow'][0]) else ' (the beam misses the plane)'}"),
        ("", f"MOSFLM {joined(centers['mosflm'], '.3f')}, DENZO {joined(centers['denzo'], '.3f')}, "
             f"ADXV {joined(centers['adxv'], '.3f')} mm"),
        ("", f"XDS ORGX, ORGY {joined(centers['xds_orgx_orgy_pixels'], '.2f')} pixels, "
             f"DIALS origin {joined(centers['dials_origin'], '.3f')} mm"),
    ]  # fmt: skip


def _sensor(report: dict[str, Any]) -> str:
    if report["sensor_mu_per_mm"] == 0.0:
        return "none: its front catches every photon"
    what = " ".join(filter(None, [f"{report['sensor_thickness_mm']:g} mm", report["sensor_material"]]))
    caught = f"{100.0 * report['sensor_caught']:.4g} %"
    return f"{what}, mu {report['sensor_mu_per_mm']:.4g} 1/mm, catches {caught} of what comes along its normal"


def _spectrum_text(report: dict[str, Any]) -> str:
    if report["wavelengths"] == 1:
        return f"one wavelength, {report['wavelength_mean_A']:.6g} A"
    mean, width = report["wavelength_mean_A"], report["wavelength_fwhm_A"]
    return f"{report['wavelengths']} wavelengths, mean {mean:.6g} A, FWHM {width:.4g} A ({100.0 * width / mean:.3g} %)"


def _choices(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Numbers of steps that were chosen for a tolerance."""
    return [
        ("" if i else "Sampling", f"{name} {choice['number']}: twice as many change {100.0 * choice['change']:.2g} %")
        for i, (name, choice) in enumerate(report.get("sampling", {}).items())
    ]


def _further(lattices: int) -> str:
    return "" if not lattices else f", and {lattices} further {'lattice' if lattices == 1 else 'lattices'}"


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Lines for a terminal: names and what there is to say, in two columns."""
    return "\n".join(f"{name:13s} {text}" for name, text in rows)


def columns(rows: Sequence[Sequence[Any]]) -> str:
    """Lines for a terminal: columns wide enough for what is in them, numbers with up to seven digits."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(*texts, strict=True)]
    return "\n".join("  ".join(text.rjust(n) for text, n in zip(row, widths, strict=True)).rstrip() for row in texts)


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def joined(values: Iterable[Any], form: str = "g", between: str = " ") -> str:
    """Numbers in a line."""
    return between.join(format(value, form) for value in values)
