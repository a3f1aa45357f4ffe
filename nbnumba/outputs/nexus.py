"""Images and their experiment in one NXmx file, which DIALS and other programs read, and back."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nbnumba.atomic import check_writable
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import ENTRY, PROVENANCE, child, opened, words
from nbnumba.model.beam import Beam
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.outputs.data_files import data_paths, need_data
from nbnumba.outputs.nexus_series import DATA, EXPECTED, IMAGES
from nbnumba.outputs.nexus_tree import DEFINITION
from nbnumba.outputs.nexus_writer import NexusWriter, SingleWriter

log = logging.getLogger(__name__)


def write_nexus(
    path: str | Path,
    experiment: Experiment,
    images: Any,
    *,
    overwrite: bool = False,
    expected: Any = None,
    beams: Iterable[Beam] | None = None,
    compression: str = "gzip",
    images_per_file: int | None = None,
    follow: bool = False,
    cxi: bool = False,
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
        overwrite: replace an existing file, and the data files of it.
        expected: images of expected photons, as many and in the same form, to be kept beside counts.
        beams: one for each image, where they differ in wavelength, spectrum, photons or polarization.
        compression: "gzip" (with shuffle: every reader has it), "bitshuffle-lz4" (or "lz4"; the extra
            ``compression``), or "none".
        images_per_file: 1 to 1000: images go to files NAME_000001.h5 and so on beside NAME.h5, which shows them as one
            dataset; None: all are in the one file.
        follow: others may read the file while it grows, as h5py.File(growing, swmr=True); see ``NexusWriter.growing``.
        cxi: add the names of CXI: links to the same data.
        command_line: to be recorded.
        seeds: of random numbers by name, to be recorded beside that of the mosaic domains.
        progress: called as progress(done, total) after each image; total is 0 where it is not known.

    Returns:
        The path.

    Raises:
        NbnumbaError: the file cannot be written, or images have another shape than the detector, values that are not
            finite or do not fit, or differ in type.
    """
    check_experiment(experiment)
    single = getattr(images, "ndim", None) == len(experiment.detector.shape)
    series = [images] if single else images
    total = operator.length_hint(series)
    writer = (SingleWriter if single else NexusWriter)(
        path, experiment, overwrite=overwrite, compression=compression, images_per_file=images_per_file, follow=follow,
        cxi=cxi, command_line=command_line, seeds=seeds,
    )  # fmt: skip
    for file in data_paths(path, total, images_per_file):
        check_writable(file, overwrite)
    with writer:
        shots = _together(series, expected=[expected] if single and expected is not None else expected, beam=beams)
        for done, (image, beside) in enumerate(shots, start=1):
            writer.append(image, **beside)
            if progress is not None:
                progress(done, total)
    return Path(path)


_UNEQUAL = {
    "expected": "expected: found another number of images than there are of counts; give as many",
    "beam": "beams: found another number than there are images; give one for each",
}


def _together(images: Any, **beside: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Images with what belongs to each."""
    given = {name: _each(items) for name, items in beside.items() if items is not None}
    for image, *others in zip_longest(_each(images), *given.values()):
        shot = dict(zip(given, others, strict=True))
        for name, other in shot.items():
            if (image is None) != (other is None):
                raise NbnumbaError(_UNEQUAL[name])
        yield image, shot


def _each(images: Any) -> Iterable[Any]:
    try:
        return iter(images)
    except TypeError:
        allowed = "an image, an array of several, or something that gives images one by one"
        raise NbnumbaError(f"images: found {type(images).__name__}; allowed: {allowed}") from None


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
    with opened(path) as file:
        experiment, images = _contents(path, file, EXPECTED if expected else DATA)
    log.info("read %s: %s of shape %s", path, images.dtype, images.shape)
    return experiment, images


def read_experiment(path: str | Path) -> Experiment | None:
    """The experiment in a file that ``write_nexus`` has written; None: there is none."""
    try:
        with opened(path) as file:
            text = words(file, f"{ENTRY}/{PROVENANCE}/experiment")
    except NbnumbaError:
        return None
    return None if text is None else _parsed(path, text)


def _parsed(path: str | Path, text: str) -> Experiment:
    try:
        return Experiment.from_toml(f"{text}\n")  # text, whatever it is, and no name of a file
    except NbnumbaError as error:
        raise NbnumbaError(f"{path}: found an experiment in it that cannot be used: {error}") from None


def _contents(path: str | Path, file: h5py.File, which: str) -> tuple[Experiment, np.ndarray]:
    if words(file, f"{ENTRY}/definition") != DEFINITION:
        raise _unreadable(path, f"an HDF5 file, but without a definition {DEFINITION!r} in /{ENTRY}")
    process, data = f"{ENTRY}/{PROVENANCE}", child(file, f"{ENTRY}/{which}/{DATA}")
    text, images = (words(file, f"{process}/{name}") for name in ("experiment", "images"))
    if data is None and which == EXPECTED:
        raise NbnumbaError(f"{path}: found no expected photons; they are kept where write_nexus is given ``expected``")
    if not isinstance(data, h5py.Dataset) or text is None or images is None:
        raise _unreadable(path, f"{DEFINITION}, but not from this program: no experiment in /{ENTRY}/{PROVENANCE}")
    experiment = _parsed(path, text)
    need_data(data)
    found = data[0] if images == IMAGES[True] else data[()]
    return experiment, found.reshape(*found.shape[:-2], *experiment.detector.shape)


def _unreadable(path: str | Path, why: str) -> NbnumbaError:
    return NbnumbaError(f"{path}: found {why}; allowed: an NXmx file that write_nexus has written")
