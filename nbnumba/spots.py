"""Which reflections are on an image, and where."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nbnumba.crossings import combined, crossings, excitation_errors, lengths, turned
from nbnumba.errors import NbnumbaError
from nbnumba.model.cell import reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.sources import as_arrays
from nbnumba.model.spectral import SpectralReflections
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector
from nbnumba.placement import seen
from nbnumba.prediction import MeanBeam, landings, mean_beam, start_angle

_MOST = 500_000_000  # reflections of a lattice that are gone through, in about a minute
_BORDER = 5  # points along an edge of a panel at which resolutions are looked up
_MARGIN = 1.03
_AT_ONCE = 1 << 16  # reflections, which caches hold
_GIVE = "All have the amplitude default_f: give crystal.reflections, and default_f = 0"


class Spots(NamedTuple):
    """Reflections on an image; arrays (n,), the strongest structure factors first."""

    hkl: np.ndarray  # (n, 3)
    slow: np.ndarray  # pixels from the outer corner of the first one
    fast: np.ndarray
    panel: np.ndarray  # number of the panel; 0 where the detector lists none
    angle: np.ndarray  # of the spindle [degrees], as in Scan.start
    amplitude: np.ndarray  # [electrons]
    lattice: np.ndarray  # 0: ``experiment.crystal``
    excitation_error: np.ndarray  # distance from the Ewald sphere [1/A]; 0 of those that the spindle brings onto it

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
    Amplitudes of 0 are left out. Those off the sphere lie where their photons are (``nbnumba.placement``).

    Args:
        experiment: crystals, beam, detector and scan, which says how wide one image is.
        number: of the image in its series.
        images: how many images are added up.

    Raises:
        NbnumbaError: more than 500 million reflections up to the resolution of the detector's corners.
    """
    width = math.radians(experiment.scan.width) if experiment.scan else 0.0
    start = start_angle(experiment) + number * width
    exposed = (start, start + images * width)
    found = [
        _shown(experiment, lattice, at)
        for lattice in range(len(experiment.crystals))
        for at in diffracting(experiment, lattice, exposed)
    ]
    together = Spots(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
    return together.where(np.argsort(-np.abs(together.amplitude), kind="stable"))


def _shown(experiment: Experiment, lattice: int, at: Diffracting) -> Spots:
    """Those of some reflections of a lattice that are on the image."""
    beam = mean_beam(experiment)
    incident = np.array(beam.direction) / beam.wavelength
    towards, near = incident + turned(at.q, experiment.spindle, at.angles), at.errors != 0.0
    towards[near] = seen(experiment, lattice, at.hkl[near], at.angles[near]).towards
    place = landings(experiment, towards)
    on = place.inside
    return Spots(
        at.hkl[on], place.slow[on], place.fast[on], place.panel[on], np.degrees(at.angles[on]), at.amplitude[on],
        np.full(np.count_nonzero(on), lattice), at.errors[on],
    )  # fmt: skip


class Diffracting(NamedTuple):
    """Reflections near the Ewald sphere; arrays (n,)."""

    hkl: np.ndarray  # (n, 3)
    amplitude: np.ndarray  # [electrons]
    q: np.ndarray  # (n, 3) [1/A], before any turn of the spindle
    angles: np.ndarray  # of the spindle [rad]
    errors: np.ndarray  # distances from the sphere [1/A]


def diffracting(
    experiment: Experiment, lattice: int, exposed: tuple[float, float], widths: float = 1.0
) -> Iterator[Diffracting]:
    """Reflections of a lattice that are seen while the spindle turns, some at a time, on the detector or beside it.

    Those count that cross the sphere, each time, and others at the nearer end of the turn, if that is within reach.

    Args:
        experiment: crystals, beam and detector, whose corners limit the resolution.
        lattice: number of the crystal.
        exposed: angles of the spindle [rad] from which to which it turns.
        widths: how many times their reach reflections may be away from the sphere.
    """
    crystal, limit = experiment.crystals[lattice], _sharpest(experiment)
    reach = _reach(experiment, crystal, widths)
    for hkl, amplitude in _listed(crystal, limit, experiment.mean_wavelength):
        q = combined(hkl, reciprocal(crystal.axes))
        which, angles, errors = _near(experiment, reach, q, exposed)
        length = lengths(q[which])
        kept = (length > 0.0) & (length <= limit) & (amplitude[which] != 0.0)
        which = which[kept]
        yield Diffracting(hkl[which], amplitude[which], q[which], angles[kept], errors[kept])


def _sharpest(experiment: Experiment) -> float:
    """Length 1/d [1/A] that nothing on the detector exceeds; it is largest on the border of a panel."""
    _, weight, wavelength = as_arrays(experiment.sources)
    shortest = float(wavelength[weight > 0.0].min()) / experiment.mean_wavelength
    return 1.0 / max(min(experiment.border_resolutions(_BORDER)) * shortest / _MARGIN, experiment.sampling.dmin)


def _listed(crystal: Crystal, limit: float, wavelength: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices (n, 3) and amplitudes of the reflections up to 1/d = ``limit``, with others among them."""
    known = crystal.reflections
    if isinstance(known, SpectralReflections):
        known = known.tables[int(known.nearest(np.array([wavelength]))[0])]
    if known is not None and crystal.default_f == 0.0:
        for start in range(0, len(known.hkl), _AT_ONCE):
            yield known.hkl[start : start + _AT_ONCE], known.amplitude[start : start + _AT_ONCE]
        return
    for hkl in all_indices(crystal.axes, limit, _GIVE):
        amplitude = np.full(len(hkl), crystal.default_f)
        if known is not None:
            table, corner = known.dense(crystal.default_f)
            at = hkl - corner
            inside = ((at >= 0) & (at < table.shape)).all(axis=1)
            amplitude[inside] = table[tuple(at[inside].T)]
        yield hkl, amplitude


def all_indices(axes: np.ndarray, limit: float, otherwise: str) -> Iterator[np.ndarray]:
    """Indices (n, 3), some at a time, of a box that holds all up to 1/d = ``limit``: |h| is at most |a|/d, etc.

    Raises:
        NbnumbaError: more than 500 million; ``otherwise`` tells what to do then.
    """
    reach = [math.floor(limit * float(length)) for length in np.linalg.norm(axes, axis=1)]
    shape = tuple(2 * n + 1 for n in reach)
    count = math.prod(shape)
    if count > _MOST:
        raise NbnumbaError(
            f"crystal: found {count} reflections up to {1.0 / limit:.3g} A; allowed: up to {_MOST} of them. {otherwise}"
        )
    for start in range(0, count, _AT_ONCE):
        yield np.stack(np.unravel_index(np.arange(start, min(start + _AT_ONCE, count)), shape)).T - reach


class _Reach(NamedTuple):
    """How far from the Ewald sphere [1/A] a reflection of length q is seen: size + turn q + colour q^2."""

    size: float
    turn: float
    colour: float

    def of(self, q: np.ndarray) -> np.ndarray:
        """For lengths q [1/A]."""
        return np.asarray(self.size + self.turn * q + self.colour * q**2)


def _reach(experiment: Experiment, crystal: Crystal, widths: float) -> _Reach:
    incident, weight, wavelength = as_arrays(experiment.sources)
    beam = mean_beam(experiment)
    away = np.arccos(np.clip(incident @ np.array(beam.direction), -1.0, 1.0))
    used = weight > 0.0
    bandwidth = float(np.abs(wavelength - beam.wavelength)[used].max())
    turn = widths * crystal.mosaic.width + float(away[used].max())
    return _Reach(widths / min(crystal.size), turn, 0.5 * bandwidth)


def _near(
    experiment: Experiment, reach: _Reach, q: np.ndarray, exposed: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers (n,) of those of q [1/A] that are seen, angles [rad], and distances from the sphere there [1/A]."""
    beam, axis = mean_beam(experiment), experiment.spindle
    which, angles = crossings(q, axis, beam, min(exposed), max(exposed))
    errors, nearer = _at_an_end(q, axis, beam, exposed)
    near = np.abs(errors) <= reach.of(lengths(q))
    near[which] = False
    angles, errors = np.concatenate([angles, nearer[near]]), np.concatenate([np.zeros(len(which)), errors[near]])
    return np.concatenate([which, np.flatnonzero(near)]), angles, errors


def _at_an_end(
    q: np.ndarray, axis: Vector, beam: MeanBeam, exposed: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Distances (n,) from the sphere [1/A] where the turn starts or ends, whichever is less, and that angle (n,)."""
    start, stop = exposed
    first = excitation_errors(q, _turned_back(beam, axis, start))
    if start == stop:
        return first, np.full(len(q), start)
    last = excitation_errors(q, _turned_back(beam, axis, stop))
    better = np.abs(last) < np.abs(first)
    return np.where(better, last, first), np.where(better, stop, start)


def _turned_back(beam: MeanBeam, axis: Vector, angle: float) -> MeanBeam:
    """The beam as a crystal sees it that is turned by an angle [rad]."""
    return beam._replace(direction=rotate(beam.direction, axis, -angle))
