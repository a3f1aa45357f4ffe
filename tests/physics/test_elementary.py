"""Polynomials against the library, with the errors that their documentation states."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbnumba.physics.elementary import EXP_END, cos_pi, exp_minus, nearest_integer, sin_pi

HALF_TURN = np.linspace(-0.5, 0.5, 4001)


def exact_sin_pi(x):
    """sin(pi x), from the side on which the library's argument is small."""
    return math.sin(math.pi * x) if abs(x) <= 0.25 else math.copysign(math.cos(math.pi * (0.5 - abs(x))), x)


def exact_cos_pi(x):
    return math.cos(math.pi * x) if abs(x) <= 0.25 else math.sin(math.pi * (0.5 - abs(x)))


def test_sin_pi_keeps_its_relative_error():
    for x in HALF_TURN[HALF_TURN != 0.0].tolist():
        assert abs(sin_pi(x) / exact_sin_pi(x) - 1.0) < 3e-11


@pytest.mark.parametrize("x", [1e-20, 1e-100, 1e-9, -1e-5])
def test_sin_pi_of_small_numbers_is_a_product(x):
    assert sin_pi(x) == pytest.approx(math.pi * x, rel=1e-9, abs=0.0)


def test_sin_pi_of_zero_is_zero():
    assert sin_pi(0.0) == 0.0


def test_cos_pi_keeps_its_absolute_error():
    for x in HALF_TURN.tolist():
        assert abs(cos_pi(x) - exact_cos_pi(x)) < 2e-12


@pytest.mark.parametrize(("low", "high", "error"), [(0.0, 30.0, 1e-13), (30.0, 60.0, 1e-11), (60.0, 200.0, 5e-7)])
def test_exp_minus_keeps_its_relative_error(low, high, error):
    for x in np.linspace(low, high, 3001)[:-1].tolist():
        assert abs(exp_minus(x, EXP_END) / math.exp(-x) - 1.0) < error


@pytest.mark.parametrize("end", [EXP_END, 50.0])
@pytest.mark.parametrize("factor", [1.0, 5.0, 1e300, math.inf])
def test_exp_minus_vanishes_from_its_end_on(end, factor):
    assert exp_minus(end * factor, end) == 0.0
    assert exp_minus(end * (1.0 - 1e-9), end) > 0.0


def test_exp_minus_of_zero_is_one():
    assert exp_minus(0.0, EXP_END) == 1.0


def test_exp_minus_never_rises():
    values = [exp_minus(x, EXP_END) for x in np.linspace(0.0, 210.0, 3001).tolist()]
    assert all(later <= earlier for earlier, later in itertools.pairwise(values))


@given(st.floats(-1e9, 1e9))
def test_nearest_integer_is_within_a_half(x):
    assert nearest_integer(x) == int(nearest_integer(x))
    assert abs(x - nearest_integer(x)) <= 0.5


@given(st.integers(-(10**6), 10**6))
def test_halves_go_down(n):
    assert nearest_integer(n + 0.5) == n
