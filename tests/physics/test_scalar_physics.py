"""Rotations, polarization, absorption, structure factors: plain Python functions of numbers."""

import math
import subprocess
import sys
import types

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.model.mosaic import random_rotation, rotation_matrix
from nbnumba.model.random import MinimalStandard
from nbnumba.physics import (
    absorption,
    amorphous,
    elementary,
    pixel,
    polarization,
    rotation,
    scattering,
    structure_factor,
    vector,
)
from nbnumba.physics.vector import Vector

#: Of seed 12345678, from an independent program.
FIRST_NUMBERS = [0.7659893035888672, 0.023453664034605026, 0.5897266268730164, 0.535101592540741]

MODULES = (absorption, amorphous, elementary, pixel, polarization, rotation, scattering, structure_factor, vector)


def direction(rng):
    v = rng.normal(size=3)
    return Vector(*(v / np.linalg.norm(v)).tolist())


# --- plain Python ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_functions_are_plain_python(module):
    own = [f for f in vars(module).values() if callable(f) and getattr(f, "__module__", "") == module.__name__]
    functions = [f for f in own if not isinstance(f, type)]
    assert functions
    assert all(type(f) is types.FunctionType for f in functions)


def test_the_physics_runs_without_numba():
    code = (
        "import sys\n"
        "from nbnumba.physics import absorption, elementary, lattice, pixel, polarization, rotation, scattering\n"
        "from nbnumba.physics import structure_factor, vector\n"
        "assert lattice.amplitude(lattice.SHAPES['square'].lattice(3.0, 4.0, 5.0), 0.0, 0.0, 0.0) > 0.0\n"
        "assert absorption.capture(0.0, 0.1, 1.0, 1.0) > 0.0\n"
        "assert 'numba' not in sys.modules, 'numba'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- rotations -------------------------------------------------------------------------------------------------------


@given(scenes.generators())
def test_rotate_is_right_handed_rotation(rng):
    scipy_rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    axis, v, angle = direction(rng), rng.normal(size=3), float(rng.uniform(-7.0, 7.0))
    expected = scipy_rotation.from_rotvec(angle * np.array(axis)).apply(v)
    np.testing.assert_allclose(rotation.rotate(Vector(*v.tolist()), axis, angle), expected, atol=1e-14)


@given(scenes.generators())
def test_rotate_xyz_turns_about_fixed_axes_in_order(rng):
    scipy_rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    v, angles = rng.normal(size=3), rng.uniform(-4.0, 4.0, 3)
    expected = scipy_rotation.from_euler("xyz", angles).apply(v)
    np.testing.assert_allclose(rotation.rotate_xyz(Vector(*v.tolist()), *angles.tolist()), expected, atol=1e-14)


@given(scenes.generators())
def test_rotation_matrix_does_what_rotate_does(rng):
    axis, v, angle = direction(rng), Vector(*rng.normal(size=3).tolist()), float(rng.uniform(-7.0, 7.0))
    np.testing.assert_allclose(rotation_matrix(axis, angle) @ v, rotation.rotate(v, axis, angle), atol=1e-14)


@given(scenes.generators())
def test_turn_rotates_every_row(rng):
    u, cell = scenes.random_rotation(rng), rng.normal(size=(3, 3))
    as_matrix = lambda rows: rotation.Matrix(*(Vector(*row) for row in rows.tolist()))  # noqa: E731
    np.testing.assert_allclose(np.array(rotation.turn(as_matrix(u), as_matrix(cell))), cell @ u.T, atol=1e-14)


# --- polarization ----------------------------------------------------------------------------------------------------


@given(scenes.generators(), st.floats(-1.0, 1.0))
def test_polarization_equals_the_form_with_angles(rng, kahn):
    incident, axis, diffracted = direction(rng), direction(rng), direction(rng)
    field = polarization.fields(incident, axis)
    i, p, d = (np.array(v) for v in (incident, axis, diffracted))
    b = np.cross(p, i) / np.linalg.norm(np.cross(p, i))
    e = np.cross(i, b)
    psi = -math.atan2(float(d @ b), float(d @ e))
    cos_squared = float(i @ d) ** 2
    expected = 0.5 * (1.0 + cos_squared - kahn * math.cos(2.0 * psi) * (1.0 - cos_squared))
    assert polarization.polarization(diffracted, incident, field, kahn) == pytest.approx(expected, abs=1e-14)


@given(scenes.generators(), st.floats(-1.0, 1.0))
def test_polarization_is_between_zero_and_one(rng, kahn):
    incident = direction(rng)
    field = polarization.fields(incident, direction(rng))
    assert -1e-15 <= polarization.polarization(direction(rng), incident, field, kahn) <= 1.0 + 1e-15


@given(scenes.generators())
def test_fields_are_across_the_beam_and_each_other(rng):
    incident = direction(rng)
    electric, magnetic = polarization.fields(incident, direction(rng))
    frame = np.array([electric, magnetic, incident])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-13)


