"""Which pixel a reflection hits, which indices a pixel has, and where rings of one resolution run."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import matrix
from nbnumba.model.cell import reciprocal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.reflections import MAX_INDEX
from nbnumba.model.sources import as_arrays
from nbnumba.physics.ewald import diffracted, diffracting_angles, excitation_error, two_theta
from nbnumba.physics.pixel import CurvedPanel, FlatPanel, position, ray_to
from nbnumba.physics.rotation import rotate
from nbnumba.physics.scattering import indices
from nbnumba.physics.vector import Vector, cross, dot, scaled, unit

_STEPS = 20  # of Newton's method, which takes about five on a curved detector
_NODES = 33  # along each edge of the grid that it starts from


class Hit(NamedTuple):
    """A reflection at one angle of the spindle."""

    angle: float  # of the spindle [degrees], as in Scan.start
    excitation_error: float  # distance from the Ewald sphere [1/A]
    slow: float  # pixels from the outer corner of the first one; NaN where the beam misses the detector
    fast: float
    on_detector: bool
    panel: int | None = None  # number of the panel that is hit, where the detector lists panels


class Landings(NamedTuple):
    """Where rays meet the detector; arrays (n,)."""

    slow: np.ndarray  # pixels from the outer corner of the first one; NaN where a ray misses the detector's plane
    fast: np.ndarray
    inside: np.ndarray  # whether it is on the detector
    panel: np.ndarray  # number of the panel that is hit; 0 where there is one
    distance: np.ndarray  # [mm] from the sample; NaN as above


class MeanBeam(NamedTuple):
    """One beam that stands for all sources."""

    direction: Vector
    wavelength: float  # [A]


def mean_beam(experiment: Experiment) -> MeanBeam:
    """Weighted means of the sources' directions and wavelengths."""
    incident, weight, _ = as_arrays(experiment.sources)
    return MeanBeam(unit(Vector(*(weight @ incident).tolist())), experiment.mean_wavelength)


def start_angle(experiment: Experiment) -> float:
    """Angle of the spindle [rad] at the start of the scan; 0 for a still."""
    return math.radians(experiment.scan.start) if experiment.scan else 0.0


def axes_at_start(experiment: Experiment) -> np.ndarray:
    """Cell axes a, b, c [A] of the crystal at the start of the scan, as rows of a (3, 3) array."""
    return np.asarray(experiment.crystal.axes @ rotation_matrix(experiment.spindle, start_angle(experiment)).T)


def hits(experiment: Experiment, h: int, k: int, l: int) -> list[Hit]:  # noqa: E741
    """Where a reflection of the crystal as a whole appears: at the start of the scan, and where it diffracts exactly.

    At the start it is seen only as far as its distance from the Ewald sphere lets it; the others are the angles,
    between -180 and 180 degrees, at which the spindle brings it onto the sphere, if it ever gets there.

    Args:
        experiment: crystal, beam and detector; of several sources, the mean is taken, of several lattices the crystal.
        h: index along a*.
        k: index along b*.
        l: index along c*.

    Raises:
        NbnumbaError: the reflection 0 0 0.
    """
    if not all(abs(index) <= MAX_INDEX for index in (h, k, l)):
        raise NbnumbaError(f"hkl: found {f'{h} {k} {l}':.60}; allowed: indices up to {MAX_INDEX}")
    beam, axis = mean_beam(experiment), experiment.spindle
    q = Vector(*(np.array([h, k, l], dtype=float) @ reciprocal(experiment.crystal.axes)).tolist())
    if dot(q, q) == 0.0:
        raise NbnumbaError("hkl: found 0 0 0, the direct beam; give the indices of a reflection")
    angles = diffracting_angles(q, axis, beam.direction, beam.wavelength)
    exact = [math.remainder(angle, 2.0 * math.pi) for angle in angles if math.isfinite(angle)]
    return [_hit(experiment, beam, rotate(q, axis, angle), angle) for angle in (start_angle(experiment), *exact)]


def _hit(experiment: Experiment, beam: MeanBeam, q: Vector, angle: float) -> Hit:
    found = _places(experiment, diffracted(q, *beam))
    return Hit(math.degrees(angle), excitation_error(q, *beam), *found)


def _places(experiment: Experiment, direction: Vector) -> tuple[float, float, bool, int | None]:
    """Point (slow, fast), whether it is on the detector, and the panel, where panels are listed: the nearest one."""
    found = landings(experiment, np.array([direction]))
    slow, fast, inside = float(found.slow[0]), float(found.fast[0]), bool(found.inside[0])
    listed = experiment.detector.panels and inside
    return slow, fast, inside, int(found.panel[0]) if listed else None


