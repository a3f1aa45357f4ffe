"""A look at a data set before it is made: a contact sheet, and what it will cost."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.datasets.cache import Cache
from nbnumba.datasets.draw import Drawn
from nbnumba.datasets.labels import caption
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.sample import Sample, shared_mask
from nbnumba.datasets.shard import Progress, Store, shards
from nbnumba.datasets.sheet import Picture, picture, sheet
from nbnumba.datasets.stacks import chunks_of, samples
from nbnumba.errors import NbnumbaJobError
from nbnumba.model.validate import whole
from nbnumba.outputs.pixels import as_rows
from nbnumba.outputs.png import encode

_MOST = 1000
_MEASURED = 6  # images, after one that compiles
#: What a process runs that makes a file, by words from its input.
_ALONE = """
import json, sys
sys.path, recipe, beside, folder, how = json.load(sys.stdin)
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shard import Shard, write_shard
write_shard(Recipe.from_toml(recipe, folder=beside), Shard(0, 0, 1, "first.h5"), folder, **how)
"""


def write_preview(
    recipe: Recipe,
    path: str | Path,
    count: int = 16,
    *,
    spots: bool = False,
    overwrite: bool = False,
    threads: int = 1,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Path:
    """Write the first images of a data set as one PNG, each with what was drawn for it beneath.

    All have one scale of grey, told at the foot, so that what is darker is stronger. Masked pixels are blue.

    Args:
        recipe: of the data set.
        path: the new file.
        count: number of images.
        spots: whether those that are listed are marked.
        overwrite: replace an existing file.
        threads, device: as ``write_shard`` has them.
        progress: called as progress(done, total) after each image.

    Raises:
        NbnumbaError: an image cannot be rendered, or the file cannot be written.
    """
    count = min(whole("preview", count, low=1, high=_MOST), recipe.count)
    cache, pictures = Cache(recipe, threads, device), list[Picture]()
    for drawn, sample in samples(cache, range(count)):
        pictures.append(_picture(drawn, sample, cache, spots))
        if progress is not None:
            progress(len(pictures), count)
    with new_file(path, overwrite) as part:
        part.write_bytes(encode(sheet(pictures, counts=recipe.output.counts)))
    return Path(path)


def _picture(drawn: Drawn, sample: Sample, cache: Cache, marked: bool) -> Picture:
    """An image with its masked pixels, with what was drawn for it, and its spots where they are marked."""
    bits = sample.pixel_mask
    if bits is None:
        bits = cache.get("shared mask", None, lambda: shared_mask(cache.recipe, drawn))
    found = sample.spots
    slow = found["slow"] + found["panel"] * sample.image.shape[-2]
    places = np.stack([slow, found["fast"]], axis=1) if marked else np.empty((0, 2))
    rows = (as_rows("image", one) for one in (sample.image, bits))
    return picture(next(rows), next(rows) != 0, places, _captions(drawn, sample))


def _captions(drawn: Drawn, sample: Sample) -> list[str]:
    who, what = caption(sample.row)
    found = [f"{drawn.number}: {who}", what]
    if drawn.structure is not None:
        found.append(Path(sample.row["structure"]).name)
    return [*found, *(f"{name}={_short(value)}" for name, value in drawn.values.items())]


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_short(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def estimate(
    recipe: Recipe, *, workers: int = 1, threads: int = 1, device: str = "cpu", progress: Progress | None = None
) -> dict[str, Any]:
    """Time, size and memory of a data set, from a few of its images that are made now.

    Args:
        recipe: of the data set.
        workers: processes that share the work, each as fast as this one.
        threads, device: of each, as ``write_shard`` has them.
        progress: called as progress(done, total) after each image.

    Returns:
        images, images_measured, seconds_per_image, stages (seconds an image), bytes_per_image (with labels, and
        its part of what each file holds beside), seconds (with the start of processes), bytes (of all shards), files,
        images_per_file (at most), memory (bytes, of all workers) and workers.
    """
    count, files = min(_MEASURED, recipe.count), shards(recipe)
    list(_sizes(Cache(recipe, threads, device), [0]))  # compiles
    cache, sizes, start = Cache(recipe, threads, device), list[int](), time.perf_counter()
    for one in _sizes(cache, [i * recipe.count // count for i in range(count)]):
        sizes.append(one)
        if progress is not None:
            progress(len(sizes), count)
    seconds = (time.perf_counter() - start) / count
    alone, bytes_alone = _first_alone(recipe, threads, device)
    size = sum(sizes) // count + (bytes_alone - sizes[0]) * len(files) // recipe.count
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "images": recipe.count, "images_measured": count, "seconds_per_image": seconds,
        "stages": {name: spent / count for name, spent in cache.seconds.items()}, "bytes_per_image": size,
        "seconds": max(alone - seconds, 0.0) + seconds * recipe.count / workers, "bytes": size * recipe.count,
        "files": len(files), "images_per_file": max(file.images for file in files),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit * workers, "workers": workers,
    }  # fmt: skip


def _sizes(cache: Cache, numbers: Iterable[int]) -> Iterator[int]:
    """Bytes of images and their labels in a file."""
    store = Store(cache.recipe, shards(cache.recipe)[0])
    for drawn, sample in samples(cache, numbers):
        packed = store.take(drawn, sample)
        parts = [*chunks_of(cache, packed.stacks).values(), *packed.labels]
        yield sum(len(one) if isinstance(one, bytes) else one.nbytes for one in parts)


def _first_alone(recipe: Recipe, threads: int, device: str) -> tuple[float, int]:
    """Seconds that a new process takes for a file of the first image, its start included, and the bytes of that."""
    with tempfile.TemporaryDirectory() as folder:
        words = json.dumps([sys.path, recipe.to_toml(), recipe.folder, folder, {"threads": threads, "device": device}])
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", _ALONE], input=words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NbnumbaJobError(f"a process that was to make one image failed: {done.stderr[-500:]}")
        return time.perf_counter() - start, (Path(folder) / "first.h5").stat().st_size
