"""What must hold for every image, whatever it shows."""

import math

import numpy as np
import pytest
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st

import nbnumba as nb

REFLECTIONS = nb.Reflections([(h, k, 1) for h in range(-5, 6) for k in range(-5, 6)], np.linspace(1.0, 90.0, 121))
KINDS = [{}, {"detector.curvature": "spherical", "crystal.reflections": REFLECTIONS}]


def simulate(**changes):
    image = nb.simulate(scenes.still(**changes))
    assert image.max() > 0.0
    return image


def assert_close(image, expected):
    """Equal to the rounding of float32 images."""
    np.testing.assert_allclose(image, expected, rtol=0.0, atol=1e-6 * np.max(expected))


# --- frames ----------------------------------------------------------------------------------------------------------


def in_frame(rotation, **changes):
    """The same apparatus in a turned laboratory: every vector of the description is turned."""
    turn = lambda v: tuple((rotation @ np.array(v, dtype=float)).tolist())  # noqa: E731
    axes = scenes.still().crystal.axes
    return {
        "detector.convention": "custom",
        "detector.beam_center": (8.1, 5.7),
        "detector.fast_axis": turn((0, 0, 1)),
        "detector.slow_axis": turn((0, -1, 0)),
        "detector.normal_axis": turn((1, 0, 0)),
        "detector.twotheta_axis": turn((0, 0, -1)),
        "detector.twotheta": 5.0,
        "beam.direction": turn((1, 0.02, 0.01)),
        "beam.polarization_axis": turn((0, 0.1, 1)),
        "crystal.misset": (0.0, 0.0, 0.0),
        "crystal.orientation": tuple(turn(row) for row in axes),
        "scan.axis": turn((0.1, 0.2, 1)),
        "scan.start": 20.0,
        "scan.width": 2.0,
        "scan.steps": 3,
        "beam.divergence": (5.0, 3.0),
        "beam.divergence_steps": (3, 3),
        **changes,
    }


@pytest.mark.parametrize("changes", KINDS)
@settings(max_examples=8)
@given(rng=scenes.generators())
def test_turning_everything_together_changes_nothing(changes, rng):
    expected = simulate(**in_frame(np.eye(3), **changes))
    assert_close(simulate(**in_frame(scenes.random_rotation(rng), **changes)), expected)


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
def test_a_curved_detector_is_like_a_flat_one_around_the_beam(convention):
    around = {
        "detector.convention": convention,
        "detector.pixel_size": 0.01,
        "crystal.cell": (900.0, 1100.0, 1000.0, 84.0, 97.0, 103.0),
        "crystal.cells": (30, 40, 50),
        "crystal.fudge": 1e-2,
        "crystal.shape": "gauss",
        "detector.beam_center": (0.08, 0.07),
    }
    flat = simulate(**around)
    assert flat.max() > 2.0 * flat.min()
    np.testing.assert_allclose(simulate(**around, **{"detector.curvature": "spherical"}), flat, rtol=1e-4)


# --- which pixels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", KINDS)
@settings(max_examples=10)
@given(data=st.data())
def test_a_region_is_a_crop_bit_for_bit(changes, data):
    s0, f0 = data.draw(st.integers(0, 11)), data.draw(st.integers(0, 16))
    s1, f1 = data.draw(st.integers(s0 + 1, 12)), data.draw(st.integers(f0 + 1, 17))
    whole = simulate(**scenes.RICH, **changes)
    expected = np.zeros_like(whole)
    expected[s0:s1, f0:f1] = whole[s0:s1, f0:f1]
    part = nb.simulate(scenes.still(**scenes.RICH, **changes, **{"detector.roi": ((s0, s1), (f0, f1))}))
    np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("changes", KINDS)
@settings(max_examples=10)
@given(rng=scenes.generators())
def test_a_mask_zeroes_pixels_bit_for_bit(changes, rng):
    mask = rng.uniform(size=scenes.PIXELS) < rng.uniform()
    masked = nb.simulate(scenes.still(**scenes.RICH, **changes, **{"detector.mask": nb.Mask(mask)}))
    np.testing.assert_array_equal(masked, np.where(mask, simulate(**scenes.RICH, **changes), 0.0))


