"""One image of a recipe with its labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbnumba.datasets.cache import Cache
from nbnumba.datasets.draw import Drawn, bare
from nbnumba.datasets.haze import haze
from nbnumba.datasets.output import Output
from nbnumba.datasets.panels import kept_panels
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shadow import SHADOWED, hidden
from nbnumba.datasets.spots import find, none
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.outputs.pixel_mask import pixel_mask
from nbnumba.outputs.pixels import trusted_range
from nbnumba.prediction import start_angle
from nbnumba.renderer import Renderer
from nbnumba.response.detect import detect
from nbnumba.simulation import simulate


class Sample(NamedTuple):
    """An image with its labels."""

    image: np.ndarray  # as it is written
    expected: np.ndarray | None  # photons, float32
    spots: dict[str, np.ndarray]  # by column
    spot_mask: np.ndarray | None  # uint8, 1 where Bragg photons stand out of the noise
    pixel_mask: np.ndarray | None  # bits of NXmx, uint32, where they differ between images
    row: dict[str, Any]  # values of the columns
    lattices: dict[str, Any]  # by column, a row for each lattice: an array, or a list of what was drawn


def make(drawn: Drawn, cache: Cache) -> Sample:
    """Render an image, count its photons and label it.

    Args:
        drawn: the image.
        cache: of its recipe.

    Raises:
        NbnumbaError: the experiment cannot be rendered.
    """
    experiment, output = drawn.experiment, cache.recipe.output
    with cache.timed("render"):
        bragg = _bragg(drawn, cache)
    with cache.timed("background"):
        shade = _shade(drawn, cache)
        expected = _together(bragg, haze(experiment, cache), shade)
    with cache.timed("count"):
        counts, masked = _counted(drawn, expected, cache)
    with cache.timed("store"):
        seen = experiment.rendered if experiment.mask is not None or experiment.detector.roi is not None else None
        image, clipped = _stored(_kept(counts, output), _kept_seen(seen, output), masked, output)
        crystals, everything = _kept(bragg, output), _kept(expected, output)
        bits = _mask_bits(drawn, shade, cache) if cache.masks_vary else None
    with cache.timed("label"):
        found = find(experiment, crystals, everything, output, seen=seen, shade=shade) if drawn.hit else none()
        row = _row(drawn, cache.recipe) | _measured(crystals, everything)
        row |= {"resolution": found.resolution, "spots": len(found.spots["h"]), "clipped": clipped}
        mask = _spot_mask(crystals, everything) if output.spot_mask else None
    return Sample(
        image=image,
        expected=np.ascontiguousarray(everything, dtype="<f4") if output.expected else None,
        spots=found.spots if output.spots else none().spots,
        spot_mask=mask,
        pixel_mask=bits,
        row=row,
        lattices=_lattices(drawn),
    )


def _together(bragg: np.ndarray, rest: np.ndarray | None, shade: np.ndarray | None) -> np.ndarray:
    """Expected photons of all that is in the beam; what is behind the beamstop becomes 0 in both."""
    if shade is not None:
        bragg[shade] = 0.0
    if rest is None:
        return bragg
    expected = bragg + rest
    if shade is not None:
        expected[shade] = 0.0
    return expected


def _counted(drawn: Drawn, expected: np.ndarray, cache: Cache) -> tuple[np.ndarray, int | None]:
    """What the detector writes, and the number that it writes where it sees nothing."""
    if not cache.recipe.output.counts:
        return expected, None
    response = drawn.experiment.response
    counts = detect(bare(drawn.experiment), expected, seed=drawn.seed, number=drawn.number, threads=cache.threads)
    return counts, None if response is None else response.masked_value


def _bragg(drawn: Drawn, cache: Cache) -> np.ndarray:
    """Expected photons of the crystals."""
    experiment = drawn.experiment
    if not drawn.hit:
        return np.zeros(experiment.detector.shape, dtype=np.float32)
    how: Any = {"device": cache.device, "precision": cache.recipe.output.precision}
    if cache.device == "cpu":
        return simulate(experiment, **how, threads=cache.threads)
    renderer: Renderer = cache.get("renderer", cache.device, lambda: Renderer(experiment, **how))
    return np.asarray(renderer.render(experiment))


def _shade(drawn: Drawn, cache: Cache) -> np.ndarray | None:
    """Pixels behind the beamstop."""
    if drawn.shadow is None:
        return None
    experiment, shadow = drawn.experiment, drawn.shadow
    geometry, detector = experiment.geometry, experiment.detector
    key = (geometry.beam_center, detector.pixels, detector.pixel_size, *shadow.values())
    return np.asarray(cache.get("shade", key, lambda: hidden(experiment, shadow)))


def _mask_bits(drawn: Drawn, shade: np.ndarray | None, cache: Cache) -> np.ndarray:
    """Bits of NXmx for the pixels that are kept; a bin has those of all its pixels."""
    experiment, output = drawn.experiment, cache.recipe.output
    response = experiment.response
    defects = None if response is None else (response.seed, response.dead_pixels, response.hot_pixels)
    bits = cache.get("bits", (experiment.detector, defects), lambda: pixel_mask(experiment))
    if shade is not None:
        bits = bits | np.where(shade, np.uint32(SHADOWED), np.uint32(0))
    return np.asarray(_kept(bits, output, np.bitwise_or))


def shared_mask(recipe: Recipe, drawn: Drawn) -> np.ndarray:
    """Bits of NXmx where they are the same in all images."""
    cache = Cache(recipe)
    return _mask_bits(drawn, _shade(drawn, cache), cache)


def _kept(image: np.ndarray, output: Output, combine: Any = np.add) -> np.ndarray:
    """The part of an image that is kept, in bins."""
    if output.crop is not None:
        image = image[tuple(slice(*limits) for limits in output.crop)]
    if output.bin == 1:
        return image
    n, (slow, fast) = output.bin, image.shape[-2:]
    if combine is np.add and image.dtype.kind in "iu":
        image = image.astype(np.int64)
    parts = image.reshape(*image.shape[:-2], slow // n, n, fast // n, n)
    return np.asarray(combine.reduce(combine.reduce(parts, axis=-1), axis=-2))


def _kept_seen(seen: np.ndarray | None, output: Output) -> np.ndarray | None:
    return None if seen is None else _kept(seen, output, np.logical_and)


def _stored(image: np.ndarray, seen: np.ndarray | None, masked: int | None, output: Output) -> tuple[np.ndarray, int]:
    """The image in the type that is written, and how many pixels did not fit."""
    kind = np.dtype(output.dtype).newbyteorder("<")
    if kind.kind == "f":
        found = image.astype(kind)
        if masked is not None and seen is not None:
            found[~seen] = masked
        return found, 0
    low, high = trusted_range(kind)
    values = np.rint(image) if image.dtype.kind == "f" else image
    top = int(values.max())
    bottom = int(values.min())
    clipped = 0
    if top > high or bottom < low:
        good = np.ones(values.shape, dtype=bool) if seen is None else seen
        clipped = int(np.count_nonzero(((values > high) | (values < low)) & good))
        values = values.clip(low, high)
    found = values.astype(kind)
    if masked is not None and seen is not None:
        found[~seen] = -1 if kind.kind == "i" else np.iinfo(kind).max
    return found, clipped


def _spot_mask(bragg: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """1 where the Bragg photons of a pixel are at least the standard deviation of all its photons."""
    return ((bragg * bragg >= expected) & (bragg > 0.0)).astype(np.uint8)


def _measured(bragg: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Photons of the crystals, and of everything else in the mean pixel."""
    photons = float(bragg.sum(dtype=np.float64))
    return {"photons": photons, "background": (float(expected.sum(dtype=np.float64)) - photons) / expected.size}


