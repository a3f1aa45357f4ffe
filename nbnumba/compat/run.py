"""The job of nanoBragg's command line: render, scale, add noise, write the files under the names its users know."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbnumba.atomic import check_distinct, check_writable, new_files
from nbnumba.compat.flags import Flags
from nbnumba.compat.header import smv_fields
from nbnumba.compat.noise import photon_noise
from nbnumba.compat.translate import Translation
from nbnumba.model.experiment import Experiment
from nbnumba.model.reflections import Reflections
from nbnumba.outputs.dump import put_dump
from nbnumba.outputs.hdf5 import check_hdf5
from nbnumba.outputs.nexus import write_nexus
from nbnumba.outputs.pgm import put_pgm
from nbnumba.outputs.raw import put_raw
from nbnumba.outputs.smv import put_smv
from nbnumba.response.background import background
from nbnumba.simulation import simulate

_TOP = 65535.0


class Statistics(NamedTuple):
    """Figures over the rendered pixels, as nanoBragg counts them."""

    maximum: float
    place: tuple[int, int]  # slow, fast
    mean: float
    rms: float
    rmsd: float


class Files(NamedTuple):
    """Files to write; None: not wanted."""

    raw: Path
    integer: Path
    pgm: Path | None
    noise: Path | None
    dump: Path | None
    hdf5: Path | None

    def wanted(self) -> list[Path]:
        """Those that are."""
        return [file for file in self if file is not None]


class Result(NamedTuple):
    """What a run made."""

    image: np.ndarray
    statistics: Statistics
    files: Files
    scales: dict[str, float]
    seed: int


def output_files(flags: Flags) -> Files:
    """Names by flag or default, in the folder of the job."""

    def named(name: str, default: str) -> Path:
        return flags.folder / str(flags.value(name, default))

    pgm = flags.last_of("nopgm", "pgmfile", "pgmscale")
    noise = flags.last_of("nonoise", "noisefile")
    return Files(
        raw=named("floatfile", "floatimage.bin"),
        integer=named("intfile", "intimage.img"),
        pgm=None if pgm and pgm.name == "nopgm" else named("pgmfile", "image.pgm"),
        noise=None if noise and noise.name == "nonoise" else named("noisefile", "noiseimage.img"),
        dump=named("dump", "Fdump.bin") if "hkl" in flags else None,
        hdf5=flags.file("o"),
    )


def _inputs(flags: Flags) -> list[Path | None]:
    """Files that flags name to be read; the dump too, where structure factors may come from it."""
    names = ("hkl", "mat", "mask", "img", "sourcefile", "stol", "4stol", "Q")
    dump = flags.file("dump", "Fdump.bin") if "hkl" not in flags else None
    return [dump, *(flags.file(name) for name in names)]


def run(
    translation: Translation, *, progress: Callable[[int, int], None] | None = None, command_line: str | None = None
) -> Result:
    """Render and write all files, or none; those that exist are replaced, as nanoBragg does.

    Raises:
        NbnumbaError: a file cannot be written, or anything that ``simulate`` refuses.
    """
    experiment, flags = translation.experiment, translation.flags
    files = output_files(flags)
    check_distinct(files.wanted(), _inputs(flags))
    for file in files.wanted():
        (check_hdf5 if file == files.hdf5 else check_writable)(file, overwrite=True)
    image = simulate(experiment, progress=progress)
    if experiment.background:
        image += background(experiment)
    statistics = statistics_of(experiment, image)
    seed = int(flags.value("seed", time.time()))
    scales = scales_of(flags, statistics)
    _write(translation, image, files, scales, seed, command_line)
    return Result(image, statistics, files, scales, seed)


def _write(
    translation: Translation,
    image: np.ndarray,
    files: Files,
    scales: dict[str, float],
    seed: int,
    command_line: str | None,
) -> None:
    """Write all files; they take their names together."""
    experiment, crystal, header = translation.experiment, translation.experiment.crystal, smv_fields(translation)
    wanted = files.wanted()
    with new_files(wanted, overwrite=True) as parts:
        hidden = dict(zip(wanted, parts, strict=True))
        put_raw(hidden[files.raw], image)
        put_smv(hidden[files.integer], counts_of(experiment, image, scales), header)
        if files.pgm is not None:
            put_pgm(hidden[files.pgm], _grey(experiment, image, scales["pgm"]), scales["pgm"])
        if files.dump is not None and isinstance(crystal.reflections, Reflections):
            put_dump(hidden[files.dump], crystal.reflections, crystal.default_f)
        if files.noise is not None:
            put_smv(hidden[files.noise], _noise(experiment, image, seed, scales["adc"]), header)
        if files.hdf5 is not None:
            write_nexus(hidden[files.hdf5], experiment, image, command_line=command_line, seeds={"noise": seed})


def _rendered(experiment: Experiment) -> tuple[slice, slice]:
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    return slice(slow_start, slow_stop), slice(fast_start, fast_stop)


def statistics_of(experiment: Experiment, image: np.ndarray) -> Statistics:
    """Figures over the rendered pixels of an image [photons]."""
    part = image[_rendered(experiment)]
    count = max(experiment.pixels_rendered, 1)
    mean = sum(float(part[rows].sum(dtype=np.float64)) for rows in _bands(part)) / count
    slow, fast = np.unravel_index(int(image.argmax()), image.shape)
    return Statistics(
        maximum=float(image.max()),
        place=(int(slow), int(fast)),
        mean=mean,
        rms=math.sqrt(_square_sum(part, 0.0) / max(count - 1, 1)),
        rmsd=math.sqrt(_square_sum(part, mean) / max(part.size - 1, 1)),
    )


def _square_sum(part: np.ndarray, center: float) -> float:
    """Sum of squared distances from a centre."""
    total = 0.0
    for rows in _bands(part):
        distance = (part[rows] - np.float64(center)).ravel()
        total += float(distance @ distance)
    return total


def scales_of(flags: Flags, statistics: Statistics) -> dict[str, float]:
    """Photons to counts and to grey levels, and the offset of counts: as flags say, or by nanoBragg's rules."""
    integer = float(flags.value("scale", 0.0))
    if integer <= 0.0:
        integer = 55000.0 / statistics.maximum if statistics.maximum > 0.0 else 1.0
    pgm = float(flags.value("pgmscale", 0.0))
    if pgm <= 0.0:
        pgm = 250.0 / (5.0 * statistics.rmsd) if statistics.rmsd > 0.0 else integer
    return {"integer": integer, "pgm": pgm, "adc": float(flags.value("adc", 40.0))}


