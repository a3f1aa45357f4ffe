"""The transforms of a crystal's outline against their textbook forms."""

import itertools
import math

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.model.cell import reciprocal
from nbnumba.physics.lattice import (
    Gauss,
    GaussStar,
    Round,
    Square,
    TiltedGauss,
    TiltedRound,
    TiltedTophat,
    Tophat,
    TophatStar,
    amplitude,
)
from nbnumba.physics.lattice.metric import index_square, reciprocal_square
from nbnumba.physics.lattice.round import sphere_transform

offsets = st.floats(-0.5, 0.5)
away = st.floats(1e-6, 0.5)
whole = st.integers(1, 60)


def products(axes):
    a, b, c = reciprocal(axes)
    return [float(u @ v) for u, v in ((a, a), (b, b), (c, c), (b, c), (c, a), (a, b))]


@given(away, whole, st.integers(-40, 40))
def test_square_grating_of_whole_cells_is_periodic(dh, n, h0):
    exact = abs(math.sin(math.pi * n * (h0 + dh)) / math.sin(math.pi * (h0 + dh)))
    assert abs(amplitude(Square(float(n), 1.0, 1.0), dh, 0.0, 0.0)) == pytest.approx(exact, rel=1e-9, abs=1e-7 * n)


@given(away, st.floats(1.0, 60.0))
def test_square_grating_of_broken_cells_is_that_of_the_offset(dh, n):
    exact = abs(math.sin(math.pi * n * dh) / math.sin(math.pi * dh))
    assert abs(amplitude(Square(n, 1.0, 1.0), dh, 0.0, 0.0)) == pytest.approx(exact, rel=1e-9, abs=1e-11 * n)


@given(offsets, offsets, offsets)
def test_square_is_the_product_over_axes(dh, dk, dl):
    one = [
        amplitude(Square(5.0, 1.0, 1.0), dh, 0.0, 0.0),
        amplitude(Square(1.0, 3.5, 1.0), 0.0, dk, 0.0),
        amplitude(Square(1.0, 1.0, 8.0), 0.0, 0.0, dl),
    ]
    assert amplitude(Square(5.0, 3.5, 8.0), dh, dk, dl) == pytest.approx(math.prod(one), rel=1e-12, abs=1e-12)


@given(offsets, offsets, offsets)
def test_square_of_a_single_cell_is_one(dh, dk, dl):
    assert abs(amplitude(Square(1.0, 1.0, 1.0), dh, dk, dl)) == pytest.approx(1.0, rel=1e-13)


@pytest.mark.parametrize("dh", [0.0, 1e-300, 1e-21, 1e-18])
def test_square_reaches_the_number_of_cells_on_a_reflection(dh):
    assert abs(amplitude(Square(7.0, 11.0, 13.5), dh, -dh, dh)) == pytest.approx(7 * 11 * 13.5, rel=1e-12)


@pytest.mark.parametrize(
    "lattice",
    [
        Gauss(3.0, 4.0, 5.0, 1.3),
        GaussStar(3.0, 4.0, 5.0, 1.3, *[0.001] * 6),
        Tophat(3.0, 4.0, 5.0, 1.3),
        TophatStar(3.0, 4.0, 5.0, 1.3, *[0.001] * 6),
    ],
)
def test_compact_shapes_reach_the_number_of_cells_on_a_reflection(lattice):
    assert amplitude(lattice, 0.0, 0.0, 0.0) == 60.0


@given(offsets, offsets, offsets)
def test_gauss_is_the_exponential(dh, dk, dl):
    rho = (2 * dh) ** 2 + (3 * dk) ** 2 + (4.5 * dl) ** 2
    assert amplitude(Gauss(2.0, 3.0, 4.5, 1.7), dh, dk, dl) == pytest.approx(
        27 * math.exp(-1.7 * rho / 0.63), rel=1e-12
    )


@given(offsets, offsets, offsets)
def test_tilted_outlines_depend_on_the_length_of_the_product(dh, dk, dl):
    off = 0.2, 0.3, 0.4  # bc, ca, ab
    n = 2.0 * np.array([[1.0, off[2], off[1]], [off[2], 1.2, off[0]], [off[1], off[0], 1.1]])
    rho = 1.3 * float(np.sum((n @ [dh, dk, dl]) ** 2))
    made = [shape(2.0, 2.0, 2.0, 1.3, 1.0, 1.2, 1.1, *off) for shape in (TiltedRound, TiltedGauss, TiltedTophat)]
    expected = [8.0 * 0.723601254558268 * sphere_transform(rho), 8.0 * math.exp(-rho / 0.63), 8.0 * (rho < 0.3969)]
    for outline, value in zip(made, expected, strict=True):
        assert amplitude(outline, dh, dk, dl) == pytest.approx(value, rel=1e-11, abs=1e-12)


