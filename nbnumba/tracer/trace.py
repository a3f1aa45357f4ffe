"""``trace``: the steps of one pixel as records, and what can be asked of them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba._run import call_for
from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError
from nbnumba.journal import stage
from nbnumba.kernels.arguments import Arguments
from nbnumba.kernels.pack import pack
from nbnumba.model.experiment import Experiment
from nbnumba.model.validate import whole
from nbnumba.report import columns
from nbnumba.tracer.quantities import COUNTERS, QUANTITIES, implementation, origin, parts, record_type
from nbnumba.tracer.walk import checked_pixel, counters, loop_lengths

log = logging.getLogger(__name__)

LIMIT = 10**6
_CHUNK = 50_000

#: Loops by the names that people ask for them.
LOOPS = {name: (name,) for name in COUNTERS if not name.startswith("sub")} | {"subpixel": ("sub_slow", "sub_fast")}
#: Columns of a short table.
_SHORT = (*COUNTERS, "h", "k", "l", "h0", "k0", "l0", "polarization", "f_cell", "f_latt", "term")


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """The steps of one pixel, all or some of them.

    Attributes:
        experiment: what is rendered.
        slow, fast: number of the pixel.
        panel: number of its panel, where the detector lists panels; else None.
        value: photons of the pixel, that is of all its steps.
        records: structured array, one record a step, with the fields of ``walk``'s steps; ``QUANTITIES`` tells units
            and meaning of each.
        numbers: place of each record among all steps, counted from 0.
        arguments: what the loops are given.
    """

    experiment: Experiment
    slow: int
    fast: int
    value: float
    records: np.ndarray
    numbers: np.ndarray
    arguments: Arguments
    panel: int | None = None

    def __len__(self) -> int:
        return len(self.records)

    def _repr_html_(self) -> str:
        from nbnumba.tracer.html import trace_html

        return trace_html(self)

    def __repr__(self) -> str:
        panel = "" if self.panel is None else f"panel={self.panel}, "
        return f"Trace({panel}slow={self.slow}, fast={self.fast}, {len(self)} steps, {self.value:.6g} photons)"

    def top(self, count: int) -> Trace:
        """The ``count`` steps that add most, the largest first."""
        order = np.argsort(-self.records["term"], kind="stable")[: whole("top", count, low=1)]
        return self._chosen(order)

    def reflection(self, h: int, k: int, l: int) -> Trace:  # noqa: E741
        """The steps whose nearest reflection is h k l."""
        r = self.records
        return self._chosen((r["h0"] == h) & (r["k0"] == k) & (r["l0"] == l))

    def by(self, name: str) -> np.ndarray:
        """Sums over all loops but one: "layer", "subpixel", "source", "phi" or "domain".

        Returns:
            Structured array with the loop's counter (for "subpixel" sub_slow and sub_fast), photons, and their share of
            the pixel, in the order of the loop.
        """
        if name not in LOOPS:
            raise NbnumbaError(f"by: found {name!r}; allowed: {', '.join(LOOPS)}")
        fields = LOOPS[name]
        keys, of = np.unique(self.records[list(fields)], return_inverse=True)
        result = np.zeros(len(keys), dtype=[*((f, "i4") for f in fields), ("photons", "f8"), ("share", "f8")])
        for field in fields:
            result[field] = keys[field]
        result["photons"] = np.bincount(of.ravel(), weights=self.records["term"], minlength=len(keys))
        result["share"] = result["photons"] / self.value if self.value > 0.0 else 0.0
        return result

    @property
    def title(self) -> str:
        """Which pixel it is, in words."""
        panel = "" if self.panel is None else f"panel {self.panel}, "
        return f"Pixel {panel}slow {self.slow}, fast {self.fast}"

    @property
    def telling(self) -> list[str]:
        """The most telling quantities, and the counters of loops that have more than one step."""
        lengths = loop_lengths(self.arguments)
        return [name for name in _SHORT if getattr(lengths, name, 2) > 1]

    def table(self, names: Sequence[str] | None = None) -> str:
        """Lines for a terminal: one for each step, with the quantities that are named, their units above them.

        Without names: the most ``telling`` quantities.
        """
        names = self._checked(self.telling if names is None else names)
        flat = self.flat(names)
        units = [QUANTITIES[name].unit for name in names for _ in parts(name)]
        return columns([list(flat), units, *zip(*flat.values(), strict=True)])

    def step(self, number: int) -> Trace:
        """One step by its place among the records, counted from 0.

        Raises:
            NbnumbaError: no such step.
        """
        if not 0 <= number < len(self):
            raise NbnumbaError(f"step: found {number}; allowed: from 0 to {len(self) - 1}")
        return self._chosen(slice(number, number + 1))

    def _chosen(self, which: Any) -> Trace:
        return replace(self, records=self.records[which], numbers=self.numbers[which])

    def listing(self, names: Sequence[str] | None = None, *, where: bool = False) -> str:
        """Lines for a terminal: quantities of the first of the steps, one a line, with units and meaning.

        Args:
            names: of quantities; None: all.
            where: also the function that each comes from, its file and line.
        """
        rows = []
        for name in self._checked(names or QUANTITIES):
            quantity, found = QUANTITIES[name], parts(name)
            source = origin(implementation(quantity.function, self.arguments)) if where else ""
            values = np.ravel(self.records[name][:1]).tolist()
            for i, (part, value) in enumerate(zip(found, values, strict=False)):
                rows.append((part, _text(value), quantity.unit, "" if i else quantity.meaning, "" if i else source))
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
        return "\n".join(
            f"{p:{widths[0]}s}  {v:>{widths[1]}s}  {u:{widths[2]}s}  {m:{widths[3]}s}  {s}".rstrip()
            for p, v, u, m, s in rows
        )

    def as_dict(self) -> dict[str, Any]:
        """The pixel, and its steps as lists of numbers by quantity; units in ``units``."""
        names = self._checked(QUANTITIES)
        return {
            **({} if self.panel is None else {"panel": self.panel}),
            "slow": self.slow,
            "fast": self.fast,
            "photons": self.value,
            "numbers": self.numbers.tolist(),
            "units": {name: QUANTITIES[name].unit for name in names},
            "steps": {name: self.records[name].tolist() for name in names},
        }

    def to_csv(
        self, file: str | Path, *, overwrite: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> Path:
        """Write all quantities of all steps, one line for each step; the header names quantities and units.

        Args:
            file: the new file.
            overwrite: replace an existing file.
            progress: called as progress(done, total) with numbers of steps.
        """
        flat = self.flat(self._checked(QUANTITIES))
        units = {part: QUANTITIES[name].unit for name in QUANTITIES for part in parts(name)}
        with new_file(file, overwrite) as part, part.open("w") as lines:
            lines.write(",".join(f"{name} [{units[name]}]" if units[name] else name for name in flat) + "\n")
            for start in range(0, len(self), _CHUNK):
                rows = zip(*(column[start : start + _CHUNK].tolist() for column in flat.values()), strict=True)
                lines.writelines(",".join(map(_csv, row)) + "\n" for row in rows)
                if progress is not None:
                    progress(min(start + _CHUNK, len(self)), len(self))
        return Path(file)

    @property
    def resolution(self) -> float:
        """Spacing [A] at the pixel, of its brightest step; NaN without steps."""
        return float(self.records["resolution"][self.records["term"].argmax()]) if len(self) else math.nan

    def _checked(self, names: Iterable[str]) -> list[str]:
        """Names of the quantities that are there, each once; single numbers such as q_x stand for their quantity."""
        whole = {part: name for name in QUANTITIES for part in (name, *parts(name))}
        for name in names:
            if name not in whole:
                raise NbnumbaError(f"columns: found {name!r}; allowed: {', '.join(QUANTITIES)}")
        known = self.records.dtype.names or ()
        found = [name for name in dict.fromkeys(whole[name] for name in names) if name in known]
        if not found:
            raise NbnumbaError("columns: found neighbours alone; allowed where structure factors are interpolated")
        return found

    def flat(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Columns of single numbers by name, as in q_x, q_y, q_z."""
        flat: dict[str, np.ndarray] = {}
        for name in self._checked(names):
            values = self.records[name].reshape(len(self), len(parts(name)))
            flat.update(zip(parts(name), values.T, strict=True))
        return flat


