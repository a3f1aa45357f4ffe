"""report.html: what is in a data set, on one page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba.atomic import new_file
from nbnumba.datasets.folder import MASTER, REPORT, manifest_of
from nbnumba.datasets.histogram import bars, histogram
from nbnumba.datasets.labels import caption
from nbnumba.datasets.log import MADE, read_log
from nbnumba.datasets.master import write_master
from nbnumba.inputs.hdf5 import opened
from nbnumba.markup import table
from nbnumba.outputs.compression import need_filters
from nbnumba.outputs.png import encode, grey_levels

_PICTURES, _EDGE = 16, 256
#: Columns that say nothing as a histogram.
_LEFT_OUT = ("number", "seed", "digest")
_STYLE = """
body{font:14px/1.45 sans-serif;color:#222;background:#fff;margin:24px auto;max-width:1240px;padding:0 16px}
h1{font-size:22px}h2{font-size:17px;margin-top:28px;border-bottom:1px solid #ddd}
.grid{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(280px,1fr))}
figure{margin:0}figure img{width:100%;image-rendering:pixelated;border:1px solid #ddd}
figcaption{font-size:12px;color:#444;overflow-wrap:anywhere}
pre{background:#f6f6f6;padding:10px;overflow:auto;font-size:12px}.bad{color:#a00}
"""


class Column(NamedTuple):
    """Values of a label, with units and meaning."""

    name: str
    values: np.ndarray
    units: str
    meaning: str


def write_report(folder: str | Path) -> Path:
    """Write report.html of what is in a folder: pictures, histograms, splits, failures, time by stage, the recipe.

    Args:
        folder: of a data set, finished or not; its master is written too.

    Raises:
        NbnumbaError: no data set, no finished file, or a damaged one.
    """
    write_master(folder)
    return write_page(Path(folder))


def write_page(folder: Path) -> Path:
    """Write the page of a folder whose master has just been written."""
    manifest = manifest_of(folder)
    with opened(folder / MASTER) as master:
        pieces = _page(folder, manifest, master)
        title = escape(f"Data set {folder.resolve().name}")
        page = (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(pieces)}</body></html>\n"
        )
    with new_file(folder / REPORT, overwrite=True) as part:
        part.write_text(page, encoding="utf-8", errors="backslashreplace")
    return folder / REPORT


def _page(folder: Path, manifest: dict[str, Any], master: h5py.File) -> Iterator[str]:
    entry = master["entry"]
    columns = [*_columns(entry["labels"]), *_columns(entry["lattices"], "each lattice: ")]
    known, lines = {column.name: column.values for column in columns}, read_log(folder)
    yield table(_facts(folder, manifest, entry, known))
    yield _section("Failures", _failures(manifest, _files(entry), lines))
    yield _section("Images", f'<div class="grid">{"".join(_pictures(master, known))}</div>')
    varied = [column for column in columns if _varies(column.values)]
    yield _section("Labels", f'<div class="grid">{"".join(map(_figure, varied))}</div>')
    yield _section("Labels of one value", table(map(_constant, (one for one in columns if not _varies(one.values)))))
    yield _section("Time", _times(manifest, lines))
    yield _section("Recipe", f"<p>Hash {escape(manifest['recipe_hash'])}</p><pre>{escape(manifest['recipe'])}</pre>")


def _section(title: str, piece: str) -> str:
    return f"<h2>{escape(title)}</h2>{piece}"


def _columns(labels: h5py.Group, mark: str = "") -> Iterator[Column]:
    """Columns of numbers or texts, those of several components as one each."""
    for name, dataset in labels.items():
        if name in _LEFT_OUT or name == "offsets" or dataset.ndim > 2:
            continue
        values, about = dataset[()], dataset.attrs
        units, meaning = str(about.get("units", "")), str(about.get("meaning", "")).replace("``", "")
        if values.ndim == 1:
            yield Column(mark + name, values, units, meaning)
        else:
            for i, one in enumerate(values.T):
                yield Column(f"{mark}{name}.{i}", one, units, meaning)


def _facts(
    folder: Path, manifest: dict[str, Any], entry: h5py.Group, known: dict[str, np.ndarray]
) -> list[tuple[str, Any]]:
    files = _files(entry)
    images = int(entry["nbnumba/images"][()])
    size = sum((folder / name).stat().st_size for name in files)
    return [
        ("Images", f"{images} of {manifest['count']}"),
        ("Files", f"{len(files)} of {len(manifest['shards'])}, {size / 1e6:.4g} MB"),
        ("Hits", f"{known['hit'].mean():.4g} of the images"),
        ("Splits", _splits(known["split"])),
        ("Spots", _spots(known["spots"])),
        ("Resolution", _resolution(known["resolution"])),
        ("Clipped", f"pixels in {np.count_nonzero(known['clipped'])} images"),
        ("Content hash", entry["nbnumba/content_hash"].asstr()[()]),
        ("Version", entry["nbnumba/version"].asstr()[()]),
    ]


def _splits(split: np.ndarray) -> str:
    names, counts = np.unique(split, return_counts=True)
    return ", ".join(f"{name.decode() or 'none'} {n}" for name, n in zip(names, counts, strict=True))


def _spots(spots: np.ndarray) -> str:
    return f"{spots.sum()}, {np.median(spots):g} in the median image, up to {spots.max()}"


def _resolution(resolution: np.ndarray) -> str:
    found = resolution[np.isfinite(resolution)]
    if not len(found):
        return "no spot stands out in any image"
    return f"{found.min():.3g} to {found.max():.3g} A in {len(found)} images; in the others no spot stands out"


def _files(entry: h5py.Group) -> list[str]:
    """Names of the files that the master shows."""
    return list(entry["nbnumba/files"].asstr()[()].split("\n"))


def _failures(manifest: dict[str, Any], there: list[str], lines: list[dict[str, Any]]) -> str:
    """Files that are not there, or not whole, and what the log tells of those that could not be made."""
    missing = sorted(set(manifest["shards"]) - set(there))
    rows = [(one.get("time", ""), one.get("name", ""), one.get("error", ""), "made" if one.get("name") in there else "")
            for one in lines if one.get("event") not in (MADE, None)]  # fmt: skip
    pieces = []
    if missing:
        more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
        pieces.append(f'<p class="bad">Not there: {escape(", ".join(missing[:20]))}{more}</p>')
    if rows:
        pieces.append(table(rows[-50:], ("time", "file", "what happened", "since")))
    return "".join(pieces) or "<p>None.</p>"


def _pictures(master: h5py.File, known: dict[str, np.ndarray]) -> Iterator[str]:
    """Images from all parts of the set."""
    stack = master["entry/data/data"] if "entry/data/data" in master else master["images"]
    need_filters(stack)
    numbers = master["entry/labels/number"][()]
    for i in np.unique(np.linspace(0, len(stack) - 1, min(_PICTURES, len(stack))).astype(int)):
        image = stack[i]
        data = base64.b64encode(encode(grey_levels(image, largest=_EDGE))).decode()
        row = {name: known[name][i] for name in ("hit", "lattices", "spots", "resolution", "split")}
        words = escape(f"{numbers[i]}: {', '.join(caption(row))}")
        yield (
            f'<figure><img alt="image {numbers[i]}" src="data:image/png;base64,{data}">'
            f"<figcaption>{words}</figcaption></figure>"
        )


def _varies(values: np.ndarray) -> bool:
    return len(values) > 0 and bool((values != values[0]).any())


def _constant(column: Column) -> tuple[str, str, str, str]:
    """Name, value, units and meaning of a label that is the same everywhere."""
    value = bars(column.values).texts[0] if len(column.values) else "none"
    return column.name, value, column.units, column.meaning


def _figure(column: Column) -> str:
    """A histogram with the name of the label."""
    values = column.values
    absent = int(np.count_nonzero(~np.isfinite(values))) if values.dtype.kind == "f" else 0
    units = f" [{column.units}]" if column.units else ""
    without = f"; {absent} without" if absent else ""
    return (
        f"<figure><b>{escape(column.name)}</b>{escape(units)}{histogram(column.name, values)}"
        f"<figcaption>{escape(column.meaning + without)}</figcaption></figure>"
    )


class Made(NamedTuple):
    """What a line of the log tells of a file."""

    images: int
    seconds: float
    stages: dict[str, float]
    process: str


def _made(line: dict[str, Any]) -> Made | None:
    """What a line tells; None where it is damaged."""
    try:
        stages = {str(name): float(spent) for name, spent in line["stages"].items()}
        return Made(int(line["stop"]) - int(line["first"]), float(line["seconds"]), stages,
                    f"{line.get('host')} {line.get('process')}")  # fmt: skip
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _times(manifest: dict[str, Any], lines: list[dict[str, Any]]) -> str:
    """Time of each stage, by the last line of each file."""
    last = {one["name"]: found for one in lines
            if one.get("event") == MADE and str(one.get("name")) in manifest["shards"]
            and one.get("recipe_hash") == manifest["recipe_hash"] and (found := _made(one))}  # fmt: skip
    images = sum(one.images for one in last.values())
    if not images:
        return "<p>The log tells nothing.</p>"
    seconds, stages = sum(one.seconds for one in last.values()), dict[str, float]()
    for one in last.values():
        for name, spent in one.stages.items():
            stages[name] = stages.get(name, 0.0) + spent
    rows = [(name, f"{spent:.4g}", f"{1e3 * spent / images:.4g}") for name, spent in stages.items()]
    rows.append(("files from begin to end", f"{seconds:.4g}", f"{1e3 * seconds / images:.4g}"))
    hosts = {one.process for one in last.values()}
    told = f"{images} images, {len(last)} files, {len(hosts)} processes. Packing and writing go on beside the rest."
    return f"<p>{escape(told)}</p>" + table(rows, ("stage", "s, all processes", "ms an image"))
