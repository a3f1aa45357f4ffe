"""Anomalous scattering: f' and f'' of the elements by wavelength, from tables or as given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nbnumba.constants import PHOTON_ENERGY
from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import is_list, number, numbers, refuse

LAST_TABULATED = 92  # uranium
Anomalous = bool | Mapping[str, Any]
#: What an option keeps of values that were given: pairs f', f'' by element, one or one for each wavelength.
Given = dict[str, list[Any]]
_ALLOWED = "true, or f', f'' [electrons] by element, as {Se: (-8.4, 1.8)}, a pair for each wavelength"


def checked_wavelengths(wavelength: Any) -> float | list[float] | None:
    """One wavelength [A], several, or None."""
    if not is_list(wavelength):
        return None if wavelength is None else number("wavelength", wavelength, "A", above=0.0)
    values = [number(f"wavelength[{i}]", x, "A", above=0.0) for i, x in enumerate(wavelength)]
    if not values:
        raise refuse("wavelength", values, "one wavelength [A], or a list of them")
    return values


def checked_anomalous(anomalous: Any, wavelength: float | list[float] | None) -> bool | Given:
    """Whether there is anomalous scattering, or the values that were given, as plain lists."""
    if anomalous is None or anomalous is False:
        if wavelength is not None:
            raise NbnumbaError("wavelength: found without anomalous, on which alone it acts; set anomalous=True")
        return False
    if wavelength is None:
        raise NbnumbaError("anomalous: found without a wavelength; give wavelength=, one [A] or a list of them")
    if anomalous is True:
        return True
    if not isinstance(anomalous, Mapping) or not anomalous:
        raise refuse("anomalous", anomalous, _ALLOWED)
    return {_element(name).name: _pairs(name, value, wavelength) for name, value in anomalous.items()}


def _element(name: Any) -> Any:
    import gemmi

    element = gemmi.Element(name) if isinstance(name, str) else None
    if element is None or element.atomic_number == 0:
        raise refuse("anomalous", name, "symbols of elements, as Se")
    return element


def _pairs(name: str, value: Any, wavelength: float | list[float]) -> list[Any]:
    where = f"anomalous.{name}"
    if isinstance(wavelength, float):
        return list(numbers(where, value, 2, "electrons"))
    if not is_list(value) or len(list(value)) != len(wavelength):
        raise refuse(where, value, f"{len(wavelength)} pairs f', f'', one for each wavelength")
    return [list(numbers(f"{where}[{i}]", pair, 2, "electrons")) for i, pair in enumerate(value)]


def corrections(elements: Iterable[str], wavelength: float | list[float], given: bool | Given) -> dict[str, np.ndarray]:
    """f' + i f'' [electrons] by element, complex (n,) for n wavelengths; elements without any are left out.

    Those that are not given are from the tables of Cromer & Liberman (1981, Acta Cryst. A37, 267), as in gemmi.
    """
    waves = [wavelength] if isinstance(wavelength, float) else wavelength
    found = {}
    for name in elements:
        if isinstance(given, dict) and name in given:
            pairs = np.reshape(given[name], (-1, 2))
        else:
            pairs = np.array([_tabulated(name, w) for w in waves])
        if pairs.any():
            found[name] = pairs[:, 0] + 1j * pairs[:, 1]
    return found


def _tabulated(name: str, wavelength: float) -> tuple[float, float]:
    import gemmi

    number_of_electrons = gemmi.Element(name).atomic_number
    if number_of_electrons > LAST_TABULATED:
        raise NbnumbaError(
            f"anomalous: there is no table for {name}; give f', f'', as anomalous={{{name!r}: (f', f'')}}"
        )
    real, imaginary = gemmi.cromer_liberman(z=number_of_electrons, energy=1e3 * PHOTON_ENERGY / wavelength)
    return float(real), float(imaginary)
