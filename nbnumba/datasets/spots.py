"""Spots of an image: which reflections light it, where, how strongly, and by what part of the beam."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.cell import reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.sources import as_arrays
from nbnumba.physics.pixel import FlatPanel, position, ray_to

#: Widths of a spot within which the Ewald sphere has to pass for the reflection to be looked at.
_REACH = 3.0


class Candidates(NamedTuple):
    """Reflections near the Ewald sphere; arrays of one length."""

    hkl: np.ndarray  # (n, 3)
    d: np.ndarray  # spacing [A]
    strength: np.ndarray  # F^2 times how well it is met by the beam, of no unit: for shares alone
    direction: np.ndarray  # (n, 3) of the diffracted beam
    wavelength: np.ndarray  # [A], mean of what it diffracts
    share: np.ndarray  # of the beam's photons that meet it
    lattice: np.ndarray


class Table(NamedTuple):
    """Reflections."""

    hkl: np.ndarray  # (3, n) float64, h, k and l by themselves
    squared: np.ndarray  # (n,) F^2


def all_indices(crystal: Crystal, smallest: float) -> np.ndarray:
    """(n, 3) indices of all reflections down to a spacing [A]."""
    largest = np.floor(np.linalg.norm(crystal.axes, axis=1) / smallest).astype(int)
    grid = np.meshgrid(*[np.arange(-n, n + 1) for n in largest], indexing="ij")
    return np.stack(grid, axis=-1).reshape(-1, 3)


class Indices(NamedTuple):
    """Those of a list that are not 0, 0, 0."""

    which: np.ndarray  # places in the list
    hkl: np.ndarray  # (3, n) float64, h, k and l by themselves


def indices_of(hkl: np.ndarray) -> Indices:
    """What tables of all lists with the same (n, 3) indices share."""
    which = np.flatnonzero(hkl.any(axis=1))
    return Indices(which, np.ascontiguousarray(hkl[which].T.astype(float)))


def smallest_spacing(experiment: Experiment) -> float:
    """Smallest spacing [A] that the detector sees, or that is computed."""
    incident, _, wavelength = as_arrays(experiment.sources)
    size, found = experiment.detector.pixel_size, []
    for number, panel in enumerate(experiment.panels):
        rows, columns = experiment.detector.size_of(number)
        for slow, fast in ((0, 0), (0, columns), (rows, 0), (rows, columns)):
            place = np.array(ray_to(position(panel, fast * size, slow * size, 0.0)).direction)
            found.append(float((wavelength / np.linalg.norm(place - incident, axis=1)).min()))
    return max(experiment.sampling.dmin, min(found))


def candidates(experiment: Experiment, crystal: Crystal, table: Table, lattice: int) -> Candidates:
    """Reflections of one lattice that may light the image, at the step of the scan where they come nearest."""
    incident, weight, wavelength = as_arrays(experiment.sources)
    weight = weight / weight.sum()
    spread = crystal.mosaic.width
    thin = float((np.array(crystal.cells_across) * np.linalg.norm(crystal.axes, axis=1)).min())
    best: list[np.ndarray] = []
    steps = [rotation_matrix(experiment.spindle, angle) for angle in experiment.angles]
    mean = weight @ incident / np.linalg.norm(weight @ incident)
    middle = float(weight @ wavelength)
    turned_away = float(np.linalg.norm(incident - mean, axis=1).max())
    off = float(abs(wavelength - middle).max())
    for number, step in enumerate(steps):
        x, y, z = _vectors(table.hkl, reciprocal(crystal.axes @ step.T))
        square = x * x + y * y + z * z
        length = np.sqrt(square)
        wide = _REACH / thin + (_REACH * spread + turned_away) * length + 0.5 * off * square
        error = abs(x * mean[0] + y * mean[1] + z * mean[2] + 0.5 * middle * square)
        near = np.flatnonzero(error <= wide)
        best.append(np.stack([near, np.full(len(near), number), error[near]]) if len(near) else np.zeros((3, 0)))
    which, step_of = _nearest_step(best)
    axes = np.array([crystal.axes @ step.T for step in steps])[step_of]
    hkl = np.ascontiguousarray(table.hkl[:, which].T)
    stars = np.array([reciprocal(crystal.axes @ step.T) for step in steps])[step_of]
    q = hkl[:, 0:1] * stars[:, 0] + hkl[:, 1:2] * stars[:, 1] + hkl[:, 2:3] * stars[:, 2]
    return _lit(q, hkl, table.squared[which], axes, crystal, spread, (incident, weight, wavelength), lattice)


def _vectors(hkl: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y, z of h a* + k b* + l c*, in an order that no library chooses."""
    x, y, z = (hkl[0] * a + hkl[1] * b + hkl[2] * c for a, b, c in rows.T.tolist())
    return x, y, z


