"""Loops for GPUs: under the simulator, as PTX, and on a GPU where there is one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scenes
from click.testing import CliRunner
from nbnumba_cli.main import cli
from slow import few

import nbnumba as nb
from nbnumba.physics.lattice import SHAPES
from nbnumba.report import installation

HERE = Path(__file__).parent
#: numba-cuda in front of Numba's own, which tells that it is on its way out.
QUIET = ["-W", "ignore"]


def python(code, **environment):
    """Run code in a process of its own, with this folder on its path; what it prints."""
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *QUIET, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


KINDS = {
    **{name: {"crystal.shape": name, **({"crystal.cells": 2} if shape.edge else {})} for name, shape in SHAPES.items()},
    "nearest": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "nearest"},
    "tricubic": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "tricubic"},
    "smooth": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "catmull-rom"},
    "rich": scenes.RICH,
    "pixel": {**scenes.RICH, "sampling.solid_angle": "pixel", "sampling.polarization": "pixel"},
    "edge": {
        "beam.stokes": (1.0, 0.3, 0.4, 0.0),
        "beam.spectrum": nb.Spectrum((0.99, 1.02), (1.0, 2.0)),
        "crystal.reflections": nb.SpectralReflections((0.99, 1.02), (scenes.TABLE, scenes.TABLE.scaled(1.3))),
    },
    "curved": {"detector.curvature": "spherical"},
    "region": {"detector.roi": ((1, 3), (2, 7))},
    "unpolarized": {"beam.polarized": False, "detector.point_pixels": True},
    "limit": {"sampling.dmin": 4.0},
    "tilted": {"crystal.shape": "gauss", "crystal.cells": ((3, 0.5, 0.1), (0.5, 2, 0.4), (0.1, 0.4, 2.5))},
    "own frame": {
        "crystal.mosaic.spread": (1, 2, 3),
        "crystal.mosaic.cell_spread": 1.0,
        "scan.width": 2.0,
        "scan.steps": 2,
    },
    "lattices": {"lattices": (scenes.still(**{"crystal.misset": (4, 5, 6)}).crystal, scenes.still().crystal)},
    "panels": {
        **scenes.RICH,
        "detector.pixels": None,
        "detector.distance": None,
        "detector.panels": (
            nb.Panel(pixels=(2, 5), origin=(80.0, 3.0, -9.0), fast=(0, 0, 1), slow=(0, -1, 0)),
            nb.Panel(pixels=(3, 4), origin=(60.0, -3.0, 9.0), fast=(0, 0.1, 1), slow=(0, -1, 0.1)),
        ),
    },
    "many domains": {"crystal.shape": "gauss", "crystal.mosaic.spread": 0.5, "crystal.mosaic.domains": 6},
}
#: Where mixed precision is another kernel, and one where it is not.
MIXED = ("square", "nearest", "rich", "curved", "gauss")
#: Few threads a block: the simulator starts them all.
IMAGES = """
import numpy as np, scenes, test_cuda, nbnumba as nb
import nbnumba.kernels.cuda
nbnumba.kernels.cuda.THREADS = 16
for name, changes in test_cuda.KINDS.items():
    e = scenes.still(**{"detector.pixels": (3, 9), "detector.pixel_size": 3.0, **changes})
    exact = nb.simulate(e)
    for precision, bound in (("double", 1e-7), ("mixed", 1e-6))[: 2 if name in test_cuda.MIXED else 1]:
        image = nb.simulate(e, device="cuda", precision=precision)
        assert exact.max() > 0.0, name
        assert np.abs(image - exact).max() <= bound * exact.max(), (name, precision)
