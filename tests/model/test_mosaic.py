"""Mosaic domains: how their turns and cells are distributed, and in which frame."""

import math

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.model.cell import cell_of, reciprocal
from nbnumba.model.mosaic import DISTRIBUTIONS
from nbnumba.model.sequences import SEQUENCES, sobol, uniforms

KINDS = [(d, s) for d in DISTRIBUTIONS for s in SEQUENCES]
GAUSSIAN = {"distribution": "gaussian"}
EVEN = {"sequence": "low-discrepancy"}


def vectors(rotations):
    """Rotation vectors (n, 3) [rad] of small turns."""
    skew = 0.5 * (rotations - rotations.transpose(0, 2, 1))
    axis = np.column_stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]])
    size = np.linalg.norm(axis, axis=1, keepdims=True)
    return axis / np.where(size > 0.0, size, 1.0) * np.arcsin(size)


# --- sequences -------------------------------------------------------------------------------------------------------


def test_points_are_those_of_sobol():
    qmc = pytest.importorskip("scipy.stats").qmc
    np.testing.assert_array_equal(sobol(1024), qmc.Sobol(6, scramble=False, bits=32).random(1024) * 2.0**32)


@given(st.integers(1, 2**31 - 1))
def test_sixty_four_even_points_share_out_every_small_box(seed):
    """Any 2^6 of the first points are a (0, 6, 2)-net in two dimensions; a shift of bits leaves that so."""
    points = uniforms("low-discrepancy", seed, 64, 2)
    assert points.shape == (2, 64, 3)
    assert 0.0 < points.min() < points.max() < 1.0
    for exponent in range(7):
        boxes = np.floor(points[0, :, :2] * [2**exponent, 2 ** (6 - exponent)]).astype(int)
        assert len(np.unique(boxes, axis=0)) == 64
    for axis in points.transpose(0, 2, 1).reshape(6, 64):
        assert len(np.unique(np.floor(64 * axis))) == 64


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_later_numbers_and_other_seeds_leave_the_first_ones_alone(sequence):
    few, many = uniforms(sequence, 7, 5, 1), uniforms(sequence, 7, 9, 2)
    np.testing.assert_array_equal(few[0], many[0, :5])
    assert not np.isin(uniforms(sequence, 8, 9, 2), many).any()


# --- turns -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("distribution", "sequence"), KINDS)
@pytest.mark.parametrize("spread", [40.0, (10.0, 0.0, 60.0)])
def test_domains_are_rotations(distribution, sequence, spread):
    u = nb.Mosaic(spread=spread, domains=50, distribution=distribution, sequence=sequence).rotations()
    np.testing.assert_allclose(u @ u.transpose(0, 2, 1), np.broadcast_to(np.eye(3), u.shape), atol=1e-13)
    np.testing.assert_allclose(np.linalg.det(u), 1.0, rtol=1e-13)
    assert len(np.unique(u.round(12), axis=0)) == 50


@pytest.mark.parametrize("spread", [0.5, (0.2, 0.4, 0.8)])
@pytest.mark.parametrize(("sequence", "tolerance"), [("random", 5.0), ("low-discrepancy", 0.4)])
def test_gaussian_turns_have_their_mean_and_covariance(spread, sequence, tolerance):
    n = 4096
    found = vectors(nb.Mosaic(spread=spread, domains=n, sequence=sequence, **GAUSSIAN).rotations())
    sigma = np.radians(np.broadcast_to(spread, 3))
    # Standard errors of random numbers are sigma/sqrt(n) and sigma^2 sqrt(2/n): evenly spread ones are far nearer.
    assert np.abs(found.mean(axis=0) / sigma).max() < tolerance / math.sqrt(n)
    covariance = found.T @ found / n / np.outer(sigma, sigma)
    assert np.abs(covariance - np.eye(3)).max() < tolerance * math.sqrt(2.0 / n)


@pytest.mark.parametrize(("sequence", "tolerance"), [("random", 5.0), ("low-discrepancy", 0.4)])
def test_nanobragg_turns_fill_all_directions_and_angles(sequence, tolerance):
    n = 4096
    found = vectors(nb.Mosaic(spread=2.0, domains=n, sequence=sequence).rotations()[1:])
    angles = np.linalg.norm(found, axis=1)
    assert angles.max() <= math.radians(2.0) * (1.0 + 1e-7)
    # The mean of (1 - r^2)^(1/3) over [-1, 1] is 0.8413, its standard deviation 0.20.
    assert abs(angles.mean() / math.radians(2.0) - 0.8413) < 1e-4 + tolerance * 0.20 / math.sqrt(n)
    axes = found / angles[:, np.newaxis]
    assert np.abs(axes.mean(axis=0)).max() < tolerance / math.sqrt(3.0 * n)
    assert np.abs(axes.T @ axes / n - np.eye(3) / 3.0).max() < tolerance * 0.3 / math.sqrt(n)


def test_three_equal_spreads_turn_as_far_as_one():
    one = nb.Mosaic(spread=1.0, domains=9, **GAUSSIAN)
    three = nb.Mosaic(spread=(1.0, 1.0, 1.0), domains=9, **GAUSSIAN)
    np.testing.assert_allclose(three.rotations(), one.rotations(), atol=1e-15)


@pytest.mark.parametrize("kind", [GAUSSIAN, EVEN, {}])
def test_the_first_domain_is_turned_unless_it_is_nanobraggs(kind):
    first = nb.Mosaic(spread=1.0, domains=9, **kind).rotations()[0]
    assert np.array_equal(first, np.eye(3)) == (kind == {})


# --- the crystal's own frame -----------------------------------------------------------------------------------------


