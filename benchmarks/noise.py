"""Photon noise of 2048 x 2048 pixels beside NumPy's, in one run, with the counts checked.

python benchmarks/noise.py            medians of alternating calls; --threads N
"""

import statistics
import sys
import time

import numba
import numpy as np

from nbnumba.kernels.counting import Exposure
from nbnumba.kernels.readout import expose

SHAPE = (2048, 2048)
MEANS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
REPEATS = 7


def main() -> None:
    """Print a table of times and their ratios."""
    threads = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else numba.get_num_threads()
    numba.set_num_threads(threads)
    rng = np.random.default_rng(1)
    cases = {f"{mean:g}": np.full(SHAPE, mean) for mean in MEANS}
    cases["10^-2 to 10^3, even in log"] = 10.0 ** rng.uniform(-2.0, 3.0, SHAPE)
    print(f"{threads} threads, medians of {REPEATS} alternating calls\n\n| mean | nbnumba [s] | numpy [s] | ratio |")
    print("|---|---|---|---|")
    for name, means in cases.items():
        ours, theirs = measured(means, rng)
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        print(f"| {name} | {statistics.median(ours):.4f} | {statistics.median(theirs):.4f} | {ratio:.1f} |", flush=True)


def measured(means: np.ndarray, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Times of both, after one call of each whose sums are compared."""
    photons = np.empty_like(means)

    def ours() -> None:
        photons[...] = means
        expose(photons, Exposure(1, 0, True, 1.0, 0.0, 1))

    ours()
    deviation = abs(photons.sum() - means.sum()) / np.sqrt(means.sum())
    if not deviation < 5.0:
        sys.exit(f"wrong counts: their sum is {deviation:.1f} standard deviations from that of the means")
    rng.poisson(means)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for kept, call in zip(times, (ours, lambda: rng.poisson(means)), strict=True):
            start = time.perf_counter()
            call()
            kept.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
