"""Geometry files of CrystFEL (.geom): where the panels of an HDF5 file's images lie.

Its frame is that of NeXus: z along the beam, y up. Panels are given by the corner of their first pixel, in pixels
across the beam, and by ``clen + coffset`` along it [m] (CrystFEL manual, crystfel_geometry). Numbers have no units
behind them: not every program that reads such files knows them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.constants import PHOTON_ENERGY
from nbnumba.inputs.hdf5 import ENTRY
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.outputs.counts import readout
from nbnumba.outputs.nexus_geometry import Module, modules
from nbnumba.outputs.nexus_series import DATA
from nbnumba.outputs.stored import WAVELENGTHS, stored


def write_crystfel(
    path: str | Path, experiment: Experiment, *, file: str | Path | None = None, overwrite: bool = False
) -> Path:
    """Write the geometry of the images that ``write_nexus`` writes.

    Of a spectrum, the mean wavelength is written; of stills that have beams of their own, where that of each stands in
    the file, which CrystFEL knows from version 0.10 on.

    Args:
        path: the new file.
        experiment: what was simulated.
        file: HDF5 file of ours with the images, for its mask and the type of its pixels.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        NbnumbaError: a curved detector, which CrystFEL has not, or a file cannot be read or written.
    """
    check_experiment(experiment)
    experiment.detector.check_flat("CrystFEL")
    places = modules(experiment)
    clen = 1e-3 * float(places[0].distance if places[0].distance > 0.0 else places[0].corner[2])
    lines = [*_common(experiment, clen, file)]
    for number, place in enumerate(places):
        lines += ["", *_panel(experiment, number, place, clen)]
    with new_file(path, overwrite) as part:
        part.write_text("\n".join(lines) + "\n", encoding="ascii")
    return Path(path)


def _common(experiment: Experiment, clen: float, file: str | Path | None) -> list[str]:
    held = None if file is None else stored(file)
    values = readout(experiment, None if held is None else held.kind)
    lines = [
        f"wavelength = /{WAVELENGTHS} A"
        if held is not None and held.wavelengths
        else f"photon_energy = {_number(1e3 * PHOTON_ENERGY / experiment.mean_wavelength)}",
        f"clen = {_number(clen)}",
        f"res = {_number(1e3 / experiment.detector.pixel_size)}",
        f"adu_per_photon = {_number(values.gain)}",
        f"data = /{ENTRY}/{DATA}/{DATA}",
        "dim0 = %",
        "dim1 = ss",
        "dim2 = fs",
    ]
    if held is not None and held.kind.kind != "f":
        lines.append(f"max_adu = {_number(values.high)}")
    if held is not None and held.mask is not None:
        lines += [f"mask0_data = {held.mask}", "mask0_goodbits = 0x0", "mask0_badbits = 0xffffffff"]
    return lines


def _panel(experiment: Experiment, number: int, place: Module, clen: float) -> list[str]:
    name = f"p{number}"
    size, rows = experiment.detector.pixel_size, experiment.detector.pixels[0]
    slow, fast = experiment.detector.size_of(number)
    corner = place.corner / size
    fields = {
        "min_fs": "0",
        "max_fs": str(fast - 1),
        "min_ss": str(number * rows),
        "max_ss": str(number * rows + slow - 1),
        "corner_x": _number(corner[0]),
        "corner_y": _number(corner[1]),
        "coffset": _number(1e-3 * float(place.corner[2]) - clen),
        "fs": _direction(place.fast),
        "ss": _direction(place.slow),
    }
    return [f"{name}/{key} = {value}" for key, value in fields.items()]


def _direction(vector: np.ndarray) -> str:
    return " ".join(f"{x:+.12f}{axis}" for x, axis in zip(vector.tolist(), "xyz", strict=True))


def _number(value: float) -> str:
    return f"{value:.12g}"
