"""How many times faster the loops are than their plain mirror: alternating pairs, medians, the answer checked.

Run: python benchmarks/kernel.py [--pixels 512] [--domains 100] [--pairs 7] [--threads 2]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import mirror
import numba
import numpy as np

import nbnumba as nb
from nbnumba.kernels.cpu import render
from nbnumba.kernels.pack import pack


def example(pixels: int, domains: int) -> nb.Experiment:
    """Cell 70 80 90, 20 cells along each axis, a table of 61^3 reflections, 1 A."""
    numbers = np.arange(-30, 31)
    hkl = np.stack(np.meshgrid(numbers, numbers, numbers, indexing="ij"), axis=-1).reshape(-1, 3)
    amplitude = np.random.default_rng(1).uniform(1.0, 100.0, len(hkl))
    return nb.Experiment(
        crystal=nb.Crystal(
            cell=(70, 80, 90, 90, 90, 90),
            misset=(10, 20, 30),
            cells=20,
            reflections=nb.Reflections(hkl, amplitude),
            interpolate="nearest",
            mosaic=nb.Mosaic(spread=0.5, domains=domains),
        ),
        beam=nb.Beam(wavelength=1.0),
        detector=nb.Detector(pixels=(pixels, pixels), pixel_size=102.4 / pixels, distance=100.0),
        sampling=nb.Sampling(oversample=1),
    )


def timed(job: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Seconds and result of a call."""
    start = time.perf_counter()
    result = job()
    return time.perf_counter() - start, result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("pixels", 512), ("domains", 100), ("pairs", 7), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    experiment = example(options.pixels, options.domains)
    arguments, shape = pack(experiment), experiment.detector.pixels
    axis = tuple(experiment.polarization_axis)
    numba.set_num_threads(options.threads)

    def ours() -> np.ndarray:
        image = np.zeros(shape, dtype=np.float32)
        render(arguments, image, 0, shape[0])
        return image

    def plain() -> np.ndarray:
        return mirror.render(arguments, shape, axis, experiment.crystal.default_f)

    ours(), plain()
    pairs = []
    for _ in range(options.pairs):
        (fast, image), (slow, yardstick) = timed(ours), timed(plain)
        error = float(np.abs(image - yardstick).max() / yardstick.max())
        if not error < 1e-6:
            raise SystemExit(f"the images differ by {error:.2g} of the maximum")
        pairs.append((fast, slow))
    ratios = [slow / fast for fast, slow in pairs]
    steps = experiment.pixels_rendered * experiment.steps_per_pixel / options.threads * 1e-9
    for name, seconds in (("loops", [p[0] for p in pairs]), ("mirror", [p[1] for p in pairs])):
        middle = statistics.median(seconds)
        print(f"{name:7s} {middle:.4f} s  {middle / steps:6.2f} ns a step and thread")
    print(f"ratio   {statistics.median(ratios):.1f} (pairs {min(ratios):.1f} to {max(ratios):.1f})")
    print(f"images  equal to {error:.0e} of the maximum")


if __name__ == "__main__":
    main()
