"""Derivatives of the scalar physics are those of its values, by fourth-order central differences."""

import math

import numpy as np
import pytest
import scenes
from hypothesis import given
from test_lattice import products
from test_scalar_physics import tricubic_table

from nbnumba.physics.absorption import capture, capture_slopes
from nbnumba.physics.elementary import sin_over_pi
from nbnumba.physics.lattice import SHAPES, TILTED, amplitude, slopes
from nbnumba.physics.lattice.square import _NEAR, grating_slopes
from nbnumba.physics.polarization import fields, polarization, polarization_slopes
from nbnumba.physics.rotation import rotate
from nbnumba.physics.scattering import Indices
from nbnumba.physics.structure_factor import Nearest, Uniform, cell_amplitude, cell_slopes
from nbnumba.physics.vector import Vector, dot, unit

METRIC = ("aa", "bb", "cc", "bc", "ca", "ab")


def differences(function, x, step):
    """Derivatives of a function of several numbers, each by five points."""
    found = []
    for i in range(len(x)):
        e = np.zeros(len(x))
        e[i] = step[i]
        f = [function(*(np.array(x) + n * e)) for n in (-2, -1, 1, 2)]
        found.append((f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / (12.0 * step[i]))
    return np.array(found)


def lattice(name, cells, fudge, metric):
    numbers = dict(zip(("na", "nb", "nc"), cells, strict=True)) | dict(zip(METRIC, metric, strict=True))
    return scenes.lattice_of(SHAPES[name], fudge=fudge, **numbers)


@pytest.mark.parametrize("shape", [name for name, shape in SHAPES.items() if not shape.edge])
@given(rng=scenes.generators())
def test_slopes_of_the_lattice_transform(shape, rng):
    cells, fudge = rng.uniform(1.0, 30.0, 3), rng.uniform(0.5, 1.5)
    metric = [
        x * 1e3 / np.prod(cells) ** (4.0 / 3.0)
        for x in products(np.diag([30.0, 40.0, 50.0]) + rng.uniform(-9, 9, (3, 3)))
    ]
    offsets = rng.uniform(-0.45, 0.45, 3) / rng.choice([1.0, 5.0, 50.0, 500.0])

    def square(*x):
        return amplitude(lattice(shape, x[3:], fudge, metric), *x[:3]) ** 2

    at = [*offsets, *cells]
    found = slopes(lattice(shape, cells, fudge, metric), *offsets)
    assert abs(found.f) == pytest.approx(abs(amplitude(lattice(shape, cells, fudge, metric), *offsets)), rel=1e-9)
    step = np.array([1e-3 / cells.max()] * 3 + [1e-3] * 3)
    # Relative to the steepest slope of a spot: as the transform changes by its peak over 1/N of an index.
    steepest = np.prod(cells) ** 2 * np.array([*cells, *(1.0 / cells)])
    np.testing.assert_allclose(
        2.0 * found.f * np.array(found[1:]) / steepest, differences(square, at, step) / steepest, atol=1e-8
    )


@pytest.mark.parametrize("shape", TILTED)
@given(rng=scenes.generators())
def test_slopes_of_tilted_outlines(shape, rng):
    edge, matrix = rng.uniform(2.0, 20.0), 0.2 * rng.uniform(-1.0, 1.0, (3, 3))
    a, b, c, bc, ca, ab = (1.0 + matrix[0, 0], 1.0, 1.0, matrix[1, 2], matrix[2, 0], matrix[0, 1])
    cube = {"na": edge, "nb": edge, "nc": edge, "fudge": rng.uniform(0.5, 1.5)}
    outline = scenes.lattice_of(TILTED[shape], **cube, maa=a, mbb=b, mcc=c, mbc=bc, mca=ca, mab=ab)
    offsets = rng.uniform(-1.0, 1.0, 3) / edge
    found = slopes(outline, *offsets)
    assert abs(found.f) == pytest.approx(abs(amplitude(outline, *offsets)), rel=1e-12)
    steepest = edge**7
    by = differences(lambda *x: amplitude(outline, *x) ** 2, offsets, [1e-3 / edge] * 3)
    if not TILTED[shape].edge or not by.any():  # whose edge has no slope
        np.testing.assert_allclose(2.0 * found.f * np.array(found[1:4]) / steepest, by / steepest, atol=1e-8)


def slopes_at(offset, cells):
    return grating_slopes(offset, cells, 1.0 / sin_over_pi(offset))


@pytest.mark.parametrize("cells", [1.0, 2.0, 7.5, 100.0, 1e4])
def test_slopes_of_the_grating_are_even_and_odd_where_the_series_takes_over(cells):
    edge = _NEAR / cells
    inside, outside = slopes_at(edge * (1 - 1e-9), cells), slopes_at(edge * (1 + 1e-9), cells)
    np.testing.assert_allclose(inside[0], outside[0], rtol=1e-9)
    np.testing.assert_allclose(inside[1] / cells**2, outside[1] / cells**2, atol=1e-8)
    np.testing.assert_allclose(inside[2], outside[2], rtol=1e-9)
    assert slopes_at(-edge, cells)[1] == pytest.approx(-slopes_at(edge, cells)[1], abs=1e-12 * cells**2)
    np.testing.assert_allclose(slopes_at(1e-20, cells), (cells, 0.0, 1.0), atol=1e-11 * cells**2)


def wavy(h, k, l):  # noqa: E741
    return 20.0 + 3.0 * np.sin(h) + 2.0 * np.cos(k + 0.3 * h) + np.sin(1.3 * l)


@pytest.mark.parametrize("smooth", [False, True])
@given(rng=scenes.generators())
def test_slopes_of_interpolated_amplitudes(smooth, rng):
    table = tricubic_table(wavy, -5, 5, smooth)
    hkl = np.floor(rng.uniform(-3.0, 3.0, 3)) + rng.uniform(0.1, 0.9, 3)

    def value(h, k, l):  # noqa: E741
        return cell_amplitude(table, Indices(h, k, l, 0.0, 0.0, 0.0))

    found = cell_slopes(table, Indices(*hkl, 0.0, 0.0, 0.0))
    assert found.f == pytest.approx(value(*hkl), rel=1e-12)
    np.testing.assert_allclose(found[1:], differences(value, hkl, [1e-2] * 3), atol=1e-9)


def test_amplitudes_that_are_not_interpolated_have_no_slopes():
    table = Nearest(*tricubic_table(wavy, -2, 2)[:7])
    for structure in (Uniform(3.0), table):
        assert cell_slopes(structure, Indices(0.2, 0.3, 0.4, 0.0, 0.0, 0.0))[1:] == (0.0, 0.0, 0.0)


@given(rng=scenes.generators())
def test_slopes_of_polarization(rng):
    incident = unit(Vector(*rng.normal(size=3)))
    axis, kahn, d = Vector(*rng.normal(size=3)), rng.uniform(-1.0, 1.0), rng.normal(size=3)
    field = fields(incident, axis)
    found = polarization_slopes(Vector(*d), incident, field, dot(axis, incident) / dot(axis, field.electric), kahn)
    assert found.p == polarization(Vector(*d), incident, field, kahn)
    by = differences(lambda *x: polarization(Vector(*x[:3]), incident, field, x[3]), [*d, kahn], [1e-2] * 4)
    np.testing.assert_allclose([*found.diffracted, found.kahn], by, atol=1e-10)

    def turned(x, y, z):
        beam = rotate(incident, unit(Vector(x, y, z)), math.hypot(x, y, z))
        return polarization(Vector(*d), beam, fields(beam, axis), kahn)

    if abs(dot(axis, incident)) < 0.9 * math.hypot(*axis):
        np.testing.assert_allclose(found.turn, differences(turned, [0.0, 0.0, 0.0], [1e-3] * 3), atol=1e-7)


@given(rng=scenes.generators())
def test_slopes_of_the_capture(rng):
    layer, x = float(rng.integers(0, 4)), [rng.uniform(0.05, 0.5), rng.uniform(0.5, 5.0), rng.uniform(0.4, 1.0)]
    found = capture_slopes(layer, *x)
    assert found.fraction == capture(layer, *x)
    by = differences(lambda *x: capture(layer, *x), x, [1e-4] * 3)
    np.testing.assert_allclose([found.thickness, found.mu, found.parallax], by, rtol=1e-7, atol=1e-9)
