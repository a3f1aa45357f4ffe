"""What the loops are given: flat arrays and tuples of scalars, all of types that Numba knows before it runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbnumba._jit import by_type, scalar
from nbnumba.errors import NbnumbaError
from nbnumba.model.reflections import physical_memory
from nbnumba.physics.lattice import Lattice
from nbnumba.physics.pixel import CurvedPanel, FlatPanel
from nbnumba.physics.rotation import Matrix
from nbnumba.physics.structure_factor import Structure
from nbnumba.physics.vector import Vector


class FlatSheet(NamedTuple):
    """``FlatPanel``s without nesting, which Numba's parallel loops cannot take; their rows follow one another."""

    vectors: np.ndarray  # (panels, 4, 3) rows origin [mm], fast, slow, normal
    pixel_size: float  # [mm]
    close_distance: np.ndarray  # (panels,) [mm]
    point_pixels: bool
    rows: int  # of the image for each panel


class CurvedSheet(NamedTuple):
    """A ``CurvedPanel`` without nesting."""

    vectors: np.ndarray  # (10, 3) rows origin [mm], fast, slow, normal, center [mm], spot [mm], e1, k1, e2, k2
    pixel_size: float  # [mm]
    close_distance: float  # [mm]
    point_pixels: bool
    rows: int  # of the image
    radius: float  # [mm]


@scalar
def row_vector(rows: np.ndarray, i: int) -> Vector:
    """Row of an (n, 3) array."""
    return Vector(float(rows[i, 0]), float(rows[i, 1]), float(rows[i, 2]))


@scalar
def matrix(stack: np.ndarray, i: int) -> Matrix:
    """Matrix of an (n, 3, 3) array."""
    return Matrix(row_vector(stack[i], 0), row_vector(stack[i], 1), row_vector(stack[i], 2))


@scalar
def flat_panel(sheet: FlatSheet, number: int) -> FlatPanel:
    """Panel as the physics takes it."""
    v = sheet.vectors[number]
    return FlatPanel(
        row_vector(v, 0), row_vector(v, 1), row_vector(v, 2), row_vector(v, 3),
        sheet.pixel_size, float(sheet.close_distance[number]), sheet.point_pixels,
    )  # fmt: skip


@scalar
def curved_panel(sheet: CurvedSheet, number: int) -> CurvedPanel:
    """Panel as the physics takes it; there is one alone."""
    v = sheet.vectors
    return CurvedPanel(
        row_vector(v, 0), row_vector(v, 1), row_vector(v, 2), row_vector(v, 3),
        sheet.pixel_size, sheet.close_distance, sheet.point_pixels, row_vector(v, 4), row_vector(v, 5), sheet.radius,
        row_vector(v, 6), row_vector(v, 7), row_vector(v, 8), row_vector(v, 9),
    )  # fmt: skip


@by_type({FlatSheet: flat_panel, CurvedSheet: curved_panel})
def panel_of(sheet: FlatSheet | CurvedSheet, number: int) -> FlatPanel | CurvedPanel:
    """Panel of a number as the physics takes it."""
    raise NotImplementedError


class Illumination(NamedTuple):
    """The sources, one row each."""

    incident: np.ndarray  # (n, 3) unit vectors along the beam
    electric: np.ndarray  # (n, 3)
    magnetic: np.ndarray  # (n, 3)
    wavelength: np.ndarray  # (n,) [A]
    weight: np.ndarray  # (n,); its type is the precision of the loops
    kahn: float
    polarized: bool


class Orientations(NamedTuple):
    """Cell axes, and the rotations that act on each of them.

    Axes at each step of the scan with the rotations of mosaic domains; or those of each domain with the rotations of
    the scan, which then come last.
    """

    cells: np.ndarray  # (phi steps or domains, 3, 3), rows a, b, c [A]
    turns: np.ndarray  # (domains or phi steps, 3, 3)
    scan_last: bool


#: For loops that are given the axes of all orientations. Each array would cost time at every launch of a kernel.
NO_ORIENTATIONS: Any = Orientations((), (), False)  # type: ignore[arg-type]


#: Bytes that each orientation takes while all are listed: its axes, twice.
_LISTED = 144


def all_axes(orientations: Orientations) -> np.ndarray:
    """Axes of every cell in every turn, shape (cells x turns, 3, 3), rows a, b, c [A].

    Raises:
        NbnumbaError: more than fit into memory.
    """
    cells, turns = orientations.cells, orientations.turns
    needed, memory = _LISTED * len(cells) * len(turns), physical_memory()
    if needed > memory / 2:
        raise NbnumbaError(
            f"scan.steps, crystal.mosaic.domains: found {len(cells)} x {len(turns)} orientations, whose list, which "
            f"derivatives and GPUs need, takes {needed / 2**30:.1f} GiB; allowed: half of this machine's "
            f"{memory / 2**30:.1f} GiB; ask for fewer"
        )
    products = (cells.reshape(-1, 3) @ turns.reshape(-1, 3).T).reshape(len(cells), 3, len(turns), 3)
    return np.ascontiguousarray(products.swapaxes(1, 2)).reshape(-1, 3, 3)


class Sensor(NamedTuple):
    """Layers of the sensor; ``mu`` 0: every photon is caught."""

    layers: int
    thickness: float  # of one layer [mm]
    mu: float  # [1/mm]


class Steps(NamedTuple):
    """Sub-pixels and what is computed only once for all of them."""

    oversample: int
    dmin: float  # [A], 0: none
    one_solid_angle: bool
    one_polarization: bool


class Region(NamedTuple):
    """Pixels to render; rows are counted through all panels."""

    slow_start: int
    slow_stop: int
    fast_start: int
    fast_stop: int
    mask: np.ndarray  # (rows, fast) bool, or no element: all


class Reach(NamedTuple):
    """How near to a reflection a point has to be, in the first orientation, for any orientation to give it a value."""

    limited: bool  # whether there is such a limit
    h: float  # largest offsets at which F_latt is not 0
    k: float
    l: float  # noqa: E741
    drift_h: float  # largest change of the indices between orientations, for q of 1/A
    drift_k: float
    drift_l: float


class Arguments(NamedTuple):
    """Everything that a loop over pixels needs."""

    sheet: FlatSheet | CurvedSheet
    sensor: Sensor
    illumination: Illumination
    orientations: Orientations
    lattice: Lattice
    structure: Structure
    steps: Steps
    region: Region
    reach: Reach
    scale: float  # photons for a sum over steps of 1
