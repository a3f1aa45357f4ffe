"""A series of images that ``write_nexus`` has written, without reading them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import ENTRY, opened, value
from nbnumba.inputs.kinds import kind_of
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.nexus import read_experiment
from nbnumba.outputs.nexus_writer import DATA


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


def _wavelengths(file: h5py.File) -> tuple[float, ...]:
    found = np.ravel(value(file[f"{ENTRY}/instrument/beam/incident_wavelength"])).astype(float)
    return tuple(found.tolist()) if len(set(found.tolist())) > 1 else ()


def _mask(file: h5py.File) -> str | None:
    detectors = [item for item in file[f"{ENTRY}/instrument"].values() if isinstance(item, h5py.Group)]
    masks = [item["pixel_mask"].name for item in detectors if "pixel_mask" in item]
    return str(masks[0]) if len(masks) == 1 else None
