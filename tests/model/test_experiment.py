"""What follows from an experiment."""

import dataclasses

import numpy as np
import pytest
import scenes
from hypothesis import given

import nbnumba as nb


@pytest.mark.parametrize(("oversample", "expected"), [(3, 3), ("auto", 8)])
def test_subpixels_follow_the_size_of_the_crystal(oversample, expected):
    # 3 * 200 A against a fringe of 1.03 * 83/1 = 85.5 A
    experiment = scenes.still(**{"sampling.oversample": oversample, "crystal.cells": (200 / 31.3, 1, 1)})
    assert experiment.oversample == expected


def test_steps_are_counted():
    experiment = scenes.still(
        **{
            "sampling.oversample": 2,
            "sampling.layers": 3,
            "detector.sensor_thickness": 1.0,
            "detector.sensor_mu": 1.0,
            "scan.steps": 4,
            "crystal.mosaic.spread": 1.0,
            "crystal.mosaic.domains": 5,
            "beam.dispersion": 1.0,
            "beam.dispersion_steps": 6,
        }
    )
    assert experiment.steps_per_pixel == 4 * 3 * 4 * 5 * 6
    bare = {"detector.sensor_mu": 0.0, "detector.sensor_thickness": 0.0}
    assert experiment.replace(**bare).layers == 1


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"detector.sensor_mu": 1.0}, "sensor_mu"),
        ({"detector.closest_point": (1.0, 2.0)}, "closest_point"),
        ({"beam.divergence": (5.0, 0.0)}, "divergence_steps"),
        ({"beam.dispersion": 1.0}, "dispersion_steps"),
        ({"detector.fast_axis": (1, 0, 0)}, "fast_axis and normal_axis"),
        ({"beam.size": 1e-308, "beam.flux": 1.0}, "beam.flux"),
        ({"beam.flux": 1.0, "beam.fluence": 1.0}, "fluence and flux"),
        ({"beam.wavelength": {}}, "beam.wavelength"),
        ({"misset": (1, 2, 3)}, "crystal.misset"),
    ],
)
def test_what_would_have_no_effect_or_no_sense_is_refused(changes, part):
    with pytest.raises(nb.NbnumbaError, match=part):
        scenes.still().replace(**changes)


def test_new_reflections_bring_their_own_cell():
    one, two = (nb.Reflections([(1, 0, 0)], [1.0], cell=(a, 40.0, 50.0, 90.0, 90.0, 90.0)) for a in (30.0, 31.0))
    crystal = nb.Crystal(reflections=one)
    changed = scenes.still(crystal=crystal).replace(**{"crystal.reflections": two})
    assert changed.crystal.unit_cell == two.cell


def test_a_part_can_be_set_to_nothing_beside_its_alternative():
    turned = {"crystal.cell": None, "crystal.orientation": ((9, 0, 0), (0, 8, 0), (0, 0, 7))}
    assert scenes.still().replace(**turned).crystal.unit_cell[:3] == (9.0, 8.0, 7.0)


def test_rendered_pixels_are_counted_inside_region_and_mask():
    mask = np.zeros((12, 17))
    mask[3:, 4:] = 1
    experiment = scenes.still(**{"detector.mask": nb.Mask(mask), "detector.roi": ((0, 5), (0, 6))})
    assert experiment.pixels_rendered == 4


@pytest.mark.parametrize(
    ("rule", "expected"), [("midpoint", [10.25, 10.75, 11.25, 11.75]), ("left", [10.0, 10.5, 11.0, 11.5])]
)
def test_steps_of_a_scan(rule, expected):
    scan = nb.Scan(start=10.0, width=2.0, steps=4, rule=rule)
    np.testing.assert_allclose(scan.degrees(), expected, rtol=1e-14)
    np.testing.assert_allclose(np.degrees(scan.angles()), expected, rtol=1e-14)
    turned = nb.Scan(start=370.0, width=2.0, steps=4, rule=rule)
    assert turned.degrees() == [360.0 + angle for angle in expected]
    assert turned.angles() == scan.angles()


@pytest.mark.parametrize(("steps", "count"), [((3, 3), 5), ((3, 2), 6), ((5, 5), 13)])
def test_round_divergence_keeps_an_ellipse(steps, count):
    beam = nb.Beam(wavelength=1, divergence=(2.0, 4.0), divergence_steps=steps)
    assert len(scenes.still(beam=beam).sources.rows) == count
    square = dataclasses.replace(beam, round_divergence=False)
    assert len(scenes.still(beam=square).sources.rows) == steps[0] * steps[1]


def test_dispersion_spreads_the_wavelength():
    experiment = scenes.still(**{"beam.dispersion": 2.0, "beam.dispersion_steps": 3, "beam.wavelength": 1.5})
    np.testing.assert_allclose([row[4] for row in experiment.sources.rows], [1.485, 1.5, 1.515], rtol=1e-14)


@given(scenes.generators())
def test_divergence_leaves_the_beam_by_half_its_width(rng):
    width = float(rng.uniform(1.0, 20.0))
    experiment = scenes.still(**{"beam.divergence": (width, 0.0), "beam.divergence_steps": (2, 1)})
    towards = np.array(experiment.sources.rows)[:, :3]
    np.testing.assert_allclose(np.arccos(towards @ [-1, 0, 0]), width * 0.5e-3, rtol=1e-6)


def test_a_matrix_file_gives_the_axes(tmp_path):
    file = tmp_path / "A.mat"
    axes = scenes.still().crystal.axes
    starred = np.linalg.inv(axes) * 1.1  # columns a*, b*, c* times the wavelength
    file.write_text("\n".join(" ".join(f"{x:.17g}" for x in row) for row in starred))
    crystal = nb.Crystal.from_matrix(file, 1.1, cells=3, default_f=1.0)
    np.testing.assert_allclose(crystal.axes, axes, atol=1e-12)
    assert crystal.cells == (3.0, 3.0, 3.0)
