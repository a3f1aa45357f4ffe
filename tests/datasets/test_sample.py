"""Images and their labels: they agree with one another, and with what the library makes of the same experiment."""

import tomllib

import numpy as np
import pytest
import tomli_w
from recipes import BASE, recipe

import nbnumba as nb
from nbnumba.datasets.draw import draw
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.sample import Cache, make
from nbnumba.prediction import hits


def sample(recipe, number=0):
    return make(draw(recipe, number), Cache(recipe))


def test_an_image_is_what_the_library_makes():
    r = recipe()
    drawn, found = draw(r, 3), sample(r, 3)
    expected = nb.simulate(drawn.experiment) + nb.background(drawn.experiment)
    np.testing.assert_allclose(found.expected, expected, rtol=1e-5)  # of float32, scaled from a background of its own
    bare = drawn.experiment.replace(background=())
    np.testing.assert_array_equal(found.image, nb.detect(bare, found.expected, seed=7, number=3))
    assert found.row["photons"] == pytest.approx(nb.simulate(drawn.experiment).sum(), rel=1e-6)


VARIED = """
[structures]
files = ["one.hkl", "other.hkl"]
[shadow]
radius = {uniform = [2, 5]}
[vary]
"beam.flux" = {loguniform = [1e11, 1e13]}
"beam.wavelength" = {uniform = [0.9, 1.1]}
"detector.distance" = {choice = [55, 60]}
"response.hot_pixels" = {choice = [0.0, 0.01]}
"""


def test_images_do_not_depend_on_those_before(tmp_path):
    mask = np.ones((64, 64), dtype=bool)
    mask[:, 20:25] = False
    np.save(tmp_path / "gap.npy", mask)
    indices = np.argwhere(np.ones((9, 9, 9))) - 4
    for i, name in enumerate(("one.hkl", "other.hkl")):
        np.savetxt(tmp_path / name, np.column_stack([indices[i::2], 500.0 + indices[i::2, 0]]), "%g")
    (tmp_path / "recipe.toml").write_text(BASE + VARIED)
    r = Recipe.from_toml(tmp_path / "recipe.toml", {"base.detector.mask": "gap.npy"})
    cache = Cache(r)
    one_after_another = [make(draw(r, i), cache) for i in range(6)]
    assert len({found.row["structure"] for found in one_after_another}) == 2
    for i in (5, 4, 2):
        np.testing.assert_equal(sample(r, i)._asdict(), one_after_another[i]._asdict())


def test_spots_lie_on_local_maxima_of_the_noiseless_image():
    r = recipe(base__detector__pixels=[256, 256], base__detector__pixel_size=0.15, base__background=[],
               base__crystal__cells=[20, 20, 20], base__sampling__oversample=2, output__counts=False,
               output__expected=False, output__dtype="float32")  # fmt: skip
    checked = 0
    for number in range(3):
        found = sample(r, number)
        strong = found.spots["intensity"] > 0.02 * found.spots["intensity"].max()
        for slow, fast in zip(found.spots["slow"][strong], found.spots["fast"][strong], strict=True):
            i, j = int(slow), int(fast)
            if 4 <= i < 252 and 4 <= j < 252:
                around = found.image[i - 4 : i + 5, j - 4 : j + 5]
                peak = np.array(np.unravel_index(around.argmax(), around.shape)) - 4
                assert abs(peak).max() <= 2
                checked += 1
    assert checked > 20


def test_spots_hold_nearly_all_bragg_photons():
    r = recipe(base__background=[], output__spot_size=7, output__faintest=1e-9)
    for number in range(3):
        found = sample(r, number)
        # tails of the transform reach out of the boxes, and the direct beam is no spot
        assert 0.6 < found.spots["intensity"].sum() / found.row["photons"] < 1.0 + 1e-5


