"""``nbnumba simulate``: an experiment to an image file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nbnumba_cli import options


@click.command("simulate")
@options.experiment_source
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="HDF5 file to write (NXmx).")
@click.option("--png", type=click.Path(path_type=Path), default=None, help="Picture of the first image to write too.")
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of images; with a scan, image i starts at scan.start + i*scan.width degrees.",
)
@options.device
@options.precision
@options.threads
@options.overwrite
@options.as_json
def command(
    experiment: Path | None,
    nanobragg: str | None,
    settings: tuple[str, ...],
    output: Path,
    png: Path | None,
    images: int,
    overwrite: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Render the image of EXPERIMENT.toml: expected photons in every pixel.

    \b
    Examples:
      nbnumba simulate crystal.toml -o image.h5 --png image.png
      nbnumba simulate crystal.toml -o turned.h5 --set crystal.misset=10,20,30 --set beam.wavelength=1.1
      nbnumba simulate --nanobragg "-cell 70 80 90 90 90 90 -N 10 -default_F 100" -o image.h5
    """
    from nbnumba_cli.render import render_to_files

    described = options.load_experiment(experiment, nanobragg, settings)
    line = options.command_line()
    options.keep_inputs(described, experiment, [output, png])
    render_to_files(
        described, output, png, images=images, overwrite=overwrite, as_json=as_json, command_line=line, **how
    )
