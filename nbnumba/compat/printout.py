"""The terms of one pixel, those of the last step of its loops, as nanoBragg prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from nbnumba.compat.translate import Translation
from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import Arguments
from nbnumba.kernels.pack import pack
from nbnumba.model.experiment import Experiment
from nbnumba.physics.vector import length
from nbnumba.report import table
from nbnumba.tracer.walk import last_step


def printed_pixels(translation: Translation) -> Iterator[tuple[int, int]]:
    """Fast and slow numbers of the pixels to print: the one that a flag names, or with -printout alone all rendered.

    Raises:
        NbnumbaError: a pixel that is not on the detector.
    """
    experiment, flags = translation.experiment, translation.flags
    named = flags.values("printout_pixel")
    if named is not None:
        _check(experiment, *named)
        return iter([named])
    all_pixels = experiment.rendered_pixels().tolist() if "printout" in flags else []
    return ((fast, slow) for slow, fast in all_pixels)


def printout(experiment: Experiment, pixels: Iterable[tuple[int, int]], image: np.ndarray) -> Iterator[str]:
    """Lines for a terminal about each of the pixels (fast, slow) of an image [photons]."""
    arguments = None
    for fast, slow in pixels:
        arguments = arguments or pack(experiment, merged=False)
        yield pixel_terms(arguments, fast, slow, float(image[slow, fast]))


def _check(experiment: Experiment, fast: int, slow: int) -> None:
    slow_size, fast_size = experiment.detector.pixels
    if not (0 <= slow < slow_size and 0 <= fast < fast_size):
        allowed = f"fast from 0 to {fast_size - 1}, slow from 0 to {slow_size - 1}"
        raise NbnumbaError(f"-printout_pixel: found {fast} {slow}; allowed: {allowed}")


def pixel_terms(a: Arguments, fast: int, slow: int, value: float) -> str:
    """Lines for a terminal about the last step of a pixel of the detector, of which ``value`` is known [photons]."""
    step = last_step(a, slow, fast)
    p = step.position
    rows = [
        ("Pixel", f"fast {fast}, slow {slow}; the last step of its loops:"),
        ("  at", f"{p.x:g} {p.y:g} {p.z:g} mm, distance {step.distance:g} mm"),
        ("  stol", f"{length(step.q) / 2.0:g} 1/A"),
        ("  hkl", f"{step.h:f} {step.k:f} {step.l:f}, nearest {step.h0:.0f} {step.k0:.0f} {step.l0:.0f}"),
        ("  F_cell", f"{step.f_cell:g}"),
        ("  F_latt", f"{step.f_latt:g} (up to its sign)"),
        ("  polar", f"{step.polarization:.10g}"),
        ("  omega", f"{step.solid_angle:.10g}"),
        ("  capture", f"{step.capture:.10g}"),
        *((f"  {name}", f"{v.x:.8f} {v.y:.8f} {v.z:.8f} A") for name, v in zip("abc", step.axes, strict=True)),
        ("  value", f"{value:.10g} photons"),
    ]
    return table(rows)