def test_spots_are_told_as_documented():
    r = recipe(output__faintest=5.0)
    found = sample(r)
    spots, experiment = found.spots, draw(r, 0).experiment
    assert (np.diff(spots["intensity"]) <= 0.0).all()
    assert spots["intensity"].min() >= 5.0
    assert len(spots["h"]) == found.row["spots"] > 10
    for i in (0, 5, 9):
        hkl = [spots[name][i] for name in "hkl"]
        hit = hits(experiment, *map(int, hkl))[0]
        np.testing.assert_allclose(
            (spots["slow"][i], spots["fast"][i]), (hit.slow, hit.fast), atol=0.02
        )  # domains move it
        assert spots["d"][i] == pytest.approx(1.0 / np.linalg.norm(np.array(hkl) / [40, 50, 60]), rel=1e-6)
    stands_out = spots["intensity"] > 5.0 * np.sqrt(spots["intensity"] + spots["background"])
    assert found.row["resolution"] == pytest.approx(spots["d"][stands_out].min(), rel=1e-6)


def test_a_miss_has_background_alone():
    r = recipe(hit=0.0)
    found = sample(r)
    assert found.row["hit"] == found.row["lattices"] == found.row["spots"] == found.row["photons"] == 0
    assert np.isnan(found.row["resolution"])
    assert not found.spot_mask.any()
    np.testing.assert_allclose(found.expected, nb.background(draw(r, 0).experiment), rtol=1e-5)
    assert len(found.lattices["axes"]) == 0


def test_spot_masks_mark_what_stands_out():
    r = recipe()
    found = sample(r)
    bragg = nb.simulate(draw(r, 0).experiment).astype(float)
    expected = bragg + nb.background(draw(r, 0).experiment)
    clear = abs(bragg**2 - expected) > 1e-4 * expected  # of float32
    np.testing.assert_array_equal(found.spot_mask[clear], (bragg**2 >= expected)[clear])
    assert 0 < found.spot_mask.sum() < found.spot_mask.size / 4


def test_several_lattices_add_up():
    r = recipe("[lattices]\ncount = 2\n", base__background=[], output__counts=False, output__expected=False,
               output__dtype="float32")  # fmt: skip
    found, experiment = sample(r), draw(r, 0).experiment
    alone = [nb.simulate(experiment.replace(crystal=crystal, lattices=())) for crystal in experiment.crystals]
    np.testing.assert_allclose(found.image, sum(alone), rtol=1e-5)
    assert set(found.spots["lattice"]) == {0, 1}
    np.testing.assert_allclose(found.lattices["axes"], [crystal.axes for crystal in experiment.crystals])
    cell = np.diag([40.0, 50.0, 60.0])
    np.testing.assert_allclose(cell @ found.lattices["rotation"].transpose(0, 2, 1), found.lattices["axes"], atol=1e-9)


def test_beamstops_hide_what_is_behind_them():
    r = recipe("[shadow]\nradius = {uniform = [3, 5]}\narm = 2\nangle = 90\n")
    found = sample(r, 1)
    drawn = draw(r, 1)
    hidden = found.pixel_mask == 256
    assert (found.expected[hidden] == 0).all()
    assert (found.expected[~hidden] > 0).all()
    area = np.pi * drawn.shadow["radius"] ** 2 + 2.0 * (19.2 - drawn.shadow["radius"])
    assert hidden.sum() * 0.36 == pytest.approx(area, rel=0.1)  # pixels of 0.6 mm
    assert hidden[63].sum() in (3, 4)  # the arm goes along slow
    assert not hidden[0].any()
    rows, columns = found.spots["slow"].astype(int), found.spots["fast"].astype(int)
    assert not hidden[rows, columns].any()


def test_masks_and_hot_pixels_are_told(tmp_path):
    mask = np.ones((64, 64), dtype=bool)
    mask[:, 20:25] = False
    np.save(tmp_path / "gap.npy", mask)
    r = recipe('[vary]\n"response.hot_pixels" = {uniform = [0.01, 0.02]}\n', output__dtype="uint16",
               base__detector__mask=str(tmp_path / "gap.npy"))  # fmt: skip
    found = sample(r)
    np.testing.assert_array_equal(found.pixel_mask, nb.pixel_mask(draw(r, 0).experiment))
    assert (found.image[~mask] == 65535).all()
    hot = found.pixel_mask == 8
    assert found.row["clipped"] == hot.sum() > 10
    assert (found.image[hot] == 65533).all()  # what readers take for the highest measurement
    assert not np.isin(found.spots["fast"].astype(int), range(20, 25)).any()


