"""What is drawn for images: distributions, orientations, structures, and that one draw does not touch another."""

import math
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from recipes import BASE, recipe
from scipy import stats

import nbnumba as nb
from nbnumba.datasets.distributions import Choice, drawing, extremes, spelled_out
from nbnumba.datasets.draw import draw
from nbnumba.datasets.random import rotation, sobol_uniform, uniform
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.splits import structure_splits
from nbnumba.model.mosaic import misset_of, rotation_matrix
from nbnumba.physics.vector import Vector

MANY = 2000
PLACES = [uniform(5, i, "value") for i in range(MANY)]


def drawn(table):
    """Values of a distribution, of one image after another."""
    one = drawing("here", spelled_out("here", table)).distribution
    return np.array([one.quantile(u) for u in PLACES])


@pytest.mark.parametrize(
    ("table", "law"),
    [
        ({"uniform": [2.0, 5.0]}, stats.uniform(2.0, 3.0)),
        ({"loguniform": [0.01, 10.0]}, stats.loguniform(0.01, 10.0)),
        ({"normal": [1.0, 2.0]}, stats.norm(1.0, 2.0)),
        ({"normal": [0.0, 1.0], "low": -0.5, "high": 2.0}, stats.truncnorm(-0.5, 2.0)),
    ],
    ids=["uniform", "loguniform", "normal", "truncated"],
)
def test_values_follow_their_distribution(table, law):
    # fixed numbers: 1e-3 is what a wrong law misses by far, and one draw in a thousand of seeds would
    assert stats.kstest(drawn(table), law.cdf).pvalue > 1e-3


def test_choices_come_by_their_weights():
    found = drawn({"choice": ["a", "b", "c"], "weights": [1, 0, 3]})
    assert set(found) == {"a", "c"}
    assert np.mean(found == "c") == pytest.approx(0.75, abs=0.03)  # 3 standard deviations
    whole = drawn({"integer": [-1, 2]})
    assert stats.chisquare(np.bincount(whole + 1)).pvalue > 1e-3


def test_names_and_images_have_numbers_of_their_own():
    u = np.array([[uniform(1, i, name) for name in ("a", "b", "crystal.misset")] for i in range(MANY)])
    assert abs(np.corrcoef(u.T) - np.eye(3)).max() < 0.07  # 3 standard deviations
    assert abs(np.corrcoef(u[1:, 0], u[:-1, 0])[0, 1]) < 0.07
    assert uniform(1, 3, "a", 1) != uniform(1, 3, "a") != uniform(2, 3, "a")


def test_orientations_are_uniform():
    turns = np.array([rotation(tuple(uniform(3, i, "orientation", k) for k in range(3))) for i in range(MANY)])
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12)
    assert np.linalg.det(turns).min() > 0.0
    # z components of each axis are even over (-1, 1), and the angle has the density (1 - cos)/pi
    for axis in range(3):
        assert stats.kstest(turns[:, 2, axis], stats.uniform(-1.0, 2.0).cdf).pvalue > 1e-3
    angle = np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1.0) / 2.0, -1.0, 1.0))
    assert stats.kstest(angle, lambda a: (a - np.sin(a)) / np.pi).pvalue > 1e-3


def test_missetting_angles_make_the_rotation():
    for i in range(20):
        turn = rotation(tuple(uniform(3, i, "orientation", k) for k in range(3)))
        crystal = nb.Crystal(cell=(10, 20, 30, 90, 90, 90), misset=misset_of(turn))
        np.testing.assert_allclose(crystal.axes, np.diag([10, 20, 30]) @ turn.T, atol=1e-9)
    np.testing.assert_allclose(rotation((0.0, 0.0, 0.0)), rotation_matrix(Vector(0.0, 1.0, 0.0), math.pi), atol=1e-12)


def test_sobol_fills_the_square_more_evenly_than_chance():
    points = np.array([[sobol_uniform(4, i, k, name) for k, name in enumerate("ab")] for i in range(256)])
    boxes = np.bincount((points * 8).astype(int) @ [8, 1], minlength=64)
    assert set(boxes) == {4}  # a net of 2^8 points: as many in each of 2^6 squares
    r = recipe("""
[vary]
"beam.flux" = {loguniform = [1e11, 1e13], sobol = true}
"beam.wavelength" = {uniform = [1, 2], sobol = true}
""")
    waves = sorted(draw(r, i).values["beam.wavelength"] for i in range(8))
    assert [int((w - 1.0) * 8) for w in waves] == list(range(8))


