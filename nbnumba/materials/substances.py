"""Substances whose scattering is known, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nbnumba.materials.gas import AIR, gas
from nbnumba.materials.ice import ice
from nbnumba.materials.water import water


class Substance(NamedTuple):
    """What is known of a substance."""

    density: float  # [g/cm^3]
    molecular_weight: float  # [g/mol]
    rows: Callable[[], np.ndarray]  # (n, 2): sin(theta)/lambda [1/A], F [electrons] of a molecule


#: Gases at 20 C and 101.325 kPa.
SUBSTANCES = {
    "water": Substance(0.997, 18.015, water),
    "ice": Substance(0.933, 18.015, ice),
    "air": Substance(1.204e-3, 28.965, lambda: gas(AIR)),
    "nitrogen": Substance(1.165e-3, 28.014, lambda: gas({"N2": 1.0})),
    "helium": Substance(1.664e-4, 4.0026, lambda: gas({"He": 1.0})),
}


@lru_cache
def scattering(name: str) -> np.ndarray:
    """Rows (n, 2) of sin(theta)/lambda [1/A] and F [electrons], read-only."""
    rows = SUBSTANCES[name].rows()
    rows.flags.writeable = False
    return rows