print("images")
"""
RENDERER = """
import numpy as np, scenes, test_cuda, nbnumba as nb
import nbnumba.gpu, nbnumba.kernels.cuda, nbnumba.kernels.device as device
nbnumba.kernels.cuda.THREADS = 16
mask = np.random.default_rng(1).uniform(size=(4, 17)) < 0.5
e = scenes.still(**{"detector.pixels": (4, 17), "detector.mask": nb.Mask(mask)})
renderer = nb.Renderer(e, device="cuda")
first = renderer.render()
np.testing.assert_array_equal(first, nb.simulate(e))
sent = renderer.bytes_sent
out = np.full((4, 17), -1.0, np.float32)
assert renderer.render(out=out) is out
np.testing.assert_array_equal(out, first)
assert renderer.bytes_sent == sent
turned = e.replace(**{"crystal.misset": (1, 2, 3)})
np.testing.assert_array_equal(renderer.render(turned), nb.simulate(turned))
assert renderer.bytes_sent - sent == 72, "more than one matrix was sent"
several = e.replace(lattices=(turned.crystal, e.crystal))
added = nb.simulate(several)
np.testing.assert_allclose(renderer.render(several), added, rtol=3e-7)
np.testing.assert_allclose(renderer.render(several, on_device=True).copy_to_host(), added, rtol=3e-7)
np.testing.assert_allclose(list(renderer.series([several, e]))[0], added, rtol=3e-7)
panels = scenes.still(**test_cuda.KINDS["panels"])
assert renderer.render(panels, on_device=True).shape == (2, 3, 5)
np.testing.assert_array_equal(next(renderer.series([panels])), renderer.render(panels))

# Images under way at the same time, of another table and region in between, and two series at once.
table = e.replace(**{"crystal.reflections": scenes.TABLE, "crystal.interpolate": "nearest"})
part = e.replace(**{"detector.mask": None, "detector.roi": ((1, 3), (2, 9))})
series = [e, turned, table, part, e]
wanted = [nb.simulate(x) for x in series]
for found in (renderer.series(series), (image for pair in zip(renderer.series(series), renderer.series(series))
                                        for image in pair[:1])):
    for image, exact in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(image, exact)
for on_device in (part, e):
    there = renderer.render(on_device, on_device=True)
    np.testing.assert_array_equal(there.copy_to_host(), nb.simulate(on_device))
seen = []
renderer.render(e, progress=lambda done, total: seen.append((done, total)))
assert (seen[0], seen[-1]) == ((0, 4), (4, 4))
assert len(list(renderer.series([e, None]))) == 2
images = renderer.series([e, "x"])
np.testing.assert_array_equal(next(images), first)  # not lost
for refused in (lambda: next(images), lambda: renderer.render(out=out, on_device=True)):
    try:
        refused()
    except nb.NbnumbaError as error:
        assert "experiment: found str" in str(error) or "out: found an array with on_device" in str(error)
    else:
        raise AssertionError("not refused")
nothing = e.replace(**{"crystal.default_f": 0.0})
import warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    list(renderer.series([nothing]))
assert "the image is zero" in str(said[0].message)

# Memory for two rows of four.
make, free = device.cuda.device_array, 4 * 17 * 2
def scarce(shape, *rest, **options):
    if np.prod(shape) * np.dtype(rest[0]).itemsize > free:
        raise MemoryError
    return make(shape, *rest, **options)
device.cuda.device_array = scarce
device.Device.free = lambda self: free + nbnumba.gpu._SPARE
renderer = nb.Renderer(e, device="cuda")
seen = []
np.testing.assert_array_equal(renderer.render(progress=lambda done, total: seen.append((done, total))), first)
assert seen == [(0, 4), (2, 4), (4, 4)]
for image in renderer.series([e, e]):
    np.testing.assert_array_equal(image, first)
for call, words in (
    (lambda: renderer.render(on_device=True), "without on_device it is rendered in bands"),
    (lambda: renderer.render(table), "take fewer pixels, reflections or domains, or 'cpu'"),
    (lambda: list(renderer.series([table])), "take fewer pixels, reflections or domains, or 'cpu'"),
    (lambda: nb.normal_equations(table, nb.Poisson(first), ["cell_a"], device="cuda"), "take fewer"),
):
    try:
        call()
    except nb.NbnumbaError as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)
print("renderer")
"""
BACKGROUND = """
import numpy as np, scenes, nbnumba as nb
matter = [nb.Background(material="ice", thickness=1.0),
          nb.Background(f=2.57, thickness=3.0, density=1.0, molecular_weight=18.0)]
mask = np.random.default_rng(1).uniform(size=(4, 17)) < 0.5
scene = {"detector.pixels": (4, 17), "detector.pixel_size": 2.0, "background": matter}
for changes in ({}, scenes.RICH, {"detector.curvature": "spherical"}, {"detector.mask": nb.Mask(mask)},
                {"detector.roi": ((1, 3), (2, 7))}, {"beam.polarized": False}, {"background": []}):
    e = scenes.still(**{**scene, **changes})
    here, there = nb.background(e), nb.background(e, device="cuda")
    assert (here.max() > 0.0) == bool(e.background)
    assert np.abs(here - there).max() <= 1e-7 * here.max(), changes
