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
from nbnumba.model.beam import Beam
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.data_files import data_paths, need_data
from nbnumba.outputs.nexus_tree import DEFINITION
from nbnumba.outputs.nexus_writer import DATA, ENTRY, EXPECTED, IMAGES, PROVENANCE, NexusWriter, SingleWriter

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
    single = process["images"].asstr()[()] == IMAGES[True]
    need_data(data)
    return process["experiment"].asstr()[()], data[0] if single else data[()]


def _unreadable(path: str | Path, why: str) -> NbnumbaError:
    return NbnumbaError(f"{path}: found {why}; allowed: an NXmx file that write_nexus has written")
