"""Gases: molecules that know nothing of one another, F^2 = sum over kinds of their share times F^2 of one."""

from __future__ import annotations

import numpy as np

from nbnumba.materials.form_factors import molecule_squared

#: Elements and bond length [A] (Huber & Herzberg 1979, Constants of Diatomic Molecules; 0: a single atom).
_MOLECULES = {"N2": (("N", "N"), 1.0977), "O2": (("O", "O"), 1.2075), "Ar": (("Ar",), 0.0), "He": (("He",), 0.0)}
#: Parts of dry air by volume (US Standard Atmosphere 1976).
AIR = {"N2": 0.7808, "O2": 0.2095, "Ar": 0.0093}
_S = np.linspace(0.0, 2.0, 201)


def gas(parts: dict[str, float]) -> np.ndarray:
    """Rows s [1/A], F [electrons] for a mixture, by its parts of all molecules."""
    squared = np.zeros(len(_S))
    for name, part in parts.items():
        elements, bond = _MOLECULES[name]
        squared += part * molecule_squared(elements, bond * (1.0 - np.eye(len(elements))), _S)
    return np.column_stack([_S, np.sqrt(squared / sum(parts.values()))])
