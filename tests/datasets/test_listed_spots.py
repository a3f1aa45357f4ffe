"""Spots that are listed with an image: those that ``spots`` predicts, whatever the crystal, beam and scan are."""

import numpy as np
import pytest
from recipes import recipe

import nbnumba as nb
from nbnumba.datasets.boxes import Boxes
from nbnumba.datasets.cache import Cache
from nbnumba.datasets.draw import draw
from nbnumba.datasets.sample import make
from nbnumba.datasets.spots import candidates
from nbnumba.prediction import hits
from nbnumba.spots import spots

ONE_DOMAIN = {"base__crystal__mosaic__domains": 1, "base__background": []}
TURN = {**ONE_DOMAIN, "base__scan": {"start": 0.0, "width": 200.0, "steps": 400}, "base__sampling__oversample": 1,
        "base__crystal__cell": [20, 25, 30, 90, 90, 90], "base__crystal__cells": [20, 20, 20]}  # fmt: skip


def sample(r, number=0):
    return make(draw(r, number), Cache(r))


def hkl_of(listed):
    return [tuple(hkl) for hkl in np.column_stack([listed[name] for name in "hkl"]).tolist()]


@pytest.mark.parametrize("changes", [{}, {"base__beam__dispersion": 2.0, "base__beam__dispersion_steps": 5},
                                     {"base__crystal__mosaic__cell_spread": 1.0}, TURN])  # fmt: skip
def test_all_that_are_predicted_are_listed(changes):
    r = recipe(**changes, output__faintest=1e-9)
    for number in range(3):
        experiment, listed = draw(r, number).experiment, set(hkl_of(sample(r, number).spots))
        found = spots(experiment)
        inside = ((found.slow > 1) & (found.slow < 63) & (found.fast > 1) & (found.fast < 63)).nonzero()[0]
        predicted = {tuple(hkl) for hkl in found.hkl[inside].tolist()}  # at the border, parts of a beam may miss it
        assert len(predicted) > 50
        assert predicted <= listed


def test_unlisted_reflections_have_spots_where_they_have_an_amplitude(tmp_path):
    (tmp_path / "f.hkl").write_text("1 2 3 500\n")
    filled = recipe(base__crystal__reflections=str(tmp_path / "f.hkl"))
    for name, column in sample(recipe()).spots.items():
        np.testing.assert_array_equal(sample(filled).spots[name], column)


def test_amplitudes_are_those_of_the_wavelength():
    experiment = draw(recipe(), 0).experiment
    known = np.array(sorted({tuple(hkl) for hkl in candidates(experiment).hkl.tolist()}))
    tables = [nb.Reflections(known, np.full(len(known), f)) for f in (7.0, 500.0)]
    spectral = nb.SpectralReflections((0.5, 1.001), tables)  # the beam's is 1.0
    found = [candidates(experiment.replace(**{"crystal.reflections": one, "crystal.default_f": 0.0})).strength
             for one in (spectral, tables[1])]  # fmt: skip
    np.testing.assert_array_equal(*found)


def test_one_domain_has_no_spread():
    one, none = (sample(recipe(**ONE_DOMAIN, base__crystal__mosaic__spread=spread)) for spread in (2.0, 0.0))
    np.testing.assert_array_equal(one.image, none.image)
    for name, column in none.spots.items():
        np.testing.assert_array_equal(one.spots[name], column)


def test_spots_of_a_turn_lie_where_it_brings_them():
    r = recipe(**TURN, output__faintest=100.0)
    experiment, listed = draw(r, 0).experiment, sample(r).spots
    several = [hkl for hkl in set(hkl_of(listed)) if hkl_of(listed).count(hkl) > 1]
    assert len(several) > 5  # cross the sphere twice
    for hkl, slow, fast in zip(hkl_of(listed), listed["slow"], listed["fast"], strict=True):
        exact = [(hit.slow, hit.fast) for hit in hits(experiment, *hkl)[1:]]
        if not exact:
            continue  # the spindle brings it near the sphere, and not onto it
        assert np.hypot(*(np.array(exact) - (slow, fast)).T).min() < 1.0  # pixels, where steps are half a degree


def test_short_wavelengths_have_spots_in_the_corners():
    r = recipe(**ONE_DOMAIN, base__beam__dispersion=40.0, base__beam__dispersion_steps=41)
    experiment, found = draw(r, 0).experiment, sample(r).spots
    corner = min(experiment.resolution(slow, fast) for slow in (0, 64) for fast in (0, 64))
    assert (found["wavelength"] < 0.9).any()
    assert found["d"].min() < 0.93 * corner  # where the mean wavelength has none


