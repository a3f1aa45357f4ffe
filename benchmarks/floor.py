"""What this machine can do at best: multiply-adds of float64, and bytes written, in a nanosecond on one core.

python benchmarks/floor.py
"""

import time

import numpy as np

from nbnumba._jit import loop, register
from nbnumba._lowered import polynomial, wide_vectors

COEFFICIENTS = tuple(1.0 / n for n in range(1, 14))
REPEATS = 15


@loop()
def horner(x, total, turns):
    """Four polynomials of 12 multiply-adds for each of the elements, which stay in the nearest cache."""
    wide_vectors()
    for turn in range(turns):
        shift = 1e-9 * turn
        for i in range(x.size):
            y = x[i]
            total[i] += (
                polynomial(y, COEFFICIENTS)
                + polynomial(y + shift, COEFFICIENTS)
                + polynomial(y - shift, COEFFICIENTS)
                + polynomial(shift - y, COEFFICIENTS)
            )


def best(work):
    """Seconds of the fastest of several runs: what the machine can do when left alone."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    register()
    x, total, turns = np.linspace(0.1, 0.2, 1024), np.zeros(1024), 2000
    horner(x, total, turns)
    operations = 48 * x.size * turns
    print(f"{operations / best(lambda: horner(x, total, turns)) * 1e-9:.1f} multiply-adds a nanosecond")
    image = np.zeros((4096, 4096), dtype=np.float32)
    print(f"{image.nbytes / best(lambda: image.fill(1.0)) * 1e-9:.1f} bytes written a nanosecond")


if __name__ == "__main__":
    main()
