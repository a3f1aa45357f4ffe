"""Rendering to files with progress and a summary, for the commands that do so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

import nbnumba as nb
from nbnumba.atomic import check_writable
from nbnumba.errors import NbnumbaError
from nbnumba.outputs.hdf5 import check_hdf5
from nbnumba.outputs.nexus_writer import SingleWriter, check_options
from nbnumba.report import counts_report, counts_text, image_report, report_text
from nbnumba_cli.formats import Outputs, told
from nbnumba_cli.hdf5_options import data_files, tell_growing
from nbnumba_cli.options import jsonable, progress_bar, waiting


class Frame(NamedTuple):
    """One image of a series."""

    written: np.ndarray  # counts, or expected photons
    expected: np.ndarray
    seconds: float  # that rendering took


class Series(NamedTuple):
    """Images to be rendered, one after another."""

    experiment: nb.Experiment
    first: int
    images: int
    counts: bool
    seed: int
    how: dict[str, Any]

    def numbered(self, number: int) -> nb.Experiment:
        """The experiment of one image."""
        scan = self.experiment.turning
        if scan is None or number == 0:
            return self.experiment
        return self.experiment.replace(**{"scan.start": scan.start_of(number)})

    def frames(self) -> Iterator[Frame]:
        """The images, as they are rendered."""
        where = {name: self.how[name] for name in ("device", "threads") if name in self.how}
        haze = None
        if self.experiment.background:  # the same in all images, and in double precision, as nb.detect adds it
            haze = nb.background(self.experiment, **where).astype(np.float64)
        renderer = nb.Renderer(self.experiment, **{"device": "cpu"} | self.how)
        for i in range(self.images):
            number = self.first + i
            experiment = self.numbered(number)
            bare = experiment.replace(background=())
            with progress_bar("Rendering" if self.images == 1 else f"Rendering {i + 1} of {self.images}") as bar:
                crystal = renderer.render(experiment, progress=bar.show)
            expected = crystal if haze is None else crystal + haze
            counts = nb.detect(bare, expected, seed=self.seed, number=number, **where) if self.counts else expected
            yield Frame(counts, expected, bar.seconds)


NO_OTHERS = Outputs([], [], [])


def render_to_files(
    experiment: nb.Experiment,
    output: Path,
    png: Path | None,
    *,
    images: int = 1,
    first: int = 0,
    counts: bool | None = None,
    seed: int = 1,
    keep_expected: bool = False,
    others: Outputs = NO_OTHERS,
    overwrite: bool = False,
    as_json: bool = False,
    command_line: str,
    hdf5: dict[str, Any] | None = None,
    **how: Any,
) -> None:
    """Render images, write them, and print a summary of the first and the names of the files."""
    hdf5 = hdf5 or {}
    stacks, pictures = [output, *data_files(output, images, hdf5)], [] if png is None else [png]
    for file in stacks:
        check_hdf5(file, overwrite)
    for file in pictures:
        check_writable(file, overwrite)
    others.check(experiment, overwrite)
    check_options(experiment, **hdf5)
    counting = experiment.response is not None if counts is None else counts
    if images > 1 and not counting and experiment.turning is None:
        raise NbnumbaError(
            f"--images: found {images} without a rotation, which would all be the same; add --set scan.width=DEGREES, "
            "or --counts for another noise in each, or ask for 1"
        )
    if keep_expected and not counting:
        raise NbnumbaError("--keep-expected: found without counts, so that expected photons are the image itself")
    experiment, choices = _sampled(experiment)
    series = Series(experiment, first, images, counting, seed, how)
    writer_of = SingleWriter if images == 1 else nb.NexusWriter
    seeds = {"noise": seed} if counting else None
    with others.hidden(overwrite) as parts:
        frames = _written(series, parts)
        shown = next(frames)
        with writer_of(
            output, series.numbered(first), overwrite=overwrite, command_line=command_line, seeds=seeds, **hdf5
        ) as writer:
            tell_growing(writer.growing, hdf5)
            for frame in chain([shown], frames):
                writer.append(frame.written, expected=frame.expected if keep_expected else None)
    if png is not None:
        nb.write_png(png, _measured(series, shown), experiment=experiment, overwrite=overwrite)
    _summarize(series, shown, choices, [*stacks, *pictures], others, as_json)


def _written(series: Series, others: Outputs) -> Iterator[Frame]:
    """The images, as they are rendered and have been written to the files that hold one each."""
    for place, frame in enumerate(series.frames()):
        others.write(series.experiment, frame.written, place, series.first + place)
        yield frame


def _sampled(experiment: nb.Experiment) -> tuple[nb.Experiment, dict[str, Any]]:
    """The experiment with numbers of steps for its tolerance, and what there is to tell of them."""
    if experiment.sampling.tolerance == 0.0:
        return experiment, {}
    with waiting("Choosing the sampling"):
        found = nb.choose_sampling(experiment)
    return found.experiment, {"sampling": {c.name: {"number": c.number, "change": c.change} for c in found.choices}}


def _measured(series: Series, frame: Frame) -> np.ndarray:
    """The image with NaN in the place of what is no measurement."""
    if not series.counts or series.experiment.response is None:
        return frame.written
    return np.where(nb.pixel_mask(series.experiment) == 0, frame.written, np.nan)


def _summarize(
    series: Series, frame: Frame, choices: dict[str, Any], files: list[Path], others: Outputs, as_json: bool
) -> None:
    """Print what a person, or a program, wants to know of the first image."""
    experiment = series.numbered(series.first)
    report = image_report(experiment, frame.expected, frame.seconds) | choices
    if series.counts:
        report |= counts_report(experiment, frame.written, series.seed)
    if as_json:
        report |= {"images": series.images, "files": [str(file) for file in [*files, *others.all()]]}
        click.echo(json.dumps(jsonable(report), allow_nan=False))
        return
    if series.images > 1:
        click.echo(f"The first of {series.images} images:")
    click.echo(report_text(report))
    if series.counts:
        click.echo(counts_text(report))
    names = [str(file) for file in files] + [name for paths in others for name in told(paths)]
    click.echo("\n".join(f"Wrote {name}" for name in names))
