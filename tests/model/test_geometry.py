"""Where the detector lies."""

import dataclasses
import math

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st

import nbnumba as nb

DETECTOR = {"pixels": (10, 12), "pixel_size": 0.1}


def beam_spot(name, beam_center, pixels, pixel):
    """Offsets along fast and slow [mm] that a beam centre stands for."""
    x, y = beam_center
    if name == "mosflm":
        return y + pixel / 2.0, x + pixel / 2.0
    if name == "denzo":
        return y, x
    if name == "adxv":
        return x, pixels[0] * pixel - y
    return x, y


@st.composite
def placed(draw, **others):
    """A detector anywhere in front of a beam that may be tilted, and its geometry."""
    name = draw(st.sampled_from(scenes.CONVENTIONS))
    rng = draw(scenes.generators())
    detector = nb.Detector(
        pixels=(10, 14),
        pixel_size=0.3,
        convention=name,
        beam_center=tuple(rng.uniform(-5.0, 9.0, 2)),
        rotation=tuple(rng.uniform(-25.0, 25.0, 3)),
        twotheta=float(rng.uniform(-25.0, 25.0)),
        **{draw(st.sampled_from(("distance", "close_distance"))): float(rng.uniform(50.0, 500.0))},
        **others,
    )
    beam = np.array(detector.frame.beam) + rng.uniform(-0.1, 0.1, 3)
    beam = type(detector.frame.beam)(*(beam / np.linalg.norm(beam)).tolist())
    return detector, beam, detector.geometry(beam)


def point(geometry, offsets):
    """Position [mm] of a point of the plane."""
    fast, slow = offsets
    return np.array(geometry.origin) + fast * np.array(geometry.fast) + slow * np.array(geometry.slow)


@given(placed(pivot="beam"))
def test_the_beam_meets_the_plane_at_the_beam_center(scene):
    detector, beam, geometry = scene
    spot = beam_spot(detector.convention, detector.beam_center, detector.pixels, detector.pixel_size)
    np.testing.assert_allclose(geometry.beam_center, spot, atol=1e-10)
    along = point(geometry, spot) @ np.array(beam)
    np.testing.assert_allclose(point(geometry, spot), along * np.array(beam), atol=1e-10)
    np.testing.assert_allclose(detector.frame.from_detector(spot, detector.extent), detector.beam_center, atol=1e-12)


@given(placed())
def test_the_beam_center_that_follows_lies_on_the_beam(scene):
    _, beam, geometry = scene
    spot = point(geometry, geometry.beam_center)
    np.testing.assert_allclose(spot, (spot @ np.array(beam)) * np.array(beam), atol=1e-10)


@given(placed())
def test_the_closest_point_is_the_foot_of_the_normal(scene):
    _, _, geometry = scene
    expected = geometry.close_distance * np.array(geometry.normal)
    np.testing.assert_allclose(point(geometry, geometry.closest_point), expected, atol=1e-10)


@given(placed())
def test_the_axes_stay_orthonormal(scene):
    _, _, geometry = scene
    frame = np.array([geometry.fast, geometry.slow, geometry.normal])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-13)


@given(placed(pivot="beam"))
def test_rotations_about_the_beam_spot_leave_it_in_place(scene):
    detector, beam, geometry = scene
    distance = detector.distance or 120.0
    fixed = dataclasses.replace(detector, distance=distance, close_distance=None)
    unturned = dataclasses.replace(fixed, rotation=(0.0, 0.0, 0.0), twotheta=0.0)
    spot = geometry.beam_center
    np.testing.assert_allclose(point(fixed.geometry(beam), spot), distance * np.array(beam), atol=1e-9)
    np.testing.assert_allclose(point(unturned.geometry(beam), spot), distance * np.array(beam), atol=1e-9)


@given(placed(pivot="sample", closest_point=(1.25, 2.5)))
def test_rotations_about_the_sample_leave_the_closest_point_in_place(scene):
    detector, _, geometry = scene
    np.testing.assert_allclose(geometry.closest_point, (1.25, 2.5), atol=1e-10)
    if detector.close_distance is not None:
        assert geometry.close_distance == pytest.approx(detector.close_distance, rel=1e-13)


@given(placed())
def test_without_rotation_the_closest_point_is_the_beam_center(scene):
    detector, _, _ = scene
    detector = dataclasses.replace(detector, rotation=(0.0, 0.0, 0.0), twotheta=0.0)
    geometry = detector.geometry(detector.frame.beam)
    np.testing.assert_allclose(geometry.closest_point, geometry.beam_center, atol=1e-11)
    assert geometry.close_distance == pytest.approx(geometry.distance, rel=1e-14)


@pytest.mark.parametrize("pivot", ["beam", "sample"])
@pytest.mark.parametrize("turned", [{"detector.rotation": (3.0, 4.0, 5.0)}, {"detector.twotheta": 20.0}], ids=str)
def test_the_distance_is_the_one_that_was_given(pivot, turned):
    geometry = scenes.still(**{"detector.pivot": pivot, **turned}).geometry
    assert geometry.distance == pytest.approx(83.0, rel=1e-13)


@pytest.mark.parametrize(
    ("convention", "spot"),
    [
        ("mosflm", (0.3 * 8.0, 0.3 * 6.0)),
        ("denzo", (0.3 * 7.5, 0.3 * 5.5)),
        ("adxv", (0.3 * 7.5, 0.3 * 5.5)),
        ("xds", (0.3 * 7.0, 0.3 * 5.0)),
        ("dials", (0.3 * 7.0, 0.3 * 5.0)),
        ("custom", (0.3 * 7.0, 0.3 * 5.0)),
    ],
)
def test_default_beam_centers_are_about_the_middle(convention, spot):
    detector = nb.Detector(pixels=(10, 14), pixel_size=0.3, convention=convention)
    np.testing.assert_allclose(detector.geometry(detector.frame.beam).beam_center, spot, rtol=1e-12)


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
def test_axes_of_the_conventions_are_orthonormal(convention):
    frame = nb.Detector(**DETECTOR, convention=convention).frame
    np.testing.assert_array_equal(np.abs(np.array([frame.fast, frame.slow, frame.normal])).sum(axis=0), [1, 1, 1])
    assert frame.beam == frame.normal
    assert np.dot(frame.polarization, frame.beam) == 0.0


def test_resolution_follows_the_bragg_equation():
    experiment = scenes.still(**{"detector.convention": "custom", "detector.beam_center": (0.0, 0.0)})
    theta = math.atan2(17.0, 83.0) / 2.0
    assert experiment.resolution(0.0, 17.0) == pytest.approx(1.03 / (2.0 * math.sin(theta)), rel=1e-12)
