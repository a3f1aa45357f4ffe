"""A table of the reflections on a series of images, for other programs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.model.cell import reciprocal
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import whole
from nbnumba.spots import Spots, spots

ROW = np.dtype(
    [
        ("lattice", np.int32),
        ("h", np.int32),
        ("k", np.int32),
        ("l", np.int32),
        ("amplitude", np.float64),  # F
        ("intensity", np.float64),  # F^2
        ("d_A", np.float64),
        ("panel", np.int32),
        ("slow", np.float64),  # pixels from the outer corner of the first one
        ("fast", np.float64),
        ("phi_degrees", np.float64),
        ("image", np.int32),  # from 0
        ("excitation_error_per_A", np.float64),
    ]
)


def predict_reflections(experiment: Experiment, images: int = 1) -> np.ndarray:
    """Every reflection on the detector, with its place and its true intensity.

    With a scan, each passage through the Ewald sphere within the images, and those that it only comes near to, at the
    start of the first or the end of the last: as near as the size of the crystal (within the first zero of its
    transform), mosaicity, bandwidth or divergence take it to be seen. Of a still, all that are as near. Left out are
    amplitudes of 0, and spacings below ``sampling.dmin``. Of several wavelengths or sources, places are those of the
    mean.

    Args:
        experiment: what is simulated.
        images: number of images of the scan, of which image i starts at ``scan.start + i * scan.width``.

    Returns:
        Structured array (n,) with the fields of ``ROW``: lattice (0: that of ``crystal``), h, k, l, amplitude (F),
        intensity (F^2), d_A [A], panel (0 where none are listed), slow and fast [pixels from the outer corner of the
        first], phi_degrees, image (from 0), excitation_error_per_A (0: exactly on the sphere). Ordered by lattice,
        image, angle.

    Raises:
        NbnumbaError: more than 500 million reflections up to the resolution of the detector's corners.
    """
    check_experiment(experiment)
    images = whole("images", images, low=1)
    found = spots(experiment, images=images)
    table = np.zeros(len(found), dtype=ROW)
    table["h"], table["k"], table["l"] = found.hkl.T
    table["image"] = _images(experiment, found, images)
    table["phi_degrees"], table["excitation_error_per_A"] = found.angle, found.excitation_error
    for name in ("lattice", "amplitude", "panel", "slow", "fast"):
        table[name] = getattr(found, name)
    table["intensity"] = found.amplitude**2
    table["d_A"] = 1.0 / np.linalg.norm(_vectors(experiment, found), axis=1)
    return table[np.lexsort((table["phi_degrees"], table["image"], table["lattice"]))]


def write_reflections(
    path: str | Path, experiment: Experiment | Sequence[Experiment], *, images: int = 1, overwrite: bool = False
) -> Path:
    """Write the table of ``predict_reflections`` as CSV: one line of names, then a line for each reflection.

    Args:
        path: the new file.
        experiment: what is simulated; several, as of stills with beams of their own, are series of ``images`` images
            that follow one another.
        images: number of images of the scan.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        NbnumbaError: the file cannot be written.
    """
    series: Sequence[Any] = experiment if isinstance(experiment, list | tuple) else [experiment]
    tables = [predict_reflections(one, images) for one in series]
    for number, each in enumerate(tables):
        each["image"] += number * images
    table = np.concatenate(tables)
    with new_file(path, overwrite) as part, open(part, "w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.dtype.names or ())
        writer.writerows([_text(value) for value in row] for row in table.tolist())
    return Path(path)


def _text(value: float) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _images(experiment: Experiment, found: Spots, images: int) -> np.ndarray:
    """Numbers (n,) of the images that they are on."""
    scan = experiment.turning
    if scan is None:
        return np.zeros(len(found), dtype=int)
    return np.clip(np.floor((found.angle - scan.start) / scan.width), 0, images - 1).astype(int)


def _vectors(experiment: Experiment, found: Spots) -> np.ndarray:
    """Vectors (n, 3) q [1/A] before any turn of the spindle."""
    axes = np.array([reciprocal(crystal.axes) for crystal in experiment.crystals])
    return np.einsum("ni,nij->nj", found.hkl, axes[found.lattice])