def _row(drawn: Drawn, recipe: Recipe) -> dict[str, Any]:
    """What is known before the image is there."""
    found: dict[str, Any] = {
        "number": drawn.number,
        "seed": drawn.seed,
        "hit": int(drawn.hit),
        "lattices": len(drawn.experiment.crystals) if drawn.hit else 0,
        "split": drawn.split,
    }
    if recipe.structures is not None and drawn.structure is not None:
        found["structure"] = recipe.structures.files[drawn.structure]
    found["wavelength"] = drawn.experiment.mean_wavelength
    found["fluence"] = drawn.experiment.fluence
    output, size = recipe.output, drawn.experiment.detector.pixel_size
    found |= {**kept_panels(drawn.experiment, output), "pixel_size": size * output.bin}
    if not drawn.experiment.detector.panels:
        geometry, first = drawn.experiment.geometry, output.first
        found["distance"] = geometry.distance
        found["beam_slow"] = (geometry.beam_center[1] / size - first[0]) / output.bin
        found["beam_fast"] = (geometry.beam_center[0] / size - first[1]) / output.bin
    return found | drawn.values


def _lattices(drawn: Drawn) -> dict[str, Any]:
    """Rows for each lattice, as it lies at the start of the scan."""
    experiment = drawn.experiment
    crystals = experiment.crystals if drawn.hit else ()
    turn = rotation_matrix(experiment.spindle, start_angle(experiment))
    found: dict[str, Any] = {
        "axes": np.array([crystal.axes @ turn.T for crystal in crystals]).reshape(-1, 3, 3),
        "rotation": np.array([turn @ crystal.frame.T for crystal in crystals]).reshape(-1, 3, 3),
        "cell": np.array([crystal.unit_cell for crystal in crystals]).reshape(-1, 6),
    }
    names = [name for name in (drawn.lattices[0] if drawn.lattices else {}) if name != "misset"]
    for name in names:
        found[name] = [values[name] for values in drawn.lattices[: len(crystals)]]
    return found
