"""Experiments as experiment lists of DIALS (.expt, JSON), with the crystal that was simulated.

The frame of DIALS is that of imgCIF: z from the sample to the source, y up. Its models and their names are those that
``dxtbx.model`` reads (https://github.com/cctbx/dxtbx).
"""

from __future__ import annotations

import json
import math
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.mosaic import Mosaic
from nbnumba.model.validate import whole
from nbnumba.outputs.counts import Readout, readout
from nbnumba.outputs.laboratory import places, turn, turned
from nbnumba.outputs.nexus_geometry import Module, Turn
from nbnumba.outputs.stored import stored
from nbnumba.physics.vector import cross

_UNTURNED = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
#: Standard deviation about one axis of nanoBragg's domains, over their largest angle: their angles are that times
#: f = (1 - r^2)^(1/3), r even in (-1, 1), about axes of all directions, so that it is (<f^2>/3)^(1/2).
_BALL = math.sqrt(math.sqrt(math.pi) * math.gamma(5.0 / 3.0) / (2.0 * math.gamma(13.0 / 6.0)) / 3.0)


def write_dials(
    path: str | Path,
    experiment: Experiment,
    *,
    file: str | Path | None = None,
    images: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Write an experiment list with beam, detector, goniometer, scan, images and the true crystals.

    A scan is one sequence of images, stills are an experiment each; further lattices are experiments on the same
    images. Crystals are in space group P 1, as images are simulated from reflections without symmetry. Their mosaicity
    is, with a scan, the standard deviation of domains about an axis (``mosaicity``), for stills the largest angle and
    the size of a domain (``ML_half_mosaicity_deg``, ``ML_domain_size_ang``). Of a spectrum, the mean wavelength is
    written; of stills that have beams of their own, the wavelength of each.

    Args:
        path: the new file.
        experiment: what was simulated.
        file: HDF5 file of ours with the images; its name is written as an absolute path.
        images: number of images, the first ones of the file; None: all that are in the file, or 1.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        NbnumbaError: a curved detector, or crystal axes that are left-handed, which DIALS has not; or a file cannot be
            read or written.
    """
    check_experiment(experiment)
    experiment.detector.check_flat("DIALS")
    held = None if file is None else stored(file)
    there = 1 if held is None else held.images
    most = 2**31 - 1 if held is None else there
    count = there if images is None else whole("images", images, low=1, high=most)
    values = readout(experiment, None if held is None else held.kind)
    own = () if held is None else held.wavelengths[:count]
    text = json.dumps(_list(experiment, count, file, values, own), indent=2)
    with new_file(path, overwrite) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def _list(
    experiment: Experiment, count: int, file: str | Path | None, values: Readout, own: tuple[float, ...]
) -> dict[str, Any]:
    """The whole list; stills may have wavelengths of their own."""
    rotation = turn(experiment, 0)
    turns = rotation is not None
    beam = _beam(experiment)
    beams = [beam] if turns or not own else [{**beam, "wavelength": wavelength} for wavelength in own]
    models = {
        "imageset": [] if file is None else _imagesets(os.path.abspath(file), count, turns),
        "beam": beams,
        "detector": [_detector(experiment, values)],
        **_rotation(rotation, count, experiment.beam.exposure),
        "crystal": [_crystal(experiment, lattice, turns) for lattice in experiment.crystals],
        "profile": [],
        "scaling_model": [],
    }
    seed = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(models))
    common = {"detector": 0, **({"goniometer": 0, "scan": 0} if turns else {})}
    rows = [
        {
            "__id__": "Experiment",
            "identifier": str(uuid.uuid5(seed, f"{number} {lattice}")),
            "beam": number if len(beams) > 1 else 0,
            **common,
            "crystal": lattice,
            **({} if file is None else {"imageset": number}),
        }
        for number in range(1 if turns else count)
        for lattice in range(len(experiment.crystals))
    ]
    return {"__id__": "ExperimentList", "experiment": rows, **models}


def _imagesets(file: str, count: int, turns: bool) -> list[dict[str, Any]]:
    common = dict.fromkeys(("mask", "gain", "pedestal", "dx", "dy"))
    if turns:
        return [{"__id__": "ImageSequence", "template": file, "single_file_indices": [*range(count)], **common}]
    return [{"__id__": "ImageSet", "images": [file], "single_file_indices": [i], **common} for i in range(count)]


def _beam(experiment: Experiment) -> dict[str, Any]:
    """DIALS points from the sample to the source, and names the normal of the plane of the electric field."""
    normal = cross(experiment.electric_axis, experiment.beam_direction)
    return {
        "direction": _vector(experiment, -np.array(experiment.beam_direction)),
        "wavelength": experiment.mean_wavelength,
        "divergence": 0.0,
        "sigma_divergence": 0.0,
        "polarization_normal": _vector(experiment, np.array(normal) / np.linalg.norm(normal)),
        "polarization_fraction": 0.5 * (1.0 + experiment.beam.kahn),
        "flux": experiment.beam.flux or 0.0,
        "transmission": 1.0,
    }


def _detector(experiment: Experiment, values: Readout) -> dict[str, Any]:
    return {"panels": [_panel(experiment, number, place, values) for number, place in enumerate(places(experiment))]}


def _panel(experiment: Experiment, number: int, place: Module, values: Readout) -> dict[str, Any]:
    detector = experiment.detector
    slow, fast = detector.size_of(number)
    sensor = experiment.sensor_mu > 0.0
    return {
        "name": f"panel {number}",
        "type": "SENSOR_PAD",
        "fast_axis": _plain(place.fast),
        "slow_axis": _plain(place.slow),
        "origin": _plain(place.corner),
        "raw_image_offset": [0, number * detector.pixels[0]],
        "image_size": [fast, slow],
        "pixel_size": [detector.pixel_size, detector.pixel_size],
        "trusted_range": [float(values.low), float(values.high)],
        "thickness": detector.sensor_thickness if sensor else 0.0,
        "material": (detector.sensor_material or "") if sensor else "",
        "mu": experiment.sensor_mu,
        "identifier": "",
        "mask": [],
        "gain": values.gain,
        "pedestal": values.offset,
        "px_mm_strategy": {"type": "ParallaxCorrectedPxMmStrategy" if sensor else "SimplePxMmStrategy"},
    }


def _rotation(first: Turn | None, count: int, exposure: float) -> dict[str, Any]:
    if first is None:
        return {"goniometer": [], "scan": []}
    axis = _plain(first.axis)
    return {
        "goniometer": [{"rotation_axis": axis, "fixed_rotation": _UNTURNED, "setting_rotation": _UNTURNED}],
        "scan": [
            {
                "image_range": [1, count],
                "batch_offset": 0,
                "oscillation": [first.start, first.width],
                "exposure_time": [exposure] * count,
                "epochs": [i * exposure for i in range(count)],
                "valid_image_ranges": {},
            }
        ],
    }


def _crystal(experiment: Experiment, lattice: Crystal, turns: bool) -> dict[str, Any]:
    axes = lattice.axes
    if np.linalg.det(axes) < 0.0:
        raise NbnumbaError("crystal.orientation: found axes a, b, c that are left-handed; allowed for DIALS: "
                           "right-handed ones, as those with c turned round")  # fmt: skip
    real = {f"real_space_{name}": _vector(experiment, row) for name, row in zip("abc", axes, strict=True)}
    if turns:
        spread = {"mosaicity": math.degrees(_deviation(lattice.mosaic))}
    else:
        largest = float(np.max(lattice.mosaic.spread)) if lattice.mosaic.count > 1 else 0.0
        spread = {"ML_half_mosaicity_deg": largest, "ML_domain_size_ang": min(lattice.size)}
    return {"__id__": "crystal", **real, "space_group_hall_symbol": " P 1", **spread}


def _deviation(mosaic: Mosaic) -> float:
    """Standard deviation [rad] of the turns of domains about an axis, the mean of three axes."""
    if mosaic.count == 1:
        return 0.0
    spread = math.radians(float(np.sqrt(np.mean(np.square(mosaic.spread)))))
    return spread * _BALL if mosaic.distribution == "nanobragg" else spread


def _vector(experiment: Experiment, vector: Any) -> list[float]:
    """A vector of the experiment in the frame of DIALS."""
    return _plain(turned(experiment, vector))


def _plain(vector: np.ndarray) -> list[float]:
    return [x + 0.0 for x in vector.tolist()]  # no minus zeros
