"""Images on a GPU: parity with the CPU, speed by size, domains and precision, fixed cost, and the chip's two limits.

python benchmarks/cuda.py            everything, in some minutes; NUMBA_ENABLE_CUDASIM=1 with --small tries the script
python benchmarks/cuda.py --small    a few tiny sizes
"""

import statistics
import sys
import time
import warnings
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from numba import config, cuda
from numba.core.errors import NumbaPerformanceWarning

import nbnumba as nb
from nbnumba.report import installation

BEGUN = time.perf_counter()
SMALL = "--small" in sys.argv
SIZES = (8, 16) if SMALL else (256, 512, 1024, 2048, 4096, 8192)
DOMAINS = (1, 3) if SMALL else (1, 10, 100, 1000, 10000)
STEPS = 1e3 if SMALL else 2e11  # that an image may have
PATIENCE = 240.0  # seconds, after which no further size is begun
REPEATS = 2 if SMALL else 7
HKL = np.stack(np.meshgrid(*[np.arange(-30, 31)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
TABLE = nb.Reflections(HKL, np.random.default_rng(1).uniform(1.0, 1000.0, len(HKL)))


def scene(size: int, domains: int) -> nb.Experiment:
    """A mosaic crystal with a reflection table, as in the CPU's benchmark."""
    return nb.Experiment(
        crystal=nb.Crystal(cell=(70, 80, 90, 90, 90, 90), misset=(10, 20, 30), cells=20, reflections=TABLE,
                           interpolate="nearest", mosaic=nb.Mosaic(spread=0.5 * (domains > 1), domains=domains)),
        beam=nb.Beam(wavelength=1.0),
        detector=nb.Detector(pixels=(size, size), pixel_size=100.0 / size, distance=100.0),
        sampling=nb.Sampling(oversample=1),
    )  # fmt: skip


def median(call: object, repeats: int = REPEATS) -> float:
    """Median seconds of a call that ends when the GPU is done."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def on_device(renderer: nb.Renderer) -> None:
    """Render and leave the image there."""
    renderer.render(on_device=True)
    cuda.synchronize()


def speed() -> None:
    """Steps a second of the kernel, with the image left on the GPU, and whole calls that bring it back."""
    print("| pixels | domains | precision | ms on the GPU | ms with copy | 10^9 steps/s | error |")
    print("|---|---|---|---|---|---|---|")
    for size in SIZES:
        for domains in DOMAINS:
            experiment = scene(size, domains)
            if experiment.steps_per_pixel * size**2 > STEPS:
                continue
            for precision in ("double", "mixed"):
                if time.perf_counter() - BEGUN > PATIENCE:
                    return print(f"the rest was left out after {PATIENCE} s")
                renderer = nb.Renderer(experiment, precision=precision)
                error = compared(renderer, experiment, size, domains)
                there = median(lambda r=renderer: on_device(r))
                whole = median(renderer.render)
                rate = size**2 * domains / there / 1e9
                times = f"{there * 1e3:.3f} | {whole * 1e3:.3f} | {rate:.1f}"
                print(f"| {size} | {domains} | {precision} | {times} | {error} |", flush=True)


def compared(renderer: nb.Renderer, experiment: nb.Experiment, size: int, domains: int) -> str:
    """Largest difference from the CPU's image over its maximum, where that takes no more than seconds."""
    if size**2 * domains > 3e8:
        return "not compared"
    exact = nb.simulate(experiment)
    error = float(np.abs(renderer.render() - exact).max() / exact.max())
    return f"{error:.1e}" if error < 1e-6 else f"WRONG: {error:.2g}"


def fixed_cost() -> None:
    """Time of an image of next to nothing, and of one whose orientation changes."""
    experiment = scene(8, 1)
    renderer = nb.Renderer(experiment)
    turned = [experiment.replace(**{"crystal.misset": (i, 2, 3)}) for i in range(64)]
    same = median(lambda: [on_device(renderer) for _ in range(64)]) / 64
    new = median(lambda: [renderer.render(e, on_device=True) for e in turned] and cuda.synchronize()) / 64
    print(f"fixed cost: {same * 1e3:.3f} ms an image, {new * 1e3:.3f} ms with another orientation")


def derivatives() -> None:
    """Gradient and Fisher matrix beside the image."""
    size, domains = (8, 2) if SMALL else (1024, 64)
    experiment = scene(size, domains)
    image = nb.simulate(experiment)
    loss = nb.Poisson(np.round(image).astype(float) + 1.0, background=1.0)
    names = ["misset_x", "misset_y", "misset_z", "cell_a", "cell_b", "cell_c", "distance", "spot_scale"]
    here, there = (nb.normal_equations(experiment, loss, names, device=d) for d in ("cpu", "cuda"))
    error = np.abs(here[2] - there[2]).max() / np.abs(here[2]).max()
    times = [median(lambda d=d: nb.normal_equations(experiment, loss, names, device=d), 3) for d in ("cpu", "cuda")]
    print(f"gradient and Fisher matrix, {size} x {size} x {domains}: CPU {times[0]:.3f} s, GPU {times[1]:.3f} s, "
          f"difference {error:.1e}")  # fmt: skip


def golden() -> None:
    """Errors on the reference program's cases that the test suite knows, against the CPU."""
    if not GOLDEN.exists():
        return print("reference cases: not beside this script, left out")
    with TemporaryDirectory() as name, zipfile.ZipFile(GOLDEN / "inputs.zip") as archive, h5py.File(
        GOLDEN / "figures.h5"
    ) as figures:  # fmt: skip
        archive.extractall(name)
        worst = {"double": 0.0, "mixed": 0.0}
        alone = [
            case for case in figures.values() if "first" not in case.attrs
        ]  # the others read a file of another run
        for case in alone[:: 20 if SMALL else 1]:
            experiment = windowed(nb.from_nanobragg(case.attrs["args"], folder=name))
            for precision in worst:
                worst[precision] = max(worst[precision], difference(experiment, precision))
    print(f"reference cases: worst difference from the CPU {worst}", flush=True)


def windowed(experiment: nb.Experiment) -> nb.Experiment:
    """Some pixels in the middle where a simulator renders; else all."""
    if not SMALL:
        return experiment
    middle = [n // 2 for n in experiment.detector.pixels]
    return experiment.replace(**{"detector.roi": tuple((i, i + 3) for i in middle)})


def difference(experiment: nb.Experiment, precision: str) -> float:
    """Largest one from the CPU's image, over its maximum."""
    exact = nb.simulate(experiment)
    image = nb.simulate(experiment, device="cuda", precision=precision)
    return float(np.abs(image - exact).max() / max(exact.max(), 1e-300))


def limits() -> None:
    """Multiply-adds a second of both kinds, and bytes a second of a copy on the GPU."""
    threads, blocks, turns = (32, 2, 8) if SMALL else (256, 4096, 4096)
    for kind in (np.float64, np.float32):
        x = cuda.to_device(np.ones(threads * blocks, kind))
        one = kind(1.0000001)
        seconds = median(lambda x=x, one=one: (chains[blocks, threads](x, one, turns), cuda.synchronize()))
        rate = 8.0 * turns * threads * blocks / seconds / 1e12
        print(f"{np.dtype(kind).name}: {rate:.2f} 10^12 multiply-adds a second")
    a = cuda.device_array(16 if SMALL else 2**27, np.float64)
    b = cuda.device_array_like(a)
    seconds = median(lambda: (b.copy_to_device(a), cuda.synchronize()))
    print(f"copy: {2.0 * a.nbytes / seconds / 1e12:.2f} 10^12 bytes a second")


@cuda.jit
def chains(x, factor, turns):
    """Eight chains of multiply-adds a thread."""
    i = cuda.grid(1)
    a = b = c = d = e = f = g = h = x[i]
    for _ in range(turns):
        a, b, c, d = a * factor + a, b * factor + b, c * factor + c, d * factor + d
        e, f, g, h = e * factor + e, f * factor + f, g * factor + g, h * factor + h
    x[i] = a + b + c + d + e + f + g + h


if __name__ == "__main__":
    warnings.simplefilter("ignore", NumbaPerformanceWarning)  # of small images
    GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
    try:
        nb.Renderer(scene(8, 1))
    except nb.NbnumbaError as error:
        sys.exit(f"Error: {error}")
    print("simulated: the times mean nothing" if config.ENABLE_CUDASIM else installation()["GPU"], flush=True)
    for part in (fixed_cost, speed, derivatives, golden, limits):
        part()
        print(f"({time.perf_counter() - BEGUN:.0f} s since the beginning)", flush=True)
