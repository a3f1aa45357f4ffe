"""Text lists of reflections: `h k l F` on each line."""

import re
from pathlib import Path

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.reflections.files import read_bytes
from nbnumba.model.reflections import MAX_INDEX, Reflections

EXPECTED = "each line holds h k l F, separated by blanks: three integers and a finite number"
_DATA_LINE = re.compile(r"^[ \t]*[^#\s]", re.MULTILINE)
#: What SHELX's HKLF 4 begins with, columns 3I4,2F8.2 of h k l F^2 sigma, and the line that ends it.
_HKLF = re.compile(r"(?:[ \d-]{3}\d){3}[ \d.-]{7}[\d.][ \d.]{7}[\d.]")
_HKLF_END = re.compile(r"^ *0 +0 +0(?: +(?:0+(?:\.0*)?|\.0+)){2}(?: .*)?$", re.MULTILINE)


def read_hkl_text(path: Path) -> Reflections:
    """Reflections of a text file, as they are listed: no symmetry is applied, no Friedel mate added.

    Each line holds h, k, l and the amplitude in electrons, separated by blanks; further columns, blank lines
    and what follows a # are ignored. Raises NbnumbaError with the number and text of the first bad line.
    """
    text = _text(path)
    if not _DATA_LINE.search(text):
        raise NbnumbaError(f"{path} holds no reflections, only blank lines or comments; {EXPECTED}.")
    if _HKLF.match(text) and _HKLF_END.search(text):
        raise NbnumbaError(
            f"{path} is a list of SHELX (HKLF 4: intensities F^2, ended by 0 0 0), of which the symmetry is unknown; "
            "make it an MTZ or SF-CIF file with cell and space group, whose intensities are read, or a list of all "
            "h k l F in P1 without the line 0 0 0."
        )
    lines = text.split("\n")
    table = _table(lines, path)
    return Reflections(table[:, :3], table[:, 3])


def _text(path: Path) -> str:
    content = read_bytes(path)
    if b"\0" in content:
        raise NbnumbaError(
            f"{path} is a binary file, not text; {EXPECTED}. For an MTZ or other kind of file give format=."
        )
    # letters outside UTF-8 do no harm in a comment and are found as bad numbers elsewhere
    text = content.decode("utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _table(lines: list[str], path: Path) -> np.ndarray:
    """The first four columns, float64 (n, 4), all valid."""
    try:
        table = np.loadtxt(lines, usecols=(0, 1, 2, 3), ndmin=2)
    except ValueError as error:
        raise _first_fault(lines, path, str(error)) from error
    hkl = table[:, :3]
    # written so that NaN counts as bad
    good = (np.abs(hkl) <= MAX_INDEX).all() and (hkl == np.rint(hkl)).all() and np.isfinite(table[:, 3]).all()
    if not good:
        raise _first_fault(lines, path, "a value out of range")
    return table


def _first_fault(lines: list[str], path: Path, otherwise: str) -> NbnumbaError:
    """The error for the first bad line; `otherwise` tells what is wrong where no line looks bad."""
    for number, line in enumerate(lines, 1):
        fields = line.split("#", 1)[0].split()
        fault = _fault(fields) if fields else None
        if fault:
            return NbnumbaError(f"{path}, line {number}: {fault} in {line[:200]!r}; {EXPECTED}{_hint(fields)}.")
    return NbnumbaError(f"{path} cannot be read as text ({otherwise}); {EXPECTED}.")


def _hint(fields: list[str]) -> str:
    """What to do about numbers as other programs write them."""
    if any("," in word for word in fields):
        return "; put blanks in the place of commas"
    if any(re.fullmatch(r"[-+\d.]+[dD][-+]?\d+", word) for word in fields):
        return "; write exponents with E, not with Fortran's D"
    return ""


def _fault(fields: list[str]) -> str | None:
    """What is wrong with the columns of one line, or None."""
    if len(fields) < 4:
        return f"{len(fields)} columns where 4 are needed"
    for name, word in zip("hklF", fields, strict=False):
        try:
            value = float(word) if "_" not in word else None
        except ValueError:
            value = None
        if value is None:
            return f"{word[:40]!r} is no number for {name}"
        if not np.isfinite(value):
            return f"{name} is {word[:40]}"
        if name != "F" and (not value.is_integer() or abs(value) > MAX_INDEX):
            return f"{word[:40]} is no index for {name} (integers within -{MAX_INDEX}..{MAX_INDEX})"
    return None
