"""Kernels compiled for chips that are not here; run in a process of its own, as it stands in for a GPU."""

import importlib
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import scenes
from ptx_machine import Machine, flattened

import nbnumba as nb
from nbnumba._jit import register_cuda
from nbnumba.gpu import kernel_arguments
from nbnumba.kernels.amorphous import pack_background
from nbnumba.kernels.counting import readout_of
from nbnumba.kernels.cuda import REGISTERS, add_chunks, render_background_pixel, render_pixel, sum_chunk
from nbnumba.kernels.cuda_readout import expose_pixel, spread_pixel, write_pixel
from nbnumba.kernels.pack import pack
from nbnumba.kernels.sums import Target
from nbnumba.physics.elementary import _SIN_PI
from nbnumba.physics.lattice import SHAPES
from nbnumba.refinement.jacobian import motions
from nbnumba.response.steps import electronics, exposure

HERE = Path(__file__).parent
NEAREST = {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "nearest"}
TRICUBIC = {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "tricubic"}
CURVED = {"detector.curvature": "spherical"}
#: Every shape, every kind of table, both kinds of panels.
KINDS = {
    **{name: {"crystal.shape": name} for name in SHAPES},
    "nearest": NEAREST,
    "tricubic": TRICUBIC,
    "tilted": {"crystal.shape": "gauss", "crystal.cells": ((3, 0.5, 0.1), (0.5, 2, 0.4), (0.1, 0.4, 2.5))},
    "curved": {**CURVED, **NEAREST},
    "curved_gauss_tricubic": {**CURVED, **TRICUBIC, "crystal.shape": "gauss"},
}
#: Where mixed precision makes another kernel.
MIXED = ("square", "nearest", "curved")
DERIVED = {
    "nearest": NEAREST,
    "gauss_tricubic": {**TRICUBIC, "crystal.shape": "gauss"},
    "curved_round": {**CURVED, "crystal.shape": "round"},
    "tophat_star": {"crystal.shape": "tophat_star"},
}


def report(arch, folder):
    """Print what is known of each kernel: name, functions it calls, multiply-adds of both kinds, float64 coefficients
    of sines, and from ptxas registers and spilled bytes, for images with as few registers as they get, too."""
    _stand_in(arch)
    for name in KINDS:
        for precision in ("double", "mixed") if name in MIXED else ("double",):
            a, axes = _image_arguments(scenes.still(**KINDS[name]), precision)
            _print(f"{name}_{precision}", arch, folder, render_pixel, *_window(1), False, 0, 0, axes, a)
    for name, changes in DERIVED.items():
        e = scenes.still(**changes)
        a, whole = pack(e, merged=False), np.zeros(2, np.int64)
        target = Target(0, 0.0, *[np.zeros(1)] * 4)
        _print(f"derive_{name}", arch, folder, sum_chunk, np.zeros((1, 32, 32)), np.zeros((30, 1)), True, whole,
               np.zeros((1, 2)), whole, 16, target, True, True, motions(e, a), a)  # fmt: skip
    e = scenes.still(background=[nb.Background(material="water", thickness=1.0)])
    _print("background", arch, folder, render_background_pixel, _window(1)[0], pack_background(e))
    sums = np.zeros((1, 32, 32))
    _print("add_chunks", arch, folder, add_chunks, sums, sums, np.zeros(2, np.int64))
    e, response, photons = scenes.still(), nb.Response(), np.zeros(4)
    _print("expose", arch, folder, expose_pixel, photons, photons.astype(np.float32), exposure(e, response, 1, 0))
    _print("spread", arch, folder, spread_pixel, photons[None], photons[None], photons, True)
    _print("write", arch, folder, write_pixel, photons.astype(np.int32), photons, photons > 0.0, readout_of(response),
           electronics(e, response))  # fmt: skip


