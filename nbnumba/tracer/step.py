"""One step of the sum: every named quantity on the way from a point of the detector to photons."""

from __future__ import annotations

from typing import Any, NamedTuple

from nbnumba._jit import scalar
from nbnumba.kernels.arguments import Arguments, Orientations, matrix, panel_of, row_vector
from nbnumba.physics.absorption import capture
from nbnumba.physics.lattice import Along, along_axes, slopes, transform
from nbnumba.physics.pixel import parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization
from nbnumba.physics.rotation import Matrix, turn
from nbnumba.physics.scattering import beyond, offsets, scattering_vector, spacing
from nbnumba.physics.step import diffraction, intensity, layer_depth, slope_through_cell, slope_through_lattice, weight
from nbnumba.physics.structure_factor import cell_amplitude, cell_slopes, covered, neighbours
from nbnumba.physics.vector import Vector, plus, scaled


class Place(NamedTuple):
    """Where a step lies in the loops: their counters, outermost first."""

    layer: int
    sub_slow: int
    sub_fast: int
    source: int
    phi: int
    domain: int


class Step(NamedTuple):
    """One step, as plain numbers; ``quantities`` tells units, meaning and origin of each."""

    layer: int
    sub_slow: int
    sub_fast: int
    source: int
    phi: int
    domain: int
    position: Vector
    distance: float
    direction: Vector
    parallax: float
    capture: float
    solid_angle: float
    incident: Vector
    wavelength: float
    source_weight: float
    q: Vector
    resolution: float
    beyond_dmin: bool
    polarization: float
    axes: Matrix
    h: float
    k: float
    l: float  # noqa: E741
    h0: float
    k0: float
    l0: float
    dh: float
    dk: float
    dl: float
    neighbours: Any  # 4 x 4 x 4 amplitudes, or empty
    covered: bool
    f_cell: float
    f_latt_along: Along
    f_latt_argument: float
    f_latt: float
    f_cell_by_hkl: Vector
    f_latt_by_hkl: Vector
    f_latt_by_cells: Vector
    term_by_hkl: Vector
    term_by_cells: Vector
    term: float
    sum: float


@scalar
def point_at(a: Arguments, slow: float, fast: float, place: Place) -> Vector:
    """Position [mm] of a sub-pixel in a layer; ``slow`` counts rows through all panels."""
    number, n = int(slow) // a.sheet.rows, a.steps.oversample
    panel = panel_of(a.sheet, number)
    return position(
        panel,
        subpixel_center(fast, place.sub_fast, n, panel.pixel_size),
        subpixel_center(slow - number * a.sheet.rows, place.sub_slow, n, panel.pixel_size),
        layer_depth(place.layer, a.sensor.thickness),
    )


@scalar
def polarization_at(a: Arguments, direction: Vector, source: int) -> float:
    """Polarization factor of a source, 1 if there is none."""
    light = a.illumination
    field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
    factor = polarization(direction, row_vector(light.incident, source), field, light.kahn)
    return factor if light.polarized else 1.0


@scalar
def axes_at(orientations: Orientations, place: Place) -> Matrix:
    """Cell axes at a step of the scan, of a domain."""
    cell = place.domain if orientations.scan_last else place.phi
    last = place.phi if orientations.scan_last else place.domain
    return turn(matrix(orientations.turns, last), matrix(orientations.cells, cell))


@scalar
def step_at(a: Arguments, slow: float, fast: float, place: Place, before: float) -> Step:
    """The step of a pixel at one place of the loops; ``before``: photons of the steps that came first."""
    panel, light, steps, sensor = panel_of(a.sheet, int(slow) // a.sheet.rows), a.illumination, a.steps, a.sensor
    point = point_at(a, slow, fast, place)
    ray = ray_to(point)
    # What serves the whole pixel is that of its first step.
    first = ray_to(point_at(a, slow, fast, Place(0, 0, 0, 0, 0, 0)))
    rho = parallax(panel, ray.direction)
    caught = capture(place.layer, sensor.thickness, sensor.mu, rho) if sensor.mu > 0.0 else 1.0
    distance = first.distance if steps.one_solid_angle else ray.distance
    omega = solid_angle(distance, panel.pixel_size, panel.close_distance, panel.point_pixels)
    incident = row_vector(light.incident, place.source)
    wavelength, brightness = float(light.wavelength[place.source]), float(light.weight[place.source])
    q = scattering_vector(ray.direction, incident, wavelength)
    late = beyond(q, steps.dmin)
    polar = polarization_at(
        a,
        first.direction if steps.one_polarization else ray.direction,
        0 if steps.one_polarization else place.source,
    )
    axes = axes_at(a.orientations, place)
    spot = diffraction(axes, a.lattice, q)
    at, d = spot.at, offsets(spot.at)
    f_cell, f_latt = float(cell_amplitude(a.structure, at)), transform(a.lattice, spot.argument)
    factor = 0.0 if late else a.scale * weight(brightness, omega, caught, polar)
    term = factor * intensity(f_cell, f_latt)
    s, c = slopes(a.lattice, d.x, d.y, d.z), cell_slopes(a.structure, at)
    by_cell, by_latt, by_cells = Vector(c.h, c.k, c.l), Vector(s.h, s.k, s.l), Vector(s.na, s.nb, s.nc)
    by_hkl = plus(slope_through_lattice(f_cell, s.f, by_latt), slope_through_cell(f_cell, f_latt, by_cell))
    by_count = slope_through_lattice(f_cell, s.f, by_cells)
    return Step(
        place.layer, place.sub_slow, place.sub_fast, place.source, place.phi, place.domain,
        point, ray.distance, ray.direction, rho, caught, omega, incident, wavelength, brightness, q, spacing(q), late,
        polar, axes, at.h, at.k, at.l, at.h0, at.k0, at.l0, d.x, d.y, d.z, neighbours(a.structure, at),
        covered(a.structure, at), f_cell, along_axes(a.lattice, d.x, d.y, d.z), spot.argument,
        f_latt, by_cell, by_latt, by_cells, scaled(by_hkl, factor), scaled(by_count, factor), term, before + term,
    )  # fmt: skip
