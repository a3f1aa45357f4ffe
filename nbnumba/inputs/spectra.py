"""Spectra from text and from HDF5 (NXmx)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.constants import EV_ANGSTROM
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import STRICT, opened, value
from nbnumba.inputs.text import naming, read_bytes, read_rows
from nbnumba.model.spectrum import Spectrum
from nbnumba.model.validate import whole

#: A first column below the one is a wavelength [A], above the other an energy [eV].
LONGEST, LOWEST = 100.0, 1000.0
#: Angstrom in the units of a file.
UNITS = {"angstrom": 1.0, "a": 1.0, "å": 1.0, "nm": 10.0, "m": 1e10}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ALLOWED = "incident_wavelength with its weights, or incident_wavelength_1Dspectrum, in a group of NXmx"


def read_spectrum(file: str | Path, shot: int = 0) -> Spectrum:
    """Spectrum of a file.

    Args:
        file: text of two columns, wavelength [A] and weight, or energy [eV] and weight, told apart by size: below 100
            or above 1000; or HDF5 with an NXbeam as NXmx has it: ``incident_wavelength_1Dspectrum`` and its
            ``_weights``, or ``incident_wavelength`` and ``incident_wavelength_weights``.
        shot: number of the shot, where the file holds a row for each.

    Raises:
        NbnumbaError: a file that cannot be read as either, a shot that is not there, or what Spectrum refuses.
    """
    shot = whole("shot", shot, low=0)
    with naming(file):
        return _from_hdf5(file, shot) if read_bytes(file).startswith(_HDF5) else _from_text(file)


def _from_text(file: str | Path) -> Spectrum:
    rows = read_rows(file)
    for line, numbers in rows:
        if len(numbers) != 2:
            raise NbnumbaError(f"{file}, line {line}: found {len(numbers)} numbers; allowed: wavelength [A] and weight")
    if not rows:
        raise NbnumbaError(f"{file}: no spectrum; allowed: lines of wavelength [A] and weight")
    first, weights = np.array([numbers for _, numbers in rows]).T
    if first.min() > LOWEST:
        first = EV_ANGSTROM / first
    elif not first.max() < LONGEST:
        raise NbnumbaError(
            f"{file}: found a first column from {first.min():g} to {first.max():g}; allowed: wavelengths below "
            f"{LONGEST:g} A, or energies above {LOWEST:g} eV"
        )
    return Spectrum(tuple(first.tolist()), tuple(weights.tolist()))


def _from_hdf5(file: str | Path, shot: int) -> Spectrum:
    with opened(file) as content, np.errstate(**STRICT):
        beams: list[Any] = []
        content.visititems(lambda _, item: beams.append(item) if "incident_wavelength" in _names(item) else None)
        if not beams:
            raise NbnumbaError(f"found no spectrum; allowed: {_ALLOWED}")
        return _of_beam(beams[0], shot)


def _names(item: Any) -> set[str]:
    """Names in a group, each also without the word that makes a variant of it."""
    names = set(item) if hasattr(item, "keys") else set()
    return names | {name.removesuffix("_1Dspectrum") for name in names}


def _of_beam(beam: Any, shot: int) -> Spectrum:
    name = "incident_wavelength"
    if name in beam:
        name = beam[name].attrs.get("variant", name)
    if f"{name}_1Dspectrum" in beam:
        name = f"{name}_1Dspectrum"
    values, weights = beam[name], beam.get(f"{name}_weights")
    wavelengths = _numbers(values) * _angstrom(values)
    if weights is None:  # one wavelength, of all or of each shot
        return Spectrum((float(_row(np.atleast_1d(wavelengths)[:, np.newaxis], shot, name)[0]),), (1.0,))
    found = _row(_numbers(weights), shot, f"{name}_weights")
    return Spectrum(tuple(_row(wavelengths, shot, name).tolist()), tuple(found.tolist()))


def _row(values: np.ndarray, shot: int, name: str) -> np.ndarray:
    """The only row, or that of a shot."""
    rows = np.atleast_2d(values)
    if rows.ndim != 2:
        raise NbnumbaError(f"{name}: found the shape {values.shape}; allowed: one row, or a row for each shot")
    if len(rows) > 1 and shot >= len(rows):
        raise NbnumbaError(f"shot: found {shot}; allowed: from 0 to {len(rows) - 1}")
    return np.asarray(rows[shot if len(rows) > 1 else 0])


def _numbers(dataset: Any) -> np.ndarray:
    try:
        return np.asarray(value(dataset), dtype=float)
    except NbnumbaError:
        raise
    except (TypeError, ValueError):
        raise NbnumbaError(f"{dataset.name}: found no numbers; allowed: {_ALLOWED}") from None


def _angstrom(dataset: Any) -> float:
    unit = dataset.attrs.get("units", "angstrom")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if unit.lower().removesuffix("s") not in UNITS:
        raise NbnumbaError(f"{dataset.name}: found the unit {unit!r}; allowed: {', '.join(UNITS)}")
    return UNITS[unit.lower().removesuffix("s")]