def test_a_grid_takes_all_combinations():
    r = recipe('[vary]\n"beam.wavelength" = {grid = [1.0, 1.1]}\n"detector.distance" = {grid = [50, 60, 70]}\n')
    found = [tuple(draw(r, i).values.values()) for i in range(7)]
    assert found[:6] == [(w, d) for w in (1.0, 1.1) for d in (50, 60, 70)]
    assert found[6] == found[0]
    assert draw(r, 4).experiment.detector.distance == 60.0


def test_other_values_do_not_change_a_draw():
    one = '[vary]\n"beam.wavelength" = {uniform = [1, 2]}\n'
    more = one + '"crystal.mosaic.spread" = {uniform = [0.1, 0.5]}\n[draw]\nhelper = {normal = [0, 1]}\n'
    for i in range(3):
        few, many = draw(recipe(one), i), draw(recipe(more, hit=0.5), i)
        assert few.values["beam.wavelength"] == many.values["beam.wavelength"]
        assert few.experiment.crystal.misset == many.experiment.crystal.misset


def test_sobol_numbers_depend_on_those_before_them():
    text = '[vary]\n"beam.wavelength" = {uniform = [1, 2], sobol = true}\n'
    after = '"crystal.spot_scale" = {uniform = [1, 2], sobol = true}\n'
    before = "[draw]\nhelper = {uniform = [0, 1], sobol = true}\n"
    alone, first, second = (
        [draw(recipe(one), i).values["beam.wavelength"] for i in range(3)]
        for one in (text, text + after, before + text)
    )
    assert alone == first != second


def test_draws_depend_on_recipe_and_number_alone():
    r = recipe('[vary]\n"beam.wavelength" = {uniform = [1, 2]}\n')
    backwards = [draw(r, i) for i in (3, 2, 1, 0)][::-1]
    assert backwards == [draw(r, i) for i in range(4)]
    assert draw(r, 0) != draw(recipe('[vary]\n"beam.wavelength" = {uniform = [1, 2]}\n', seed=8), 0)


def test_values_scale_and_shift_the_base():
    r = recipe("""
[vary]
"crystal.cell" = {uniform = [1.1, 1.2], scaled = true, each = true}
"detector.beam_center" = {normal = [0, 0.5], added = true, each = true}
"detector.rotation.1" = {uniform = [-2, -1]}
"background.0.thickness" = {uniform = [2, 3], scaled = true}
""")
    one = draw(r, 1)
    cell = one.experiment.crystal.cell
    ratios = np.array(cell[:3]) / [40, 50, 60]
    assert len(set(ratios)) == 3
    assert ((ratios > 1.1) & (ratios < 1.2)).all()
    assert cell[3:] == (90.0, 90.0, 90.0)
    assert one.values["crystal.cell"] == cell
    assert one.experiment.detector.beam_center == one.values["detector.beam_center"] != (19.2, 19.2)
    assert one.experiment.detector.rotation == (0.0, one.values["detector.rotation.1"], 0.0)
    assert 0.002 < one.experiment.background[0].thickness < 0.003


def test_expressions_take_drawn_values_and_those_of_the_base():
    r = recipe("""
[draw]
thickness = {loguniform = [0.005, 0.05]}
double = {expression = "2 * thickness"}
[vary]
"beam.flux" = {expression = "1e12 * double * beam.wavelength / 0.01"}
"background.0.thickness" = {expression = "thickness"}
""")
    values = draw(r, 2).values
    assert values["beam.flux"] == pytest.approx(2e14 * values["thickness"])
    assert draw(r, 2).experiment.background[0].thickness == values["thickness"]


def test_lattices_have_orientations_and_values_of_their_own():
    r = recipe("[lattices]\ncount = {integer = [2, 4]}\nvary = {spot_scale = {loguniform = [0.1, 1]}}\n")
    counts = {len(draw(r, i).experiment.crystals) for i in range(30)}
    assert counts == {2, 3, 4}
    crystals = draw(r, 0).experiment.crystals
    assert (
        len({crystal.misset for crystal in crystals})
        == len({crystal.spot_scale for crystal in crystals})
        == len(crystals)
    )


def test_some_images_are_misses():
    hits = [draw(recipe(hit=0.3), i).hit for i in range(300)]
    assert np.mean(hits) == pytest.approx(0.3, abs=0.08)  # 3 standard deviations
    assert not any(draw(recipe(hit=0.0), i).hit for i in range(20))
    assert all(draw(recipe(), i).hit for i in range(20))


