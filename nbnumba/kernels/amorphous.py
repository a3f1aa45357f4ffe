"""Photons that amorphous matter scatters into one pixel: what a loop on the CPU or a thread of a GPU does."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nbnumba._jit import scalar
from nbnumba.kernels.arguments import CurvedSheet, FlatSheet, Illumination, Region, Sensor, panel_of, row_vector
from nbnumba.kernels.pack import illumination_of, region_of, sheet_of
from nbnumba.model.experiment import Experiment
from nbnumba.physics.absorption import capture
from nbnumba.physics.amorphous import between, half_length, photons_per_square, scattered
from nbnumba.physics.pixel import parallax, position, ray_to, solid_angle, subpixel_center
from nbnumba.physics.polarization import Fields, polarization
from nbnumba.physics.scattering import scattering_vector
from nbnumba.physics.step import weight

#: A pixel is cut into so many parts along each edge that none spans more of sin(theta)/lambda [1/A]: a quarter of the
#: width of the rings of ice.
FINENESS = 5e-4
MOST_PARTS = 16


class Matter(NamedTuple):
    """All that scatters, table after table."""

    parts: int  # points along each edge of a pixel
    bounds: np.ndarray  # (n + 1,) where the rows of each begin
    s: np.ndarray  # (rows,) sin(theta)/lambda [1/A]
    f: np.ndarray  # (rows,) [electrons]
    photons: np.ndarray  # (n,) per electron^2 and sr


class BackgroundArguments(NamedTuple):
    """Everything that a loop over pixels needs."""

    sheet: FlatSheet | CurvedSheet
    sensor: Sensor
    illumination: Illumination
    matter: Matter
    region: Region


@scalar
def amplitude(matter: Matter, start: int, stop: int, s: float) -> float:
    """F [electrons] by the rows start ... stop - 1: straight lines between them, the last value beyond either end."""
    low, high = start, stop - 1
    if s <= matter.s[low]:
        return matter.f[low]
    if s >= matter.s[high]:
        return matter.f[high]
    while high - low > 1:
        middle = (low + high) // 2
        if matter.s[middle] <= s:
            low = middle
        else:
            high = middle
    return between(s, matter.s[low], matter.f[low], matter.s[high], matter.f[high])


@scalar
def all_scattered(matter: Matter, s: float) -> float:
    """Photons/sr of all that scatters."""
    total = 0.0
    for i in range(matter.photons.size):
        total += scattered(amplitude(matter, matter.bounds[i], matter.bounds[i + 1], s), matter.photons[i])
    return total


@scalar
def background_pixel(a: BackgroundArguments, slow: int, fast: int) -> float:
    """Photons in a pixel, whose row is counted through all panels: the mean over its parts of the sum over sources."""
    number = slow // a.sheet.rows
    panel, row = panel_of(a.sheet, number), slow - number * a.sheet.rows
    sensor, light, matter = a.sensor, a.illumination, a.matter
    total, parts = 0.0, matter.parts
    for sub_slow in range(parts):
        for sub_fast in range(parts):
            point = position(
                panel,
                subpixel_center(fast, sub_fast, parts, panel.pixel_size),
                subpixel_center(row, sub_slow, parts, panel.pixel_size),
                0.0,
            )
            ray = ray_to(point)
            omega = solid_angle(ray.distance, panel.pixel_size, panel.close_distance, panel.point_pixels)
            caught = capture(0.0, sensor.thickness, sensor.mu, parallax(panel, ray.direction)) if sensor.mu > 0 else 1.0
            for source in range(light.weight.size):
                incident = row_vector(light.incident, source)
                polar = 1.0
                if light.polarized:
                    field = Fields(row_vector(light.electric, source), row_vector(light.magnetic, source))
                    polar = polarization(ray.direction, incident, field, light.kahn)
                s = half_length(scattering_vector(ray.direction, incident, light.wavelength[source]))
                total += weight(light.weight[source], omega, caught, polar) * all_scattered(matter, s)
    return total / (parts * parts)


def pack_background(experiment: Experiment) -> BackgroundArguments:
    """Arguments of the loops; the sensor as one layer, whose front counts."""
    sensor = Sensor(1, experiment.detector.sensor_thickness, experiment.sensor_mu)
    return BackgroundArguments(
        sheet_of(experiment), sensor, illumination_of(experiment, float, True), _matter(experiment),
        region_of(experiment),
    )  # fmt: skip


def _matter(experiment: Experiment) -> Matter:
    beam, tables = experiment.beam, [part.scattering for part in experiment.background]
    rows = np.concatenate([*tables, np.zeros((0, 2))])
    photons = [photons_per_square(beam.photons_per_area, part.molecules(beam.area)) for part in experiment.background]
    return Matter(
        parts=_parts(experiment),
        bounds=np.cumsum([0, *map(len, tables)]),
        s=np.ascontiguousarray(rows[:, 0]),
        f=np.ascontiguousarray(rows[:, 1]),
        photons=np.array(photons, dtype=float),
    )


def _parts(experiment: Experiment) -> int:
    shortest = min(row[4] for row in experiment.sources.rows)
    nearest = min(g.nearest for g in experiment.geometries)
    span = experiment.detector.pixel_size / nearest / (2.0 * shortest)
    return min(max(math.ceil(span / FINENESS - 1e-9), 1), MOST_PARTS)
