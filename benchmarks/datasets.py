"""How fast data sets are made, where the time goes, and what memory they take.

python benchmarks/datasets.py               1000 images of 512 x 512 and 100 of 2048 x 2048, by 1 and 2 workers, each
                                            with a core and a thread for rendering
python benchmarks/datasets.py --small       the same with few images, to try it
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from importlib import resources
from pathlib import Path
from typing import NamedTuple

RECIPE = """
count = {count}
seed = 1
orientation = "uniform"
[base.crystal]
cells = [20, 20, 20]
reflections = {{ file = "{structure}", resolution = 2.0 }}
mosaic = {{ spread = 0.2, domains = {domains} }}
[base.beam]
wavelength = 1.0
flux = 1e12
exposure = 0.1
size = 0.005
[base.detector]
pixels = [{pixels}, {pixels}]
pixel_size = {pixel_size}
distance = {distance}
[base.sampling]
oversample = 1
[[base.background]]
material = "water"
thickness = 0.02
[base.response]
[vary]
"crystal.mosaic.spread" = {{ uniform = [0.05, 0.4] }}
"beam.flux" = {{ loguniform = [1e11, 1e13] }}
{more}
[output]
images_per_shard = {shard}
"""
DISTANCES = '"detector.distance" = {{ uniform = [{low}, {high}] }}'


class Work(NamedTuple):
    """A data set."""

    name: str
    count: int
    pixels: int
    domains: int
    drawn_distance: bool = False

    def recipe(self, structure: Path) -> str:
        """Text of the recipe; the detector is 103 mm wide."""
        low, high, size = 80.0, 120.0, 102.4 / self.pixels
        return RECIPE.format(
            count=self.count,
            structure=structure,
            domains=self.domains,
            pixels=self.pixels,
            pixel_size=size,
            distance=100.0,
            more=DISTANCES.format(low=low, high=high) if self.drawn_distance else "",
            shard=max(self.count // 10, 1),
        )


class Run(NamedTuple):
    """What one run took."""

    seconds: float  # whole command
    content_hash: str
    memory: list[float]  # of all processes [MB], every half second
    stages: dict[str, float]  # seconds of one worker, added up
    size: int  # bytes of all files


def main() -> None:
    """Print tables; refuse sets whose contents depend on the number of workers."""
    small = "--small" in sys.argv
    works = [
        Work("512 x 512, 20 domains", 20 if small else 1000, 512, 20),
        Work("the same, distance drawn", 20 if small else 300, 512, 20, drawn_distance=True),
        Work("2048 x 2048, 50 domains", 2 if small else 100, 2048, 50),
    ]
    with tempfile.TemporaryDirectory() as folder, resources.as_file(resources.files("nbnumba.examples")) as examples:
        made = Path(folder)
        print("| data set | workers | images/s | of the command [s] | MB at most | MB, first and last quarter |")
        print("|---|---|---|---|---|---|")
        for number, work in enumerate(works):
            recipe = made / f"{number}.toml"
            recipe.write_text(work.recipe(examples / "1orc.pdb.gz"))
            command(recipe, made / f"warm{number}", 1, "--set", "count=2", "--set", "output.images_per_shard=1")
            runs = {workers: command(recipe, made / f"set{number}-{workers}", workers) for workers in (1, 2)}
            assert runs[1].content_hash == runs[2].content_hash, "the content depends on the number of workers"
            for workers, run in runs.items():
                quarter = max(len(run.memory) // 4, 1)
                early, late = (max(part, default=0.0) for part in (run.memory[:quarter], run.memory[-quarter:]))
                rate = work.count / run.seconds
                told = f"{rate:.1f} | {run.seconds:.1f} | {max(run.memory):.0f} | {early:.0f}, {late:.0f}"
                print(f"| {work.name} ({work.count}) | {workers} | {told} |", flush=True)
            print(f"\nTwo workers over one: {runs[1].seconds / runs[2].seconds:.2f}; "
                  f"{runs[1].size / work.count / 1e3:.0f} kB an image. Stages of one worker [ms an image]: "
                  + ", ".join(f"{k} {1e3 * v / work.count:.1f}" for k, v in runs[1].stages.items())
                  + "\n", flush=True)  # fmt: skip


def command(recipe: Path, folder: Path, workers: int, *more: str) -> Run:
    """Make the set by the command line, and watch its memory."""
    words = [sys.executable, "-m", "nbnumba_cli", "-q", "dataset", str(recipe), "-o", str(folder), "--threads", "1"]
    cores = sorted(os.sched_getaffinity(0))[:workers]
    memory: list[float] = []
    start = time.perf_counter()
    with subprocess.Popen(
        [*words, "--workers", str(workers), "--json", *more],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    ) as process:
        watch = threading.Thread(target=watched, args=(process, memory))
        watch.start()
        text, _ = process.communicate()
        seconds = time.perf_counter() - start
        watch.join()
    if process.returncode != 0:
        raise SystemExit(f"the command ended with {process.returncode}")
    found = json.loads(text)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return Run(seconds, found["content_hash"], memory, stages_of(folder), size)


def stages_of(folder: Path) -> dict[str, float]:
    """Seconds by stage, added up over all files, as the log of the data set tells them."""
    total: dict[str, float] = {}
    for line in (folder / "log.jsonl").read_text().splitlines():
        for stage, seconds in json.loads(line).get("stages", {}).items():
            total[stage] = total.get(stage, 0.0) + seconds
    return total


def watched(process: subprocess.Popen, memory: list[float]) -> None:
    """Add up the memory that processes have of their own, until the first of them ends [MB]."""
    while process.poll() is None:
        memory.append(sum(own_memory(pid) for pid in family(process.pid)) / 1e3)
        time.sleep(0.5)


def family(pid: int) -> list[int]:
    """A process and those that it has started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def own_memory(pid: int) -> float:
    """Proportional share of memory [kB]."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return float(text.split("Pss:")[1].split()[0])


if __name__ == "__main__":
    main()
