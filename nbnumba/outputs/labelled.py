"""Images as arrays of xarray, with names and places of their axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.outputs.pixels import as_image

if TYPE_CHECKING:
    from xarray import DataArray

_AXES = ("panel", "slow", "fast")


def to_xarray(experiment: Experiment, images: Any) -> DataArray:
    """Images as a ``xarray.DataArray`` named "image".

    Dimensions are slow and fast, before them panel where the detector lists panels, and before that image where there
    are several. Coordinates are numbers of pixels, panels and images, from 0; ``slow_mm`` and ``fast_mm``, middles of
    pixels from the outer corner of the first one; and with a scan ``angle``, where the spindle stands at the start of
    each image [degrees]. Attributes tell units, wavelength and geometry. Needs the extra "xarray".

    Args:
        experiment: what was rendered.
        images: an image, (slow, fast) or (panel, slow, fast), or an array or list of several.

    Raises:
        NbnumbaError: xarray is not there, or images of another shape than the detector's.
    """
    try:
        import xarray
    except ImportError:
        raise NbnumbaError(
            "images with labels are made by xarray, which is not there; pip install 'nbnumba[xarray]'"
        ) from None
    check_experiment(experiment)
    array, shape = np.asarray(images), experiment.detector.shape
    several = array.ndim == len(shape) + 1 and len(array) > 0
    as_image("images", array[0] if several else array, shape)
    dims = _AXES[-len(shape) :] if not several else ("image", *_AXES[-len(shape) :])
    sizes = dict(zip(dims, array.shape, strict=True))
    return xarray.DataArray(array, _coordinates(experiment, sizes), dims, "image", _attributes(experiment, array))


def _coordinates(experiment: Experiment, sizes: dict[str, int]) -> dict[str, Any]:
    pixel, scan = experiment.detector.pixel_size, experiment.scan
    units = {"slow": {"units": "pixel"}, "fast": {"units": "pixel"}}
    found: dict[str, Any] = {name: (name, np.arange(size), units.get(name, {})) for name, size in sizes.items()}
    for name in ("slow", "fast"):
        about = {"units": "mm", "long_name": "middle of the pixel, from the outer corner of the first one"}
        found[f"{name}_mm"] = (name, (np.arange(sizes[name]) + 0.5) * pixel, about)
    if scan is not None:
        about = {"units": "degree", "long_name": "spindle at the start of the image"}
        starts = np.array([scan.start_of(number) for number in range(sizes.get("image", 1))])
        found["angle"] = ("image", starts, about) if "image" in sizes else ((), starts[0], about)
    return found


def _attributes(experiment: Experiment, array: np.ndarray) -> dict[str, Any]:
    detector = experiment.detector
    known = {
        "units": "photons" if array.dtype.kind == "f" else "counts",
        "long_name": "expected photons" if array.dtype.kind == "f" else "counts",
        "wavelength_A": experiment.mean_wavelength,
        "pixel_size_mm": detector.pixel_size,
        "unit_cell_A_degrees": [float(x) for x in experiment.crystal.unit_cell],
    }
    if detector.panels:
        return known
    g = experiment.geometry
    return {**known, "distance_mm": g.distance, "beam_center_fast_slow_mm": [float(x) for x in g.beam_center]}
