"""Means of a beam's profile over a crystal: against sums over a fine grid, and what has to hold whatever the shape."""

from itertools import pairwise

import numpy as np
import oracle
import pytest

from nbnumba.physics.illumination import Outline, ellipse_density, gaussian_density, rectangle_density

DENSITIES = {"square": rectangle_density, "round": ellipse_density, "gaussian": gaussian_density}


def outline(center, size):
    (x, y), (w, h) = center, size
    return Outline(x - w / 2, x + w / 2, y - h / 2, y + h / 2)


@pytest.mark.parametrize("profile", DENSITIES)
@pytest.mark.parametrize("seed", range(8))
def test_mean_is_that_of_a_grid(profile, seed):
    rng = np.random.default_rng(seed)
    size, center, extent = rng.uniform(0.5, 2.0, 2), rng.uniform(-1.0, 1.0, 2), rng.uniform(0.1, 2.0, 2)
    n = 1500
    x, y = (c + e * ((np.arange(n) + 0.5) / n - 0.5) for c, e in zip(center, extent, strict=True))
    grid = oracle.profile_density(profile, tuple(size), x[:, None], y[None, :]).mean()
    # of n cells, those on the edge of a flat profile count in part: some 1/n of the largest mean
    tolerance = 1e-6 if profile == "gaussian" else 2.0 / n / size.prod()
    assert DENSITIES[profile](outline(center, extent), *size) == pytest.approx(grid, abs=tolerance)


@pytest.mark.parametrize("profile", DENSITIES)
def test_a_large_crystal_catches_every_photon_once(profile):
    caught = DENSITIES[profile](outline((0.3, -0.2), (20.0, 30.0)), 0.7, 1.3) * 20.0 * 30.0
    assert caught == pytest.approx(1.0, rel=1e-13)


@pytest.mark.parametrize("profile", DENSITIES)
def test_parts_of_a_crystal_add_up(profile):
    density = DENSITIES[profile]
    cuts_x, cuts_y = (-0.8, -0.31, 0.05, 0.9), (-0.4, 0.2, 0.61)
    parts = [
        density(Outline(a, b, c, d), 1.1, 0.7) * (b - a) * (d - c)
        for a, b in pairwise(cuts_x)
        for c, d in pairwise(cuts_y)
    ]
    assert sum(parts) == pytest.approx(density(Outline(-0.8, 0.9, -0.4, 0.61), 1.1, 0.7) * 1.7 * 1.01, rel=1e-13)


@pytest.mark.parametrize("profile", DENSITIES)
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.2, -0.1), (-0.3, 0.2), (0.9, 0.9)])
def test_a_small_crystal_meets_the_profile_at_its_place(profile, place):
    point = DENSITIES[profile](outline(place, (0.0, 0.0)), 1.1, 0.7)
    assert point == pytest.approx(float(oracle.profile_density(profile, (1.1, 0.7), *place)), rel=1e-14)
    assert DENSITIES[profile](outline(place, (1e-4, 1e-4)), 1.1, 0.7) == pytest.approx(point, rel=1e-6)


@pytest.mark.parametrize("profile", DENSITIES)
def test_mirrors_change_nothing(profile):
    o = Outline(0.1, 0.5, -0.2, 0.33)
    mirrored = [Outline(-0.5, -0.1, -0.2, 0.33), Outline(0.1, 0.5, -0.33, 0.2), Outline(-0.5, -0.1, -0.33, 0.2)]
    found = {DENSITIES[profile](x, 0.7, 0.6) for x in (o, *mirrored)}
    assert max(found) == pytest.approx(min(found), rel=1e-14)
    assert min(found) > 0.0


def test_far_wings_of_a_gaussian_keep_their_digits():
    far, k = gaussian_density(outline((5.0, 0.0), (1e-3, 1e-3)), 1.0, 1.0), 4.0 * np.log(2.0)
    assert far == pytest.approx(k / np.pi * np.exp(-25.0 * k), rel=1e-4)  # 3 % from edge to edge, but evenly
