"""Derivatives of pixels by the intermediates z, which every parameter acts through.

z holds, for each pixel: 9 numbers for the cell axes, sum W g h^T with g the derivative of F_cell^2 F_latt^2 by the
indices and W all other factors (or, where domains lie in the crystal's own frame, 6 of a strain and 3 of a turn, as
``own`` has them); 3 for the numbers of cells; the pixel's value; 3 for a plane of background; the mosaic
spread; the wavelength; a turn of all sources (3); polarization, attenuation, thickness of a layer; a force and a torque
on the detector (3 + 3). Those that know of the crystal alone come first: the others need not be found.

Pixels are taken in blocks. All that is known of a block stands in the rows of one array: the compiler then sees that no
two of them overlap, and can vectorise every loop over a block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba._jit import scalar
from nbnumba._lowered import wide_vectors
from nbnumba.kernels.arguments import Arguments, panel_of, row_vector
from nbnumba.physics.absorption import capture_slopes
from nbnumba.physics.pixel import parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization_slopes
from nbnumba.physics.scattering import beyond, scattering_vector
from nbnumba.physics.step import layer_depth
from nbnumba.physics.vector import Vector, cross, dot, minus, plus, scaled

BLOCK = 64
#: Places in z.
AXES, CELLS, VALUE, PLANE, SPREAD, WAVELENGTH, SOURCES, KAHN, MU, THICKNESS, FORCE, TORQUE, COUNT = (
    0, 9, 12, 13, 16, 17, 18, 21, 22, 23, 24, 27, 30,
)  # fmt: skip
#: Rows of a block: those of a pixel, of a sub-pixel in a layer, of a source; of a step; sums over steps; z.
SLOW, FAST, RAY, DISTANCE, OMEGA, CAUGHT, BY_COSINE, BY_MU, BY_THICKNESS = 0, 1, 2, 5, 6, 7, 8, 9, 10
#: The points whose solid angle and polarization count, which may be those of the first step.
WIDE_RAY, WIDE_DISTANCE, POLAR_RAY, POLAR_DISTANCE = 11, 14, 15, 18
Q, POLAR, BY_RAY, BY_KAHN, BY_TURN, WEIGHT, ALL = 19, 22, 23, 26, 27, 30, 31
CELL, BY_HKL = 32, 33
#: In the order of z, as far as that goes.
SUM_AXES, SUM_CELLS, SUM, SUM_Q, SUM_SPREAD, Z = 36, 45, 48, 49, 52, 53
ROWS = Z + COUNT


class LastMotions(NamedTuple):
    """What derivatives need to know of orientations and sources beyond the image's arguments, domains turned last."""

    axes: np.ndarray  # (orientations, 3, 3): cell axes of every step of the scan and domain [A]
    spins: np.ndarray  # (orientations, 3): axes of the domains' rotations times their angles over the spread
    leans: np.ndarray  # (sources,): polarization axis a.i/a.E


class OwnMotions(NamedTuple):
    """The same where domains are turned and stretched in the crystal's own frame; orientations go domain by domain."""

    axes: np.ndarray
    spins: np.ndarray
    leans: np.ndarray
    stretches: np.ndarray  # (domains, 3): factors on a, b, c
    steps: np.ndarray  # (phi steps, 3, 3): rotations of the scan


Motions = LastMotions | OwnMotions


@scalar
def vector_at(w: np.ndarray, row: int, i: int) -> Vector:
    """Three rows of a block as a vector."""
    return Vector(w[row, i], w[row + 1, i], w[row + 2, i])


@scalar
def put_vector(w: np.ndarray, row: int, i: int, v: Vector) -> None:
    """Set three rows."""
    w[row, i] = v.x
    w[row + 1, i] = v.y
    w[row + 2, i] = v.z


@scalar
def add_vector(w: np.ndarray, row: int, i: int, v: Vector) -> None:
    """Add to three rows."""
    w[row, i] += v.x
    w[row + 1, i] += v.y
    w[row + 2, i] += v.z


