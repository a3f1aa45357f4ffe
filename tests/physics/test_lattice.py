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
from nbnumba.physics.lattice import SHAPES, TILTED, amplitude
from nbnumba.physics.lattice.gauss import Gauss, GaussStar
from nbnumba.physics.lattice.lorentz import Lorentz
from nbnumba.physics.lattice.metric import index_square, reciprocal_square
from nbnumba.physics.lattice.round import Round, sphere_transform
from nbnumba.physics.lattice.square import Square
from nbnumba.physics.lattice.tophat import Tophat, TophatStar

offsets = st.floats(-0.5, 0.5)
away = st.floats(1e-6, 0.5)
whole = st.integers(1, 60)
cells = {"na": 1.2, "nb": 1.3, "nc": 1.4, "fudge": 0.9}
star = {"aa": 1e-3, "bb": 2e-3, "cc": 3e-3, "bc": 1e-4, "ca": 2e-4, "ab": 3e-4}
matrix = {"maa": 1.0, "mbb": 1.2, "mcc": 1.1, "mbc": 0.2, "mca": 0.3, "mab": 0.4}
every_shape = pytest.mark.parametrize(
    "lattice",
    [scenes.lattice_of(shape, **cells, **star, **matrix) for shape in (*SHAPES.values(), *TILTED.values())],
    ids=lambda lattice: type(lattice).__name__,
)


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


@every_shape
def test_every_shape_is_highest_on_a_reflection(lattice):
    peak = 1.2 * 1.3 * 1.4 * (0.723601254558268 if "Round" in type(lattice).__name__ else 1.0)
    assert abs(amplitude(lattice, 0.0, 0.0, 0.0)) == pytest.approx(peak, rel=1e-14)
    for offset in itertools.product((-0.4, 0.1, 0.3), repeat=3):
        assert abs(amplitude(lattice, *offset)) <= peak


@given(offsets, offsets, offsets)
def test_gauss_is_the_exponential(dh, dk, dl):
    rho = (2 * dh) ** 2 + (3 * dk) ** 2 + (4.5 * dl) ** 2
    assert amplitude(Gauss(2.0, 3.0, 4.5, 1.7), dh, dk, dl) == pytest.approx(
        27 * math.exp(-1.7 * rho / 0.63), rel=1e-12
    )


@pytest.mark.parametrize("name", TILTED)
@given(offsets, offsets, offsets)
def test_tilted_outlines_depend_on_the_length_of_the_product(name, dh, dk, dl):
    n = 2.0 * np.array([[1.0, 0.4, 0.3], [0.4, 1.2, 0.2], [0.3, 0.2, 1.1]])
    far = float(np.linalg.norm(n @ [dh, dk, dl]))
    cube = {"na": 2.0, "nb": 2.0, "nc": 2.0, "fudge": 1.3}
    found = amplitude(scenes.lattice_of(TILTED[name], **cube, **matrix), dh, dk, dl)
    assert found == pytest.approx(
        amplitude(scenes.lattice_of(SHAPES[name], **cube), 0.0, far / 2.0, 0.0), rel=1e-11, abs=1e-12
    )


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


@given(offsets, offsets, offsets)
def test_lorentz_is_the_fraction(dh, dk, dl):
    rho = (2 * dh) ** 2 + (3 * dk) ** 2 + (4.5 * dl) ** 2
    expected = 27.0 / (1.0 + 1.7 * rho * 4.601151114470)  # pi^(4/3)
    assert amplitude(Lorentz(2.0, 3.0, 4.5, 1.7), dh, dk, dl) == pytest.approx(expected, rel=1e-12)


def integral(function, count=20000):
    """Over all numbers above 0."""
    x = (np.arange(count) + 0.5) / count
    return sum(map(function, (x / (1.0 - x)).tolist(), (1.0 / (1.0 - x) ** 2 / count).tolist()))


#: nanoBragg's widths of "gauss" and "tophat" are rounded.
@pytest.mark.parametrize(
    ("name", "expected"),
    [("round", 1.0), ("gauss", (0.315 * math.pi) ** 1.5), ("tophat", 4.0 / 3.0 * math.pi * 0.63**3), ("lorentz", 1.0)],
)
def test_spots_hold_as_much_as_those_of_a_square_crystal(name, expected):
    """The integral of F_latt^2 over all offsets, of a single cell."""
    one = scenes.lattice_of(SHAPES[name], na=1.0, nb=1.0, nc=1.0, fudge=1.0)
    found = integral(lambda r, dr: 4.0 * math.pi * (r * amplitude(one, r, 0.0, 0.0)) ** 2 * dr)
    assert found == pytest.approx(expected, rel=2e-4)  # midpoints, which straddle edges and far fringes


def test_spots_of_a_square_crystal_hold_the_number_of_cells():
    squares = [amplitude(Square(7.0, 1.0, 1.0), (i + 0.5) / 64 - 0.5, 0.0, 0.0) ** 2 for i in range(64)]
    assert sum(squares) / 64 == pytest.approx(7.0, rel=1e-9)


@pytest.mark.parametrize("z", [0.0, 0.2, 0.4662, 3.0])
def test_the_part_of_a_lorentz_spot_on_a_plane_is_a_lorentzian_of_the_distance(z):
    one, w = Lorentz(1.0, 1.0, 1.0, 1.0), math.pi ** (4.0 / 3.0)
    found = integral(lambda r, dr: 2.0 * math.pi * r * amplitude(one, r, 0.0, z) ** 2 * dr)
    assert found == pytest.approx(math.pi / w / (1.0 + w * z * z), rel=1e-6)
    assert (found < 0.5 * math.pi / w) == (z > 0.466)


@pytest.mark.parametrize("n", [3.0, 10.0, 100.0])
def test_little_of_a_lorentz_spot_lies_beyond_half_of_the_way_to_the_next(n):
    edge = math.atan(n / 2.0 * math.pi ** (2.0 / 3.0))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u = edge * nodes  # offset = tan(u)/(n pi^(2/3)) crowds points where the spot is
    x, dx = np.tan(u) / n / math.pi ** (2.0 / 3.0), weights * edge / np.cos(u) ** 2 / n / math.pi ** (2.0 / 3.0)
    f = amplitude(Lorentz(n, n, n, 1.0), x[:, None, None], x[:, None], x)
    held = np.einsum("ijk,i,j,k", f * f, dx, dx, dx) / n**3
    assert 1.0 - 1.2 / n < held < 1.0 - 0.8 / n


@every_shape
def test_every_shape_is_centrosymmetric(lattice):
    for dh, dk, dl in itertools.product((-0.4, 0.1, 0.3), repeat=3):
        assert abs(amplitude(lattice, dh, dk, dl)) == abs(amplitude(lattice, -dh, -dk, -dl))