print("background")
"""
DERIVED = """
import numpy as np, scenes, test_cuda, nbnumba as nb
names = ["cell_a", "misset_x", "cells_b", "mosaic_spread", "wavelength", "distance", "beam_tilt_h", "sensor_mu",
         "polarization", "spot_scale", "detector_rotx", "sensor_thickness"]
small = {"detector.pixels": (5, 5), "detector.pixel_size": 3.0, "crystal.spot_scale": 30.0}
e = scenes.still(**{**scenes.RICH, **small})
image, rates = nb.jacobian(e, names)
other, others = nb.jacobian(e, names, device="cuda")
np.testing.assert_allclose(other, image, rtol=1e-12)
for name in names:
    assert np.abs(others[name] - rates[name]).max() <= 1e-11 * np.abs(rates[name]).max(), name
own = e.replace(**{"crystal.mosaic.spread": (1, 2, 3), "crystal.mosaic.cell_spread": 0.5})
beside = own.replace(lattices=(e.crystal,))
for experiment in (own, beside):
    rates, others = (nb.jacobian(experiment, ["cell_a", "misset_x", "distance"], device=d)[1] for d in ("cpu", "cuda"))
    for name in rates:
        assert np.abs(others[name] - rates[name]).max() <= 1e-11 * np.abs(rates[name]).max(), name
loss = nb.Poisson(np.round(image) + 1.0, background=1.0)
for wanted in (names, ["misset_x", "cell_a"]):
    here, there = (nb.normal_equations(e, loss, wanted, device=d) for d in ("cpu", "cuda"))
    assert abs(here[0] - there[0]) <= 1e-12 * abs(here[0])
    size = np.sqrt(np.diag(here[2]))
    assert np.abs((here[2] - there[2]) / np.outer(size, size)).max() < 1e-12
    assert np.abs(here[1] - there[1]).max() < 1e-9 * np.abs(here[1]).max()
start = e.with_parameters(misset_x=11.31)
boxes = [nb.Shoebox(0, 0, 0, 0, 5, 0, 4), nb.Shoebox(0, 0, 1, 0, 5, 4, 5)]
found = [nb.refine(start, loss, ["misset_x"], boxes=boxes, iterations=1, device=d) for d in ("cpu", "cuda")]
assert abs(found[0].values["misset_x"] - found[1].values["misset_x"]) < 1e-9
panels = scenes.still(**test_cuda.KINDS["panels"])
image, rates = nb.jacobian(panels, ["cell_a", "wavelength", "sensor_thickness"])
other, others = nb.jacobian(panels, list(rates), device="cuda")
np.testing.assert_allclose(other, image, rtol=1e-12)
for name in rates:
    assert np.abs(others[name] - rates[name]).max() <= 1e-11 * np.abs(rates[name]).max(), name
print("derived")
"""
#: Sums of several groups, of which one has more pixels than are summed at a time, in two chunks.
SUMMED = """
import numpy as np, scenes, nbnumba as nb
import nbnumba.kernels.cuda
nbnumba.kernels.cuda.LEAST = 128
table = {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "nearest"}
small = {"detector.pixels": (10, 16), "detector.pixel_size": 2.0, "crystal.spot_scale": 30.0}
names = ["misset_x", "cell_a", "wavelength"]
for changes, loss, boxes in (
    (table, nb.Gaussian, None),
    ({**table, "crystal.interpolate": "tricubic", "detector.curvature": "spherical"}, nb.LeastSquares, None),
    (table, nb.Poisson, [nb.Shoebox(0, 0, 0, 0, 10, 0, 14), nb.Shoebox(0, 0, 1, 0, 10, 14, 16)]),
):
    e = scenes.still(**small, **changes)
    data = np.round(nb.simulate(e)).astype(float) + 1.0 + np.arange(16) % 3
    args = {"readout_sigma": 2.0} if loss is nb.Gaussian else {"background": 1.0} if loss is nb.Poisson else {}
    judged = loss(data, **args)
    for curved in (False, True) if boxes is None else ():
        ask = nb.normal_equations if curved else nb.value_and_gradient
        here, there = (ask(e, judged, names, device=d) for d in ("cpu", "cuda"))
        # The data are the model but for little, and what is left of their difference has few digits.
        assert abs(here[0] - there[0]) <= 1e-10 * abs(here[0])
        slopes = [np.array(list(found[1].values()) if not curved else found[1]) for found in (here, there)]
        assert np.abs(slopes[0] - slopes[1]).max() <= 1e-8 * np.abs(slopes[0]).max()
        if curved:
            size = np.sqrt(np.diag(here[2]))
            assert np.abs((here[2] - there[2]) / np.outer(size, size)).max() < 1e-10
    if boxes is not None:
        found = [nb.refine(e.with_parameters(misset_x=11.31), judged, ["misset_x"], boxes=boxes, iterations=1,
                           planes=True, device=d) for d in ("cpu", "cuda")]
        assert abs(found[0].values["misset_x"] - found[1].values["misset_x"]) < 1e-9
