"""Whether a process that works for long grows: 10,000 images of each kind of work, a process for each kind.

python benchmarks/long_run.py                   all kinds of work, some ten minutes
python benchmarks/long_run.py 2000 series       2000 images of one kind

After 1 %, 10 % (but not before WARM) and all of the images it prints resident memory, open files and threads, and exits
with 1 where they grew from then to the end by more than MEMORY bytes, by any file, or by more than THREADS threads.

series      simulated with an orientation of their own, noise, and written to NXmx files of 1000
dataset     made as by `nbnumba dataset` with one worker, files of 500
refinement  2 parameters refined, a list of spots predicted (a twentieth of the images)
"""

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

#: Bytes that memory may grow by from the second look to the end: what the allocator keeps varies by some MiB.
MEMORY = 8 * 2**20
#: A pool of a file has one to four, which begin as there is work for them.
THREADS = 3
#: Images after which all files of the first kinds have been written once, and no more is loaded.
WARM = 1000

RECIPE = """
count = {count}
seed = 1
orientation = "uniform"
[base.crystal]
cell = [30, 40, 50, 90, 90, 90]
cells = [5, 5, 5]
default_f = 30.0
[base.beam]
wavelength = 1.0
flux = 1e12
exposure = 0.1
size = 0.005
[base.detector]
pixels = [24, 24]
pixel_size = 1.0
distance = 60.0
[base.sampling]
oversample = 1
[base.response]
[vary]
"beam.flux" = {{ loguniform = [1e11, 1e13] }}
[output]
images_per_shard = 500
"""


class State(NamedTuple):
    """What a process holds."""

    memory: int  # resident [bytes]
    files: int
    threads: int


def state() -> State:
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return State(
        int(status["VmRSS"].split()[0]) * 1024, len(os.listdir("/proc/self/fd")), int(status["Threads"].split()[0])
    )


def experiment():
    import nbnumba as nb

    return nb.Experiment(
        crystal=nb.Crystal(
            cell=(30, 40, 50, 80, 95, 100), cells=5, default_f=30.0, mosaic=nb.Mosaic(spread=0.2, domains=5)
        ),
        beam=nb.Beam(wavelength=1.0, flux=1e12, exposure=0.1, size=0.005),
        detector=nb.Detector(pixels=(24, 24), pixel_size=1.0, distance=60.0),
        scan=nb.Scan(width=0.5, steps=2),
        sampling=nb.Sampling(oversample=1),
        response=nb.Response(gain=2.0, readout_noise=1.0),
        background=(nb.Background(thickness=0.02, material="water"),),
    )


def series(count: int, folder: Path, tell: Callable[[int], None]) -> None:
    """Simulate, detect and write."""
    import nbnumba as nb

    base, rng = experiment(), np.random.default_rng(1)
    for first in range(0, count, 1000):
        with nb.NexusWriter(folder / "series.h5", base, overwrite=True) as writer:
            for number in range(first, min(first + 1000, count)):
                angles, seed = tuple(rng.uniform(0, 360, 3).tolist()), int(rng.integers(1, 10**6))
                one = base.replace(**{"crystal.misset": angles, "crystal.mosaic.seed": seed})
                writer.append(nb.detect(one, nb.simulate(one), seed=1, number=number))
                tell(number + 1)


def dataset(count: int, folder: Path, tell: Callable[[int], None]) -> None:
    """A data set."""
    from nbnumba.datasets.engines.run import make_dataset
    from nbnumba.datasets.recipe import Recipe

    recipe = Recipe.from_toml(RECIPE.format(count=count))
    make_dataset(recipe, folder / "set", progress=lambda done, _: tell(done))


def refinement(count: int, folder: Path, tell: Callable[[int], None]) -> None:
    """Refine and predict, which counts as 20 images."""
    import nbnumba as nb
    from nbnumba.spots import spots

    base, rng = experiment().replace(background=()), np.random.default_rng(1)
    image = nb.simulate(base)
    for done in range(20, count + 20, 20):
        away = dict(zip(("misset_x", "misset_y"), rng.normal(0.0, 0.01, 2).tolist(), strict=True))
        start = base.with_parameters(**away)
        nb.refine(start, nb.LeastSquares(image), list(away))
        spots(start)
        tell(done)


KINDS: dict[str, Callable[[int, Path, Callable[[int], None]], None]] = {
    "series": series, "dataset": dataset, "refinement": refinement,
}  # fmt: skip


def watched(kind: str, count: int) -> list[tuple[int, State]]:
    """States after shares of the images."""
    marks, found = [count // 100, max(count // 10, WARM), count], []

    def tell(done: int) -> None:
        if marks and done >= marks[0]:
            found.append((done, state()))
            marks.pop(0)

    with tempfile.TemporaryDirectory() as folder:
        KINDS[kind](count, Path(folder), tell)
    return found


def complaints(found: list[tuple[int, State]]) -> list[str]:
    """What grew from the last state but one to the last."""
    (_, before), (_, after) = found[-2:]
    grown = after.memory - before.memory
    return [f"memory by {grown / 2**20:.1f} MiB"] * (grown > MEMORY) + [
        f"{name} from {getattr(before, name)} to {getattr(after, name)}"
        for name, more in (("files", 0), ("threads", THREADS))
        if getattr(after, name) > getattr(before, name) + more
    ]


def report(kind: str, count: int) -> int:
    start = time.perf_counter()
    found = watched(kind, count)
    for done, now in found:
        print(f"{kind:12s}{done:8d} images {now.memory / 2**20:8.1f} MiB {now.files:4d} files {now.threads:4d} threads")
    grown = complaints(found)
    print(
        f"{kind:12s}{time.perf_counter() - start:8.0f} s      {'grew: ' + ', '.join(grown) if grown else 'no growth'}"
    )
    return 1 if grown else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="?", type=int, default=10_000)
    parser.add_argument("kind", nargs="?", choices=KINDS)
    given = parser.parse_args()
    if given.images < 2 * WARM:
        parser.error(f"found {given.images} images; allowed: {2 * WARM} or more")
    if given.kind:
        return report(given.kind, given.images)
    words = [sys.executable, __file__, str(given.images)]
    return max(subprocess.run([*words, kind]).returncode for kind in KINDS)


if __name__ == "__main__":
    sys.exit(main())
