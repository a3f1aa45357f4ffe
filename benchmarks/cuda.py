"""Images on a GPU: parity with the CPU, speed by size, domains and precision, fixed cost, and the chip's limits.

python benchmarks/cuda.py            everything, in some minutes; NUMBA_ENABLE_CUDASIM=1 with --small tries the script
python benchmarks/cuda.py --small    a few tiny sizes
python benchmarks/cuda.py --json F   writes what was measured to a file, too

It ends with what went wrong, if anything did, and then with status 1.
"""

import json
import statistics
import sys
import time
import traceback
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from numba import config, cuda

import nbnumba as nb
import nbnumba.kernels.cuda as kernels

SMALL = "--small" in sys.argv
SIZES = (8, 16) if SMALL else (256, 512, 1024, 2048, 4096, 8192)
DOMAINS = (1, 3) if SMALL else (1, 10, 100, 1000, 10000)
STEPS = 1e3 if SMALL else 2e11  # that an image may have
CPU_STEPS = 1e3 if SMALL else 3e8  # more are compared in a window, and not timed
REPEATS = 2 if SMALL else 7
PATIENCE = 240.0  # seconds, after which no further size is begun
BOUNDS = {"double": 1e-7, "mixed": 1e-6}  # of the image maximum
#: Instructions of the loop over orientations for one step of "square" with a table, and those in float64 among them, as
#: the assembler for compute capability 9.0 makes them.
LOOP = {"double": (125, 86), "mixed": (122, 34)}
TESTS = Path(__file__).parents[1] / "tests"
HKL = np.stack(np.meshgrid(*[np.arange(-30, 31)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
TABLE = nb.Reflections(HKL, np.random.default_rng(1).uniform(1.0, 1000.0, len(HKL)))

found: dict[str, list] = {}
wrong: list[str] = []


def note(what: str, /, **figures: object) -> None:
    """Print some figures and keep them for the file."""
    found.setdefault(what, []).append(figures)
    print(f"{what}: " + ", ".join(f"{name} {_short(value)}" for name, value in figures.items()), flush=True)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def judge(what: str, error: float, bound: float) -> float:
    """An error, which is noted where it is beyond its bound."""
    if not error <= bound:
        wrong.append(f"{what}: error {error:.2e}, allowed {bound:.0e}")
    return error


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


def on_device(renderer: nb.Renderer, experiment: nb.Experiment | None = None) -> None:
    """Render and leave the image there."""
    renderer.render(experiment, on_device=True)
    cuda.synchronize()


def limits() -> dict[str, float]:
    """Multiply-adds a second of both kinds, and bytes a second of a copy on the GPU."""
    threads, blocks, turns = (32, 2, 8) if SMALL else (256, 4096, 4096)
    rates = {}
    for kind in (np.float64, np.float32):
        x = cuda.to_device(np.ones(threads * blocks, kind))
        one = kind(1.0000001)
        seconds = median(lambda x=x, one=one: (chains[blocks, threads](x, one, turns), cuda.synchronize()))
        rates[np.dtype(kind).name] = 8.0 * turns * threads * blocks / seconds
    a = cuda.device_array(16 if SMALL else 2**27, np.float64)
    b = cuda.device_array_like(a)
    rates["bytes"] = 2.0 * a.nbytes / median(lambda: (b.copy_to_device(a), cuda.synchronize()))
    note("multiply-adds and bytes a second", **rates)
    return rates


@cuda.jit
def chains(x, factor, turns):
    """Eight chains of multiply-adds a thread."""
    i = cuda.grid(1)
    a = b = c = d = e = f = g = h = x[i]
    for _ in range(turns):
        a, b, c, d = a * factor + a, b * factor + b, c * factor + c, d * factor + d
        e, f, g, h = e * factor + e, f * factor + f, g * factor + g, h * factor + h
    x[i] = a + b + c + d + e + f + g + h


def fixed_cost() -> None:
    """Time of an image of next to nothing, and of one whose orientation changes, with making the experiment."""
    experiment = scene(8, 1)
    renderer = nb.Renderer(experiment)
    turns = [{"crystal.misset": (i, 2, 3)} for i in range(2 if SMALL else 64)]
    same = median(lambda: [on_device(renderer) for _ in turns]) / len(turns)
    turned = [experiment.replace(**turn) for turn in turns]
    new = median(lambda: [on_device(renderer, e) for e in turned]) / len(turns)
    made = median(lambda: [on_device(renderer, experiment.replace(**turn)) for turn in turns]) / len(turns)
    note("fixed cost", same_ms=same * 1e3, turned_ms=new * 1e3, turned_with_replace_ms=made * 1e3)


def speed(rates: dict[str, float]) -> None:
    """Steps a second of the kernel, with the image left on the GPU, and whole calls that bring it back.

    ``of_issue``, ``of_float64``: shares of the time that instructions, or those in float64 alone, of the loop over
    orientations would take at the rates of ``limits`` (single precision: one instruction a thread and cycle).
    """
    begun = time.perf_counter()
    for size in SIZES:
        for domains in DOMAINS:
            experiment, steps = scene(size, domains), size**2 * domains
            if steps > STEPS:
                continue
            if time.perf_counter() - begun > PATIENCE:
                return note("left out", after_s=PATIENCE, from_size=size, from_domains=domains)
            cpu = median(lambda e=experiment: nb.simulate(e), 3) if steps <= CPU_STEPS else float("nan")
            for precision in BOUNDS:
                renderer = nb.Renderer(experiment, precision=precision)
                error = compared(renderer, experiment, size, domains)
                there = median(lambda r=renderer: on_device(r))
                whole = median(renderer.render)
                all_of_them, wide = LOOP[precision]
                note("image", size=size, domains=domains, precision=precision, on_gpu_ms=there * 1e3,
                     with_copy_ms=whole * 1e3, cpu_ms=cpu * 1e3, steps_per_s=steps / there,
                     of_issue=steps * all_of_them / rates["float32"] / there,
                     of_float64=steps * wide / rates["float64"] / there, error=error)  # fmt: skip


def compared(renderer: nb.Renderer, experiment: nb.Experiment, size: int, domains: int) -> float:
    """Largest error over the image maximum, against the CPU; of large images in a window around the brightest pixel."""
    image = renderer.render()
    if size**2 * domains > CPU_STEPS:
        half = max(1, int((CPU_STEPS / domains) ** 0.5 / 4))
        slow, fast = (min(max(int(x), half), size - half) for x in divmod(int(image.argmax()), size))
        window = ((slow - half, slow + half), (fast - half, fast + half))
        experiment = experiment.replace(**{"detector.roi": window})
        part = np.zeros_like(image)
        inside = np.s_[window[0][0] : window[0][1], window[1][0] : window[1][1]]
        part[inside] = image[inside]
        image = part
    exact = nb.simulate(experiment)
    error = float(np.abs(image - exact).max() / max(float(exact.max()), 1e-300))
    return judge(f"image {size} x {size} x {domains} {renderer.precision}", error, BOUNDS[renderer.precision])


def registers() -> None:
    """Whether fewer registers a thread, and more threads at a time, are what pays."""
    given = kernels.REGISTERS
    for size, domains in ((8, 2),) if SMALL else ((1024, 100), (4096, 1)):
        for count in (given, 80, 96, None):
            kernels.REGISTERS = count
            renderer = nb.Renderer(scene(size, domains), precision="mixed")
            seconds = median(lambda r=renderer: on_device(r))
            note("registers", size=size, domains=domains, at_most=str(count), on_gpu_ms=seconds * 1e3)
    kernels.REGISTERS = given


def series() -> None:
    """Images one after another, each of another orientation, beside those rendered one by one."""
    for size, domains in ((8, 2),) if SMALL else ((512, 10), (1024, 100), (2048, 10)):
        start = scene(size, domains)
        turned = [start.replace(**{"crystal.misset": (i, 2, 3)}) for i in range(4 if SMALL else 64)]
        renderer = nb.Renderer(start)
        exact = [renderer.render(e) for e in turned]
        same = all(np.array_equal(a, b) for a, b in zip(exact, renderer.series(turned), strict=True))
        judge(f"series of {size} x {size} x {domains}", 0.0 if same else 1.0, 0.0)
        one = median(lambda r=renderer, es=turned: [r.render(e) for e in es], 3) / len(turned)
        both = median(lambda r=renderer, es=turned: sum(1 for _ in r.series(es)), 3) / len(turned)
        note("series", size=size, domains=domains, one_by_one_ms=one * 1e3, series_ms=both * 1e3)


def derivatives() -> None:
    """Gradient, Fisher matrix and images of derivatives, beside the CPU."""
    size, domains = (8, 2) if SMALL else (1024, 64)
    experiment = scene(size, domains)
    image = nb.simulate(experiment)
    loss = nb.Poisson(np.round(image).astype(float) + 1.0, background=1.0)
    names = ["misset_x", "misset_y", "misset_z", "cell_a", "cell_b", "cell_c", "distance", "spot_scale"]
    here, there = (nb.normal_equations(experiment, loss, names, device=d) for d in ("cpu", "cuda"))
    size_of = np.sqrt(np.diag(here[2]))
    error = judge("Fisher matrix", float(np.abs((here[2] - there[2]) / np.outer(size_of, size_of)).max()), 1e-10)
    calls = {
        "gradient": nb.value_and_gradient,
        "fisher": nb.normal_equations,
        "images": lambda e, _, n, device: nb.jacobian(e, n, device=device),
    }
    for what, ask in calls.items():
        few = experiment if what != "images" else scene(8 if SMALL else 256, domains)
        times = [median(lambda d=d, a=ask, e=few: a(e, loss, names, device=d), 3) for d in ("cpu", "cuda")]
        note("derivatives", what=what, size=few.detector.pixels[0], domains=domains, cpu_s=times[0], gpu_s=times[1])
    note("derivatives", what="error of the Fisher matrix", error=error)


def counts() -> None:
    """Counts of an instrument, which are equal everywhere."""
    size = 8 if SMALL else 2048
    response = nb.Response(gain=2.0, readout_noise=3.0, offset=40.0, psf="gaussian", psf_fwhm=1.5 * 100.0 / size)
    experiment = scene(size, 1).replace(response=response)
    image = nb.simulate(experiment)
    image *= 100.0 / max(float(image.max()), 1e-300)
    here, there = (nb.detect(experiment, image, device=d) for d in ("cpu", "cuda"))
    judge("counts", float((here != there).sum()), 0.0)
    times = [median(lambda d=d: nb.detect(experiment, image, device=d), 3) for d in ("cpu", "cuda")]
    note("counts", size=size, cpu_ms=times[0] * 1e3, gpu_ms=times[1] * 1e3, different=int((here != there).sum()))


def golden() -> None:
    """Errors on the reference program's cases that the test suite knows; some need what another one writes."""
    worst = dict.fromkeys(BOUNDS, 0.0)
    with TemporaryDirectory() as name, zipfile.ZipFile(TESTS / "golden" / "inputs.zip") as archive, h5py.File(
        TESTS / "golden" / "figures.h5"
    ) as figures:  # fmt: skip
        archive.extractall(name)
        alone = [name for name, case in figures.items() if "first" not in case.attrs]
        for case in alone[:: len(alone) // 3] if SMALL else alone:
            experiment = nb.from_nanobragg(figures[case].attrs["args"], folder=name)
            places, values = figures[case]["place"][()], figures[case]["value"][()]
            if SMALL:
                at = int(places[values.argmax()])
                slow, fast = divmod(at, experiment.detector.pixels[1])
                experiment = experiment.replace(**{"detector.roi": ((slow, slow + 1), (fast, fast + 1))})
                places, values = np.array([at]), np.array([values.max()])
            for precision in worst:
                image = nb.simulate(experiment, device="cuda", precision=precision).ravel()
                error = float(np.abs(image[places] - values).max() / values.max())
                worst[precision] = max(worst[precision], judge(f"case {case} {precision}", error, 1e-6))
    note("reference cases", number=len(alone), **{f"worst_{name}": error for name, error in worst.items()})


def main() -> None:
    """All parts; one that fails does not take the others with it."""
    try:
        nb.Renderer(scene(8, 1))
    except nb.NbnumbaError as error:
        sys.exit(f"Error: {error}")
    if config.ENABLE_CUDASIM:
        kernels.THREADS = 16  # the simulator starts them all
        print("simulated: the times mean nothing")
    else:
        note("chip", name=str(cuda.get_current_device().name), driver=str(cuda.cudadrv.driver.driver.get_version()))
    rates = limits()
    parts = [fixed_cost, lambda: speed(rates), registers, series, derivatives, counts, golden]
    for part in parts:
        try:
            part()
        except Exception:
            wrong.append(traceback.format_exc())
    if "--json" in sys.argv:
        file = Path(sys.argv[sys.argv.index("--json") + 1])
        file.write_text(json.dumps({**found, "wrong": wrong}, indent=1))
    print("\n".join(["", *wrong]) if wrong else "nothing went wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
