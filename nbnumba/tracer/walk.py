"""The loops around a step in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import Arguments
from nbnumba.kernels.pack import pack
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.tracer.step import Place, Step, step_at


def walk(experiment: Experiment, slow: int, fast: int, *, panel: int | None = None) -> Iterator[Step]:
    """The steps of one pixel, one at a time, in the order of the loops, computed by plain Python.

    Args:
        experiment: what is rendered.
        slow: number of the pixel along slow.
        fast: number along fast.
        panel: number of the panel, where the detector lists panels.

    Yields:
        A ``Step`` for every layer, sub-pixel, source, phi step and mosaic domain.

    Raises:
        NbnumbaError: a pixel that is not rendered.
    """
    _, fast, row = checked_pixel(experiment, slow, fast, panel)
    a = pack(experiment, merged=False)
    before, lengths = 0.0, loop_lengths(a)
    for layer in range(lengths.layer):
        for sub_slow in range(lengths.sub_slow):
            for sub_fast in range(lengths.sub_fast):
                for source in range(lengths.source):
                    for phi in range(lengths.phi):
                        for domain in range(lengths.domain):
                            place = Place(layer, sub_slow, sub_fast, source, phi, domain)
                            step = step_at(a, row, fast, place, before)
                            before = step.sum
                            yield step


def last_step(a: Arguments, slow: int, fast: int) -> Step:
    """The last step of a pixel of a detector without listed panels, its sum without those before."""
    return step_at(a, slow, fast, Place(*(n - 1 for n in loop_lengths(a))), 0.0)


def checked_pixel(experiment: Experiment, slow: int, fast: int, panel: int | None = None) -> tuple[int, int, int]:
    """Numbers of a pixel along slow and fast, and of its row through all panels, as plain integers.

    Raises:
        NbnumbaError: it is not on the detector, outside the region, or masked.
    """
    check_experiment(experiment)
    if not all(isinstance(x, Integral) and not isinstance(x, bool) for x in (slow, fast)):
        raise NbnumbaError(f"pixel: found slow {slow!r}, fast {fast!r}; allowed: whole numbers")
    experiment.check_one_lattice("a trace")
    slow, fast, number = int(slow), int(fast), experiment.detector.panel_number(panel)
    experiment.detector.check_pixel(slow, fast, number)
    found = f"pixel: found slow {slow}, fast {fast}"
    row = number * experiment.detector.pixels[0] + slow
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    if not (slow_start <= row < slow_stop and fast_start <= fast < fast_stop):
        raise NbnumbaError(
            f"{found}, outside detector.roi, where the image is 0; allowed: slow from {slow_start} to {slow_stop - 1}, "
            f"fast from {fast_start} to {fast_stop - 1}; take another pixel, or another region"
        )
    if experiment.mask is not None and not experiment.mask[row, fast]:
        raise NbnumbaError(
            f"{found}, which detector.mask leaves out: the image is 0 there; take another pixel, or drop the mask"
        )
    return slow, fast, row


def loop_lengths(a: Arguments) -> Place:
    """Lengths of the loops, outermost first."""
    n, (cells, turns, scan_last) = a.steps.oversample, a.orientations
    phi, domains = (turns, cells) if scan_last else (cells, turns)
    return Place(a.sensor.layers, n, n, len(a.illumination.weight), len(phi), len(domains))


def counters(a: Arguments, numbers: np.ndarray) -> np.ndarray:
    """Counters (n, 6) of the loops at steps of the given numbers (n,)."""
    return np.column_stack(np.unravel_index(numbers, loop_lengths(a))).astype(np.int64)