def test_long_rows_are_cropped_bit_for_bit():
    long = {"detector.pixels": (2, 700), "detector.pixel_size": 0.1, "crystal.cells": (40, 30, 50)}
    whole = simulate(**long)
    part = simulate(**long, **{"detector.roi": ((1, 2), (133, 651))})
    np.testing.assert_array_equal(part[1, 133:651], whole[1, 133:651])


def test_a_mask_without_pixels_leaves_an_empty_image():
    assert not nb.simulate(scenes.still(**{"detector.mask": nb.Mask(np.zeros(scenes.PIXELS))})).any()


def test_the_image_is_float32_in_rows():
    image = simulate()
    assert image.dtype == np.float32
    assert image.shape == scenes.PIXELS
    assert image.flags.c_contiguous


# --- sums ------------------------------------------------------------------------------------------------------------


@given(scenes.generators(), st.integers(2, 4))
@settings(max_examples=10)
def test_sources_add_with_their_weights(rng, count):
    rows = [(*scenes.turned((-1, 0, 0), rng, 0.05), rng.uniform(0.1, 4.0), rng.uniform(0.9, 1.1)) for _ in range(count)]
    weights = np.array([row[3] for row in rows])
    images = [simulate(**{"beam.sources": nb.Sources([row])}) for row in rows]
    together = simulate(**{"beam.sources": nb.Sources(rows)})
    assert_close(together, np.tensordot(weights / weights.sum(), images, axes=1))


def test_a_source_of_no_weight_adds_nothing():
    one, other = (-1.0, 0.0, 0.0, 2.0, 1.03), (-1.0, 0.05, 0.02, 0.0, 0.9)
    np.testing.assert_array_equal(
        simulate(**{"beam.sources": nb.Sources([one, other])}), simulate(**{"beam.sources": nb.Sources([one])})
    )


def test_domains_add():
    mosaic = {"crystal.mosaic.spread": 3.0, "crystal.mosaic.domains": 5}
    axes = scenes.still().crystal.axes
    turned = [axes @ u.T for u in nb.Mosaic(spread=3.0, domains=5).rotations()]
    images = [
        simulate(**{"crystal.misset": (0, 0, 0), "crystal.orientation": tuple(map(tuple, a.tolist()))}) for a in turned
    ]
    assert_close(simulate(**mosaic), np.mean(images, axis=0))


@given(st.floats(-180.0, 180.0), st.floats(-5.0, 5.0), st.integers(1, 4), st.sampled_from(["midpoint", "left"]))
@settings(max_examples=10)
def test_two_halves_of_a_scan_average_to_the_whole(start, width, steps, rule):
    scan = lambda start, width, steps: simulate(  # noqa: E731
        scan=nb.Scan(start=start, width=width, steps=steps, rule=rule)
    )
    halves = [scan(start, width / 2.0, steps), scan(start + width / 2.0, width / 2.0, steps)]
    assert_close(scan(start, width, 2 * steps), np.mean(halves, axis=0))


def test_the_rules_of_a_scan_are_half_a_step_apart():
    left = simulate(scan=nb.Scan(start=10.0, width=2.0, steps=4, rule="left"))
    assert_close(simulate(scan=nb.Scan(start=9.75, width=2.0, steps=4)), left)


def test_a_scan_of_no_width_at_zero_is_a_still():
    np.testing.assert_array_equal(simulate(scan=nb.Scan()), simulate())


def test_turning_the_spindle_is_turning_the_crystal():
    # The spindle of this convention is the laboratory z axis, about which the last missetting angle turns.
    assert_close(simulate(scan=nb.Scan(start=33.0)), simulate(**{"crystal.misset": (11.3, 24.7, -8.1 + 33.0)}))


def test_finer_subpixels_converge():
    images = [simulate(**{"sampling.oversample": n}).astype(float) for n in (4, 8, 16, 48)]
    errors = [np.abs(image - images[-1]).max() / images[-1].max() for image in images[:-1]]
    assert errors[2] < 3e-3
    assert errors[0] > 3.0 * errors[1] > 9.0 * errors[2]  # an error in n^-2 falls to a quarter


