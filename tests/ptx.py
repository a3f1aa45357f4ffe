"""Kernels compiled for chips that are not here; run in a process of its own, as it stands in for a GPU."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import scenes

import nbnumba as nb
from nbnumba._jit import register_cuda
from nbnumba.kernels.amorphous import pack_background
from nbnumba.kernels.cuda import render_background_pixel, render_pixel, sum_chunk
from nbnumba.kernels.pack import pack
from nbnumba.kernels.sums import Target
from nbnumba.refinement.jacobian import motions

KINDS = {
    "square": {},
    "round": {"crystal.shape": "round"},
    "gauss": {"crystal.shape": "gauss"},
    "gauss_star": {"crystal.shape": "gauss_star"},
    "tilted": {"crystal.shape": "gauss", "crystal.cells": ((3, 0.5, 0.1), (0.5, 2, 0.4), (0.1, 0.4, 2.5))},
    "nearest": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "nearest"},
    "tricubic": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "tricubic"},
}


def report(arch, folder):
    """Print for every kernel its name, precision, calls, multiply-adds of both kinds, registers and spilled bytes."""
    register_cuda()
    _stand_in(arch)
    from numba.cuda import types as t

    for name, changes in KINDS.items():
        for precision in ("double", "mixed"):
            a = pack(scenes.still(**changes), precision)
            image, counts, axes = t.Array(t.float32, 2, "C"), t.Array(t.int64, 1, "C"), t.Array(t.float64, 3, "C")
            kinds = (image, counts, t.boolean, t.int64, t.int64, axes, _type(a))
            _print(name, precision, arch, folder, render_pixel, *kinds)
    a = pack_background(scenes.still(background=[nb.Background(material="water", thickness=1.0)]))
    _print("background", "double", arch, folder, render_background_pixel, t.Array(t.float32, 2, "C"), _type(a))
    for name in ("square", "gauss", "nearest", "tricubic"):
        e = scenes.still(**KINDS[name])
        a = pack(e, merged=False)
        nothing = np.zeros(1)
        target = Target(0, 0.0, nothing, nothing, nothing, nothing)
        whole = np.zeros(2, np.int64)
        kinds = (np.zeros((1, 32, 32)), np.zeros((30, 1)), True, whole, np.zeros((1, 2)), whole, 16, target, True,
                 motions(e, a), a)  # fmt: skip
        _print(f"derive_{name}", "double", arch, folder, sum_chunk, *map(_type, kinds))


def _stand_in(arch):
    """A chip for the compiler to ask about."""

    class Chip:
        compute_capability = arch

    for name in ("numba.cuda.dispatcher", "numba.cuda.compiler"):
        module = importlib.import_module(name)
        if hasattr(module, "get_current_device"):
            module.get_current_device = Chip


def _type(value):
    """The type that an argument has on the device."""
    from numba.cuda import types as t
    from numba.cuda.np.numpy_support import from_dtype
    from numba.cuda.typing.typeof import typeof

    if isinstance(value, np.ndarray):
        return t.Array(from_dtype(value.dtype), value.ndim, "C")
    if isinstance(value, tuple):
        parts = [_type(item) for item in value]
        if len(set(map(str, parts))) == 1:
            return t.NamedUniTuple(parts[0], len(parts), type(value))
        return t.NamedTuple(parts, type(value))
    return typeof(value)


def _print(name, precision, arch, folder, kernel, *kinds):
    from numba import cuda
    from numba.cuda import types as t

    text, _ = cuda.compile(kernel, t.void(*kinds), cc=arch, abi="numba", device=False, output="ptx")
    file = Path(folder) / f"{name}_{precision}.ptx"
    file.write_text(text)
    calls = len(re.findall(r"\bcall\b", text))
    fma = [text.count(f"fma.rn.{kind}") for kind in ("f64", "f32")]
    print(name, precision, calls, *fma, *_assembled(file, arch))


def _assembled(file, arch):
    """Registers and spilled bytes, by ptxas where it is installed."""
    program = shutil.which("ptxas") or next(map(str, Path(sys.prefix).rglob("nvcc/bin/ptxas")), None) or next(
        map(str, Path(sys.prefix).rglob("bin/ptxas")), None
    )  # fmt: skip
    if program is None:
        return "-", "-"
    words = [program, "-v", f"-arch=sm_{arch[0]}{arch[1]}", str(file), "-o", "/dev/null"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    registers = max(map(int, re.findall(r"Used (\d+) registers", told)))
    return registers, sum(map(int, re.findall(r"(\d+) bytes spill stores", told)))
