"""A trace in a notebook."""

from __future__ import annotations

from nbnumba.markup import card, paragraph, table
from nbnumba.tracer.trace import Trace

_STEPS = 10


def trace_html(trace: Trace) -> str:
    """The strongest steps of a pixel as a table."""
    strongest = trace.top(_STEPS) if len(trace) else trace
    flat = strongest.flat(trace.telling)
    rows = ([f"{x:.6g}" for x in row] for row in zip(*flat.values(), strict=True))
    told = f"{trace.value:.6g} photons in {len(trace)} steps; the {len(strongest)} that add most:"
    return card(trace.title, paragraph(told), table(rows, list(flat)))