@pytest.fixture
def structures(tmp_path):
    """A recipe with a folder of 12 structures, of which two are the same."""
    for i in range(12):
        (tmp_path / f"s{i:02d}.hkl").write_text(f"1 2 3 {10 + min(i, 10)}\n2 0 1 5\n")
    text = BASE.replace("default_f = 500.0", "") + "splits = {train = 0.6, validation = 0.2, test = 0.2}\n"
    (tmp_path / "r.toml").write_text(text + '[structures]\nfiles = ["s*.hkl"]\n')
    return tmp_path / "r.toml"


def test_structures_are_drawn_from_the_list(structures):
    r = Recipe.from_toml(structures)
    found = [draw(r, i) for i in range(200)]
    assert {one.structure for one in found} == set(range(12))
    for one in found[:20]:
        assert one.experiment.crystal.reflections.amplitude.max() == 10 + min(one.structure, 10)
    assert np.mean([one.split == "train" for one in found]) == pytest.approx(0.6, abs=0.1)


def test_splits_never_share_a_structure(structures):
    r = Recipe.from_toml(structures, {"output.split_by": "structure"})
    homes = structure_splits(r)
    assert homes[10] == homes[11]  # of equal content
    assert sorted(homes.count(name) for name in ("train", "validation", "test")) in ([2, 2, 8], [2, 3, 7])
    for i in range(100):
        one = draw(r, i)
        assert one.split == homes[one.structure]
    with pytest.raises(nb.NbnumbaError, match="1 different structures for 3 splits"):
        Recipe.from_toml(structures, {"output.split_by": "structure", "structures.files": ["s01.hkl"]})


def test_b_factors_are_drawn(structures):
    changes = {"structures.b_factor": {"uniform": [10, 20]}, "structures.files": ["x.pdb"]}
    (structures.parent / "x.pdb").write_bytes(_pdb())
    r = Recipe.from_toml(structures, {**changes, "structures.resolution": 4.0})
    one, other = draw(r, 0), draw(r, 1)
    ratio = one.experiment.crystal.reflections.amplitude / other.experiment.crystal.reflections.amplitude
    b = other.values["structures.b_factor"] - one.values["structures.b_factor"]
    hkl, cell = one.experiment.crystal.reflections.hkl, one.experiment.crystal.unit_cell
    q = hkl / np.array(cell[:3])
    np.testing.assert_allclose(ratio, np.exp(0.25 * b * (q**2).sum(axis=1)), rtol=1e-9)
    assert cell[:3] == (30.0, 31.0, 32.0)


def test_a_b_factor_may_follow_from_what_is_scaled(structures):
    text = structures.read_text() + 'b_factor = {expression = "10 * beam.wavelength"}\n'
    structures.write_text(text + '[vary]\n"beam.wavelength" = {uniform = [1, 2], scaled = true}\n')
    (structures.parent / "x.pdb").write_bytes(_pdb())
    r = Recipe.from_toml(structures, {"structures.files": ["x.pdb"], "structures.resolution": 4.0})
    for image in (draw(r, i) for i in range(3)):
        assert image.values["structures.b_factor"] == 10 * image.experiment.beam.wavelength
        plain = r.structures.read(0).scaled(b_factor=image.values["structures.b_factor"])
        assert image.experiment.crystal.reflections == plain


def _pdb():
    return (
        b"CRYST1   30.000   31.000   32.000  90.00  90.00  90.00 P 1           1\n"
        b"ATOM      1  CA  ALA A   1      11.000  12.000  13.000  1.00 10.00           C\nEND\n"
    )


def test_presets_of_detectors_are_drawn():
    text = '[vary]\n"detector.preset" = {choice = ["pilatus-100k", "pilatus3-100k"]}\n'
    r = recipe(text, output__spots=False, base__detector__preset="pilatus-100k")
    found = {draw(r, i).values["detector.preset"]: draw(r, i).experiment.detector for i in range(10)}
    assert found["pilatus-100k"].sensor_thickness == 0.32
    assert found["pilatus3-100k"].sensor_thickness == 0.45
    assert Recipe.from_toml(r.to_toml()) == r