def _csv(value: Any) -> str:
    return repr(int(value) if isinstance(value, bool) else value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def trace(
    experiment: Experiment,
    slow: int,
    fast: int,
    *,
    panel: int | None = None,
    limit: int = LIMIT,
    progress: Callable[[int, int], None] | None = None,
) -> Trace:
    """Every step of one pixel, with every number on the way.

    Args:
        experiment: what is rendered.
        slow: number of the pixel along slow.
        fast: number along fast.
        panel: number of the panel, where the detector lists panels.
        limit: largest number of steps; a million takes some 500 MB.
        progress: called as progress(done, total) with numbers of steps.

    Raises:
        NbnumbaError: a pixel that is not rendered, or too many steps.
    """
    slow, fast, row = checked_pixel(experiment, slow, fast, panel)
    total = experiment.steps_per_pixel
    if total > limit:
        raise NbnumbaError(
            f"limit: found {total} steps in the pixel; allowed: up to {limit}; set a higher limit (--limit), or ask "
            "for fewer domains, sources, phi steps, sub-pixels or layers"
        )
    if progress is not None:
        progress(0, total)
    a = pack(experiment, merged=False)
    records = np.empty(total, dtype=record_type(a.structure))
    value = 0.0
    with stage(log, f"tracing pixel {slow}, {fast} in {total} steps"):
        for start in range(0, total, _CHUNK):
            stop = min(start + _CHUNK, total)
            value = _fill(a, row, fast, records, start, stop, value)
            if progress is not None:
                progress(stop, total)
    return Trace(experiment, slow, fast, value, records, np.arange(total), a, panel)


def _fill(a: Arguments, row: int, fast: int, records: np.ndarray, start: int, stop: int, before: float) -> float:
    """Fill records ``start`` ... ``stop`` - 1; photons up to there."""
    from nbnumba.tracer.compiled import fill_steps

    kind: Any = records.dtype
    numbers = np.dtype([(name, "f8", kind[name].shape) for name in kind.names])  # as the loop stores them
    rows = np.empty((stop - start, numbers.itemsize // 8))
    places = counters(a, np.arange(start, stop))
    value = call_for(len(records), fill_steps, a, float(row), float(fast), places, before, rows)
    records[start:stop] = rows.view(numbers)[:, 0]
    return float(value)
