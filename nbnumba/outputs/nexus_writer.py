"""Images and their experiment to NXmx files, one image after another."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba.atomic import check_writable, new_family
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import ENTRY
from nbnumba.model.beam import Beam
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import flag, whole
from nbnumba.outputs.compression import Codec, codec
from nbnumba.outputs.data_files import MOST_IN_FILE, DataFile, data_path, linked
from nbnumba.outputs.hdf5 import WATCHED, Use, check_hdf5, growing_hdf5, writing_hdf5
from nbnumba.outputs.nexus_series import (
    DATA,
    EXPECTED,
    First,
    begin_data_file,
    describe_series,
    link_files,
    origin_of,
)
from nbnumba.outputs.nexus_tree import finish
from nbnumba.outputs.pixels import storable
from nbnumba.outputs.stack import append_image, append_row, packed

#: What the beams of all images have in common with the experiment's.
_SHARED = ("exposure", "size", "profile", "polarized", "direction", "polarization_axis")


class _Shot(NamedTuple):
    """An image and what belongs to it, on the way to the file."""

    number: int
    rows: dict[str, Any]  # of the columns
    contents: dict[str, Future[bytes | np.ndarray]]  # of the stacks


class NexusWriter:
    """Writes a series of images of any length to an NXmx file, which has its name once it is whole.

    Used as ``with nb.NexusWriter(path, experiment) as writer: writer.append(image)``. What ends the block otherwise
    leaves nothing behind. ``write_nexus`` tells what the file holds.
    """

    _single = False

    def __init__(
        self,
        path: str | Path,
        experiment: Experiment,
        *,
        overwrite: bool = False,
        compression: str = "gzip",
        images_per_file: int | None = None,
        follow: bool = False,
        cxi: bool = False,
        command_line: str | None = None,
        seeds: Mapping[str, int] | None = None,
    ) -> None:
        """Describe a file; nothing is written yet.

        Args:
            path: the new file.
            experiment: what is rendered.
            overwrite: replace an existing file, and the data files of it.
            compression: "gzip" (with shuffle: every reader has it), "bitshuffle-lz4" (or "lz4"; the extra
                ``compression``), or "none".
            images_per_file: 1 to 1000: images go to files NAME_000001.h5 and so on beside NAME.h5, which shows them as
                one dataset; None: all are in the one file.
            follow: others may read the file while it grows, at the path ``growing``.
            cxi: add the names of CXI: links to the same data.
            command_line: to be recorded.
            seeds: of random numbers by name, to be recorded beside that of the mosaic domains.

        Raises:
            NbnumbaError: an option that is not allowed, or without its library.
        """
        check_experiment(experiment)
        self._path, self._experiment, self._overwrite = Path(path), experiment, flag("overwrite", overwrite)
        how = check_options(
            experiment, compression=compression, images_per_file=images_per_file, follow=follow, cxi=cxi
        )
        self._codec, self._per_file, self._follow, self._cxi = how
        self._origin = lambda: origin_of(experiment, self._single, command_line, seeds)
        self._open = False

    def __enter__(self) -> NexusWriter:
        """Check that the file can be written."""
        self._block = self._writing()
        self._block.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        """Finish the file, or, after an error, remove it."""
        return self._block.__exit__(*error)

    @property
    def growing(self) -> Path:
        """The hidden file, there from the first image on until it takes its name."""
        if not self._open:
            raise NbnumbaError("NexusWriter: found a growing file asked for outside of its with block")
        return self._hidden

    def append(self, image: Any, *, expected: Any = None, beam: Beam | None = None) -> None:
        """Write an image; with ``follow`` readers see it when this returns.

        Args:
            image: array (slow, fast), or (panel, slow, fast), of the type of the first one.
            expected: expected photons, to be kept beside counts: for all images or for none.
            beam: of this image: for all or for none. It may differ from the experiment's in wavelength, spectrum,
                photons and polarization.

        Raises:
            NbnumbaError: the image has another shape than the detector, values that are not finite or do not fit, or
                another type; something is given for some images only; the disk is full.
        """
        if not self._open:
            raise NbnumbaError("NexusWriter: found append outside of its with block; use 'with NexusWriter(...) as w:'")
        given = {DATA: image} if expected is None else {DATA: image, EXPECTED: expected}
        images = {name: self._stored(one) for name, one in given.items()}
        shown = self._shown(beam)
        if self._first is None:
            self._begin(First.of(images, shown, beam is not None, self._cxi))
        assert self._first is not None
        self._first.check(self._count, images, shown, beam is not None)
        rows = {column.name: np.asarray(column.value(self._count, shown)) for column in self._first.columns}
        contents = {name: self._pool.submit(packed, one, self._codec) for name, one in images.items()}
        self._waiting.append(_Shot(self._count, rows, contents))
        self._count += 1
        self._write_all_but(0 if self._follow else _WORKERS)

    def _stored(self, image: Any) -> np.ndarray:
        detector = self._experiment.detector
        return storable(image, detector.shape, f"image {self._count}").reshape(detector.rows, -1)

    def _shown(self, beam: Beam | None) -> Experiment:
        """What the next image shows."""
        if beam is None:
            return self._experiment
        if not isinstance(beam, Beam):
            raise NbnumbaError(f"beams: found {type(beam).__name__} for image {self._count}; allowed: a Beam")
        for name in _SHARED:
            found, needed = getattr(beam, name), getattr(self._experiment.beam, name)
            if found != needed:
                raise NbnumbaError(
                    f"beams: found {name} {found!r} for image {self._count}; allowed: the experiment's {needed!r}"
                )
        return self._experiment.replace(beam=beam)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._first: First | None = None
        self._waiting: deque[_Shot] = deque()
        self._count, self._broken = 0, False
        check_hdf5(self._path, self._overwrite)
        master = Path(os.path.realpath(self._path))
        older = linked(master) if self._overwrite else []
        if self._per_file:
            check_writable(data_path(master, 0), self._overwrite)
        with (
            new_family(self._path, self._overwrite) as (self._hidden, add),
            ThreadPoolExecutor(_WORKERS) as self._pool,
            ExitStack() as self._files,
        ):
            self._data = _DataFiles(master, add, self._per_file or MOST_IN_FILE)
            self._open = True
            try:
                yield
            finally:
                self._open = False
            self._write_all_but(0)
            self._finish()
        for path in set(older) - set(self._data.paths):
            path.unlink(missing_ok=True)

    def _begin(self, first: First) -> None:
        def head(file: h5py.File) -> None:
            describe_series(file, first, self._origin(), self._cxi)
            if not self._per_file:
                first.begin_stacks(file, self._codec)

        if self._follow:
            with writing_hdf5(self._hidden, WATCHED) as use:
                use(head)
            self._use = self._files.enter_context(growing_hdf5(self._hidden))
        else:
            self._use = self._files.enter_context(writing_hdf5(self._hidden))
            self._use(head)
        self._files.callback(self._data.close)
        self._first = first

    def _write_all_but(self, last: int) -> None:
        """Write images in order, but for the last few, which are in the works."""
        while len(self._waiting) > last and not self._broken:
            self._broken = True  # unless this one comes through
            self._write(self._waiting.popleft())
            self._broken = False
        if self._broken:
            raise NbnumbaError("NexusWriter: found that an image could not be written before; begin the series again")

    def _write(self, shot: _Shot) -> None:
        assert self._first is not None
        contents = {name: future.result() for name, future in shot.contents.items()}
        self._use(_append_rows, shot.number, list(shot.rows), list(shot.rows.values()), self._follow)
        if self._per_file:
            use, number = self._data.place_of(shot.number, self._first, self._codec)
        else:
            use, number = self._use, shot.number
        use(_append_images, number, list(contents), list(contents.values()), self._follow)

    def _finish(self) -> None:
        if self._first is None:
            raise NbnumbaError("images: found none; give at least one")
        self._data.close()
        if self._per_file:
            self._use(link_files, self._first, self._data.parts(self._count))
        self._use(lambda file: finish(file[ENTRY], self._experiment, self._count))


class Options(NamedTuple):
    """How a file is written."""

    codec: Codec
    per_file: int | None
    follow: bool
    cxi: bool


def check_options(
    experiment: Experiment,
    *,
    compression: str = "gzip",
    images_per_file: int | None = None,
    follow: bool = False,
    cxi: bool = False,
) -> Options:
    """The options of ``NexusWriter``, checked.

    Raises:
        NbnumbaError: one that is not allowed, or without its library.
    """
    packing = codec(compression)
    if images_per_file is not None:
        images_per_file = whole("images_per_file", images_per_file, low=1, high=MOST_IN_FILE)
    if flag("follow", follow) and images_per_file:
        raise NbnumbaError("follow: found with images_per_file; a file that can be followed holds all its images")
    if flag("cxi", cxi):
        experiment.detector.check_one_panel("cxi")
    return Options(packing, images_per_file, follow, cxi)


class SingleWriter(NexusWriter):
    """The same for one image, which is read back without a dimension for images."""

    _single = True


_WORKERS = min(os.cpu_count() or 1, 4)


class _DataFiles:
    """Data files of a series, opened one after another."""

    def __init__(self, master: Path, add: Callable[[Path], Path], per_file: int) -> None:
        self._master, self._add, self._per_file = master, add, per_file
        self.paths: list[Path] = []
        self._opened = ExitStack()

    def place_of(self, number: int, first: First, codec: Codec) -> tuple[Use, int]:
        """The file of the next image, and the image's number in it."""
        file, within = divmod(number, self._per_file)
        if within == 0:
            self.close()
            self.paths.append(data_path(self._master, file))
            self._use = self._opened.enter_context(writing_hdf5(self._add(self.paths[-1])))
            self._use(begin_data_file, first, codec)
        return self._use, within

    def close(self) -> None:
        self._opened.close()

    def parts(self, images: int) -> list[DataFile]:
        size = self._per_file
        return [DataFile(p.name, i * size, min((i + 1) * size, images)) for i, p in enumerate(self.paths)]


def _append_rows(file: h5py.File, number: int, names: list[str], values: list[Any], flush: bool) -> None:
    for name, value in zip(names, values, strict=True):
        append_row(file, name, number, value)
    if flush:
        file.flush()


def _append_images(file: h5py.File, number: int, names: list[str], contents: list[Any], flush: bool) -> None:
    for name, content in zip(names, contents, strict=True):
        append_image(file, f"{ENTRY}/{name}/{DATA}", number, content)
    if flush:
        file.flush()
