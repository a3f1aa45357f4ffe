"""Photons that amorphous matter scatters: by hand, against the oracle, and what must not change them."""

import re
import zlib
from pathlib import Path

import numpy as np
import oracle
import pytest
import scenes
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.kernels.amorphous import pack_background
from nbnumba.materials.attenuation import attenuation
from nbnumba.materials.substances import SUBSTANCES, scattering

TEXT = (Path(__file__).parents[1] / "docs" / "background.md").read_text(encoding="utf-8")

WATER = nb.Background(material="water", thickness=0.1)
FLAT = nb.Background(f=2.57, thickness=0.1, density=1.0, molecular_weight=18.0)
#: 201 x 401 pixels of 0.1 mm, 100 mm away; the beam hits the middle of pixel 100, 70.
HAND = nb.Experiment(
    crystal=nb.Crystal(cell=(50, 60, 70, 90, 90, 90), default_f=100.0),
    beam=nb.Beam(wavelength=1.0, flux=1e12, exposure=1.0, size=0.05),
    detector=nb.Detector(
        pixels=(201, 451),
        pixel_size=0.1,
        distance=100.0,
        convention="xds",
        beam_center=(7.05, 10.05),
        sensor_material="Si",
        sensor_thickness=0.45,
    ),
    background=(WATER,),
)


def describe(experiment):
    """For the oracle: materials as their tables, and the sensor by its coefficient."""
    tree = scenes.describe(experiment)
    tree["detector"]["sensor_mu"] = experiment.sensor_mu
    for part, matter in zip(tree["background"], experiment.background, strict=True):
        part.update(table=matter.scattering, density=matter._known("density"))
        part.update(molecular_weight=matter._known("molecular_weight"))
    return tree


# --- the scale -------------------------------------------------------------------------------------------------------


def test_a_pixel_by_hand():
    """The calculation of docs/background.md."""
    image = nb.background(HAND)
    # 33 mm beside the beam: 2 theta = 18.263 degrees, s = sin(9.1315 degrees)/1 A = 0.15870, F = 7.434 electrons.
    square = (7.36 + (0.15870 - 0.155) / 0.005 * 0.10) ** 2
    column = 0.997 * 6.02214e23 / 18.015 * 1e4 * 1e-2  # molecules/m^2 in 0.1 mm
    photons = 7.940792e-30 * 1e12 * column  # r_e^2 fluence molecules: the beam's area cancels
    assert photons == pytest.approx(2.6465e7, rel=1e-4)
    distance = np.hypot(100.0, 33.0)
    omega = 0.1**2 * 100.0 / distance**3
    polar = (1.0 + (100.0 / distance) ** 2) / 2.0
    caught = 1.0 - np.exp(-0.45 * HAND.sensor_mu * distance / 100.0)
    assert (omega, polar, caught) == pytest.approx((8.5637e-7, 0.95090, 0.8638), rel=1e-4)
    assert image[100, 400] == pytest.approx(square * photons * omega * polar * caught, rel=1e-4)
    assert image[100, 400] == pytest.approx(1028.8, abs=0.05)


def test_the_documentation_says_so():
    names = {}
    exec(re.search(r"```python\n(.*?)```", TEXT, re.DOTALL).group(1), names)
    assert names["experiment"] == HAND
    assert names["expected"][100, 400] == pytest.approx(1028.8, abs=0.05)
    assert "| I | 7.434^2 x 2.6465e7 x 8.5637e-7 x 0.95090 x 0.8638 | 1028.8 photons |" in TEXT
    for name, known in SUBSTANCES.items():
        density, weight, found = re.search(rf"\| `{name}` \| (\S+) \| (\S+) \| ([\d., ]+)", TEXT).groups()
        assert (float(density), float(weight)) == (known.density, known.molecular_weight)
        there = np.interp([0.0, 0.1, 0.2, 0.5], *scattering(name).T)
        np.testing.assert_allclose([float(x) for x in found.split(",")], there, atol=0.0051)
    energies = [float(x) for x in re.search(r"\| keV \|(.*)\|", TEXT).group(1).split("|")]
    for material in ("Si", "CdTe", "GaAs"):
        row = re.search(rf"\| {material} \|(.*)\|", TEXT).group(1).split("|")
        exact = [attenuation(material, 12.39842 / energy) for energy in energies]
        np.testing.assert_allclose([float(x) for x in row], exact, rtol=2e-3)