@scalar
def set_pixels(w: np.ndarray, pixels: np.ndarray, start: int, last: int, width: int) -> None:
    """Note the pixels from ``start`` on, places in an image whose rows have ``width``; the last one fills the block."""
    for i in range(w.shape[1]):
        p = pixels[min(start + i, last)]
        w[SLOW, i] = p // width
        w[FAST, i] = p % width


@scalar
def clear(w: np.ndarray, start: int, stop: int) -> None:
    """Set rows to 0."""
    for row in range(start, stop):
        for i in range(w.shape[1]):
            w[row, i] = 0.0


@scalar
def panel_number(w: np.ndarray, a: Arguments) -> int:
    """The panel of a block, all pixels of which lie on one."""
    return int(w[SLOW, 0]) // a.sheet.rows


@scalar
def aim_block(w: np.ndarray, a: Arguments, layer: int, sub_slow: int, sub_fast: int) -> None:
    """Rays, solid angles and fractions caught, with their slopes, for one sub-pixel of a layer."""
    wide_vectors()
    number = panel_number(w, a)
    panel, steps, sensor = panel_of(a.sheet, number), a.steps, a.sensor
    n, before = steps.oversample, float(number * a.sheet.rows)
    first = layer == 0 and sub_slow == 0 and sub_fast == 0
    depth = layer_depth(layer, sensor.thickness)
    for i in range(w.shape[1]):
        fast = subpixel_center(w[FAST, i], sub_fast, n, panel.pixel_size)
        slow = subpixel_center(w[SLOW, i] - before, sub_slow, n, panel.pixel_size)
        ray = ray_to(position(panel, fast, slow, depth))
        put_vector(w, RAY, i, ray.direction)
        w[DISTANCE, i] = ray.distance
    if first or not steps.one_solid_angle:
        for i in range(w.shape[1]):
            w[OMEGA, i] = solid_angle(w[DISTANCE, i], panel.pixel_size, panel.close_distance, panel.point_pixels)
        keep_ray(w, WIDE_RAY)
    if first or not steps.one_polarization:
        keep_ray(w, POLAR_RAY)
    if sensor.mu > 0.0:
        for i in range(w.shape[1]):
            caught = capture_slopes(layer, sensor.thickness, sensor.mu, parallax(panel, vector_at(w, RAY, i)))
            w[CAUGHT, i] = caught.fraction
            w[BY_COSINE, i] = caught.parallax
            w[BY_MU, i] = caught.mu
            w[BY_THICKNESS, i] = caught.thickness
    elif first:
        clear(w, CAUGHT, BY_THICKNESS + 1)
        for i in range(w.shape[1]):
            w[CAUGHT, i] = 1.0


@scalar
def keep_ray(w: np.ndarray, place: int) -> None:
    """Note rays and distances in four rows."""
    for row in range(4):
        for i in range(w.shape[1]):
            w[place + row, i] = w[RAY + row, i]


@scalar
def light_block(w: np.ndarray, a: Arguments, motions: Motions, source: int, polarizing: bool) -> None:
    """Scattering vectors, and the polarization of one source with its slopes, if it counts."""
    wide_vectors()
    light, dmin, share = a.illumination, a.steps.dmin, a.scale * a.illumination.weight[source]
    incident, wavelength = row_vector(light.incident, source), light.wavelength[source]
    for i in range(w.shape[1]):
        q = scattering_vector(vector_at(w, RAY, i), incident, wavelength)
        put_vector(w, Q, i, q)
        w[WEIGHT, i] = 0.0 if beyond(q, dmin) else share * w[OMEGA, i]
    if polarizing and light.polarized:
        field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
        lean = motions.leans[source]
        for i in range(w.shape[1]):
            found = polarization_slopes(vector_at(w, POLAR_RAY, i), incident, field, lean, light.kahn)
            w[POLAR, i] = found.p
            w[BY_KAHN, i] = found.kahn
            put_vector(w, BY_RAY, i, found.diffracted)
            put_vector(w, BY_TURN, i, found.turn)
    elif polarizing:
        clear(w, POLAR, WEIGHT)
        for i in range(w.shape[1]):
            w[POLAR, i] = 1.0
    for i in range(w.shape[1]):
        w[ALL, i] = w[WEIGHT, i] * w[POLAR, i] * w[CAUGHT, i]