def run(experiment, precision, pixels):
    """Pixels of an image and the number of instructions of the last one, as the kernel for chips of 9.0 computes them;
    instruction by instruction."""
    a, axes = _image_arguments(experiment, precision)
    image, counts = _window(max(map(max, pixels)) + 1)
    arguments, arrays = (image, counts, False, 0, 0, axes, a), []
    machine = _machine(tuple(map(_type, arguments)))
    values = flattened(arguments, arrays)
    for slow, fast in pixels:
        place = {"ctaid.x": slow, "ntid.x": 1, "tid.x": 0, "ctaid.y": 0, "ntid.y": len(image), "tid.y": fast}
        instructions = machine.run(values, arrays, place)
    assert not counts.any()
    return np.array([image[pixel] for pixel in pixels], float), instructions


def reference_cases():
    """Experiments of the reference program's cases that need no other one, with their brightest pixel, its value."""
    with TemporaryDirectory() as folder, zipfile.ZipFile(HERE / "golden" / "inputs.zip") as archive, h5py.File(
        HERE / "golden" / "figures.h5"
    ) as figures:  # fmt: skip
        archive.extractall(folder)
        for name, case in figures.items():
            if "first" not in case.attrs:
                values = case["value"][()]
                place = int(case["place"][np.argmax(values)])
                pixel = divmod(place, int(case.attrs["shape"][-1]))
                yield name, nb.from_nanobragg(case.attrs["args"], folder=folder), pixel, float(values.max())


def _image_arguments(experiment, precision):
    return kernel_arguments(pack(experiment, precision), lambda values: values.astype(np.float32))


def _window(size):
    return np.zeros((size, size), np.float32), np.zeros(2, np.int64)


@cache
def _machine(kinds):
    _stand_in((9, 0))
    return Machine(_compiled(render_pixel, kinds, (9, 0)))


def _stand_in(arch):
    """A chip for the compiler to ask about."""

    class Chip:
        compute_capability = arch

    register_cuda()
    for name in ("numba.cuda.dispatcher", "numba.cuda.compiler"):
        module = importlib.import_module(name)
        if hasattr(module, "get_current_device"):
            module.get_current_device = Chip


def _compiled(function, kinds, arch):
    from numba import cuda
    from numba.cuda import types as t

    return cuda.compile(function, t.void(*kinds), cc=arch, abi="numba", device=False, output="ptx")[0]


def _type(value):
    """The type that an argument has on the device."""
    from numba.cuda import types as t
    from numba.cuda.np.numpy_support import from_dtype
    from numba.cuda.typing.typeof import typeof

    if isinstance(value, np.ndarray):
        return t.Array(from_dtype(value.dtype), value.ndim, "C")
    if isinstance(value, tuple):
        return t.BaseTuple.from_types([_type(item) for item in value], type(value))
    return typeof(value)


def _print(name, arch, folder, function, *arguments):
    text = _compiled(function, [_type(argument) for argument in arguments], arch)
    file = Path(folder) / f"{name}.ptx"
    file.write_text(text)
    called = sorted(set(re.findall(r"call(?:\.uni)? (?:\(\w+\),)?\s*(\w+)", text))) or ["-"]
    fused = [text.count(f"fma.rn.{kind}") for kind in ("f64", "f32")]
    sines = sum(text.count(f"0d{struct.pack('>d', c).hex().upper()}") for c in _SIN_PI)
    limited = _assembled(file, arch, REGISTERS) if function is render_pixel else ("-", "-")
    print(name, ",".join(called), *fused, sines, *_assembled(file, arch), *limited)


def _assembled(file, arch, limit=None):
    """Registers and spilled bytes, by ptxas where it is installed."""
    program = next(map(str, Path(sys.prefix).rglob("nvcc/bin/ptxas")), None) or shutil.which("ptxas")
    if program is None:
        return "-", "-"
    words = [program, "-v", f"-arch=sm_{arch[0]}{arch[1]}", str(file), "-o", "/dev/null"]
    words += [] if limit is None else [f"-maxrregcount={limit}"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    registers = max(map(int, re.findall(r"Used (\d+) registers", told)))
    return registers, sum(map(int, re.findall(r"(\d+) bytes spill stores", told)))
