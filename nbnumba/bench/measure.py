"""Times, memory and ratios, each beside a check of the image."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nbnumba._cache import cache_directory
from nbnumba.bench.workloads import QUIET, WORKLOADS, Workload, write_table
from nbnumba.comparison import compare
from nbnumba.compat import run as command
from nbnumba.compat.translate import Translation
from nbnumba.errors import NbnumbaError
from nbnumba.kernels.pack import pack
from nbnumba.model.experiment import Experiment
from nbnumba.simulation import simulate
from nbnumba.tracer.contributions import pixel_values
from nbnumba.tracer.walk import walk

TOLERANCE = 1e-6  # of the image maximum
SMALL = 16  # pixels along an edge, where only the answer counts
PROFILE_REPEATS = 3
REFERENCE_TIMEOUT = 3600.0  # seconds
CHECKED_PIXELS = 4  # by plain Python
CHECKED_AROUND = 16  # pixels along each edge of a square around the brightest
CHECKED_AT_RANDOM = 500


class Job(NamedTuple):
    """A workload with its size, made ready in a folder."""

    name: str
    workload: Workload
    pixels: int
    folder: Path
    precision: str
    threads: int

    def translation(self) -> Translation:
        """The experiment, and what the drop-in command has to know beside it."""
        return self.workload.translation(self.pixels, self.folder)

    def experiment(self) -> Experiment:
        """The experiment."""
        return self.translation().experiment


@contextmanager
def prepared(name: str, pixels: int | None, precision: str, threads: int) -> Iterator[Job]:
    """A job in a folder of its own, which holds the reflections."""
    workload = WORKLOADS[name]
    with tempfile.TemporaryDirectory() as folder:
        write_table(Path(folder))
        yield Job(name, workload, pixels or workload.pixels, Path(folder), precision, threads)


def seconds_of(work: Callable[[], Any]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def warm(job: Job, repeats: int) -> dict[str, Any]:
    """Median time of images in this process, after one that is not counted, in the same memory.

    Pixels of the first and the last are checked against plain Python.
    """
    experiment = job.experiment()
    image = simulate(experiment, precision=job.precision, threads=job.threads)
    error = check(experiment, image)
    how: dict[str, Any] = {"precision": job.precision, "threads": job.threads, "out": image}
    times = [seconds_of(lambda: simulate(experiment, **how)) for _ in range(repeats)]
    error = max(error, check(experiment, image))  # the first image and the last
    middle = statistics.median(times)
    steps = experiment.pixels_rendered * experiment.steps_per_pixel
    return {
        "seconds": middle,
        "seconds_each": times,
        "pixels_per_second": experiment.pixels_rendered / middle,
        "steps_per_second": steps / middle,
        "ns_per_step_and_thread": middle * job.threads / steps * 1e9,
        "error_of_maximum": error,
    }


def check(experiment: Experiment, image: np.ndarray) -> float:
    """Largest difference between the image and its pixels summed step by step, as a fraction of the image maximum.

    A few pixels are summed by plain Python; those around the brightest, and some at random, by the tracer's loop.

    Raises:
        NbnumbaError: it exceeds the tolerance.
    """
    brightest, shape = float(image.max()) or 1.0, np.array(image.shape)
    rng, peak = np.random.default_rng(7), np.array(np.unravel_index(int(image.argmax()), image.shape))
    around = np.clip(peak + np.argwhere(np.ones((CHECKED_AROUND, CHECKED_AROUND))) - CHECKED_AROUND // 2, 0, shape - 1)
    random = rng.integers(0, shape, (CHECKED_AT_RANDOM, 2))
    pixels = np.vstack([around, random])
    errors = np.abs(image[tuple(pixels.T)] - pixel_values(experiment, pixels))
    slow_way = [[*walk(experiment, slow, fast)][-1].sum for slow, fast in (peak, *random[: CHECKED_PIXELS - 1])]
    plain = np.abs(image[tuple(np.vstack([peak, random[: CHECKED_PIXELS - 1]]).T)] - slow_way)
    error = max(float(errors.max()), float(plain.max())) / brightest
    if not error < TOLERANCE:
        raise NbnumbaError(
            f"bench: pixels differ from their sums by {error:.2g} of the maximum; "
            f"allowed: {TOLERANCE:g}; no figure counts"
        )
    return error


def fresh(job: Job, processes: int, cache: Path | None = None) -> dict[str, Any]:
    """Whole fresh processes that render one image each; ``cache``: folder for compiled code, None: the usual one."""
    if cache is None and cache_directory() is None:
        raise NbnumbaError(
            "--processes: compiled code cannot be kept, so that no process has a warm cache; set NUMBA_CACHE_DIR to a "
            "folder that can be written"
        )
    times, reports = [], []
    expected = zlib.crc32(simulate(job.experiment(), precision=job.precision, threads=job.threads).tobytes())
    for number in range(processes):
        environment = dict(os.environ)
        if cache is not None:
            environment["NUMBA_CACHE_DIR"] = str(cache / str(number))
        job_words = [job.name, str(job.pixels), str(job.folder), job.precision, str(job.threads)]
        words = [sys.executable, "-m", "nbnumba.bench.child", *job_words]
        start = time.perf_counter()
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
        times.append(time.perf_counter() - start)
        if done.returncode != 0:
            raise NbnumbaError(f"bench: a fresh process failed: {done.stderr[-500:]}")
        reports.append(json.loads(done.stdout))
        if reports[-1]["crc32"] != expected:
            raise NbnumbaError("bench: a fresh process made another image than this one; no figure counts")
    mean = statistics.fmean(times)
    spread = statistics.stdev(times) if len(times) > 1 else 0.0
    extra = {
        f"memory_beyond_image_and_{state}_MiB": max(r["peak_MiB"] - r[f"{state}_MiB"] - r["image_MiB"] for r in reports)
        for state in ("idle", "bare")
    }
    return {
        "seconds_mean": mean,
        "seconds_spread": spread,
        "coefficient_of_variation": spread / mean,
        "seconds_each": times,
        "first_image_seconds": statistics.median(r["seconds"] for r in reports),
        "peak_MiB": max(r["peak_MiB"] for r in reports),
        **extra,
    }


def against(job: Job, program: Path, pairs: int) -> dict[str, Any]:
    """Alternating pairs: a whole process of a nanoBragg program, then a warm image here; images are compared.

    Where the program means another image, it has to give the right one for the published workload in small.

    Raises:
        NbnumbaError: the program fails, or its image is another one where it should not be.
    """
    if not job.workload.same:
        with prepared("published", SMALL, job.precision, job.threads) as small:
            against(small, program, 1)
    experiment = job.experiment()
    how: dict[str, Any] = {"precision": job.precision, "threads": job.threads}
    image = simulate(experiment, **how)
    flags = job.workload.command(job.pixels)
    words = [str(program.resolve()), *flags.split(), *QUIET]
    environment = {**os.environ, "OMP_NUM_THREADS": str(job.threads)}
    rows: list[tuple[float, float]] = []
    file, sums = job.folder / "floatimage.bin", set()
    for _ in range(pairs):
        file.unlink(missing_ok=True)
        theirs = seconds_of(lambda: _run_reference(words, job.folder, environment))
        sums.add(zlib.crc32(_written(file, program, image.nbytes)))
        rows.append((theirs, seconds_of(lambda: simulate(experiment, **how, out=image))))
    if len(sums) > 1:
        raise NbnumbaError(f"--reference: {program} wrote {len(sums)} images for the same flags; no figure counts")
    ratios = [theirs / ours for theirs, ours in rows]
    found = compare(np.frombuffer(_written(file, program, image.nbytes), np.float32).reshape(image.shape), image)
    if job.workload.same and (found.one_sided or not found.relative < TOLERANCE):
        raise NbnumbaError(f"--reference: images differ by {found.relative:.2g} of the maximum; no figure counts")
    return {
        "reference_seconds": statistics.median(row[0] for row in rows),
        "seconds": statistics.median(row[1] for row in rows),
        "ratio": statistics.median(ratios),
        "ratio_each": ratios,
        "correlation": found.correlation,
        "largest_difference_of_maximum": found.relative,
        "same_image_expected": job.workload.same,
    }


def _run_reference(words: list[str], folder: Path, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, errors="replace", env=environment, check=False,
            timeout=REFERENCE_TIMEOUT,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NbnumbaError(f"--reference: {words[0]}: {error}; give a nanoBragg executable") from None
    if done.returncode != 0:
        said = done.stderr.strip()[-300:] or "it said nothing"
        raise NbnumbaError(f"--reference: exit code {done.returncode} of {' '.join(words)}: {said}")


def _written(file: Path, program: Path, size: int) -> bytes:
    content = file.read_bytes() if file.exists() else b""
    if len(content) != size:
        raise NbnumbaError(
            f"--reference: {program} wrote {len(content)} bytes to floatimage.bin, not {size}; give a nanoBragg "
            "executable"
        )
    return content


def mixed(job: Job, repeats: int) -> dict[str, float]:
    """Images in double and mixed precision in alternation: median seconds, their ratio, and the largest difference."""
    experiment = job.experiment()
    double = simulate(experiment, threads=job.threads)
    single = simulate(experiment, threads=job.threads, precision="mixed")
    how: dict[str, Any] = {"threads": job.threads}
    rows = [
        (
            seconds_of(lambda: simulate(experiment, **how, out=double)),
            seconds_of(lambda: simulate(experiment, **how, precision="mixed", out=single)),
        )
        for _ in range(repeats)
    ]
    error = compare(double, single).relative
    if not error < TOLERANCE:
        raise NbnumbaError(f"bench: mixed precision is off by {error:.2g} of the maximum; no figure counts")
    return {
        "seconds_double": statistics.median(row[0] for row in rows),
        "seconds_mixed": statistics.median(row[1] for row in rows),
        "times": statistics.median(row[0] / row[1] for row in rows),
        "difference_of_maximum": error,
    }


def scaling(job: Job, repeats: int) -> dict[str, Any]:
    """Median seconds with 1, 2, 4 ... threads up to the job's, in alternation, and how often faster than with one.

    Raises:
        NbnumbaError: the image depends on the number of threads.
    """
    counts = sorted({*(2**i for i in range(12) if 2**i < job.threads), job.threads})
    experiment = job.experiment()
    image = simulate(experiment, precision=job.precision, threads=job.threads)
    expected = zlib.crc32(image.tobytes())
    times: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(repeats):
        for count in counts:
            how: dict[str, Any] = {"precision": job.precision, "threads": count, "out": image}
            times[count].append(seconds_of(lambda how=how: simulate(experiment, **how)))  # type: ignore[misc]
            if zlib.crc32(image.tobytes()) != expected:
                raise NbnumbaError(f"bench: {count} threads make another image; no figure counts")
    return {
        str(count): {
            "seconds": statistics.median(each),
            "times_one_thread": statistics.median(one / t for one, t in zip(times[1], each, strict=True)),
        }
        for count, each in times.items()
    }


def _median_of(work: Callable[[], Any]) -> float:
    return statistics.median(seconds_of(work) for _ in range(PROFILE_REPEATS))


def profile(job: Job) -> dict[str, float]:
    """Seconds of the parts of one image through the drop-in command: raw and integer files, no noise, all threads, in
    double precision, as the command has no other."""
    translation = job.translation()
    command.run(translation)
    experiment = translation.experiment
    image = simulate(experiment)
    statistic = command.statistics_of(experiment, image)
    scales = command.scales_of(translation.flags, statistic)
    parts = {
        "flags and files": _median_of(job.translation),
        "set-up": _median_of(lambda: pack(experiment)),
        "set-up and kernel": _median_of(lambda: simulate(experiment)),
        "statistics": _median_of(lambda: command.statistics_of(experiment, image)),
        "conversion": _median_of(lambda: command.counts_of(experiment, image, scales)),
    }
    total = _median_of(lambda: command.run(translation))
    parts["kernel"] = parts.pop("set-up and kernel") - parts["set-up"]
    known = sum(parts[name] for name in ("set-up", "kernel", "statistics", "conversion"))
    return {**parts, "writing": max(total - known, 0.0)}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import numba

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numba": f"{numba.__version__}{' (switched off)' if numba.config.DISABLE_JIT else ''}",
    }
