"""Structure factor of the unit cell: that of the nearest reflection, or tricubic interpolation between 64 of them.

As in nanoBragg, by polynomials of the third degree through four points along each axis. The table covers the index box
of the reflections and one more layer on each side, which holds the value for everything outside: clamping an index into
the table needs no branch.
"""

import math
from typing import Any, NamedTuple

from nbnumba._jit import by_type, scalar
from nbnumba._lowered import element, place_in_box
from nbnumba.physics.scattering import Indices

#: Mask on places in a table, which tells compilers that there is nothing to count from the end.
NOT_NEGATIVE = 0x7FFFFFFF


class Uniform(NamedTuple):
    """The same amplitude for every reflection."""

    value: float


class Nearest(NamedTuple):
    """A table of which the nearest reflection counts: amplitudes over an index box, flattened with l fastest."""

    values: Any  # one-dimensional array, of which scalar functions read single elements
    h_low: float  # indices of the first element
    k_low: float
    l_low: float
    h_count: float  # elements along each axis
    k_count: float
    l_count: float


class Tricubic(NamedTuple):
    """The same table, interpolated where it surrounds the point; elsewhere the nearest reflection counts."""

    values: Any
    h_low: float
    k_low: float
    l_low: float
    h_count: float
    k_count: float
    l_count: float
    smooth: bool = False  # by Catmull and Rom's weights, not by those of Lagrange


Structure = Uniform | Nearest | Tricubic
Table = Nearest | Tricubic


class Weights(NamedTuple):
    """Weights of four neighbours at floor - 1 ... floor + 2."""

    w0: float
    w1: float
    w2: float
    w3: float


@scalar
def address(table: Table, h: float, k: float, l: float) -> float:  # noqa: E741
    """Place of reflection (h, k, l) in the table, as a whole number; of the border, if it lies outside."""
    return place_in_box(h, k, l, table.h_low, table.k_low, table.l_low, table.h_count, table.k_count, table.l_count)


@scalar
def box_surrounds(table: Table, h: float, k: float, l: float) -> bool:  # noqa: E741
    """Whether the 4 x 4 x 4 reflections around the fractional indices lie in the box (the table less its border)."""
    i = math.floor(h) - table.h_low
    j = math.floor(k) - table.k_low
    m = math.floor(l) - table.l_low
    inside_h = i >= 2.0 and i <= table.h_count - 4.0
    inside_k = j >= 2.0 and j <= table.k_count - 4.0
    inside_l = m >= 2.0 and m <= table.l_count - 4.0
    return inside_h and inside_k and inside_l


@scalar
def lagrange(u: float) -> Weights:
    """Cubic Lagrange weights at the fraction u in [0, 1) between the two middle neighbours."""
    return Weights(
        -u * (u - 1.0) * (u - 2.0) / 6.0,
        (u + 1.0) * (u - 1.0) * (u - 2.0) / 2.0,
        -(u + 1.0) * u * (u - 2.0) / 2.0,
        (u + 1.0) * u * (u - 1.0) / 6.0,
    )


@scalar
def lagrange_slope(u: float) -> Weights:
    """Derivatives of ``lagrange`` by u."""
    return Weights(
        -(3.0 * u * u - 6.0 * u + 2.0) / 6.0,
        (3.0 * u * u - 4.0 * u - 1.0) / 2.0,
        -(3.0 * u * u - 2.0 * u - 2.0) / 2.0,
        (3.0 * u * u - 1.0) / 6.0,
    )


@scalar
def catmull_rom(u: float) -> Weights:
    """Weights without kinks at the neighbours (Catmull & Rom 1974, Computer Aided Geometric Design, 317)."""
    return Weights(
        -0.5 * u * (1.0 - u) * (1.0 - u),
        1.0 + u * u * (1.5 * u - 2.5),
        0.5 * u * (1.0 + u * (4.0 - 3.0 * u)),
        -0.5 * u * u * (1.0 - u),
    )


