"""The flags of nanoBragg: one table, which drives parsing, help and documentation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import cut, shown

Value = float | int | str
VALUE_KINDS = {"n": "number", "w": "whole number", "t": "name"}


class Flag(NamedTuple):
    """One flag with its other spellings; ``values`` says what follows it: n(umber), w(hole number) or t(ext)."""

    names: tuple[str, ...]
    values: str
    unit: str
    default: str
    meaning: str
    least: int | None = None  # number of values that must be there, where some may be left out


def _flag(names: str, values: str, unit: str, default: str, meaning: str, least: int | None = None) -> Flag:
    return Flag(tuple(names.split()), values, unit, default, meaning, least)


NO_EFFECT = "no effect on images, as in nanoBragg"

FLAGS = (
    _flag("mat", "t", "", "", "MOSFLM orientation matrix file: rows x y z, columns a* b* c* times the wavelength"),
    _flag("cell", "nnnnnn", "A, degrees", "", "a b c alpha beta gamma; left-out lengths = a, angles = 90", 1),
    _flag("misset", "nnn", "degrees", "0 0 0", "rotations about lab x, y, z, after matrix or cell; or the word random"),
    _flag("misset_seed", "w", "", "from the clock", "seed of -misset random"),
    _flag("Na", "w", "", "1", "unit cells along a"),
    _flag("Nb", "w", "", "1", "unit cells along b"),
    _flag("Nc", "w", "", "1", "unit cells along c"),
    _flag("N", "w", "", "1", "unit cells along a, b and c"),
    _flag("xtalsize xtal_size samplesize sample_size", "n", "mm", "", "crystal size along a, b and c instead of -N"),
    _flag(
        "xtal_thick xtal_thickness xtal_x sample_thick sample_thickness sample_x", "n", "mm", "", "crystal size along a"
    ),
    _flag("xtal_width xtal_y sample_width sample_y width", "n", "mm", "", "crystal size along b"),
    _flag("xtal_height xtal_z sample_height sample_z height", "n", "mm", "", "crystal size along c"),
    _flag("square_xtal", "", "", "yes", "parallelepiped crystal"),
    _flag("round_xtal", "", "", "", "ellipsoidal crystal"),
    _flag("gauss_xtal", "", "", "", "gaussian spots, reciprocal metric"),
    _flag("tophat_spots binary_spots", "", "", "", "flat spots, reciprocal metric"),
    _flag("fudge", "n", "", "1", "factor on the squared radius of a spot"),
    _flag("mosaic mosaici mosaicity mosaic_spread", "n", "degrees", "0", "mosaic spread"),
    _flag("mosaic_domains mosaic_dom", "w", "", "10 with a spread", "mosaic domains"),
    _flag("mosaic_seed", "w", "", "12345678", "seed of the mosaic domains"),
    _flag("hkl", "t", "", "", "structure factors: h k l F a line, P1"),
    _flag("dump", "t", "", "Fdump.bin", "binary table of structure factors: read where -hkl is missing"),
    _flag("default_F", "n", "electrons", "0", "structure factor of reflections that are not listed"),
    _flag("interpolate", "", "", "for 2 or fewer cells", "tricubic interpolation between reflections"),
    _flag("nointerpolate", "", "", "", "nearest reflection"),
    _flag("dmin", "n", "A", "0", "resolution limit"),
    _flag("lambda wave wavelength", "n", "A", "1", "wavelength"),
    _flag("energy", "n", "eV", "", "photon energy instead of the wavelength"),
    _flag("fluence", "n", "photons/m^2", "1.26e29", "photons per area over the exposure"),
    _flag("flux", "n", "photons/s", "", "photon flux; with exposure and beamsize instead of -fluence"),
    _flag("exposure", "n", "s", "1", "exposure time"),
    _flag("beamsize", "n", "mm", "0.1", "edge of the beam"),
    _flag("dispersion", "n", "percent", "0", "full width of the wavelengths"),
    _flag("dispsteps", "w", "", "", "number of wavelengths"),
    _flag("divergence", "n", "mrad", "0", "full width of the divergence, both directions"),
    _flag("hdivrange", "n", "mrad", "0", "full width of the horizontal divergence"),
    _flag("vdivrange", "n", "mrad", "0", "full width of the vertical divergence"),
    _flag("hdivstep", "n", "mrad", "", "step of the horizontal divergence"),
    _flag("vdivstep", "n", "mrad", "", "step of the vertical divergence"),
    _flag("divsteps", "w", "", "", "number of steps, both directions"),
    _flag("hdivsteps", "w", "", "", "number of horizontal steps"),
    _flag("vdivsteps", "w", "", "", "number of vertical steps"),
    _flag("round_div", "", "", "yes", "elliptical divergence"),
    _flag("square_div", "", "", "", "rectangular divergence"),
    _flag("sourcefile", "t", "", "", "sources: x y z weight wavelength[m] a line"),
    _flag("polar", "n", "", "0", "Kahn polarization factor"),
    _flag("nopolar", "", "", "", "no polarization factor"),
    _flag("distance", "n", "mm", "100", "sample to detector along the beam"),
    _flag("close_distance", "n", "mm", "", "sample to detector plane; pivots on the sample"),
    _flag("detsize", "n", "mm", "102.4", "detector size, both directions"),
    _flag("detsize_f", "n", "mm", "102.4", "detector size along fast"),
    _flag("detsize_s", "n", "mm", "102.4", "detector size along slow"),
    _flag("detpixels", "w", "pixels", "1024", "detector size, both directions"),
    _flag("detpixels_f detpixels_x", "w", "pixels", "1024", "detector size along fast"),
    _flag("detpixels_s detpixels_y", "w", "pixels", "1024", "detector size along slow"),
    _flag("pixel", "n", "mm", "0.1", "pixel size"),
    _flag("Xbeam", "n", "mm", "by convention", "beam centre: along slow (MOSFLM, DENZO), else along fast"),
    _flag(
        "Ybeam",
        "n",
        "mm",
        "by convention",
        "beam centre: along fast (MOSFLM, DENZO), else along slow (ADXV: from the far edge)",
    ),
    _flag("Xclose", "n", "mm", "middle", "point closest to the sample"),
    _flag("Yclose", "n", "mm", "middle", "point closest to the sample"),
    _flag("ORGX", "n", "pixels", "middle", "XDS origin along fast"),
    _flag("ORGY", "n", "pixels", "middle", "XDS origin along slow"),
    _flag("pivot", "t", "", "by convention", "beam or sample; obeyed by custom axes alone"),
    _flag("mosflm", "", "", "yes", "MOSFLM convention"),
    _flag("xds", "", "", "", "XDS convention"),
    _flag("adxv", "", "", "", "ADXV convention"),
    _flag("denzo", "", "", "", "DENZO convention"),
    _flag("dials", "", "", "", "DIALS convention"),
    _flag("fdet_vector", "nnn", "", "0 0 1", "fast axis; this and the next six select custom axes"),
    _flag("sdet_vector", "nnn", "", "0 -1 0", "slow axis"),
    _flag("odet_vector", "nnn", "", "1 0 0", "detector normal"),
    _flag("beam_vector", "nnn", "", "1 0 0", "beam direction"),
    _flag("polar_vector", "nnn", "", "0 0 1", "polarization axis"),
    _flag("spindle_axis", "nnn", "", "0 0 1", "rotation axis of the crystal"),
    _flag("twotheta_axis", "nnn", "", "0 1 0", "rotation axis of the detector's swing"),
    _flag("pix0_vector", "nnn", "", "", "selects custom axes; the values have no effect"),
    _flag("detector_rotx", "n", "degrees", "0", "detector rotation about lab x"),
    _flag("detector_roty", "n", "degrees", "0", "detector rotation about lab y"),
    _flag("detector_rotz", "n", "degrees", "0", "detector rotation about lab z"),
    _flag("twotheta", "n", "degrees", "0", "detector swing; pivots on the sample"),
    _flag("curved_det", "", "", "", "every pixel at the same distance"),
    _flag("point_pixel", "", "", "", "solid angle without pixel area and obliquity"),
    _flag(
        "detector_abs detector_absorb", "t", "um", "thickness", "attenuation depth of the sensor; inf or 0: no sensor"
    ),
    _flag("detector_thick", "n", "um", "0", "sensor thickness"),
    _flag("detector_thicksteps thicksteps", "w", "", "2 with a thickness", "sensor layers"),
    _flag("oversample", "w", "", "by crystal size", "sub-pixels along each edge"),
    _flag("oversample_thick", "", "", "", "capture for every sub-pixel (always done)"),
    _flag("oversample_polar", "", "", "", "polarization for every sub-pixel and source"),
    _flag("oversample_omega", "", "", "", "solid angle for every sub-pixel"),
    _flag("roi", "wwww", "pixels", "all", "xmin xmax ymin ymax, both ends included"),
    _flag("mask", "t", "", "", "SMV image: pixels of 0 are skipped; its header sets the geometry"),
    _flag("img", "t", "", "", "SMV image whose header sets the geometry"),
    _flag("phi", "n", "degrees", "0", "start of the rotation"),
    _flag("osc", "n", "degrees", "0", "range of the rotation"),
    _flag("phistep", "n", "degrees", "", "step of the rotation"),
    _flag("phisteps", "w", "", "", "number of steps"),
    _flag("floatfile floatimage", "t", "", "floatimage.bin", "output: raw float32"),
    _flag("intfile intimage", "t", "", "intimage.img", "output: SMV"),
    _flag("pgmfile pgmimage", "t", "", "image.pgm", "output: PGM"),
    _flag("noisefile noiseimage", "t", "", "noiseimage.img", "output: SMV with photon noise"),
    _flag("nopgm", "", "", "", "no PGM"),
    _flag("nonoise", "", "", "", "no noise image"),
    _flag("scale", "n", "", "55000/max", "photons to counts in the SMV image"),
    _flag("adc", "n", "counts", "40", "offset in SMV images"),
    _flag("pgmscale", "n", "", "250/(5 rmsd)", "photons to grey levels"),
    _flag("o", "t", "", "", "HDF5 file (NXmx) to write too; not a flag of nanoBragg"),
    _flag("water", "n", "um", "0", "edge of a cube of water around the crystal"),
    _flag("seed", "w", "", "from the clock", "seed of the photon noise"),
    _flag("printout", "", "", "", "print the terms of the last step of every rendered pixel (see -roi)"),
    _flag("printout_pixel", "ww", "pixels", "", "print the terms of this pixel alone: its fast and slow number"),
    _flag("progress", "", "", "yes", "progress meter"),
    _flag("noprogress", "", "", "", "no progress meter"),
    *(
        _flag(names, values, "", "", NO_EFFECT)
        for names, values in (
            ("stol", "t"),
            ("4stol", "t"),
            ("Q", "t"),
            ("stolout", "t"),
            ("coherent", ""),
            ("density sample_density", "n"),
            ("MW molecular_weight", "n"),
        )
    ),
)

IDLE = {flag.names[0] for flag in FLAGS if flag.meaning == NO_EFFECT}

#: Field of the experiment -> the flags that set it, for errors.
FLAG_OF = {
    "crystal.cell": "-cell",
    "crystal.orientation": "-mat",
    "crystal.misset": "-misset",
    "crystal.cells": "-N, -xtalsize",
    "crystal.fudge": "-fudge",
    "crystal.default_f": "-default_F",
    "crystal.mosaic.spread": "-mosaic",
    "crystal.mosaic.domains": "-mosaic_domains",
    "beam.wavelength": "-lambda, -energy",
    "beam.fluence": "-fluence",
    "beam.flux": "-flux",
    "beam.exposure": "-exposure",
    "beam.size": "-beamsize",
    "beam.polarization": "-polar",
    "beam.polarization_axis": "-polar_vector",
    "beam.direction": "-beam_vector",
    "beam.divergence_steps": "-hdivsteps, -vdivsteps",
    "detector.pixels": "-detpixels, -detsize",
    "detector.distance": "-distance",
    "detector.close_distance": "-close_distance",
    "detector.beam_center": "-Xbeam, -Ybeam",
    "detector.closest_point": "-ORGX, -ORGY",
    "detector.rotation": "-detector_rotx, -detector_roty, -detector_rotz",
    "detector.twotheta": "-twotheta",
    "detector.twotheta_axis": "-twotheta_axis",
    "detector.fast_axis": "-fdet_vector",
    "detector.slow_axis": "-sdet_vector",
    "detector.normal_axis": "-odet_vector",
    "detector.fast_axis and slow_axis": "-fdet_vector, -sdet_vector",
    "detector.fast_axis and normal_axis": "-fdet_vector, -odet_vector",
    "detector.slow_axis and normal_axis": "-sdet_vector, -odet_vector",
    "scan.start": "-phi",
    "scan.width": "-osc, -phistep",
    "scan.steps": "-phisteps",
    "scan.axis": "-spindle_axis",
    "sampling.oversample": "-oversample",
    "sampling.layers": "-detector_thicksteps",
    "sampling.dmin": "-dmin",
}
#: Flags of which the first has no effect where the second stands too.
OVERRULED = (
    ("distance", "close_distance"),
    ("fluence", "flux"),
)

_NUMBER = re.compile(r"[-+]?((\d+\.?\d*|\.\d+)(e[-+]?\d+)?|inf|nan)", re.ASCII | re.IGNORECASE)
_BY_NAME = {f"-{name}": flag for flag in FLAGS for name in flag.names}


class Given(NamedTuple):
    """One flag of a command line: its first name and its values, in the order of appearance."""

    name: str
    values: tuple[Value, ...]


def parse(words: Sequence[str]) -> list[Given]:
    """Flags and values of a command line.

    Raises:
        NbnumbaError: a flag that does not exist, or a value that is missing or not a number.
    """
    given, rest = [], [word.rstrip("\r") for word in words]  # scripts with Windows line ends
    while rest:
        word = rest.pop(0)
        flag = _BY_NAME.get(word)
        if flag is None:
            raise _unknown(word)
        given.append(Given(flag.names[0], _values(word, flag, rest)))
    return given


def _unknown(word: str) -> NbnumbaError:
    if not word.startswith("-") or _is_number(word):
        return NbnumbaError(f"{cut(word)!r}: no flag stands before this value; flags begin with '-'")
    close = get_close_matches(word, list(_BY_NAME), n=1)
    return NbnumbaError(f"{cut(word)}: no such flag." + (f" Did you mean {close[0]}?" if close else ""))


def _values(word: str, flag: Flag, rest: list[str]) -> tuple[Value, ...]:
    if flag.names[0] == "misset" and rest and rest[0].startswith("rand"):
        return (rest.pop(0),)
    least = len(flag.values) if flag.least is None else flag.least
    values: list[Value] = []
    for i, kind in enumerate(flag.values):
        if i >= least and (not rest or not _is_number(rest[0])):
            break
        if not rest or rest[0] in _BY_NAME:
            unit = f" [{flag.unit}]" if flag.unit else ""
            raise NbnumbaError(f"{word}: found {i} values; allowed: {_kinds(flag)}{unit}")
        values.append(_value(word, kind, rest.pop(0)))
    return tuple(values)


def _kinds(flag: Flag) -> str:
    """How many values of what kind follow a flag."""
    if not flag.values:
        return ""
    most = len(flag.values)
    count = f"{most}" if flag.least is None else f"{flag.least} to {most}"
    return f"{count} {VALUE_KINDS[flag.values[0]]}{'s' if most > 1 else ''}"


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text))


def _value(word: str, kind: str, text: str) -> Value:
    if kind == "t":
        return text
    if not _is_number(text):
        raise NbnumbaError(f"{word}: found {shown(text)}; allowed: a number")
    value = float(text)
    if not math.isfinite(value):
        raise NbnumbaError(f"{word}: found {shown(text)}; allowed: a finite number")
    if kind == "n":
        return value
    if not value.is_integer():
        raise NbnumbaError(f"{word}: found {shown(text)}; allowed: a whole number")
    return int(value)


class Flags:
    """The flags of one command line by name, with the files they name in ``folder``."""

    def __init__(self, given: list[Given], folder: Path) -> None:
        self.given = given
        self.folder = folder
        self.notes: list[str] = []
        self._last = {flag.name: flag.values for flag in given}

    def __contains__(self, name: str) -> bool:
        return name in self._last

    def value(self, name: str, default: Any = None) -> Any:
        """The first value of a flag, the last time it was given."""
        return self._last[name][0] if name in self._last else default

    def values(self, name: str) -> tuple[Any, ...] | None:
        """All values of a flag, the last time it was given."""
        return self._last.get(name)

    def last_of(self, *names: str) -> Given | None:
        """Whichever of several flags was given last."""
        return next((flag for flag in reversed(self.given) if flag.name in names), None)

    def file(self, name: str, default: str | None = None) -> Path | None:
        """Path of the file that a flag names."""
        text = self.value(name, default)
        return None if text is None else self.folder / str(text)


def flag_table() -> str:
    """The flags as a table in Markdown."""
    rows = ["| flags | values | unit | default | meaning |", "|---|---|---|---|---|"]
    for flag in FLAGS:
        names = " ".join(f"`-{name}`" for name in flag.names)
        rows.append(f"| {names} | {_kinds(flag)} | {flag.unit} | {flag.default} | {flag.meaning} |")
    return "\n".join(rows)
