"""A trace as one self-contained page: image, loops, steps and equations, for a browser without a network."""

from __future__ import annotations

import html
import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError
from nbnumba.model.mask import Mask
from nbnumba.simulation import simulate
from nbnumba.tracer.quantities import COUNTERS, QUANTITIES, equation, implementation, origin, parts
from nbnumba.tracer.trace import Trace, trace
from nbnumba.tracer.walk import checked_pixel

STEPS = 10_000  # on one page
_NEIGHBOURS = 2  # pixels to each side that are traced too
_AROUND = 24  # pixels to each side in the picture


def write_page(path: str | Path, traced: Trace, *, overwrite: bool = False) -> Path:
    """Write a page about a pixel and, as far as there is room, its neighbours.

    Args:
        path: the new file.
        traced: all steps of a pixel. Of more than 10,000 the largest are shown, and the page says so.
        overwrite: replace an existing file.

    Raises:
        NbnumbaError: the file cannot be written.
    """
    data = json.dumps(page_data(traced), allow_nan=False, separators=(",", ":")).replace("</", "<\\/")
    title = html.escape(traced.title)
    text = resources.files("nbnumba.tracer").joinpath("page.html").read_text(encoding="utf-8")
    with new_file(path, overwrite) as part:
        part.write_text(text.replace("@TITLE@", title).replace("@DATA@", data), encoding="utf-8")
    return Path(path)


def page_data(traced: Trace) -> dict[str, Any]:
    """What the page holds, as plain values: None stands for infinity, as that of the direct beam's resolution."""
    names = [name for name in QUANTITIES if name in (traced.records.dtype.names or ())]
    quantities = []
    for name in names:
        function = implementation(QUANTITIES[name].function, traced.arguments)
        about = {"unit": QUANTITIES[name].unit, "meaning": QUANTITIES[name].meaning}
        where = {"origin": origin(function), "equation": equation(function)}
        quantities.append({"name": name, "parts": parts(name), **about, **where})
    return {
        "counters": list(COUNTERS),
        "quantities": quantities,
        "pixel": [traced.slow, traced.fast],
        "image": _picture(traced),
        "pixels": [_pixel(traced, names), *(_pixel(t, names) for t in _neighbours(traced))],
    }


def _pixel(traced: Trace, names: list[str]) -> dict[str, Any]:
    kept = traced.top(STEPS) if len(traced) > STEPS else traced
    flat = kept.flat(names)
    return {
        "slow": traced.slow,
        "fast": traced.fast,
        "value": traced.value,
        "steps": len(traced),
        "numbers": kept.numbers.tolist(),
        "rows": [[_plain(x) for x in row] for row in zip(*(c.tolist() for c in flat.values()), strict=True)],
    }


def _plain(x: Any) -> Any:
    if isinstance(x, bool):
        return int(x)
    return x if math.isfinite(x) else None


def _neighbours(traced: Trace) -> list[Trace]:
    """Traces of pixels around, in growing squares, as long as a page has room for a whole square."""
    found: list[Trace] = []
    for reach in range(1, _NEIGHBOURS + 1):
        if (2 * reach + 1) ** 2 * len(traced) > STEPS:
            break
        for slow in range(traced.slow - reach, traced.slow + reach + 1):
            for fast in range(traced.fast - reach, traced.fast + reach + 1):
                if max(abs(slow - traced.slow), abs(fast - traced.fast)) == reach:
                    try:
                        checked_pixel(traced.experiment, slow, fast, traced.panel)
                    except NbnumbaError:
                        continue
                    found.append(trace(traced.experiment, slow, fast, panel=traced.panel))
    return found


def _picture(traced: Trace) -> dict[str, Any]:
    """The image around the pixel [photons]."""
    experiment, panel = traced.experiment, traced.panel
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    if panel is not None:
        (slow_start, fast_start), (slow_stop, fast_stop) = (0, 0), experiment.detector.size_of(panel)
    slow = max(slow_start, traced.slow - _AROUND), min(slow_stop, traced.slow + _AROUND + 1)
    fast = max(fast_start, traced.fast - _AROUND), min(fast_stop, traced.fast + _AROUND + 1)
    window = slice(*slow), slice(*fast)
    if panel is None:
        image = simulate(experiment.replace(**{"detector.roi": (slow, fast)}))
    else:
        inside = np.zeros(experiment.detector.shape, dtype=bool)
        inside[panel][window] = experiment.rendered[panel][window]
        image = simulate(experiment.replace(**{"detector.mask": Mask(inside)}))[panel]
    values = image[window].astype(np.float64)
    return {"slow": slow[0], "fast": fast[0], "values": values.tolist()}