@pytest.mark.parametrize("layers", [1, 4])
def test_layers_of_a_sensor_catch_all_that_it_absorbs(layers):
    # A gentle image, so that what the depth of a layer shifts is small.
    smooth = {"crystal.cells": (1, 1, 1), "detector.distance": 5000.0, "sampling.layers": layers}
    sensor = {"detector.sensor_thickness": 0.6, "detector.sensor_mu": 1.7}
    g = scenes.still(**smooth).geometry
    s, f = np.meshgrid(np.arange(12) + 0.5, np.arange(17) + 0.5, indexing="ij")
    place = np.array(g.origin) + f[..., None] * np.array(g.fast) + s[..., None] * np.array(g.slow)
    parallax = place @ np.array(g.normal) / np.linalg.norm(place, axis=-1)
    expected = simulate(**smooth) * -np.expm1(-0.6 * 1.7 / parallax)
    np.testing.assert_allclose(simulate(**smooth, **sensor), expected, rtol=3e-4 if layers > 1 else 1e-6)


# --- closed forms ----------------------------------------------------------------------------------------------------


def test_one_cell_scatters_its_structure_factor_alone():
    experiment = scenes.still(
        **{"crystal.cells": 1, "crystal.spot_scale": 3.0, "beam.fluence": 2e28, "beam.polarization": 0.4}
    )
    image = nb.simulate(experiment)
    # The beam runs along x; the detector's columns lie along z (the electric field), its rows along -y.
    y = -(np.arange(12)[:, None] + 0.5 - 7.0)
    z = np.arange(17)[None, :] + 0.5 - 9.5
    r2 = 83.0**2 + y**2 + z**2
    polar = (1.0 + 83.0**2 / r2 - 0.4 * (z**2 - y**2) / r2) / 2.0
    expected = 100.0 * 3.0 * 2e28 * 7.94079248018965e-30 * polar / r2 * 83.0 / np.sqrt(r2)
    np.testing.assert_allclose(image, expected, rtol=2e-7)


def bragg(indices, cells, **changes):
    """One pixel whose centre is exactly at a reflection: the value it would have for one cell, and its own.

    The incident beam lies along x. The crystal is turned so that the reflection meets Ewald's sphere in the xz plane.
    """
    axes = nb.Crystal(cell=(31.3, 35.7, 42.1, 84.3, 97.2, 103.9)).axes
    star = np.linalg.inv(axes).T
    q = np.array(indices) @ star
    theta = math.asin(1.03 * np.linalg.norm(q) / 2.0)
    wanted = np.array([-math.sin(theta), 0.0, math.cos(theta)])
    turn = aligning(q / np.linalg.norm(q), wanted)
    offset = 83.0 * math.tan(2.0 * theta)
    pixel = {
        "detector.pixels": (1, 1),
        "detector.pixel_size": 0.1,
        "detector.convention": "custom",
        "detector.beam_center": (0.05 - offset, 0.05),
        "crystal.orientation": tuple(map(tuple, (axes @ turn.T).tolist())),
        "crystal.misset": (0.0, 0.0, 0.0),
        **changes,
    }
    return [float(simulate(**{**pixel, "crystal.cells": n, "crystal.shape": "square"})[0, 0]) for n in (1, cells)]


def aligning(u, v):
    """A rotation that turns one unit vector to another."""
    frame = lambda w: np.linalg.qr(np.column_stack([w, [0.3, 0.5, 0.8], [0.1, -0.9, 0.2]]))[0]  # noqa: E731
    first, second = frame(u), frame(v)
    first, second = first * np.sign(first[:, 0] @ u), second * np.sign(second[:, 0] @ v)
    return second @ first.T


@pytest.mark.parametrize("indices", [(1, 0, 0), (0, -2, 1), (3, 2, -4)])
@pytest.mark.parametrize("cells", [(2, 3, 4), (50, 60, 70), (5.5, 6.25, 7.1)])
def test_a_reflection_is_as_bright_as_the_square_of_the_number_of_cells(indices, cells):
    one, many = bragg(indices, cells)
    assert many / one == pytest.approx(math.prod(cells) ** 2, rel=1e-6)


