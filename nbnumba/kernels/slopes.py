"""Derivatives of pixels by the intermediates z, which every parameter acts through (derivatives, 2.2).

z holds, for each pixel: 9 numbers for the cell axes, sum W g h^T with g the derivative of F_cell^2 F_latt^2 by the
indices and W all other factors; 3 for the numbers of cells; the mosaic spread; the wavelength; a turn of all sources
(3); polarization, attenuation, thickness of a layer; the pixel's value; a force and a torque on the detector (3 + 3).

Pixels are taken in blocks. All that is known of a block stands in the rows of one array: the compiler then sees that no
two of them overlap, and can vectorise every loop over a block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba._jit import by_type, scalar
from nbnumba._lowered import wide_vectors
from nbnumba.kernels.arguments import Arguments, matrix, panel_of, row_vector
from nbnumba.physics.absorption import capture_slopes
from nbnumba.physics.lattice import Lattice, lever, slopes
from nbnumba.physics.pixel import parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization_slopes
from nbnumba.physics.rotation import Matrix, turn
from nbnumba.physics.scattering import Indices, beyond, indices, offsets, scattering_vector
from nbnumba.physics.step import intensity, layer_depth, slope_through_cell, slope_through_lattice
from nbnumba.physics.structure_factor import (
    NOT_NEGATIVE,
    Nearest,
    Structure,
    Tricubic,
    Uniform,
    address,
    cell_slopes,
)
from nbnumba.physics.vector import Vector, cross, dot, minus, scaled

BLOCK = 64
#: Places in z.
AXES, CELLS, SPREAD, WAVELENGTH, SOURCES, KAHN, MU, THICKNESS, VALUE, FORCE, TORQUE, COUNT = (
    0, 9, 12, 13, 14, 17, 18, 19, 20, 21, 24, 27,
)  # fmt: skip
#: Rows of a block: pixel, ray, the points whose solid angle and polarization count, source, step, sums over steps, z.
SLOW, FAST, RAY, DISTANCE, OMEGA, CAUGHT, BY_COSINE, BY_MU, BY_THICKNESS = 0, 1, 2, 5, 6, 7, 8, 9, 10
WIDE_RAY, WIDE_DISTANCE, POLAR_RAY, POLAR_DISTANCE = 11, 14, 15, 18
Q, POLAR, BY_RAY, BY_KAHN, BY_TURN, WEIGHT = 19, 22, 23, 26, 27, 30
LATT, BY_OFFSET, BY_CELLS, HKL, CELL, BY_HKL = 31, 32, 35, 38, 41, 42
SUM, SUM_AXES, SUM_CELLS, SUM_Q, SUM_SPREAD, Z = 45, 46, 55, 58, 61, 62
ROWS = Z + COUNT


class Motions(NamedTuple):
    """What derivatives need to know of domains and sources beyond the image's arguments."""

    spins: np.ndarray  # (domains, 3): axes of the domains' rotations times their angles over the spread
    leans: np.ndarray  # (sources,): polarization axis a.i/a.E


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
def aim_block(w: np.ndarray, a: Arguments, layer: int, sub_slow: int, sub_fast: int) -> None:
    """Rays, solid angles and fractions caught, with their slopes, for one sub-pixel of a layer."""
    wide_vectors()
    panel, steps, sensor = panel_of(a.sheet), a.steps, a.sensor
    n = steps.oversample
    first = layer == 0 and sub_slow == 0 and sub_fast == 0
    for i in range(BLOCK):
        fast = subpixel_center(w[FAST, i], sub_fast, n, panel.pixel_size)
        slow = subpixel_center(w[SLOW, i], sub_slow, n, panel.pixel_size)
        ray = ray_to(position(panel, fast, slow, layer_depth(layer, sensor.thickness)))
        put_vector(w, RAY, i, ray.direction)
        w[DISTANCE, i] = ray.distance
        rho = parallax(panel, ray.direction)
        if first or not steps.one_solid_angle:
            w[OMEGA, i] = solid_angle(ray.distance, panel.pixel_size, panel.close_distance, panel.point_pixels)
            put_vector(w, WIDE_RAY, i, ray.direction)
            w[WIDE_DISTANCE, i] = ray.distance
        if first or not steps.one_polarization:
            put_vector(w, POLAR_RAY, i, ray.direction)
            w[POLAR_DISTANCE, i] = ray.distance
        caught = capture_slopes(layer, sensor.thickness, sensor.mu, rho)
        w[CAUGHT, i] = caught.fraction if sensor.mu > 0.0 else 1.0
        w[BY_COSINE, i] = caught.parallax
        w[BY_MU, i] = caught.mu
        w[BY_THICKNESS, i] = caught.thickness


