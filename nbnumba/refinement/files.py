"""HDF5 files of derivatives and of refinements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from nbnumba import __version__
from nbnumba.model.experiment import Experiment
from nbnumba.model.parameters import PARAMETERS, rate_unit
from nbnumba.outputs.hdf5 import new_hdf5
from nbnumba.outputs.nexus_tree import group, put
from nbnumba.refinement.result import Refinement

_PACKED = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


def write_derivatives(
    path: str | Path,
    experiment: Experiment,
    image: np.ndarray,
    derivatives: Mapping[str, np.ndarray],
    *,
    overwrite: bool = False,
    command_line: str | None = None,
) -> Path:
    """Write an image and its derivatives, as from ``nbnumba.jacobian``.

    The file holds /entry/data/image and /entry/derivatives/NAME, float64, with their units, and the experiment as TOML.

    Raises:
        NbnumbaError: the file cannot be written.
    """
    with new_hdf5(path, overwrite) as use:
        use(_fill_derivatives, experiment, image, derivatives, command_line)
    return Path(path)


def _fill_derivatives(
    file: h5py.File, experiment: Experiment, image: np.ndarray, derivatives: Mapping[str, np.ndarray],
    command_line: str | None,
) -> None:  # fmt: skip
    entry = _entry(file, experiment, command_line)
    _images(entry, {"image": image}, "image")
    _derivatives(entry, derivatives)


def write_refinement(
    path: str | Path,
    refinement: Refinement,
    start: Experiment,
    *,
    overwrite: bool = False,
    command_line: str | None = None,
) -> Path:
    """Write a refinement of one image.

    The file holds /entry/data with data, model and residual [photons], NaN where no pixel counted;
    /entry/derivatives/NAME; /entry/parameters with names, units, values, esd, starts and their correlation;
    /entry/history with loss, predicted fall and damping of every point that was tried; boxes and planes of background,
    if there are any; and the experiment before and after as TOML.

    Args:
        path: the new file.
        refinement: what was found.
        start: experiment before.
        overwrite: replace an existing file.
        command_line: to be recorded.

    Raises:
        NbnumbaError: the file cannot be written.
    """
    pictures, derivatives = refinement.beside(), refinement.jacobian()
    with new_hdf5(path, overwrite) as use:
        use(_fill_refinement, refinement, pictures, derivatives, start, command_line)
    return Path(path)


def _fill_refinement(
    file: h5py.File, found: Refinement, pictures: tuple[np.ndarray, np.ndarray],
    derivatives: Mapping[str, np.ndarray], start: Experiment, command_line: str | None,
) -> None:  # fmt: skip
    data, model = pictures
    entry = _entry(file, found.experiment, command_line)
    put(entry, "start", start.to_toml(inline=True))
    put(entry, "message", found.message, converged=found.converged)
    put(entry, "loss", found.loss, pixels=found.pixels)
    _images(entry, {"data": data, "model": model, "residual": data - model}, "residual")
    _derivatives(entry, derivatives)
    names, begun = list(found.values), start.parameters()
    parameters = group(entry, "parameters", "NXcollection")
    put(parameters, "names", np.array(names, dtype=h5py.string_dtype()))
    put(parameters, "units", np.array([PARAMETERS[name].unit for name in names], dtype=h5py.string_dtype()))
    put(parameters, "starts", [begun[name] for name in names])
    put(parameters, "values", list(found.values.values()))
    put(parameters, "esd", list(found.esd.values()))
    put(parameters, "correlation", found.correlation)
    if len(found.planes[0]):
        put(entry, "background_planes", found.planes[0], "photons, photons/pixel along fast, along slow")
    if found.boxes[0]:
        fields = "h, k, l, slow_start, slow_stop, fast_start, fast_stop"
        put(entry, "boxes", np.array(found.boxes[0]), fields=fields)
    history = group(entry, "history", "NXcollection")
    for name in ("number", "loss", "predicted", "damping", "accepted"):
        put(history, name, np.array([getattr(iteration, name) for iteration in found.history]))


def _entry(file: h5py.File, experiment: Experiment, command_line: str | None) -> h5py.Group:
    file.attrs["default"] = "entry"
    entry = group(file, "entry", "NXentry", default="data")
    put(entry, "program_name", "nbnumba", version=__version__)
    put(entry, "experiment", experiment.to_toml(inline=True))
    if command_line is not None:
        put(entry, "command_line", command_line)
    return entry


def _images(entry: h5py.Group, images: Mapping[str, np.ndarray], signal: str) -> None:
    data = group(entry, "data", "NXdata", signal=signal, auxiliary_signals=[x for x in images if x != signal])
    for name, image in images.items():
        data.create_dataset(name, data=image, chunks=image.shape, **_PACKED).attrs["units"] = "photons"


def _derivatives(entry: h5py.Group, derivatives: Mapping[str, np.ndarray]) -> None:
    parent = group(entry, "derivatives", "NXcollection")
    for name, image in derivatives.items():
        made = parent.create_dataset(name, data=image, chunks=image.shape, **_PACKED)
        made.attrs["units"] = rate_unit(name)
