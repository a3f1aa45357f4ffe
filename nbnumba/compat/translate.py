"""From nanoBragg's flags to an experiment with the same image."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nbnumba.compat.beam import beam_of
from nbnumba.compat.cell import cell_volume, reference_axes
from nbnumba.compat.flags import IDLE, NO_EFFECT, OVERRULED, Flags, Given
from nbnumba.compat.geometry import Placed, read_headers, reference_distance, translate_detector
from nbnumba.compat.steps import complete_phi
from nbnumba.constants import EV_ANGSTROM
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.dump import read_dump
from nbnumba.inputs.matrix import read_matrix
from nbnumba.inputs.reflections import read_reflections
from nbnumba.model.background import Background
from nbnumba.model.cell import Cell, cell_of
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.model.mosaic import DEFAULT_SEED, Mosaic, domain_angle, misset_of, random_rotation, rotation_matrix
from nbnumba.model.random import MinimalStandard
from nbnumba.model.reflections import Reflections
from nbnumba.model.sampling import Sampling
from nbnumba.model.scan import Scan
from nbnumba.model.sources import Grid
from nbnumba.physics.lattice import SHAPES

WATER_F = 2.57  # electrons, in all directions
WATER_WEIGHT = 18.0  # g/mol

#: Flag -> the least number that it takes, and what stands in the place of less, as in nanoBragg.
_LEAST = {
    **dict.fromkeys(("N", "Na", "Nb", "Nc"), (1, "1")),
    **dict.fromkeys(("detpixels", "detpixels_f", "detpixels_s"), (1, "as many as -detsize holds")),
    **dict.fromkeys(("divsteps", "hdivsteps", "vdivsteps", "dispsteps"), (1, "no number")),
    "oversample": (1, "as many as the crystal's size asks for"),
    "mosaic_domains": (1, "10"),
    "detector_thicksteps": (2, "2"),
}
_HIGHEST = 65535  # count in SMV images


class Translation(NamedTuple):
    """An experiment, what its user should know about how it came about, and what nanoBragg's files say beside it."""

    experiment: Experiment
    flags: Flags
    placed: Placed
    oscillation: Grid  # range, step and number of phi steps [rad]

    @property
    def notes(self) -> list[str]:
        """Where nanoBragg and this program part, or agree in a mistake."""
        return self.flags.notes


def translate(given: list[Given], folder: Path) -> Translation:
    """The experiment that nanoBragg would simulate for these flags, its mistakes left out."""
    flags = Flags(given, folder)
    for loser, winner in OVERRULED:
        if loser in flags and winner in flags:
            flags.notes.append(f"-{loser} has no effect beside -{winner}")
    flags.notes.extend(f"-{flag.name}: {NO_EFFECT}" for flag in given if flag.name in IDLE)
    flags.notes.extend(_taken_otherwise(flags))
    header = read_headers(flags)
    wavelength = _wavelength(flags, header.get("wavelength"))
    crystal, longest = _crystal(flags, wavelength)
    placed = translate_detector(flags, header)
    detector = placed.detector
    oscillation = _oscillation(flags, header)
    experiment = Experiment(
        crystal=crystal,
        beam=beam_of(flags, wavelength, detector.convention),
        detector=detector,
        scan=_scan(flags, header, oscillation, detector.convention),
        sampling=Sampling(
            oversample=1,
            layers=_layers(flags) if detector.sensor_thickness > 0.0 else 1,
            dmin=flags.value("dmin", 0.0),
            solid_angle="subpixel" if "oversample_omega" in flags else "pixel",
            polarization="subpixel" if "oversample_polar" in flags else "pixel",
        ),
        background=_water(flags),
    )
    chosen = _oversample(flags, experiment, longest)
    return Translation(experiment.replace(**{"sampling.oversample": chosen}), flags, placed, oscillation)


def _taken_otherwise(flags: Flags) -> Iterator[str]:
    """What becomes of numbers that mean nothing, and is what nanoBragg makes of them."""
    for name, (least, otherwise) in _LEAST.items():
        found = flags.value(name, least)
        if found < least:
            yield f"-{name} {found} stands for {otherwise}"
    offset = flags.value("adc", 0.0)
    if offset >= _HIGHEST:
        yield f"-adc {offset:g}: all pixels of SMV images are {_HIGHEST}, the end of their range"


