"""What a file holds that can be shown: an image, which of its pixels count, and where it was taken."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.images import read_image
from nbnumba.inputs.geometry import read_geometry
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.scan import Scan
from nbnumba.outputs.pixel_mask import pixel_mask
from nbnumba.outputs.stored import experiment_of

#: Stands where a file tells of no crystal.
_NO_CRYSTAL = Crystal(cell=(10.0, 10.0, 10.0, 90.0, 90.0, 90.0))


class Content(NamedTuple):
    """An image that can be shown."""

    image: np.ndarray  # (slow, fast), or (panel, slow, fast)
    masked: np.ndarray  # of the same shape, true where there is no measurement
    experiment: Experiment | None  # where and how it was taken; None: not known
    crystal: bool  # whether the experiment is all known, and not its detector and beam alone
    unit: str
    unknown: str  # why there is no experiment


def read_content(
    path: str | Path,
    *,
    number: int = 0,
    images: int = 1,
    shape: tuple[int, int] | None = None,
    experiment: Experiment | None = None,
) -> Content:
    """Read an image, or the sum of several, with all that its file tells.

    Args:
        path: a file that ``nb.read_image`` reads.
        number: of the image in a file that holds several, from 0.
        images: how many are added up, from that one on.
        shape: (slow, fast) of a raw file.
        experiment: what was measured, or rendered; None: as the file says.

    Raises:
        NbnumbaError: as ``nb.read_image``, or an experiment whose images have another shape.
    """
    own = experiment_of(path, number)
    known, crystal, unknown = experiment or own, True, ""
    if experiment is not None and own is None:
        known = _turned(experiment, path)
    if known is None:
        known, unknown = _measured(path)
        crystal = False
    first = read_image(path, number=number, shape=shape)
    if known is not None and known.detector.shape != first.shape:
        rows = known.detector.rows, known.detector.pixels[1]
        if first.shape != rows:
            told = f"images of {known.detector.shape} pixels, and the file holds {first.shape}"
            if experiment is not None:
                raise NbnumbaError(f"{path}: the experiment makes {told}; name the experiment of this image")
            known, crystal, unknown = None, False, f"its geometry is that of {told}"
    form = first.shape if known is None else known.detector.shape
    total, masked = first.reshape(form), _unmeasured(first, own is not None).reshape(form)
    for further in range(number + 1, number + images):
        image = read_image(path, number=further, shape=shape)
        masked |= _unmeasured(image, own is not None).reshape(form)
        total = total.astype(np.float64) + image.reshape(form)
    if known is not None:
        masked |= pixel_mask(known) != 0
    return Content(total, masked, known, crystal, _unit(first, own is not None), unknown)


def _unmeasured(image: np.ndarray, ours: bool) -> np.ndarray:
    """Pixels that are not finite, and, where others wrote them, negative integers, which stand for no measurement."""
    return image < 0 if image.dtype.kind == "i" and not ours else ~np.isfinite(image)


def _unit(image: np.ndarray, ours: bool) -> str:
    if image.dtype.kind != "f":
        return "counts"
    return "photons" if ours else "intensity"


def _turned(experiment: Experiment, path: str | Path) -> Experiment:
    """The experiment at the angles that the image tells, where both tell of some."""
    try:
        found = read_geometry(path).oscillation
    except NbnumbaError:
        found = None
    if found is None or experiment.turning is None or found[1] == 0.0:
        return experiment
    sign = math.copysign(1.0, found[1] * experiment.turning.width)  # of a turn about the opposite axis
    return experiment.replace(**{"scan.start": sign * found[0], "scan.width": sign * found[1]})


def _measured(path: str | Path) -> tuple[Experiment | None, str]:
    """Detector and beam that a file names, or why there are none."""
    try:
        found = read_geometry(path)
        start, width = found.oscillation or (0.0, 0.0)
        scan = Scan(start=start, width=width, axis=found.spindle) if found.spindle else None
        return Experiment(crystal=_NO_CRYSTAL, beam=found.beam, detector=found.detector, scan=scan), ""
    except NbnumbaError as error:
        return None, str(error)