def test_the_direct_beam_is_the_reflection_000():
    center = {"detector.convention": "custom", "detector.beam_center": (3.5, 2.5), "sampling.dmin": 0.0}
    image = simulate(**center)
    assert np.isfinite(image).all()
    assert image[2, 3] == pytest.approx(100.0 * (4 * 3 * 5) ** 2 / 83.0**2, rel=1e-6)


@pytest.mark.parametrize("shape", ["square", "gauss"])
def test_a_resolution_limit_cuts_whole_pixels(shape):
    experiment = scenes.still(**{"sampling.dmin": 12.0, "crystal.shape": shape})
    image, whole = nb.simulate(experiment), nb.simulate(experiment.replace(**{"sampling.dmin": 0.0}))
    inside = np.array([[experiment.resolution(s + 0.5, f + 0.5) > 12.0 for f in range(17)] for s in range(12)])
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(image, np.where(inside, whole, 0.0))


# --- polarization ----------------------------------------------------------------------------------------------------


def at_right_angles(kahn, **changes):
    """One pixel that sees the sample at 90 degrees to the beam, along z; the electric field lies along z."""
    pixel = {
        "detector.pixels": (1, 1),
        "detector.convention": "custom",
        "detector.fast_axis": (1, 0, 0),
        "detector.slow_axis": (0, 1, 0),
        "detector.normal_axis": (0, 0, 1),
        "detector.twotheta": 0.0,
        "detector.closest_point": (0.5, 0.5),
        "detector.pivot": "sample",
        "crystal.cells": 1,
        "beam.direction": (1e-5, 0, 1),
        "beam.polarization": kahn,
        "beam.polarization_axis": (0, 1, 0),
        "detector.twotheta_axis": (0, 1, 0),
    }
    return nb.simulate(scenes.still(**{**pixel, **changes}))[0, 0] * 83.0**2 / 100.0


@pytest.mark.parametrize(
    ("axis", "kahn", "expected"),
    [
        ((1, 0, 0), 1.0, 0.0),
        ((0, 1, 0), 1.0, 1.0),
        ((1, 0, 0), -1.0, 1.0),
        ((0, 1, 0), -1.0, 0.0),
        ((0, 1, 0), 0.0, 0.5),
    ],
)
def test_nothing_is_scattered_along_the_electric_field(axis, kahn, expected):
    swung = {"beam.polarization_axis": axis, "detector.twotheta": 90.0}
    assert at_right_angles(kahn, **swung) == pytest.approx(expected, abs=1e-6)


def test_forward_scattering_is_not_polarized():
    assert at_right_angles(1.0) == pytest.approx(1.0, abs=1e-6)


def test_unpolarized_images_leave_the_factor_out():
    assert at_right_angles(1.0, **{"beam.polarized": False, "detector.twotheta": 90.0}) == pytest.approx(1.0, abs=1e-6)


def test_a_beam_along_the_polarization_axis_is_refused():
    with pytest.raises(nb.NbnumbaError, match=r"beam\.polarization_axis.*parallel to the beam"):
        scenes.still(**{"beam.direction": (0, 0, 1), "beam.polarization_axis": (0, 0, -2)})


def test_a_source_along_the_polarization_axis_is_refused():
    rows = [(-1, 0, 0, 1, 1), (0, 0, 2, 1, 1)]
    with pytest.raises(nb.NbnumbaError, match=r"beam\.polarization_axis.*source 1"):
        scenes.still(**{"beam.sources": nb.Sources(rows)})


# --- scale -----------------------------------------------------------------------------------------------------------


@given(st.floats(1e-3, 1e3))
@settings(max_examples=10)
def test_the_image_is_proportional_to_fluence_and_spot_scale(factor):
    once = simulate(**{"beam.fluence": 1e28})
    np.testing.assert_allclose(simulate(**{"beam.fluence": factor * 1e28}), factor * once, rtol=1e-6)
    np.testing.assert_allclose(
        simulate(**{"beam.fluence": 1e28, "crystal.spot_scale": factor}), factor * once, rtol=1e-6
    )