def _water(flags: Flags) -> tuple[Background, ...]:
    """A cube around the crystal, which the beam need not fill."""
    edge = 1e-3 * flags.value("water", 0.0)
    if edge <= 0.0:
        return ()
    return (Background(f=WATER_F, thickness=edge, area=edge * edge, density=1.0, molecular_weight=WATER_WEIGHT),)


def _wavelength(flags: Flags, from_header: float | None) -> float:
    last = flags.last_of("lambda", "energy")
    if last is None:
        return 1.0 if from_header is None else from_header
    value = float(last.values[0])
    if last.name == "lambda":
        return value
    if value <= 0.0:
        raise NbnumbaError(f"-energy: found {value!r}; allowed: above 0 eV")
    return EV_ANGSTROM / value


# crystal


def _crystal(flags: Flags, wavelength: float) -> tuple[Crystal, float]:
    """The crystal, and its longest edge [m] with nanoBragg's rounding."""
    shape = flags.last_of("square_xtal", "round_xtal", "gauss_xtal", "tophat_spots")
    name = {"round_xtal": "round", "gauss_xtal": "gauss_star", "tophat_spots": "tophat_star"}.get(
        shape.name if shape else "", "square"
    )
    if "mosaic_domains" in flags and not flags.value("mosaic", 0.0):
        flags.notes.append("-mosaic_domains has no effect without -mosaic")
    described, axes, stretch = _axes(flags, wavelength)
    lengths = [math.hypot(*row) for row in (axes * 1e-10).tolist()]
    cells = _cells(flags, lengths)
    fudge = float(flags.value("fudge", 1.0)) * (stretch if SHAPES[name].reciprocal else 1.0)
    spread = flags.value("mosaic", 0.0)
    crystal = Crystal(
        **described,
        misset=_misset(flags),
        cells=cells,
        shape=name,
        fudge=fudge,
        reflections=_reflections(flags),
        default_f=flags.value("default_F", 0.0),
        interpolate=_interpolate(flags),
        mosaic=Mosaic(
            spread=spread,
            domains=_domains(flags) if spread > 0.0 else 1,
            seed=max(flags.value("mosaic_seed", DEFAULT_SEED), 1),
        ),
    )
    return crystal, max(n * length for n, length in zip(cells, lengths, strict=True))


def _domains(flags: Flags) -> int:
    given = int(flags.value("mosaic_domains", 0))
    return given if given > 0 else 10


def _axes(flags: Flags, wavelength: float) -> tuple[dict[str, Any], np.ndarray, float]:
    """Keywords that describe the lattice, its axes, and how nanoBragg's squared reciprocal metric is stretched."""
    matrix = flags.file("mat")
    if matrix is not None and "cell" not in flags:
        orientation = read_matrix(matrix, wavelength)
        return {"orientation": orientation}, np.array(orientation), 1.0
    cell = _cell(flags)
    if matrix is not None:
        axes = np.array(read_matrix(matrix, wavelength))
        axes *= (np.array(cell[:3]) / np.linalg.norm(axes, axis=1))[:, np.newaxis]
        flags.notes.append("both -mat and -cell are given: the matrix gives the directions, the cell its lengths")
    else:
        axes = reference_axes(cell)
        made = cell_of(axes)
        if max(abs(x - y) for x, y in zip(cell, made, strict=True)) < 1e-9:
            return {"cell": cell}, axes, 1.0
        flags.notes.append(
            "the cell is built as nanoBragg does, with a wrong c*_z: its angles become "
            f"{made[3]:.4f} {made[4]:.4f} {made[5]:.4f} degrees instead of {cell[3]:g} {cell[4]:g} {cell[5]:g}"
        )
    stretch = (float(np.linalg.det(axes)) / cell_volume(cell)) ** 2
    return {"orientation": tuple(map(tuple, axes.tolist()))}, axes, stretch


def _cell(flags: Flags) -> Cell:
    given = flags.values("cell")
    if given is None:
        raise NbnumbaError("-cell: found neither -cell nor -mat; give one of them")
    a, b, c, alpha, beta, gamma = (given + (0.0,) * 6)[:6]
    lengths = [x if x > 0.0 else a for x in (a, b, c)]
    angles = [x if x > 0.0 else 90.0 for x in (alpha, beta, gamma)]
    return Crystal(cell=(*lengths, *angles)).unit_cell  # checked


