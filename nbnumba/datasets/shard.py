"""Files of a data set: which images each holds, and writing one of them.

A file depends on the recipe and on its range of images alone. It has its name only when it is whole, so that one that
is there is finished; and its contents have a hash, so that damage shows.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba import __version__
from nbnumba.datasets.cache import Cache
from nbnumba.datasets.columns import Columns
from nbnumba.datasets.draw import Drawn
from nbnumba.datasets.labels import LATTICES, PROCESS, SPOTS, Label, label_of
from nbnumba.datasets.layouts import Header, Resonet
from nbnumba.datasets.log import FAILED, MADE, note
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.sample import Sample
from nbnumba.datasets.stacks import STACKS, chunks_of, samples, stacks_of
from nbnumba.datasets.structures import file_digest
from nbnumba.outputs.compression import codec
from nbnumba.outputs.hdf5 import Use, new_hdf5
from nbnumba.outputs.nexus_tree import group, put
from nbnumba.outputs.stack import append_image, begin_stack

Progress = Callable[[int, int], None]
PROVENANCE = "entry/nbnumba"
#: Images that are packed and written while the next is rendered.
_WAITING = 2
#: Images in each of the first files, and how many such files there are, where the recipe does not tell.
_FEWEST, _ALIKE = 16, 64


@dataclass(frozen=True)
class Shard:
    """A file of a data set, with images first ... stop - 1."""

    index: int
    first: int
    stop: int
    name: str

    @property
    def images(self) -> int:
        """How many."""
        return self.stop - self.first


def shards(recipe: Recipe) -> list[Shard]:
    """All files of a data set: a pure function of its recipe; of a longer one all but the last are the same."""
    stops = list(itertools.takewhile(lambda stop: stop < recipe.count, itertools.accumulate(_sizes(recipe))))
    digits = max(5, len(str(len(stops))))
    return [
        Shard(i, first, stop, f"shard-{i:0{digits}d}.h5")
        for i, (first, stop) in enumerate(zip([0, *stops], [*stops, recipe.count], strict=True))
    ]


def _sizes(recipe: Recipe) -> Iterator[int]:
    """Images of each file without end: a fixed number, or few in the first files and twice as many after each 64.

    So a small set too has files for many processes, a stop loses little of what was made, and a large one has no more
    files than it needs.
    """
    output = recipe.output
    if output.images_per_shard:
        yield from itertools.repeat(output.images_per_shard)
    most, size = max(1, int(output.shard_bytes // bytes_per_image(recipe))), _FEWEST
    while size < most:
        yield from itertools.repeat(size, _ALIKE)
        size *= 2
    yield from itertools.repeat(most)


def bytes_per_image(recipe: Recipe) -> int:
    """Bytes of pixels of an image, before compression."""
    output = recipe.output
    pixels = int(np.prod(output.shape(recipe.base.detector)))
    return pixels * (np.dtype(output.dtype).itemsize + 4 * output.expected + output.spot_mask)


def write_shard(
    recipe: Recipe,
    shard: Shard,
    folder: str | Path,
    progress: Progress | None = None,
    *,
    threads: int = 1,
    device: str = "cpu",
) -> dict[str, Any]:
    """Make the images of a file and write it, in the place of one that is there.

    This is all that an engine has to call; it may do so twice, at once or after a crash, for the bytes are the same.

    Args:
        recipe: of the data set.
        shard: one of ``shards(recipe)``.
        folder: that it goes to.
        progress: called as progress(done, total) after each image.
        threads: of the CPU, for each image.
        device: where crystals are rendered, as ``simulate`` has it.

    Returns:
        name, index, first, stop, device, bytes, seconds, content_hash, sha256 (of the file), and the seconds of each
        stage as ``stages``.

    Raises:
        NbnumbaError: the experiment of an image cannot be rendered, or the file cannot be written.
    """
    try:
        found = _write_shard(recipe, shard, Path(folder), progress, threads, device)
    except Exception as error:
        note(folder, FAILED, name=shard.name, error=f"{type(error).__name__}: {error}")
        raise
    note(folder, MADE, **found, recipe_hash=recipe.hash)
    return found


def _write_shard(
    recipe: Recipe, shard: Shard, folder: Path, progress: Progress | None, threads: int, device: str
) -> dict[str, Any]:
    start, cache, path = time.perf_counter(), Cache(recipe, threads, device), folder / shard.name
    store = Store(recipe, shard)
    with new_hdf5(path, overwrite=True) as use, ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[int]] = deque()

        def wait_for_all_but(last: int) -> None:
            while len(waiting) > last:
                done = waiting.popleft().result()
                if progress is not None:
                    progress(done, shard.images)

        for number, (drawn, sample) in enumerate(samples(cache, range(shard.first, shard.stop))):
            waiting.append(pool.submit(_add, use, store, number, store.take(drawn, sample), cache))
            wait_for_all_but(_WAITING)
        wait_for_all_but(0)
        with cache.timed("write"):
            use(store.finish)
    with cache.timed("digest"):
        sha256 = file_digest(path)
    return {
        "name": shard.name, "index": shard.index, "first": shard.first, "stop": shard.stop, "device": device,
        "bytes": path.stat().st_size, "seconds": time.perf_counter() - start, "content_hash": store.content_hash,
        "sha256": sha256, "stages": dict(cache.seconds),
    }  # fmt: skip


class Packed(NamedTuple):
    """What of an image goes to stacks, by the path of the dataset, and its other labels for the digest."""

    stacks: dict[str, np.ndarray]
    labels: list[bytes]


def _add(use: Use, store: Store, number: int, image: Packed, cache: Cache) -> int:
    """Pack an image and write it, while the next is rendered; how many there are then."""
    chunks = chunks_of(cache, image.stacks)
    with cache.timed("digest"):
        store.digests.append(digest_of(list(image.stacks.values()), image.labels))
    with cache.timed("write"):
        if number == 0:
            use(store.begin, image)
        use(_append, number, chunks)
    return number + 1


def _append(file: h5py.File, number: int, contents: dict[str, Any]) -> None:
    for path, content in contents.items():
        append_image(file, path, number, content)


def digest_of(stacks: list[np.ndarray], labels: list[bytes]) -> bytes:
    """SHA-256 of an image and its labels."""
    found = hashlib.sha256()
    for one in stacks:
        found.update(np.ascontiguousarray(one).data)
    for part in labels:
        found.update(part)
    return found.digest()


class Store:
    """Everything of a file but the pixels, while its images are made."""

    def __init__(self, recipe: Recipe, shard: Shard) -> None:
        self.recipe, self.shard = recipe, shard
        self.digests: list[bytes] = []
        self._rows = Columns.of_rows(recipe)
        self._spots, self._lattices = Columns.of_labels(SPOTS), Columns.of_lattices(recipe)
        self._spot_counts, self._lattice_counts = [0], [0]
        self._header, self._resonet = Header(recipe), Resonet(recipe)

    def take(self, drawn: Drawn, sample: Sample) -> Packed:
        """Keep the labels of an image; what is left of it."""
        self._header.take(drawn)
        self._resonet.take(drawn)
        labels = [
            *self._rows.add(sample.row),
            *self._lattices.extend(sample.lattices),
            *self._spots.extend(sample.spots),
        ]
        self._spot_counts.append(len(sample.spots["h"]))
        self._lattice_counts.append(len(sample.lattices["axes"]))
        return Packed(stacks_of(self.recipe, sample), labels)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the digests of the images."""
        return hashlib.sha256(b"".join(self.digests)).hexdigest()

    def begin(self, file: h5py.File, image: Packed) -> None:
        """Make the groups, and the datasets for images as the first one."""
        file.attrs["default"] = "entry"
        entry = group(file, "entry", "NXentry", default="data")
        for name in ("data", "expected", "spot_mask", "pixel_mask"):
            if f"entry/{name}/data" in image.stacks:
                group(entry, name, "NXdata", signal="data")
        chosen = codec(self.recipe.output.compression)
        for path, one in image.stacks.items():
            dataset = begin_stack(file, path, one, chosen)
            dataset.attrs.update(STACKS[path])
            if dataset.attrs["units"] == "counts" and not self.recipe.output.counts:
                dataset.attrs.update({"units": "photons", "meaning": STACKS["entry/expected/data"]["meaning"]})

    def finish(self, file: h5py.File) -> None:
        """Write all but the pixels."""
        entry = file["entry"]
        self._header.write(entry, self.recipe, self.shard.images)
        labels = group(entry, "labels", "NXcollection")
        self._rows.write(labels, label_of)
        digests = np.frombuffer(b"".join(self.digests), np.uint8).reshape(-1, 32)
        put(labels, "digest", digests, "", meaning=label_of("digest").meaning)
        for name, columns, counts, about in (
            ("lattices", self._lattices, self._lattice_counts, LATTICES),
            ("spots", self._spots, self._spot_counts, SPOTS),
        ):
            inner = group(entry, name, "NXcollection")
            columns.write(inner, functools.partial(_label_in, about))
            meaning = f"{name} offsets[i] to offsets[i + 1] - 1 are those of image i"
            put(inner, "offsets", np.cumsum(counts, dtype=np.int64), "", meaning=meaning)
        if self.recipe.output.layout == "resonet":
            self._resonet.write(file, self._rows.arrays(), self._lattices.arrays(), np.cumsum(self._lattice_counts))
        process = group(entry, "nbnumba", "NXprocess")
        for key, value in {
            "program": "nbnumba", "version": __version__, "recipe": self.recipe.to_toml(count=False),
            "recipe_hash": self.recipe.hash, "first": self.shard.first, "stop": self.shard.stop,
            "content_hash": self.content_hash, "by_image": "\n".join(self._header.names),
        }.items():  # fmt: skip
            stored = _fixed(value) if isinstance(value, str) else value
            put(process, key, stored, "", meaning=PROCESS[key])


def _fixed(text: str) -> np.ndarray:
    """Text of its own length: those of any length lie on a heap, and a damaged heap keeps HDF5 busy for ever."""
    content = text.encode()
    return np.array(content, h5py.string_dtype("utf-8", max(len(content), 1)))


def _label_in(about: dict[str, Label], name: str) -> Label:
    return about.get(name) or label_of(f"crystal.{name}")
