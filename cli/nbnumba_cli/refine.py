"""``nbnumba refine``: parameters of an experiment from an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbnumba.errors import NbnumbaError
from nbnumba_cli import complete, options, voice
from nbnumba_cli.observed import LOSSES, read_loss
from nbnumba_cli.output import Output

if TYPE_CHECKING:
    import nbnumba as nb

NOT_CONVERGED = 1
_PASSED_ON = ("planes", "system", "continuation", "optimizer", "iterations", "tolerance", "device")


@click.command("refine")
@options.experiment_source
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path), required=False)
@options.parameters
@click.option("-o", "--output", type=Output("TOML"), required=True, help="TOML file of what is refined.")
@click.option(
    "--results",
    type=Output("HDF5"),
    help="HDF5 file to write: data, model, residual, sensitivities, values, correlation, history.",
)
@click.option(
    "--svg",
    type=Output("SVG"),
    help="Picture to write: data, model, residual, and the derivative by each parameter.",
)
@click.option(
    "--loss",
    type=click.Choice(LOSSES),
    default="poisson",
    show_default=True,
    help="Statistics of the data; gaussian: photons and read-out noise.",
)
@click.option(
    "--readout-sigma",
    type=click.FloatRange(min=0.0),
    callback=options.finite,
    help="Standard deviation of the read-out noise [photons] [default: that of the [response], or 0].",
)
@click.option(
    "--robust",
    type=click.FloatRange(min=0.0, min_open=True),
    callback=options.finite,
    help="Bear outliers; degrees of freedom of "
    "Student's distribution (gaussian) or standard deviations to Huber's limit (least-squares).",
)
@click.option(
    "--adu-per-photon",
    type=click.FloatRange(min=0.0, min_open=True),
    callback=options.finite,
    help="Units of the data that one photon makes [default: gain of the [response], or 1].",
)
@click.option(
    "--adu-offset",
    type=float,
    callback=options.finite,
    help="Units of the data without photons [default: offset of the [response], or 0].",
)
@click.option(
    "--background",
    metavar="PHOTONS|FILE",
    help="Photons a pixel beside the crystal's, or an image of them [default: the experiment's background, or 0].",
)
@click.option("--mask", type=click.Path(path_type=Path), help="SMV or .npy file: pixels of value 0 do not count.")
@click.option(
    "--shoeboxes",
    type=click.IntRange(min=1),
    metavar="PIXELS",
    help="Only boxes of this edge around predicted spots count.",
)
@click.option("--planes", is_flag=True, help="Refine a plane of background, in each box where there are boxes.")
@click.option(
    "--system",
    shell_complete=complete.systems,
    help="Crystal system to keep: monoclinic, orthorhombic, tetragonal, rhombohedral, hexagonal (or trigonal), cubic.",
)
@click.option(
    "--bound",
    "bounds",
    multiple=True,
    metavar="NAME=LOW:HIGH",
    shell_complete=complete.set_parameters,
    help="Keep a parameter between values, in its units (nbnumba derivatives lists them).",
)
@click.option(
    "--restrain",
    "restraints",
    multiple=True,
    metavar="NAME=VALUE:SIGMA",
    shell_complete=complete.set_parameters,
    help="Pull a parameter to a value, as a measurement with this standard deviation does.",
)
@click.option(
    "--tie",
    "ties",
    multiple=True,
    metavar="NAME=OTHER[,OTHER]",
    shell_complete=complete.set_parameters,
    help="Give others the value of one.",
)
@click.option(
    "--continuation",
    is_flag=True,
    help="Begin with crystals of a quarter and half the size, whose broad spots find their place from degrees away.",
)
@click.option(
    "--optimizer",
    type=click.Choice(("fisher", "L-BFGS-B", "trust-exact", "trust-ncg")),
    default="fisher",
    show_default=True,
    help="All but the first are SciPy's.",
)
@click.option(
    "--iterations",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Largest number of points to try, at each stage.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0, min_open=True),
    callback=options.finite,
    default=1e-9,
    show_default=True,
    help="Fall of the loss that is not worth another step.",
)
@options.image_number
@options.raw_shape
@options.device
@options.threads
@options.overwrite
@options.as_json
def command(
    experiment: Path | None,
    nanobragg: str | None,
    settings: tuple[str, ...],
    data: Path | None,
    names: tuple[str, ...],
    output: Path,
    results: Path | None,
    svg: Path | None,
    threads: int | None,
    overwrite: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Refine parameters of EXPERIMENT.toml so that its image comes as near as it can to DATA.

    DATA is an HDF5, SMV, CBF, TIFF, PGM, .npy or raw float32 file. Negative pixels of whole-numbered data do not count.
    Names of parameters: nbnumba derivatives EXPERIMENT.toml lists them. What was found is printed with standard
    deviations; the exit code is 1 if the search did not converge.

    \b
    Examples:
      nbnumba refine start.toml image.h5 -o refined.toml \\
          --parameter misset_x --parameter misset_y --parameter misset_z
      nbnumba refine start.toml image.h5 -o refined.toml --parameter cell_a --system cubic \\
          --background 2 --results refined.h5 --svg refined.svg
    """
    if nanobragg is not None and data is None:
        experiment, data = None, experiment  # the only word is the data
    if data is None:
        raise click.UsageError("Give DATA, the image to refine against.")
    if not names:
        raise click.UsageError("Give --parameter NAME; nbnumba derivatives EXPERIMENT.toml lists the names.")
    start = options.load_settled(experiment, nanobragg, settings)
    line = options.command_line()
    files = [file for file in (output, results, svg) if file is not None]
    options.keep_inputs(start, experiment, [output, results, svg], (data, asked["mask"]))
    from nbnumba.atomic import check_writable
    from nbnumba.outputs.hdf5 import check_hdf5

    for file in files:
        (check_hdf5 if file == results else check_writable)(file, overwrite)
    loss = read_loss(data, start, asked)
    with options.limited(threads, asked["device"]), voice.log_of("nbnumba.refinement.refine"):
        found = _refined(start, loss, names, asked)
        found.experiment.to_toml(output, overwrite=overwrite)
        _write(found, start, results, svg, overwrite, line)
    _tell(found, files, as_json)
    if not found.converged:
        click.get_current_context().exit(NOT_CONVERGED)