def test_flux_over_time_and_area_is_fluence():
    flux = {"beam.flux": 2e20, "beam.exposure": 0.5, "beam.size": 0.1}
    np.testing.assert_allclose(simulate(**flux), simulate(**{"beam.fluence": 1e28}), rtol=1e-6)


def test_intensity_is_the_square_of_the_amplitude():
    np.testing.assert_allclose(simulate(**{"crystal.default_f": -30.0}), 9.0 * simulate(), rtol=1e-6)


def test_no_photons_make_no_image():
    assert not nb.simulate(scenes.still(**{"beam.fluence": 0.0})).any()


def test_a_crystal_that_scatters_nothing_is_reported():
    with pytest.warns(nb.NbnumbaWarning, match="the image is zero"):
        image = nb.simulate(scenes.still(**{"crystal.default_f": 0.0}))
    assert not image.any()


# --- running ---------------------------------------------------------------------------------------------------------


def most_threads():
    import numba

    return numba.config.NUMBA_NUM_THREADS


@pytest.mark.parametrize("changes", KINDS)
def test_threads_do_not_change_a_bit(changes):
    experiment = scenes.still(**scenes.RICH, **changes)
    one = nb.simulate(experiment, threads=1)
    np.testing.assert_array_equal(nb.simulate(experiment, threads=min(2, most_threads())), one)
    np.testing.assert_array_equal(nb.simulate(experiment), one)


def test_the_number_of_threads_is_restored():
    import numba

    before = numba.get_num_threads()
    nb.simulate(scenes.still(), threads=1)
    assert numba.get_num_threads() == before


@pytest.fixture
def small_portions(monkeypatch):
    """Progress is reported after every few rows."""
    monkeypatch.setattr("nbnumba.simulation._STEPS_A_CALL", 1)


@pytest.mark.usefixtures("small_portions")
def test_progress_counts_the_rows_up_to_the_end():
    calls = []
    experiment = scenes.still(**{"detector.pixels": (40, 9), "detector.roi": ((3, 38), (1, 4))})
    nb.simulate(experiment, progress=lambda done, total: calls.append((done, total)))
    done = [call[0] for call in calls]
    assert len(calls) > 1
    assert done == sorted(set(done))
    assert done[0] == 0
    assert calls[-1] == (35, 35)
    assert {total for _, total in calls} == {35}


@pytest.mark.usefixtures("small_portions")
def test_progress_does_not_change_a_bit():
    experiment = scenes.still(**scenes.RICH)
    np.testing.assert_array_equal(nb.simulate(experiment, progress=lambda done, total: None), nb.simulate(experiment))


def test_progress_is_called_for_small_images_too():
    calls = []
    nb.simulate(scenes.still(), progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (12, 12)


def test_what_the_progress_function_raises_ends_the_simulation():
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nb.simulate(scenes.still(), progress=stop)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("device", "abacus"),
        ("device", None),
        ("precision", "single-ish"),
        ("threads", 0),
        ("threads", -1),
        ("threads", 10**6),
        ("threads", 1.5),
        ("threads", "two"),
        ("threads", True),
    ],
)
def test_an_unknown_way_of_running_is_refused(option, value):
    with pytest.raises(nb.NbnumbaError, match=f"{option}.*{value!r}"):
        nb.simulate(scenes.still(), **{option: value})


def test_simulating_twice_gives_the_same_bits():
    np.testing.assert_array_equal(simulate(**scenes.RICH), simulate(**scenes.RICH))


def test_an_image_can_be_written_over_an_older_one():
    experiment = nb.from_nanobragg("-cell 70 80 90 -N 5 -default_F 10 -detpixels 20 -oversample 1 -roi 3 12 5 15")
    out = np.full((20, 20), 7.0, dtype=np.float32)
    assert nb.simulate(experiment, out=out) is out
    np.testing.assert_array_equal(out, nb.simulate(experiment))
    frozen = np.zeros((20, 20), dtype=np.float32)
    frozen.flags.writeable = False
    for bad in (np.zeros((20, 20)), np.zeros((20, 21), np.float32), np.zeros((40, 20), np.float32)[::2], frozen):
        with pytest.raises(nb.NbnumbaError, match="out: found"):
            nb.simulate(experiment, out=bad)
