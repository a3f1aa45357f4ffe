"""The crystal: unit cell, orientation, size, outline, structure factors and mosaic domains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, cast

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.angles import turn
from nbnumba.model.cell import Cell, cell_of, exact_axes, reciprocal, volume_fraction
from nbnumba.model.mosaic import Mosaic
from nbnumba.model.reflections import Reflections
from nbnumba.model.spectral import SpectralReflections
from nbnumba.model.validate import (
    MOST_AMPLITUDE,
    MOST_SCALE,
    choice,
    is_list,
    number,
    numbers,
    one_or_several,
    refuse,
)
from nbnumba.physics.lattice import SHAPES, TILTED
from nbnumba.physics.rotation import rotate_xyz
from nbnumba.physics.vector import Vector

INTERPOLATIONS = ("auto", "nearest", "tricubic", "catmull-rom")
_MOST_CELLS = 1e9
_ROUNDING = 1e-9  # of what should be equal
_LENGTHS = {"low": 1e-3, "high": 1e9}  # of cell axes [A]
_FLATTEST = 1e-4  # volume over a b c of a cell, which rounding of the angles then leaves known to 8 digits


@dataclass(frozen=True, kw_only=True)
class Crystal:
    """A perfect-lattice crystal of ``cells`` unit cells, or many slightly turned ones (``mosaic``).

    Attributes:
        cell: a, b, c [A], alpha, beta, gamma [degrees]; standard setting: a* along x, b* in the xy plane, c*_z > 0.
            Left out, it is taken from ``reflections`` where their file knows it.
        orientation: instead of ``cell``: rows a, b, c [A] in the laboratory frame.
        misset: rotations about the laboratory x, then y, then z axis [degrees], applied to either.
        cells: number of unit cells along a, b, c (at least 1, need not be whole); one number serves all three. For
            "round", "gauss", "tophat" and "lorentz" also a symmetric 3 x 3 matrix N with eigenvalues from 1 on, whose
            elements off the diagonal tilt the outline against the axes: F_latt depends on the length of N (dh, dk, dl).
        shape: "square", "round", "gauss", "tophat" or "lorentz"; "gauss_star" or "tophat_star" in nanoBragg's
            reciprocal metric.
        fudge: factor on the squared radius of every shape but "square".
        reflections: structure factor amplitudes, one list, or one for each of some wavelengths; None: ``default_f``
            everywhere.
        default_f: amplitude of every reflection that ``reflections`` does not hold.
        interpolate: "nearest" reflection, "tricubic" between reflections as nanoBragg has it, "catmull-rom" between
            reflections without kinks at them, "auto": tricubic for crystals of 2 or fewer cells along some axis.
        mosaic: spread and number of domains, and how their cells differ.
        spot_scale: factor on the Bragg signal.
        extent: width [mm] of the whole crystal with all its blocks, as the beam sees it: one number, or two, along and
            across the beam's polarization axis; None: so small that the beam is the same all over it.

    Raises:
        NbnumbaError: a value that is not allowed, a cell that cannot exist, or both or neither of cell and orientation.
    """

    cell: tuple[float, ...] | None = None
    orientation: tuple[tuple[float, ...], ...] | None = None
    misset: tuple[float, ...] = (0.0, 0.0, 0.0)
    cells: tuple[Any, ...] = (1.0, 1.0, 1.0)
    shape: str = "square"
    fudge: float = 1.0
    reflections: Reflections | SpectralReflections | None = None
    default_f: float = 0.0
    interpolate: str = "auto"
    mosaic: Mosaic = field(default_factory=Mosaic)
    spot_scale: float = 1.0
    extent: float | tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        if self.reflections is not None and not isinstance(self.reflections, Reflections | SpectralReflections):
            raise refuse("crystal.reflections", self.reflections, "Reflections, as from read_reflections(file)")
        if not isinstance(self.mosaic, Mosaic):
            raise refuse("crystal.mosaic", self.mosaic, "a Mosaic(spread=..., domains=..., seed=...)")
        if self.orientation is not None:
            if self.cell is not None:
                raise NbnumbaError("crystal: found both cell and orientation; give one of them")
            put("orientation", _orientation(self.orientation))
        else:
            checked = _cell(self._own_cell())
            put("cell", None if self.cell is None else checked)
        put("misset", numbers("crystal.misset", self.misset, 3, "degrees"))
        put("cells", _cells(self.cells))
        choice("crystal.shape", self.shape, tuple(SHAPES))
        self._check_shape()
        choice("crystal.interpolate", self.interpolate, INTERPOLATIONS)
        put("fudge", number("crystal.fudge", self.fudge, low=1e-12, high=1e12))
        put("default_f", number("crystal.default_f", self.default_f, low=-MOST_AMPLITUDE, high=MOST_AMPLITUDE))
        put("spot_scale", number("crystal.spot_scale", self.spot_scale, low=0.0, high=MOST_SCALE))
        if self.extent is not None:
            put("extent", one_or_several("crystal.extent", self.extent, 2, "mm", above=0.0))

    def _check_shape(self) -> None:
        if self.tilted and self.shape not in TILTED:
            raise refuse("crystal.cells", self.cells, f"three numbers for shape {self.shape!r}; a matrix for "
                         f"{', '.join(TILTED)}")  # fmt: skip
        if self.mosaic.stretches and SHAPES[self.shape].reciprocal:
            raise refuse("crystal.shape", self.shape, "a shape in the index metric where mosaic.cell_spread is not 0: "
                         "in the reciprocal metric it would change from domain to domain")  # fmt: skip

    @classmethod
    def from_matrix(cls, file: str | Path, wavelength: float, **others: Any) -> Crystal:
        """Crystal from a MOSFLM matrix file: rows x, y, z, columns a*, b*, c* [1/A], times the wavelength [A]."""
        from nbnumba.inputs.matrix import read_matrix

        return cls(orientation=read_matrix(file, wavelength), **others)

    @property
    def axes(self) -> np.ndarray:
        """Cell axes a, b, c [A] in the laboratory frame, as rows of a (3, 3) array."""
        rows = self.orientation or exact_axes(_cell(self._own_cell()))
        angles = [turn(angle) for angle in self.misset]
        return np.array([rotate_xyz(Vector(*row), *angles) for row in rows])

    @property
    def unit_cell(self) -> Cell:
        """a, b, c [A], alpha, beta, gamma [degrees], however the crystal was described."""
        return cell_of(self.axes) if self.orientation is not None else _cell(self._own_cell())

    @property
    def frame(self) -> np.ndarray:
        """The crystal's own frame, that of the standard setting: unit vectors along x (a*), y and z (c) as rows."""
        axes = self.axes
        x, z = reciprocal(axes)[0], axes[2]
        x, z = x / np.linalg.norm(x), z / np.linalg.norm(z)
        return np.array([x, np.cross(z, x), z])

    def domain_axes(self) -> np.ndarray:
        """Axes a, b, c [A] of all mosaic domains before the scan's rotation, as rows, shape (n, 3, 3)."""
        frame, mosaic = self.frame, self.mosaic
        turns = frame.T @ mosaic.rotations() @ frame if mosaic.in_crystal else mosaic.rotations()
        return np.asarray(mosaic.stretched()[:, :, np.newaxis] * self.axes @ turns.transpose(0, 2, 1))

    def _own_cell(self) -> Any:
        """The cell that was given, or that the reflections' file holds."""
        if self.cell is not None or self.reflections is None:
            return self.cell
        return self.reflections.cell

    @property
    def interpolates(self) -> bool:
        """Whether structure factors are interpolated."""
        if self.reflections is None:
            return False
        return self.interpolate in ("tricubic", "catmull-rom") or (
            self.interpolate == "auto" and min(self.cells_across) <= 2
        )

    @property
    def tilted(self) -> bool:
        """Whether the numbers of cells are a matrix."""
        return isinstance(self.cells[0], tuple)

    @property
    def cells_across(self) -> tuple[float, float, float]:
        """Numbers of unit cells along a, b and c; of a matrix, from one end of the outline to the other: its rows."""
        a, b, c = (math.hypot(*row) for row in self.cells) if self.tilted else self.cells
        return a, b, c

    @property
    def cell_count(self) -> float:
        """Number of unit cells."""
        return float(np.linalg.det(self.cells)) if self.tilted else math.prod(self.cells)

    @property
    def sharpness(self) -> float:
        """Inverse width [A] of spots: the longest side, or, in the reciprocal metric, the number of cells."""
        return self.cell_count if SHAPES[self.shape].reciprocal else max(self.size)

    @property
    def size(self) -> tuple[float, float, float]:
        """Lengths [A] along a, b and c."""
        a, b, c = (n * length for n, length in zip(self.cells_across, self.unit_cell[:3], strict=True))
        return a, b, c