def _refined(start: nb.Experiment, loss: Any, names: tuple[str, ...], asked: dict[str, Any]) -> nb.Refinement:
    import nbnumba as nb

    boxes = None if asked["shoeboxes"] is None else nb.shoeboxes(start, size=asked["shoeboxes"])
    return nb.refine(
        start,
        loss,
        names,
        boxes=boxes,
        bounds=dict(_pair("--bound", "LOW:HIGH, as in cell_a=70:80", text) for text in asked["bounds"]),
        restraints=dict(
            _pair("--restrain", "VALUE:SIGMA, as in cell_a=78.1:0.2", text) for text in asked["restraints"]
        ),
        ties=dict(_tie(text) for text in asked["ties"]),
        report=lambda _: options.heed(),
        **{name: asked[name] for name in _PASSED_ON},
    )


def _pair(option: str, allowed: str, text: str) -> tuple[str, tuple[float, float]]:
    """Name and two numbers of NAME=A:B."""
    name, _, rest = text.partition("=")
    try:
        first, second = map(float, rest.split(":"))
    except ValueError:
        raise NbnumbaError(f"{option}: found {text!r}; allowed: NAME={allowed}") from None
    return name.strip(), (first, second)


def _tie(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, rest = text.partition("=")
    if not equals or not rest.strip():
        raise NbnumbaError(f"--tie: found {text!r}; allowed: NAME=OTHER[,OTHER], as in cells_a=cells_b,cells_c")
    return name.strip(), tuple(other.strip() for other in rest.split(","))


def _write(
    found: nb.Refinement, start: nb.Experiment, results: Path | None, svg: Path | None, overwrite: bool, line: str
) -> None:
    """Results and picture, of the pixels that counted."""
    if results is not None:
        from nbnumba.refinement.files import write_refinement

        write_refinement(results, found, start, overwrite=overwrite, command_line=line)
    if svg is not None:
        from nbnumba.outputs.gallery import Frame, write_gallery

        data, model = found.beside()
        frames = [Frame("data", data, unit="photons"), Frame("model", model, unit="photons"),
                  Frame("data - model", data - model, True, "photons")]  # fmt: skip
        write_gallery(svg, [*frames, *options.rate_frames(found.jacobian())], overwrite=overwrite)


def _tell(found: nb.Refinement, files: list[Path], as_json: bool) -> None:
    if as_json:
        report = {
            "values": found.values, "esd": found.esd, "correlation": found.correlation.tolist(), "loss": found.loss,
            "pixels": found.pixels, "misorientation": found.misorientation, "evaluations": found.evaluations,
            "converged": found.converged, "message": found.message, "files": [str(file) for file in files],
        }  # fmt: skip
        click.echo(json.dumps(options.jsonable(report), allow_nan=False))
        return
    click.echo(found.table)
    turned = round(found.misorientation, 9)
    click.echo(f"The crystal turned by {turned:.4g} degrees; loss {found.loss:.8g} over {found.pixels} pixels, "
               f"{found.evaluations} evaluations")  # fmt: skip
    click.echo(("Converged: " if found.converged else "Not converged: ") + found.message)
    click.echo("\n".join(f"Wrote {file}" for file in files))
