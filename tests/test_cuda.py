"""Loops for GPUs: under the simulator, as PTX, and on a GPU where there is one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scenes

import nbnumba as nb

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
    "square": {},
    "round": {"crystal.shape": "round"},
    "gauss": {"crystal.shape": "gauss"},
    "gauss_star": {"crystal.shape": "gauss_star"},
    "tophat": {"crystal.shape": "tophat", "crystal.cells": 2},
    "tophat_star": {"crystal.shape": "tophat_star", "crystal.cells": 2},
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
SIMULATED = """
import numpy as np, scenes, test_cuda, nbnumba as nb
for name, changes in test_cuda.KINDS.items():
    e = scenes.still(**{"detector.pixels": (3, 9), "detector.pixel_size": 3.0, **changes})
    exact = nb.simulate(e)
    for precision, bound in (("double", 1e-7), ("mixed", 1e-6)):
        image = nb.simulate(e, device="cuda", precision=precision)
        assert exact.max() > 0.0, name
        assert np.abs(image - exact).max() <= bound * exact.max(), (name, precision)
    print(name)
try:
    nb.Renderer(scenes.still(**test_cuda.KINDS["edge"])).render()
except nb.NbnumbaError as error:
    assert "a list for each of 2 wavelengths" in str(error)
else:
    raise AssertionError("rendered")
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
series = list(renderer.series([e, turned, e]))
np.testing.assert_array_equal(series[1], nb.simulate(turned))
np.testing.assert_array_equal(series[2], first)
there = renderer.render(e, on_device=True)
np.testing.assert_array_equal(there.copy_to_host(), first)
seen = []
renderer.render(e, progress=lambda done, total: seen.append((done, total)))
assert seen[-1] == (4, 4)
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


@pytest.mark.parametrize("code", [SIMULATED, DERIVED, BACKGROUND], ids=["images", "derivatives", "background"])
def test_the_simulator_gives_what_the_cpu_gives(code):
    assert python(code, NUMBA_ENABLE_CUDASIM="1").split("\n")[-2] in ("renderer", "derived", "background")


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
    ("how", "words"),
    [
        ({"device": "gpu"}, "device: found 'gpu'; allowed: 'cpu', 'cuda'"),
        ({"device": "cuda", "threads": 1}, "threads: found 1 with device 'cuda'"),
        ({"device": "cuda", "precision": "half"}, "precision: found 'half'"),
        ({"device": "cuda", "out": np.zeros(3)}, "out: found float64"),
    ],
)
def test_what_makes_no_sense_is_refused(how, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.simulate(scenes.still(), **how)


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


def ptx_of(arch, folder):
    """Reports of ptxas, if it is there, and counts of instructions of every kind of kernel; by tests/ptx.py."""
    return python(f"import ptx; ptx.report({arch!r}, {str(folder)!r})")


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda (extra cuda12 or cuda13)")
@pytest.mark.parametrize("arch", [(7, 5), (8, 0), (9, 0)])
def test_kernels_compile_for_chips_that_are_not_here(arch, tmp_path):
    lines = ptx_of(arch, tmp_path).splitlines()
    assert len(lines) == 17
    for line in lines:
        name, precision, calls, wide, narrow, registers, spilled = line.split()
        assert int(calls) == 0, line
        assert int(wide) > 0, line
        if name == "square" and precision == "mixed":
            # Nine for the indices, and phases; the sines are single: six polynomials of five or six each.
            assert int(narrow) >= 24, line
        if registers != "-":
            assert int(registers) <= 255, line
            assert int(spilled) <= (1024 if name.startswith("derive") else 0), line


@pytest.mark.cuda
@pytest.mark.skipif(not has_gpu(), reason="needs a GPU and numba-cuda")
@pytest.mark.parametrize("code", [SIMULATED, DERIVED, BACKGROUND], ids=["images", "derivatives", "background"])
def test_a_gpu_gives_what_the_cpu_gives(code):
    assert python(code).split("\n")[-2] in ("renderer", "derived", "background")