@scalar
def light_block(w: np.ndarray, a: Arguments, motions: Motions, source: int) -> None:
    """Scattering vectors, and the polarization of one source with its slopes."""
    wide_vectors()
    light, steps = a.illumination, a.steps
    incident = row_vector(light.incident, source)
    one = 0 if steps.one_polarization else source
    beam = row_vector(light.incident, one)
    field = Fields(row_vector(light.electric, one), row_vector(light.magnetic, one))
    wavelength = light.wavelength[source]
    on = 1.0 if light.polarized else 0.0
    for i in range(BLOCK):
        q = scattering_vector(vector_at(w, RAY, i), incident, wavelength)
        put_vector(w, Q, i, q)
        found = polarization_slopes(vector_at(w, POLAR_RAY, i), beam, field, motions.leans[one], light.kahn)
        w[POLAR, i] = on * found.p + (1.0 - on)
        w[BY_KAHN, i] = on * found.kahn
        put_vector(w, BY_RAY, i, scaled(found.diffracted, on))
        put_vector(w, BY_TURN, i, scaled(found.turn, on))
        w[WEIGHT, i] = 0.0 if beyond(q, steps.dmin) else light.weight[source]
        for row in range(SUM, Z):
            w[row, i] = 0.0


@scalar
def note_nothing(structure: Uniform, place: np.ndarray, i: int, at: Indices) -> None:
    """All reflections are alike."""


@scalar
def note_place(structure: Nearest, place: np.ndarray, i: int, at: Indices) -> None:
    """Place of the nearest reflection."""
    place[i] = np.int32(address(structure, at.h0, at.k0, at.l0))


@by_type({Uniform: note_nothing, Nearest: note_place, Tricubic: note_nothing})
def note(structure: Structure, place: np.ndarray, i: int, at: Indices) -> None:
    """Note what is needed to look up F_cell."""
    raise NotImplementedError


@scalar
def look_up_uniform(structure: Uniform, w: np.ndarray, place: np.ndarray) -> None:
    """All reflections are alike."""
    for i in range(BLOCK):
        w[CELL, i] = structure.value


@scalar
def look_up_nearest(structure: Nearest, w: np.ndarray, place: np.ndarray) -> None:
    """Copy from the table."""
    for i in range(BLOCK):
        w[CELL, i] = structure.values[place[i] & NOT_NEGATIVE]


@scalar
def look_up_tricubic(structure: Tricubic, w: np.ndarray, place: np.ndarray) -> None:
    """Interpolate, with slopes."""
    for i in range(BLOCK):
        found = cell_slopes(structure, Indices(w[HKL, i], w[HKL + 1, i], w[HKL + 2, i], 0.0, 0.0, 0.0))
        w[CELL, i] = found.f
        put_vector(w, BY_HKL, i, Vector(found.h, found.k, found.l))


@by_type({Uniform: look_up_uniform, Nearest: look_up_nearest, Tricubic: look_up_tricubic})
def look_up(structure: Structure, w: np.ndarray, place: np.ndarray) -> None:
    """F_cell of a block, and its slopes where there are any."""
    raise NotImplementedError


