"""``nbnumba trace``: every number inside one pixel."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from nbnumba.atomic import check_writable
from nbnumba.errors import NbnumbaError
from nbnumba_cli import complete, options
from nbnumba_cli.output import Output

_SHOWN = 20  # steps, where nothing else is asked for


@click.command("trace")
@options.experiment_source
@click.option("--pixel", type=(int, int), metavar="SLOW FAST", help="Number of the pixel along slow and fast.")
@options.panel
@click.option("--step", "number", type=click.IntRange(min=0), help="All quantities of this step, counted from 0.")
@click.option("--top", type=click.IntRange(min=1), help="The steps that add most to the pixel, so many of them.")
@click.option(
    "--by",
    type=click.Choice(["layer", "subpixel", "source", "phi", "domain"]),
    help="Sums over all loops but this one.",
)
@click.option("--reflection", type=(int, int, int), metavar="H K L", help="Only steps nearest to this reflection.")
@click.option(
    "--columns",
    shell_complete=complete.quantities,
    help="Quantities to show, as in h,k,l,f_latt,term [default: the most telling ones].",
)
@click.option("--where", is_flag=True, help="Also the function and file that each quantity comes from.")
@click.option(
    "--region",
    type=(int, int, int, int),
    metavar="SLOW SLOW FAST FAST",
    help="Instead of one pixel: which reflections light these, from the first to before the last.",
)
@click.option("--csv", type=Output("CSV"), help="File to write all quantities of the steps to.")
@click.option("--html", type=Output("HTML"), help="Page to write: image, loops, steps and equations.")
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
@click.option("--limit", type=click.IntRange(min=1), help="Largest number of steps [default: a million].")
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
    _check(pixel, region, csv, html, nanobragg, settings, as_json, asked)
    described = options.load_settled(experiment, nanobragg, settings)
    options.keep_inputs(described, experiment, [csv, html], (asked["compare"], asked["reference"]))
    if region is not None:
        _show_region(described, region, asked["top"] or _SHOWN, as_json)
    if pixel is not None:
        for file in filter(None, (csv, html)):
            check_writable(file, overwrite)
        traced = _traced(described, pixel, asked["panel"], asked["limit"])
        if asked["compare"] is None and asked["reference"] is None:
            _show_pixel(traced, asked, as_json)
        else:
            _compare(traced, asked["compare"], asked["reference"], nanobragg, asked["limit"], as_json)
        _write(traced, csv, html, overwrite, as_json, asked)


def _check(
    pixel: Any,
    region: Any,
    csv: Path | None,
    html: Path | None,
    nanobragg: str | None,
    settings: Any,
    as_json: bool,
    asked: dict[str, Any],
) -> None:
    """Refuse options that have no meaning together."""
    if (pixel is None) == (region is None):
        raise click.UsageError("Give --pixel SLOW FAST or --region SLOW SLOW FAST FAST, one of them.")
    given = {name for name, value in {**asked, "csv": csv, "html": html}.items() if value not in (None, False)}
    given |= {"json"} if as_json else set()
    compares = given & {"compare", "compare-reference", "reference"}
    for one, others, rest in (
        (region is not None and "region", given - {"top", "json"}, "--top and --json; use --pixel for the rest"),
        ("by" in given and "by", given & {"columns", "where", "number"}, "--top, --reflection, --json and files"),
        ("number" in given and "step", given & {"top", "reflection"}, "--where, --columns, --json and files"),
        (
            compares and "compare",
            given - compares - {"limit", "csv", "html", "panel", "json"},
            "--limit, --json, --csv and --html",
        ),
    ):
        if one and others:
            names = {"number": "step", "reference": "compare-reference"}
            other = min(others)
            raise NbnumbaError(f"--{one}: found beside --{names.get(other, other)}; allowed: {rest}")
    if asked["reference"] is not None and (nanobragg is None or settings):
        raise NbnumbaError(
            "--compare-reference: allowed with --nanobragg and without --set, as the program is run on its own flags"
        )


def _write(
    traced: Any, csv: Path | None, html: Path | None, overwrite: bool, as_json: bool, asked: dict[str, Any]
) -> None:
    if csv is not None:
        with options.progress_bar("Writing") as bar:
            _chosen(traced, asked).to_csv(csv, overwrite=overwrite, progress=bar.show)
        click.echo(f"Wrote {csv}", err=as_json)
    if html is not None:
        from nbnumba.tracer.page import write_page

        write_page(html, traced, overwrite=overwrite)
        click.echo(f"Wrote {html}", err=as_json)


def _show_region(experiment: Any, region: tuple[int, int, int, int], count: int, as_json: bool) -> None:
    from nbnumba.report import columns

    s0, s1, f0, f1 = region
    with options.progress_bar("Tracing") as bar:
        found = _contributions(experiment, ((s0, s1), (f0, f1)), progress=bar.show)
    total = float(found["photons"].sum())
    if as_json:
        click.echo(json.dumps({"photons": total, "reflections": _rows(found)}))
        return
    click.echo(f"{len(found)} reflections, {total:.7g} photons{'; the brightest:' if len(found) else ''}")
    if len(found):
        click.echo(columns([("h", "k", "l", "photons", "share"), *(_percent(row) for row in found[:count].tolist())]))


def _contributions(*words: Any, **how: Any) -> Any:
    import nbnumba as nb

    try:
        return nb.contributions(*words, **how)
    except NbnumbaError as error:
        raise NbnumbaError(str(error).replace("detector.roi", "--region")) from None


def _rows(array: Any) -> list[dict[str, Any]]:
    return [dict(zip(array.dtype.names, row, strict=True)) for row in array.tolist()]


def _percent(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:-1], f"{100.0 * row[-1]:.2f} %")


def _traced(experiment: Any, pixel: tuple[int, int], panel: int | None, limit: int | None) -> Any:
    import nbnumba as nb

    how = {name: value for name, value in (("panel", panel), ("limit", limit)) if value is not None}
    with options.progress_bar("Tracing") as bar:
        return nb.trace(experiment, *pixel, progress=bar.show, **how)


def _chosen(traced: Any, asked: dict[str, Any]) -> Any:
    """The steps that are asked for."""
    kept = traced if asked["reflection"] is None else traced.reflection(*asked["reflection"])
    kept = kept if asked["top"] is None else kept.top(asked["top"])
    return kept if asked["number"] is None else kept.step(asked["number"])


def _show_pixel(traced: Any, asked: dict[str, Any], as_json: bool) -> None:
    kept = _chosen(traced, asked)
    told = "" if as_json else _told(kept, asked)
    if as_json:
        found = {**kept.as_dict(), "by": _rows(kept.by(asked["by"]))} if asked["by"] else kept.as_dict()
        click.echo(json.dumps(options.jsonable(found)))
        return
    click.echo(f"{traced.title}: {traced.value:.7g} photons in {len(traced)} steps, {traced.resolution:.4g} A")
    if len(kept) < len(traced) and asked["number"] is None:
        click.echo(f"Of these {len(kept)}: {kept.records['term'].sum():.7g} photons")
    click.echo(told)


def _told(kept: Any, asked: dict[str, Any]) -> str:
    """Sums over loops, all quantities of one step, or a table of steps."""
    from nbnumba.report import columns

    if asked["by"] is not None:
        sums = kept.by(asked["by"])
        return columns([list(sums.dtype.names), *(_percent(row) for row in sums.tolist())])
    if not len(kept):
        return "No step is nearest to this reflection (--region tells which ones are near)."
    names = None if asked["columns"] is None else [name.strip() for name in asked["columns"].split(",")]
    if asked["number"] is not None or asked["where"]:
        one = kept.top(1)
        return f"Step {', '.join(map(str, one.numbers))}:\n{one.listing(names, where=asked['where'])}"
    if len(kept) > _SHOWN and asked["top"] is None:
        return f"The {_SHOWN} steps that add most (--top for more, --csv for all):\n{kept.top(_SHOWN).table(names)}"
    return str(kept.table(names))


def _compare(
    traced: Any, other: Path | None, program: Path | None, nanobragg: str | None, limit: int | None, as_json: bool
) -> None:
    """Print what differs in another experiment, or in what a program prints; as JSON, by the name of that."""
    from nbnumba.tracer.difference import differences, report

    found: dict[str, Any] = {}
    if other is not None:
        second = _traced(options.load_settled(other, None, ()), (traced.slow, traced.fast), traced.panel, limit)
        found[str(other)] = differences(traced, second)
    if program is not None and nanobragg is not None:
        from nbnumba.compat.reference import printed_terms, reference_differences

        terms = printed_terms(program, shlex.split(nanobragg), traced.slow, traced.fast)
        found[str(program)] = reference_differences(traced, terms)
    if as_json:
        rows = {name: [{**d._asdict(), "difference": d.difference} for d in each] for name, each in found.items()}
        click.echo(json.dumps(options.jsonable(rows), allow_nan=False))
        return
    for name, each in found.items():
        click.echo(report(each, ("here", name)))
