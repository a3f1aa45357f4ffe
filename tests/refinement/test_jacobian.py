"""Derivatives by every parameter are those of the image, by differences."""

import math
import zlib

import numpy as np
import pytest
import scenes
from differences import KINDS, RICH, STEP, values, worst
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st
from slow import few

import nbnumba as nb
from nbnumba.model import mosaic
from nbnumba.model.parameters import PARAMETERS
from nbnumba.refinement.chain import _DETECTOR


@pytest.fixture(autouse=True)
def exact_domains(monkeypatch):
    """Angles of domains without their rounding to single precision, which differences would see."""
    monkeypatch.setattr(mosaic, "domain_angle", lambda spread, fraction: spread * fraction)
    mosaic._rotations.cache_clear()
    yield
    mosaic._rotations.cache_clear()


#: Each kind is compiled by itself; "star_tricubic" has the shape of the one that is left out.
@pytest.mark.parametrize(
    "kind",
    few(
        [kind for kind in KINDS if kind != "gauss_star"],
        ["square", "broken", "gauss", "nearest", "tricubic", "pixel", "xds", "oriented"],
    ),
)
def test_every_parameter_has_the_derivative_of_the_image(kind):
    experiment = scenes.still(**{**RICH, **KINDS[kind]})
    refused = () if kind != "curved" else (*_DETECTOR, "sensor_thickness")
    names = [name for name in experiment.parameters() if name not in refused]
    pixels = experiment.rendered_pixels()[::7]
    image, derivatives = nb.jacobian(experiment, names, pixels)
    np.testing.assert_allclose(image, values(experiment, pixels), rtol=1e-9)
    assert image.max() > 0.0
    found = {name: worst(experiment, name, derivatives[name], pixels) for name in names}
    assert len(found) == 28 - len(refused)
    assert {name: error for name, (error, _) in found.items() if error > 1e-7} == {}
    assert min(share for _, share in found.values()) > (0.2 if "tricubic" in kind else 0.6)


def has_room(experiment, name):
    """Whether a parameter can move to both sides, as differences have it do: some end at a bound, as a spread of 0."""
    value = experiment.parameters()[name]
    try:
        for step in (-2.0 * STEP, 2.0 * STEP):
            experiment.with_parameters(**{name: value + step})
    except nb.NbnumbaError:
        return False
    return True


@pytest.mark.parametrize("shape", ["square", "gauss"])
def test_derivatives_of_random_experiments(shape):
    @seed(zlib.crc32(shape.encode()))
    @settings(max_examples=8)
    @given(scenes.experiments(shape, "uniform", "flat"), st.sampled_from(sorted(PARAMETERS)))
    def check(experiment, name):
        assume(name in experiment.parameters())
        assume(has_room(experiment, name))
        pixels = experiment.rendered_pixels()[::5]
        _, derivatives = nb.jacobian(experiment, [name], pixels)
        if np.abs(derivatives[name]).max() > 0.0:
            error, share = worst(experiment, name, derivatives[name], pixels)
            assert error < 1e-7 or share < 0.2  # a smaller image may hold no spot, and its derivatives little but tails

    check()


def test_lengths_together_change_nothing():
    """Euler's identity: wavelength and cell scale together (derivatives, 2.9)."""
    experiment = scenes.still(**RICH)
    _, d = nb.jacobian(experiment, ["wavelength", "cell_a", "cell_b", "cell_c"])
    now = experiment.parameters()
    total = sum(now[name] * d[name] for name in d)
    assert np.abs(total).max() < 1e-9 * max(np.abs(now[name] * d[name]).max() for name in d)


def test_the_scale_is_that_of_the_image():
    image, d = nb.jacobian(scenes.still(**RICH, **{"crystal.spot_scale": 2.5}), ["spot_scale"])
    np.testing.assert_allclose(2.5 * d["spot_scale"], image, rtol=1e-12)


def test_a_region_has_the_derivatives_of_the_whole():
    experiment = scenes.still(**RICH)
    whole_image, whole = nb.jacobian(experiment, ["misset_x", "distance"])
    image, part = nb.jacobian(experiment.replace(**{"detector.roi": ((2, 9), (3, 11))}), ["misset_x", "distance"])
    inside = np.zeros(image.shape, dtype=bool)
    inside[2:9, 3:11] = True
    np.testing.assert_array_equal(image, np.where(inside, whole_image, 0.0))
    for name in part:
        np.testing.assert_array_equal(part[name], np.where(inside, whole[name], 0.0))


def test_parameters_come_back():
    experiment = scenes.still(**{**RICH, **KINDS["oriented"]})
    now = experiment.parameters()
    again = experiment.with_parameters(**{name: now[name] for name in now if not name.startswith("beam_tilt")})
    np.testing.assert_allclose(again.crystal.axes, experiment.crystal.axes, rtol=1e-12, atol=1e-12)
    assert again.parameters() == pytest.approx(now)
    changed = {name: value + 1e-3 for name, value in now.items() if "tilt" not in name}
    assert experiment.with_parameters(**changed).parameters() == pytest.approx({**now, **changed}, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"crystal.shape": "tophat"}, "misset_x", "'gauss' is the smooth shape"),
        ({"detector.curvature": "spherical"}, "distance", "allowed: 'flat'"),
        ({**RICH, "detector.curvature": "spherical"}, "sensor_thickness", "allowed: 'flat'"),
        ({}, "sensor_mu", "cannot act here"),
        ({}, "mosaic_spread", "cannot act here"),
        ({}, "colour", "colour"),
    ],
)
def test_what_has_no_derivative_is_refused(changes, name, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.jacobian(scenes.still(**changes), [name])


@pytest.mark.parametrize("pixels", [[[0, 17]], [[-1, 0]], [[0.5, 1.0]], [1, 2]])
def test_pixels_that_do_not_exist_are_refused(pixels):
    with pytest.raises(nb.NbnumbaError, match="pixels: found"):
        nb.jacobian(scenes.still(), ["misset_x"], pixels)


def test_no_parameters_give_the_image():
    image, nothing = nb.jacobian(scenes.still(**RICH), [])
    assert nothing == {}
    np.testing.assert_allclose(image, nb.simulate(scenes.still(**RICH)), rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_shapes_with_an_edge_have_an_image_here_too():
    experiment = scenes.still(**{**RICH, "crystal.shape": "tophat_star", "crystal.cells": 2})
    image, _ = nb.jacobian(experiment, [])
    assert image.max() > 0.0
    np.testing.assert_allclose(image, nb.simulate(experiment), rtol=1e-6)
    assert math.isfinite(image.sum())
