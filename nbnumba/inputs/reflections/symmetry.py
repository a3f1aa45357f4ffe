"""Reflections of an asymmetric unit, spread over all of reciprocal space."""

from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.reflections import Reflections, index_keys


def merged_reflections(
    path: Path, hkl: np.ndarray, values: np.ndarray, cell: Any, spacegroup: Any,
    *, intensities: bool, resolution: float | None, where: str,
) -> Reflections:  # fmt: skip
    """Reflections in P1 of a file that lists those of an asymmetric unit, without the values that are NaN.

    intensities: whether values are intensities, which become sqrt(max(I, 0)). resolution: smallest d in angstrom.
    where: which values they are, and what else there is, for errors. Raises NbnumbaError where none is left, or where
    there is a resolution and no unit cell.
    """
    keep = np.isfinite(values)
    if resolution is not None:
        if not cell.is_crystal():
            raise NbnumbaError(f"{path} has no unit cell, so that resolution cannot be applied; leave it out.")
        keep &= np.array(cell.calculate_d_array(hkl)) >= resolution
    if not keep.any():
        limit = f" to {resolution:g} A" if resolution is not None else ""
        raise NbnumbaError(f"{path} has no reflections{limit} in {where}.")
    amplitude = np.sqrt(np.maximum(values[keep], 0)) if intensities else values[keep]
    expanded = expand_to_p1(hkl[keep], amplitude, spacegroup)
    return Reflections(*expanded, cell=tuple(cell.parameters) if cell.is_crystal() else None)


def expand_to_p1(
    hkl: np.ndarray, amplitude: np.ndarray, spacegroup: Any, friedel: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Adds the symmetry mates and Friedel mates of reflections.

    hkl: (n, 3) integers. amplitude: (n,), any unit. spacegroup: a gemmi.SpaceGroup in the setting of the indices.
    friedel: (n,) amplitudes of the Friedel mates; None: the same.
    Returns the indices, int32 (m, 3), sorted by h, k, l and each there once, and their amplitudes, float64 (m,).
    Where several reflections lead to one index, a listed one keeps its own amplitude and else the first wins.
    Systematic absences are neither added nor taken away.
    """
    listed = np.asarray(hkl, dtype=np.int64).reshape(-1, 3)
    mates = np.concatenate([listed @ rotation for rotation in _rotations(spacegroup)])
    everything = np.concatenate([mates, -mates])
    _, first = np.unique(index_keys(everything), return_index=True)
    source = first % len(listed) if len(listed) else first
    values = np.asarray(amplitude, dtype=np.float64)[source]
    if friedel is not None:
        values = np.where(first < len(mates), values, np.asarray(friedel, dtype=np.float64)[source])
    return everything[first].astype(np.int32), values


def _rotations(spacegroup: Any) -> list[np.ndarray]:
    """Different rotation matrices of a space group, integers (3, 3), the identity first."""
    operations = spacegroup.operations().sym_ops
    matrices = [np.array(op.rot, dtype=np.int64) // op.DEN for op in operations]
    different = {matrix.tobytes(): matrix for matrix in [np.eye(3, dtype=np.int64), *matrices]}
    return list(different.values())
