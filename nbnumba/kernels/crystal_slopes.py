"""The innermost loops for derivatives: phi steps and mosaic domains, for the pixels of a block."""

from __future__ import annotations

import numpy as np

from nbnumba._jit import by_type, scalar
from nbnumba._lowered import wide_vectors
from nbnumba.kernels.arguments import Arguments, matrix
from nbnumba.kernels.own import Domain, add_axes, by_q, domain_of
from nbnumba.kernels.slopes import (
    BY_HKL,
    CELL,
    COUNT,
    SUM,
    SUM_AXES,
    SUM_CELLS,
    SUM_Q,
    SUM_SPREAD,
    Motions,
    Q,
    Z,
    add_vector,
    aim_block,
    clear,
    close_beam,
    close_crystal,
    close_detector,
    light_block,
    put_vector,
    vector_at,
)
from nbnumba.physics.lattice import Lattice, lever, slopes
from nbnumba.physics.rotation import Matrix
from nbnumba.physics.scattering import indices, offsets
from nbnumba.physics.step import intensity, slope_through_cell, slope_through_lattice
from nbnumba.physics.structure_factor import (
    NOT_NEGATIVE,
    Nearest,
    Structure,
    Tricubic,
    Uniform,
    address,
    cell_slopes,
)
from nbnumba.physics.vector import Vector, cross, dot, plus


@scalar
def look_up_uniform(structure: Uniform, w: np.ndarray, place: np.ndarray, axes: Matrix) -> None:
    """All reflections are alike."""
    for i in range(w.shape[1]):
        w[CELL, i] = structure.value


@scalar
def look_up_nearest(structure: Nearest, w: np.ndarray, place: np.ndarray, axes: Matrix) -> None:
    """Copy from the table, in a loop of its own: one that does more would not vectorise."""
    wide_vectors()
    for i in range(w.shape[1]):
        at = indices(axes, vector_at(w, Q, i))
        place[i] = np.int32(address(structure, at.h0, at.k0, at.l0))
    for i in range(w.shape[1]):
        w[CELL, i] = structure.values[place[i] & NOT_NEGATIVE]


@scalar
def look_up_tricubic(structure: Tricubic, w: np.ndarray, place: np.ndarray, axes: Matrix) -> None:
    """Interpolate, with slopes."""
    for i in range(w.shape[1]):
        found = cell_slopes(structure, indices(axes, vector_at(w, Q, i)))
        w[CELL, i] = found.f
        put_vector(w, BY_HKL, i, Vector(found.h, found.k, found.l))


@by_type({Uniform: look_up_uniform, Nearest: look_up_nearest, Tricubic: look_up_tricubic})
def look_up(structure: Structure, w: np.ndarray, place: np.ndarray, axes: Matrix) -> None:
    """F_cell of a block, and its slopes where there are any."""
    raise NotImplementedError


@scalar
def add_nothing(
    structure: Structure, w: np.ndarray, i: int, axes: Matrix, domain: Domain, g: Vector, f_latt: float, h: Vector
) -> Vector:
    """F_cell is constant around a reflection."""
    return g


@scalar
def add_interpolated(
    structure: Tricubic, w: np.ndarray, i: int, axes: Matrix, domain: Domain, g: Vector, f_latt: float, h: Vector
) -> Vector:
    """Add the slopes of F_cell^2 F_latt^2 through F_cell, which go with h for every shape."""
    c = slope_through_cell(w[CELL, i], f_latt, vector_at(w, BY_HKL, i))
    add_axes(domain, w, i, axes, c, h)
    return plus(g, c)


@by_type({Uniform: add_nothing, Nearest: add_nothing, Tricubic: add_interpolated})
def add_cell(
    structure: Structure, w: np.ndarray, i: int, axes: Matrix, domain: Domain, g: Vector, f_latt: float, h: Vector
) -> Vector:
    """Add the slopes through F_cell to the sums for the axes, and to g."""
    raise NotImplementedError


@scalar
def add_orientation(
    w: np.ndarray, axes: Matrix, domain: Domain, lattice: Lattice, structure: Structure, whole: bool
) -> None:
    """Add one orientation to the sums of a block."""
    wide_vectors()
    for i in range(w.shape[1]):
        q = vector_at(w, Q, i)
        at = indices(axes, q)
        d, h = offsets(at), Vector(at.h, at.k, at.l)
        s = slopes(lattice, d.x, d.y, d.z)
        w[SUM, i] += intensity(w[CELL, i], s.f)
        add_vector(w, SUM_CELLS, i, slope_through_lattice(w[CELL, i], s.f, Vector(s.na, s.nb, s.nc)))
        g = slope_through_lattice(w[CELL, i], s.f, Vector(s.h, s.k, s.l))
        add_axes(domain, w, i, axes, g, lever(lattice, h))
        g = add_cell(structure, w, i, axes, domain, g, s.f, h)
        if whole:
            b = by_q(axes, g)
            add_vector(w, SUM_Q, i, b)
            w[SUM_SPREAD, i] -= dot(b, cross(domain.spin, q))


@scalar
def add_orientations(w: np.ndarray, place: np.ndarray, a: Arguments, motions: Motions, whole: bool) -> None:
    """Add all orientations."""
    clear(w, SUM_AXES, Z)
    for m in range(motions.axes.shape[0]):
        axes = matrix(motions.axes, m)
        look_up(a.structure, w, place, axes)
        add_orientation(w, axes, domain_of(motions, m), a.lattice, a.structure, whole)


@scalar
def fill_block(w: np.ndarray, place: np.ndarray, a: Arguments, motions: Motions, whole: bool) -> None:
    """z of a block whose pixels are noted in its rows ``SLOW`` and ``FAST``.

    ``whole``: with what the parameters of beam and detector act through.
    """
    clear(w, Z, Z + COUNT)
    for layer in range(a.sensor.layers):
        for sub_slow in range(a.steps.oversample):
            for sub_fast in range(a.steps.oversample):
                aim_block(w, a, layer, sub_slow, sub_fast)
                first = layer == 0 and sub_slow == 0 and sub_fast == 0
                for source in range(a.illumination.weight.size):
                    light_block(w, a, motions, source, not a.steps.one_polarization or (first and source == 0))
                    if whole:
                        add_orientations(w, place, a, motions, True)
                        close_beam(w, a, source)
                        close_detector(w, a, source, layer)
                    else:
                        add_orientations(w, place, a, motions, False)
                    close_crystal(w)
