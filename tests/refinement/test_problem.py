"""The equations that a refinement solves: those of the loss, solved together or image by image."""

import numpy as np
import pytest
import scenes

import nbnumba as nb
from nbnumba.refinement.equations import Equations
from nbnumba.refinement.free import choose
from nbnumba.refinement.problem import Picture, Problem
from nbnumba.refinement.scoring import score


def images(count):
    base = scenes.still(**{**scenes.RICH, "crystal.spot_scale": 30.0, "crystal.cells": (4, 4, 5)})
    return [base.with_parameters(misset_x=11.0 + 0.3 * i) for i in range(count)]


def problem(count=2, names=("misset_x", "spot_scale", "distance", "cells_a", "mosaic_spread"), **how):
    experiments = images(count)
    rng = np.random.default_rng(1)
    boxes = [nb.Shoebox(0, 0, 0, 0, 6, 0, 8), nb.Shoebox(1, 0, 0, 4, 12, 6, 17)]
    losses = [nb.Poisson(rng.poisson(nb.jacobian(e, [])[0] + 3.0), background=0.5) for e in experiments]
    pictures = [Picture(loss, e, boxes, planes=True) for loss, e in zip(losses, experiments, strict=True)]
    how = {"shared": ["distance"], "ties": {"cells_a": ["cells_b"]},
           "restraints": {"misset_x": (11.2, 0.5), "distance": (83.1, 0.2)}, **how}  # fmt: skip
    return Problem(experiments, pictures, choose(experiments, list(names), **how))


def differences(made, x):
    found = []
    for i in range(len(x)):
        h = np.zeros(len(x))
        h[i] = 1e-4
        f = [made.evaluate(x + n * h).value for n in (-2, -1, 1, 2)]
        found.append((f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / 12e-4)
    return np.array(found)


def test_slopes_are_those_of_the_loss():
    """By shared and own numbers, on scales of logarithms, tied, restrained, and by planes of background."""
    made = problem()
    x = made.start()
    assert len(x) == 1 + 2 * (4 + 2 * 3)
    gradient = made.evaluate(x).gradient
    # The mosaic spread is rounded to single precision by the model, which differences see.
    spread = [i for i, name in zip(made.places(), made.names(), strict=True) if name.startswith("mosaic")]
    error = np.abs(gradient - differences(made, x)) / np.abs(gradient).max()
    assert np.delete(error, spread).max() < 1e-7
    assert error[spread].max() < 1e-2


@pytest.mark.parametrize("names", [("beam_tilt_h", "beam_tilt_v"), ("beam_tilt_v", "beam_tilt_h")])
def test_tilts_turn_one_after_the_other(names):
    made = problem(1, names, shared=(), ties=None, restraints=None)
    x = made.start()
    x[:2] = 0.5, 1.0
    gradient = made.evaluate(x).gradient
    np.testing.assert_allclose(gradient[:2], differences(made, x)[:2], rtol=1e-6)


def random_equations(rng, shared, own):
    total = shared + sum(own)
    root = rng.normal(size=(total, total + 3))
    # Images share nothing but the shared unknowns.
    at = np.split(np.arange(total), np.cumsum([shared, *own])[:-1])
    whole = np.zeros((total, total))
    for i, part in enumerate(at[1:]):
        both = np.r_[at[0], part]
        piece = root[np.ix_(both, np.arange(i, total + 3))]
        whole[np.ix_(both, both)] += piece @ piece.T
    slopes = rng.normal(size=total)
    return Equations(
        1.0, slopes[at[0]], whole[np.ix_(at[0], at[0])], [slopes[p] for p in at[1:]],
        [whole[np.ix_(p, p)] for p in at[1:]], [whole[np.ix_(at[0], p)] for p in at[1:]],
    ), whole, slopes  # fmt: skip


@pytest.mark.parametrize(("shared", "own"), [(3, (4, 2, 5)), (0, (4,)), (2, (1,)), (0, (2, 3))])
def test_eliminating_images_is_solving_all_at_once(shared, own):
    rng = np.random.default_rng(7)
    equations, whole, slopes = random_equations(rng, shared, own)
    held = rng.uniform(size=len(slopes)) < 0.2
    shift = rng.normal(size=len(slopes))
    free = ~held
    damped = whole + 0.3 * np.diag(np.diag(whole))
    right = -slopes - whole[:, held] @ shift[held]
    expected = shift.copy()
    expected[free] = np.linalg.solve(damped[np.ix_(free, free)], right[free])
    np.testing.assert_allclose(equations.step(0.3, held, shift), expected, rtol=1e-9)
    np.testing.assert_allclose(equations.matrix, whole)
    np.testing.assert_allclose(equations.times(slopes), whole @ slopes)


def test_what_is_left_without_planes():
    rng = np.random.default_rng(3)
    equations, whole, _ = random_equations(rng, 2, (4, 5))
    kept = np.r_[0:4, 6:8]  # two shared ones and two of each image
    inverse = np.linalg.inv(whole)[np.ix_(kept, kept)]
    np.testing.assert_allclose(np.linalg.inv(equations.without(2).matrix), inverse, rtol=1e-8)


class Quadratic:
    """A parabola over a box."""

    def __init__(self, matrix, best, low, high):
        self.matrix, self.best, self.low, self.high = matrix, best, low, high

    def limits(self):
        return self.low, self.high

    def loss(self, x):
        found = self.evaluate(x)
        return found.value, found.gradient

    def evaluate(self, x):
        slope = self.matrix @ (x - self.best)
        value = float(0.5 * (x - self.best) @ slope)
        empty = np.zeros((0, len(x)))
        return Equations(value, np.zeros(0), np.zeros((0, 0)), [slope], [self.matrix], [empty])


def test_bounds_that_hold_one_unknown_let_the_others_go_on():
    from scipy.optimize import minimize

    for draw in range(50):
        rng = np.random.default_rng(draw)
        root = rng.normal(size=(5, 5))
        matrix = root @ root.T + 0.05 * np.eye(5)
        low, high = -rng.uniform(0.1, 1.0, 5), rng.uniform(0.1, 1.0, 5)
        box = Quadratic(matrix, rng.normal(size=5) * 2.0, low, high)
        found = score(box, np.zeros(5), iterations=200, tolerance=1e-12, report=lambda _: None)
        best = minimize(box.loss, np.zeros(5), jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)),
                        options={"ftol": 1e-15, "gtol": 1e-10})  # fmt: skip
        assert found.converged
        assert found.equations.value == pytest.approx(best.fun, rel=1e-7, abs=1e-9)
