"""``nbnumba compare``: two images in figures and as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nbnumba_cli import options
from nbnumba_cli.output import Output

if TYPE_CHECKING:
    from nbnumba.comparison import Comparison

DIFFERENT = 1


@click.command("compare")
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--png",
    type=Output("PNG"),
    help="Picture of A, B and their difference (red: B is larger, blue: A is).",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0),
    callback=options.finite,
    help="Exit with 1 if the largest difference exceeds this fraction of A's largest value, or pixels are finite "
    "in one image alone.",
)
@options.image_number
@options.raw_shape
@click.option(
    "--peaks",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many of the strongest peaks to look for.",
)
@options.as_json
@options.overwrite
def command(
    first: Path,
    second: Path,
    png: Path | None,
    tolerance: float | None,
    number: int,
    shape: tuple[int, int] | None,
    peaks: int,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Compare image B with image A: correlation, sums, differences and peaks.

    Images are HDF5, SMV, CBF, TIFF, PGM, .npy or raw float32 files, of which the first bytes tell the kind.

    \b
    Examples:
      nbnumba compare floatimage.bin image.h5 --tolerance 1e-6
      nbnumba compare old.img new.img --png difference.png
    """
    import nbnumba as nb
    from nbnumba.atomic import check_distinct, check_writable
    from nbnumba.images import read_pair
    from nbnumba.outputs.png import write_comparison

    if png is not None:
        check_distinct([png], [first, second])
        check_writable(png, overwrite)
    options.check_shape(shape, first, second)
    a, b = read_pair(first, second, number=number, shape=shape)
    found = nb.compare(a, b, peaks=peaks)
    exceeded = None if tolerance is None else found.one_sided > 0 or not found.relative <= tolerance
    if png is not None:
        write_comparison(png, a, b, overwrite=overwrite)
    if as_json:
        report = {**found._asdict(), "peaks": found.peaks._asdict(), "tolerance": tolerance, "exceeded": exceeded}
        click.echo(json.dumps(options.jsonable(report), allow_nan=False))
    else:
        click.echo(_text(found, first, second))
        if exceeded is not None:
            click.echo(f"Tolerance     {tolerance:g}: {'exceeded' if exceeded else 'kept'}")
        if png is not None:
            click.echo(f"Wrote {png}")
    if exceeded:
        click.get_current_context().exit(DIFFERENT)


def _text(found: Comparison, first: Path, second: Path) -> str:
    from nbnumba.report import table

    axes = ("panel", "slow", "fast")[-len(found.place) :]
    place = ", ".join(f"{axis} {n}" for axis, n in zip(axes, found.place, strict=True))
    peaks, (of_a, of_b) = found.peaks, found.peaks.strongest
    rows = [
        ("A", str(first)),
        ("B", str(second)),
        ("Pixels", f"{found.pixels} that are finite in both; {found.one_sided} differ otherwise"),
        ("Correlation", f"{found.correlation:.9f}"),
        ("Sums", f"{found.ratio:.9g}, B over A"),
        ("Difference", f"rms {found.rms:.6g}; largest {found.largest:.6g} at {place}, "
                       f"{found.relative:.3g} of A's maximum"),
        ("Peaks", f"of the {of_a} strongest of A, {peaks.matched[0]} within half a pixel of one of B; "
                  f"of the {of_b} of B, {peaks.matched[1]}; {peaks.apart:.3g} pixels apart on average"),
    ]  # fmt: skip
    return table(rows)
