"""What nanoBragg does that is not taken over: one table, which drives warnings and documentation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from nbnumba.compat.header import smv_fields
from nbnumba.compat.translate import Translation
from nbnumba.outputs.smv import BLOCK, header_length

_SMALL = "-cell 70 80 90 -N 10 -default_F 100 -misset 10 20 30 -detpixels 200 -pixel 0.2 -oversample 1"


class Deviation(NamedTuple):
    """One thing that nanoBragg does, what is done here and why, with flags that show it."""

    name: str
    reference: str
    here: str
    why: str
    example: str
    met: Callable[[Translation], bool]


def warnings(translation: Translation) -> list[str]:
    """A sentence for every deviation that these flags meet."""
    return [
        f"{known.name}: nanoBragg {known.reference}; here {known.here}"
        for known in DEVIATIONS
        if known.met(translation)
    ]


def _passes_zero(translation: Translation) -> bool:
    grid, scan = translation.oscillation, translation.experiment.scan
    start = math.radians(scan.start) if scan else 0.0
    return grid.number > 1 and any(start + grid.step * i == 0.0 for i in range(grid.number))


def _multiplies_sums(translation: Translation) -> bool:
    experiment, flags = translation.experiment, translation.flags
    acts = ("oversample_polar" in flags and experiment.beam.polarized) or "oversample_omega" in flags
    acts = acts or ("oversample_thick" in flags and experiment.detector.sensor_thickness > 0.0)
    return acts and experiment.steps_per_pixel > 1


def _has_layers(translation: Translation) -> bool:
    return translation.experiment.detector.sensor_thickness > 0.0


def _has_water(translation: Translation) -> bool:
    return bool(translation.flags.value("water", 0.0) > 0.0)


def _has_long_header(translation: Translation) -> bool:
    slow, fast = translation.experiment.detector.pixels
    return header_length(fast, slow, smv_fields(translation)) > BLOCK


def _takes_dump(translation: Translation) -> bool:
    return "hkl" not in translation.flags and translation.experiment.crystal.reflections is not None


def _seen_while_it_runs(_: Translation) -> bool:
    """The loops, or the reader of the file, tell it themselves."""
    return False


DEVIATIONS = (
    Deviation(
        "rotation through 0",
        "does not turn the cell back at phi = 0, where the last orientation of the pixel before stays",
        "the cell is unrotated at phi = 0",
        "the image would depend on the order of pixels and on the number of threads",
        f"{_SMALL} -phi 0 -osc 2 -phisteps 2",
        _passes_zero,
    ),
    Deviation(
        "-oversample_polar, -oversample_omega, -oversample_thick",
        "multiplies the sum of all steps so far by the factor of each step",
        "each step has its own factor",
        "a step's factor is not that of those before it",
        f"{_SMALL} -oversample 2 -oversample_polar -oversample_omega",
        _multiplies_sums,
    ),
    Deviation(
        "sensor layers",
        "applies the capture fraction of the last layer to all, and puts n layers of thickness/(n-1)",
        "each layer has its own fraction, and n layers of thickness/n fill the sensor",
        "fractions differ between layers, and the sensor ends where it ends",
        f"{_SMALL} -detector_abs 300 -detector_thick 450 -detector_thicksteps 3",
        _has_layers,
    ),
    Deviation(
        "-water",
        "multiplies the water by r_e^2 fluence twice and divides it by the number of steps",
        "it is multiplied once and not divided",
        "photons go with the classical electron radius squared, and sampling must not change them",
        f"{_SMALL} -oversample 2 -fluence 1e28 -water 5",
        _has_water,
    ),
    Deviation(
        "points outside the interpolation box",
        "stops interpolating for the rest of the run (of a thread)",
        "that point alone takes the nearest reflection",
        "the image would depend on the order of pixels and on the number of threads",
        f"{_SMALL} -hkl inputs/small.hkl -interpolate",
        _seen_while_it_runs,
    ),
    Deviation(
        "long SMV headers",
        "says HEADER_BYTES=512 whatever the length, so that the pixels are read from the wrong place",
        "HEADER_BYTES is the next multiple of 512 that holds the header",
        "readers skip as many bytes as the header says",
        f"{_SMALL} -close_distance 123.457 -Xclose 17.7771 -Yclose 23.1239 -twotheta 1.23457 -lambda 0.979768 "
        "-detector_rotx 0.123457 -detector_roty -0.765432 -pixel 0.172345 -phi 12.3457",
        _has_long_header,
    ),
    Deviation(
        "odd lines in -hkl files",
        "stops reading at the first of them and says nothing",
        "an error tells the line",
        "the reflections after it would be missing",
        f"{_SMALL} -hkl odd.hkl",
        _seen_while_it_runs,
    ),
    Deviation(
        "no -hkl, but a dump",
        "takes the structure factors from Fdump.bin where there is one",
        "so they are, and this says it",
        "a forgotten file would change the image unseen",
        f"{_SMALL} -dump F.bin",
        _takes_dump,
    ),
)


def deviation_rows() -> list[str]:
    """A row of a Markdown table for each: name, what nanoBragg does, what is done here, why, flags of an example."""
    return [
        f"| {known.name} | {known.reference} | {known.here} | {known.why} | `{known.example}` |" for known in DEVIATIONS
    ]
