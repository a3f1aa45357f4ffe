"""Which reflections are on an image, and where."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.cell import reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.sources import as_arrays
from nbnumba.model.spectral import SpectralReflections
from nbnumba.physics.ewald import diffracted, diffracting_angles, excitation_error
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector
from nbnumba.prediction import Beam, landings, mean_beam

_MOST = 50_000_000  # reflections of a lattice that are gone through
_BORDER = (0.0, 0.25, 0.5, 0.75, 1.0)  # places along an edge of a panel at which resolutions are looked up
_MARGIN = 1.03
_TURN = 2.0 * math.pi
_STEP = math.radians(0.5)  # of the spindle, between looks at where reflections are


class Spots(NamedTuple):
    """Reflections on an image; arrays (n,), the strongest structure factors first."""

    hkl: np.ndarray  # (n, 3)
    slow: np.ndarray  # pixels from the outer corner of the first one
    fast: np.ndarray
    panel: np.ndarray  # number of the panel; 0 where the detector lists none
    angle: np.ndarray  # of the spindle [degrees], as in Scan.start
    amplitude: np.ndarray  # [electrons]
    lattice: np.ndarray  # 0: ``experiment.crystal``

    def __len__(self) -> int:
        return len(self.slow)

    def where(self, chosen: np.ndarray) -> Spots:
        """Some of them."""
        return Spots(*(array[chosen] for array in self))


def spots(experiment: Experiment, *, number: int = 0, images: int = 1) -> Spots:
    """Reflections that fall on the detector in an image, or in several that are added up.

    Those count that the spindle brings exactly onto the Ewald sphere of the mean beam during the exposure, and those
    whose distance from it at its start or end is within their reach: the first zero 1/L of a crystal's transform along
    its shortest extent L, and what the spread of mosaic domains and of the beam's directions and wavelengths adds.
    Amplitudes of 0 are left out.

    Args:
        experiment: crystals, beam, detector and scan, which says how wide one image is.
        number: of the image in its series.
        images: how many images are added up.

    Raises:
        NbnumbaError: more than 50 million reflections up to the resolution of the detector's corners.
    """
    scan, found = experiment.scan, []
    width = math.radians(scan.width) if scan else 0.0
    start = (math.radians(scan.start) if scan else 0.0) + number * width
    limit = _sharpest(experiment)
    if experiment.sampling.dmin > 0.0:
        limit = min(limit, 1.0 / experiment.sampling.dmin)
    for lattice, crystal in enumerate(experiment.crystals):
        hkl, amplitude = _reflections(crystal, limit, mean_beam(experiment).wavelength)
        which, directions, angles = _diffracting(experiment, crystal, hkl, (start, start + images * width))
        at = landings(experiment, directions)
        shown, on = which[at.inside], at.inside
        place = (at.slow[on], at.fast[on], at.panel[on], np.degrees(angles[on]))
        found.append(Spots(hkl[shown], *place, amplitude[shown], np.full(len(shown), lattice)))
    together = Spots(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
    return together.where(np.argsort(-np.abs(together.amplitude), kind="stable"))


def _sharpest(experiment: Experiment) -> float:
    """Length 1/d [1/A] that nothing on the detector exceeds; it is largest on the border of a panel."""
    detector, found = experiment.detector, []
    for number in range(len(experiment.panels)):
        slow, fast = detector.size_of(number)
        border = {(s * slow, f * fast) for x in _BORDER for s, f in ((0.0, x), (1.0, x), (x, 0.0), (x, 1.0))}
        found += [experiment.resolution(s, f, number if detector.panels else None) for s, f in border]
    return _MARGIN / min(found)


def _reflections(crystal: Crystal, limit: float, wavelength: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n, 3) and amplitudes (n,) of the reflections up to 1/d = ``limit`` that are not 0."""
    known = crystal.reflections
    if isinstance(known, SpectralReflections):
        known = known.tables[int(known.nearest(np.array([wavelength]))[0])]
    if known is not None and crystal.default_f == 0.0:
        hkl, amplitude = known.hkl, known.amplitude
    else:
        hkl = _all_indices(crystal, limit)
        amplitude = np.full(len(hkl), crystal.default_f)
        if known is not None:
            table, corner = known.dense(crystal.default_f)
            at = hkl - corner
            inside = ((at >= 0) & (at < table.shape)).all(axis=1)
            amplitude[inside] = table[tuple(at[inside].T)]
    q = hkl @ reciprocal(crystal.axes)
    kept = (np.einsum("ij,ij->i", q, q) <= limit**2) & (amplitude != 0.0) & hkl.any(axis=1)
    return hkl[kept], amplitude[kept]


