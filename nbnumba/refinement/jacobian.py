"""Images of derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.kernels.arguments import Arguments
from nbnumba.kernels.pack import pack
from nbnumba.kernels.slopes import VALUE, Motions
from nbnumba.kernels.sums import intermediates
from nbnumba.model.experiment import Experiment
from nbnumba.refinement.chain import chain
from nbnumba.refinement.engine import engine

_BATCH = 1 << 16  # pixels whose intermediates are held at a time


def jacobian(
    experiment: Experiment, parameters: Sequence[str], pixels: ArrayLike | None = None, *, device: str = "cpu"
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The image, and its derivative by each of some parameters.

    Args:
        experiment: what is rendered.
        parameters: names among ``experiment.parameters()``.
        pixels: (n, 2), slow and fast numbers of the pixels that are wanted, or (n, 3) with that of the panel first,
            where panels are listed; None: all that are rendered.
        device: "cpu", or "cuda", "cuda:1" and so on.

    Returns:
        The image in float64 [photons], and by name its derivatives [photons per A, degree, mm ...]: arrays of the
        image's shape, 0 where nothing is rendered, or (n,) for pixels that are given.

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act or has no derivative, or pixels that do not exist.
    """
    run, matrix = engine(device), chain(experiment, parameters)
    places = experiment.rendered_pixels() if pixels is None else checked_pixels(experiment, pixels)
    a = pack(experiment, merged=False)
    moving, width = motions(experiment, a), experiment.detector.pixels[1]
    flat = np.ravel_multi_index(tuple(places.T), experiment.detector.shape)
    found = np.empty((1 + len(parameters), len(places)))
    for start in range(0, len(places), _BATCH):
        stop = start + _BATCH
        z = intermediates(run, a, moving, flat[start:stop], width)
        found[0, start:stop] = z[VALUE]
        found[1:, start:stop] = matrix.T @ z
    if parameters and not found[0].any():
        text = "the image is zero in all pixels that are wanted, and so are its derivatives"
        warnings.warn(text, NbnumbaWarning, stacklevel=2)
    if pixels is None:
        return _on_detector(experiment, places, found[0]), {
            name: _on_detector(experiment, places, row) for name, row in zip(parameters, found[1:], strict=True)
        }
    return found[0], dict(zip(parameters, found[1:], strict=True))


def _on_detector(experiment: Experiment, places: np.ndarray, values: np.ndarray) -> np.ndarray:
    image = np.zeros(experiment.detector.shape)
    image[tuple(places.T)] = values
    return image


def motions(experiment: Experiment, a: Arguments) -> Motions:
    """All orientations with the axes of their domains' turns, and how the polarization axis leans."""
    turns = [[fraction * x for x in axis] for axis, fraction in experiment.crystal.mosaic.turns()]
    cells, domains = a.orientations.cells, a.orientations.domains
    axes = np.einsum("pij,mkj->pmik", cells, domains).reshape(-1, 3, 3)
    axis = np.array(experiment.polarization_axis)
    light = a.illumination
    return Motions(axes, np.tile(turns, (len(cells), 1)), (light.incident @ axis) / (light.electric @ axis))


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