def test_files_of_the_base_are_read_once(tmp_path):
    (tmp_path / "f.hkl").write_text("1 2 3 500\n2 0 1 500\n")
    np.save(tmp_path / "m.npy", np.ones((195, 487)))
    text = BASE.replace("default_f = 500.0", 'reflections = "f.hkl"') + PRESETS
    (tmp_path / "r.toml").write_text(text)
    r = Recipe.from_toml(tmp_path / "r.toml", {"output.spots": False, "base.detector.preset": "pilatus-100k",
                                               "base.detector.mask": "m.npy"})  # fmt: skip
    for name in ("f.hkl", "m.npy"):
        (tmp_path / name).unlink()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # which has read nothing yet
        images = [one.experiment for one in pool.map(partial(draw, r), range(6))]
    assert {image.crystal.reflections for image in images} == {r.base.crystal.reflections}
    assert len({image.detector for image in images}) == 2


def test_all_images_have_one_shape():
    text = '[vary]\n"detector.preset" = {choice = ["pilatus-100k", "eiger-500k"]}\n'
    with pytest.raises(nb.NbnumbaError, match=r"an image of \(514, 1030\) pixels, while the base makes \(195, 487\)"):
        recipe(text, output__spots=False, base__detector__preset="pilatus-100k")
    r = recipe(text, output__spots=False, base__detector__preset="pilatus-100k", output__crop=[[0, 60], [20, 100]])
    assert {draw(r, i).experiment.detector.roi for i in range(10)} == {((0, 60), (20, 100))}
    assert len({draw(r, i).experiment.detector.pixels for i in range(10)}) == 2
    for name, value in (("pixels", "[[32, 32], [64, 64]]"), ("pixels.0", "[32, 64]")):
        with pytest.raises(nb.NbnumbaError, match=rf"vary.detector.{name}: all images of a set have one shape"):
            recipe(f'[vary]\n"detector.{name}" = {{choice = {value}}}\n')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[vary]\n"crystal.spot_scale" = {uniform = [1, 2]}\n[lattices]\ncount = 2\n'
            "vary = {spot_scale = {uniform = [1, 2], scaled = true}}\n",
            r"lattices.vary.spot_scale: found with vary.crystal.spot_scale",
        ),
        (
            '[vary]\n"crystal.mosaic.spread" = {uniform = [1, 2]}\n[lattices]\ncount = 2\n'
            "vary = {mosaic = {choice = [1.0]}}\n",
            r"lattices.vary.mosaic: found with vary.crystal.mosaic.spread",
        ),
        (
            '[vary]\n"crystal.cells" = {choice = [[5, 5, 5]]}\n"crystal.cells.0" = {choice = [5]}\n',
            r"vary.crystal.cells.0: found with vary.crystal.cells,",
        ),
        (
            "[lattices]\ncount = 2\nvary = {misset = {uniform = [0, 90], each = true}}\n",
            r"orientation: found 'uniform'; allowed: \"base\" where lattices.vary.misset is given",
        ),
        ('[vary]\n"crystal.misset.0" = {uniform = [0, 90]}\n', "where vary.crystal.misset.0 is given"),
    ],
)
def test_nothing_is_drawn_twice(text, message):
    with pytest.raises(nb.NbnumbaError, match=message):
        recipe(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[vary]\n"beam.wavelength" = {unifrom = [1, 2]}\n',
            r"vary\.beam\.wavelength.*'unifrom'.*Did you mean 'uniform'",
        ),
        ('[vary]\n"beam.wavelenth" = {uniform = [1, 2]}\n', "'wavelenth'.*Did you mean 'wavelength'"),
        ('[vary]\n"beam.wavelength" = {uniform = [2, 1]}\n', "high: found 1"),
        ('[vary]\n"beam.wavelength" = {uniform = [-2, -1]}\n', "image 0: beam.wavelength: found -1"),
        ('[vary]\n"beam.wavelength" = {uniform = [1, 2], middle = 3}\n', "no such key 'middle'"),
        ('[vary]\n"beam.wavelength" = 1.0\n', "allowed: a distribution"),
        ('[vary]\n"beam.wavelength" = {expression = "1 + wobble"}\n', "no value 'wobble' is drawn"),
        ('[draw]\na = {expression = "b"}\nb = {expression = "a + 1"}\n', "in a circle: a -> b -> a"),
        ('[draw]\na = {expression = "a"}\n', "in a circle: a -> a"),
        ("[draw]\nnumber = {uniform = [0, 1]}\n", "draw.number"),
        ("[nonsense]\na = 1\n", "no such key 'nonsense'"),
        *(
            (f'[vary]\n"crystal.cell.{place}" = {{uniform = [1, 2]}}\n', rf"crystal\.cell: found {{'{place[:9]}")
            for place in ("²", "9" * 5000)
        ),
        ("[lattices]\ncount = 2\nvary = {wobble = {uniform = [0, 1]}}\n", "'wobble'"),
        ('[structures]\nfiles = ["none.pdb"]\n', "none.pdb: cannot be read"),
        ('[vary]\n"detector.preset" = {uniform = [0, 1]}\n', "vary.detector.preset: found .* names of detectors"),
        ("[shadow]\nradius = 2\nwidth = 3\n", "shadow: no such key 'width'"),
        ("[shadow]\narm = 3\n", "shadow.radius: found nothing"),
        ("[shadow]\nradius = {uniform = [-1, 4]}\n", r"shadow.radius: -0.9\d* may be drawn: shadow.radius: found -0.9"),
        (
            '[vary]\n"beam.wavelength" = {grid = [1, 2, -1]}\n',
            "vary.beam.wavelength: -1 may be drawn: beam.wavelength: found -1",
        ),
        ('[vary]\n"beam.wavelength" = {choice = [1.5, "Cu"]}\n', "vary.beam.wavelength: 'Cu' may be drawn"),
        ('[vary]\n"beam.wavelength" = {uniform = [-0.1, 2]}\n', "vary.beam.wavelength: -0.09"),
        ('[vary]\n"beam.wavelength" = {normal = [1, 1]}\n', r"vary.beam.wavelength: -0.06\d* may be drawn"),
        ("[lattices]\ncount = {integer = [0, 2]}\n", "lattices.count: 0 may be drawn: lattices.count: found 0"),
        (
            "[lattices]\ncount = 2\nvary = {spot_scale = {uniform = [-0.1, 1]}}\n",
            "lattices.vary.spot_scale: -0.09",
        ),
        ('[draw]\nx = {choice = ["a\\u0000b"]}\n', "draw.x.values: found 'a.x00b'"),
        ("[draw]\nx = {choice = [9223372036854775807, -9223372036854775808]}\n", "whole numbers of 64 bits"),
        *(
            (f'[draw]\n"{name}" = {{uniform = [0, 1]}}\n', f"draw.{name}: found '{name}'")
            for name in ("pi", "min", "if", "\ufb01t", "a b")
        ),
    ],
)
def test_bad_recipes_are_refused(text, message):
    with pytest.raises(nb.NbnumbaError, match=message):
        recipe(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hit": 2.0}, "hit: found 2"),
        ({"count": 0}, "count: found 0"),
        ({"orientation": "even"}, "orientation: found 'even'"),
        ({"output.bin": 7}, "a divisor of both edges"),
        ({"output.crop": [[0, 65], [0, 64]]}, "a part of the detector"),
        ({"output.splits": {"train": 0.5}}, "shares that add up to 1"),
        ({"output.splits": {"tr\0ain": 1.0}}, "characters that can be seen"),
        ({"output.dtype": "int8"}, "output.dtype"),
        ({"vary.beam.flux.high": 3}, "no such key 'beam.flux.high'"),
        ({"vary.beam.flux.unifrm": [1, 2]}, "Did you mean 'beam.flux.uniform'"),
        ({"vary.beam.wavelength": [3, 4]}, r"no such key 'beam.wavelength'.*as vary\.beam\.wavelength\.uniform=1,2"),
        ({"draw.a": 5}, r"draw: no such key 'a'.*There are: none"),
        ({"vary": {"beam.wavelength": {"uniform": [1, 2]}}, "vary.beam.wavelenght": 3}, "you mean 'beam.wavelength'"),
        *(({part: 3}, f"{part}: found 3; allowed: a table") for part in ("vary", "draw", "lattices", "lattices.vary")),
        ({"shadow": 3}, "shadow: found 3"),
        ({"draw": {"beam.wavelength": 1}}, "draw.beam.wavelength: found 1; allowed: a distribution"),
        ({"base": 3}, "base: found 3; allowed: an experiment"),
        ({"experiment": "a.toml"}, "no such key 'experiment'. Did you mean 'base.experiment'"),
    ],
)
def test_bad_changes_are_refused(changes, message):
    with pytest.raises(nb.NbnumbaError, match=message):
        Recipe.from_toml(BASE, changes)


