"""``nbnumba convert``: nanoBragg's flags to an experiment file, images to other formats."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nbnumba.atomic import check_distinct, check_writable
from nbnumba.errors import NbnumbaError
from nbnumba_cli import options
from nbnumba_cli.exports import EXPORTS, export
from nbnumba_cli.formats import file_names, told

EXPERIMENT = ".toml"
IMAGES = (".npy", ".bin", ".raw", ".png", ".cbf", ".img", ".smv", ".tif", ".tiff")


@click.command("convert")
@click.argument("files", metavar="[IN] OUT", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--nanobragg",
    metavar='"FLAGS"',
    help="Flags of the nanoBragg program instead of IN, for an OUT.toml. Names of files are relative to the working "
    "folder.",
)
@options.image_number
@options.raw_shape
@options.overwrite
@options.as_json
def command(
    files: tuple[Path, ...],
    nanobragg: str | None,
    number: int,
    shape: tuple[int, int] | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Turn nanoBragg's flags into an experiment file, or an image or its experiment into another format.

    What OUT becomes follows from its name: .toml, the experiment that flags or an HDF5 file of ours describe; .npy, a
    NumPy array; .bin or .raw, float32 without header; .png, a picture with a scale from the median (white) to the
    spots; .cbf, CBF, and .img or .smv, SMV, with the geometry where IN is an HDF5 file of ours, else pixels alone;
    .tif or .tiff, TIFF. With # in its name, OUT becomes a file for each image of IN. IN may be HDF5, SMV, CBF, TIFF,
    PGM, .npy or raw float32.

    From an HDF5 file of ours, or an experiment file (.toml): .expt, an experiment list of DIALS with the true crystal;
    .geom, the geometry for CrystFEL; .csv, a table of all reflections on the detector: indices, F, F^2, place [pixels],
    angle of the spindle [degrees], image.

    \b
    Examples:
      nbnumba convert --nanobragg "-mat A.mat -hkl P1.hkl -N 10 -lambda 1" experiment.toml
      nbnumba convert image.h5 experiment.toml
      nbnumba convert intimage.img picture.png
      nbnumba convert series.h5 truth.expt
      nbnumba convert series.h5 detector.geom
      nbnumba convert series.h5 reflections.csv
      nbnumba convert series.h5 series_####.cbf
    """
    if len(files) != (2 if nanobragg is None else 1):
        raise click.UsageError('Give IN and OUT, or --nanobragg "FLAGS" and OUT.toml.')
    source, target = (None if nanobragg is not None else files[0]), files[-1]
    check_distinct([target], [source])
    kind, written = target.suffix.lower(), [target]
    if kind == EXPERIMENT:
        _to_toml(source, nanobragg, target, overwrite)
    elif kind in EXPORTS and source is not None:
        export(source, target, overwrite)
    elif kind in IMAGES and source is not None:
        written = _to_images(source, target, overwrite, number, shape)
    else:
        allowed = [EXPERIMENT, *((*IMAGES, *EXPORTS) if source is not None else ())]
        raise NbnumbaError(f"{target}: found the ending {kind!r}; allowed: {', '.join(allowed)}")
    if as_json:
        click.echo(json.dumps({"files": [str(path) for path in written]}))
    else:
        click.echo("\n".join(f"Wrote {name}" for name in told(written)))


def _to_toml(source: Path | None, nanobragg: str | None, target: Path, overwrite: bool) -> None:
    if nanobragg is not None:
        experiment = options.load_experiment(None, nanobragg, ())
    else:
        from nbnumba.outputs.nexus import read_nexus

        experiment, _ = read_nexus(str(source))
    experiment.to_toml(target, overwrite=overwrite)


def _to_images(source: Path, target: Path, overwrite: bool, number: int, shape: tuple[int, int] | None) -> list[Path]:
    """Convert one image, or all where the name of the target has a place for their numbers; the files written."""
    from nbnumba.images import count_images

    numbers = range(count_images(source)) if "#" in target.name else [number]
    paths = file_names("OUT", target, len(numbers), numbers[0])
    check_distinct(paths, [source])
    for path in paths:
        check_writable(path, overwrite)
    for each, path in zip(numbers, paths, strict=True):
        _to_image(source, path, overwrite, each, shape)
    return paths


def _to_image(source: Path, target: Path, overwrite: bool, number: int, shape: tuple[int, int] | None) -> None:
    import numpy as np

    from nbnumba.atomic import new_file
    from nbnumba.images import read_image
    from nbnumba.outputs.cbf import write_cbf
    from nbnumba.outputs.nexus import read_experiment
    from nbnumba.outputs.png import write_png
    from nbnumba.outputs.raw import write_raw
    from nbnumba.outputs.smv import write_smv
    from nbnumba.outputs.tiff import write_tiff

    image, kind = read_image(source, number=number, shape=shape), target.suffix.lower()
    if kind == ".png":
        known = read_experiment(source) if image.ndim == 3 else None
        write_png(target, image, experiment=known, overwrite=overwrite)
    elif kind in (".cbf", ".img", ".smv"):
        write = write_cbf if kind == ".cbf" else write_smv
        write(target, read_experiment(source), image, number, overwrite=overwrite)
    elif kind in (".tif", ".tiff"):
        write_tiff(target, image, description=f"nbnumba, image {number + 1}", overwrite=overwrite)
    elif kind == ".npy":
        with new_file(target, overwrite) as part, open(part, "wb") as file:
            np.save(file, image, allow_pickle=False)
    else:
        write_raw(target, image, overwrite=overwrite)
