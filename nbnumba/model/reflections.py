"""A list of reflections: Miller indices and structure factor amplitudes, in P1."""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nbnumba.errors import NbnumbaError
from nbnumba.model.cell import Cell, exact_axes, reciprocal
from nbnumba.model.validate import MOST_AMPLITUDE, number

LARGEST_TABLE = 2**31 - 1  # entries, which 32-bit integers count

MAX_INDEX = 32767
FALLBACK_MEMORY = 8 * 2**30

IndexRange = tuple[int, int]


@dataclass(frozen=True, eq=False, repr=False)
class Reflections:
    """An immutable list of reflections, taken as it is: no symmetry and no Friedel mates are implied.

    hkl: (n, 3) Miller indices, integers within -32767..32767; kept as a read-only int32 array.
    amplitude: (n,) structure factor amplitudes in electrons, within -1e40..1e40; kept as a read-only float64 array.
    cell: a, b, c in angstrom and alpha, beta, gamma in degrees, or None where the source had none.
    origin: the keyword arguments of `read_reflections` (with "file" for the path) that read it again, or {}.

    An index that is given more than once keeps its first place and its last amplitude. Two lists are equal
    when indices and amplitudes and cell are, whatever their origin. Raises NbnumbaError for anything else.
    """

    hkl: np.ndarray
    amplitude: np.ndarray
    cell: Cell | None = None
    origin: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        hkl, amplitude = _drop_earlier_duplicates(_checked_hkl(self.hkl), _checked_amplitude(self.amplitude))
        if len(hkl) != len(amplitude):
            raise NbnumbaError(
                f"hkl has {len(hkl)} reflections and amplitude {len(amplitude)} values; give one value for each."
            )
        hkl.flags.writeable = False
        amplitude.flags.writeable = False
        for name, value in (
            ("hkl", hkl),
            ("amplitude", amplitude),
            ("cell", _checked_cell(self.cell)),
            ("origin", dict(self.origin)),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.hkl)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reflections):
            return NotImplemented
        same = np.array_equal(self.hkl, other.hkl) and np.array_equal(self.amplitude, other.amplitude)
        return same and self.cell == other.cell

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        # numpy does not pickle the read-only flag, so a copy is made by the constructor
        return type(self), (self.hkl, self.amplitude, self.cell, self.origin)

    def __repr__(self) -> str:
        ranges = ", ".join(f"{name} {low}..{high}" for name, (low, high) in zip("hkl", self.box, strict=True))
        f_range = f"F {self.amplitude.min():.4g} to {self.amplitude.max():.4g}"
        return f"Reflections({len(self)} reflections, {ranges}, {f_range})"

    @cached_property
    def box(self) -> tuple[IndexRange, IndexRange, IndexRange]:
        """Lowest and highest index along h, k and l: ((hmin, hmax), (kmin, kmax), (lmin, lmax))."""
        low, high = self.hkl.min(axis=0).tolist(), self.hkl.max(axis=0).tolist()
        return (low[0], high[0]), (low[1], high[1]), (low[2], high[2])

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the little-endian bytes of hkl and amplitude."""
        content = hashlib.sha256(self.hkl.astype("<i4").tobytes())
        content.update(self.amplitude.astype("<f8").tobytes())
        return content.hexdigest()

    def scaled(self, scale: float = 1.0, b_factor: float = 0.0) -> "Reflections":
        """The same list with amplitudes F scale exp(-B (sin theta/lambda)^2) = F scale exp(-B/(4 d^2)).

        scale: factor on amplitudes, above 0. b_factor: B in square angstrom, an overall Debye-Waller factor; d follows
        from ``cell``. Raises NbnumbaError for a b_factor where there is no cell.
        """
        scale, b_factor = number("scale", scale, above=0.0), number("b_factor", b_factor, "A^2")
        if b_factor != 0.0 and self.cell is None:
            raise NbnumbaError(f"b_factor: found {b_factor:g} A^2 for reflections without a cell; give their cell")
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large is refused with its index
            amplitude = self.amplitude * scale
            if b_factor != 0.0 and self.cell is not None:
                amplitude *= np.exp(-0.25 * b_factor * self._inverse_squares)
        return self._with(amplitude)

    @cached_property
    def _inverse_squares(self) -> np.ndarray:
        """1/d^2 [1/A^2]."""
        assert self.cell is not None
        q = self.hkl @ reciprocal(np.array(exact_axes(self.cell)))
        return np.asarray(np.einsum("ij,ij->i", q, q))

    def _with(self, amplitude: np.ndarray) -> "Reflections":
        """The same indices, which are not looked through again, with other amplitudes."""
        found = object.__new__(Reflections)
        checked = _checked_amplitude(amplitude)
        checked.flags.writeable = False
        found.__dict__.update(hkl=self.hkl, amplitude=checked, cell=self.cell, origin={}, box=self.box)
        return found

    def dense(self, default_f: float) -> tuple[np.ndarray, tuple[int, int, int]]:
        """Look-up table of amplitudes over the box of indices padded by one on every side.

        default_f: amplitude, in electrons, of the reflections that are not in the list; finite.
        Returns a read-only float64 array of shape (h range + 2, k range + 2, l range + 2), in electrons, and the
        index (hmin - 1, kmin - 1, lmin - 1) of its first entry. The last table made is kept for the next image.
        Raises NbnumbaError where the table would need more than half of the machine's memory.
        """
        if not np.isfinite(default_f):
            raise NbnumbaError(f"default_f is {default_f!r}; give a finite amplitude in electrons, such as 0.")
        box = self.box
        corner = (box[0][0] - 1, box[1][0] - 1, box[2][0] - 1)
        table = self._tables.get(default_f)
        if table is None:
            shape = tuple(high - low + 3 for low, high in box)
            _check_table_fits(box, shape)
            self._tables.clear()
            table = np.full(shape, float(default_f))
            table[tuple((self.hkl - np.array(corner, dtype=np.int32)).T)] = self.amplitude
            table.flags.writeable = False
            self._tables[default_f] = table
        return table, corner

    @cached_property
    def _tables(self) -> dict[float, np.ndarray]:
        return {}


def index_keys(hkl: np.ndarray) -> np.ndarray:
    """One int64 key for each row of (n, 3) integer indices, in the order of h, then k, then l; (n,).

    Keys of different calls do not compare, for their scale follows the largest index.
    """
    reach = int(np.abs(hkl).max(initial=0))
    span = 2 * reach + 1
    h, k, l = (hkl.astype(np.int64) + reach).T  # noqa: E741
    return (h * span + k) * span + l


def physical_memory() -> int:
    """Memory of this machine in bytes; 8 GiB where the system does not tell."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return FALLBACK_MEMORY
    return size if size > 0 else FALLBACK_MEMORY