@scalar
def close_crystal(w: np.ndarray) -> None:
    """From the sums over orientations to the part of z that knows of the crystal alone, for one source."""
    wide_vectors()
    for row in range(VALUE + 1):
        for i in range(w.shape[1]):
            w[Z + row, i] += w[ALL, i] * w[SUM_AXES + row, i]


@scalar
def close_beam(w: np.ndarray, a: Arguments, source: int) -> None:
    """The same for mosaic spread, wavelength, sources, polarization and attenuation."""
    wide_vectors()
    light = a.illumination
    incident, wavelength = row_vector(light.incident, source), light.wavelength[source]
    for i in range(w.shape[1]):
        by_q = scaled(vector_at(w, SUM_Q, i), w[ALL, i])
        unpolarized = w[WEIGHT, i] * w[CAUGHT, i] * w[SUM, i]
        w[Z + SPREAD, i] += w[ALL, i] * w[SUM_SPREAD, i]
        w[Z + WAVELENGTH, i] -= dot(by_q, vector_at(w, Q, i))
        turned = cross(incident, scaled(by_q, -1.0 / wavelength))
        add_vector(w, Z + SOURCES, i, plus(turned, scaled(vector_at(w, BY_TURN, i), unpolarized)))
        w[Z + KAHN, i] += unpolarized * w[BY_KAHN, i]
        w[Z + MU, i] += w[WEIGHT, i] * w[POLAR, i] * w[SUM, i] * w[BY_MU, i]


@scalar
def across(g: Vector, direction: Vector, distance: float) -> Vector:
    """Slope by a position whose direction has the slope ``g``: (1 - d d^T) g/R."""
    return scaled(minus(g, scaled(direction, dot(direction, g))), 1.0 / distance)


@scalar
def close_detector(w: np.ndarray, a: Arguments, source: int, layer: int) -> None:
    """The same for a force and a torque on the detector, and the thickness of a layer."""
    wide_vectors()
    panel, wavelength = panel_of(a.sheet, panel_number(w, a)), a.illumination.wavelength[source]
    fall = 2.0 if panel.point_pixels else 3.0
    oblique = 0.0 if panel.point_pixels else 1.0 / panel.close_distance
    moves_wide = 0.0 if a.steps.one_solid_angle else 1.0
    moves_polar = 0.0 if a.steps.one_polarization else 1.0
    for i in range(w.shape[1]):
        value = w[ALL, i] * w[SUM, i]
        uncaught = w[WEIGHT, i] * w[POLAR, i] * w[SUM, i]
        by_cosine = uncaught * w[BY_COSINE, i]
        d, pd = vector_at(w, RAY, i), vector_at(w, POLAR_RAY, i)
        g = plus(scaled(vector_at(w, SUM_Q, i), w[ALL, i] / wavelength), scaled(panel.normal, by_cosine))
        push = across(g, d, w[DISTANCE, i])
        pull = scaled(vector_at(w, WIDE_RAY, i), -fall * value / w[WIDE_DISTANCE, i])
        by_ray = scaled(vector_at(w, BY_RAY, i), w[WEIGHT, i] * w[CAUGHT, i] * w[SUM, i])
        twist = across(by_ray, pd, w[POLAR_DISTANCE, i])
        add_vector(w, Z + FORCE, i, plus(plus(push, pull), plus(twist, scaled(panel.normal, oblique * value))))
        arms = plus(scaled(cross(d, push), w[DISTANCE, i]), scaled(cross(pd, twist), w[POLAR_DISTANCE, i]))
        add_vector(w, Z + TORQUE, i, plus(arms, scaled(cross(panel.normal, d), by_cosine)))
        deeper = dot(push, panel.normal) + moves_wide * dot(pull, panel.normal) + moves_polar * dot(twist, panel.normal)
        w[Z + THICKNESS, i] += uncaught * w[BY_THICKNESS, i] + layer * deeper