def _counts(flags: Flags) -> list[int]:
    """Unit cells along a, b, c as -N and its like say."""
    given = [flags.last_of("N", f"N{axis}") for axis in "abc"]
    return [max(int(flag.values[0]), 1) if flag else 1 for flag in given]


def _cells(flags: Flags, lengths: list[float]) -> tuple[float, float, float]:
    given = [flags.last_of("xtalsize", name) for name in ("xtal_thick", "xtal_width", "xtal_height")]
    sizes = [float(flag.values[0]) / 1000.0 if flag else 0.0 for flag in given]
    edge = flags.value("beamsize", 0.1) / 1000.0
    for i, name in ((1, "b"), (2, "c")):
        if edge >= 0.0 and sizes[i] > edge:
            flags.notes.append(
                f"the crystal is clipped to the beam along {name}: {edge * 1e3:g} mm, not {sizes[i] * 1e3:g}"
            )
            sizes[i] = edge
    counted = zip(sizes, lengths, _counts(flags), strict=True)
    a, b, c = (float(max(math.ceil(size / length), 1) if size > 0.0 else n) for size, length, n in counted)
    return a, b, c


def _misset(flags: Flags) -> tuple[float, ...]:
    given = flags.values("misset")
    if given is None:
        return (0.0, 0.0, 0.0)
    if len(given) == 3:
        return given
    seed = flags.value("misset_seed")
    if seed is None:
        seed = int(time.time())
        flags.notes.append(f"-misset random draws from the clock: -misset_seed {seed} repeats it")
    axis, fraction = random_rotation(MinimalStandard(seed))
    # nanoBragg takes the 90 for radians.
    angles = misset_of(rotation_matrix(axis, domain_angle(90.0, fraction)))
    flags.notes.append("-misset random is -misset " + " ".join(f"{angle:.6f}" for angle in angles))
    return angles


def _reflections(flags: Flags) -> Reflections | None:
    file = flags.file("hkl")
    if file is not None:
        return read_reflections(file, format="hkl")
    dump = flags.folder / str(flags.value("dump", "Fdump.bin"))
    if dump.exists():
        flags.notes.append(f"no -hkl: structure factors come from {dump}")
        return read_dump(dump)
    if not flags.value("default_F", 0.0):
        missing = f", and {dump} does not exist" if "dump" in flags else ""
        raise NbnumbaError(f"-hkl: found no structure factors{missing}; give -hkl FILE or -default_F")
    if "dump" in flags:
        flags.notes.append(f"-dump: {dump} does not exist; every structure factor is -default_F")
    return None


def _interpolate(flags: Flags) -> str:
    last = flags.last_of("interpolate", "nointerpolate")
    if last is None:
        # nanoBragg decides before it turns sizes into numbers of cells.
        return "tricubic" if min(_counts(flags)) <= 2 else "nearest"
    return "tricubic" if last.name == "interpolate" else "nearest"


# scan and sampling


def _oscillation(flags: Flags, header: dict[str, float]) -> Grid:
    degrees = [flags.value("osc", header.get("osc")), flags.value("phistep")]
    width, step = (None if x is None else math.radians(x) for x in degrees)
    return complete_phi(width if width is None or width >= 0.0 else None, step, flags.value("phisteps"))


def _scan(flags: Flags, header: dict[str, float], grid: Grid, convention: str) -> Scan | None:
    start = flags.value("phi", header.get("phi", 0.0))
    axis = flags.values("spindle_axis") if convention == "custom" else None
    if start == 0.0 and grid.step == 0.0 and axis is None:
        return None
    return Scan(start=start, width=math.degrees(grid.step) * grid.number, steps=grid.number, axis=axis, rule="left")


def _layers(flags: Flags) -> int:
    return max(flags.value("detector_thicksteps", 2), 2)


def _oversample(flags: Flags, experiment: Experiment, longest: float) -> int:
    wavelength, pixel = experiment.beam.wavelength / 1e10, experiment.detector.pixel_size / 1000.0
    distance = reference_distance(experiment) / 1000.0
    recommended = max(math.ceil(3.0 * longest / (wavelength * distance / pixel)), 1)
    given = int(flags.value("oversample", 0))
    if 0 < given < recommended:
        flags.notes.append(f"-oversample {given} is less than the {recommended} that the crystal's size asks for")
    return given if given > 0 else recommended
