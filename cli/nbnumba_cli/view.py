"""``nbnumba view``: the image of a file as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from nbnumba.errors import NbnumbaError
from nbnumba_cli import options
from nbnumba_cli.output import Output

AUTOMATIC, NONE = "auto", "none"


@click.command("view")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=Output("PNG", "SVG"),
    help="Picture to write, .png or .svg [default: the name of FILE with .png, in the working folder].",
)
@click.option("--scale", type=click.Choice(["log", "sqrt", "linear"]), default="log", show_default=True,
              help="How darkness goes with the values; log is linear around the ground.")  # fmt: skip
@click.option("--colors", default="grey", show_default=True, metavar="MAP",
              help="grey (dark spots on white), viridis, magma, or another colour map of matplotlib.")  # fmt: skip
@click.option("--percentiles", type=(float, float), metavar="LOW HIGH",
              help="Of the values that are shown, where the scale begins and ends, as in --percentiles 5 99.5 [%] "
              "[default: from the ground between spots to 99.9, or a hundredth of the strongest spot].")  # fmt: skip
@click.option("--rings", default=AUTOMATIC, show_default=True, metavar="LIST",
              help="Spacings of resolution rings [A], as in --rings 10,5,2.5; auto: round ones; none.")  # fmt: skip
@click.option("--predict", is_flag=True, help="Mark where reflections fall, with their indices h k l.")
@click.option("--experiment", "described", metavar="EXPERIMENT.toml", type=click.Path(path_type=Path),
              help="Where geometry and crystal are told [default: in FILE, as far as it tells them].")  # fmt: skip
@options.experiment_changes
@click.option("--roi", type=(int, int, int, int), metavar="SLOW0 SLOW1 FAST0 FAST1",
              help="Show these pixels alone, SLOW1 and FAST1 excluded, as in --roi 350 450 500 640.")  # fmt: skip
@click.option("--panel", type=click.IntRange(min=0), help="Show this panel alone, where the detector lists panels.")
@options.image_number
@click.option("--sum", "images", type=click.IntRange(min=1), default=1, show_default=True,
              help="How many images to add up, from that one on.")  # fmt: skip
@click.option("--shape", type=(click.IntRange(min=1), click.IntRange(min=1)), metavar="SLOW FAST",
              help="Pixels of a raw file [default: a square].")  # fmt: skip
@click.option("--size", type=click.IntRange(min=100, max=20_000), default=1100, show_default=True,
              help="Pixels of the picture along the image's longer edge.")  # fmt: skip
@click.option("--title", help="First line above the image [default: names of file and image].")
@options.as_json
@options.overwrite
def command(
    file: Path, output: Path | None, rings: str, described: Path | None, nanobragg: str | None,
    settings: tuple[str, ...], title: str | None, overwrite: bool, as_json: bool, **asked: Any,
) -> None:  # fmt: skip
    """Draw the image of FILE: log scale, resolution rings, beam centre, and on request predicted spots.

    FILE may be HDF5 (of ours, or NXmx of others), SMV, CBF, TIFF, PGM, .npy or raw float32, of which the first bytes
    tell the kind. Where it tells its geometry, there are rings and the beam centre; otherwise stderr says why not.
    Panels are shown as they lie, seen from the sample, masked pixels in a colour of their own. Needs the extra "plot".

    \b
    Examples:
      nbnumba view image.h5
      nbnumba view image.h5 --predict --roi 350 450 500 640 -o spots.png
      nbnumba view lysozyme_0001.cbf --colors magma --rings 20,10,5,2.5
      nbnumba view measured.img --experiment crystal.toml --predict -o measured.svg
      nbnumba view series.h5 --image 10 --sum 5 --percentiles 5 99.8
    """
    import nbnumba as nb
    from nbnumba.atomic import check_distinct, check_writable

    picture = Path(f"{file.stem}.png") if output is None else output
    check_distinct([picture], [file, described, options.like()])
    check_writable(picture, overwrite)
    told = described is not None or nanobragg is not None
    if not told and (settings or options.like()):
        raise NbnumbaError("view: found --set or --like alone; give --experiment or --nanobragg, which they change")
    experiment = options.load_experiment(described, nanobragg, settings) if told else None
    drawing = asked if title is None else {**asked, "title": title}
    options.check_shape(asked["shape"], file)
    figure = nb.view(file, rings=_spacings(rings), experiment=experiment, **drawing)
    nb.write_figure(picture, figure, overwrite=overwrite)
    click.echo(json.dumps({"files": [str(picture)]}) if as_json else picture)


def _spacings(text: str) -> list[float] | None:
    if text in (AUTOMATIC, NONE):
        return None if text == AUTOMATIC else []
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0.0 < d < float("inf") for d in found):
        raise NbnumbaError(f"--rings: found {text!r}; allowed: spacings [A], as in 10,5,2.5; auto, or none")
    return found
