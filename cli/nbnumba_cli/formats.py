"""Options for images in CBF, SMV and TIFF, one file for each, beside the HDF5 file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from nbnumba.atomic import check_writable
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment

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

    def write(self, experiment: Experiment, image: np.ndarray, place: int, number: int, overwrite: bool) -> None:
        """Write one image.

        Args:
            experiment: of the series.
            image: pixels.
            place: among the names.
            number: of the image, from which the angle follows.
            overwrite: replace existing files.
        """
        import nbnumba as nb

        for path in self.cbf[place : place + 1]:
            nb.write_cbf(path, experiment, image, number, overwrite=overwrite)
        for path in self.smv[place : place + 1]:
            nb.write_smv(path, experiment, image, number, overwrite=overwrite)
        for path in self.tiff[place : place + 1]:
            nb.write_tiff(path, image, description=f"nbnumba, image {number + 1}", overwrite=overwrite)


def option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options --cbf, --smv and --tiff."""
    texts = {
        "tiff": "TIFF image: float32, or the integers of counts; panels below one another.",
        "smv": "SMV image of 16 bits with the header of ADSC detectors, for a detector square to the beam.",
        "cbf": "CBF image of 32-bit counts, DECTRIS miniCBF or full imgCIF as the geometry needs. Several images get "
        "numbers, as do names with #: name.cbf or name_####.cbf becomes name_0001.cbf, name_0002.cbf and so on.",
    }
    for name, text in texts.items():
        function = click.option(f"--{name}", type=click.Path(path_type=Path), default=None, help=text)(function)
    return function


def outputs(images: int, first: int, **wanted: Path | None) -> Outputs:
    """Names of the files of a series of ``images`` whose first has the number ``first``, from 0."""
    named = {
        kind: [] if path is None else file_names(f"--{kind}", path, images, first) for kind, path in wanted.items()
    }
    return Outputs(**named)


def file_names(option: str, path: Path, images: int, first: int) -> list[Path]:
    """Names with the numbers of the images, counted from 1: in the place of # in the name, or at its end."""
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