@given(offsets, offsets, offsets)
def test_tophat_cuts_the_metric(dh, dk, dl):
    lattice = Tophat(2.0, 3.0, 4.5, 1.7)
    inside = 1.7 * index_square(lattice, dh, dk, dl) < 0.3969
    assert amplitude(lattice, dh, dk, dl) == (27.0 if inside else 0.0)


@given(scenes.generators())
def test_reciprocal_metric_is_the_length_of_the_offset(rng):
    axes = nb.Crystal(cell=scenes.cells(rng)).axes
    offset = rng.uniform(-0.5, 0.5, 3)
    lattice = GaussStar(2.0, 3.0, 4.5, 1.0, *products(axes))
    expected = 27.0**2 * float(np.sum((offset @ reciprocal(axes)) ** 2))
    assert reciprocal_square(lattice, *offset.tolist()) == pytest.approx(expected, rel=1e-12)


@given(scenes.generators())
def test_star_shapes_use_the_reciprocal_metric(rng):
    star = products(nb.Crystal(cell=scenes.cells(rng)).axes)
    offset = rng.uniform(-0.5, 0.5, 3).tolist()
    gauss, tophat = GaussStar(2.0, 2.0, 2.0, 1.7, *star), TophatStar(2.0, 2.0, 2.0, 1.7, *star)
    rho = 1.7 * reciprocal_square(gauss, *offset)
    assert amplitude(gauss, *offset) == pytest.approx(8.0 * math.exp(-rho / 0.63), rel=1e-12)
    assert amplitude(tophat, *offset) == (8.0 if rho < 0.3969 else 0.0)


@given(st.floats(0.0, 500.0))
def test_sphere_transform_is_the_closed_form(turns):
    x = math.pi * turns
    exact = 1.0 - x * x / 10.0 if x < 1e-3 else 3.0 * (math.sin(x) - x * math.cos(x)) / x**3
    assert abs(sphere_transform(turns**2)) == pytest.approx(abs(exact), rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("turns", np.linspace(0.02, 0.7, 57).tolist())
def test_sphere_transform_is_the_bessel_function(turns):
    special = pytest.importorskip("scipy.special")
    x = math.pi * turns
    assert abs(sphere_transform(turns**2)) == pytest.approx(3.0 * float(special.spherical_jn(1, x)) / x, rel=6e-11)


def test_sphere_transform_is_one_at_zero():
    assert sphere_transform(0.0) == 1.0


def test_sphere_transform_is_continuous_where_the_series_ends():
    assert sphere_transform(0.25 - 1e-12) == pytest.approx(abs(sphere_transform(0.25 + 1e-12)), rel=1e-10)


def test_round_depends_on_the_ellipsoidal_radius():
    round_ = Round(4.0, 8.0, 16.0, 1.2)
    first = amplitude(round_, 0.2, 0.0, 0.0)
    assert first == pytest.approx(amplitude(round_, 0.0, 0.1, 0.0), rel=1e-13)
    assert first == pytest.approx(amplitude(round_, 0.0, 0.0, 0.05), rel=1e-13)
    assert first == pytest.approx(512 * 0.723601254558268 * sphere_transform(1.2 * 0.8**2), rel=1e-13)


@pytest.mark.parametrize(
    "lattice",
    [
        Square(3.0, 4.5, 5.0),
        Round(3.0, 4.5, 5.0, 1.0),
        Gauss(3.0, 4.5, 5.0, 1.0),
        GaussStar(3.0, 4.5, 5.0, 1.0, 1e-3, 2e-3, 3e-3, 1e-4, 2e-4, 3e-4),
        Tophat(1.2, 1.3, 1.4, 1.0),
        TophatStar(3.0, 4.5, 5.0, 1.0, 1e-3, 2e-3, 3e-3, 1e-4, 2e-4, 3e-4),
        TiltedRound(3.0, 3.0, 3.0, 1.0, 1.0, 1.2, 1.1, 0.2, 0.3, 0.4),
        TiltedGauss(3.0, 3.0, 3.0, 1.0, 1.0, 1.2, 1.1, 0.2, 0.3, 0.4),
        TiltedTophat(1.3, 1.3, 1.3, 1.0, 1.0, 1.2, 1.1, 0.2, 0.3, 0.4),
    ],
    ids=lambda lattice: type(lattice).__name__,
)
def test_every_shape_is_centrosymmetric(lattice):
    for dh, dk, dl in itertools.product((-0.4, 0.1, 0.3), repeat=3):
        assert abs(amplitude(lattice, dh, dk, dl)) == abs(amplitude(lattice, -dh, -dk, -dl))
