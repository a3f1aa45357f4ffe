"""``nbnumba bench``: speed on this machine, each figure beside a check of its image."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from nbnumba.bench.workloads import WORKLOADS
from nbnumba.errors import NbnumbaError
from nbnumba_cli import options, voice

LARGEST = 32768  # pixels along an edge


@click.command("bench")
@click.option(
    "--workload",
    "names",
    multiple=True,
    type=click.Choice(list(WORKLOADS)),
    help="What to render; may be repeated [default: all].",
)
@click.option("--sizes", help="Pixels along each edge, as in 256,1024,4096 [default: each workload's own].")
@click.option("--repeats", type=click.IntRange(min=1), default=7, show_default=True, help="Warm images, or pairs.")
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Fresh processes with a warm cache: mean, spread and memory; 10 make a good figure.",
)
@click.option("--cold", is_flag=True, help="Also one fresh process with an empty cache (compiles for some 10 s).")
@click.option("--scaling", is_flag=True, help="Also the time with 1, 2, 4 ... threads.")
@click.option("--mixed", is_flag=True, help="Also mixed precision, in alternation with double.")
@click.option("--profile", is_flag=True, help="Also split one image of the drop-in command into its parts.")
@click.option(
    "--reference",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A nanoBragg executable: run in alternation on the same flags, its image compared.",
)
@options.precision
@options.threads
@options.as_json
def command(
    names: tuple[str, ...], sizes: str | None, threads: int | None, as_json: bool, precision: str, **what: Any
) -> None:
    """Measure the speed of rendering on this machine.

    Times are medians of images in one warm process; each is checked against a few pixels computed by plain Python, and
    against the image of --reference. A difference above 1e-6 of the maximum fails the benchmark. Prints a table in
    Markdown.

    \b
    Examples:
      nbnumba bench --workload mosaic --scaling
      nbnumba bench --workload published --sizes 256,512,1024,2048,4096 --processes 10
      nbnumba bench --reference ./nanoBragg --json
    """
    if what["profile"] and (threads is not None or precision != "double"):
        raise NbnumbaError(
            "--profile: found beside --threads or --precision mixed; the command that it splits up runs with all "
            "threads in double precision: leave them out"
        )
    from nbnumba._run import thread_limit
    from nbnumba.bench.measure import machine, prepared

    if threads is not None and threads > thread_limit():
        raise NbnumbaError(f"--threads: found {threads}; allowed: 1 to {thread_limit()} on this machine")
    rows: list[dict[str, Any]] = []
    report = {"machine": machine(), "precision": precision, "threads": threads or thread_limit(), "rows": rows}
    try:
        for name in names or tuple(WORKLOADS):
            for pixels in _sizes(sizes):
                with prepared(name, pixels, precision, threads or thread_limit()) as job:
                    voice.tell(f"Measuring {name}, {job.pixels} x {job.pixels} pixels ...")
                    rows.append({"workload": name, "pixels": job.pixels, **_measured(job, **what)})
    finally:  # what was measured before a failure or an interrupt is kept
        if rows:
            click.echo(json.dumps(options.jsonable(report), allow_nan=False) if as_json else _markdown(report))


def _sizes(text: str | None) -> list[int | None]:
    if text is None:
        return [None]
    try:
        sizes = [int(word) for word in text.split(",")]
    except ValueError:
        sizes = [0]
    if not 1 <= min(sizes) <= max(sizes) <= LARGEST:
        raise NbnumbaError(f"--sizes: found {text!r}; allowed: whole numbers from 1 to {LARGEST}, as in 256,1024")
    return list(sizes)


def _measured(
    job: Any,
    repeats: int,
    processes: int,
    cold: bool,
    scaling: bool,
    mixed: bool,
    profile: bool,
    reference: Path | None,
) -> dict[str, Any]:
    from nbnumba.bench import measure

    row: dict[str, Any] = {"warm": measure.warm(job, repeats)}
    if reference is not None:
        row["reference"] = measure.against(job, reference, repeats)
    if processes:
        row["fresh"] = measure.fresh(job, processes)
    if cold:
        with tempfile.TemporaryDirectory() as folder:
            row["cold"] = measure.fresh(job, 1, Path(folder))
    if scaling:
        row["scaling"] = measure.scaling(job, repeats)
    if mixed:
        row["mixed"] = measure.mixed(job, repeats)
    if profile:
        row["profile"] = measure.profile(job)
    return row


def _markdown(report: dict[str, Any]) -> str:
    """The report as a table, and lines for what does not fit into it."""
    m = report["machine"]
    lines = [
        f"{m['processor']}, {report['threads']} of {m['cores']} cores, {m['system']}, Python {m['python']}, "
        f"Numba {m['numba']}; {report['precision']} precision",
        "",
        "| workload | pixels | warm [s] | Mpixel/s | ns a step and thread | error | reference [s] | ratio (pairs) "
        "| difference |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(row) for row in report["rows"]]
    return "\n".join([*lines, "", *(line for row in report["rows"] for line in _details(row))]).rstrip()


def _row(row: dict[str, Any]) -> str:
    warm, other = row["warm"], row.get("reference")
    cells = [
        row["workload"],
        f"{row['pixels']}^2",
        f"{warm['seconds']:.4f}",
        f"{warm['pixels_per_second'] / 1e6:.4g}",
        f"{warm['ns_per_step_and_thread']:.2f}",
        f"{warm['error_of_maximum']:.0e}",
    ]
    if other is None:
        cells += ["", "", ""]
    else:
        apart = f"{other['largest_difference_of_maximum']:.0e}"
        if not other["same_image_expected"]:
            apart = "another image"
        pairs = f"{other['ratio']:.1f} ({min(other['ratio_each']):.1f} to {max(other['ratio_each']):.1f})"
        cells += [f"{other['reference_seconds']:.3f}", pairs, apart]
    return "| " + " | ".join(cells) + " |"


def _details(row: dict[str, Any]) -> list[str]:
    name = f"{row['workload']} {row['pixels']}^2"
    lines = []
    for kind, words in (("fresh", "with a warm cache"), ("cold", "with an empty cache")):
        if kind in row:
            f = row[kind]
            lines.append(
                f"{name}, {len(f['seconds_each'])} fresh processes {words}: {f['seconds_mean']:.3f} s, spread "
                f"{f['seconds_spread']:.3f} s (CV {f['coefficient_of_variation']:.1%}), first image after "
                f"{f['first_image_seconds']:.3f} s; peak memory {f['peak_MiB']:.0f} MiB, beyond the image "
                f"{f['memory_beyond_image_and_idle_MiB']:.0f} MiB more than with Numba and loops imported, "
                f"{f['memory_beyond_image_and_bare_MiB']:.0f} MiB more than after `import nbnumba`"
            )
    if "scaling" in row:
        each = (f"{n}: {t['seconds']:.4f} s ({t['times_one_thread']:.2f} times)" for n, t in row["scaling"].items())
        lines.append(f"{name}, threads: " + ", ".join(each))
    if "mixed" in row:
        m = row["mixed"]
        lines.append(
            f"{name}, mixed precision: {m['seconds_mixed']:.4f} s against {m['seconds_double']:.4f} s "
            f"({m['times']:.2f} times), differs by {m['difference_of_maximum']:.0e} of the maximum"
        )
    if "profile" in row:
        lines.append(f"{name}, parts: " + ", ".join(f"{part} {t:.3f} s" for part, t in row["profile"].items()))
    return lines