def _nearest_step(found: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Each reflection once, at the step where it is nearest to the sphere."""
    which, step, error = np.concatenate(found, axis=1)
    if len(found) > 1:
        order = np.lexsort((error, which))
        which, step = which[order], step[order]
        which, first = np.unique(which, return_index=True)
        step = step[first]
    return which.astype(np.intp), step.astype(np.intp)


def _lit(
    q: np.ndarray, hkl: np.ndarray, squared: np.ndarray, axes: np.ndarray, crystal: Crystal, spread: float,
    beam: tuple[np.ndarray, np.ndarray, np.ndarray], lattice: int,
) -> Candidates:  # fmt: skip
    """How well each source meets each reflection, and what follows from that."""
    incident, weight, wavelength = beam
    length = np.sqrt((q * q).sum(axis=1))
    met, towards = np.empty((len(q), len(weight))), np.zeros((len(q), 3))
    cells = np.array(crystal.cells_across)
    for source in range(len(weight)):
        s = q + incident[source] / wavelength[source]
        size = np.sqrt((s * s).sum(axis=1))
        error = size - 1.0 / wavelength[source]
        beyond = np.maximum(abs(error) - spread * length, 0.0)
        offset = cells * (axes * (s * (beyond / size)[:, np.newaxis])[:, np.newaxis, :]).sum(axis=2)
        met[:, source] = weight[source] / (1.0 + (np.pi * offset) ** 2).prod(axis=1)
        towards += met[:, source : source + 1] * s / size[:, np.newaxis]
    share = met.sum(axis=1)
    total = np.maximum(share, 1e-300)
    return Candidates(
        hkl=hkl.astype(np.int32),
        d=1.0 / length,
        strength=squared * share,
        direction=towards,
        wavelength=(met * wavelength).sum(axis=1) / total,
        share=share,
        lattice=np.full(len(q), lattice, dtype=np.int32),
    )


class Places(NamedTuple):
    """Where rays meet the detector."""

    panel: np.ndarray  # (n,), -1 where they miss it
    slow: np.ndarray  # pixels from the outer corner of the first one
    fast: np.ndarray


def places(experiment: Experiment, direction: np.ndarray) -> Places:
    """Where rays of the given directions (n, 3) meet the front of the flat panels, the nearest one of several.

    Raises:
        NbnumbaError: the detector is curved.
    """
    count, size = len(direction), experiment.detector.pixel_size
    found = Places(np.full(count, -1), np.full(count, np.nan), np.full(count, np.nan))
    nearest = np.full(count, np.inf)
    for number, panel in enumerate(experiment.panels):
        if not isinstance(panel, FlatPanel):
            raise NbnumbaError("output.spots: spots are listed on flat detectors; set output.spots = false")
        towards = direction @ np.array(panel.normal)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.dot(panel.origin, panel.normal) / towards
            point = direction * away[:, np.newaxis] - np.array(panel.origin)
            slow, fast = point @ np.array(panel.slow) / size, point @ np.array(panel.fast) / size
            rows, columns = experiment.detector.size_of(number)
            hit = (away > 0.0) & (away < nearest) & (slow >= 0) & (slow < rows) & (fast >= 0) & (fast < columns)
        nearest[hit] = away[hit]
        found.panel[hit], found.slow[hit], found.fast[hit] = number, slow[hit], fast[hit]
    return found


class Boxes:
    """Sums over square boxes of pixels, cut off at the edges of an image."""

    def __init__(
        self, shape: tuple[int, ...], panel: np.ndarray, slow: np.ndarray, fast: np.ndarray, edge: int
    ) -> None:
        reach = np.arange(-(edge // 2), edge // 2 + 1)
        rows, columns = slow[:, np.newaxis] + reach, fast[:, np.newaxis] + reach
        inside = ((rows >= 0) & (rows < shape[-2]))[:, :, np.newaxis] & ((columns >= 0) & (columns < shape[-1]))[
            :, np.newaxis, :
        ]
        rows, columns = rows.clip(0, shape[-2] - 1), columns.clip(0, shape[-1] - 1)
        first = (panel * shape[-2])[:, np.newaxis] + rows
        self._pixels, self._inside = first[:, :, np.newaxis] * shape[-1] + columns[:, np.newaxis, :], inside

    def sums(self, image: np.ndarray) -> np.ndarray:
        """Sum over each box, float64."""
        return np.asarray((image.reshape(-1)[self._pixels] * self._inside).sum(axis=(1, 2), dtype=np.float64))

    def shares(self, image: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Sum over each box, where pixels that lie in several boxes are divided between them by their strengths."""
        weights = strength[:, np.newaxis, np.newaxis] * self._inside
        total = np.bincount(self._pixels.reshape(-1), weights.reshape(-1), image.size)[self._pixels]
        parts = image.reshape(-1)[self._pixels] * weights / np.maximum(total, 1e-300)
        return np.asarray(parts.sum(axis=(1, 2), dtype=np.float64))
