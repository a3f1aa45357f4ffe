"""Unit cells: six constants to axes in the standard setting, and back."""

from __future__ import annotations

import math

import numpy as np

Cell = tuple[float, float, float, float, float, float]


def exact_axes(cell: Cell) -> tuple[tuple[float, float, float], ...]:
    """Rows a, b, c [A] with a* along x, b* in the xy plane and c*_z > 0, so that c lies along z.

    With w^2 = 1 - cos^2 alpha - cos^2 beta - cos^2 gamma + 2 cos alpha cos beta cos gamma:
    a = a (w/sin alpha, (cos gamma - cos alpha cos beta)/sin alpha, cos beta), b = b (0, sin alpha, cos alpha),
    c = c (0, 0, 1).
    """
    a, b, c = cell[:3]
    w = volume_fraction(cell)
    cos_alpha, cos_beta, cos_gamma = _cosine(cell[3]), _cosine(cell[4]), _cosine(cell[5])
    sin_alpha = math.sin(math.radians(cell[3]))
    across = (cos_gamma - cos_alpha * cos_beta) / sin_alpha
    return (
        (a * w / sin_alpha, a * across, a * cos_beta),
        (0.0, b * sin_alpha, b * cos_alpha),
        (0.0, 0.0, c),
    )


def volume_fraction(cell: Cell) -> float:
    """Volume over a b c, from the angles: w of ``exact_axes``; a product of sines, which does not cancel."""
    alpha, beta, gamma = (math.radians(angle) for angle in cell[3:])
    half = (alpha + beta + gamma) / 2.0
    product = math.sin(half) * math.sin(half - alpha) * math.sin(half - beta) * math.sin(half - gamma)
    return 2.0 * math.sqrt(max(product, 0.0))  # rounding may leave less than nothing of a flat cell


def _cosine(degrees: float) -> float:
    """Cosine that is exactly 0 at 90 degrees."""
    return math.sin(math.radians(90.0 - degrees))


def cell_of(axes: np.ndarray) -> Cell:
    """Six constants [A, degrees] of the cell whose axes are the rows of a (3, 3) array [A]."""
    a, b, c = (np.asarray(row, dtype=float) for row in axes)
    lengths = [float(np.linalg.norm(row)) for row in (a, b, c)]
    return (lengths[0], lengths[1], lengths[2], _angle(b, c), _angle(c, a), _angle(a, b))


def _angle(u: np.ndarray, v: np.ndarray) -> float:
    """Angle [degrees] between two vectors, accurate for every size of angle."""
    return math.degrees(math.atan2(float(np.linalg.norm(np.cross(u, v))), float(u @ v)))


def reciprocal(axes: np.ndarray) -> np.ndarray:
    """Rows a*, b*, c* [1/A] of the lattice with rows a, b, c [A]."""
    return np.linalg.inv(axes).T