def test_changes_reach_every_value():
    text = '[vary]\n"crystal.mosaic.spread" = {uniform = [0.05, 0.2]}\n[draw]\na = {normal = [0, 1]}\n'
    r = recipe(text, count=9, vary__crystal__mosaic__spread__high=0.5, base__detector__distance=120, draw__a__sd=0.0,
               vary__beam__wavelength={"uniform": [1, 2]})  # fmt: skip
    assert (r.count, r.base.detector.distance) == (9, 120.0)
    assert r.vary["crystal.mosaic.spread"].distribution.high == 0.5
    assert draw(r, 0).values["a"] == 0.0
    assert 1.0 < draw(r, 0).experiment.beam.wavelength < 2.0


def test_changes_take_tables_of_distributions_at_any_depth(tmp_path):
    text = '[vary]\n"beam.flux" = {loguniform = [0.5, 2], scaled = true}\n[lattices]\ncount = 2\n[shadow]\nradius = 1\n'
    r = recipe(text, lattices__vary={"cells": {"choice": [[5, 5, 5], [6, 6, 6]]}}, draw={"a": {"normal": [0, 1]}},
               shadow={"radius": {"uniform": [1, 2]}}, shadow__radius__high=3, draw__a__mean=2)  # fmt: skip
    assert r.lattices.vary["cells"].distribution.values == ((5, 5, 5), (6, 6, 6))
    assert (r.shadow.radius.distribution.high, r.draw["a"].distribution.mean) == (3, 2)
    assert list(r.vary) == ["beam.flux"]
    other = recipe(text, vary={"detector.rotation": {"uniform": [-5, 5], "each": True}})
    assert list(other.vary) == ["detector.rotation"]
    path = tmp_path / "base.toml"
    path.write_text(r.base.replace(**{"beam.wavelength": 1.5}).to_toml())
    assert recipe(base=str(path)).base.beam.wavelength == 1.5


