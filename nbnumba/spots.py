"""All reflections that fall onto the detector, and the table of them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.model.cell import reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.reflections import Reflections
from nbnumba.model.sources import as_arrays
from nbnumba.model.spectral import SpectralReflections
from nbnumba.model.validate import whole
from nbnumba.physics.ewald import diffracted, diffracting_angles, excitation_error
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector
from nbnumba.prediction import Beam, mean_beam, places, start_angle
from nbnumba.report import panel_figures, resolution_limits

SPOT = np.dtype(
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
_TAILS = 3.0  # standard deviations of what is normal
_SLACK = 1.01


class Width(NamedTuple):
    """How far from the Ewald sphere [1/A] a still shows a reflection: ``size + turn |q|``, for some wavelengths."""

    size: float
    turn: float
    wavelengths: tuple[float, float]  # the shortest and the longest [A]


def predict_reflections(experiment: Experiment, images: int = 1) -> np.ndarray:
    """Every reflection on the detector, with its place and its true intensity.

    With a scan: where and at which angle of the spindle each is exactly on the Ewald sphere, within so many images. A
    still: those so near to the sphere that the size of the crystal (within the first zero of its transform), mosaicity,
    bandwidth or divergence light them up, at the place they have there. Left out are amplitudes of 0, and spacings
    below ``sampling.dmin``. Of several wavelengths or sources, places are those of the mean.

    Args:
        experiment: what is simulated.
        images: number of images of the scan, of which image i starts at ``scan.start + i * scan.width``.

    Returns:
        Structured array (n,) with the fields of ``SPOT``: lattice (0: that of ``crystal``), h, k, l, amplitude (F),
        intensity (F^2), d_A [A], panel (0 where none are listed), slow and fast [pixels from the outer corner of the
        first], phi_degrees, image (from 0), excitation_error_per_A (0 in a scan). Ordered by lattice, image, angle.
    """
    images = whole("images", images, low=1)
    rows = [
        row for number, crystal in enumerate(experiment.crystals) for row in _spots(experiment, number, crystal, images)
    ]
    table = np.array(rows, dtype=SPOT)
    return table[np.lexsort((table["phi_degrees"], table["image"], table["lattice"]))]


def write_reflections(path: str | Path, experiment: Experiment, *, images: int = 1, overwrite: bool = False) -> Path:
    """Write the table of ``predict_reflections`` as CSV: one line of names, then a line for each reflection.

    Returns:
        The path.

    Raises:
        NbnumbaError: the file cannot be written.
    """
    table = predict_reflections(experiment, images)
    with new_file(path, overwrite) as part, open(part, "w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.dtype.names or ())
        writer.writerows([_text(value) for value in row] for row in table.tolist())
    return Path(path)


def _text(value: float) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


Row = tuple[Any, ...]


def _spots(experiment: Experiment, lattice: int, crystal: Crystal, images: int) -> Iterator[Row]:
    """Rows of the table for one lattice."""
    hkl, amplitude = _listed(experiment, crystal)
    q = hkl @ reciprocal(crystal.axes)
    beam, scan = mean_beam(experiment), experiment.scan
    turns = scan is not None and scan.width != 0.0
    near = np.arange(len(q)) if turns else _near(q, beam, _width(experiment, crystal, beam))
    for i in near.tolist():
        vector = Vector(*q[i].tolist())
        angles = _passages(experiment, vector, beam, images) if turns else [start_angle(experiment)]
        for angle in angles:
            turned = rotate(vector, experiment.spindle, angle)
            slow, fast, inside, panel = places(experiment, diffracted(turned, *beam))
            if inside:
                f = float(amplitude[i])
                yield (
                    lattice, *hkl[i].tolist(), f, f * f, 1.0 / float(np.linalg.norm(q[i])), panel or 0, slow, fast,
                    math.degrees(angle), _image(experiment, angle, images), excitation_error(turned, *beam),
                )  # fmt: skip


def _image(experiment: Experiment, angle: float, images: int) -> int:
    scan = experiment.scan
    if scan is None or scan.width == 0.0:
        return 0
    return min(max(math.floor((math.degrees(angle) - scan.start) / scan.width), 0), images - 1)


def _passages(experiment: Experiment, q: Vector, beam: Beam, images: int) -> list[float]:
    """Angles [rad] of the spindle within the images at which q [1/A] lies on the sphere."""
    scan = experiment.scan
    assert scan is not None
    ends = [math.radians(scan.start + n * scan.width) for n in (0, images)]
    low, high = min(ends), max(ends)
    found = []
    for angle in diffracting_angles(q, experiment.spindle, *beam):
        if math.isfinite(angle):
            first = angle + 2.0 * math.pi * math.ceil((low - angle) / (2.0 * math.pi))
            found += [first + 2.0 * math.pi * i for i in range(math.floor((high - first) / (2.0 * math.pi)) + 1)]
    return found


def _width(experiment: Experiment, crystal: Crystal, beam: Beam) -> Width:
    incident, _, wavelengths = as_arrays(experiment.sources)
    directions = incident / np.linalg.norm(incident, axis=1, keepdims=True)
    divergence = float(np.linalg.norm(directions - np.array(beam.direction), axis=1).max())
    mosaic = crystal.mosaic
    widest = 1.0 if mosaic.distribution == "nanobragg" and not mosaic.stretches else _TAILS
    turn = divergence + (widest * mosaic.width if mosaic.count > 1 else 0.0)
    return Width(1.0 / min(crystal.size), turn, (float(wavelengths.min()), float(wavelengths.max())))


def _near(q: np.ndarray, beam: Beam, width: Width) -> np.ndarray:
    """Numbers of those of some vectors (n, 3) [1/A] that a still shows."""
    reach = width.size + width.turn * np.linalg.norm(q, axis=1)
    # i.q + lambda q^2/2 is the distance from the sphere up to its own square: enough to leave most of them out.
    along, half = q @ np.array(beam.direction), 0.5 * np.einsum("ij,ij->i", q, q)
    ends = [along + wavelength * half for wavelength in width.wavelengths]
    slack = _SLACK * reach + np.max(width.wavelengths) * reach**2
    close = np.flatnonzero((np.minimum(*ends) <= slack) & (np.maximum(*ends) >= -slack))
    errors = np.array(
        [
            [excitation_error(Vector(*q[i].tolist()), beam.direction, wavelength) for wavelength in width.wavelengths]
            for i in close.tolist()
        ]
    ).reshape(-1, 2)
    lit = (errors.min(axis=1) <= reach[close]) & (errors.max(axis=1) >= -reach[close])
    return np.asarray(close[lit])


def _listed(experiment: Experiment, crystal: Crystal) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n, 3) and amplitudes (n,) of all reflections that could be on the detector."""
    known = crystal.reflections
    if isinstance(known, SpectralReflections):
        known = known.tables[int(known.nearest(np.array([mean_beam(experiment).wavelength]))[0])]
    longest = _longest(experiment)
    if known is not None and crystal.default_f == 0.0:
        hkl, amplitude = known.hkl, known.amplitude
    else:
        hkl = _all_within(crystal.axes, longest)
        amplitude = _looked_up(hkl, known, crystal.default_f)
    length = np.linalg.norm(hkl @ reciprocal(crystal.axes), axis=1)
    kept = (amplitude != 0.0) & (length > 0.0) & (length <= longest)
    return hkl[kept], amplitude[kept]


