"""What nanoBragg does that is not taken over: one table, which drives warnings and documentation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nbnumba.compat.header import smv_fields
from nbnumba.compat.translate import Translation
from nbnumba.inputs.text import is_pipe
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.reflections import Reflections
from nbnumba.outputs.smv import BLOCK, header_length

_SMALL = "-cell 70 80 90 -N 10 -default_F 100 -misset 10 20 30 -detpixels 200 -pixel 0.2 -oversample 1"
_SAMPLED = 25  # points along each edge of the detector


class Deviation(NamedTuple):
    """One thing that nanoBragg does, what is done here and why, with flags that show it."""

    name: str
    reference: str
    here: str
    why: str
    example: str
    met: Callable[[Translation], bool]
    in_files: bool = False  # shows in nanoBragg's files alone, not in the experiment


def warnings(translation: Translation, in_files: bool) -> list[str]:
    """A sentence for every deviation that these flags meet: those of the experiment, or those of the files alone."""
    return [
        f"{known.name}: nanoBragg {known.reference}; here {known.here}"
        for known in DEVIATIONS
        if known.in_files == in_files and known.met(translation)
    ]


def _passes_zero(translation: Translation) -> bool:
    grid, scan = translation.oscillation, translation.experiment.scan
    start = math.radians(scan.start) if scan else 0.0
    angles = [start + grid.step * i for i in range(grid.number)]
    return 0.0 in angles and any(angles)


def _multiplies_sums(translation: Translation) -> bool:
    experiment, flags = translation.experiment, translation.flags
    acts = any(f"oversample_{factor}" in flags for factor in ("polar", "omega", "thick"))
    return acts and experiment.steps_per_pixel > 1


def _catches_nothing(translation: Translation) -> bool:
    return "oversample_thick" in translation.flags and translation.experiment.detector.sensor_thickness == 0.0


def _polarizes_anyway(translation: Translation) -> bool:
    return "oversample_polar" in translation.flags and not translation.experiment.beam.polarized


def _has_layers(translation: Translation) -> bool:
    return translation.experiment.detector.sensor_thickness > 0.0


def _has_water(translation: Translation) -> bool:
    return bool(translation.experiment.background)


def _has_long_header(translation: Translation) -> bool:
    slow, fast = translation.experiment.detector.pixels
    return header_length(fast, slow, smv_fields(translation)) > BLOCK


def _swings_by_axis(translation: Translation) -> bool:
    flags = translation.flags
    last, axis = flags.last_of("twotheta", "twotheta_axis"), flags.values("twotheta_axis")
    return axis is not None and (last == ("twotheta_axis", axis) or not math.isclose(math.hypot(*axis), 1.0))


def _takes_seed_for_angle(translation: Translation) -> bool:
    given = translation.flags.given
    places = [i for i, flag in enumerate(given) if flag.name in ("misset", "misset_seed")]
    if not places or given[places[-1]].name == "misset":
        return False
    return sum(1 + len(flag.values) for flag in given[places[-1] + 1 :]) >= 2


def _lists_oddly(translation: Translation) -> bool:
    """Whether the first reflection of the -hkl file is not three whole numbers and another, or comments are in it."""
    file = translation.flags.file("hkl")
    if file is None or is_pipe(file):
        return False
    content = file.read_bytes()
    words = content.lstrip().split(b"\n", 1)[0].split()
    return b"#" in content or len(words) != 4 or any(b"." in word for word in words[:3])


def _leaves_the_box(translation: Translation) -> bool:
    """Whether any of some points all over the detector lies less than two indices inside the box of reflections."""
    experiment = translation.experiment
    crystal = experiment.crystal
    if not crystal.interpolates or not isinstance(crystal.reflections, Reflections):
        return False
    low, high = np.array(crystal.reflections.box).T
    rows, columns = (np.linspace(*ends, _SAMPLED).tolist() for ends in experiment.detector.region)
    q = np.array([experiment.scattering_vector(slow, fast) for slow in rows for fast in columns])
    for angle in {experiment.angles[0], experiment.angles[-1]}:
        hkl = q @ (crystal.axes @ rotation_matrix(experiment.spindle, angle).T).T
        if ((hkl < low + 2) | (hkl > high - 2)).any():
            return True
    return False


def _caches_polarization(translation: Translation) -> bool:
    experiment, sampling = translation.experiment, translation.experiment.sampling
    several = experiment.oversample > 1 or experiment.layers > 1 or len(experiment.sources.rows) > 1
    return sampling.dmin > 0.0 and several and experiment.beam.polarized and sampling.polarization == "pixel"


DEVIATIONS = (
    Deviation(
        "rotation through 0",
        "does not turn the cell back at phi = 0, where the orientation of the step before stays",
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
        "-nopolar with -oversample_polar",
        "applies the polarization factor after all",
        "there is none",
        "-nopolar says so",
        f"{_SMALL} -nopolar -oversample_polar",
        _polarizes_anyway,
    ),
    Deviation(
        "-oversample_thick without a sensor",
        "catches no photons",
        "all are caught",
        "a detector without a sensor is a perfect one",
        f"{_SMALL} -oversample_thick",
        _catches_nothing,
    ),
    Deviation(
        "sensor layers",
        "applies the capture fraction of the last layer (at the first sub-pixel) to all, and with -detector_thicksteps "
        "puts n layers of thickness/(n-1)",
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
        "stops interpolating for the rest of the run, in all threads, at the first point less than two indices inside",
        "a point that the 64 neighbours do not surround takes the nearest reflection, it alone",
        "the image would depend on the order of pixels and on the number of threads",
        f"{_SMALL} -hkl inputs/small.hkl -interpolate",
        _leaves_the_box,
    ),
    Deviation(
        "-dmin with several sub-pixels or sources",
        "takes the polarization of the first of them that is within the limit for all",
        "it is that of the first of them",
        "the factor would jump from pixel to pixel",
        f"{_SMALL} -dmin 5 -vdivsteps 2",
        _caches_polarization,
    ),
    Deviation(
        "-twotheta_axis",
        "takes the first number for the angle -twotheta too, and does not normalise the axis",
        "the axis is a direction and nothing else",
        "the swing would turn with the choice of the axis",
        f"{_SMALL} -twotheta 10 -twotheta_axis 0 1 0",
        _swings_by_axis,
    ),
    Deviation(
        "-misset_seed before other flags",
        "takes the seed and the two words after it for the angles of -misset",
        "it is a seed and nothing else",
        "the orientation would turn with the order of flags",
        f"{_SMALL} -misset random -misset_seed 777 -lambda 1.1",
        _takes_seed_for_angle,
    ),
    Deviation(
        "-hkl files",
        "reads numbers four at a time, whatever the lines, and ends in silence at the first that does not fit: at "
        "comments, at indices with a point, after a fifth column",
        "h k l F stand first in each line; more columns and comments are skipped; any other line is an error with its "
        "number",
        "reflections would be missing or wrong",
        f"{_SMALL} -hkl columns.hkl",
        _lists_oddly,
    ),
    Deviation(
        "long SMV headers",
        "says HEADER_BYTES=512 whatever the length, so that the pixels are read from the wrong place",
        "HEADER_BYTES is the next multiple of 512 that holds the header",
        "readers skip as many bytes as the header says",
        f"{_SMALL} -close_distance 123.457 -Xclose 17.7771 -Yclose 23.1239 -twotheta 1.23457 -lambda 0.979768 "
        "-detector_rotx 0.123457 -detector_roty -0.765432 -pixel 0.172345 -phi 12.3457",
        _has_long_header,
        in_files=True,
    ),
)


def deviation_rows() -> list[str]:
    """A row of a Markdown table for each: name, what nanoBragg does, what is done here, why, flags of an example."""
    return [
        f"| {known.name} | {known.reference} | {known.here} | {known.why} | `{known.example}` |" for known in DEVIATIONS
    ]
