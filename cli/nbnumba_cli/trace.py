"""``nbnumba trace``: every number inside one pixel."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from nbnumba.errors import NbnumbaError
from nbnumba_cli import options

_SHOWN = 20  # steps, where nothing else is asked for


@click.command("trace")
@options.experiment_source
@click.option("--pixel", type=(int, int), metavar="SLOW FAST", help="Number of the pixel along slow and fast.")
@click.option("--step", "number", type=click.IntRange(min=0), help="All quantities of this step, counted from 0.")
@click.option("--top", type=click.IntRange(min=1), help="The steps that add most to the pixel, so many of them.")
@click.option(
    "--by",
    type=click.Choice(["layer", "subpixel", "source", "phi", "domain"]),
    help="Sums over all loops but this one.",
)
@click.option("--reflection", type=(int, int, int), metavar="H K L", help="Only steps nearest to this reflection.")
@click.option("--columns", help="Quantities to show, as in h,k,l,f_latt,term [default: the most telling ones].")
@click.option("--where", is_flag=True, help="Also the function and file that each quantity comes from.")
@click.option(
    "--region",
    type=(int, int, int, int),
    metavar="SLOW SLOW FAST FAST",
    help="Instead of one pixel: which reflections light these, from the first to before the last.",
)
@click.option("--csv", type=click.Path(path_type=Path), help="File to write all quantities of the steps to.")
@click.option("--html", type=click.Path(path_type=Path), help="Page to write: image, loops, steps and equations.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="OTHER.toml",
    help="Another experiment: the first quantity that differs there, and by how much.",
)
@click.option(
    "--compare-reference",
    "reference",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="PROGRAM",
    help="A nanoBragg executable, run on the flags of --nanobragg: what it prints of the pixel's last step.",
)
@click.option("--limit", type=click.IntRange(min=1), default=10**6, show_default=True, help="Largest number of steps.")
@options.overwrite
@options.as_json
def command(
    experiment: Path | None,
    nanobragg: str | None,
    settings: tuple[str, ...],
    pixel: tuple[int, int] | None,
    region: tuple[int, int, int, int] | None,
    csv: Path | None,
    html: Path | None,
    overwrite: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Show every number inside one pixel of EXPERIMENT.toml: all steps of its loops, and what each of them adds.

    \b
    Examples:
      nbnumba trace crystal.toml --pixel 512 300
      nbnumba trace crystal.toml --pixel 512 300 --step 0 --where
      nbnumba trace crystal.toml --pixel 512 300 --by domain
      nbnumba trace crystal.toml --pixel 512 300 --html pixel.html
      nbnumba trace crystal.toml --pixel 512 300 --compare other.toml
      nbnumba trace crystal.toml --region 500 520 290 310 --top 5
    """
    if (pixel is None) == (region is None):
        raise click.UsageError("Give --pixel SLOW FAST or --region SLOW SLOW FAST FAST, one of them.")
    described = options.load_experiment(experiment, nanobragg, settings)
    options.keep_inputs(described, experiment, [csv, html])
    if region is not None:
        _show_region(described, region, asked["top"] or _SHOWN, as_json)
    elif pixel is not None:
        _show_pixel(described, pixel, csv, html, overwrite, as_json, nanobragg, asked)


def _show_region(experiment: Any, region: tuple[int, int, int, int], count: int, as_json: bool) -> None:
    import nbnumba as nb
    from nbnumba.report import columns

    s0, s1, f0, f1 = region
    with options.progress_bar("Tracing") as bar:
        found = nb.contributions(experiment, ((s0, s1), (f0, f1)), progress=bar.show)
    if as_json:
        rows = [dict(zip(found.dtype.names or (), row, strict=True)) for row in found.tolist()]
        click.echo(json.dumps({"photons": float(found["photons"].sum()), "reflections": rows}))
        return
    click.echo(f"{len(found)} reflections, {found['photons'].sum():.7g} photons; the brightest:")
    click.echo(columns([("h", "k", "l", "photons", "share"), *(_percent(row) for row in found[:count].tolist())]))


def _percent(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:-1], f"{100.0 * row[-1]:.2f} %")


def _show_pixel(
    experiment: Any,
    pixel: tuple[int, int],
    csv: Path | None,
    html: Path | None,
    overwrite: bool,
    as_json: bool,
    nanobragg: str | None,
    asked: dict[str, Any],
) -> None:
    from nbnumba.atomic import check_writable

    for file in (csv, html):
        if file is not None:
            check_writable(file, overwrite)
    traced = _traced(experiment, pixel, asked["limit"])
    if asked["compare"] is not None or asked["reference"] is not None:
        _compare(traced, asked, nanobragg)
        return
    kept = traced if asked["reflection"] is None else traced.reflection(*asked["reflection"])
    kept = kept if asked["top"] is None else kept.top(asked["top"])
    click.echo(json.dumps(options.jsonable(kept.as_dict())) if as_json else _told(kept, len(traced), asked))
    if csv is not None:
        kept.to_csv(csv, overwrite=overwrite)
        click.echo(f"Wrote {csv}", err=as_json)
    if html is not None:
        from nbnumba.tracer.page import write_page

        write_page(html, traced, overwrite=overwrite)
        click.echo(f"Wrote {html}", err=as_json)


def _traced(experiment: Any, pixel: tuple[int, int], limit: int) -> Any:
    import nbnumba as nb

    with options.progress_bar("Tracing") as bar:
        return nb.trace(experiment, *pixel, limit=limit, progress=bar.show)


def _told(kept: Any, steps: int, asked: dict[str, Any]) -> str:
    """What a terminal shows."""
    from nbnumba.report import columns

    lines = [
        f"Pixel slow {kept.slow}, fast {kept.fast}: {kept.value:.7g} photons in {steps} steps, "
        f"{kept.experiment.resolution(kept.slow + 0.5, kept.fast + 0.5):.4g} A"
    ]
    if asked["by"] is not None:
        sums = kept.by(asked["by"])
        return "\n".join([*lines, columns([list(sums.dtype.names), *(_percent(row) for row in sums.tolist())])])
    if asked["number"] is not None or asked["where"]:
        return "\n".join([*lines, kept.one(asked["number"], where=asked["where"])])
    names = {} if asked["columns"] is None else {"names": asked["columns"].split(",")}
    if len(kept) < steps:
        lines.append(f"{len(kept)} of them, which add {kept.records['term'].sum():.7g} photons:")
    if len(kept) > _SHOWN and asked["top"] is None:
        lines.append(f"The {_SHOWN} steps that add most (--top for more, --csv for all):")
        kept = kept.top(_SHOWN)
    return "\n".join([*lines, kept.table(**names)])


def _compare(traced: Any, asked: dict[str, Any], nanobragg: str | None) -> None:
    from nbnumba.tracer.difference import differences, report

    if asked["compare"] is not None:
        other = options.load_experiment(asked["compare"], None, ())
        found = differences(traced, _traced(other, (traced.slow, traced.fast), asked["limit"]))
        click.echo(report(found, ("here", str(asked["compare"]))))
    if asked["reference"] is not None:
        from nbnumba.compat.reference import printed_terms, reference_differences

        if nanobragg is None:
            raise NbnumbaError("--compare-reference: found without --nanobragg; give the program's flags by it")
        terms = printed_terms(asked["reference"], shlex.split(nanobragg), traced.slow, traced.fast)
        click.echo(report(reference_differences(traced, terms), ("here", str(asked["reference"]))))
