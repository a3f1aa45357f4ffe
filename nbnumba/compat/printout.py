"""The terms of one pixel, those of the last step of its loops, as nanoBragg prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from nbnumba.compat.translate import Translation
from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import Arguments, matrix, panel_of, row_vector
from nbnumba.kernels.pack import pack
from nbnumba.model.experiment import Experiment
from nbnumba.physics.absorption import capture
from nbnumba.physics.lattice import transform
from nbnumba.physics.pixel import parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization
from nbnumba.physics.rotation import turn
from nbnumba.physics.scattering import scattering_vector
from nbnumba.physics.step import diffraction, layer_depth
from nbnumba.physics.structure_factor import cell_amplitude
from nbnumba.physics.vector import length
from nbnumba.report import table


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
    return _rendered(experiment) if "printout" in flags else iter(())


def printout(experiment: Experiment, pixels: Iterable[tuple[int, int]], image: np.ndarray) -> Iterator[str]:
    """Lines for a terminal about each of the pixels (fast, slow) of an image [photons]."""
    arguments = None
    for fast, slow in pixels:
        arguments = arguments or pack(experiment)
        yield pixel_terms(arguments, fast, slow, float(image[slow, fast]))


def _check(experiment: Experiment, fast: int, slow: int) -> None:
    slow_size, fast_size = experiment.detector.pixels
    if not (0 <= slow < slow_size and 0 <= fast < fast_size):
        allowed = f"fast from 0 to {fast_size - 1}, slow from 0 to {slow_size - 1}"
        raise NbnumbaError(f"-printout_pixel: found {fast} {slow}; allowed: {allowed}")


def _rendered(experiment: Experiment) -> Iterator[tuple[int, int]]:
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    mask = experiment.detector.mask
    for slow in range(slow_start, slow_stop):
        for fast in range(fast_start, fast_stop):
            if mask is None or mask.pixels[slow, fast]:
                yield fast, slow


def pixel_terms(a: Arguments, fast: int, slow: int, value: float) -> str:
    """Lines for a terminal about the last step of a pixel of the detector, of which ``value`` is known [photons]."""
    panel, light, n = panel_of(a.sheet), a.illumination, a.steps.oversample
    f, s = (subpixel_center(i, n - 1, n, panel.pixel_size) for i in (fast, slow))
    point = position(panel, f, s, layer_depth(a.sensor.layers - 1, a.sensor.thickness))
    ray = ray_to(point)
    incident = row_vector(light.incident, -1)
    q = scattering_vector(ray.direction, incident, float(light.wavelength[-1]))
    axes = turn(matrix(a.orientations.domains, -1), matrix(a.orientations.cells, -1))
    step = diffraction(axes, a.lattice, q)
    at = step.at
    # What serves the whole pixel is that of the first step.
    corner = [subpixel_center(i, 0, n, panel.pixel_size) for i in (fast, slow)]
    first = ray_to(position(panel, corner[0], corner[1], 0.0))
    source, seen = (0, first) if a.steps.one_polarization else (-1, ray)
    field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
    polar = polarization(seen.direction, row_vector(light.incident, source), field, light.kahn)
    distance = first.distance if a.steps.one_solid_angle else ray.distance
    omega = solid_angle(distance, panel.pixel_size, panel.close_distance, panel.point_pixels)
    caught = 1.0
    if a.sensor.mu > 0.0:
        caught = capture(a.sensor.layers - 1, a.sensor.thickness, a.sensor.mu, parallax(panel, ray.direction))
    rows = [
        ("Pixel", f"fast {fast}, slow {slow}; the last step of its loops:"),
        ("  at", f"{point.x:g} {point.y:g} {point.z:g} mm, distance {ray.distance:g} mm"),
        ("  stol", f"{length(q) / 2.0:g} 1/A"),
        ("  hkl", f"{at.h:f} {at.k:f} {at.l:f}, nearest {at.h0:.0f} {at.k0:.0f} {at.l0:.0f}"),
        ("  F_cell", f"{cell_amplitude(a.structure, at):g}"),
        ("  F_latt", f"{transform(a.lattice, step.argument):g} (up to its sign)"),
        ("  polar", f"{polar if light.polarized else 1.0:.10g}"),
        ("  omega", f"{omega:.10g}"),
        ("  capture", f"{caught:.10g}"),
        *((f"  {name}", f"{v.x:.8f} {v.y:.8f} {v.z:.8f} A") for name, v in zip("abc", axes, strict=True)),
        ("  value", f"{value:.10g} photons"),
    ]
    return table(rows)
