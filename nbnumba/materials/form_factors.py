"""Scattering of free atoms and small molecules, by sin(theta)/lambda = s.

Atoms: International Tables C, 6.1.1.4, as gemmi has them. Molecules that point anywhere: F^2 = sum over pairs of atoms
of f_i f_j sin(x)/x with x = 4 pi s r_ij (Debye 1915, Ann. Phys. 46, 809).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


@lru_cache
def _coefficients(element: str) -> tuple[np.ndarray, np.ndarray, float]:
    import gemmi

    found = gemmi.Element(element).it92
    assert found is not None
    return np.array(found.a), np.array(found.b), float(found.c)


def form_factor(element: str, s: np.ndarray) -> np.ndarray:
    """Form factor [electrons] of a free atom at s [1/A] (n,)."""
    a, b, c = _coefficients(element)
    return np.asarray(np.exp(-np.outer(s * s, b)) @ a + c)


def molecule_squared(elements: Sequence[str], distances: np.ndarray, s: np.ndarray) -> np.ndarray:
    """F^2 [electrons^2] of a free molecule at s [1/A] (n,), given the distances (atoms, atoms) [A]."""
    f = [form_factor(element, s) for element in elements]
    pairs = [(i, j) for i in range(len(f)) for j in range(len(f))]
    return np.asarray(sum(f[i] * f[j] * np.sinc(4.0 * s * distances[i][j]) for i, j in pairs))
