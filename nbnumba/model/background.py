"""Amorphous matter in the beam: liquid, gas, plastic, or powder of ice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbnumba.constants import AVOGADRO
from nbnumba.materials.substances import SUBSTANCES, Substance, scattering
from nbnumba.model.validate import choice, is_list, number, numbers, refuse

Table = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Background:
    """Matter without order, whose molecules scatter the beam coherently by themselves or as a table says.

    Compton scattering, absorption in the matter and scattering more than once are left out.

    Attributes:
        thickness: along the beam [mm].
        material: "water", "ice" (rings), "air", "nitrogen" or "helium".
        table: instead: rows of sin(theta)/lambda [1/A] and F [electrons] of a molecule, in increasing order, as from
            ``read_scattering(file)``; straight lines between them, and the values at the ends beyond.
        f: instead: F [electrons], the same in all directions.
        density: [g/cm^3]; None: that of the material.
        molecular_weight: of what F is counted for [g/mol]; None: that of the material.
        area: across the beam [mm^2]; None: that of the whole beam.

    Raises:
        NbnumbaError: a value that is not allowed, or not one of material, table and f.
    """

    thickness: float
    material: str | None = None
    table: Table | None = None
    f: float | None = None
    density: float | None = None
    molecular_weight: float | None = None
    area: float | None = None

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("thickness", number("background.thickness", self.thickness, "mm", low=0.0))
        given = [name for name in ("material", "table", "f") if getattr(self, name) is not None]
        if len(given) != 1:
            raise refuse("background", " and ".join(given) or "none of them", "one of material, table and f")
        if self.material is not None:
            choice("background.material", self.material, tuple(SUBSTANCES))
        if self.table is not None:
            put("table", checked_table(self.table))
        if self.f is not None:
            put("f", number("background.f", self.f, "electrons"))
        for name, unit in (("density", "g/cm^3"), ("molecular_weight", "g/mol"), ("area", "mm^2")):
            if getattr(self, name) is not None:
                put(name, number(f"background.{name}", getattr(self, name), unit, above=0.0))
            elif self.material is None and name != "area":
                raise refuse(f"background.{name}", None, f"a number [{unit}], as there is no material to know it")

    @property
    def name(self) -> str:
        """What it is, in a word or two."""
        return self.material or (f"F = {self.f:g}" if self.table is None else f"table of {len(self.table)} rows")

    @property
    def scattering(self) -> np.ndarray:
        """Rows (n, 2) of sin(theta)/lambda [1/A] and F [electrons]."""
        if self.material is not None:
            return scattering(self.material)
        return np.array([[0.0, self.f]] if self.table is None else self.table)

    def molecules(self, beam_area: float) -> float:
        """Area times thickness, density and Avogadro's number over the weight; the area of the beam is given [mm^2]."""
        area = beam_area if self.area is None else self.area
        volume = area * self.thickness * 1e-3  # cm^3
        return volume * self._known("density") * AVOGADRO / self._known("molecular_weight")

    def _known(self, name: str) -> float:
        given = getattr(self, name)
        if given is None:
            substance: Substance = SUBSTANCES[str(self.material)]
            given = getattr(substance, name)
        return float(given)


def checked_table(value: Any) -> Table:
    """Rows of sin(theta)/lambda [1/A] and F [electrons], in increasing order."""
    if not is_list(value):
        raise refuse("background.table", value, "rows of sin(theta)/lambda [1/A], F [electrons]; read_scattering(file)")
    rows = tuple(numbers(f"background.table[{i}]", row, 2) for i, row in enumerate(value))
    if not rows:
        raise refuse("background.table", rows, "at least one row")
    for i, (s, _) in enumerate(rows):
        if s < 0.0 or (i > 0 and s <= rows[i - 1][0]):
            raise refuse(f"background.table[{i}]", rows[i], "sin(theta)/lambda from 0 on, in increasing order")
    return rows
