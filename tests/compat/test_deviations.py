"""Where nbnumba departs from nanoBragg on purpose: what each does in words, and what nbnumba gives in numbers.

How far the images are apart is measured by benchmarks/deviations.py and told in docs/parity.md.
"""

import zipfile
from pathlib import Path

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.compat import read_flags
from nbnumba.compat.deviations import DEVIATIONS, deviation_rows, warnings
from nbnumba.compat.run import run
from nbnumba.inputs.smv import read_smv
from nbnumba.model.mosaic import domain_angle, random_rotation, rotation_matrix
from nbnumba.model.random import MinimalStandard
from nbnumba.outputs.dump import put_dump

ROOT = Path(__file__).parents[2]
EXAMPLES = {known.name: known.example + " -nonoise -nopgm -scale 1" for known in DEVIATIONS}
CLASSICAL = 7.94079248018965e-30  # electron radius squared [m^2]


@pytest.fixture
def folder(tmp_path):
    with zipfile.ZipFile(ROOT / "tests" / "golden" / "inputs.zip") as archive:
        archive.extractall(tmp_path)
    return tmp_path


def image(flags, folder="."):
    return nb.simulate(nb.from_nanobragg(flags, folder=folder)).astype(float)


def noted(name, flags, folder):
    translation = read_flags(flags, folder)
    return any(note.startswith(name) for note in translation.notes + warnings(translation, in_files=True))


def test_documentation_tells_every_deviation():
    text = (ROOT / "docs" / "parity.md").read_text()
    for row in deviation_rows():
        assert row in text


def test_rotation_through_zero():
    """nanoBragg: at phi = 0 the cell stays as it was for the pixel before; here it is unrotated."""
    flags = EXAMPLES["rotation through 0"]
    still = flags.replace("-phi 0 -osc 2 -phisteps 2", "")
    expected = (image(still) + image(still + " -phi 1")) / 2.0
    np.testing.assert_allclose(image(flags), expected, atol=1e-6 * expected.max())
    assert noted("rotation through 0", flags, ".")
    assert not noted("rotation through 0", still + " -phi 5 -osc 2 -phisteps 2", ".")
    assert not noted("rotation through 0", still, ".")


def test_factors_of_steps():
    """nanoBragg: the factor of a step multiplies the sum so far; here each step has its own.

    The factors hardly change within a pixel, so that the image is close to the one that takes them once a pixel.
    """
    name = "-oversample_polar, -oversample_omega, -oversample_thick"
    flags = EXAMPLES[name]
    once = flags.replace("-oversample_polar -oversample_omega", "")
    found = nb.compare(image(once), image(flags))
    assert found.ratio == pytest.approx(1.0, abs=0.01)
    assert 1e-5 < found.relative < 0.01
    assert noted(name, flags, ".")
    assert not noted(name, once, ".")
    assert not noted(name, flags + " -oversample 1", ".")


def test_sensor_layers():
    """nanoBragg: the last layer's fraction for all, and n layers of thickness/(n-1); here the fractions add up to
    1 - exp(-mu thickness / cos), whatever the number of layers."""
    bare = EXAMPLES["sensor layers"].replace("-N 10", "-N 1").split("-detector_abs")[0] + "-nopolar -point_pixel"
    sensor = bare + " -detector_abs 300 -detector_thick 450 -detector_thicksteps "
    g = nb.from_nanobragg(bare)
    slow, fast = np.indices(g.detector.pixels)
    spot = np.array(g.geometry.closest_point)  # fast, slow [mm]
    off = [(x + 0.5) * g.detector.pixel_size - c for x, c in zip((fast, slow), spot, strict=True)]
    cosine = g.geometry.close_distance / np.sqrt(g.geometry.close_distance**2 + off[0] ** 2 + off[1] ** 2)
    expected = 1.0 - np.exp(-450.0 / 300.0 / cosine)
    for layers in (2, 3, 7):
        np.testing.assert_allclose(image(sensor + str(layers)) / image(bare), expected, rtol=1e-5)
    assert noted("sensor layers", sensor + "3", ".")
    assert not noted("sensor layers", bare, ".")


