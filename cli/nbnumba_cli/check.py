"""``nbnumba check``: which rules of NXmx and of its readers an HDF5 file breaks."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nbnumba_cli import options

BROKEN = 1


@click.command("check")
@click.argument("file", metavar="FILE.h5", type=click.Path(path_type=Path))
@options.as_json
def command(file: Path, as_json: bool) -> None:
    """Check an HDF5 file of images, ours or another's, against NXmx and what DIALS and others need.

    Tells for each rule that is broken where, what was found, what is needed, and what happens as it is. Errors: NXmx
    demands it, or a program fails or reads wrong; warnings: one may; notes: NXmx recommends it. Exit code 1 if there
    are errors. Images themselves are not read.

    \b
    Examples:
      nbnumba check image.h5
      nbnumba check master.h5 --json
    """
    from nbnumba.checks import LEVELS, check_nexus

    found = check_nexus(file)
    counts = {level: sum(one.level == level for one in found) for level in LEVELS}
    if as_json:
        report = {"file": str(file), "counts": counts, "broken": [one._asdict() for one in found]}
        click.echo(json.dumps(report))
    else:
        for one in found:
            click.echo(f"{one.level}: {one.where}: found {one.found}; needed: {one.needed}\n  {one.otherwise}")
        told = [f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items()]
        click.echo(f"{file}: {', '.join(told)}")
    if counts["error"]:
        click.get_current_context().exit(BROKEN)
