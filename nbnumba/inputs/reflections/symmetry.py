"""Reflections of an asymmetric unit, spread over all of reciprocal space."""

from typing import Any

import numpy as np

from nbnumba.model.reflections import index_keys


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
