"""``nbnumba demo``: a first image without any input."""

from __future__ import annotations

from pathlib import Path

import click

from nbnumba_cli import options


@click.command("demo")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("nbnumba-demo"),
    show_default=True,
    help="Folder for the files; made if it is not there.",
)
@options.threads
@options.overwrite
@options.as_json
def command(folder: Path, threads: int | None, overwrite: bool, as_json: bool) -> None:
    """Render a built-in example: the mutant Cro repressor 1ORC, 1 A wavelength, a million pixels.

    Run again, it renders again; a demo.toml that was changed meanwhile stays, without --overwrite.

    \b
    Examples:
      nbnumba demo
      nbnumba demo -o first --threads 2 --json
    """
    from nbnumba.demo import unpack
    from nbnumba_cli.render import render_to_files

    experiment, toml = unpack(folder, overwrite=overwrite)
    if not as_json:
        click.echo(f"Rendering {toml}: a crystal of 1ORC, computed from its coordinates in the wwPDB.")
    picture = folder / "demo.png"
    render_to_files(
        experiment,
        folder / "demo.h5",
        picture,
        overwrite=True,
        as_json=as_json,
        threads=threads,
        command_line="nbnumba demo",
    )
    if as_json:
        return
    click.echo(
        f"\nLook at {picture}. Then try\n"
        f"  nbnumba simulate {toml} -o turned.h5 --png turned.png --set crystal.misset=10,20,30\n"
        f"  nbnumba simulate {toml} -o small.h5 --png small.png --set crystal.cells=5,5,5 --set crystal.shape=gauss\n"
        f"  nbnumba simulate {toml} -o series.h5 --images 5 --set scan.width=0.5 --set scan.steps=5"
    )
