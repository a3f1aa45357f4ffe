"""Histograms as SVG, drawn here."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import numpy as np

_WIDTH, _HEIGHT, _SIDE, _FOOT, _HEAD = 280, 90, 8, 18, 4
_BINS, _MOST_VALUES = 30, 12
#: Numbers above 0 whose median lies in this first part of their range have a logarithmic axis.
_SKEWED = 0.26
_BAR = "#3b6ea5"


class Bars(NamedTuple):
    """Counts and what they are of: texts of the ends where bars are ranges, else of each bar."""

    counts: np.ndarray
    texts: tuple[str, ...]
    ranges: bool
    logarithmic: bool = False


def bars(values: np.ndarray) -> Bars:
    """Counts of finite numbers, or of texts, each value by itself where there are few."""
    if values.dtype.kind in "fc":
        values = values[np.isfinite(values)]
    found, counts = np.unique(values, return_counts=True)
    if values.dtype.kind not in "fiu" or len(found) <= _MOST_VALUES:
        order = np.argsort(-counts, kind="stable") if values.dtype.kind not in "fiu" else np.arange(len(found))
        kept = order[:_MOST_VALUES]
        return Bars(counts[kept], tuple(_text(one) for one in found[kept]), ranges=False)
    low, high = float(found[0]), float(found[-1])
    logarithmic = bool(low > 0.0 and np.median(values) - low < _SKEWED * (high - low))
    edges = np.geomspace if logarithmic else np.linspace
    counts, _ = np.histogram(values, edges(low, high, min(_BINS, 3 + int(len(values) ** 0.5)) + 1))
    return Bars(counts, (_text(found[0]), _text(found[-1])), ranges=True, logarithmic=logarithmic)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def histogram(name: str, values: np.ndarray) -> str:
    """SVG element of a histogram, its bars with what they count as their titles."""
    found = bars(values)
    parts = [_bar(found, i) for i in range(len(found.counts))]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + _HEAD + _FOOT}" role="img" aria-label="histogram of {escape(name)}">'
        f'<line x1="{_SIDE}" x2="{_WIDTH - _SIDE}" y1="{_HEIGHT + _HEAD}" y2="{_HEIGHT + _HEAD}" stroke="#888"/>'
        f"{''.join(parts)}{_ends(found)}</svg>"
    )


def _bar(found: Bars, place: int) -> str:
    """A bar, and beneath it its value where bars are single ones."""
    step = (_WIDTH - 2 * _SIDE) / len(found.counts)
    gap = 1.0 if found.ranges else min(6.0, 0.2 * step)
    wide = min(step - gap, 60.0)
    x, count = _SIDE + (place + 0.5) * step, int(found.counts[place])
    high = _HEIGHT * count / max(int(found.counts.max()), 1)
    said = f"{count}" if found.ranges else f"{found.texts[place]}: {count}"
    shown = f'<rect x="{x - wide / 2:.1f}" y="{_HEIGHT + _HEAD - high:.1f}" width="{wide:.1f}" height="{high:.1f}" '
    shown += f'fill="{_BAR}"><title>{escape(said)}</title></rect>'
    return shown if found.ranges else shown + _label(x, _shortened(found.texts[place], step), "middle")


def _shortened(text: str, room: float) -> str:
    fits = max(1, int(room / 6.0))
    return text if len(text) <= fits else text[: max(1, fits - 1)] + "\N{HORIZONTAL ELLIPSIS}"


def _ends(found: Bars) -> str:
    if not found.ranges:
        return ""
    middle = _label(_WIDTH / 2, "logarithmic", "middle") if found.logarithmic else ""
    return _label(_SIDE, found.texts[0], "start") + middle + _label(_WIDTH - _SIDE, found.texts[-1], "end")


def _label(x: float, text: str, anchor: str) -> str:
    y = _HEIGHT + _HEAD + 13
    return f'<text x="{x:.1f}" y="{y}" font-size="11" text-anchor="{anchor}" fill="#444">{escape(text)}</text>'
