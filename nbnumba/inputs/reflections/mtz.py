"""MTZ files: merged structure factors, spread over all of reciprocal space."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.reflections.files import read_bytes, reading
from nbnumba.inputs.reflections.symmetry import merged_reflections
from nbnumba.model.reflections import Reflections

# types of column, in the order in which a default is looked for; J and K are intensities
DEFAULT_TYPES = "FJGK"
AMPLITUDE_TYPES = "FGER"
INTENSITY_TYPES = "JK"
_RECORD = 80  # bytes of a line of the header
_VALUES = re.compile(rb"NCOL\w* +(\d{1,18}) +(\d{1,18})(?: +(\d{1,18}))?")  # columns, reflections, batches
_RECORDS = re.compile(rb"(?:SYMI|NDIF)\w* +(\d{1,18})")  # symmetry operations, data sets: a line each, or more


def read_mtz(path: Path, column: str | None = None, resolution: float | None = None) -> tuple[Reflections, str]:
    """Reflections of a merged MTZ file in P1, Friedel mates added, and the label of the column they are from.

    column: a label, or the letter of a column type, which stands for the first column of that type; by default
    the first column of type F, else J, G, K. Intensities (J, K) become sqrt(max(I, 0)). One half of an anomalous
    pair (G, K) serves for both Friedel mates. Missing values are left out.
    resolution: in angstrom; reflections with smaller d are left out.
    Raises NbnumbaError for a damaged or unmerged file, without space group, column or reflections.
    """
    with reading(path, "an MTZ file"), np.errstate(invalid="raise"):  # as an index that is no number
        return _read(path, column, resolution)


def _read(path: Path, column: str | None, resolution: float | None) -> tuple[Reflections, str]:
    mtz = _open(path)
    chosen = _choose_column(mtz, column, path)
    values = np.array(chosen.array, dtype=np.float64)
    hkl = np.array(mtz.make_miller_array())
    found = merged_reflections(
        path, hkl, np.where(values == mtz.valm, np.nan, values), mtz.get_cell(chosen.dataset_id), mtz.spacegroup,
        intensities=chosen.type in INTENSITY_TYPES, resolution=resolution,
        where=f"column {chosen.label}; {_listing(mtz)}",
    )  # fmt: skip
    return found, chosen.label


def _open(path: Path) -> Any:
    import gemmi

    content = read_bytes(path)
    if not content.startswith(b"MTZ"):
        raise NbnumbaError(f"{path} is not an MTZ file (it does not begin with MTZ); give its kind with format=.")
    _check_sizes(path, content)
    mtz = gemmi.read_mtz_file(str(path))
    if len(mtz.batches):
        raise NbnumbaError(f"{path} is unmerged ({len(mtz.batches)} batches); scale and merge it first.")
    if mtz.spacegroup is None:
        raise NbnumbaError(
            f"{path} has no space group that is known ({mtz.spacegroup_name!r}), so that its reflections cannot be "
            f"expanded; write the file again with its space group, such as 'P 1'."
        )
    return mtz


def _check_sizes(path: Path, content: bytes) -> None:
    """Refuse numbers in the header that are larger than the file, before room is made for them."""
    stamp = content[9:10].hex()[:1]  # of the machine that wrote it: 1 stands for big endian
    order = ">" if stamp == "1" else "<"
    (words,) = struct.unpack(f"{order}i", content[4:8].ljust(4, b"\0"))
    if words == -1:  # then it is a number of 64 bits
        (words,) = struct.unpack(f"{order}q", content[12:20].ljust(8, b"\0"))
    sizes = [(int(columns), int(count), int(batches or 0)) for columns, count, batches in _VALUES.findall(content)]
    told = [4 * words - 4, *(4 * columns * count + _RECORD * batches for columns, count, batches in sizes)]
    told += [_RECORD * int(count) for count in _RECORDS.findall(content)]
    if max(told) > len(content):
        raise NbnumbaError(
            f"{path} cannot be read as an MTZ file: its header tells of {max(told)} bytes, and it has {len(content)}. "
            "Give an intact file."
        )


def _choose_column(mtz: Any, wanted: str | None, path: Path) -> Any:
    if wanted is None:
        found = [c for kind in DEFAULT_TYPES for c in mtz.columns if c.type == kind]
    else:
        # the index columns are named H, K, L: K must stand for the type
        found = [c for c in mtz.columns if c.label == wanted and c.type != "H"]
        if not found and len(wanted) == 1:
            found = [c for c in mtz.columns if c.type == wanted.upper()]
    if not found:
        missing = f"no column {wanted!r}" if wanted is not None else f"no column of the types {DEFAULT_TYPES}"
        raise NbnumbaError(f"{path} has {missing}; {_listing(mtz)}. Name one of them as column.")
    if found[0].type not in AMPLITUDE_TYPES + INTENSITY_TYPES:
        raise NbnumbaError(
            f"{path}: column {found[0].label} has type {found[0].type}, which is neither amplitude "
            f"({AMPLITUDE_TYPES}) nor intensity ({INTENSITY_TYPES}); {_listing(mtz)}."
        )
    return found[0]


def _listing(mtz: Any) -> str:
    return "its columns (with types) are " + ", ".join(f"{c.label} ({c.type})" for c in mtz.columns)