def test_what_a_sphere_of_pixels_sees():
    """Around the beam, all of a constant F without polarization: F^2 r_e^2 fluence molecules times the solid angle."""
    e = HAND.replace(
        **{
            "background": (FLAT,),
            "beam.polarized": False,
            "detector.sensor_thickness": 0.0,
            "detector.sensor_material": None,
            "detector.pixel_size": 1.0,
            "detector.beam_center": (200.0, 100.0),
        }
    )
    a, b = 201.0, 451.0
    # Of a rectangle seen from a point above one of its corners: atan(a b / (z sqrt(a^2 + b^2 + z^2))).
    corner = lambda a, b, z: np.arctan(a * b / (z * np.sqrt(a * a + b * b + z * z)))  # noqa: E731
    omega = sum(corner(x, y, 100.0) for x in (100.0, a - 100.0) for y in (200.0, b - 200.0))
    molecules = 0.05**2 * 0.1 * 1e-3 * 6.02214179e23 / 18.0
    expected = 2.57**2 * oracle.CLASSICAL_RADIUS_SQUARED * 1e12 / (0.05e-3) ** 2 * molecules * omega
    assert nb.background(e).sum(dtype=float) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"background.0.thickness": 0.3}, 3.0),
        ({"background.0.density": 2.0}, 2.0),
        ({"background.0.molecular_weight": 36.0}, 0.5),
        ({"background.0.f": 5.14}, 4.0),
        ({"background.0.area": 0.05**2 / 4.0}, 0.25),
        ({"beam.flux": 3e12}, 3.0),
        ({"beam.exposure": 0.1}, 0.1),
        ({"beam.size": 0.2}, 1.0),  # the same photons through as many molecules each
        ({"beam.fluence": 1e24, "beam.size": 0.1}, 1e24 * (0.1e-3) ** 2 / 1e12),
    ],
)
def test_photons_go_with(changes, factor):
    e = HAND.replace(background=(FLAT,))
    np.testing.assert_allclose(nb.background(e.replace(**changes)), factor * nb.background(e), rtol=1e-6)


def test_several_add_up():
    air = nb.Background(material="air", thickness=80.0)
    parts = [nb.background(HAND.replace(background=(part,))) for part in (WATER, FLAT, air)]
    together = nb.background(HAND.replace(background=(WATER, FLAT, air)))
    np.testing.assert_allclose(together, np.sum(parts, axis=0), rtol=1e-6)
    assert min(part.max() for part in parts) > 0.01 * together.max()


def test_nothing_scatters_nothing():
    assert not nb.background(HAND.replace(background=())).any()
    assert not nb.background(HAND.replace(**{"background.0.thickness": 0.0})).any()


# --- the oracle ------------------------------------------------------------------------------------------------------


@st.composite
def matters(draw):
    rng = draw(scenes.generators())
    known = {"thickness": float(rng.uniform(0.1, 3.0))}
    if draw(st.booleans()):
        known["area"] = float(rng.uniform(0.001, 0.01))
    kind = draw(st.sampled_from(("water", "air", "ice", "f", "table")))
    if kind in ("f", "table"):
        known.update(density=float(rng.uniform(0.1, 3.0)), molecular_weight=float(rng.uniform(2.0, 40.0)))
        s = np.cumsum(rng.uniform(0.01, 0.1, draw(st.integers(1, 9))))
        rows = np.column_stack([s, rng.uniform(0.0, 9.0, len(s))]).tolist()
        known.update(f=3.0) if kind == "f" else known.update(table=rows)
    else:
        known["material"] = kind
    return nb.Background(**known)


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
@pytest.mark.parametrize("curvature", scenes.CURVATURES)
def test_random_experiments_agree(curvature, convention):
    @seed(zlib.crc32(f"background {curvature} {convention}".encode()))
    @settings(max_examples=6)
    @given(
        scenes.experiments("gauss", "uniform", curvature, (convention,)), st.lists(matters(), min_size=1, max_size=3)
    )
    def check(experiment, matter):
        e = experiment.replace(background=matter, **{"beam.fluence": 1e20})
        expected = oracle.background(describe(e))
        assert expected.max() > 0.0
        np.testing.assert_allclose(nb.background(e), expected, rtol=1e-6, atol=1e-12 * expected.max())

    check()