print("summed")
"""
DETECTED = """
import numpy as np, scenes, nbnumba as nb
mask = nb.Mask(np.arange(150).reshape(5, 30) % 7 != 0)
e = scenes.still(**{"detector.pixels": (5, 30), "detector.mask": mask, "beam.exposure": 0.1})
image = (10.0 ** np.random.default_rng(1).uniform(-2.0, 4.0, (5, 30))).astype(np.float32)
for options in (
    None,
    {"gain": 2.0, "readout_noise": 3.0, "offset": 40.0, "dtype": "uint16"},
    {"psf": "gaussian", "psf_fwhm": 1.5, "dead_pixels": 0.1, "hot_pixels": 0.1},
    {"psf": "fiber", "psf_fwhm": 0.5, "noise_before_spread": False},
    {"dead_time": 1e-3, "paralyzable": True, "flicker": 0.1, "calibration": 0.3, "threshold": 8.0, "charge_cloud": 0.1},
    {"photon_noise": False, "gain": 100.0},
):
    x = e.replace(response=options and nb.Response(**options))
    here, there = (nb.detect(x, image, number=3, device=d) for d in ("cpu", "cuda"))
    assert here.dtype == there.dtype and here.max() > 0, options
    np.testing.assert_array_equal(here, there)
print("detected")
"""
CODES = {
    "images": IMAGES,
    "renderer": RENDERER,
    "derived": DERIVED,
    "summed": SUMMED,
    "background": BACKGROUND,
    "detected": DETECTED,
}


@pytest.mark.parametrize("name", few(CODES, ["images", "renderer", "background", "detected"]))
def test_the_simulator_gives_what_the_cpu_gives(name):
    assert python(CODES[name], NUMBA_ENABLE_CUDASIM="1").split() == [name]


def test_what_is_not_there_is_told():
    code = """
import scenes, nbnumba as nb
for device in ("cuda", "cuda:7"):
    try:
        nb.simulate(scenes.still(), device=device)
    except nb.NbnumbaError as error:
        print(error)
"""
    if has_gpu():
        pytest.skip("there is a GPU")
    said = python(code)
    assert "device: found 'cuda'" in said
    assert "nbnumba[cuda12]" in said or "no usable GPU and driver" in said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "does not find its compiler NVVM; install it with pip install 'nbnumba[cuda12]'"),
        ("driver too old\nfor this", "no usable GPU and driver (driver too old for this); nvidia-smi tells"),
    ],
)
def test_what_is_missing_on_the_way_to_a_gpu_is_told(error, words):
    said = python(f"""
import scenes, nbnumba as nb, nbnumba.kernels.device as device
device.cuda.implementation, device.cuda.is_available = "NVIDIA", lambda: False
device.cuda.cuda_error = lambda: {error!r}
try:
    nb.Renderer(scenes.still())
except nb.NbnumbaError as error:
    print(error)
""")
    assert words in said


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"device": "gpu"}, "device: found 'gpu'; allowed: 'cpu', 'cuda'"),
        *(({"device": f"cuda:{n}"}, "device: found") for n in ("", "x", "01", "-1", "9" * 5000, "\u0663")),
        ({"precision": np.array(["double", "x"])}, "precision: found"),
        ({"device": "cuda", "threads": 1}, "threads: found 1 with device 'cuda'"),
        ({"device": "cuda", "precision": "half"}, "precision: found 'half'"),
        ({"device": "cuda", "out": np.zeros(3)}, "out: found float64"),
    ],
)
def test_what_makes_no_sense_is_refused(how, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.simulate(scenes.still(), **how)


def test_a_renderer_takes_experiments():
    with pytest.raises(nb.NbnumbaError, match="experiment: found str; allowed: an Experiment"):
        nb.Renderer("x", device="cpu")


ERRORS = """
import sys
from nbnumba import NbnumbaJobError
from nbnumba.kernels import driver
raised = type("Raised", (Exception,), {"__module__": "cuda.core.anything"})
for words in ("CUDA_ERROR_OUT_OF_MEMORY: a", "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "CUDA_ERROR_LAUNCH_FAILED",
              "CUDA_ERROR_NO_BINARY_FOR_GPU", "Failure finding libnvrtc.so.12", "anything\\nelse"):
    try:
        with driver.explained("cuda:1"):
            raise raised(words)
    except NbnumbaJobError as error:
        print(error)
