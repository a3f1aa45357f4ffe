"""Where the photons of reflections are that lie near the Ewald sphere, and how many of the beam's make them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbnumba.constants import GAUSS_WIDTH
from nbnumba.crossings import combined, dots, lengths, turned
from nbnumba.model.cell import reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.sources import as_arrays
from nbnumba.physics.vector import Vector

_AT_ONCE = 1 << 16  # pairs of reflections and domains, which caches hold
_FAINTEST = 500.0  # exponent, short of which nothing is 0
#: Variance of exp(-2 (Na dh)^2/0.63), which a square transform is much like, over the half width 1/(pi Na) squared.
_NORMAL = 0.25 * GAUSS_WIDTH * np.pi**2


class Seen(NamedTuple):
    """Diffracted beams of n reflections."""

    towards: np.ndarray  # (n, 3) middle of each, of any length
    met: np.ndarray  # (n, m) photons of each source that meet the reflection, where all of the beam's are 1
    width: np.ndarray  # (n,) [rad] root of the mean square angle between the photons and the middle


class _Spread(NamedTuple):
    """What there is of one reciprocal lattice point."""

    axes: np.ndarray  # (3, 3) [1/A] a*, b*, c*
    extent: np.ndarray  # (3, 3) [1/A^2] sum of products of a*/(pi Na) and so on: half widths of the transform
    decay: float  # of normal transforms, exp(-decay x); 0: 1/(1 + x), to which the lobes of the square one add up
    domains: np.ndarray  # (d, 9) [1/A] of the domains' reciprocal axes from the crystal's
    products: np.ndarray  # (9, 9) [1/A^2] of these, means


def seen(experiment: Experiment, lattice: int, hkl: np.ndarray, angles: np.ndarray) -> Seen:
    """Where reflections send their photons while the spindle stands, and how widely.

    A mosaic domain has its point q, and a wave k of the beam its sphere, from which s = k + q is e = |s| - |k| away.
    The spot around q reaches the sphere as far as the crystal is small. Of a spot that is normal, of covariance C,

        s' = s - e C n/(n.C n),    n = s/|s|,

    is the mean of what lies on the sphere (regression), with the weight exp(-e^2/(2 n.C n)); the lobes of a square
    crystal, taken together, have the weight 1/(1 + e^2/w^2) with w^2 = sum (n.a*/(pi Na))^2. The middle of the beam is
    the mean of s' over domains and waves with these weights: where the spread of domains is what brings q onto the
    sphere, q turned at constant length; where it is the band, k + q of the wavelength that meets q; where it is
    neither, the nearest point of the sphere, by the spot's own measure.

    Args:
        experiment: crystals, beam and spindle.
        lattice: number of the crystal.
        hkl: indices (n, 3).
        angles: of the spindle [rad] (n,).
    """
    spread, axis = _spread(experiment.crystals[lattice]), experiment.spindle
    q = combined(hkl, spread.axes)
    incident, weight, wavelength = as_arrays(experiment.sources)
    waves, parts = incident / wavelength[:, np.newaxis], weight / weight.sum()
    shining = parts > 0.0
    step = max(_AT_ONCE // max(len(spread.domains), len(parts)), 1)
    some = [slice(start, start + step) for start in range(0, max(len(q), 1), step)]
    found = [
        _seen(spread, hkl[at], q[at], _turned_back(waves[shining], axis, angles[at]), parts[shining]) for at in some
    ]
    towards, of_shining, width = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    met = np.zeros((len(q), len(parts)))
    met[:, shining] = of_shining
    return Seen(turned(towards, axis, angles), met, width)


def _turned_back(waves: np.ndarray, axis: Vector, angles: np.ndarray) -> np.ndarray:
    """Waves (m, n, 3) as crystals see them that are turned."""
    return np.array([turned(np.broadcast_to(wave, (len(angles), 3)), axis, -angles) for wave in waves])


def _seen(spread: _Spread, hkl: np.ndarray, q: np.ndarray, waves: np.ndarray, parts: np.ndarray) -> Seen:
    s, known = q + waves, np.array([lengths(wave) for wave in waves])
    errors = np.array([lengths(each) for each in s]) - known
    mean = _mean(parts, s)
    size = lengths(mean)[:, np.newaxis]
    n = mean / size
    of_spot = combined(n, spread.extent)
    square = dots(of_spot, n)[:, np.newaxis]
    apart = np.einsum("ni,di->nd", _products(hkl, n), spread.domains)
    met, weights, nearest = np.empty((len(q), len(parts))), np.zeros_like(apart), np.zeros(len(q))
    for source, part in enumerate(parts):
        weight = _weights(spread, (apart + errors[source][:, np.newaxis]) ** 2 / square)
        met[:, source] = part * weight.sum(axis=1)
        weights += part * weight
        nearest = np.maximum(nearest, weight.max(axis=1))
    off = (weights * apart).sum(axis=1) + (met * errors.T).sum(axis=1)
    turns = _of_index(hkl, np.einsum("nd,di->ni", weights, spread.domains))
    towards = (met.T[:, :, np.newaxis] * s).sum(axis=0) + turns - of_spot * off[:, np.newaxis] / square
    wings = np.zeros(len(q)) if spread.decay else 1.0 / nearest - 1.0
    longer = known - (parts[:, np.newaxis] * known).sum(axis=0)
    beam = s - mean - n * longer[:, :, np.newaxis]
    return Seen(towards, met / apart.shape[1], _width(spread, hkl, n, _NORMAL + wings, parts, beam) / size[:, 0])


def _weights(spread: _Spread, x: np.ndarray) -> np.ndarray:
    """How bright a spot is at x, the square of the distance from its middle in half widths."""
    return np.exp(-np.minimum(spread.decay * x, _FAINTEST)) if spread.decay else 1.0 / (1.0 + x)


def _width(
    spread: _Spread, hkl: np.ndarray, n: np.ndarray, extent: np.ndarray, parts: np.ndarray, beam: np.ndarray
) -> np.ndarray:
    """Root mean square distance (n,) [1/A] along the sphere: of <t.t> - <t r>.<t r>/<r r>, r = n.t, of deviations t.

    Those of the spot (``extent`` times half widths squared), of domains, and of waves (``beam``, lengths apart) add up.
    """
    off = np.array([dots(each, n) for each in beam])[:, :, np.newaxis]
    turns = _of_index(hkl, np.einsum("ni,ij->nj", _products(hkl, n), spread.products))
    mixed = extent[:, np.newaxis] * combined(n, spread.extent) + turns + _mean(parts, off * beam)
    domains = combined(hkl, np.trace(spread.products.reshape(3, 3, 3, 3), axis1=1, axis2=3))
    total = extent * np.trace(spread.extent) + dots(domains, hkl) + _mean(parts, beam**2).sum(axis=1)
    return np.sqrt(np.maximum(total - dots(mixed, mixed) / dots(mixed, n), 0.0))


def _mean(parts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Over waves, of values (m, n, 3)."""
    return np.asarray((parts[:, np.newaxis, np.newaxis] * values).sum(axis=0))


def _products(hkl: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Of indices (n, 3) and components (n, 3), in the order (n, 9) of those of a*, b*, c*."""
    return np.asarray((hkl[:, :, np.newaxis] * n[:, np.newaxis, :]).reshape(-1, 9))


def _of_index(hkl: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Vectors (n, 3) of sums (n, 9) for a*, b*, c*."""
    return np.asarray((hkl[:, :, np.newaxis] * sums.reshape(-1, 3, 3)).sum(axis=1))


def _spread(crystal: Crystal) -> _Spread:
    cells, axes = np.array(crystal.cells), reciprocal(crystal.axes)
    rows = np.linalg.inv(cells if cells.ndim == 2 else np.diag(cells)) @ axes / np.pi
    domains = (np.linalg.inv(crystal.domain_axes()).transpose(0, 2, 1) - axes).reshape(-1, 9)
    products = np.einsum("di,dj->ij", domains, domains) / len(domains)
    square = crystal.shape == "square"
    extent = rows.T @ rows / (1.0 if square else crystal.fudge)
    return _Spread(axes, extent, 0.0 if square else 0.5 / _NORMAL, domains, products)