def _all_indices(crystal: Crystal, limit: float) -> np.ndarray:
    """Indices (n, 3) of a box that holds all reflections up to 1/d = ``limit``: |h| is at most |a|/d, and so on."""
    reach = [math.floor(limit * float(length)) for length in np.linalg.norm(crystal.axes, axis=1)]
    count = math.prod(2 * n + 1 for n in reach)
    if count > _MOST:
        raise NbnumbaError(
            f"crystal: found {count} reflections up to {1.0 / limit:.3g} A, of which all have the amplitude default_f; "
            f"allowed: up to {_MOST} of them. Give crystal.reflections, and default_f = 0"
        )
    axes = [np.arange(-n, n + 1) for n in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


class _Reach(NamedTuple):
    """How far from the Ewald sphere [1/A] a reflection of length q is seen: size + turn q + colour q^2."""

    size: float
    turn: float
    colour: float

    def of(self, q: np.ndarray) -> np.ndarray:
        """For lengths q [1/A]."""
        return np.asarray(self.size + self.turn * q + self.colour * q**2)


def _reach(experiment: Experiment, crystal: Crystal) -> _Reach:
    incident, weight, wavelength = as_arrays(experiment.sources)
    beam = mean_beam(experiment)
    away = np.arccos(np.clip(incident @ np.array(beam.direction), -1.0, 1.0))
    used = weight > 0.0
    spread = math.radians(float(np.max(crystal.mosaic.spread))) if crystal.mosaic.count > 1 else 0.0
    bandwidth = float(np.abs(wavelength - beam.wavelength)[used].max())
    return _Reach(1.0 / min(crystal.size), spread + float(away[used].max()), 0.5 * bandwidth)


def _diffracting(
    experiment: Experiment, crystal: Crystal, hkl: np.ndarray, exposed: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers (n,) of the reflections on the image, directions (n, 3) they diffract to, spindle angles (n,) [rad]."""
    beam, axis = mean_beam(experiment), experiment.spindle
    q = hkl @ reciprocal(crystal.axes)
    reach = _reach(experiment, crystal).of(np.linalg.norm(q, axis=1))
    found: list[tuple[int, Vector, float]] = []
    for i in _near(q, reach, beam, axis, exposed).tolist():
        vector = Vector(*q[i].tolist())
        found += [
            (i, diffracted(rotate(vector, axis, angle), *beam), angle)
            for angle in _angles(vector, float(reach[i]), beam, axis, exposed)
        ]
    which, directions, angles = zip(*found, strict=True) if found else ((), (), ())
    return np.array(which, dtype=int), np.array(directions).reshape(-1, 3), np.array(angles, dtype=float)


def _near(q: np.ndarray, reach: np.ndarray, beam: Beam, axis: Vector, exposed: tuple[float, float]) -> np.ndarray:
    """Numbers of those that may come within reach of the sphere, a few too many.

    |i/lambda + q|^2 - 1/lambda^2 = q^2 + 2 i.q/lambda is 2/lambda times the distance from the sphere, for small
    ones, and changes with the angle of the spindle by 2 q/lambda at most.
    """
    start, stop = exposed
    steps = max(math.ceil(abs(stop - start) / _STEP), 1)
    between = abs(stop - start) / steps
    squared = np.einsum("ij,ij->i", q, q)
    allowed = (2.0 / beam.wavelength + reach) * reach + np.sqrt(squared) * between / beam.wavelength
    near = np.zeros(len(q), dtype=bool)
    for angle in np.linspace(start, stop, steps + 1):
        incident = np.array(beam.direction) @ rotation_matrix(axis, float(angle))
        near |= np.abs(squared + 2.0 / beam.wavelength * (q @ incident)) <= allowed
    return np.flatnonzero(near)


def _angles(q: Vector, reach: float, beam: Beam, axis: Vector, exposed: tuple[float, float]) -> list[float]:
    """Angles of the spindle at which a reflection is seen: on the sphere, else at the nearer end of the turn."""
    low, high = min(exposed), max(exposed)
    within = []
    for angle in diffracting_angles(q, axis, beam.direction, beam.wavelength):
        if math.isfinite(angle):
            first = angle + _TURN * math.ceil((low - angle) / _TURN)
            within += [first + _TURN * i for i in range(math.floor((high - first) / _TURN) + 1)]
    if within:
        return within
    off, nearest = min((abs(excitation_error(rotate(q, axis, angle), *beam)), angle) for angle in exposed)
    return [nearest] if off <= reach else []
