"""Images and their experiment in one NXmx file, which DIALS and other programs read, and back."""

from __future__ import annotations

import json
import logging
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nbnumba import __version__
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.hdf5 import Use, new_hdf5
from nbnumba.outputs.nexus_tree import DEFINITION, describe, group, put
from nbnumba.outputs.pixels import storable
from nbnumba.outputs.stack import write_stack

log = logging.getLogger(__name__)

ENTRY = "entry"
DATA = "data"  # the group in the entry, and the dataset in the group
EXPECTED = "expected"  # the group of expected photons beside counts
PROVENANCE = "nbnumba"
_IMAGES = {True: "single", False: "stack"}


def write_nexus(
    path: str | Path,
    experiment: Experiment,
    images: Any,
    *,
    overwrite: bool = False,
    expected: Any = None,
    command_line: str | None = None,
    seeds: Mapping[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write images and the experiment that made them; the same input makes the same bytes.

    Panels lie below one another in the file's images (panel times slow, fast), each with its NXdetector_module: DIALS
    reads them so.

    With a scan, image i is taken to start at ``scan.start + i * scan.width``; without one, or with one of width 0, the
    images are stills. Floats become float32; integers of 64 bits, and unsigned ones of 32, become int32.

    Args:
        path: the new file.
        experiment: what was rendered.
        images: an image, (slow, fast) or (panel, slow, fast), an array of n such images, or anything that gives images
            one by one, written as they come.
        overwrite: replace an existing file.
        expected: images of expected photons, as many and in the same form, to be kept beside counts.
        command_line: to be recorded.
        seeds: of random numbers by name, to be recorded beside that of the mosaic domains.
        progress: called as progress(done, total) after each image; total is 0 where it is not known.

    Returns:
        The path.

    Raises:
        NbnumbaError: the file cannot be written, or images have another shape than the detector, values that are not
            finite or do not fit, or differ in type.
    """
    single = getattr(images, "ndim", None) == len(experiment.detector.shape)
    series = [images] if single else images
    total = operator.length_hint(series)
    stacks = {DATA: _each(series)}
    if expected is not None:
        stacks[EXPECTED] = _each([expected] if single else expected)
    origin = _origin(experiment, single, command_line, seeds)
    count = 0
    with new_hdf5(path, overwrite) as use:
        use(_begin, list(stacks))
        for count in _written(use, stacks, experiment):
            if progress is not None:
                progress(count, total)
        if not count:
            raise NbnumbaError("images: found none; give at least one")
        use(_finish, experiment, count, origin)
    return Path(path)


def _written(use: Use, stacks: Mapping[str, Iterable[Any]], experiment: Experiment) -> Iterator[int]:
    """Write all stacks side by side, as their images come; the number of images after each."""
    writers = [
        write_stack(use, f"{ENTRY}/{name}/{DATA}", _storable(stack, experiment)) for name, stack in stacks.items()
    ]
    for written in zip_longest(*writers):
        if None in written:
            raise NbnumbaError("expected: found another number of images than there are of counts; give as many")
        yield written[0]


def _each(images: Any) -> Iterable[Any]:
    try:
        return iter(images)
    except TypeError:
        allowed = "an image, an array of several, or something that gives images one by one"
        raise NbnumbaError(f"images: found {type(images).__name__}; allowed: {allowed}") from None


def _storable(images: Iterable[Any], experiment: Experiment) -> Iterator[np.ndarray]:
    for number, image in enumerate(images):
        stored = storable(image, experiment.detector.shape, f"image {number}")
        yield stored.reshape(experiment.detector.rows, -1)


def _begin(file: h5py.File, stacks: list[str]) -> None:
    file.attrs["default"] = ENTRY
    entry = group(file, ENTRY, "NXentry", default=DATA)
    for name in stacks:
        group(entry, name, "NXdata", signal=DATA)


def _finish(file: h5py.File, experiment: Experiment, count: int, origin: Mapping[str, str]) -> None:
    entry, dataset = file[ENTRY], file[ENTRY][DATA][DATA]
    dataset.attrs.update({"units": "counts", "interpretation": "image"})
    if EXPECTED in entry:
        entry[EXPECTED][DATA].attrs.update({"units": "photons", "interpretation": "image"})
    if experiment.detector.panels:
        dataset.attrs["panels"] = len(experiment.detector.panels)
    describe(entry, experiment, count, dataset.dtype)
    process = group(entry, PROVENANCE, "NXprocess")
    for name, value in origin.items():
        put(process, name, value)


def _origin(
    experiment: Experiment, single: bool, command_line: str | None, seeds: Mapping[str, int] | None
) -> dict[str, str]:
    """How the file came to be; nothing about the machine, so that the bytes do not depend on it."""
    known = {
        "program": "nbnumba",
        "version": __version__,
        "experiment": experiment.to_toml(inline=True),
        "seeds": json.dumps({**_mosaic_seeds(experiment), **(seeds or {})}),
        "images": _IMAGES[single],
    }
    return known if command_line is None else {**known, "command_line": command_line}


def _mosaic_seeds(experiment: Experiment) -> dict[str, int]:
    lattices = {f"lattices.{i}.mosaic": lattice.mosaic.seed for i, lattice in enumerate(experiment.lattices)}
    return {"mosaic": experiment.crystal.mosaic.seed, **lattices}


def read_nexus(path: str | Path, *, expected: bool = False) -> tuple[Experiment, np.ndarray]:
    """Read what ``write_nexus`` has written.

    Args:
        path: of the file.
        expected: read the expected photons that were kept beside the counts, instead of the counts.

    Returns:
        An experiment equal to the one written, and the images: one, if a single array (slow, fast) or (panel, slow,
        fast) was written, else an array of n of them; their type as stored.

    Raises:
        NbnumbaError: the file is missing, damaged, not HDF5, not NXmx, or was not written by this program.
    """
    try:
        with open(path, "rb"):
            pass  # says more plainly than HDF5 why a file cannot be read
        if not h5py.is_hdf5(path):
            raise _unreadable(path, "not an HDF5 file")
        with h5py.File(path, "r") as file:
            text, images = _contents(path, file, EXPECTED if expected else DATA)
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or f"damaged: {error}") from error
    log.info("read %s: %s of shape %s", path, images.dtype, images.shape)
    experiment = Experiment.from_toml(text)
    return experiment, images.reshape(*images.shape[:-2], *experiment.detector.shape)


def read_experiment(path: str | Path) -> Experiment | None:
    """The experiment in a file that ``write_nexus`` has written; None: there is none."""
    try:
        with h5py.File(path, "r") as file:
            text = file[f"{ENTRY}/{PROVENANCE}/experiment"].asstr()[()]
    except (OSError, RuntimeError, KeyError):
        return None
    return Experiment.from_toml(text)


def _contents(path: str | Path, file: h5py.File, which: str) -> tuple[str, np.ndarray]:
    definition = file.get(f"{ENTRY}/definition")
    if definition is None or definition[()] != DEFINITION.encode():
        raise _unreadable(path, f"an HDF5 file, but without a definition {DEFINITION!r} in /{ENTRY}")
    process, data = file.get(f"{ENTRY}/{PROVENANCE}"), file.get(f"{ENTRY}/{which}/{DATA}")
    if data is None and which == EXPECTED:
        raise NbnumbaError(f"{path}: found no expected photons; they are kept where write_nexus is given ``expected``")
    if data is None or process is None or not {"experiment", "images"} <= set(process):
        raise _unreadable(path, f"{DEFINITION}, but not from this program: no experiment in /{ENTRY}/{PROVENANCE}")
    single = process["images"].asstr()[()] == _IMAGES[True]
    return process["experiment"].asstr()[()], data[0] if single else data[()]


def _unreadable(path: str | Path, why: str) -> NbnumbaError:
    return NbnumbaError(f"{path}: found {why}; allowed: an NXmx file that write_nexus has written")
