"""Images made one after another, and their arrays as files hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from nbnumba.datasets.cache import Cache
from nbnumba.datasets.draw import Drawn, draw
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.sample import Sample, make
from nbnumba.outputs.compression import codec
from nbnumba.outputs.stack import packed

_IMAGES = {"units": "counts", "interpretation": "image", "meaning": "what the detector writes"}
#: Datasets of images, and what is to say of them.
STACKS: dict[str, dict[str, Any]] = {
    "images": _IMAGES,
    "entry/data/data": _IMAGES,
    "entry/expected/data": {
        "units": "photons", "interpretation": "image", "meaning": "expected photons, without noise and response",
    },
    "entry/spot_mask/data": {
        "units": "", "interpretation": "image",
        "meaning": "1 where the expected Bragg photons are at least the standard deviation of all photons of the pixel",
    },
    "entry/pixel_mask/data": {
        "units": "", "interpretation": "image",
        "meaning": "bits of NXmx: 1 outside mask or region, 2 dead, 8 over-responding, 256 behind beamstop; 0: good",
    },
}  # fmt: skip


def stacks_of(recipe: Recipe, sample: Sample) -> dict[str, np.ndarray]:
    """Images (slow, fast) by the path of their dataset; panels below one another."""
    first = "images" if recipe.output.layout == "resonet" else "entry/data/data"
    found = {first: sample.image, "entry/expected/data": sample.expected, "entry/spot_mask/data": sample.spot_mask,
             "entry/pixel_mask/data": sample.pixel_mask}  # fmt: skip
    return {path: np.ascontiguousarray(one.reshape(-1, one.shape[-1]))
            for path, one in found.items() if one is not None}  # fmt: skip


def samples(cache: Cache, numbers: Iterable[int]) -> Iterator[tuple[Drawn, Sample]]:
    """Images of the cache's recipe, one after another."""
    for number in numbers:
        with cache.timed("draw"):
            drawn = draw(cache.recipe, number)
        yield drawn, make(drawn, cache)


def chunks_of(cache: Cache, stacks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray | bytes]:
    """Arrays as they are written, by the path of their dataset."""
    with cache.timed("compress"):
        chosen = codec(cache.recipe.output.compression)
        return {path: packed(one, chosen) for path, one in stacks.items()}