# --- what changes it, and what does not ------------------------------------------------------------------------------


def test_the_crystal_and_its_sampling_change_nothing():
    changes = {
        "crystal.cells": (30, 40, 50),
        "crystal.mosaic.spread": 1.0,
        "crystal.mosaic.domains": 7,
        "sampling.oversample": 3,
        "sampling.layers": 4,
        "sampling.dmin": 3.0,
        "sampling.solid_angle": "pixel",
        "sampling.polarization": "pixel",
        "scan.width": 1.0,
        "scan.steps": 5,
    }
    np.testing.assert_array_equal(nb.background(HAND.replace(**changes)), nb.background(HAND))


def test_the_crystals_image_is_without_it():
    e = scenes.still()
    np.testing.assert_array_equal(nb.simulate(e.replace(background=(WATER,))), nb.simulate(e))


def test_sources_count_by_their_weights():
    towards = tuple(-x for x in HAND.beam_direction)
    rows = [(*towards, 3.0, 1.1), (towards[0] + 0.01, *towards[1:], 1.0, 1.2)]
    bare = {
        "detector.sensor_thickness": 0.0,
        "detector.sensor_material": None,
    }  # whose mu goes with the mean wavelength
    one, two, both = (
        nb.background(HAND.replace(**bare, **{"beam.sources": nb.Sources(part)})) for part in (rows[:1], rows[1:], rows)
    )
    np.testing.assert_allclose(both, (3.0 * one + two) / 4.0, rtol=1e-6)
    assert not np.allclose(one, two, rtol=1e-2)


def test_polarization_is_that_of_the_crystal():
    """A crystal of one cell of equal reflections scatters as one molecule does, without a sensor to be deep in."""
    e = scenes.still(
        **{"beam.polarization": 0.9, "crystal.cells": (1, 1, 1), "detector.twotheta": 20.0, "beam.fluence": 1e20,
           "detector.distance": 400.0, "sampling.oversample": 3},
    )  # fmt: skip
    molecule = nb.Background(f=10.0, thickness=1.0, area=1.0, density=1.0, molecular_weight=1e-3 * 6.02214179e23)
    image = nb.background(e.replace(background=(molecule,)))
    np.testing.assert_allclose(image, nb.simulate(e), rtol=1e-5)  # sub-pixels are 3 and 4 along each edge
    assert image.std() > 0.005 * image.mean()


def test_the_sensor_catches_what_its_thickness_says():
    bare = {"detector.sensor_thickness": 0.0, "detector.sensor_material": None}
    slow, fast = np.indices(HAND.detector.pixels)
    cosine = 100.0 / np.sqrt(100.0**2 + (0.1 * (slow - 100)) ** 2 + (0.1 * (fast - 70)) ** 2)
    expected = nb.background(HAND.replace(**bare)) * -np.expm1(-0.45 * HAND.sensor_mu / cosine)
    np.testing.assert_allclose(nb.background(HAND), expected, rtol=1e-6)


def test_region_and_mask_are_left_out():
    whole = nb.background(HAND)
    mask = np.random.default_rng(1).uniform(size=whole.shape) < 0.5
    part = nb.background(HAND.replace(**{"detector.mask": nb.Mask(mask), "detector.roi": ((20, 60), (300, 410))}))
    inside = np.zeros_like(mask)
    inside[20:60, 300:410] = mask[20:60, 300:410]
    np.testing.assert_array_equal(part, np.where(inside, whole, 0.0))


def test_threads_change_nothing():
    np.testing.assert_array_equal(nb.background(HAND, threads=1), nb.background(HAND, threads=2))