def test_bright_places_of_a_turn_are_listed():
    found = sample(recipe(**TURN))
    at = np.column_stack([found.spots["slow"], found.spots["fast"]])
    for row, column in np.argwhere(found.expected > np.percentile(found.expected, 99)):
        direct = np.hypot(row - 31.5, column - 31.5) < 3.0
        assert direct or np.hypot(*(at - (row + 0.5, column + 0.5)).T).min() < 1.0


def test_labels_know_of_spots_that_are_not_listed():
    listed, bare = sample(recipe()), sample(recipe(output__spots=False))
    np.testing.assert_equal(bare.row, listed.row)
    assert bare.row["spots"] > 0
    assert {name: (column.dtype, len(column)) for name, column in bare.spots.items()} == {
        name: (column.dtype, 0) for name, column in listed.spots.items()
    }
    few = sample(recipe(output__faintest=1e9)).row
    assert few["spots"] == 0
    assert few["resolution"] == listed.row["resolution"]


def test_axes_are_those_at_the_start_of_the_scan():
    found = sample(recipe(base__scan={"start": 90.0}))
    experiment = draw(recipe(base__scan={"start": 90.0}), 0).experiment
    assert len(found.spots["h"]) > 10
    np.testing.assert_allclose(np.diag([40.0, 50.0, 60.0]) @ found.lattices["rotation"][0].T,
                               found.lattices["axes"][0], atol=1e-9)  # fmt: skip
    for hkl, slow, fast in list(zip(hkl_of(found.spots), found.spots["slow"], found.spots["fast"], strict=True))[:10]:
        q = np.array(experiment.scattering_vector(float(slow), float(fast)))
        np.testing.assert_allclose(found.lattices["axes"][0] @ q, hkl, atol=0.6)  # as near as the sphere passes


def test_curved_detectors_have_spots():
    curved = recipe(base__detector__curvature="spherical")
    found, experiment = sample(curved).spots, draw(curved, 0).experiment
    assert len(found["h"]) > 10
    for hkl, slow, fast in list(zip(hkl_of(found), found["slow"], found["fast"], strict=True))[:5]:
        hit = hits(experiment, *hkl)[0]
        np.testing.assert_allclose((slow, fast), (hit.slow, hit.fast), atol=0.02)  # domains move it


def test_more_reflections_than_can_be_listed_are_refused():
    huge = draw(recipe(base__crystal__cell=[600, 600, 600, 90, 90, 90], base__crystal__cells=[1, 1, 1],
                       base__detector__distance=10.0), 0).experiment  # fmt: skip
    with pytest.raises(nb.NbnumbaError, match="All have the amplitude default_f"):
        candidates(huge)


def test_boxes_are_as_wide_as_spots():
    changes = {"base__background": [], "base__detector__pixel_size": 0.1, "base__detector__pixels": [256, 256],
               "base__crystal__cells": [40, 40, 40], "output__faintest": 20.0}  # fmt: skip
    wide, narrow = (sample(recipe(**changes, base__crystal__mosaic={"spread": spread, "domains": 40}))
                    for spread in (1.0, 0.01))  # fmt: skip
    assert len(wide.spots["h"]) > 10
    assert wide.spots["box"].max() > np.median(narrow.spots["box"]) == 5
    assert (wide.spots["box"] % 2 == 1).all()
    for slow, fast, box, photons in zip(
        *(wide.spots[name] for name in ("slow", "fast", "box", "intensity")), strict=True
    ):
        rows, columns = (slice(max(int(x) - box // 2, 0), int(x) + box // 2 + 1) for x in (slow, fast))
        assert photons <= wide.expected[rows, columns].sum(dtype=float) * (1.0 + 1e-6)
    fixed = sample(recipe(output__spot_size=7)).spots
    assert set(fixed["box"]) == {7}


def test_boxes_add_up_what_is_in_them_and_share_it():
    image = np.random.default_rng(3).uniform(size=(2, 20, 30))
    panel, slow, fast, edges = (
        np.array([0, 1, 1]),
        np.array([3.5, 19.2, 16.0]),
        np.array([1.9, 29.9, 26.5]),
        np.array([5, 7, 9]),
    )
    boxes = Boxes(image.shape, panel, slow, fast, edges)
    a, b, c = image[0, 1:6, :4], image[1, 16:, 26:], image[1, 12:, 22:]
    np.testing.assert_allclose(boxes.sums(image), [x.sum() for x in (a, b, c)])
    shared = [a.sum(), 0.25 * b.sum(), c.sum() - 0.25 * b.sum()]  # all of b is in c
    np.testing.assert_allclose(boxes.shares(image, np.array([9.0, 1.0, 3.0])), shared)