@scalar
def catmull_rom_slope(u: float) -> Weights:
    """Derivatives of ``catmull_rom`` by u."""
    return Weights(
        -0.5 * (1.0 - u) * (1.0 - 3.0 * u),
        u * (4.5 * u - 5.0),
        0.5 + u * (4.0 - 4.5 * u),
        u * (1.5 * u - 1.0),
    )


@scalar
def cubic(table: Tricubic, u: float) -> Weights:
    """Weights of the neighbours at the fraction u in [0, 1) between the two middle ones."""
    return catmull_rom(u) if table.smooth else lagrange(u)


@scalar
def cubic_slope(table: Tricubic, u: float) -> Weights:
    """Derivatives of ``cubic`` by u."""
    return catmull_rom_slope(u) if table.smooth else lagrange_slope(u)


@scalar
def tricubic(table: Tricubic, h: float, k: float, l: float) -> float:  # noqa: E741
    """Amplitude at fractional indices that the box surrounds: tensor product of cubic weights."""
    h_floor = math.floor(h)
    k_floor = math.floor(k)
    l_floor = math.floor(l)
    wh = cubic(table, h - h_floor)
    wk = cubic(table, k - k_floor)
    wl = cubic(table, l - l_floor)
    values = table.values
    row = int(table.l_count)
    plane = int(table.k_count) * row
    corner = int(address(table, h_floor - 1.0, k_floor - 1.0, l_floor - 1.0))
    total = 0.0
    for i in range(4):
        layer = 0.0
        for j in range(4):
            at = (corner + i * plane + j * row) & NOT_NEGATIVE
            along = wl.w0 * values[at] + wl.w1 * values[at + 1] + wl.w2 * values[at + 2] + wl.w3 * values[at + 3]
            layer += wk[j] * along
        total += wh[i] * layer
    return total


@scalar
def uniform_amplitude(structure: Uniform, at: Indices) -> float:
    """F_cell, the same everywhere."""
    return structure.value


@scalar
def nearest_amplitude(table: Table, at: Indices) -> float:
    """F_cell of the nearest reflection."""
    return element(table.values, address(table, at.h0, at.k0, at.l0))


@scalar
def tricubic_amplitude(table: Tricubic, at: Indices) -> float:
    """F_cell between reflections."""
    if box_surrounds(table, at.h, at.k, at.l):
        return tricubic(table, at.h, at.k, at.l)
    return nearest_amplitude(table, at)


@by_type({Uniform: uniform_amplitude, Nearest: nearest_amplitude, Tricubic: tricubic_amplitude})
def cell_amplitude(structure: Structure, at: Indices) -> float:
    """F_cell at the given indices."""
    raise NotImplementedError


@scalar
def always(structure: Structure, at: Indices) -> bool:
    """True: there is nothing to interpolate."""
    return True


@scalar
def can_interpolate(table: Tricubic, at: Indices) -> bool:
    """Whether the box surrounds the point."""
    return box_surrounds(table, at.h, at.k, at.l)


@by_type({Uniform: always, Nearest: always, Tricubic: can_interpolate})
def covered(structure: Structure, at: Indices) -> bool:
    """Whether ``cell_amplitude`` is what was asked for at the given indices."""
    raise NotImplementedError


@scalar
def no_neighbours(structure: Structure, at: Indices) -> tuple[()]:
    """There is nothing to interpolate."""
    return ()


@scalar
def edge(table: Tricubic, h: float, k: float, l: float) -> tuple[float, ...]:  # noqa: E741
    """Amplitudes of the four reflections from (h, k, l) on along l."""
    return (
        float(element(table.values, address(table, h, k, l))),
        float(element(table.values, address(table, h, k, l + 1.0))),
        float(element(table.values, address(table, h, k, l + 2.0))),
        float(element(table.values, address(table, h, k, l + 3.0))),
    )