def _check_table_fits(box: tuple[IndexRange, ...], shape: tuple[int, ...]) -> None:
    entries = shape[0] * shape[1] * shape[2]
    needed, memory = 8 * entries, physical_memory()
    if needed <= min(memory / 2, 8 * LARGEST_TABLE):
        return
    ranges = ", ".join(f"{name} {low}..{high}" for name, (low, high) in zip("hkl", box, strict=True))
    raise NbnumbaError(
        f"the table of structure factors over {ranges} has {entries} entries and needs {needed / 2**30:.1f} GiB; "
        f"this machine has {memory / 2**30:.1f} GiB, of which half may be used, and 16 GiB at most. Leave out stray "
        "reflections with large indices, or cut the list at a lower resolution."
    )


def _checked_hkl(values: ArrayLike) -> np.ndarray:
    """The indices as a new (n, 3) int32 array."""
    hkl = _as_array(values, "hkl")
    if hkl.ndim != 2 or hkl.shape[1] != 3 or len(hkl) == 0:
        raise NbnumbaError(f"hkl has shape {hkl.shape}; give (n, 3) Miller indices with at least one reflection.")
    if hkl.dtype.kind not in "iuf":
        raise NbnumbaError(f"hkl holds values of type {hkl.dtype}; give integers.")
    bad = ~(np.abs(hkl.astype(np.float64)) <= MAX_INDEX) | (hkl != np.rint(hkl))
    if bad.any():
        row = int(np.flatnonzero(bad.any(axis=1))[0])
        raise NbnumbaError(f"hkl[{row}] is {tuple(hkl[row].tolist())}; give integers within -{MAX_INDEX}..{MAX_INDEX}.")
    return hkl.astype(np.int32)


def _checked_amplitude(values: ArrayLike) -> np.ndarray:
    """The amplitudes as a new (n,) float64 array."""
    amplitude = _as_array(values, "amplitude")
    if amplitude.ndim != 1:
        raise NbnumbaError(f"amplitude has shape {amplitude.shape}; give (n,) values, one for each reflection.")
    if amplitude.dtype.kind not in "iuf":
        raise NbnumbaError(f"amplitude holds values of type {amplitude.dtype}; give real numbers.")
    amplitude = amplitude.astype(np.float64) + 0.0  # adding zero turns -0.0 into 0.0: equal lists have equal bytes
    bad = ~(np.abs(amplitude) <= MOST_AMPLITUDE)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise NbnumbaError(
            f"amplitude[{row}] is {amplitude[row]}; give values within -{MOST_AMPLITUDE:g}..{MOST_AMPLITUDE:g}, leave "
            "missing ones out."
        )
    return amplitude


def _as_array(values: ArrayLike, name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise NbnumbaError(f"{name} is not an array of numbers ({error}); give a numpy array.") from error


def _checked_cell(cell: Cell | None) -> Cell | None:
    if cell is None:
        return None
    try:
        a, b, c, alpha, beta, gamma = (float(value) for value in cell)
    except (TypeError, ValueError) as error:
        raise NbnumbaError(f"cell is {cell!r}; give six numbers (angstrom, degrees) or None.") from error
    if not (all(0 < edge < np.inf for edge in (a, b, c)) and all(0 < angle < 180 for angle in (alpha, beta, gamma))):
        raise NbnumbaError(f"cell is {cell!r}; give edges above 0 angstrom and angles within 0..180 degrees.")
    return a, b, c, alpha, beta, gamma


def _drop_earlier_duplicates(hkl: np.ndarray, amplitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each index once, in the place of its first and with the amplitude of its last appearance."""
    if len(hkl) != len(amplitude):
        return hkl, amplitude
    keys = index_keys(hkl)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(keys):
        return hkl, amplitude
    last = np.zeros(len(first), dtype=np.intp)
    np.maximum.at(last, which, np.arange(len(keys)))
    order = np.argsort(first)
    return hkl[first[order]], amplitude[last[order]]