def crystal(**mosaic):
    return nb.Crystal(
        cell=(31.3, 35.7, 42.1, 84.3, 97.2, 103.9), misset=(11, 24, -8), default_f=1.0, mosaic=nb.Mosaic(**mosaic)
    )


@pytest.mark.parametrize("handed", [1.0, -1.0])
def test_the_frame_of_a_crystal_is_that_of_its_standard_setting(handed):
    lying = nb.Crystal(cell=(31.3, 35.7, 42.1, 84.3, 97.2, 103.9))
    np.testing.assert_allclose(lying.frame, np.eye(3), atol=1e-14)
    axes = handed * crystal().axes
    frame = nb.Crystal(orientation=axes.tolist()).frame
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(frame) == pytest.approx(1.0)
    np.testing.assert_allclose(frame @ reciprocal(axes)[0], [np.linalg.norm(reciprocal(axes)[0]), 0, 0], atol=1e-14)
    np.testing.assert_allclose(frame @ axes[2], [0, 0, 42.1], atol=1e-13)


def test_a_spread_about_one_axis_leaves_that_axis_where_it_is():
    about_x, about_z = (crystal(spread=s, domains=20) for s in ((3, 0, 0), (0, 0, 3)))
    stars = [reciprocal(axes)[0] for axes in about_x.domain_axes()]
    np.testing.assert_allclose(stars, np.tile(reciprocal(about_x.axes)[0], (20, 1)), atol=1e-15)
    np.testing.assert_allclose(about_z.domain_axes()[:, 2], np.tile(about_z.axes[2], (20, 1)), rtol=1e-13)
    moved = np.linalg.norm(about_x.domain_axes()[:, 2] - about_x.axes[2], axis=1) / 42.1
    assert 0.5 * math.radians(3.0) < moved.max() < math.radians(3.0)


@given(scenes.generators())
def test_domains_turn_with_their_crystal(rng):
    turn = scenes.random_rotation(rng)
    one = crystal(spread=(1, 2, 3), cell_spread=2.0, domains=4)
    other = nb.Crystal(orientation=(one.axes @ turn.T).tolist(), mosaic=one.mosaic)
    np.testing.assert_allclose(other.domain_axes(), one.domain_axes() @ turn.T, atol=1e-12)


def test_one_spread_needs_no_frame():
    one = crystal(spread=1.0, domains=6)
    np.testing.assert_allclose(one.domain_axes(), one.axes @ one.mosaic.rotations().transpose(0, 2, 1), rtol=1e-13)


# --- cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sequence", "tolerance"), [("random", 5.0), ("low-discrepancy", 0.4)])
def test_cells_have_their_mean_and_spread(sequence, tolerance):
    n = 4096
    one = crystal(cell_spread=(0.5, 0.0, 2.0), domains=n, sequence=sequence)
    cells = np.array([cell_of(axes) for axes in one.domain_axes()])
    np.testing.assert_allclose(cells[:, 3:], np.tile(one.cell[3:], (n, 1)), rtol=1e-12)
    off = cells[:, :3] / one.cell[:3] - 1.0
    np.testing.assert_allclose(off[:, 1], 0.0, atol=1e-12)
    for i, sigma in ((0, 0.005), (2, 0.02)):
        assert abs(off[:, i].mean()) < tolerance * sigma / math.sqrt(n)
        assert abs(off[:, i].std() / sigma - 1.0) < tolerance / math.sqrt(2.0 * n)
    assert abs((off[:, 0] * off[:, 2]).mean()) < tolerance * 0.005 * 0.02 / math.sqrt(n)


def test_turns_do_not_depend_on_the_spread_of_cells():
    one, other = (crystal(spread=(1, 2, 3), cell_spread=s, domains=5) for s in (0.0, 1.0))
    unit = lambda a: a / np.linalg.norm(a, axis=2, keepdims=True)  # noqa: E731
    np.testing.assert_allclose(unit(one.domain_axes()), unit(other.domain_axes()), atol=1e-14)


def test_cells_alone_make_domains():
    assert crystal(cell_spread=0.1, domains=7).mosaic.count == 7
    assert crystal(cell_spread=(0.0, 0.0, 0.1), domains=7).domain_axes().shape == (7, 3, 3)
    assert crystal(spread=(0, 0, 0), cell_spread=0, domains=7).mosaic.count == 1


# --- descriptions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("spread", (1, 2), "3 numbers"),
        ("spread", (1, 2, -3), r"\[2\]: found -3.0; allowed: a number from 0 up to 180"),
        ("spread", "wide", "a number"),
        ("distribution", "gausian", "did you mean 'gaussian'"),
        ("sequence", "sobol", r"random \| low-discrepancy"),
        ("cell_spread", 11, "from 0 up to 10"),
        ("cell_spread", (0, 0, 0, 0), "3 numbers"),
    ],
)
def test_what_no_mosaic_has_is_refused(field, value, words):
    with pytest.raises(nb.NbnumbaError, match=rf"crystal\.mosaic\.{field}.*{words}"):
        nb.Mosaic(**{field: value})


def test_a_mosaic_comes_back_from_toml():
    mosaic = nb.Mosaic(spread=(0.1, 0.2, 0.3), cell_spread=0.05, domains=300, **GAUSSIAN, **EVEN)
    experiment = scenes.still(**{"crystal.mosaic": mosaic})
    assert nb.Experiment.from_toml(experiment.to_toml()) == experiment
    assert hash(nb.Experiment.from_toml(experiment.to_toml())) == hash(experiment)
    changed = nb.Experiment.from_toml(experiment.to_toml(), {"crystal.mosaic.spread": 0.5})
    assert changed.crystal.mosaic.spread == 0.5