def test_the_kind_of_a_distribution_may_be_changed_by_its_name():
    text = '[vary]\n"beam.flux" = {loguniform = [0.5, 2], scaled = true}\n[shadow]\nradius = {uniform = [1, 2]}\n'
    r = recipe(text, vary__beam__flux__uniform=(0.9, 1.1), vary__beam__wavelength__uniform=[1, 2],
               lattices={"count": {"integer": [1, 2]}}, lattices__vary__cells__choice=[[5, 5, 5]])  # fmt: skip
    wanted = {"distribution": "uniform", "low": 0.9, "high": 1.1, "scaled": True}
    assert r.vary["beam.flux"].table() == wanted
    assert r.vary["beam.wavelength"].distribution.high == 2
    assert r.lattices.vary["cells"].distribution.values == ((5, 5, 5),)


@pytest.mark.parametrize("convention", ["mosflm", "adxv", "xds"])
def test_a_beam_centre_moves_from_where_it_is_without_being_told(convention):
    base = {"base__detector__beam_center": None, "base__detector__convention": convention}
    text = '[vary]\n"detector.beam_center" = {normal = [0, 5], added = true, each = true}\n'
    r = recipe(text, **base)
    still = recipe(text, **base, vary__detector__beam_center__sd=0.0)
    geometry = r.base.geometry
    np.testing.assert_allclose(draw(still, 0).experiment.geometry.beam_center, geometry.beam_center, rtol=1e-12)
    moved = np.array([draw(r, i).experiment.geometry.beam_center for i in range(6)]) - geometry.beam_center
    there = draw(still, 0).values["detector.beam_center"]
    steps = np.abs(np.subtract([draw(r, i).values["detector.beam_center"] for i in range(6)], there))
    np.testing.assert_allclose(np.sort(abs(moved)), np.sort(steps), rtol=1e-9)
    one = recipe('[vary]\n"detector.beam_center.0" = {uniform = [1, 2], added = true}\n', **base)
    assert 1.0 <= np.abs(np.subtract(draw(one, 0).experiment.geometry.beam_center, geometry.beam_center)).max() <= 2.0


