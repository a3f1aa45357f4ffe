"""Images of derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.kernels.arguments import Arguments, all_axes
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
        pixels: (n, 2), slow and fast numbers of the pixels that are wanted; None: all that are rendered.
        device: "cpu", or "cuda", "cuda:1" and so on.

    Returns:
        The image in float64 [photons], and by name its derivatives [photons per A, degree, mm ...]: arrays (slow,
        fast), 0 where nothing is rendered, or (n,) for pixels that are given.

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act or has no derivative, or pixels that do not exist.
    """
    run, matrix = engine(device), chain(experiment, parameters)
    places = experiment.rendered_pixels() if pixels is None else checked_pixels(experiment, pixels)
    a = pack(experiment, merged=False)
    moving, width = motions(experiment, a), experiment.detector.pixels[1]
    flat = places[:, 0] * width + places[:, 1]
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
    image = np.zeros(experiment.detector.pixels)
    image[places[:, 0], places[:, 1]] = values
    return image


def motions(experiment: Experiment, a: Arguments) -> Motions:
    """All orientations with the axes of their domains' turns, and how the polarization axis leans."""
    turns = [[fraction * x for x in axis] for axis, fraction in experiment.crystal.mosaic.turns()]
    spins = np.tile(turns, (len(a.orientations.cells), 1))
    axis = np.array(experiment.polarization_axis)
    light = a.illumination
    return Motions(all_axes(a.orientations), spins, (light.incident @ axis) / (light.electric @ axis))


def checked_pixels(experiment: Experiment, pixels: ArrayLike) -> np.ndarray:
    """Pixels as an array (n, 2), if all lie on the detector."""
    places, size = np.asarray(pixels), experiment.detector.pixels
    if places.ndim != 2 or places.shape[1] != 2 or places.dtype.kind not in "iu":
        raise NbnumbaError(
            f"pixels: found {places.dtype} of shape {places.shape}; allowed: whole numbers of shape (n, 2), slow, fast"
        )
    outside = ((places < 0) | (places >= size)).any(axis=1)
    if outside.any():
        raise NbnumbaError(
            f"pixels: found {places[outside][0].tolist()}; allowed: from 0 to {size[0] - 1}, {size[1] - 1}"
        )
    return places.astype(np.int64)
