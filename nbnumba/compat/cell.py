"""The axes that nanoBragg makes of a cell: right for a cell with two right angles, slightly off for a triclinic one.

It takes c*_z = c* V/(a b c sin(gamma*)), where 1/c would be exact, and rescales the axes to the given lengths; for the
transform of gaussian and flat spots it divides by the volume of the given cell, not by that of the axes it made.
"""

from __future__ import annotations

import math

import numpy as np

from nbnumba.model.cell import Cell, volume_fraction


def cell_volume(cell: Cell) -> float:
    """Volume [A^3] of the cell."""
    return cell[0] * cell[1] * cell[2] * volume_fraction(cell)


def reference_axes(cell: Cell) -> np.ndarray:
    """Rows a, b, c [A], as nanoBragg builds them."""
    a, b, c = cell[:3]
    volume = cell_volume(cell)
    sines = [math.sin(math.radians(angle)) for angle in cell[3:]]
    cosines = [math.cos(math.radians(angle)) for angle in cell[3:]]
    a_star, b_star, c_star = b * c * sines[0] / volume, c * a * sines[1] / volume, a * b * sines[2] / volume
    cos_alpha_star, cos_beta_star, cos_gamma_star = (
        (cosines[j] * cosines[k] - cosines[i]) / (sines[j] * sines[k]) for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    )
    sin_gamma_star = c / volume / a_star / b_star
    across = (cos_alpha_star - cos_beta_star * cos_gamma_star) / sin_gamma_star
    along = volume / (a * b * c * sin_gamma_star)
    starred = np.array(
        [
            [a_star, 0.0, 0.0],
            [b_star * cos_gamma_star, b_star * sin_gamma_star, 0.0],
            [c_star * cos_beta_star, c_star * across, c_star * along],
        ]
    )
    axes = np.cross(starred[[1, 2, 0]], starred[[2, 0, 1]])
    return axes * (np.array(cell[:3]) / np.linalg.norm(axes, axis=1))[:, None]