def test_crops_and_bins_cut_and_add_up():
    whole = sample(recipe())
    cut = sample(recipe(output__crop=[[8, 40], [16, 64]], output__bin=4))
    part = whole.image[8:40, 16:64].reshape(8, 4, 12, 4).sum(axis=(1, 3))
    np.testing.assert_array_equal(cut.image, part)
    np.testing.assert_allclose(
        cut.expected, whole.expected[8:40, 16:64].reshape(8, 4, 12, 4).sum(axis=(1, 3)), rtol=1e-5
    )
    assert cut.row["beam_slow"] == pytest.approx((whole.row["beam_slow"] - 8) / 4)
    first = tuple(cut.spots[name][0] for name in "hkl")
    same = [i for i in range(len(whole.spots["h"])) if tuple(whole.spots[name][i] for name in "hkl") == first]
    assert cut.spots["slow"][0] == pytest.approx((whole.spots["slow"][same[0]] - 8) / 4, rel=1e-6)
    assert cut.spots["fast"][0] == pytest.approx((whole.spots["fast"][same[0]] - 16) / 4, rel=1e-6)


def test_polychromatic_spots_tell_their_part_of_the_beam():
    wide = {"base__beam__dispersion": 4.0, "base__beam__dispersion_steps": 9, "base__crystal__mosaic__spread": 0.0}
    found = sample(recipe(**wide))
    assert ((found.spots["wavelength"] > 0.98) & (found.spots["wavelength"] < 1.02)).all()
    assert np.ptp(found.spots["wavelength"]) > 0.01
    assert (found.spots["share"] < 1.0).all()
    assert (sample(recipe(base__crystal__mosaic__spread=0.0)).spots["share"] <= 1.0 + 1e-6).all()


def test_panels_have_spots_of_their_own():
    r = recipe()
    experiment = r.base.with_panels(slow=2, fast=2)
    tables = tomli_w.dumps({"base": tomllib.loads(experiment.to_toml(inline=True))})
    cut = Recipe.from_toml(f'count = 4\nseed = 7\norientation = "uniform"\n{tables}')
    one, other = sample(r), sample(cut)
    assert other.image.shape == (4, 32, 32)
    assert set(other.spots["panel"]) == {0, 1, 2, 3}
    slow = other.spots["slow"] + 32 * (other.spots["panel"] // 2)
    fast = other.spots["fast"] + 32 * (other.spots["panel"] % 2)
    where = {tuple(hkl): place for *hkl, place in zip(*(one.spots[n] for n in "hkl"),
             zip(one.spots["slow"], one.spots["fast"], strict=True), strict=True)}  # fmt: skip
    for *hkl, s, f in zip(*(other.spots[n][:10] for n in "hkl"), slow, fast, strict=False):
        np.testing.assert_allclose((s, f), where[tuple(hkl)], atol=1e-3)


def test_background_between_pixels_is_that_in_all():
    changes = {"base__detector__pixel_size": 0.15, "base__detector__pixels": [256, 256], "output__spots": False,
               "hit": 0.0, "base__background": [{"material": "water", "thickness": 1.0}]}  # fmt: skip
    exact, quick = (sample(recipe(**changes, output__background_step=n)).expected for n in (1, 4))
    np.testing.assert_allclose(quick, exact, rtol=0.01)  # where the table of water, of straight lines, has its corners
    assert abs(quick / exact - 1.0).mean() < 1e-3
    assert not np.array_equal(quick, exact)
    cut = {**changes, "output__crop": [[3, 200], [50, 256]]}
    one, other = (sample(recipe(**cut, output__background_step=n)).expected for n in (1, 5))
    np.testing.assert_allclose(other, one, rtol=0.03)
    with pytest.raises(nb.NbnumbaError, match="background_step: found 4 with ice"):
        sample(recipe(output__background_step=4, base__background=[{"material": "ice", "thickness": 1.0}]))