def test_coarse_pixels_hold_their_part_of_a_ring():
    """A pixel of 1.5 mm holds what 5 x 5 of 0.3 mm do, though a ring of ice is narrower than it."""
    ice = nb.Background(material="ice", thickness=0.1)
    pixels = {"background": (ice,), "detector.beam_center": (15.0, 15.0)}
    fine = nb.background(HAND.replace(**pixels, **{"detector.pixels": (200, 200), "detector.pixel_size": 0.3}))
    coarse = HAND.replace(**pixels, **{"detector.pixels": (40, 40), "detector.pixel_size": 1.5})
    assert pack_background(coarse).matter.parts == 15
    summed = fine.reshape(40, 5, 40, 5).sum(axis=(1, 3), dtype=float)
    np.testing.assert_allclose(nb.background(coarse), summed, rtol=0.03)
    assert pack_background(HAND).matter.parts == 1


# --- the model -------------------------------------------------------------------------------------------------------


def test_an_experiment_comes_back(tmp_path):
    parts = (
        WATER,
        FLAT,
        nb.Background(table=[(0.0, 2.0), (0.3, 1.5)], thickness=1, density=2, molecular_weight=3, area=1e-3),
    )
    e = HAND.replace(background=parts)
    assert nb.Experiment.from_toml(e.to_toml()) == e
    assert hash(nb.Experiment.from_toml(e.to_toml())) == hash(e)
    e.to_toml(tmp_path / "e.toml")
    assert nb.Experiment.from_toml(tmp_path / "e.toml", {"background.1.f": 3.0}).background[1].f == 3.0
    assert "background" not in HAND.replace(background=()).to_toml()


def test_tables_are_read_from_files(tmp_path):
    (tmp_path / "oil.stol").write_text("# s F\n0.2 3.5\n0.1 4.5  # ring\n\n0.0 2\n")
    expected = ((0.0, 2.0), (0.1, 4.5), (0.2, 3.5))
    assert nb.read_scattering(tmp_path / "oil.stol") == expected
    text = HAND.replace(background=()).to_toml()
    matter = '\n[[background]]\ntable = "oil.stol"\nthickness = 0.2\ndensity = 0.9\nmolecular_weight = 14.0\n'
    (tmp_path / "e.toml").write_text(text + matter)
    assert nb.Experiment.from_toml(tmp_path / "e.toml").background[0].table == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "no rows"), ("0 1 2\n", "line 1: found 3 numbers"), ("0 one\n", "line 1"), ("0.1\n", "found 1 numbers")],
)
def test_tables_that_make_no_sense_are_refused(content, words, tmp_path):
    (tmp_path / "a.stol").write_text(content)
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.read_scattering(tmp_path / "a.stol")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "background: found 'none of them'; allowed: one of material, table and f"),
        ({"material": "water", "f": 1.0}, "found 'material and f'"),
        ({"material": "watr"}, "did you mean 'water'"),
        ({"f": 1.0}, "background.density: found None; allowed: a number"),
        ({"f": 1.0, "density": 1.0}, "background.molecular_weight"),
        ({"material": "water", "density": 0.0}, "background.density: found 0.0"),
        ({"material": "water", "area": -1.0}, "background.area"),
        ({"material": "water", "thickness": -1.0}, "background.thickness"),
        ({"table": "oil.stol"}, r"background.table: found 'oil.stol'.*read_scattering"),
        ({"table": []}, "at least one row"),
        ({"table": [(0.0, 1.0), (0.0, 2.0)]}, r"background.table\[1\].*in increasing order"),
        ({"table": [(-0.1, 1.0)]}, r"background.table\[0\]"),
        ({"table": [(0.1, float("nan"))]}, r"background.table\[0\]"),
    ],
)
def test_what_makes_no_sense_is_refused(known, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.Background(**{"thickness": 1.0, **known})


def test_experiments_refuse_what_is_no_background():
    with pytest.raises(nb.NbnumbaError, match=r"experiment.background.*a list of Background"):
        HAND.replace(background=[1.0])


def test_numbers_beyond_float32_are_refused():
    with pytest.raises(nb.NbnumbaError, match="beyond float32"):
        nb.background(HAND.replace(**{"beam.flux": 1e55}))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"device": "gpu"}, "device: found 'gpu'"),
        ({"threads": 0}, "threads: found 0"),
        ({"device": "cuda", "threads": 1}, "threads: found 1 with device 'cuda'"),
    ],
)
def test_ways_that_are_not_there_are_refused(how, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.background(HAND, **how)
