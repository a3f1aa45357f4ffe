"""Arrays of reflections and the Ewald sphere: what the physics says of each of them."""

import numpy as np
import pytest

from nbnumba.crossings import crossings, diffracting, excitation_errors, turned
from nbnumba.physics.ewald import diffracting_angles, excitation_error
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector, unit
from nbnumba.prediction import MeanBeam

AXIS, BEAM = unit(Vector(0.2, -0.9, 0.4)), MeanBeam(unit(Vector(1.0, 0.1, -0.2)), 1.3)
Q = np.vstack([np.random.default_rng(4).normal(scale=0.5, size=(60, 3)), 0.3 * np.array(AXIS)])
ANGLES = np.random.default_rng(5).uniform(-9.0, 9.0, len(Q))


def each(function, *more):
    return np.array([function(Vector(*q), *args) for q, *args in zip(Q.tolist(), *more, strict=True)])


def test_each_is_as_the_physics_says():
    np.testing.assert_allclose(turned(Q, AXIS, ANGLES), each(lambda q, x: rotate(q, AXIS, x), ANGLES), atol=1e-14)
    np.testing.assert_allclose(excitation_errors(Q, BEAM), each(lambda q: excitation_error(q, *BEAM)), atol=1e-14)
    expected = each(lambda q: diffracting_angles(q, AXIS, *BEAM))
    assert 10 < np.isnan(expected[:, 0]).sum() < 50
    np.testing.assert_allclose(diffracting(Q, AXIS, BEAM), expected, atol=1e-12)


@pytest.mark.parametrize("low", [-70.0, 0.3, 2.0])
@pytest.mark.parametrize("width", [0.1, 5.0, 20.0])
def test_every_crossing_within_a_turn_is_found(low, width):
    which, angles = crossings(Q, AXIS, BEAM, low, low + width)
    assert ((angles >= low - 1e-12) & (angles <= low + width)).all()
    np.testing.assert_allclose(excitation_errors(turned(Q[which], AXIS, angles), BEAM), 0.0, atol=1e-12)
    full = np.isfinite(diffracting(Q, AXIS, BEAM)).sum()
    fine = np.linspace(low, low + width, 20_001)
    errors = (excitation_errors(turned(np.tile(q, (len(fine), 1)), AXIS, fine), BEAM) for q in Q)
    changes = [np.count_nonzero(np.diff(np.sign(each))) for each in errors]
    np.testing.assert_array_equal(np.bincount(which, minlength=len(Q)), changes)
    assert len(which) >= full * int(width / (2.0 * np.pi))


def test_every_bit_is_the_same_in_any_company():
    q = np.random.default_rng(6).normal(scale=0.5, size=(300, 3))
    for function in (lambda q: turned(q, AXIS, np.full(len(q), 0.3)), lambda q: diffracting(q, AXIS, BEAM)):
        alone = [function(one[np.newaxis]) for one in q]
        np.testing.assert_array_equal(function(q), np.concatenate(alone))
