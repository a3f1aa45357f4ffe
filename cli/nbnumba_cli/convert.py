"""``nbnumba convert``: nanoBragg's flags to an experiment file, images to other formats."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nbnumba.atomic import check_distinct, new_files
from nbnumba.errors import NbnumbaError
from nbnumba_cli import options
from nbnumba_cli.exports import EXPORTS, Described, described_in, export
from nbnumba_cli.formats import TELLING, WRITERS, file_names, told


@click.command("convert")
@click.argument("files", metavar="[IN] OUT", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.experiment_changes
@click.option(
    "--image",
    "number",
    type=click.IntRange(min=0),
    help="Number of the image that is converted, in a file that holds several [default: 0].",
)
@click.option(
    "--images",
    type=click.IntRange(1, 100_000),
    help="Number of images that a .expt or .csv tells of [default: those of IN, or 1], as in --images 60.",
)
@options.raw_shape
@options.overwrite
@options.as_json
def command(
    files: tuple[Path, ...],
    nanobragg: str | None,
    settings: tuple[str, ...],
    number: int | None,
    images: int | None,
    shape: tuple[int, int] | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Turn nanoBragg's flags into an experiment file, or an image or its experiment into another format.

    What OUT becomes follows from its name: .toml, the experiment that IN or the flags describe; .npy, a
    NumPy array; .bin or .raw, float32 without header; .png, a picture with a scale from the median (white) to the
    spots; .cbf, CBF, and .img or .smv, SMV, with the geometry where IN is an HDF5 file of ours, else pixels alone;
    .tif or .tiff, TIFF. With # in its name, OUT becomes a file for each image of IN. IN may be HDF5, SMV, CBF, TIFF,
    PGM, .npy or raw float32.

    From an HDF5 file of ours, an experiment file (.toml) or nanoBragg's flags: .expt, an experiment list of DIALS with
    the true crystal; .geom, the geometry for CrystFEL; .csv, a table of all reflections on the detector: indices, F,
    F^2, place [pixels], angle of the spindle [degrees], image.

    \b
    Examples:
      nbnumba convert --nanobragg "-mat A.mat -hkl P1.hkl -N 10 -lambda 1" experiment.toml
      nbnumba convert image.h5 experiment.toml
      nbnumba convert intimage.img picture.png
      nbnumba convert series.h5 truth.expt
      nbnumba convert series.h5 detector.geom
      nbnumba convert series.h5 reflections.csv
      nbnumba convert crystal.toml reflections.csv --images 60 --set scan.width=1
      nbnumba convert series.h5 series_####.cbf
    """
    if len(files) != (2 if nanobragg is None else 1):
        raise click.UsageError('Give IN and OUT, or --nanobragg "FLAGS" and OUT.')
    source, target = (None if nanobragg is not None else files[0]), files[-1]
    check_distinct([target], [source, options.like()])
    kind, written = target.suffix.lower(), [target]
    described = source is None or source.suffix.lower() == ".toml"
    if not described and (settings or options.like()):
        raise NbnumbaError(
            f'{source}: found beside --set or --like; allowed: an EXPERIMENT.toml, or --nanobragg "FLAGS"'
        )
    if kind in EXPORTS:
        for name, value in (("--image", number), ("--shape", shape)):
            if value is not None:
                raise NbnumbaError(f"{name}: found for {target}, which tells of no one image; leave it out")
        if described:
            given = Described(options.load_experiment(source, nanobragg, settings), None)
            options.keep_inputs(given.experiment, source, [target])
        else:
            given = described_in(files[0])
        export(given, target, images, overwrite)
    elif kind in WRITERS and not described:
        if images is not None:
            raise NbnumbaError(
                f"--images: found {images} for {target}; name it with #, as name_####{kind}, for all images"
            )
        written = _to_images(files[0], target, overwrite, number, shape)
    else:
        allowed = [*EXPORTS, *(() if described else WRITERS)]
        raise NbnumbaError(f"{target}: found the ending {kind!r}; allowed: {', '.join(allowed)}")
    if as_json:
        click.echo(json.dumps({"files": [str(path) for path in written]}))
    else:
        click.echo("\n".join(f"Wrote {name}" for name in told(written)))


def _to_images(
    source: Path, target: Path, overwrite: bool, number: int | None, shape: tuple[int, int] | None
) -> list[Path]:
    """Convert one image, or all where the name of the target has a place for their numbers; the files written."""
    from nbnumba.images import count_images, read_image
    from nbnumba.outputs.stored import experiment_of

    kind = target.suffix.lower()
    options.check_shape(shape, source)
    if number is not None and "#" in target.name:
        raise NbnumbaError(f"--image: found {number} for {target}, whose # stands for all images; give one of them")
    numbers = range(count_images(source)) if "#" in target.name else [number or 0]
    paths = file_names("OUT", target, len(numbers), numbers[0])
    check_distinct(paths, [source])
    with new_files(paths, overwrite) as parts:
        for each, part in zip(numbers, parts, strict=True):
            image = read_image(source, number=each, shape=shape)
            WRITERS[kind](part, experiment_of(source, each) if kind in TELLING else None, image, each)
    return paths
