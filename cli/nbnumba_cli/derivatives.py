"""``nbnumba derivatives``: an image and its derivatives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nbnumba.simulation import check_device
from nbnumba_cli import options
from nbnumba_cli.output import Output

if TYPE_CHECKING:
    import nbnumba as nb


@click.command("derivatives")
@options.experiment_source
@options.parameters
@click.option("-o", "--output", type=Output("HDF5"), help="HDF5 file to write: image and derivatives.")
@click.option("--svg", type=Output("SVG"), help="Picture to write: the image, and each derivative.")
@options.device
@options.threads
@options.overwrite
@options.as_json
def command(
    experiment: Path | None,
    nanobragg: str | None,
    settings: tuple[str, ...],
    names: tuple[str, ...],
    output: Path | None,
    svg: Path | None,
    device: str,
    threads: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Render the image of EXPERIMENT.toml and its derivatives by parameters.

    Without --parameter the parameters of the experiment are listed with their values.

    \b
    Examples:
      nbnumba derivatives crystal.toml
      nbnumba derivatives crystal.toml --parameter misset_x --parameter cell_a \\
          -o rates.h5 --svg rates.svg
    """
    check_device(device)
    described = options.load_settled(experiment, nanobragg, settings)
    line = options.command_line()
    options.keep_inputs(described, experiment, [output, svg])
    if not names:
        if output is not None or svg is not None:
            raise click.UsageError("Give --parameter NAME; without it and without files, the names are listed.")
        _list(described, as_json)
        return
    if output is None and svg is None:
        raise click.UsageError("Give -o OUT.h5 or --svg FILE.")
    from nbnumba.atomic import check_writable
    from nbnumba.outputs.hdf5 import check_hdf5

    for file, check in ((output, check_hdf5), (svg, check_writable)):
        if file is not None:
            check(file, overwrite)
    with options.waiting("Deriving"), options.limited(threads, device):
        import nbnumba as nb

        image, derivatives = nb.jacobian(described, names, device=device)
    rows = {name: (float(x.min()), float(x.max())) for name, x in derivatives.items()}
    if output is not None:
        from nbnumba.refinement.files import write_derivatives

        write_derivatives(output, described, image, derivatives, overwrite=overwrite, command_line=line)
    if svg is not None:
        from nbnumba.outputs.gallery import Frame, write_gallery

        write_gallery(
            svg, [Frame("image", image, unit="photons"), *options.rate_frames(derivatives)], overwrite=overwrite
        )
    _tell(rows, [file for file in (output, svg) if file], as_json)


def _list(described: nb.Experiment, as_json: bool) -> None:
    from nbnumba.model.parameters import PARAMETERS
    from nbnumba.report import columns

    values = described.parameters()
    if as_json:
        click.echo(json.dumps({name: {"value": x, "unit": PARAMETERS[name].unit} for name, x in values.items()}))
    else:
        click.echo(columns([("parameter", "value", "unit"), *((n, x, PARAMETERS[n].unit) for n, x in values.items())]))


def _tell(rows: dict[str, tuple[float, float]], files: list[Path], as_json: bool) -> None:
    from nbnumba.model.parameters import rate_unit
    from nbnumba.report import columns

    if as_json:
        found = {name: {"min": low, "max": high, "unit": rate_unit(name)} for name, (low, high) in rows.items()}
        click.echo(json.dumps({"derivatives": found, "files": [str(file) for file in files]}))
        return
    click.echo(columns([("derivative by", "least", "largest", "unit"), *(
        (name, low, high, rate_unit(name)) for name, (low, high) in rows.items()
    )]))  # fmt: skip
    click.echo("\n".join(f"Wrote {file}" for file in files))
