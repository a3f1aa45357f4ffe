"""The unit cell and its orientation."""

import math

import numpy as np
import pytest
import scenes
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.model.cell import cell_of, reciprocal

CRYSTAL = {"cell": (30, 40, 50, 90, 90, 90)}


def squared_volume(angles):
    """Of the cell with edges 1."""
    a, b, c = np.cos(np.radians(angles))
    return 1.0 - a * a - b * b - c * c + 2.0 * a * b * c


lengths = st.floats(2.0, 2000.0)
angles = st.floats(10.0, 170.0)


@st.composite
def triclinic(draw):
    cell = tuple(draw(kind) for kind in (lengths,) * 3 + (angles,) * 3)
    assume(squared_volume(cell[3:]) > 1e-3)
    low, mid, high = sorted(cell[3:])
    assume(low + mid > high)
    assume(low + mid + high < 360.0)
    return cell


@st.composite
def rhombohedral(draw):
    cell = (draw(lengths),) * 3 + (draw(st.floats(15.0, 119.9)),) * 3
    assume(squared_volume(cell[3:]) > 1e-3)
    return cell


@given(triclinic() | rhombohedral())
@settings(max_examples=200)
def test_the_cell_is_recovered_from_its_axes(cell):
    np.testing.assert_allclose(cell_of(nb.Crystal(cell=cell).axes), cell, rtol=1e-12)


@given(triclinic() | rhombohedral(), scenes.generators())
def test_the_cell_is_recovered_from_a_turned_orientation(cell, rng):
    axes = nb.Crystal(cell=cell).axes @ scenes.random_rotation(rng).T
    turned = nb.Crystal(orientation=axes.tolist(), misset=tuple(rng.uniform(-180.0, 180.0, 3)))
    np.testing.assert_allclose(turned.unit_cell, cell, rtol=1e-11)


@given(triclinic() | rhombohedral())
def test_the_standard_setting(cell):
    a, b, c = reciprocal(nb.Crystal(cell=cell).axes)
    assert abs(a[1]) + abs(a[2]) <= 1e-11 * a[0]
    assert abs(b[2]) <= 1e-11 * np.linalg.norm(b)
    assert b[1] > 0.0
    assert c[2] == pytest.approx(1.0 / cell[2], rel=1e-12)


@given(triclinic())
def test_the_volume_is_positive_and_that_of_the_cell(cell):
    volume = float(np.linalg.det(nb.Crystal(cell=cell).axes))
    assert volume == pytest.approx(math.prod(cell[:3]) * math.sqrt(squared_volume(cell[3:])), rel=1e-9)


def test_right_angles_are_exact():
    axes = nb.Crystal(cell=(30, 40, 50, 90, 90, 90)).axes
    np.testing.assert_array_equal(axes[~np.eye(3, dtype=bool)], 0.0)
    np.testing.assert_allclose(np.diag(axes), [30.0, 40.0, 50.0], rtol=1e-15)


@given(scenes.generators())
def test_missetting_turns_about_x_then_y_then_z(rng):
    scipy_rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    cell, misset = scenes.cells(rng), rng.uniform(-180.0, 180.0, 3)
    expected = scipy_rotation.from_euler("xyz", misset, degrees=True).apply(nb.Crystal(cell=cell).axes)
    np.testing.assert_allclose(nb.Crystal(cell=cell, misset=tuple(misset)).axes, expected, atol=1e-12)


@pytest.mark.parametrize("slack", [1e-13, 1e-12, 1e-10, 1e-8])
@pytest.mark.parametrize("angles", [(120.0, 120.0, 120.0), (40.0, 50.0, 90.0), (1.0, 1.0, 2.0), (179.0, 178.0, 3.0)])
def test_a_flat_cell_is_refused_or_has_axes(angles, slack):
    try:
        crystal = nb.Crystal(cell=(30.0, 40.0, 50.0, angles[0], angles[1], angles[2] * (1.0 - slack)))
    except nb.NbnumbaError:
        return
    assert np.isfinite(crystal.axes).all()
    assert np.isfinite(reciprocal(crystal.axes)).all()


def test_the_cell_comes_from_the_reflections_where_none_is_given():
    cell = (30.0, 40.0, 50.0, 80.0, 90.0, 100.0)
    assert nb.Crystal(reflections=nb.Reflections([(1, 0, 0)], [1.0], cell=cell)).unit_cell == cell


def test_a_given_cell_goes_before_that_of_the_reflections():
    listed = nb.Reflections([(1, 0, 0)], [1.0], cell=(1.0, 2.0, 3.0, 80.0, 90.0, 100.0))
    assert nb.Crystal(**CRYSTAL, reflections=listed).cell == (30, 40, 50, 90, 90, 90)


def test_one_number_of_cells_serves_three_axes():
    assert nb.Crystal(**CRYSTAL, cells=7).cells == (7.0, 7.0, 7.0)


@pytest.mark.parametrize(
    ("interpolate", "cells", "expected"),
    [("auto", (9, 9, 2), True), ("auto", (9, 9, 2.1), False), ("nearest", (1, 1, 1), False), ("tricubic", 9, True)],
)
def test_small_crystals_are_interpolated(interpolate, cells, expected):
    listed = nb.Reflections([(1, 0, 0)], [1.0])
    assert nb.Crystal(**CRYSTAL, reflections=listed, interpolate=interpolate, cells=cells).interpolates is expected
