"""The loops around a step, compiled, for many steps and many pixels."""

from __future__ import annotations

from nbnumba._jit import loop
from nbnumba._lowered import store
from nbnumba.tracer.step import Place, step_at


@loop()
def fill_steps(arguments, slow, fast, counters, before, rows):  # type: ignore[no-untyped-def]
    """Fill ``rows`` (n, numbers in a step) with the steps of a pixel at ``counters`` (n, 6).

    ``slow`` counts rows through all panels; ``before``: photons of the steps that came first. Returns the same with
    these steps.
    """
    for i in range(len(counters)):
        c = counters[i]
        step = step_at(arguments, slow, fast, Place(c[0], c[1], c[2], c[3], c[4], c[5]), before)
        store(rows[i], step)
        before = step.sum
    return before


@loop()
def fill_terms(arguments, pixels, counters, nearest, terms):  # type: ignore[no-untyped-def]
    """Fill ``nearest`` (n, 3) with indices of the nearest reflection of each step, ``terms`` (n,) with its photons.

    Steps are given by ``pixels`` (n, 2), rows through all panels and fast, and ``counters`` (n, 6).
    """
    for i in range(len(counters)):
        c = counters[i]
        place = Place(c[0], c[1], c[2], c[3], c[4], c[5])
        step = step_at(arguments, float(pixels[i, 0]), float(pixels[i, 1]), place, 0.0)
        nearest[i, 0] = int(step.h0)
        nearest[i, 1] = int(step.k0)
        nearest[i, 2] = int(step.l0)
        terms[i] = step.term
