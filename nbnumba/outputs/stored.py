"""A series of images that ``write_nexus`` has written, without reading them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import ENTRY, opened, row, value
from nbnumba.inputs.kinds import kind_of
from nbnumba.inputs.text import naming
from nbnumba.model.experiment import Experiment
from nbnumba.model.spectrum import Spectrum
from nbnumba.outputs.nexus import read_experiment
from nbnumba.outputs.nexus_series import DATA
from nbnumba.outputs.nexus_tree import BEAM, SPECTRUM, WAVELENGTH

#: Path of wavelengths in files of ours.
WAVELENGTHS = f"{BEAM}/{WAVELENGTH}"


class Stored(NamedTuple):
    """What a file holds."""

    experiment: Experiment
    images: int
    kind: np.dtype  # of pixels
    mask: str | None  # path of the dataset in the file; None: there is none
    wavelengths: tuple[float, ...]  # [A], one for each image, where they differ; else none


def stored(path: str | Path) -> Stored:
    """Look into a file of ours.

    Raises:
        NbnumbaError: the file is missing, damaged, or was not written by this program.
    """
    experiment = read_experiment(path) if kind_of(path) == "hdf5" else None
    if experiment is None:
        raise NbnumbaError(f"{path}: found no experiment in it; allowed: an HDF5 file that nbnumba has written")
    with opened(path) as file:
        data = file[f"{ENTRY}/{DATA}/{DATA}"]
        return Stored(experiment, int(data.shape[0]), data.dtype, _mask(file), _wavelengths(file))


def experiment_of(path: str | Path, number: int = 0) -> Experiment | None:
    """The experiment of an image: that of its file, with wavelength, spectrum and polarization of its own beam.

    Args:
        path: a file of any kind.
        number: of the image.

    Returns:
        None where the file is none of ours.
    """
    experiment = read_experiment(path)
    if experiment is None:
        return None
    with opened(path) as file:
        flux = file.get(f"{BEAM}/total_flux")
        if flux is None or not 0 <= number < sum(flux.shape):  # a number for all images, or one for each
            return experiment
        with naming(path):
            return experiment.replace(beam=replace(experiment.beam, **_own(flux.parent, number)))


def _own(beam: h5py.Group, number: int) -> dict[str, Any]:
    """Fields of the beam of one image."""
    spectrum, wavelength = None, float(row(beam[WAVELENGTH], number))
    if SPECTRUM in beam:
        lines, weights = (row(beam[f"{SPECTRUM}{end}"], number).tolist() for end in ("", "_weights"))
        spectrum = Spectrum(tuple(lines), tuple(weights))
    found: dict[str, Any] = {"wavelength": wavelength, "spectrum": spectrum, "spectrum_steps": None, "sources": None}
    found |= {"dispersion": 0.0, "dispersion_steps": 1}
    if "incident_polarization_stokes" in beam:
        found |= {"polarization": 0.0, "stokes": tuple(row(beam["incident_polarization_stokes"], number).tolist())}
    return found


def _wavelengths(file: h5py.File) -> tuple[float, ...]:
    found = np.ravel(value(file[WAVELENGTHS])).astype(float)
    return tuple(found.tolist()) if len(set(found.tolist())) > 1 else ()


def _mask(file: h5py.File) -> str | None:
    detectors = [item for item in file[f"{ENTRY}/instrument"].values() if isinstance(item, h5py.Group)]
    masks = [item["pixel_mask"].name for item in detectors if "pixel_mask" in item]
    return str(masks[0]) if len(masks) == 1 else None
