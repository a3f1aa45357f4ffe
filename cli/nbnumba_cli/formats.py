"""Options for images in CBF, SMV and TIFF, one file for each, beside the HDF5 file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from nbnumba.atomic import check_writable, new_files
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment
from nbnumba_cli.output import Output

_SHORTEST = 4  # digits of a number where the name does not tell


class Outputs(NamedTuple):
    """Names of files, one for each image of a series; none for a format that is not wanted."""

    cbf: list[Path]
    smv: list[Path]
    tiff: list[Path]

    def all(self) -> list[Path]:
        """All names."""
        return [*self.cbf, *self.smv, *self.tiff]

    def check(self, experiment: Experiment, overwrite: bool) -> None:
        """Refuse, before anything is rendered, what could not be written in the end."""
        from nbnumba.outputs.cbf import check_cbf
        from nbnumba.outputs.smv import check_smv

        for path in self.all():
            check_writable(path, overwrite)
        if self.cbf:
            check_cbf()
        if self.smv:
            check_smv(experiment)

    @contextmanager
    def hidden(self, overwrite: bool) -> Iterator[Outputs]:
        """The same outputs by hidden names, which all become theirs when the block ends well."""
        with new_files(self.all(), overwrite) as parts:
            each = iter(parts)
            yield Outputs(*([next(each) for _ in paths] for paths in self))

    def write(self, experiment: Experiment, image: np.ndarray, place: int, number: int) -> None:
        """Write one image, over files that exist.

        Args:
            experiment: of the series.
            image: pixels.
            place: among the names.
            number: of the image, from which the angle follows.
        """
        for kind, paths in self._asdict().items():
            for path in paths[place : place + 1]:
                WRITERS[f".{kind}"](path, experiment, image, number)


def _write_cbf(path: Path, experiment: Experiment | None, image: np.ndarray, number: int) -> None:
    from nbnumba.outputs.cbf import write_cbf

    write_cbf(path, experiment, image, number, overwrite=True)


def _write_smv(path: Path, experiment: Experiment | None, image: np.ndarray, number: int) -> None:
    from nbnumba.outputs.smv import write_smv

    write_smv(path, experiment, image, number, overwrite=True)


def _write_tiff(path: Path, _: Experiment | None, image: np.ndarray, number: int) -> None:
    from nbnumba.outputs.tiff import write_tiff

    write_tiff(path, image, description=f"nbnumba, image {number + 1}", overwrite=True)


def _write_png(path: Path, experiment: Experiment | None, image: np.ndarray, _: int) -> None:
    from nbnumba.outputs.png import write_png

    write_png(path, image, experiment=experiment if image.ndim == 3 else None, overwrite=True)


def _write_npy(path: Path, _: Experiment | None, image: np.ndarray, __: int) -> None:
    with open(path, "wb") as file:
        np.save(file, image, allow_pickle=False)


def _write_raw(path: Path, _: Experiment | None, image: np.ndarray, __: int) -> None:
    from nbnumba.outputs.raw import write_raw

    write_raw(path, image, overwrite=True)


#: Ending -> what writes such an image, over a file that exists: path, experiment (None: not known), pixels, number.
WRITERS: dict[str, Callable[[Path, Experiment | None, np.ndarray, int], None]] = {
    ".npy": _write_npy,
    ".bin": _write_raw,
    ".raw": _write_raw,
    ".png": _write_png,
    ".cbf": _write_cbf,
    ".img": _write_smv,
    ".smv": _write_smv,
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
}
#: Endings of images that tell of their experiment.
TELLING = (".png", ".cbf", ".img", ".smv")


def option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options --cbf, --smv and --tiff."""
    texts = {
        "tiff": "TIFF image: float32, or the integers of counts; panels below one another.",
        "smv": "SMV image of 16 bits with the header of ADSC detectors, for a detector square to the beam.",
        "cbf": "CBF image of 32-bit counts, DECTRIS miniCBF or full imgCIF as the geometry needs. Several images get "
        "numbers, as do names with #: name.cbf or name_####.cbf becomes name_0001.cbf, name_0002.cbf and so on.",
    }
    for name, text in texts.items():
        function = click.option(f"--{name}", type=Output(name.upper()), default=None, help=text)(function)
    return function


def outputs(images: int, first: int, **wanted: Path | None) -> Outputs:
    """Names of the files of a series of ``images`` whose first has the number ``first``, from 0."""
    named = {
        kind: [] if path is None else file_names(f"--{kind}", path, images, first) for kind, path in wanted.items()
    }
    return Outputs(**named)


def file_names(option: str, path: Path, images: int, first: int) -> list[Path]:
    """Names with the numbers of the images, counted from 1: in the place of # in the name, or at its end."""
    if not path.name:
        raise NbnumbaError(f"{option}: found {str(path)!r}; allowed: the name of a file")
    marks = re.findall("#+", path.name)
    if len(marks) > 1:
        raise NbnumbaError(f"{option}: found {path.name!r}; allowed: one row of # for the number, as in name_####.cbf")
    if images == 1 and not marks:
        return [path]
    numbers = range(first + 1, first + images + 1)
    if marks:
        return [path.with_name(path.name.replace(marks[0], f"{n:0{len(marks[0])}d}")) for n in numbers]
    width = max(_SHORTEST, len(str(numbers[-1])))
    return [path.with_name(f"{path.stem}_{n:0{width}d}{path.suffix}") for n in numbers]


def told(paths: Iterable[Path]) -> Iterator[str]:
    """Names for a person: the first and the last of many."""
    names = [str(path) for path in paths]
    yield from names if len(names) < 3 else [f"{names[0]} to {Path(names[-1]).name}"]
