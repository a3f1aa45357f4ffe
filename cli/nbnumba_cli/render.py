"""Rendering to files with progress and a summary, for the commands that do so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

import nbnumba as nb
from nbnumba.atomic import check_writable
from nbnumba.errors import NbnumbaError
from nbnumba.report import image_report, report_text
from nbnumba_cli.options import jsonable, progress_bar


def render_to_files(
    experiment: nb.Experiment,
    output: Path,
    png: Path | None,
    *,
    images: int = 1,
    overwrite: bool = False,
    as_json: bool = False,
    command_line: str,
    **how: Any,
) -> None:
    """Render ``images`` images, write them, and print a summary of the first and the names of the files."""
    files = [output] if png is None else [output, png]
    for file in files:
        check_writable(file, overwrite)
    if images > 1 and (experiment.scan is None or experiment.scan.width == 0.0):
        raise NbnumbaError(f"--images: found {images} without a rotation; add --set scan.width=DEGREES, or ask for 1")
    first: dict[str, Any] = {}

    def rendered() -> Iterator[np.ndarray]:
        for number in range(images):
            with progress_bar("Rendering" if images == 1 else f"Rendering {number + 1} of {images}") as bar:
                image = nb.simulate(_nth(experiment, number), progress=bar.show, **how)
            if number == 0:
                first.update(image=image, report=image_report(experiment, image, bar.seconds))
            yield image

    written = next(rendered()) if images == 1 else rendered()
    nb.write_nexus(output, experiment, written, overwrite=overwrite, command_line=command_line)
    if png is not None:
        nb.write_png(png, first["image"], experiment=experiment, overwrite=overwrite)
    if as_json:
        report = {**first["report"], "images": images, "files": [str(file) for file in files]}
        click.echo(json.dumps(jsonable(report), allow_nan=False))
    else:
        if images > 1:
            click.echo(f"The first of {images} images:")
        click.echo(report_text(first["report"]))
        click.echo("\n".join(f"Wrote {file}" for file in files))


def _nth(experiment: nb.Experiment, number: int) -> nb.Experiment:
    scan = experiment.scan
    if scan is None or number == 0:
        return experiment
    return experiment.replace(**{"scan.start": scan.start + number * scan.width})