@scalar
def add_outer(w: np.ndarray, i: int, g: Vector, h: Vector) -> None:
    """Add g h^T to the sums for the axes."""
    add_vector(w, SUM_AXES, i, scaled(h, g.x))
    add_vector(w, SUM_AXES + 3, i, scaled(h, g.y))
    add_vector(w, SUM_AXES + 6, i, scaled(h, g.z))


@scalar
def add_nothing(structure: Structure, w: np.ndarray, i: int, g: Vector) -> Vector:
    """F_cell is constant around a reflection."""
    return g


@scalar
def add_interpolated(structure: Tricubic, w: np.ndarray, i: int, g: Vector) -> Vector:
    """Add the slopes of F_cell^2 F_latt^2 through F_cell, which go with h for every shape."""
    c = slope_through_cell(w[CELL, i], w[LATT, i], vector_at(w, BY_HKL, i))
    add_outer(w, i, c, vector_at(w, HKL, i))
    return Vector(g.x + c.x, g.y + c.y, g.z + c.z)


@by_type({Uniform: add_nothing, Nearest: add_nothing, Tricubic: add_interpolated})
def add_cell(structure: Structure, w: np.ndarray, i: int, g: Vector) -> Vector:
    """Add the slopes through F_cell to the sums for the axes, and to g."""
    raise NotImplementedError


@scalar
def add_orientation(
    w: np.ndarray, place: np.ndarray, axes: Matrix, spin: Vector, lattice: Lattice, structure: Structure
) -> None:
    """Add one orientation to the sums of a block; ``spin``: axis of its domain's rotation times angle over spread."""
    wide_vectors()
    for i in range(BLOCK):
        at = indices(axes, vector_at(w, Q, i))
        d = offsets(at)
        s = slopes(lattice, d.x, d.y, d.z)
        w[LATT, i] = s.f
        put_vector(w, BY_OFFSET, i, Vector(s.h, s.k, s.l))
        put_vector(w, BY_CELLS, i, Vector(s.na, s.nb, s.nc))
        put_vector(w, HKL, i, Vector(at.h, at.k, at.l))
        note(structure, place, i, at)
    look_up(structure, w, place)
    for i in range(BLOCK):
        f = w[LATT, i]
        w[SUM, i] += intensity(w[CELL, i], f)
        g = slope_through_lattice(w[CELL, i], f, vector_at(w, BY_OFFSET, i))
        add_vector(w, SUM_CELLS, i, slope_through_lattice(w[CELL, i], f, vector_at(w, BY_CELLS, i)))
        add_outer(w, i, g, lever(lattice, vector_at(w, HKL, i)))
        g = add_cell(structure, w, i, g)
        b = Vector(
            axes.a.x * g.x + axes.b.x * g.y + axes.c.x * g.z,
            axes.a.y * g.x + axes.b.y * g.y + axes.c.y * g.z,
            axes.a.z * g.x + axes.b.z * g.y + axes.c.z * g.z,
        )
        add_vector(w, SUM_Q, i, b)
        w[SUM_SPREAD, i] -= dot(b, cross(spin, vector_at(w, Q, i)))


@scalar
def across(g: Vector, direction: Vector, distance: float) -> Vector:
    """Slope by a position whose direction has the slope ``g``: (1 - d d^T) g/R."""
    return scaled(minus(g, scaled(direction, dot(direction, g))), 1.0 / distance)


