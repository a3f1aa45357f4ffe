"""Which pixel a reflection hits, which indices a pixel has, and where rings of one resolution run."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import panel_of
from nbnumba.kernels.pack import pack
from nbnumba.model.cell import reciprocal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.physics.ewald import diffracted, diffracting_angles, excitation_error
from nbnumba.physics.pixel import CurvedPanel, position, ray_to
from nbnumba.physics.rotation import rotate
from nbnumba.physics.scattering import scattering_vector
from nbnumba.physics.vector import Vector, cross, dot, scaled, unit

_STEPS = 50  # of Newton's method, which takes about five on a curved detector


class Hit(NamedTuple):
    """A reflection at one angle of the spindle."""

    angle: float  # of the spindle [degrees], as in Scan.start
    excitation_error: float  # distance from the Ewald sphere [1/A]
    slow: float  # pixels from the outer corner of the first one; NaN where the beam misses the detector
    fast: float
    on_detector: bool


def hits(experiment: Experiment, h: int, k: int, l: int) -> list[Hit]:  # noqa: E741
    """Where a reflection of the crystal as a whole appears: at the start of the scan, and where it diffracts exactly.

    At the start it is seen only as far as its distance from the Ewald sphere lets it; the others are the angles,
    between -180 and 180 degrees, at which the spindle brings it onto the sphere, if it ever gets there.

    Args:
        experiment: crystal, beam and detector; the mean wavelength and the beam's direction are taken.
        h: index along a*.
        k: index along b*.
        l: index along c*.
    """
    start, axis, beam = experiment.angles[0], experiment.spindle, experiment.beam_direction
    q = Vector(*(np.array([h, k, l], dtype=float) @ reciprocal(experiment.crystal.axes)).tolist())
    if dot(q, q) == 0.0:
        raise NbnumbaError("hkl: found 0 0 0, the direct beam; give the indices of a reflection")
    angles = diffracting_angles(q, axis, beam, experiment.beam.wavelength)
    exact = [math.remainder(angle, 2.0 * math.pi) for angle in angles if math.isfinite(angle)]
    return [_hit(experiment, rotate(q, axis, angle), angle) for angle in (start, *exact)]


def _hit(experiment: Experiment, q: Vector, angle: float) -> Hit:
    beam, wavelength = experiment.beam_direction, experiment.beam.wavelength
    slow, fast = point_seen(experiment, diffracted(q, beam, wavelength))
    slow_size, fast_size = experiment.detector.pixels
    there = 0.0 <= slow < slow_size and 0.0 <= fast < fast_size
    return Hit(math.degrees(angle), excitation_error(q, beam, wavelength), slow, fast, there)


def scattering_vector_at(experiment: Experiment, slow: float, fast: float) -> Vector:
    """Vector q [1/A] at a point of the detector, curved or flat, in pixels from the outer corner of the first one."""
    panel, size = panel_of(pack(experiment).sheet), experiment.detector.pixel_size
    ray = ray_to(position(panel, fast * size, slow * size, 0.0))
    return scattering_vector(ray.direction, experiment.beam_direction, experiment.beam.wavelength)


def indices_at(experiment: Experiment, slow: float, fast: float) -> tuple[float, float, float]:
    """Fractional h, k, l, at the start of the scan, of a point given in pixels from the outer corner of the first."""
    axes = experiment.crystal.axes @ rotation_matrix(experiment.spindle, experiment.angles[0]).T
    h, k, l = (axes @ np.array(scattering_vector_at(experiment, slow, fast))).tolist()  # noqa: E741
    return h, k, l


def point_seen(experiment: Experiment, direction: Vector) -> tuple[float, float]:
    """Point of the detector (slow, fast) that lies in a direction, in pixels from the outer corner of the first one.

    NaN where the detector is not there to be hit.
    """
    panel, size = panel_of(pack(experiment).sheet), experiment.detector.pixel_size
    direction = unit(direction)
    towards = dot(direction, panel.normal)
    if towards * dot(panel.origin, panel.normal) <= 0.0:
        return math.nan, math.nan
    reach = dot(panel.origin, panel.normal) / towards
    offset = [dot(scaled(direction, reach), e) - dot(panel.origin, e) for e in (panel.slow, panel.fast)]
    if isinstance(panel, CurvedPanel):
        spot = np.array(experiment.geometry.beam_center[::-1])
        bent = panel.radius * math.acos(min(dot(direction, experiment.beam_direction), 1.0))
        flat = math.hypot(*(np.array(offset) - spot))
        offset = _refined(panel, direction, spot + (np.array(offset) - spot) * (bent / flat if flat > 0.0 else 1.0))
    return offset[0] / size, offset[1] / size


def _refined(panel: CurvedPanel, direction: Vector, offset: np.ndarray) -> list[float]:
    """Newton's method on a curved panel: where the position's two components across a direction vanish."""
    first = unit(cross(direction, Vector(0.3, 0.5, 0.8)))
    second = cross(direction, first)

    def across(at: np.ndarray) -> np.ndarray:
        point = position(panel, float(at[1]), float(at[0]), 0.0)
        return np.array([dot(point, first), dot(point, second)])

    for _ in range(_STEPS):
        here = across(offset)
        slopes = np.column_stack([across(offset + e) - across(offset - e) for e in 0.5e-3 * np.eye(2)]) / 1e-3
        move = np.linalg.solve(slopes, here)
        offset = offset - move
        if np.abs(move).max() < 1e-9:
            return [float(x) for x in offset]
    return [math.nan, math.nan]


def ring(experiment: Experiment, spacing: float, count: int = 720) -> np.ndarray:
    """Points (n, 2), slow and fast [pixels], of the ring of one resolution [A]; those that miss the detector left out.

    Raises:
        NbnumbaError: a spacing that no wave of this length resolves.
    """
    wavelength, beam = experiment.beam.wavelength, experiment.beam_direction
    if not spacing > wavelength / 2.0:
        raise NbnumbaError(f"spacing: found {spacing:g} A; allowed: above half the wavelength, {wavelength / 2.0:g} A")
    angle = 2.0 * math.asin(wavelength / (2.0 * spacing))
    sideways = experiment.polarization_axis
    edge = rotate(beam, unit(cross(beam, sideways)), angle)
    points = [point_seen(experiment, rotate(edge, beam, 2.0 * math.pi * i / count)) for i in range(count)]
    slow_size, fast_size = experiment.detector.pixels
    found = [(s, f) for s, f in points if 0.0 <= s < slow_size and 0.0 <= f < fast_size]
    return np.array(found).reshape(-1, 2)
