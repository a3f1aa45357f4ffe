"""The same images by the names of CXI, the format of the Coherent X-ray Imaging Data Bank, in SI units.

Names, units and bits of the mask: CXI file format 1.6 (cxidb.org). Its frame is that of NeXus.
"""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from nbnumba.constants import PHOTON_ENERGY
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.nexus_geometry import modules
from nbnumba.outputs.nexus_tree import put_mask
from nbnumba.outputs.pixel_mask import DEAD, GAP, HOT, pixel_mask
from nbnumba.outputs.stack import Column

_VERSION = 160
_JOULE_PER_KEV = 1.602176634e-16  # CODATA 2018, exact
_ENERGY = "entry_1/instrument_1/source_1/energy"
#: Bits of NXmx and of CXI: invalid, dead, hot.
_BITS = {GAP: 0x1, DEAD: 0x8, HOT: 0x4}


def describe_cxi(file: h5py.File, experiment: Experiment, own_beams: bool, data: str) -> None:
    """Add links and numbers of CXI to a file.

    Args:
        file: whose root gets ``cxi_version`` and ``entry_1``.
        experiment: what was rendered.
        own_beams: every image has a beam of its own.
        data: path of the images in the file.

    Raises:
        NbnumbaError: the detector lists panels.
    """
    experiment.detector.check_one_panel("CXI")
    file["cxi_version"] = _VERSION
    entry = file.create_group("entry_1")
    entry["start_time"] = h5py.SoftLink("/entry/start_time")
    entry["sample_1/name"] = h5py.SoftLink("/entry/sample/name")
    instrument = entry.create_group("instrument_1")
    instrument["name"] = h5py.SoftLink("/entry/instrument/name")
    instrument.create_group("source_1")
    if not own_beams:
        file[_ENERGY] = _energy(experiment)
    _detector(instrument.create_group("detector_1"), experiment, data)
    entry["data_1/data"] = h5py.SoftLink("/entry_1/instrument_1/detector_1/data")


def columns_cxi(own_beams: bool) -> Iterator[Column]:
    """What CXI says of each image."""
    if own_beams:
        yield Column(_ENERGY, lambda _, shot: _energy(shot))


def _energy(experiment: Experiment) -> float:
    """Energy of a photon [J]."""
    return PHOTON_ENERGY / experiment.mean_wavelength * _JOULE_PER_KEV


def _detector(detector: h5py.Group, experiment: Experiment, data: str) -> None:
    (place,), size = modules(experiment), experiment.detector.pixel_size * 1e-3
    detector["data"] = h5py.SoftLink(data)
    detector["description"] = h5py.SoftLink("/entry/instrument/detector/description")
    detector["distance"] = experiment.geometry.close_distance * 1e-3
    detector["x_pixel_size"] = detector["y_pixel_size"] = size
    detector["corner_position"] = place.corner * 1e-3
    detector["basis_vectors"] = size * np.array([place.slow, place.fast])
    found = pixel_mask(experiment)
    put_mask(detector, "mask", np.sum([np.where(found & ours, theirs, 0) for ours, theirs in _BITS.items()], axis=0))
