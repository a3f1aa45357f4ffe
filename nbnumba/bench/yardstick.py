"""A pixel by plain Python: the sum over the steps written as it reads, which the loops have to agree with."""

from __future__ import annotations

import numpy as np

from nbnumba.kernels.arguments import Arguments, matrix, panel_of, row_vector
from nbnumba.physics.absorption import capture
from nbnumba.physics.lattice import transform
from nbnumba.physics.pixel import parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization
from nbnumba.physics.rotation import turn
from nbnumba.physics.scattering import beyond, scattering_vector
from nbnumba.physics.step import diffraction, intensity, layer_depth, weight
from nbnumba.physics.structure_factor import cell_amplitude
from nbnumba.physics.vector import Vector


def pixel_value(a: Arguments, slow: int, fast: int) -> float:
    """Photons in one pixel."""
    panel, light, steps, n = panel_of(a.sheet), a.illumination, a.steps, a.steps.oversample
    total, omega, polar = 0.0, None, None
    for layer in range(a.sensor.layers):
        for sub in np.ndindex(n, n):
            place = [subpixel_center(i, s, n, panel.pixel_size) for i, s in zip((slow, fast), sub, strict=True)]
            ray = ray_to(position(panel, place[1], place[0], layer_depth(layer, a.sensor.thickness)))
            if omega is None or not steps.one_solid_angle:
                omega = solid_angle(ray.distance, panel.pixel_size, panel.close_distance, panel.point_pixels)
            rho = parallax(panel, ray.direction)
            caught = capture(layer, a.sensor.thickness, a.sensor.mu, rho) if a.sensor.mu > 0.0 else 1.0
            for source in range(light.weight.size):
                incident = row_vector(light.incident, source)
                if polar is None or not steps.one_polarization:
                    field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
                    polar = polarization(ray.direction, incident, field, light.kahn) if light.polarized else 1.0
                q = scattering_vector(ray.direction, incident, float(light.wavelength[source]))
                if steps.dmin == 0.0 or not beyond(q, steps.dmin):
                    factor = weight(float(light.weight[source]), omega, caught, polar)
                    total += factor * _crystal(a, q)
    return a.scale * total


def _crystal(a: Arguments, q: Vector) -> float:
    """Sum of F_cell^2 F_latt^2 over phi steps and domains."""
    total = 0.0
    for i in range(len(a.orientations.cells)):
        for m in range(len(a.orientations.domains)):
            axes = turn(matrix(a.orientations.domains, m), matrix(a.orientations.cells, i))
            step = diffraction(axes, a.lattice, q)
            total += intensity(cell_amplitude(a.structure, step.at), transform(a.lattice, step.argument))
    return float(total)