def test_a_plain_value_pins_what_varies():
    text = '[vary]\n"beam.flux" = {uniform = [1, 2], scaled = true}\n[draw]\na = {normal = [0, 1]}\n'
    text += "[lattices]\ncount = 2\nvary = {misset = {uniform = [0, 90], each = true}}\n"
    r = recipe(text, orientation="base", vary__beam__flux=5e9, draw__a=3, lattices__vary__misset=[10, 20, 30])
    for one in (draw(r, i) for i in range(5)):
        assert (one.experiment.beam.flux, one.values["beam.flux"], one.values["a"]) == (5e9, 5e9, 3)
        assert {crystal.misset for crystal in one.experiment.crystals} == {(10.0, 20.0, 30.0)}
    with pytest.raises(nb.NbnumbaError, match=r"no such key 'beam\.wavelength'"):
        recipe(text, orientation="base", vary__beam__wavelength=1.0)


def test_a_shadow_that_cannot_be_names_the_image():
    r = recipe('[draw]\na = {grid = [0, 1]}\nb = {grid = [0, 1]}\n[shadow]\nradius = {expression = "1.5 - a - b"}\n')
    assert draw(r, 2).shadow["radius"] == 0.5
    with pytest.raises(nb.NbnumbaError, match=r"image 3: shadow\.radius: found -0\.5"):
        draw(r, 3)


@pytest.mark.parametrize("kind", ["uniform", "loguniform", "normal"])
def test_whole_limits_are_the_same_as_others(kind):
    hashes = {recipe(f"[draw]\nx = {{{kind} = {limits}}}").hash for limits in ("[1, 2]", "[1.0, 2.0]")}
    assert len(hashes) == 1


@pytest.mark.parametrize("value", ["2024-01-01", "[1, 08:30:00]", "{ a = 2024-01-01T08:30:00Z }"])
def test_dates_and_times_are_no_values(value):
    with pytest.raises(nb.NbnumbaError, match=r"draw\.x\.values: found .*allowed: numbers, texts"):
        recipe(f"[draw]\nx = {{choice = [1, {value}]}}")


def test_long_lists_of_numbers_are_tried_at_their_ends():
    values = [1.0 + 0.001 * i for i in range(300)]
    assert extremes(Choice(tuple(values)), 10) == (values[0], values[-1])
    with pytest.raises(nb.NbnumbaError, match=r"vary\.beam\.wavelength: -1\.0 may be drawn"):
        recipe(f'[vary]\n"beam.wavelength" = {{grid = {[*values, -1.0, *values]}}}\n')


def test_recipes_survive_toml(structures):
    text = (
        structures.read_text()
        + """b_factor = {uniform = [0, 0]}
[vary]
crystal.mosaic.spread = {loguniform = [0.05, 0.2]}
"beam.wavelength" = {normal = [1, 0.1], low = 0.5, sobol = true}
"detector.distance" = {grid = [50, 60]}
"beam.polarization" = {choice = [0.0, 1.0], weights = [1, 2]}
[draw]
t = {expression = "1 if beam.wavelength > 1 else 2"}
[lattices]
count = {integer = [1, 3]}
[shadow]
radius = {uniform = [1, 2]}
arm = 0.5
"""
    )
    structures.write_text(text.replace("b_factor = {uniform = [0, 0]}\n", ""))
    r = Recipe.from_toml(structures)
    again = Recipe.from_toml(r.to_toml(), folder=structures.parent)
    assert again == r
    assert again.to_toml() == r.to_toml()
    assert draw(again, 3) == draw(r, 3)


def test_the_hash_knows_what_is_in_files(structures):
    before = Recipe.from_toml(structures)
    assert Recipe.from_toml(structures).hash == before.hash
    assert Recipe.from_toml(structures, {"count": 100}).hash == before.hash
    assert Recipe.from_toml(structures, {"seed": 8}).hash != before.hash
    file = structures.parent / "s03.hkl"
    file.write_text(file.read_text().replace("5", "6"))
    assert Recipe.from_toml(structures).hash != before.hash
    with pytest.raises(nb.NbnumbaError, match="is not what it was"):
        [draw(before, i) for i in range(100)]


