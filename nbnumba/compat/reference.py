"""What a nanoBragg program prints about a pixel, beside the same numbers here."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nbnumba.errors import NbnumbaError
from nbnumba.physics.rotation import Matrix
from nbnumba.physics.vector import Vector
from nbnumba.tracer.difference import Deviation
from nbnumba.tracer.quantities import QUANTITIES
from nbnumba.tracer.trace import Trace

_NUMBER = r"\s*([-+.\deEnaif]+)(?!\S)"  # whole words: parts of long ones would be tried in all ways
#: What follows these words of -printout_pixel, and how coarse it is: digits that are printed, as a fraction of the
#: number or as a number.
_LINES = {
    "position": (rf"^at{_NUMBER * 3}", 1e-5, 0.0),
    "capture": (rf"^capfrac{_NUMBER}", 1e-8, 0.0),
    "solid_angle": (rf"^omega{_NUMBER}", 1e-8, 0.0),
    "polarization": (rf"^polar{_NUMBER}", 1e-8, 0.0),
    "axes": (rf"^X:{_NUMBER * 3}\s*^Y:{_NUMBER * 3}\s*^Z:{_NUMBER * 3}", 0.0, 2e-8),
    "hkl": (rf"^hkl={_NUMBER * 3}", 0.0, 2e-6),
    "nearest": (rf"hkl0={_NUMBER * 3}", 0.0, 0.0),
    "f_cell": (rf"F_cell={_NUMBER}", 1e-5, 0.0),
    "f_latt": (rf"F_latt={_NUMBER}", 1e-5, 1e-5),
    "value": (rf"^pixel{_NUMBER}", 1e-6, 0.0),  # of a float32 image
}
_TIMEOUT = 3600.0


def printed_terms(program: Path, words: Sequence[str], slow: int, fast: int) -> dict[str, list[float]]:
    """Numbers that a nanoBragg program prints about the last step of a pixel; positions in mm.

    Args:
        program: the executable.
        words: its flags.
        slow: number of the pixel along slow.
        fast: number along fast.

    Raises:
        NbnumbaError: it fails, or prints nothing about the pixel.
    """
    named = [str(Path(word).absolute()) if os.path.isfile(word) else word for word in words]
    with tempfile.TemporaryDirectory() as folder:
        files = ["-floatfile", "f.bin", "-intfile", "i.img", "-nopgm", "-nonoise"]
        alone = ["-roi", *[str(x) for x in (fast, fast, slow, slow)], "-printout_pixel", str(fast), str(slow)]
        command = [str(program.absolute()), *named, *files, *alone]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=_TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NbnumbaError(f"--compare-reference: {program}: {error}; give a nanoBragg executable") from None
    if done.returncode != 0:
        raise NbnumbaError(
            f"--compare-reference: {program} failed with exit code {done.returncode}: {done.stderr.strip()[-300:]}"
        )
    return parse(done.stdout, program, slow, fast)


def parse(text: str, program: Path, slow: int, fast: int) -> dict[str, list[float]]:
    """The numbers in what was printed."""
    start = re.search(rf"(?<!\d){fast}\s+{slow} : stol", text)
    terms: dict[str, list[float]] = {}
    for name, (pattern, *_) in _LINES.items():
        found = re.search(pattern, text[start.start() :], re.MULTILINE) if start else None
        numbers = None if found is None else _floats(found.groups())
        if numbers is None:
            raise NbnumbaError(
                f"--compare-reference: {program} printed no {name} for -printout_pixel {fast} {slow}; give a nanoBragg "
                "executable, and a pixel that its flags render"
            )
        terms[name] = numbers
    terms["position"] = [1000.0 * x for x in terms["position"]]
    terms["axes"] = [terms["axes"][3 * row + axis] for axis in range(3) for row in range(3)]  # rows are x, y, z there
    return terms


def _floats(words: Sequence[str]) -> list[float] | None:
    """Numbers of words; None where one is no number."""
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def reference_differences(traced: Trace, terms: dict[str, list[float]]) -> list[Deviation]:
    """Numbers of the last step, and the value of the pixel, that differ by more than was printed."""
    last = traced.records[-1]
    ours = {name: last[name].ravel().tolist() for name in _LINES if name in (last.dtype.names or ())}
    ours |= {"hkl": [last[x] for x in ("h", "k", "l")], "nearest": [last[x] for x in ("h0", "k0", "l0")]}
    ours |= {"value": [traced.value], "f_latt": [abs(last["f_latt"])]}
    terms = {**terms, "f_latt": [abs(x) for x in terms["f_latt"]]}
    names = {
        "position": [f"position_{x}" for x in Vector._fields],
        "axes": [f"axes_{axis}_{x}" for axis in Matrix._fields for x in Vector._fields],
        "hkl": ["h", "k", "l"],
        "nearest": ["h0", "k0", "l0"],
        "value": ["value"],
    }
    found = []
    # A step beyond the resolution limit is skipped there, and what is printed of it means nothing.
    counted = ("position", "value") if last["beyond_dmin"] else tuple(_LINES)
    for name, (_, relative, absolute) in _LINES.items():
        if name not in counted:
            continue
        unit = "photons" if name == "value" else QUANTITIES[name].unit if name in QUANTITIES else ""
        size = max(abs(x) for x in terms[name])
        for label, x, y in zip(names.get(name, [name]), ours[name], terms[name], strict=True):
            if not abs(x - y) <= relative * size + absolute:
                found.append(Deviation(label, unit, {}, float(x), y))
    return found