@scalar
def close_source(w: np.ndarray, a: Arguments, source: int, layer: int) -> None:
    """From the sums over orientations to z, for one source at one sub-pixel of a layer."""
    wide_vectors()
    panel, light = panel_of(a.sheet), a.illumination
    incident, wavelength = row_vector(light.incident, source), light.wavelength[source]
    fall = 2.0 if panel.point_pixels else 3.0
    oblique = 0.0 if panel.point_pixels else 1.0 / panel.close_distance
    moves_wide = 0.0 if a.steps.one_solid_angle else 1.0
    moves_polar = 0.0 if a.steps.one_polarization else 1.0
    for i in range(BLOCK):
        bare = w[WEIGHT, i] * w[OMEGA, i]
        polar, caught = w[POLAR, i], w[CAUGHT, i]
        all_but = bare * polar * caught
        value = all_but * w[SUM, i]
        for row in range(9 + 3):
            w[Z + AXES + row, i] += all_but * w[SUM_AXES + row, i]
        w[Z + SPREAD, i] += all_but * w[SUM_SPREAD, i]
        by_q, q = scaled(vector_at(w, SUM_Q, i), all_but), vector_at(w, Q, i)
        w[Z + WAVELENGTH, i] -= dot(by_q, q)
        add_vector(w, Z + SOURCES, i, cross(incident, scaled(by_q, -1.0 / wavelength)))
        w[Z + VALUE, i] += value
        unpolarized = bare * caught * w[SUM, i]
        add_vector(w, Z + SOURCES, i, scaled(vector_at(w, BY_TURN, i), unpolarized))
        w[Z + KAHN, i] += unpolarized * w[BY_KAHN, i]
        uncaught = bare * polar * w[SUM, i]
        w[Z + MU, i] += uncaught * w[BY_MU, i]
        d, r = vector_at(w, RAY, i), w[DISTANCE, i]
        by_cosine = uncaught * w[BY_COSINE, i]
        g = scaled(by_q, 1.0 / wavelength)
        push = across(Vector(
            g.x + by_cosine * panel.normal.x, g.y + by_cosine * panel.normal.y, g.z + by_cosine * panel.normal.z
        ), d, r)  # fmt: skip
        pull = scaled(vector_at(w, WIDE_RAY, i), -fall * value / w[WIDE_DISTANCE, i])
        pd, pr = vector_at(w, POLAR_RAY, i), w[POLAR_DISTANCE, i]
        twist = across(scaled(vector_at(w, BY_RAY, i), unpolarized), pd, pr)
        add_vector(w, Z + FORCE, i, push)
        add_vector(w, Z + FORCE, i, pull)
        add_vector(w, Z + FORCE, i, twist)
        add_vector(w, Z + FORCE, i, scaled(panel.normal, oblique * value))
        add_vector(w, Z + TORQUE, i, scaled(cross(d, push), r))
        add_vector(w, Z + TORQUE, i, scaled(cross(pd, twist), pr))
        add_vector(w, Z + TORQUE, i, scaled(cross(panel.normal, d), by_cosine))
        deeper = dot(push, panel.normal) + moves_wide * dot(pull, panel.normal) + moves_polar * dot(twist, panel.normal)
        w[Z + THICKNESS, i] += uncaught * w[BY_THICKNESS, i] + layer * deeper


@scalar
def fill_block(w: np.ndarray, place: np.ndarray, a: Arguments, motions: Motions) -> None:
    """z of a block whose pixels are noted in its rows ``SLOW`` and ``FAST``."""
    cells, domains, steps = a.orientations.cells, a.orientations.domains, a.steps
    for row in range(Z, ROWS):
        for i in range(BLOCK):
            w[row, i] = 0.0
    for layer in range(a.sensor.layers):
        for sub_slow in range(steps.oversample):
            for sub_fast in range(steps.oversample):
                aim_block(w, a, layer, sub_slow, sub_fast)
                for source in range(a.illumination.weight.size):
                    light_block(w, a, motions, source)
                    for m in range(domains.shape[0]):
                        for k in range(cells.shape[0]):
                            axes = turn(matrix(domains, m), matrix(cells, k))
                            add_orientation(w, place, axes, row_vector(motions.spins, m), a.lattice, a.structure)
                    close_source(w, a, source, layer)
    for row in range(Z, ROWS):
        for i in range(BLOCK):
            w[row, i] *= a.scale