def test_water(folder):
    """nanoBragg: r_e^2 fluence twice, and less water the more steps; here the photons of n independent molecules."""
    flags = EXAMPLES["-water"]
    dry = run(read_flags(flags.replace("-water 5", ""), folder)).image.astype(float)
    wet = run(read_flags(flags, folder)).image.astype(float)
    molecules = (5e-6) ** 3 * 1e6 * 6.02214179e23 / 18.0
    # At the direct beam, where the polarization factor is 1 and the solid angle pixel^2 / distance^2.
    assert (wet - dry).max() == pytest.approx(CLASSICAL * 1e28 * 2.57**2 * molecules * (0.2 / 100.0) ** 2, rel=1e-3)
    fine = flags.replace("-oversample 2", "-oversample 3")
    finer = run(read_flags(fine, folder)).image - run(read_flags(fine.replace("-water 5", ""), folder)).image
    np.testing.assert_allclose(finer, wet - dry, rtol=1e-3, atol=1e-6 * wet.max())
    assert noted("-water", flags, folder)


def test_points_outside_the_interpolation_box(folder):
    """nanoBragg: the first of them ends interpolation for the rest of the run; here it alone is not interpolated."""
    flags = EXAMPLES["points outside the interpolation box"]
    with pytest.warns(nb.NbnumbaWarning, match="nearest reflection"):
        whole = image(flags, folder)
    inside = " -roi 120 130 70 80"  # after pixels that are outside
    alone = image(flags + inside, folder)[70:81, 120:131]
    np.testing.assert_array_equal(whole[70:81, 120:131], alone)
    nearest = image(flags.replace("-interpolate", "-nointerpolate") + inside, folder)[70:81, 120:131]
    assert np.abs(nearest - alone).max() > 0.01 * alone.max()


def test_long_smv_headers(folder):
    """nanoBragg: HEADER_BYTES=512 before a longer header; here a multiple of 512 that holds it."""
    flags = EXAMPLES["long SMV headers"]
    result = run(read_flags(flags, folder))
    smv = read_smv(folder / "intimage.img")
    assert smv.header["HEADER_BYTES"] == "1024"
    np.testing.assert_array_equal(smv.pixels, np.clip(np.floor(result.image + 40.5), 0, 65535))
    assert noted("long SMV headers", flags, folder)
    assert not noted("long SMV headers", EXAMPLES["-water"], folder)


def test_reflection_files_that_are_not_four_numbers_a_line(folder):
    """nanoBragg: reads what comes before the first odd thing, or shifts columns; here lines are lines."""
    flags = EXAMPLES["-hkl files"].replace("columns.hkl", "odd.hkl")
    plain = "1 0 0 5\n0 1 0 6\n0 0 1 7\n"
    (folder / "odd.hkl").write_text(plain)
    expected = read_flags(flags, folder)
    assert not noted("-hkl files", flags, folder)
    for text in ("1 0 0 5 0.1\n0 1 0 6 0.1\n0 0 1 7 0.1\n", plain.replace("1 0 0", "1.0 0 0"), "# list\n" + plain):
        (folder / "odd.hkl").write_text(text)
        assert read_flags(flags, folder).experiment == expected.experiment
        assert noted("-hkl files", flags, folder)
    (folder / "odd.hkl").write_text("1 0 0 5\n0 1 0 6\nend of shell 1\n0 0 1 7\n")
    with pytest.raises(nb.NbnumbaError, match=r"odd\.hkl.*line 3"):
        read_flags(flags, folder)


def test_points_near_the_edge_of_the_box_are_noted(folder):
    flags = "-hkl inputs/wide.hkl -interpolate -cell 70 80 90 -N 2 -lambda 1 -detpixels 60 -oversample 1 -distance "
    name = "points outside the interpolation box"
    assert noted(name, flags + "5", folder)
    assert not noted(name, flags + "400", folder)
    assert not noted(name, flags.replace("-interpolate", "-nointerpolate") + "5", folder)


def test_resolution_limit_does_not_touch_the_polarization():
    """nanoBragg: the first step within -dmin gives the polarization of the pixel; here the first step of all does."""
    name = "-dmin with several sub-pixels or sources"
    flags = EXAMPLES[name]
    cut, whole = image(flags + " -N 1"), image(flags.replace("-dmin 5", "") + " -N 1")
    shares = set(np.round(cut / whole, 5).ravel().tolist())  # of the two sources, none, one or both are within
    assert shares <= {0.0, 0.5, 1.0}
    assert 0.5 in shares
    assert noted(name, flags, ".")
    assert not noted(name, flags + " -oversample_polar", ".")


