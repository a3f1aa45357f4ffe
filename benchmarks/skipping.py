"""What it brings to leave out points and groups where the lattice transform is 0: with and without, images compared.

Run: python benchmarks/skipping.py [--pixels 1024] [--domains 500] [--spread 0.1] [--cells 30]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import nbnumba as nb
from nbnumba.kernels import pack as packing

WITHOUT = 10**9  # orientations: none has so many


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("pixels", 1024), ("domains", 500), ("spread", 0.1), ("cells", 30)):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    options = parser.parse_args()
    print("| shape | without [s] | with [s] | times | pixels above 0 |\n|---|---|---|---|---|")
    for shape in ("gauss", "gauss_star", "tophat"):
        experiment = nb.from_nanobragg(
            f"-cell 70 80 90 -misset 10 20 30 -default_F 100 -N {options.cells} -lambda 1 -distance 100 -oversample 1 "
            f"-mosaic {options.spread} -mosaic_dom {options.domains} -detpixels {options.pixels} "
            f"-pixel {102.4 / options.pixels}"
        ).replace(**{"crystal.shape": shape})
        slow, plain = timed(experiment, WITHOUT)
        fast, image = timed(experiment, packing.WORTH_DROPPING)
        if not np.array_equal(plain, image):
            raise SystemExit(f"{shape}: the images differ")
        print(f"| {shape} | {slow:.3f} | {fast:.3f} | {slow / fast:.1f} | {np.count_nonzero(image) / image.size:.1%} |")


def timed(experiment: nb.Experiment, least: int) -> tuple[float, np.ndarray]:
    """Shortest of three renders, and the image, where dropping points begins with so many orientations."""
    before, packing.WORTH_DROPPING = packing.WORTH_DROPPING, least
    try:
        nb.simulate(experiment.replace(**{"detector.roi": ((0, 1), (0, 1))}))  # compiles
        times = []
        for _ in range(3):
            start = time.perf_counter()
            image = nb.simulate(experiment)
            times.append(time.perf_counter() - start)
    finally:
        packing.WORTH_DROPPING = before
    return min(times), image


if __name__ == "__main__":
    main()
