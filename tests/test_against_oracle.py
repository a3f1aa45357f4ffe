"""The image is that of a slow program written from the specification alone.

The image is float32: rounding costs each pixel 6e-8 of its value. Angles of mosaic domains contain a single-precision
power, whose last bit moves a spot by 1e-7 of its width or less. Rounding of indices and polynomials costs 1e-13. So
1e-6 of the maximum leaves room for these and for nothing else: a factor of the sum that is left out or
evaluated in the wrong place changes pixels by much more.

Flat-topped spots have an edge at which a rounding error moves a whole step from one side to the other. All continuous
values are generic (see `scenes`), so that a step within 1e-12 of the edge comes up once in 1e9 images, and the
examples are the same in every run: no pixel needs to be left out.
"""

import warnings
import zlib

import numpy as np
import oracle
import pytest
import scenes
from hypothesis import given, seed, settings
from slow import few

import nbnumba as nb

KINDS = [
    ("square", "uniform", "flat"),
    ("square", "nearest", "flat"),
    ("square", "tricubic", "flat"),
    ("square", "nearest", "curved"),
    ("round", "nearest", "flat"),
    ("round", "uniform", "curved"),
    ("gauss", "nearest", "flat"),
    ("gauss", "tricubic", "flat"),
    ("gauss_star", "uniform", "flat"),
    ("tophat", "uniform", "flat"),
    ("tophat_star", "nearest", "flat"),
    *scenes.others("square", "round", "gauss", "gauss_star", "tophat", "tophat_star"),
]
#: Kinds that golden figures and other tests compile too, and one of each factor that they lack.
QUICK = [
    ("square", "uniform", "flat"),
    ("square", "nearest", "flat"),
    ("square", "tricubic", "flat"),
    ("square", "nearest", "curved"),
    ("round", "uniform", "curved"),
    ("gauss", "tricubic", "flat"),
    ("tophat", "uniform", "flat"),
    ("lorentz", "uniform", "flat"),
]


def simulate(experiment):
    """The image; that some steps lie at the edge of the table is no matter here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "\\d+ points of the sum lie too close", nb.NbnumbaWarning)
        return nb.simulate(experiment)


def assert_same(experiment):
    image = simulate(experiment)
    expected = oracle.render(scenes.describe(experiment))
    assert image.max() > 0.0
    np.testing.assert_allclose(image, expected, rtol=0.0, atol=1e-6 * expected.max())


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
@pytest.mark.parametrize(("shape", "structure", "curvature"), few(KINDS, QUICK))
def test_random_experiments_agree(shape, structure, curvature, convention):
    @seed(zlib.crc32(f"{shape} {structure} {curvature} {convention}".encode()))  # other examples for every case
    @settings(max_examples=6)
    @given(scenes.experiments(shape, structure, curvature, (convention,)))
    def check(experiment):
        assert_same(experiment)

    check()


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
def test_the_defaults_of_every_convention_agree(convention):
    assert_same(scenes.still(**{"detector.convention": convention}))


def test_default_mosaic_domains_agree():
    assert_same(scenes.still(**{"crystal.mosaic.spread": 2.0}))


def test_automatic_interpolation_agrees():
    block = np.stack(np.meshgrid(*[np.arange(-7, 8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    smooth = nb.Reflections(block, 50.0 + block @ np.array([1.0, -2.0, 3.0]))
    assert_same(scenes.still(**{"crystal.cells": (2, 6, 7), "crystal.reflections": smooth}))


def test_steps_at_the_edge_of_the_list_are_reported():
    few = nb.Reflections([(0, 0, 0), (1, 0, 0), (0, 1, 1)], [50.0, 60.0, 70.0])
    experiment = scenes.still(**{"crystal.interpolate": "tricubic", "crystal.reflections": few})
    with pytest.warns(nb.NbnumbaWarning, match="204 points of the sum lie too close to the edge"):
        image = nb.simulate(experiment)
    np.testing.assert_allclose(image, oracle.render(scenes.describe(experiment)), rtol=1e-6)