@scalar
def face(table: Tricubic, h: float, k: float, l: float) -> tuple[Any, ...]:  # noqa: E741
    """Amplitudes of four such edges along k."""
    return edge(table, h, k, l), edge(table, h, k + 1.0, l), edge(table, h, k + 2.0, l), edge(table, h, k + 3.0, l)


@scalar
def block(table: Tricubic, at: Indices) -> tuple[Any, ...]:
    """Amplitudes of the 4 x 4 x 4 reflections around a point, by h, then k, then l."""
    h = math.floor(at.h) - 1.0
    k = math.floor(at.k) - 1.0
    l = math.floor(at.l) - 1.0  # noqa: E741
    return face(table, h, k, l), face(table, h + 1.0, k, l), face(table, h + 2.0, k, l), face(table, h + 3.0, k, l)


@by_type({Uniform: no_neighbours, Nearest: no_neighbours, Tricubic: block})
def neighbours(structure: Structure, at: Indices) -> tuple[Any, ...]:
    """Amplitudes that ``cell_amplitude`` interpolates between; empty where it does not."""
    raise NotImplementedError


class CellSlopes(NamedTuple):
    """F_cell with its derivatives by h, k, l."""

    f: float
    h: float
    k: float
    l: float  # noqa: E741


@scalar
def uniform_slopes(structure: Uniform, at: Indices) -> CellSlopes:
    """The same everywhere."""
    return CellSlopes(structure.value, 0.0, 0.0, 0.0)


@scalar
def nearest_slopes(table: Table, at: Indices) -> CellSlopes:
    """Constant around each reflection."""
    return CellSlopes(float(nearest_amplitude(table, at)), 0.0, 0.0, 0.0)


@scalar
def tricubic_slopes(table: Tricubic, at: Indices) -> CellSlopes:
    """Each derivative has that of one axis' weights; where the box does not surround the point, that of the nearest."""
    if not box_surrounds(table, at.h, at.k, at.l):
        return nearest_slopes(table, at)
    h_floor, k_floor, l_floor = math.floor(at.h), math.floor(at.k), math.floor(at.l)
    wh, wk, wl = cubic(table, at.h - h_floor), cubic(table, at.k - k_floor), cubic(table, at.l - l_floor)
    dh, dk = cubic_slope(table, at.h - h_floor), cubic_slope(table, at.k - k_floor)
    dl = cubic_slope(table, at.l - l_floor)
    values = table.values
    row = int(table.l_count)
    plane = int(table.k_count) * row
    corner = int(address(table, h_floor - 1.0, k_floor - 1.0, l_floor - 1.0))
    f, by_h, by_k, by_l = 0.0, 0.0, 0.0, 0.0
    for i in range(4):
        layer, layer_k, layer_l = 0.0, 0.0, 0.0
        for j in range(4):
            at_edge = (corner + i * plane + j * row) & NOT_NEGATIVE
            v0, v1, v2, v3 = values[at_edge], values[at_edge + 1], values[at_edge + 2], values[at_edge + 3]
            along = wl.w0 * v0 + wl.w1 * v1 + wl.w2 * v2 + wl.w3 * v3
            layer += wk[j] * along
            layer_k += dk[j] * along
            layer_l += wk[j] * (dl.w0 * v0 + dl.w1 * v1 + dl.w2 * v2 + dl.w3 * v3)
        f += wh[i] * layer
        by_h += dh[i] * layer
        by_k += wh[i] * layer_k
        by_l += wh[i] * layer_l
    return CellSlopes(float(f), float(by_h), float(by_k), float(by_l))


@by_type({Uniform: uniform_slopes, Nearest: nearest_slopes, Tricubic: tricubic_slopes})
def cell_slopes(structure: Structure, at: Indices) -> CellSlopes:
    """F_cell at the given indices with its derivatives."""
    raise NotImplementedError