def test_two_theta_axis():
    """nanoBragg: its first number becomes the angle, and its length counts; here it is a direction."""
    flags = EXAMPLES["-twotheta_axis"]
    np.testing.assert_array_equal(image(flags), image(flags.replace("0 1 0", "0 2 0")))
    assert nb.from_nanobragg(flags).detector.twotheta == 10.0
    assert noted("-twotheta_axis", flags, ".")
    assert not noted(
        "-twotheta_axis", flags.replace("-twotheta 10 -twotheta_axis 0 1 0", "-twotheta_axis 0 1 0 -twotheta 10"), "."
    )
    assert noted("-twotheta_axis", flags + " -twotheta_axis 0 2 0 -twotheta 10", ".")


def test_seed_of_the_random_orientation():
    """nanoBragg: takes the seed and what follows for angles; here the orientation depends on the seed alone."""
    flags, name = EXAMPLES["-misset_seed before other flags"], "-misset_seed before other flags"
    last = flags.replace("-misset_seed 777", "") + " -misset_seed 777"
    np.testing.assert_array_equal(image(flags), image(last))
    assert noted(name, flags, ".")
    assert not noted(name, flags.split(" -lambda")[0], ".")
    assert not noted(name, "-cell 70 -default_F 1 -misset_seed 777 -misset random", ".")


def test_no_polarization_means_none():
    """nanoBragg: -oversample_polar brings it back; here -nopolar wins."""
    flags = EXAMPLES["-nopolar with -oversample_polar"]
    np.testing.assert_array_equal(image(flags), image(flags.replace("-oversample_polar", "")))
    assert noted("-nopolar with -oversample_polar", flags, ".")


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ("-curved_det", "mirrored"),
        ("-sourcefile s.txt", "weights"),
        ("-mat A.mat", "both -mat and -cell"),
        ("-dump none.bin", "does not exist"),
        ("-dump F.bin", "structure factors come from"),
        ("-distance 5 -close_distance 6", "-distance has no effect"),
        ("-pivot sample", "-pivot has no effect"),
        ("-fdet_vector 0 0 1 -mosflm", "-fdet_vector has no effect"),
        ("-coherent", "no effect"),
        ("-N 50", "less than"),
        ("-misset random", "-misset_seed"),
        ("-xds -Xbeam 3", "-Xbeam has no effect"),
        ("-cell 70 80 90 75 85 95", "c*_z"),
    ],
)
def test_what_is_taken_over_is_said(flags, part, folder):
    (folder / "s.txt").write_text("-1 0 0 1 1e-10\n-1 0 0.001 2 1e-10\n")
    (folder / "A.mat").write_text((folder / "inputs" / "A.mat").read_text())
    put_dump(folder / "F.bin", nb.Reflections([(1, 2, 3)], [4.0]), 0.0)
    notes = read_flags("-cell 70 80 90 -default_F 1 -oversample 1 " + flags, folder).notes
    assert any(part in note for note in notes)


def test_angle_of_a_random_orientation_is_taken_for_radians(folder):
    """As in nanoBragg, so that a seed gives the same orientation: 90 radians times the random fraction."""
    misset = read_flags("-cell 70 -default_F 1 -misset random -misset_seed 777", folder).experiment.crystal.misset
    axis, fraction = random_rotation(MinimalStandard(777))
    turned = nb.Crystal(cell=(70, 70, 70, 90, 90, 90), misset=misset).axes
    expected = rotation_matrix(axis, domain_angle(90.0, fraction)) @ np.diag([70.0] * 3)
    np.testing.assert_allclose(turned, expected.T, atol=1e-9)


def test_matrix_gives_directions_and_cell_gives_lengths(folder):
    """As in nanoBragg."""
    both = read_flags("-mat inputs/A.mat -cell 75 85 95 -default_F 1 -lambda 1.1", folder).experiment.crystal.axes
    alone = read_flags("-mat inputs/A.mat -default_F 1 -lambda 1.1", folder).experiment.crystal.axes
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), [75, 85, 95], rtol=1e-12)
    np.testing.assert_allclose(np.cross(both, alone), 0.0, atol=1e-8)