for other in (ValueError("mine"), KeyboardInterrupt()):
    try:
        with driver.explained("cuda"):
            raise other
    except BaseException as error:
        assert error is other
def full(shape, dtype):
    raise raised("CUDA_ERROR_OUT_OF_MEMORY")
from nbnumba.kernels.device import Device
device = Device("cuda")
device.cuda = type("Full", (), {"device_array": full})
device.free = lambda: 3.0 * 2**20
try:
    device.array((2, 3), float)
except NbnumbaJobError as error:
    print(error)
driver.cuda.is_available = lambda: True
driver._SIMULATED, driver.cuda.gpus, driver.cuda.implementation = False, [], "NVIDIA"
print(driver.installed())
driver.what_does_not_fit = lambda number: "it is too old"
driver.cuda.gpus = [None]
for name in ("cuda:0", "cuda:1"):
    try:
        driver.require(name)
    except ValueError as error:
        print(error)
import nbnumba_cli.simulate
from nbnumba_cli.main import main
for device in ("cuda", "cuda:1"):
    try:
        main(["simulate", sys.argv[1], "-o", sys.argv[2], "--device", device])
    except SystemExit as error:
        print("exit", error.code)
"""


def test_errors_of_a_driver_tell_what_to_do(tmp_path):
    scenes.still().to_toml(tmp_path / "e.toml")
    files = [str(tmp_path / "e.toml"), str(tmp_path / "o.h5")]
    said = python(f"import sys; sys.argv[1:] = {files!r}\n{ERRORS}", NUMBA_ENABLE_CUDASIM="1")
    full, old, failed, no_code, part, other, array, none, unfit, number, *ends = said.splitlines()
    assert full.startswith("device 'cuda:1': the GPU is out of memory; take fewer")
    assert "the driver is too old" in old
    assert "start the program again" in failed
    assert "makes no code for this GPU" in no_code
    assert "pip install 'nbnumba[cuda12]'" in part
    assert "Raised: anything else; nvidia-smi tells" in other
    assert "48 bytes for 2 x 3 numbers do not fit into the GPU's memory, of which 3 MiB are free" in array
    assert none.startswith("none: the driver finds no GPU")
    assert unfit == "device: found 'cuda:0', but it is too old, or use 'cpu'"
    assert number == "device: found 'cuda:1'; there is: cpu, cuda:0"
    assert ends == ["exit 1", "exit 2"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["derivatives", "e.toml", "--device", "gpu"], "device: found 'gpu'"),
        (["derivatives", "e.toml", "--parameter", "misset_x", "-o", "r.h5", "--device", "cuda", "--threads", "1"],
         "threads: found 1 with device 'cuda'"),
    ],
)  # fmt: skip
def test_the_command_line_refuses_what_makes_no_sense(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scenes.still().to_toml("e.toml")
    found = CliRunner().invoke(cli, words)
    assert told in str(found.exception)


def test_info_tells_gpus_or_why_there_are_none():
    assert installation()["GPU"].startswith(("none: ", "simulated")) or "numba-cuda" in installation()["GPU"]


def test_a_renderer_on_the_cpu():
    e = scenes.still()
    renderer = nb.Renderer(e, device="cpu")
    np.testing.assert_array_equal(renderer.render(), nb.simulate(e))
    np.testing.assert_array_equal(next(iter(renderer.series([e]))), nb.simulate(e))
    assert renderer.bytes_sent == 0
    with pytest.raises(nb.NbnumbaError, match="on_device"):
        renderer.render(on_device=True)


def has_gpu():
    if importlib.util.find_spec("numba_cuda") is None:
        return False
    return python("from numba import cuda; print(cuda.is_available())").strip() == "True"


needs_compiler = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda (extra cuda12 or cuda13)"
)
#: The one function that kernels call: it reduces angles beyond 10^5 turns in sines and cosines of curved panels and of
#: normal random numbers.
REDUCTION = "__internal_trig_reduction_slowpathd"


@needs_compiler
@pytest.mark.parametrize("arch", [(7, 5), (8, 0), (9, 0)])
def test_kernels_compile_for_chips_that_are_not_here(arch, tmp_path):
    lines = python(f"import ptx; ptx.report({arch!r}, {str(tmp_path)!r})").splitlines()
    assert len(lines) == len(SHAPES) + 17
    for line in lines:
        name, calls, wide, narrow, sines, registers, spilled, fewer, then_spilled = line.split()
        image = name.endswith(("double", "mixed"))
        curved = name.startswith("curved") or "_curved" in name
        assert calls == (REDUCTION if curved or name in ("expose", "write") else "-"), line
        assert int(wide) > 0 or name == "add_chunks", line
        if name.endswith("mixed"):
            # Six sines of four or more each, and no coefficient of theirs in double precision.
            assert int(narrow) >= 24, line
            assert int(sines) == 0, line
        if registers != "-":
            derives = name.startswith("derive")
            assert int(registers) <= (255 if derives else 208 if curved else 152), line
            assert int(spilled) <= (1024 if derives else 0), line
            if image:
                # What is laid aside there is needed between the loops over orientations, not in them.
                assert int(fewer) <= 64, line
                assert int(then_spilled) <= 512, line


RUN = """
import ptx, scenes, oracle, numpy as np, warnings
warnings.simplefilter("ignore")
pixels = [(row, column) for row in range(2) for column in range(3)]
scan = {"scan.width": 2.0, "scan.steps": 3, "beam.dispersion": 1.0, "beam.dispersion_steps": 2}
for name, changes in ptx.KINDS.items():
    if "curved" in name:  # they call a function
        continue
    e = scenes.still(**{"detector.pixels": (2, 3), "detector.pixel_size": 3.0, **scan, **changes})
    exact = oracle.render(scenes.describe(e))
    for precision, bound in (("double", 1e-7), ("mixed", 1e-6))[: 2 if name in ptx.MIXED else 1]:
        image, few = ptx.run(e, precision, pixels)
        assert np.abs(image - exact.ravel()).max() <= bound * exact.max(), (name, precision)
        _, many = ptx.run(e.replace(**{"scan.steps": 7, "scan.width": 14.0 / 3.0}), precision, pixels[-1:])
        print("step", name, precision, (many - few) / 8)