def _bands(image: np.ndarray) -> Iterator[slice]:
    """Rows in portions, so that double precision copies stay small."""
    rows = max((1 << 17) // image.shape[1], 1)
    for start in range(0, image.shape[0], rows):
        yield slice(start, start + rows)


def counts_of(experiment: Experiment, image: np.ndarray, scales: dict[str, float]) -> np.ndarray:
    """The integer image, uint16: scaled, with the offset, rounded and cut; 0 where nothing was rendered."""
    counts = np.zeros(image.shape, dtype=np.uint16)
    source, target = image[_rendered(experiment)], counts[_rendered(experiment)]
    for rows in _bands(source):
        scaled = source[rows] * np.float64(scales["integer"]) + scales["adc"]
        target[rows] = np.floor((scaled.clip(0.0, _TOP) + 0.5).astype(np.float32)).clip(0.0, _TOP)
    return counts


def _grey(experiment: Experiment, image: np.ndarray, scale: float) -> np.ndarray:
    grey = np.zeros(image.shape, dtype=np.uint8)
    source, target = image[_rendered(experiment)], grey[_rendered(experiment)]
    for rows in _bands(source):
        target[rows] = (source[rows] * np.float64(scale)).clip(0.0, 255.0)
    return grey


def _noise(experiment: Experiment, image: np.ndarray, seed: int, adc: float) -> np.ndarray:
    counts = np.zeros(image.shape, dtype=np.uint16)
    drawn = photon_noise(image[_rendered(experiment)], seed).astype(np.float64)
    counts[_rendered(experiment)] = (drawn + adc).clip(0.0, _TOP)
    return counts
