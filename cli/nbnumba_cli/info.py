"""``nbnumba info``: this installation, what is inside a file, or the geometry of an experiment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbnumba.atomic import check_writable
from nbnumba.errors import NbnumbaError
from nbnumba_cli import options
from nbnumba_cli.output import Output

if TYPE_CHECKING:
    from nbnumba.model.experiment import Experiment

#: Names that no experiment has.
_IMAGES = (
    ".h5",
    ".hdf5",
    ".nxs",
    ".cbf",
    ".img",
    ".smv",
    ".tif",
    ".tiff",
    ".pgm",
    ".png",
    ".npy",
    ".expt",
    ".bin",
    ".raw",
)


@click.command("info")
@options.experiment_source
@click.option("--geometry", is_flag=True, help="Axes, origin, beam centres and resolution rings of the experiment.")
@click.option(
    "--hkl",
    "reflections",
    type=(int, int, int),
    multiple=True,
    metavar="H K L",
    help="Which pixel this reflection hits, and at which angle of the spindle; may be repeated.",
)
@click.option(
    "--pixel", "pixels", type=(int, int), multiple=True, metavar="SLOW FAST",
    help="Indices and resolution at the centre of this pixel; may be repeated.",
)  # fmt: skip
@options.panel
@click.option("--png", type=Output("PNG"), help="Picture to write: detector, beam, rings, reflections.")
@options.overwrite
@options.as_json
def command(
    experiment: Path | None,
    nanobragg: str | None,
    settings: tuple[str, ...],
    geometry: bool,
    reflections: tuple[tuple[int, int, int], ...],
    pixels: tuple[tuple[int, int], ...],
    panel: int | None,
    png: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Tell about this installation, what is inside a file, or about the geometry of EXPERIMENT.toml.

    In the place of EXPERIMENT.toml may stand a file of images (HDF5, CBF, SMV, TIFF, .npy) or a .expt file of DIALS:
    images, types of pixels, compression, geometry [mm, A, degrees, pixels] and how the file came to be are told.

    \b
    Examples:
      nbnumba info
      nbnumba info image.h5
      nbnumba info image_00001.cbf --json
      nbnumba info crystal.toml --geometry --png geometry.png
      nbnumba info crystal.toml --hkl 3 1 -4 --pixel 512 300
    """
    asked = bool(geometry or reflections or pixels or png or settings or options.like())
    if experiment is None and nanobragg is None:
        _tell_installation(as_json, asked)
        return
    if experiment is not None and not os.path.exists(experiment):
        raise NbnumbaError(f"{experiment}: no such file; name an EXPERIMENT.toml, or a file of images")
    if experiment is not None and os.path.isfile(experiment) and _tell_file(experiment, as_json, asked):
        return
    described = options.load_experiment(experiment, nanobragg, settings)
    options.keep_inputs(described, experiment, [png])
    if png is not None:
        check_writable(png, overwrite)
        described.detector.check_one_panel("--png")
    report = _tell_geometry(described, reflections, pixels, panel, as_json)
    if png is not None:
        _draw(png, described, report, overwrite)
        click.echo(f"Wrote {png}", err=as_json)


def _tell_installation(as_json: bool, asked: bool) -> None:
    from nbnumba.report import installation, table

    if asked:
        raise NbnumbaError("info: found options but no experiment; give an EXPERIMENT.toml or --nanobragg")
    found: dict[str, Any] = installation()
    click.echo(json.dumps(found) if as_json else table([(name, str(value)) for name, value in found.items()]))


def _tell_geometry(
    described: Experiment,
    reflections: tuple[tuple[int, int, int], ...],
    pixels: tuple[tuple[int, int], ...],
    panel: int | None,
    as_json: bool,
) -> dict[str, Any]:
    from nbnumba.geometry import geometry_report, geometry_text

    report = geometry_report(described, reflections, pixels, panel=panel)
    click.echo(json.dumps(options.jsonable(report), allow_nan=False) if as_json else geometry_text(report))
    return report


def _draw(png: Path, described: Experiment, report: dict[str, Any], overwrite: bool) -> None:
    from nbnumba.sketch import write_sketch

    spots = [(hit["slow"], hit["fast"]) for r in report["reflections"] for hit in r["hits"] if hit["on_detector"]]
    write_sketch(png, described, [ring["spacing_A"] for ring in report["rings"]], spots, overwrite=overwrite)


def _tell_file(file: Path, as_json: bool, asked: bool) -> bool:
    """Tell what is inside a file, if it is no experiment."""
    from nbnumba.contents import file_report, file_text
    from nbnumba.inputs.kinds import RAW, kind_of

    if kind_of(file) == RAW:
        if file.suffix.lower() in _IMAGES:
            raise NbnumbaError(
                f"{file}: found another kind of file than its name says, or an empty one; allowed: HDF5, CBF, SMV, "
                "TIFF, PGM, .npy and .expt, or an EXPERIMENT.toml"
            )
        return False
    if asked:
        raise NbnumbaError(
            f"{file}: found options about an experiment beside it; give an EXPERIMENT.toml, or leave them out"
        )
    report = file_report(file)
    click.echo(json.dumps(options.jsonable(report), allow_nan=False) if as_json else file_text(report))
    return True