def _longest(experiment: Experiment) -> float:
    """Length [1/A] of the longest vector that the detector, and ``sampling.dmin``, let through."""
    figures = panel_figures(experiment) if experiment.detector.panels else resolution_limits(experiment)
    widest = _SLACK / figures["resolution_corner_A"]
    return min(widest, 1.0 / experiment.sampling.dmin) if experiment.sampling.dmin > 0.0 else widest


def _all_within(axes: np.ndarray, longest: float) -> np.ndarray:
    """All indices (n, 3) within a sphere of reciprocal space [1/A]: h = a.q."""
    ends = np.floor(np.linalg.norm(axes, axis=1) * longest).astype(int)
    h, k, l = (np.arange(-n, n + 1) for n in ends)  # noqa: E741
    hkl = np.stack(np.meshgrid(h, k, l, indexing="ij"), axis=-1).reshape(-1, 3)
    return hkl[np.linalg.norm(hkl @ reciprocal(axes), axis=1) <= longest]


def _looked_up(hkl: np.ndarray, known: Reflections | None, default_f: float) -> np.ndarray:
    """Amplitudes (n,): those that are known, the others by default."""
    found = np.full(len(hkl), default_f)
    if known is None:
        return found
    code = lambda table: (table.astype(np.int64) + 2**20) @ np.array([1 << 42, 1 << 21, 1])  # noqa: E731
    wanted, there = code(hkl), code(known.hkl)
    _, mine, theirs = np.intersect1d(wanted, there, assume_unique=True, return_indices=True)
    found[mine] = known.amplitude[theirs]
    return found
