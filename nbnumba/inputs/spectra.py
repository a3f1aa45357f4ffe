"""Spectra from text and from HDF5 (NXmx)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.constants import PHOTON_ENERGY
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import STRICT, opened, row, value
from nbnumba.inputs.kinds import kind_of
from nbnumba.inputs.text import naming, read_rows
from nbnumba.inputs.units import angstrom
from nbnumba.model.spectrum import Spectrum
from nbnumba.model.validate import whole

#: A first column below the one is a wavelength [A], above the other an energy [eV].
LONGEST, LOWEST = 100.0, 1000.0
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
        return _from_hdf5(file, shot) if kind_of(file) == "hdf5" else _from_text(file)


def _from_text(file: str | Path) -> Spectrum:
    rows = read_rows(file)
    for line, numbers in rows:
        if len(numbers) != 2:
            raise NbnumbaError(f"{file}, line {line}: found {len(numbers)} numbers; allowed: wavelength [A] and weight")
    if not rows:
        raise NbnumbaError(f"{file}: no spectrum; allowed: lines of wavelength [A] and weight")
    first, weights = np.array([numbers for _, numbers in rows]).T
    if first.min() > LOWEST:
        first = 1e3 * PHOTON_ENERGY / first
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
    if weights is None:  # one wavelength, of all or of each shot
        return Spectrum((float(_of_shot(values, shot, 0)[0] * _angstrom(values)),), (1.0,))
    wavelengths = _of_shot(values, shot, 1) * _angstrom(values)
    return Spectrum(tuple(wavelengths.tolist()), tuple(_of_shot(weights, shot, 1).tolist()))


def _of_shot(dataset: Any, shot: int, dimensions: int) -> np.ndarray:
    """Numbers of a shot, which has so many dimensions: those of all, or a row of the dataset."""
    shape: tuple[int, ...] = dataset.shape or ()
    if len(shape) <= dimensions:
        return _numbers(dataset, None)
    if len(shape) > dimensions + 1:
        raise NbnumbaError(f"{dataset.name}: found the shape {shape}; allowed: one row, or a row for each shot")
    if shape[0] > 1 and shot >= shape[0]:
        raise NbnumbaError(f"shot: found {shot}; allowed: from 0 to {shape[0] - 1}")
    return _numbers(dataset, shot if shape[0] > 1 else 0)


def _numbers(dataset: Any, number: int | None) -> np.ndarray:
    """A row of a dataset, or all that it holds."""
    try:
        return np.atleast_1d(np.asarray(value(dataset) if number is None else row(dataset, number), dtype=float))
    except NbnumbaError:
        raise
    except (TypeError, ValueError):
        raise NbnumbaError(f"{dataset.name}: found no numbers; allowed: {_ALLOWED}") from None


def _angstrom(dataset: Any) -> float:
    return angstrom(dataset) if "units" in dataset.attrs else 1.0
