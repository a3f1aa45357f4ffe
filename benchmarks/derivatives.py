"""How exact derivatives are, and what they cost.

python benchmarks/derivatives.py errors    the table of docs/derivatives.md: worst errors against differences
python benchmarks/derivatives.py cost      times beside the image's own, in alternation, and beside differences
python benchmarks/derivatives.py memory    largest memory of a process, by size of the image
"""

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import nbnumba as nb
from nbnumba.bench.measure import prepared
from nbnumba.model import mosaic

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

CRYSTAL = ["cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma", "misset_x", "misset_y", "misset_z",
           "cells_a", "cells_b", "cells_c", "spot_scale"]  # fmt: skip
ALL = [*CRYSTAL, "wavelength", "beam_tilt_h", "beam_tilt_v", "polarization", "distance", "beam_center_fast",
       "beam_center_slow", "detector_rotx", "detector_roty", "detector_rotz", "twotheta"]  # fmt: skip
SIZE, PAIRS = 1024, 7
KINDS = {"64 domains": {"crystal.mosaic.domains": 64}, "16 domains": {"crystal.mosaic.domains": 16},
         "1 step": {"crystal.mosaic.spread": 0.0}}  # fmt: skip


def errors() -> None:
    """Worst errors by parameter and kind of experiment, as fractions of the largest derivative."""
    import scenes
    from differences import KINDS, RICH, worst

    mosaic.domain_angle = lambda spread, fraction: spread * fraction  # differences would see the rounding
    found = {}
    for kind, changes in KINDS.items():
        experiment = scenes.still(**{**RICH, **changes})
        pixels = experiment.rendered_pixels()[::7]
        for name in experiment.parameters():
            try:
                _, derivatives = nb.jacobian(experiment, [name], pixels)
            except nb.NbnumbaError:
                continue
            found.setdefault(name, {})[kind] = worst(experiment, name, derivatives[name], pixels)[0]
    print("| parameter | worst error | in | kinds |\n|---|---|---|---|")
    for name, by_kind in found.items():
        kind = max(by_kind, key=by_kind.get)
        print(f"| `{name}` | {by_kind[kind]:.1e} | {kind} | {len(by_kind)} |")


def cost() -> None:
    """Medians of alternating calls, in nanoseconds a pixel and as ratios to the image."""
    print("| steps | parameters | image, ns/pixel | vjp | gradient | gradient and Fisher | differences, estimated |")
    print("|---|---|---|---|---|---|---|")
    for label, changes in KINDS.items():
        with prepared("mosaic", SIZE, "double", None) as job:
            experiment = job.experiment().replace(**changes)
            for title, names in (("crystal, 13", CRYSTAL), ("all, 24", ALL)):
                print(f"| {label} | {title} | {row(experiment, names)} |")


def row(experiment: nb.Experiment, names: list[str]) -> str:
    """One row, with its gradient checked against a difference."""
    image = nb.simulate(experiment)
    slopes, loss = np.ones(image.shape), nb.Poisson(1.1 * image.astype(float) + 1.0, background=1.0)
    calls = (
        lambda: nb.simulate(experiment, out=image),
        lambda: nb.vjp(experiment, slopes, names),
        lambda: nb.value_and_gradient(experiment, loss, names),
        lambda: nb.normal_equations(experiment, loss, names),
    )
    check(experiment, loss)
    times = []
    for number in range(PAIRS + 1):
        taken = []
        for call in calls:
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
        times += [taken] if number else []
    base = statistics.median(t[0] for t in times)
    ratios = [statistics.median(t[i] / t[0] for t in times) for i in range(1, 4)]
    return " | ".join([f"{base / image.size * 1e9:.1f}", *(f"{r:.2f}" for r in ratios), str(2 * len(names))])


def check(experiment: nb.Experiment, loss: nb.Poisson) -> None:
    """Stop where the gradient is not that of the loss."""
    now, step = experiment.parameters()["misset_x"], 1e-4
    f = [nb.value_and_gradient(experiment.with_parameters(misset_x=now + n * step), loss, [])[0]
         for n in (-2, -1, 1, 2)]  # fmt: skip
    expected = (f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / (12.0 * step)
    found = nb.value_and_gradient(experiment, loss, ["misset_x"])[1]["misset_x"]
    if not abs(found - expected) < 1e-2 * abs(expected):  # reflections that change within the step add to it
        sys.exit(f"the gradient is wrong: {found} by derivatives, {expected} by differences")


def memory() -> None:
    """Peak memory of fresh processes, less that of the smallest image."""
    print("| pixels | image and data, MiB | peak beyond 256 x 256, MiB |\n|---|---|---|")
    peak(256)  # which may compile
    first = peak(256)
    for size in (512, 1024, 2048):
        print(f"| {size} x {size} | {8 * 3 * size * size / 2**20:.0f} | {peak(size) - first:.0f} |")


def peak(size: int) -> float:
    """Peak memory [MiB] of a process that finds one gradient with its Fisher matrix."""
    done = subprocess.run([sys.executable, __file__, "child", str(size)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def child(size: int) -> None:
    """One gradient with its Fisher matrix, by all parameters, and the memory it took."""
    with prepared("mosaic", size, "double", None) as job:
        experiment = job.experiment().replace(**{"crystal.mosaic.spread": 0.0})
        nb.normal_equations(experiment, nb.Poisson(np.ones((size, size)), background=1.0), ALL)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "child":
        child(int(sys.argv[2]))
    elif len(sys.argv) == 2 and sys.argv[1] in ("errors", "cost", "memory"):
        {"errors": errors, "cost": cost, "memory": memory}[sys.argv[1]]()
    else:
        sys.exit(__doc__)
