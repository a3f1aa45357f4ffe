"""The equations that a refinement solves: those of the loss, solved together or image by image."""

import numpy as np
import pytest
import scenes

import nbnumba as nb
from nbnumba.refinement.equations import Equations, Part
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


def random_equations(rng, shared, own, boxes):
    """Equations of images that share nothing but the shared unknowns, and of planes that share nothing at all."""
    sizes = [n for pair in zip(own, [3 * b for b in boxes], strict=True) for n in pair]
    at = np.split(np.arange(shared + sum(sizes)), np.cumsum([shared, *sizes])[:-1])
    whole, parts = np.zeros((shared + sum(sizes),) * 2), []
    slopes = np.zeros(len(whole))
    for i, count in enumerate(boxes):
        both, planes = np.r_[at[0], at[1 + 2 * i]], at[2 + 2 * i].reshape(count, 3)
        root = rng.normal(size=(len(both), 40))
        curvature, mixed, blocks = root @ root.T, np.zeros((count, len(both), 3)), np.zeros((count, 3, 3))
        for j in range(count):
            own_root = rng.normal(size=(3, 40)) * (np.arange(40) % max(count, 1) == j)
            mixed[j], blocks[j] = root @ own_root.T, own_root @ own_root.T
            whole[np.ix_(both, planes[j])] = mixed[j]
            whole[np.ix_(planes[j], both)] = mixed[j].T
            whole[np.ix_(planes[j], planes[j])] = blocks[j]
        whole[np.ix_(both, both)] += curvature
        slope, by_planes = rng.normal(size=len(both)), rng.normal(size=(count, 3))
        slopes[both] += slope
        slopes[planes.ravel()] = by_planes.ravel()
        parts.append(Part(slope, curvature, by_planes, blocks, mixed))
    return Equations(1.0, shared, parts), whole, slopes


KINDS = [(3, (4, 2, 5), (0, 2, 3)), (0, (4,), (0,)), (2, (1,), (4,)), (0, (2, 3), (1, 1)), (2, (0, 0), (0, 2))]


@pytest.mark.parametrize(("shared", "own", "boxes"), KINDS)
def test_eliminating_is_solving_all_at_once(shared, own, boxes):
    rng = np.random.default_rng(7)
    equations, whole, slopes = random_equations(rng, shared, own, boxes)
    held = rng.uniform(size=len(slopes)) < 0.2
    shift = rng.normal(size=len(slopes))
    free = ~held
    damped = whole + 0.3 * np.diag(np.diag(whole))
    right = -slopes - whole[:, held] @ shift[held]
    expected = shift.copy()
    expected[free] = np.linalg.solve(damped[np.ix_(free, free)], right[free])
    np.testing.assert_allclose(equations.step(0.3, held, shift), expected, rtol=1e-8)
    np.testing.assert_allclose(equations.matrix, whole)
    np.testing.assert_allclose(equations.gradient, slopes)
    np.testing.assert_allclose(equations.diagonal, np.diag(whole))


def test_what_is_left_without_planes():
    rng = np.random.default_rng(3)
    equations, whole, _ = random_equations(rng, 2, (4, 5), (2, 3))
    kept = np.r_[0:6, 12:17]  # two shared ones, four, six of two planes, five, nine of three
    inverse = np.linalg.inv(whole)[np.ix_(kept, kept)]
    np.testing.assert_allclose(np.linalg.inv(equations.without_planes().matrix), inverse, rtol=1e-7)


def test_planes_stay_above_nothing():
    """Boxes nearly without photons, where the best background is none."""
    e = images(1)[0].replace(**{"crystal.spot_scale": 3.0})
    data = np.random.default_rng(2).poisson(nb.jacobian(e, [])[0] + 0.02)
    boxes = [nb.Shoebox(0, 0, 0, 0, 6, 0, 8), nb.Shoebox(1, 0, 0, 6, 12, 6, 17)]
    found = nb.refine(e.with_parameters(misset_x=11.05), nb.Poisson(data), ["misset_x"], boxes=boxes, planes=True)
    assert found.converged
    assert len(found.history) < 40
    assert (found.planes[0][:, 0] >= 0.0).all()
    assert found.planes[0][:, 0].max() < 0.2


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
        part = Part(slope, self.matrix, np.zeros((0, 3)), np.zeros((0, 3, 3)), np.zeros((0, len(x), 3)))
        return Equations(value, 0, [part])

    def near(self, x):
        return self.limits()


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