# --- absorption ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 30), st.floats(0.001, 5.0), st.floats(0.001, 5.0), st.floats(0.1, 1.0))
def test_captures_telescope(layers, thickness, mu, parallax):
    total = sum(absorption.capture(float(t), thickness / layers, mu, parallax) for t in range(layers))
    assert total == pytest.approx(-math.expm1(-thickness * mu / parallax), rel=1e-11)


# --- detector points -------------------------------------------------------------------------------------------------


def test_subpixel_centers_are_evenly_spaced():
    centers = [pixel.subpixel_center(p, sub, 4, 0.2) for p in (7, 8) for sub in range(4)]
    np.testing.assert_allclose(centers, 1.4 + 0.05 * (np.arange(8) + 0.5), rtol=1e-14)


def test_solid_angles_of_a_plane_add_up():
    # A square of half edge a at distance d is seen under 4 atan(a^2/(d sqrt(d^2 + 2 a^2))).
    points = (np.arange(200) + 0.5) * 0.1 - 10.0
    distances = np.sqrt(points[:, None] ** 2 + points**2 + 100.0).ravel()
    total = sum(pixel.solid_angle(r, 0.1, 10.0, False) for r in distances.tolist())
    assert total == pytest.approx(4.0 * math.atan(100.0 / (10.0 * math.sqrt(300.0))), rel=1e-4)


def test_point_pixels_see_the_inverse_square_in_metres():
    assert pixel.solid_angle(250.0, 0.1, 100.0, True) == pytest.approx(16.0, rel=1e-15)


@given(scenes.generators())
def test_rays_have_unit_direction(rng):
    point = Vector(*(100.0 * rng.normal(size=3)).tolist())
    ray = pixel.ray_to(point)
    assert ray.distance == pytest.approx(float(np.linalg.norm(point)), rel=1e-14)
    np.testing.assert_allclose(np.array(ray.direction) * ray.distance, point, rtol=1e-14)


# --- scattering ------------------------------------------------------------------------------------------------------


@given(scenes.generators())
def test_the_length_of_q_is_the_bragg_equation(rng):
    incident, diffracted = direction(rng), direction(rng)
    q = scattering.scattering_vector(diffracted, incident, 1.3)
    theta = math.acos(float(np.dot(incident, diffracted))) / 2.0
    assert vector.length(q) == pytest.approx(2.0 * math.sin(theta) / 1.3, rel=1e-7)


@pytest.mark.parametrize(("dmin", "cut"), [(0.0, False), (1.99, False), (2.01, True)])
def test_beyond_compares_spacings(dmin, cut):
    assert scattering.beyond(Vector(0.3, -0.4, 0.0), dmin) is cut


# --- structure factors -----------------------------------------------------------------------------------------------


@given(scenes.generators())
def test_cubic_weights_reproduce_cubic_polynomials(rng):
    coefficients, u = rng.normal(size=4), float(rng.uniform())
    values = np.polyval(coefficients, np.array([-1.0, 0.0, 1.0, 2.0]))
    assert np.dot(structure_factor.lagrange(u), values) == pytest.approx(np.polyval(coefficients, u), abs=1e-13)


@given(scenes.generators())
def test_smooth_weights_reproduce_quadratic_polynomials(rng):
    coefficients, u = rng.normal(size=3), float(rng.uniform())
    values = np.polyval(coefficients, np.array([-1.0, 0.0, 1.0, 2.0]))
    assert np.dot(structure_factor.catmull_rom(u), values) == pytest.approx(np.polyval(coefficients, u), abs=1e-13)


@pytest.mark.parametrize("weights", [structure_factor.lagrange, structure_factor.catmull_rom])
@given(st.floats(0.0, 1.0))
def test_cubic_weights_sum_to_one(weights, u):
    assert sum(weights(u)) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("weights", [structure_factor.lagrange, structure_factor.catmull_rom])
def test_cubic_weights_pick_the_node_on_a_node(weights):
    assert tuple(map(abs, weights(0.0))) == (0.0, 1.0, 0.0, 0.0)


def test_smooth_weights_have_no_kink_on_a_node():
    before, after = structure_factor.catmull_rom_slope(1.0), structure_factor.catmull_rom_slope(0.0)
    assert abs(before[0]) == abs(after[3]) == 0.0
    assert before[1:] == after[:3]
    assert structure_factor.lagrange_slope(1.0)[1:] != structure_factor.lagrange_slope(0.0)[:3]