def _cells(value: Any) -> tuple[Any, ...]:
    """Three numbers of cells, or a matrix as rows."""
    if isinstance(value, Real):
        value = [value] * 3
    rows = list(value) if is_list(value) else []
    if not any(isinstance(row, Iterable) for row in rows):
        return numbers("crystal.cells", value, 3, low=1.0, high=_MOST_CELLS)
    if len(rows) != 3:
        raise refuse("crystal.cells", value, "three numbers, or three rows of three numbers")
    matrix = np.array([numbers(f"crystal.cells[{i}]", row, 3) for i, row in enumerate(rows)])
    values = np.linalg.eigvalsh(matrix)
    if np.abs(matrix - matrix.T).max() > _ROUNDING * np.abs(matrix).max():
        raise refuse("crystal.cells", matrix.tolist(), "a symmetric matrix N: of all with one N^T N that one stands "
                     "for them")  # fmt: skip
    if not (values[0] > 1.0 - _ROUNDING and values[2] <= _MOST_CELLS):
        raise refuse("crystal.cells", matrix.tolist(), f"a matrix with eigenvalues from 1 to 1e9, not {values}")
    return tuple(map(tuple, ((matrix + matrix.T) / 2.0).tolist()))


def _cell(value: Any) -> Cell:
    if value is None:
        raise NbnumbaError(
            "crystal.cell: found nothing; give cell=(a, b, c, alpha, beta, gamma) [A, degrees], or orientation, "
            "or reflections from a file that holds the cell"
        )
    lengths = numbers("crystal.cell", list(_six(value))[:3], 3, "A", **_LENGTHS)
    angles = numbers("crystal.cell angles", list(value)[3:], 3, "degrees", above=0.0)
    if max(angles) >= 180.0:
        raise refuse("crystal.cell angles", angles, "degrees between 0 and 180")
    a, b, c = sorted(angles)
    if a + b + c >= 360.0 or c >= a + b:
        raise refuse(
            "crystal.cell angles", angles, "angles that can meet in a corner: sum below 360, none above the other two"
        )
    cell = cast(Cell, lengths + angles)
    if volume_fraction(cell) < _FLATTEST:
        raise refuse("crystal.cell angles", angles, f"a volume of {_FLATTEST:g} a b c or more")
    return cell


def _six(value: Any) -> Sequence[Any]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__") or len(value) != 6:
        raise refuse("crystal.cell", value, "six numbers a, b, c [A], alpha, beta, gamma [degrees]")
    return cast(Sequence[Any], value)


def _orientation(value: Any) -> tuple[tuple[float, ...], ...]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__") or len(value) != 3:
        raise refuse("crystal.orientation", value, "three rows a, b, c of three numbers [A]")
    rows = tuple(numbers(f"crystal.orientation[{i}]", row, 3, "A") for i, row in enumerate(value))
    lengths = [math.hypot(*row) for row in rows]
    for i, length in enumerate(lengths):
        if length > 0.0:
            number(f"crystal.orientation[{i}] length", length, "A", **_LENGTHS)
    volume, bulk = float(np.linalg.det(np.array(rows))), math.prod(lengths)
    if not abs(volume) > _FLATTEST * bulk:
        allowed = f"axes that span a volume, {_FLATTEST:g} a b c or more (this matrix is singular, or almost)"
        raise refuse("crystal.orientation", rows, allowed)
    return rows