def landings(experiment: Experiment, directions: np.ndarray) -> Landings:
    """Points of the detector that lie in directions (n, 3) of any length: of several panels, on the nearest one."""
    directions, size = np.asarray(directions, dtype=float), experiment.detector.pixel_size
    if experiment.detector.curvature != "flat":
        points = [point_seen(experiment, Vector(*ray)) for ray in directions.tolist()]
        slow, fast = np.array(points, dtype=float).reshape(-1, 2).T
        inside, distance = _inside(slow, fast, experiment.detector.pixels), experiment.geometry.distance
        return Landings(slow, fast, inside, np.zeros(len(slow), dtype=int), np.full(len(slow), distance))
    slow, fast, nearest = np.full((3, len(directions)), math.nan)
    on, number_of = np.zeros(len(directions), dtype=bool), np.zeros(len(directions), dtype=int)
    rays: Any = Vector(*directions.T)
    for number, panel in enumerate(experiment.panels):
        assert isinstance(panel, FlatPanel)
        *at, reach = _on_plane(panel, rays)
        s, f = (x / size for x in at)
        inside = _inside(s, f, experiment.detector.size_of(number))
        chosen = inside & ~(reach >= nearest) if experiment.detector.panels else np.full(len(s), True)
        slow[chosen], fast[chosen], nearest[chosen], number_of[chosen] = s[chosen], f[chosen], reach[chosen], number
        on |= inside
    return Landings(slow, fast, on, number_of, nearest * np.linalg.norm(directions, axis=1))


def _inside(slow: Any, fast: Any, size: tuple[int, ...]) -> Any:
    return (slow >= 0.0) & (slow < size[0]) & (fast >= 0.0) & (fast < size[1])


def indices_at(
    experiment: Experiment, slow: float, fast: float, panel: int | None = None
) -> tuple[float, float, float]:
    """Fractional h, k, l, at the start of the scan, of a point given in pixels from the outer corner of the first.

    ``panel`` is the number of the panel, where the detector lists panels. Among several lattices the indices are those
    of ``experiment.crystal``.
    """
    at = indices(matrix(axes_at_start(experiment)[np.newaxis], 0), experiment.scattering_vector(slow, fast, panel))
    return at.h, at.k, at.l


def point_seen(experiment: Experiment, direction: Vector) -> tuple[float, float]:
    """Point of the detector (slow, fast) that lies in a direction, in pixels from the outer corner of the first one.

    NaN where the detector is not there to be hit; refused where panels are listed.
    """
    panel, size = experiment.panel, experiment.detector.pixel_size
    direction = unit(direction)
    if isinstance(panel, FlatPanel):
        slow, fast, _ = map(float, _on_plane(panel, direction))
    else:
        slow, fast = _on_sphere(experiment, panel, direction)
    return slow / size, fast / size


def _on_plane(panel: FlatPanel, direction: Any) -> tuple[Any, Any, Any]:
    """Offsets [mm] along slow and fast where rays meet the plane, and how many times their directions away it is.

    NaN where it is behind; components of ``direction`` may be arrays.
    """
    towards, distance = dot(direction, panel.normal), dot(panel.origin, panel.normal)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach: Any = np.where(np.multiply(towards, distance) > 0.0, np.divide(distance, towards), math.nan)
    point = scaled(direction, reach)
    slow, fast = (dot(point, e) - dot(panel.origin, e) for e in (panel.slow, panel.fast))
    return slow, fast, reach


@lru_cache(maxsize=4)
def _nodes(panel: CurvedPanel, extent: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (n, 2) [mm] of a grid over a panel and a little more, and the directions (n, 3) they are seen in."""
    along = [np.linspace(-0.1 * size, 1.1 * size, _NODES) for size in extent]
    offsets = np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 2)
    return offsets, np.array([ray_to(position(panel, fast, slow, 0.0)).direction for slow, fast in offsets.tolist()])


def _on_sphere(experiment: Experiment, panel: CurvedPanel, direction: Vector) -> tuple[float, float]:
    """Offsets [mm] on a curved panel by Newton's method, from the nearest of a grid of points on it."""
    extent = experiment.detector.extent
    offsets, seen = _nodes(panel, (extent.slow, extent.fast))
    first = unit(cross(direction, Vector(0.3, 0.5, 0.8)))
    second = cross(direction, first)

    def across(at: np.ndarray) -> np.ndarray:
        point = position(panel, float(at[1]), float(at[0]), 0.0)
        return np.array([dot(point, first), dot(point, second)])

    at = offsets[(seen @ np.array(direction)).argmax()]
    for _ in range(_STEPS):
        slopes = np.column_stack([across(at + e) - across(at - e) for e in 0.5e-3 * np.eye(2)]) / 1e-3
        if not np.linalg.cond(slopes) < 1e12:
            break
        move = np.linalg.solve(slopes, across(at))
        at = at - move
        if np.abs(move).max() < 1e-9:
            there = dot(position(panel, float(at[1]), float(at[0]), 0.0), direction) > 0.0
            return (float(at[0]), float(at[1])) if there else (math.nan, math.nan)
    return math.nan, math.nan


def ring(experiment: Experiment, spacing: float, count: int = 720) -> Landings:
    """Where the ring of one resolution [A] meets the detector, at ``count`` steps evenly about the beam, closed.

    Raises:
        NbnumbaError: a spacing that no wave of this length resolves.
    """
    beam = mean_beam(experiment)
    if not spacing > beam.wavelength / 2.0:
        half = beam.wavelength / 2.0
        raise NbnumbaError(f"spacing: found {spacing:g} A; allowed: above half the wavelength, {half:g} A")
    sideways = unit(cross(beam.direction, experiment.polarization_axis))
    edge = rotate(beam.direction, sideways, two_theta(spacing, beam.wavelength))
    turns = (2.0 * math.pi * i / count for i in (*range(count), 0))
    return landings(experiment, np.array([rotate(edge, beam.direction, turn) for turn in turns]))
