"""Many reflections and the Ewald sphere at once: arrays of what ``physics.ewald`` tells of one."""

from __future__ import annotations

import math

import numpy as np

from nbnumba.physics.vector import Vector
from nbnumba.prediction import MeanBeam

_TURN = 2.0 * math.pi


def turned(q: np.ndarray, axis: Vector, angles: np.ndarray) -> np.ndarray:
    """Vectors (n, 3), each turned about the unit vector ``axis`` by its angle [rad]: ``rotate`` of arrays."""
    k, cosine, sine = np.array(axis), np.cos(angles)[:, np.newaxis], np.sin(angles)[:, np.newaxis]
    along = dots(q, k)[:, np.newaxis] * k
    return np.asarray(q * cosine + np.cross(k, q) * sine + along * (1.0 - cosine))


def excitation_errors(q: np.ndarray, beam: MeanBeam) -> np.ndarray:
    """Distances (n,) of q (n, 3) from the sphere [1/A]: ``excitation_error`` of arrays."""
    return lengths(q + np.array(beam.direction) / beam.wavelength) - 1.0 / beam.wavelength


def combined(hkl: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """h a* + k b* + l c* (n, 3) of indices (n, 3) and rows a*, b*, c*."""
    return np.stack([dots(hkl, column) for column in axes.T]).T


def dots(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Products (n,) of vectors (n, 3) with one, or with as many: the same bits for each in any company.

    BLAS promises that as little as it is quick with three columns.
    """
    return np.asarray(q[:, 0] * v[..., 0] + q[:, 1] * v[..., 1] + q[:, 2] * v[..., 2])


def lengths(q: np.ndarray) -> np.ndarray:
    """Lengths (n,) of vectors (n, 3), in less time than by ``np.linalg.norm``."""
    return np.asarray(np.sqrt(dots(q, q)))


def diffracting(q: np.ndarray, axis: Vector, beam: MeanBeam) -> np.ndarray:
    """Two angles (n, 2) [rad] that bring q (n, 3) onto the sphere, NaN where none: ``diffracting_angles`` of arrays."""
    incident, k = np.array(beam.direction), np.array(axis)
    still = (incident @ k) * dots(q, k)
    a, b = dots(q, incident) - still, dots(q, np.cross(incident, k))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = (-0.5 * beam.wavelength * dots(q, q) - still) / np.hypot(a, b)
        half = np.arccos(cosine)
    return np.arctan2(b, a)[:, np.newaxis] + np.stack([-half, half], axis=1)


def crossings(q: np.ndarray, axis: Vector, beam: MeanBeam, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (n,) of those of q that cross the sphere from angle ``low`` to ``high`` [rad], and the angles (n,)."""
    if low == high:
        return np.zeros(0, dtype=int), np.zeros(0)
    angles = diffracting(q, axis, beam)
    first = angles + _TURN * np.ceil((low - angles) / _TURN)
    which, found = [], []
    for turn in range(math.floor((high - low) / _TURN) + 1):
        at = first + _TURN * turn
        number, column = np.nonzero(at <= high)
        which.append(number)
        found.append(at[number, column])
    return np.concatenate(which), np.concatenate(found)