def tricubic_table(polynomial, low, high, smooth=False):
    block = np.stack(np.meshgrid(*[np.arange(low, high + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    dense, corner = nb.Reflections(block, polynomial(*block.T)).dense(7.0)
    return structure_factor.Tricubic(dense.ravel(), *map(float, corner), *map(float, dense.shape), smooth)


def cubic_in_each_index(h, k, l):  # noqa: E741
    return (1.0 + h - 0.3 * h**3) * (2.0 - 0.5 * k**2) * (3.0 + l + 0.1 * l**3)


@given(scenes.generators())
def test_tricubic_reproduces_cubic_functions_inside_the_list(rng):
    table = tricubic_table(cubic_in_each_index, -4, 4)
    hkl = Vector(*rng.uniform(-3.0, 3.0, 3).tolist())
    at = scattering.indices(rotation.Matrix(Vector(1, 0, 0), Vector(0, 1, 0), Vector(0, 0, 1)), hkl)
    assert structure_factor.cell_amplitude(table, at) == pytest.approx(cubic_in_each_index(*hkl), rel=1e-10, abs=1e-9)


@pytest.mark.parametrize(
    ("h", "inside"), [(-3.0, True), (-3.001, False), (2.999, True), (3.0, False), (0.0, True), (50.0, False)]
)
def test_interpolation_needs_64_neighbours(h, inside):
    table = tricubic_table(cubic_in_each_index, -4, 4)
    for place in ((h, 0.5, 0.5), (0.5, h, 0.5), (0.5, 0.5, h)):
        assert bool(structure_factor.box_surrounds(table, *place)) is inside


@pytest.mark.parametrize(("hkl", "expected"), [((1, 2, 3), 5.0), ((1, 2, 4), 0.25), ((40000, -40000, 0), 0.25)])
def test_reflections_that_are_not_listed_have_the_default(hkl, expected):
    dense, corner = nb.Reflections([(1, 2, 3), (-2, 0, 1)], [5.0, 6.0]).dense(0.25)
    table = structure_factor.Nearest(dense.ravel(), *map(float, corner), *map(float, dense.shape))
    at = scattering.Indices(*map(float, hkl), *map(float, hkl))
    assert structure_factor.cell_amplitude(table, at) == expected


# --- mosaic domains --------------------------------------------------------------------------------------------------


def angles(matrices):
    """Rotation angles [rad], accurate for small ones: the Frobenius norm of U - 1 is sqrt(8) sin(angle/2)."""
    return 2.0 * np.arcsin(np.linalg.norm(matrices - np.eye(3), axis=(1, 2)) / math.sqrt(8.0))


def test_the_generator_gives_the_numbers_of_its_seed():
    generator = MinimalStandard(12345678)
    assert [generator.uniform() for _ in range(4)] == FIRST_NUMBERS


def test_numbers_lie_between_zero_and_one_and_are_even():
    generator = MinimalStandard(7)
    values = np.array([generator.uniform() for _ in range(20000)])
    assert 0.0 < values.min() < values.max() < 1.0
    assert np.all(np.abs(np.histogram(values, bins=10, range=(0, 1))[0] - 2000) < 200)


def test_different_seeds_give_different_domains():
    first, second = (nb.Mosaic(spread=1.0, domains=3, seed=seed).rotations() for seed in (1, 2))
    assert not np.allclose(first[1:], second[1:])


def test_more_domains_begin_with_the_same_ones():
    few, many = (nb.Mosaic(spread=1.0, domains=n).rotations() for n in (3, 8))
    np.testing.assert_array_equal(few, many[:3])


@given(st.integers(1, 2**31 - 1), st.floats(0.001, 180.0))
def test_domains_are_rotations_within_the_spread(seed, spread):
    matrices = nb.Mosaic(spread=spread, domains=12, seed=seed).rotations()
    np.testing.assert_array_equal(matrices[0], np.eye(3))
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (12, 3, 3)), atol=1e-13
    )
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0, rtol=1e-13)
    assert np.all(angles(matrices) <= math.radians(spread) * (1.0 + 1e-7) + 1e-12)


def test_domains_fill_the_spread():
    turned = angles(nb.Mosaic(spread=2.0, domains=2000).rotations()[1:])
    assert turned.max() > math.radians(1.99)
    # Three deviates draw the angle as spread (1 - r^2)^(1/3) with even r in [-1, 1], whose mean is 0.8413.
    assert turned.mean() == pytest.approx(math.radians(2.0) * 0.8413, rel=0.02)


def test_no_spread_is_one_domain_whatever_their_number():
    np.testing.assert_array_equal(nb.Mosaic(spread=0.0, domains=9).rotations(), np.eye(3)[None])


def test_the_angle_is_the_power_to_the_last_bit_of_single_precision():
    generator, twin = MinimalStandard(1), MinimalStandard(1)
    for _ in range(200):
        r3 = [2.0 * twin.uniform() - 1.0 for _ in range(3)][2]
        power = float(np.float32(1.0 - r3 * r3)) ** float(np.float32(1.0 / 3.0))
        assert random_rotation(generator)[1] == float(np.float32(power))


def test_axes_of_random_rotations_are_unit_vectors():
    generator = MinimalStandard(3)
    for _ in range(100):
        axis, fraction = random_rotation(generator)
        assert vector.length(axis) == pytest.approx(1.0, rel=1e-14)
        assert 0.0 <= fraction <= 1.0
