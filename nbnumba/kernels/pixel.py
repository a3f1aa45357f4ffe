"""The loop nest for a single pixel: what a thread of a GPU does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba._jit import scalar
from nbnumba.kernels.arguments import Arguments, matrix, panel_of, row_vector
from nbnumba.kernels.reach import within_reach
from nbnumba.physics.absorption import capture
from nbnumba.physics.lattice import end, transform
from nbnumba.physics.pixel import parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization
from nbnumba.physics.scattering import beyond, scattering_vector
from nbnumba.physics.step import diffraction, intensity, layer_depth, weight
from nbnumba.physics.structure_factor import cell_amplitude, covered
from nbnumba.physics.vector import Vector


class Sum(NamedTuple):
    """Sum over steps, and how many of them could not be interpolated."""

    total: float
    outside: int


@scalar
def crystal_sum(a: Arguments, axes: np.ndarray, q: Vector) -> Sum:
    """Sum of F_cell^2 F_latt^2 over orientations, whose cell axes are ``axes`` (n, 3, 3) [A]."""
    total, outside = 0.0, 0
    if not a.reach.limited or within_reach(q, matrix(axes, 0), a.reach):
        for m in range(axes.shape[0]):
            spot = diffraction(matrix(axes, m), a.lattice, q)
            if spot.argument < end(a.lattice):
                f_cell = cell_amplitude(a.structure, spot.at)
                total += intensity(f_cell, transform(a.lattice, spot.argument))
                outside += 0 if covered(a.structure, spot.at) else 1
    return Sum(total, outside)


@scalar
def pixel_sum(a: Arguments, axes: np.ndarray, slow: int, fast: float) -> Sum:
    """Sum over layers, sub-pixels, sources and orientations for one pixel, without the factor of all pixels."""
    sheet, light, sensor, steps = a.sheet, a.illumination, a.sensor, a.steps
    number = slow // sheet.rows
    panel, row = panel_of(sheet, number), float(slow - number * sheet.rows)
    total, outside, omega, polar = 0.0, 0, 0.0, 1.0
    for layer in range(sensor.layers):
        for sub_slow in range(steps.oversample):
            for sub_fast in range(steps.oversample):
                first = layer == 0 and sub_slow == 0 and sub_fast == 0
                point = position(
                    panel,
                    subpixel_center(fast, sub_fast, steps.oversample, panel.pixel_size),
                    subpixel_center(row, sub_slow, steps.oversample, panel.pixel_size),
                    layer_depth(layer, sensor.thickness),
                )
                ray = ray_to(point)
                if first or not steps.one_solid_angle:
                    omega = solid_angle(ray.distance, panel.pixel_size, panel.close_distance, panel.point_pixels)
                rho = parallax(panel, ray.direction)
                caught = capture(layer, sensor.thickness, sensor.mu, rho) if sensor.mu > 0.0 else 1.0
                for source in range(light.weight.size):
                    incident = row_vector(light.incident, source)
                    if light.polarized and (not steps.one_polarization or (first and source == 0)):
                        field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
                        polar = polarization(ray.direction, incident, field, light.kahn)
                    q = scattering_vector(ray.direction, incident, light.wavelength[source])
                    if not beyond(q, steps.dmin):
                        found = crystal_sum(a, axes, q)
                        total += weight(light.weight[source], omega, caught, polar) * found.total
                        outside += found.outside
    return Sum(total, outside)