for name, e, pixel, value in ptx.reference_cases():
    if e.detector.curvature == "flat":
        for precision, bound in (("double", 1e-7), ("mixed", 1e-6)):
            found = ptx.run(e, precision, [pixel])[0][0]
            assert abs(found - value) <= bound * value, (name, precision, found, value)
"""


@needs_compiler
def test_compiled_kernels_compute_what_they_should():
    """Instruction by instruction, for want of a GPU: pixels of the oracle, and the brightest of the reference cases."""
    lines = [line.split() for line in python(RUN).splitlines() if line.startswith("step ")]
    steps = {(name, precision): float(count) for _, name, precision, count in lines}
    # Instructions of PTX for one orientation, of which the assembler makes 119 and 125.
    assert steps["nearest", "mixed"] <= 139
    assert steps["nearest", "double"] <= 134


@pytest.mark.cuda
@pytest.mark.skipif(not has_gpu(), reason="needs a GPU and numba-cuda")
@pytest.mark.parametrize("name", CODES)
def test_a_gpu_gives_what_the_cpu_gives(name):
    assert python(CODES[name]).split() == [name]


@pytest.mark.cuda
@pytest.mark.skipif(not has_gpu(), reason="needs a GPU and numba-cuda")
def test_a_gpu_gives_the_reference_images():
    python("""
import ptx, h5py, numpy as np, nbnumba as nb
with h5py.File(ptx.HERE / "golden" / "figures.h5") as figures:
    for name, e, _, peak in ptx.reference_cases():
        for precision in ("double", "mixed"):
            image = nb.simulate(e, device="cuda", precision=precision).ravel()
            case = figures[name]
            assert np.abs(image[case["place"][()]] - case["value"][()]).max() <= 1e-6 * peak, (name, precision)
""")
