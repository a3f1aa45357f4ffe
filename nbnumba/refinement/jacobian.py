"""Images of derivatives."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
from numpy.typing import ArrayLike

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.journal import stage
from nbnumba.kernels.arguments import Arguments, Orientations, all_axes
from nbnumba.kernels.pack import pack
from nbnumba.kernels.slopes import COUNT, VALUE, LastMotions, Motions, OwnMotions
from nbnumba.kernels.sums import Run, intermediates
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.parameters import PARAMETERS
from nbnumba.model.spectral import SpectralReflections
from nbnumba.refinement.chain import chain, check_names
from nbnumba.refinement.engine import engine

log = logging.getLogger(__name__)
_BATCH = 1 << 16  # pixels whose intermediates are held at a time


def jacobian(
    experiment: Experiment, parameters: Sequence[str], pixels: ArrayLike | None = None, *, device: str = "cpu"
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The image, and its derivative by each of some parameters.

    Of several lattices, the parameters of the crystal are those of ``experiment.crystal``, all others act on all.

    Args:
        experiment: what is rendered.
        parameters: names among ``experiment.parameters()``.
        pixels: (n, 2), slow and fast numbers of the pixels that are wanted, or (n, 3) with that of the panel first,
            where panels are listed; None: all that are rendered.
        device: "cpu", or "cuda", "cuda:1" and so on (extras cuda12, cuda13; docs/gpu.md).

    Returns:
        The image in float64 [photons], and by name its derivatives [photons per A, degree, mm ...]: arrays of the
        image's shape, 0 where nothing is rendered, or (n,) for pixels that are given.

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act or has no derivative, or pixels that do not exist.
    """
    check_names(experiment, parameters)
    run = engine(device)
    places = experiment.rendered_pixels() if pixels is None else checked_pixels(experiment, pixels)
    found = np.zeros((1 + len(parameters), len(places)))
    if "wavelength" in parameters and isinstance(experiment.crystal.reflections, SpectralReflections):
        raise NbnumbaError(
            "wavelength: found with reflections that depend on it in steps, where there is no derivative"
        )
    told = stage(log, f"deriving {len(places)} pixels by {', '.join(parameters)} on {device}")
    with told if parameters else nullcontext():
        for part, weight, lattice in experiment.components():
            _add(found, run, part, weight, _acting(part, parameters, lattice), places)
    if parameters and not found[0].any():
        text = "the image is zero in all pixels that are wanted, and so are its derivatives"
        warnings.warn(text, NbnumbaWarning, stacklevel=2)
    if pixels is None:
        return _on_detector(experiment, places, found[0]), {
            name: _on_detector(experiment, places, row) for name, row in zip(parameters, found[1:], strict=True)
        }
    return found[0], dict(zip(parameters, found[1:], strict=True))


def _acting(part: Experiment, parameters: Sequence[str], lattice: int) -> np.ndarray:
    """What parameters do to the intermediates z of a component, (numbers in z, parameters)."""
    matrix = np.zeros((COUNT, len(parameters)))
    acts = [lattice == 0 or PARAMETERS[name].part != "crystal" for name in parameters]
    matrix[:, acts] = chain(part, [name for name, act in zip(parameters, acts, strict=True) if act])
    return matrix


def _add(
    found: np.ndarray, run: Run, part: Experiment, weight: float, matrix: np.ndarray, places: np.ndarray
) -> None:  # fmt: skip
    """Add image and derivatives of a component to rows of pixels."""
    a = pack(part, merged=False, weight=weight)
    moving, width = motions(part, a), part.detector.pixels[1]
    flat = np.ravel_multi_index(tuple(places.T), part.detector.shape)
    for start in range(0, len(places), _BATCH):
        stop = start + _BATCH
        z = intermediates(run, a, moving, flat[start:stop], width)
        found[0, start:stop] += z[VALUE]
        found[1:, start:stop] += matrix.T @ z


def _on_detector(experiment: Experiment, places: np.ndarray, values: np.ndarray) -> np.ndarray:
    image = np.zeros(experiment.detector.shape)
    image[tuple(places.T)] = values
    return image


def motions(experiment: Experiment, a: Arguments) -> Motions:
    """All orientations with the axes of their domains' turns, and how the polarization axis leans."""
    axis, light = np.array(experiment.electric_axis), a.illumination
    leans = (light.incident @ axis) / (light.electric @ axis)
    of_all = all_axes(a.orientations), _spins(experiment.crystal, a.orientations), leans
    if not a.orientations.scan_last:
        return LastMotions(*of_all)
    return OwnMotions(*of_all, experiment.crystal.mosaic.stretched(), a.orientations.turns)


def _spins(crystal: Crystal, orientations: Orientations) -> np.ndarray:
    """Axes of the domains' turns times their angles over the spread, for all orientations (n, 3)."""
    vectors = np.array([[times * x for x in axis] for axis, times in crystal.mosaic.turns()])
    if not orientations.scan_last:
        return np.tile(vectors, (len(orientations.cells), 1))
    return np.einsum("pij,mj->mpi", orientations.turns, vectors @ crystal.frame).reshape(-1, 3)


def checked_pixels(experiment: Experiment, pixels: ArrayLike) -> np.ndarray:
    """Pixels as an array (n, 2), or (n, 3) where panels are listed, if all lie on the detector."""
    places, size = np.asarray(pixels), experiment.detector.shape
    if places.ndim != 2 or places.shape[1] != len(size) or places.dtype.kind not in "iu":
        names = "(n, 2), slow, fast" if len(size) == 2 else "(n, 3), panel, slow, fast"
        raise NbnumbaError(
            f"pixels: found {places.dtype} of shape {places.shape}; allowed: whole numbers of shape {names}"
        )
    outside = ((places < 0) | (places >= size)).any(axis=1)
    if not outside.any() and experiment.detector.present is not None:
        outside = ~experiment.detector.present.reshape(size)[tuple(places.T)]
    if outside.any():
        limits = ", ".join(str(n - 1) for n in size)
        raise NbnumbaError(f"pixels: found {places[outside][0].tolist()}; allowed: from 0 to {limits}, on a panel")
    return places.astype(np.int64)
