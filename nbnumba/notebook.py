"""Images and traces in a notebook, without any further library."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.outputs.picture import Picture
from nbnumba.outputs.pixels import as_image
from nbnumba.outputs.png import encode, grey_levels
from nbnumba.tracer.trace import Trace

_EDGE = 640  # pixels of a picture


def show(thing: Any, experiment: Experiment | None = None) -> Picture | Trace:
    """What a notebook shows of an image, or of a trace of a pixel.

    Images are dark on white on a logarithmic scale, binned to 640 pixels along an edge where they are larger, each bin
    as dark as its strongest pixel. ``nb.draw_image`` draws rings and spots too.

    Args:
        thing: array (slow, fast) of numbers, or (panel, slow, fast); or a ``Trace``.
        experiment: what was rendered: panels are shown as they lie, and the line below tells more.

    Returns:
        An object that Jupyter shows as a picture; a trace, which it shows as a table, is returned as it is.

    Raises:
        NbnumbaError: no array of numbers in two or three dimensions, of the shape of the experiment's images if that is
            given.
    """
    if isinstance(thing, Trace):
        return thing
    array = as_image("image", thing)
    grey = grey_levels(array, experiment, largest=_EDGE)
    zoom = max(_EDGE // (2 * max(grey.shape)), 1)
    size = grey.shape[1] * zoom, grey.shape[0] * zoom
    return Picture(encode(grey), size, "Image", _told(array, experiment))


def _told(array: np.ndarray, experiment: Experiment | None) -> str:
    finite = array[np.isfinite(array)]
    values = f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "no finite values"
    unit = "counts" if array.dtype.kind in "iu" else "photons" if experiment is not None else ""
    shape = " x ".join(map(str, array.shape))
    taken = f", {experiment.mean_wavelength:.6g} Å" if experiment is not None else ""
    return f"{shape} pixels, {values} {unit}".rstrip() + taken
