"""A small picture of a detector: its frame, the beam, rings of resolution, and where reflections fall."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.png import encode, mark_cross
from nbnumba.prediction import ring

SIZE = 512  # pixels of the picture along its longer edge
_RING, _FRAME, _SPOT = 150, 90, 0


def write_sketch(
    path: str | Path,
    experiment: Experiment,
    rings: Sequence[float] = (),
    spots: Iterable[tuple[float, float]] = (),
    *,
    overwrite: bool = False,
) -> Path:
    """Write the picture as PNG.

    Args:
        path: the new file.
        experiment: whose detector is drawn.
        rings: spacings [A].
        spots: points (slow, fast) [pixels from the outer corner of the first one], drawn as small squares.
        overwrite: replace an existing file.

    Raises:
        NbnumbaError: the file cannot be written, a ring that the wavelength does not allow, or a detector that lists
            panels.
    """
    experiment.detector.check_one_panel("this picture")
    pixels = experiment.detector.pixels
    scale = max(pixels) / SIZE
    grey = np.full([max(math.ceil(n / scale), 1) for n in pixels], 255, dtype=np.uint8)
    for spacing in rings:
        found = ring(experiment, spacing, 4 * SIZE)
        rows, columns = ((x[found.inside] / scale).astype(int) for x in (found.slow, found.fast))
        grey[rows, columns] = _RING
    grey[[0, -1], :] = _FRAME
    grey[:, [0, -1]] = _FRAME
    fast, slow = (x / experiment.detector.pixel_size / scale for x in experiment.geometry.beam_center)
    mark_cross(grey, slow, fast)
    for at in spots:
        row, column = (int(x / scale) for x in at)
        grey[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = _SPOT
    with new_file(path, overwrite) as part:
        part.write_bytes(encode(grey))
    return Path(path)
