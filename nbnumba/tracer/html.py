"""A trace in a notebook."""

from __future__ import annotations

from nbnumba.markup import card, paragraph, table
from nbnumba.tracer.trace import SHORT, Trace
from nbnumba.tracer.walk import loop_lengths

_STEPS = 10


def trace_html(trace: Trace) -> str:
    """The strongest steps of a pixel as a table."""
    strongest = trace.top(_STEPS) if len(trace) else trace
    lengths = loop_lengths(trace.arguments)
    names = [name for name in SHORT if getattr(lengths, name, 2) > 1]
    flat = strongest.flat(names)
    rows = ([f"{x:.6g}" for x in row] for row in zip(*flat.values(), strict=True))
    panel = "" if trace.panel is None else f"panel {trace.panel}, "
    told = f"{trace.value:.6g} photons in {len(trace)} steps; the {len(strongest)} that add most:"
    return card(f"Pixel {panel}slow {trace.slow}, fast {trace.fast}", paragraph(told), table(rows, list(flat)))