def test_masks_are_drawn_from_files_whose_contents_the_hash_knows(tmp_path):
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", np.arange(64 * 64).reshape(64, 64) % (i + 2) > 0)
    (tmp_path / "r.toml").write_text(BASE + '[vary]\n"detector.mask" = {choice = ["0.npy", "1.npy", "2.npy"]}\n')
    r = Recipe.from_toml(tmp_path / "r.toml")
    for one in (draw(r, i) for i in range(8)):
        period = int(one.values["detector.mask"][0]) + 2
        assert one.experiment.detector.mask.pixels.sum() == 4096 - -(-4096 // period)
    assert len({draw(r, i).values["detector.mask"] for i in range(12)}) == 3
    assert Recipe.from_toml(r.to_toml(), folder=tmp_path) == r
    np.save(tmp_path / "2.npy", np.ones((64, 64)))
    assert Recipe.from_toml(tmp_path / "r.toml").hash != r.hash


def test_experiments_of_other_folders_keep_their_files(structures):
    inner = structures.parent / "inner"
    inner.mkdir()
    (inner / "f.hkl").write_text("1 0 0 5\n")
    base = nb.Experiment.from_toml(
        "[crystal]\ncell = [40, 50, 60, 90, 90, 90]\nreflections = 'f.hkl'\n[beam]\nwavelength = 1\n"
        "[detector]\npixels = [8, 8]\npixel_size = 1\n".replace("'f.hkl'", f"'{inner}/f.hkl'")
    )
    (inner / "e.toml").write_text(base.to_toml().replace(f"{inner}/", ""))
    recipe_file = structures.parent / "other.toml"
    recipe_file.write_text('count = 1\n[base]\nexperiment = "inner/e.toml"\n[base.detector]\ndistance = 33\n')
    r = Recipe.from_toml(recipe_file)
    assert r.base.detector.distance == 33.0
    assert r.base.crystal.reflections == base.crystal.reflections
    assert Recipe.from_toml(r.to_toml(), folder=structures.parent) == r
    assert str(inner) not in r.to_toml()
    assert Recipe.from_toml(recipe_file, {"base.detector.distance": 44}).base.detector.distance == 44.0


def test_lattices_of_the_base_can_vary():
    text = '[[base.lattices]]\nmisset = [1, 2, 3]\n[vary]\n"lattices.0.spot_scale" = {uniform = [0.1, 0.2]}\n'
    crystals = draw(recipe(text, orientation="base"), 1).experiment.crystals
    assert 0.1 < crystals[1].spot_scale < 0.2
    assert crystals[1].misset == (1.0, 2.0, 3.0)
    with pytest.raises(nb.NbnumbaError, match=r"use \[lattices\] count"):
        recipe(text)


@pytest.mark.parametrize("name", ["hit", "photons", "background", "wavelength", "distance"])
def test_a_helper_does_not_take_the_place_of_a_label(name):
    with pytest.raises(nb.NbnumbaError, match=rf"draw\.{name}: found '{name}'"):
        recipe(f"[draw]\n{name} = {{uniform = [0, 1]}}\n")


PRESETS = '[vary]\n"detector.preset" = {choice = ["pilatus-100k", "pilatus3-100k"]}\n'
EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPES = {
    "plain": recipe,
    "crop": lambda: recipe(output__crop=[[0, 32], [16, 64]], output__bin=2),
    "crop of presets": lambda: recipe(PRESETS, base__detector__preset="pilatus-100k", output__spots=False,
                                      output__crop=[[0, 32], [16, 64]]),
    "roi": lambda: recipe(base__detector__roi=[[0, 32], [16, 64]]),
    "preset over values": lambda: recipe(PRESETS, base__detector__preset="pilatus-100k", output__spots=False,
                                         base__detector__distance=77, base__response__gain=2.0),
    "values of all kinds": lambda: recipe(
        '[draw]\na = {choice = ["x", 1, 2.5, [1, 2], true]}\nb = {grid = [1e-300, 7]}\n'
        "c = {normal = [0, 1], high = 2}\n"
        '[vary]\ncrystal.mosaic = {choice = [{spread = 0.1, domains = 3}, {spread = 0.2, domains = 5}]}\n'
        '"detector.rotation.0" = {normal = [0, 1]}\n"background.0.thickness" = {uniform = [0.1, 0.2], scaled = true}\n'
        "[lattices]\ncount = {choice = [1, 2], weights = [1, 3]}\n"
        "vary.spot_scale = {loguniform = [0.1, 1], scaled = true}\n"
        '[shadow]\nradius = 1\narm = {uniform = [0, 1]}\n',
        output__splits={"b": 0.5, "a": 0.5}),
    **{path.stem: partial(Recipe.from_toml, path) for path in sorted(EXAMPLES.glob("*recipe.toml"))},
}  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_read_back_as_it_was(name):
    one = RECIPES[name]()
    again = Recipe.from_toml(one.to_toml(), folder=one.folder)
    assert (again.to_toml(), again.hash, again.base) == (one.to_toml(), one.hash, one.base)
    assert again == one
    for number in range(5):
        assert draw(again, number) == draw(one, number)
