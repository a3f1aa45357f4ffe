"""Draws experiments from the ends of all ranges, and lays each image beside that of long doubles; 1000 take a minute.

Run: python benchmarks/extremes.py [--kind NAME ...] [--draws N] [--first SEED]

Prints, for each kind of tests/extreme_kinds.py: draws, those with light, those beyond float32, which are refused, and
the largest error in units of the bound that docs/limits.md states. Draws that are off, or end in
another error, are named by their seeds; exit code 1 where there are any.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from extreme_kinds import KINDS, drawn, judged


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kind", nargs="*", choices=KINDS, default=list(KINDS))
    words.add_argument("--draws", type=int, default=100)
    words.add_argument("--first", type=int, default=0)
    asked = words.parse_args()
    print(f"{'kind':26s} {'draws':>6s} {'lit':>6s} {'beyond':>6s} {'worst':>7s} {'seed':>6s}  refused", flush=True)
    faults = [run(name, range(asked.first, asked.first + asked.draws)) for name in asked.kind]
    return int(any(faults))


def run(name: str, seeds: range) -> bool:
    """One kind; whether there were faults."""
    worst, at, lit, beyond, again, faults, start = 0.0, 0, 0, 0, 0, False, time.perf_counter()
    for seed in seeds:
        try:
            found, refused = drawn(name, seed)
            result = judged(found, KINDS[name].precision)
        except Exception as error:
            print(f"  {name}, seed {seed}: {type(error).__name__}: {error}", flush=True)
            faults = True
            continue
        again += refused
        lit += result.lit
        beyond += result.beyond
        if not result.worst <= 1.0:
            print(f"  {name}, seed {seed}: {result.worst:.4g} times the bound", flush=True)
            faults = True
        if not result.worst <= worst:
            worst, at = result.worst, seed
    seconds = time.perf_counter() - start
    print(
        f"{name:26s} {len(seeds):6d} {lit:6d} {beyond:6d} {worst:7.3f} {at:6d}  {again:7d}  {seconds:.0f} s", flush=True
    )
    return faults


if __name__ == "__main__":
    sys.exit(main())
