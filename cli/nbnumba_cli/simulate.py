"""``nbnumba simulate``: an experiment to an image file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nbnumba_cli import formats, options
from nbnumba_cli.hdf5_options import NAMES, data_files, hdf5_options
from nbnumba_cli.output import Output


@click.command("simulate")
@options.experiment_source
@click.option("-o", "--output", type=Output("HDF5"), required=True, help="HDF5 file to write (NXmx).")
@click.option("--png", type=Output("PNG"), default=None, help="Picture of the first image to write too.")
@formats.option
@click.option(
    "--images",
    type=click.IntRange(1, 2**31),
    default=1,
    show_default=True,
    help="Number of images; with a scan, image i starts at scan.start + i*scan.width degrees.",
)
@click.option(
    "--first",
    type=click.IntRange(min=0, max=2**31),
    default=0,
    show_default=True,
    help="Number of the first image: any image of a series can be made again alone.",
)
@click.option(
    "--counts/--expected",
    default=None,
    help="Write counts, with photon noise and the experiment's response, or expected photons "
    "[default: counts where there is a [response]].",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Of the random numbers of counts."
)
@click.option("--keep-expected", is_flag=True, help="Keep the expected photons beside the counts in the HDF5 file.")
@hdf5_options
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
    cbf: Path | None,
    smv: Path | None,
    tiff: Path | None,
    images: int,
    **how: Any,
) -> None:
    """Render the image of EXPERIMENT.toml: expected photons in every pixel, or the counts of a real detector.

    \b
    Examples:
      nbnumba simulate crystal.toml -o image.h5 --png image.png
      nbnumba simulate crystal.toml -o turned.h5 --set crystal.misset=10,20,30
      nbnumba simulate crystal.toml -o counts.h5 --counts --set response.gain=2
      nbnumba simulate crystal.toml -o scan.h5 --images 60 --set scan.width=1 --cbf scan_####.cbf
      nbnumba simulate crystal.toml -o series.h5 --images 3600 --images-per-file 1000
      nbnumba simulate --nanobragg "-cell 70 80 90 90 90 90 -N 10 -default_F 100" -o image.h5
    """
    from nbnumba_cli.render import render_to_files

    described = options.load_experiment(experiment, nanobragg, settings)
    line = options.command_line()
    hdf5 = {name: how.pop(name) for name in NAMES}
    others = formats.outputs(images, how["first"], cbf=cbf, smv=smv, tiff=tiff)
    options.keep_inputs(described, experiment, [output, png, *data_files(output, images, hdf5), *others.all()])
    render_to_files(described, output, png, images=images, others=others, command_line=line, hdf5=hdf5, **how)
