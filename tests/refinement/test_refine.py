"""What refinement recovers from simulated data, and what it says of it."""

import logging

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.physics.vector import Vector

MISSET = ["misset_x", "misset_y", "misset_z"]
CELL = ["cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma"]
BACKGROUND = 2.0


def crystal(**changes):
    """A triclinic crystal in front of a small detector, its brightest pixel of some thousand photons."""
    e = nb.Experiment(
        crystal=nb.Crystal(
            cell=(63.3, 71.7, 82.1, 84.3, 97.2, 103.9), misset=(11.3, 24.7, -8.1), cells=(8, 7, 6), default_f=100.0
        ),
        beam=nb.Beam(wavelength=1.0, dispersion=0.3, dispersion_steps=2),
        detector=nb.Detector(pixels=(64, 64), pixel_size=0.4, distance=60.0),
        sampling=nb.Sampling(oversample=1),
        scan=nb.Scan(width=0.3, steps=3),
    ).replace(**changes)
    return e.replace(**{"crystal.spot_scale": 3654.0 / image(e).max()})


def image(experiment):
    return nb.jacobian(experiment, [])[0]


def turned(experiment, degrees, rng):
    """The experiment with its crystal turned about a random axis."""
    axis = rng.normal(size=3)
    turn = rotation_matrix(Vector(*(axis / np.linalg.norm(axis))), np.radians(degrees))
    rows = tuple(map(tuple, (experiment.crystal.axes @ turn.T).tolist()))
    there = experiment.replace(**{"crystal.orientation": rows, "crystal.misset": (0.0, 0.0, 0.0)}).parameters()
    return experiment.with_parameters(**{name: there[name] for name in MISSET})


def strained(experiment, fraction, rng):
    now = experiment.parameters()
    return experiment.with_parameters(**{name: now[name] * (1 + fraction * rng.choice([-1, 1])) for name in CELL})


def angle_between(a, b):
    turn = np.linalg.solve(a.crystal.axes, b.crystal.axes)
    u, _, v = np.linalg.svd(turn)
    turn = u @ v
    sine = np.linalg.norm([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]) / 2.0
    return np.degrees(np.arctan2(sine, (np.trace(turn) - 1.0) / 2.0))


def noisy(experiment, rng):
    return nb.Poisson(rng.poisson(image(experiment) + BACKGROUND), background=BACKGROUND)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noiseless_data_give_the_model_back(seed):
    rng, truth = np.random.default_rng(seed), crystal()
    start = strained(turned(truth, 0.1, rng), 0.002, rng)
    start = start.with_parameters(spot_scale=1.05 * truth.crystal.spot_scale)
    loss = nb.Poisson(image(truth) + BACKGROUND, background=BACKGROUND)
    found = nb.refine(start, loss, [*MISSET, *CELL, "spot_scale"])
    assert found.converged
    assert found.evaluations < 15
    assert angle_between(truth, found.experiment) < 1e-6
    assert found.misorientation == pytest.approx(angle_between(start, found.experiment), rel=1e-6)
    expected = truth.parameters()
    for name in [*CELL, "spot_scale"]:
        assert found.values[name] == pytest.approx(expected[name], rel=1e-8)
    assert found.experiment.parameters()["cell_a"] == found.values["cell_a"]
    assert found.degenerate == ()


def test_errors_are_those_that_are_reported():
    """Over 50 draws of noise, errors over reported standard deviations have a mean square of 1: the Fisher bound."""
    truth = crystal()
    names, expected = [*MISSET, *CELL, "spot_scale"], truth.parameters()
    pulls = []
    for draw in range(50):
        rng = np.random.default_rng(1000 + draw)
        start = strained(turned(truth, 0.1, rng), 0.002, rng)
        found = nb.refine(start, noisy(truth, rng), names)
        pulls.append([(found.values[name] - expected[name]) / found.esd[name] for name in names])
    ratio = np.sqrt(np.mean(np.square(pulls), axis=0))
    assert (ratio > 0.7).all()
    assert (ratio < 1.4).all()


def test_orientation_and_cell_of_a_still():
    """What diffBragg's own tests ask for: 0.15 degrees and (0.1, 0.2, -0.1) A off, to 0.005 degrees and 0.025 A."""
    truth = crystal(**{"detector.pixels": (256, 256), "detector.distance": 120.0, "crystal.cells": 10, "scan": None,
                       "crystal.cell": (55.0, 65.0, 77.0, 90.0, 95.0, 90.0)})  # fmt: skip
    now = truth.parameters()
    for seed in range(3):
        rng = np.random.default_rng(3000 + seed)
        start = turned(truth, 0.15, rng).with_parameters(
            cell_a=now["cell_a"] + 0.1, cell_b=now["cell_b"] + 0.2, cell_c=now["cell_c"] - 0.1
        )
        found = nb.refine(start, noisy(truth, rng), [*MISSET, *CELL[:3], "spot_scale"])
        assert angle_between(truth, found.experiment) < 0.005
        assert sum(abs(found.values[name] - now[name]) for name in CELL[:3]) < 0.025


def far_off(**changes):
    return crystal(**{"crystal.cells": (12, 11, 9), "detector.pixels": (40, 40), "detector.pixel_size": 0.6,
                      "scan": None, **changes})  # fmt: skip


@pytest.mark.slow
def test_smaller_crystals_find_the_way_from_afar():
    """From 1.2 degrees, where the large crystal alone finds nothing: 40 starts, of which 38 have to come home."""
    truth = far_off()
    home, alone = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(2000 + seed)
        start, loss = turned(truth, 1.2, rng), noisy(truth, rng)
        home += angle_between(truth, nb.refine(start, loss, MISSET, continuation=True).experiment) < 0.02
        if seed < 10:
            alone += angle_between(truth, nb.refine(start, loss, MISSET).experiment) < 0.02
    assert home >= 38
    assert alone <= 5


def oriented(rng, count, **changes):
    """Crystals of one kind in random orientations."""
    base = crystal(**{"detector.pixels": (200, 200), "detector.pixel_size": 0.5, "detector.distance": 120.0,
                      "crystal.cells": 10, "scan": None, "crystal.cell": (55.0, 65.0, 77.0, 90.0, 95.0, 90.0),
                      **changes})  # fmt: skip
    return [base.replace(**{"crystal.misset": tuple(rng.uniform(-180.0, 180.0, 3).tolist())}) for _ in range(count)]


def test_known_crystals_tell_where_the_detector_is():
    rng = np.random.default_rng(5)
    off = {"distance": 0.2, "beam_center_fast": 0.05, "beam_center_slow": -0.07, "detector_rotx": 0.1,
           "detector_roty": -0.1, "detector_rotz": 0.05}  # fmt: skip
    truths = oriented(rng, 10, **{"detector.rotation": (0.3, -0.2, 0.1)})
    now = truths[0].parameters()
    starts = [e.with_parameters(**{name: now[name] + by for name, by in off.items()}) for e in truths]
    found = nb.refine(starts, [noisy(e, rng) for e in truths], list(off), shared=list(off))
    for name, by in off.items():
        assert abs(found.values[name] - now[name]) < min(5.0 * found.esd[name], 0.05 * abs(by))
    assert len({e.detector for e in found.experiments}) == 1


def test_stills_share_cell_and_distance():
    rng = np.random.default_rng(6)
    truths = oriented(rng, 20)
    now, common = truths[0].parameters(), ["cell_a", "cell_b", "cell_c", "distance"]
    wrong = {"distance": now["distance"] + 0.1, "cell_a": 55.05, "cell_b": 64.95, "cell_c": 77.08}
    starts = [turned(e, 0.05, rng).with_parameters(**wrong) for e in truths]
    losses = [noisy(e, rng) for e in truths]
    found = nb.refine(starts, losses, [*MISSET, *common, "spot_scale"], shared=common)
    assert found.converged
    assert len(found.values) == 4 + 20 * 4
    assert found.correlation.shape == (84, 84)
    np.testing.assert_allclose(np.diag(found.correlation), 1.0)
    for name in common:
        assert abs(found.values[name] - now[name]) < 4.0 * found.esd[name]
    assert max(angle_between(a, b) for a, b in zip(truths, found.experiments, strict=True)) < 0.005
    # An image by itself knows less of what it shares, and no less of itself.
    alone = nb.refine(found.experiments[0], losses[0], [*MISSET, "spot_scale"])
    assert alone.esd["misset_x"] <= found.esd["misset_x[0]"]
    assert found.esd["misset_x[0]"] < 1.5 * alone.esd["misset_x"]


#: Spots far apart.
SPARSE = {"detector.pixels": (256, 256), "detector.distance": 400.0, "crystal.cells": 12, "scan": None}


def test_each_box_has_its_background():
    rng, truth = np.random.default_rng(8), crystal(**SPARSE)
    slow, fast = np.indices(truth.detector.pixels)
    uneven = 3.0 + 10.0 * np.exp(-((slow - 128) ** 2 + (fast - 128) ** 2) / 80.0**2)
    data = rng.poisson(image(truth) + uneven)
    boxes = nb.shoeboxes(truth, size=13)
    assert len(boxes) > 10
    start = turned(truth, 0.05, rng)
    found = nb.refine(start, nb.Poisson(data), [*MISSET, "spot_scale"], boxes=boxes, planes=True)
    assert angle_between(truth, found.experiment) < 0.005
    assert found.values["spot_scale"] == pytest.approx(truth.crystal.spot_scale, abs=4.0 * found.esd["spot_scale"])
    assert len(found.boxes[0]) == len(found.planes[0]) > 10
    for box, plane in zip(found.boxes[0], found.planes[0], strict=True):
        there = uneven[box.slow_start : box.slow_stop, box.fast_start : box.fast_stop]
        if there.size == 169:  # those that are not cut by the edge, nor by others
            assert plane[0] == pytest.approx(there.mean(), abs=6.0 * np.sqrt(there.mean() / 20.0))
    assert found.pixels <= 169 * len(boxes)


def test_outliers_are_borne():
    rng, truth = np.random.default_rng(9), crystal()
    data = (image(truth) + BACKGROUND).copy()
    data[rng.integers(0, 64, 60), rng.integers(0, 64, 60)] += 20_000.0  # zingers
    start = turned(truth, 0.05, rng)
    robust = nb.refine(start, nb.Gaussian(data, 1.0, background=BACKGROUND, freedom=2.0), [*MISSET])
    assert angle_between(truth, robust.experiment) < 0.002
    plain = nb.refine(start, nb.Gaussian(data, 1.0, background=BACKGROUND), [*MISSET])
    assert angle_between(truth, plain.experiment) > 3.0 * angle_between(truth, robust.experiment)


@pytest.mark.parametrize("optimizer", ["L-BFGS-B", "trust-exact", "trust-ncg"])
def test_minimisers_of_scipy_find_the_same(optimizer):
    rng, truth = np.random.default_rng(4), crystal()
    start, loss, names = turned(truth, 0.05, rng), noisy(truth, rng), [*MISSET, "cell_a"]
    expected = nb.refine(start, loss, names)
    found = nb.refine(start, loss, names, optimizer=optimizer)
    assert found.loss == pytest.approx(expected.loss, abs=1e-6)
    for name in names:
        assert abs(found.values[name] - expected.values[name]) < 1e-2 * expected.esd[name]
        assert found.esd[name] == pytest.approx(expected.esd[name], rel=1e-3)


def test_bounds_are_kept():
    rng, truth = np.random.default_rng(4), crystal()
    value = truth.parameters()["misset_x"]
    start = turned(truth, 0.1, rng)
    beyond = start.parameters()["misset_x"]
    limit = 0.5 * (value + beyond)
    bounds = {"misset_x": tuple(sorted((limit, 2.0 * beyond - limit)))}
    found = nb.refine(start, noisy(truth, rng), MISSET, bounds=bounds)
    assert found.values["misset_x"] == limit
    assert found.esd["misset_x"] == np.inf
    assert found.at_bounds == ("misset_x",)
    assert "at its bound" in found.table
    assert found.converged


def test_restraints_pull_and_add_what_is_known():
    rng, truth = np.random.default_rng(4), crystal()
    loss = noisy(truth, rng)
    free = nb.refine(truth, loss, ["cell_a"])
    held = nb.refine(truth, loss, ["cell_a"], restraints={"cell_a": (truth.parameters()["cell_a"], free.esd["cell_a"])})
    assert held.esd["cell_a"] == pytest.approx(free.esd["cell_a"] / np.sqrt(2.0), rel=1e-3)
    middle = 0.5 * (free.values["cell_a"] + truth.parameters()["cell_a"])
    assert held.values["cell_a"] == pytest.approx(middle, abs=0.02 * free.esd["cell_a"])


SYSTEMS = {
    "monoclinic": ((60.0, 70.0, 80.0, 90.0, 97.0, 90.0), ["cell_a", "cell_b", "cell_c", "cell_beta"]),
    "orthorhombic": ((60.0, 70.0, 80.0, 90.0, 90.0, 90.0), ["cell_a", "cell_b", "cell_c"]),
    "tetragonal": ((60.0, 60.0, 80.0, 90.0, 90.0, 90.0), ["cell_a", "cell_c"]),
    "rhombohedral": ((60.0, 60.0, 60.0, 80.0, 80.0, 80.0), ["cell_a", "cell_alpha"]),
    "hexagonal": ((60.0, 60.0, 80.0, 90.0, 90.0, 120.0), ["cell_a", "cell_c"]),
    "cubic": ((60.0, 60.0, 60.0, 90.0, 90.0, 90.0), ["cell_a"]),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_cells_keep_their_system(system):
    cell, names = SYSTEMS[system]
    rng, truth = np.random.default_rng(4), crystal(**{"crystal.cell": cell})
    tied = {"cell_a": [], "cell_alpha": []}
    if system in ("tetragonal", "hexagonal", "cubic", "rhombohedral"):
        tied["cell_a"] = ["cell_b"] if system in ("tetragonal", "hexagonal") else ["cell_b", "cell_c"]
    if system == "rhombohedral":
        tied["cell_alpha"] = ["cell_beta", "cell_gamma"]
    now = truth.parameters()
    wrong = {name: 1.001 * now[name] for name in names}
    wrong |= {follower: wrong[name] for name in names for follower in tied.get(name, [])}
    found = nb.refine(truth.with_parameters(**wrong), noisy(truth, rng), [*MISSET, *names], system=system)
    values = found.experiment.parameters()
    for name in names:
        assert abs(found.values[name] - now[name]) < 5.0 * found.esd[name]
        assert all(values[follower] == found.values[name] for follower in tied.get(name, []))


def test_ties_hold_parameters_together():
    rng, truth = np.random.default_rng(4), crystal(**{"crystal.cells": 7})
    start = truth.replace(**{"crystal.cells": 8})
    found = nb.refine(start, noisy(truth, rng), ["cells_a", "spot_scale"], ties={"cells_a": ["cells_b", "cells_c"]})
    assert found.experiment.crystal.cells == (found.values["cells_a"],) * 3
    assert abs(found.values["cells_a"] - 7.0) < 5.0 * found.esd["cells_a"]


def test_what_cannot_be_told_apart_is_named():
    rng, truth = np.random.default_rng(4), crystal(**{"beam.dispersion": 0.0, "beam.dispersion_steps": 1})
    with pytest.warns(nb.NbnumbaWarning, match=r"wavelength.* cannot be told apart"):
        found = nb.refine(truth, noisy(truth, rng), ["wavelength", "cell_a", "cell_b", "cell_c", "misset_x"])
    assert set(found.degenerate[0]) == {"wavelength", "cell_a", "cell_b", "cell_c"}
    assert found.esd["cell_b"] == np.inf
    assert np.isfinite(found.esd["misset_x"])


def test_what_changes_nothing_is_named():
    truth = crystal()
    mask = np.zeros(truth.detector.pixels, dtype=bool)
    mask[:2, :2] = True
    dark = truth.replace(**{"crystal.default_f": 0.0})
    with pytest.warns(nb.NbnumbaWarning, match="misset_x changes nothing"):
        found = nb.refine(dark, nb.Poisson(np.ones(mask.shape), mask, 1.0), ["misset_x"])
    assert found.values["misset_x"] == pytest.approx(11.3)
    assert found.esd["misset_x"] == np.inf


def test_the_end_is_never_worse_than_the_start():
    truth = far_off()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        found = nb.refine(turned(truth, 3.0, rng), noisy(truth, rng), [*MISSET, *CELL], iterations=5)
        assert found.loss <= found.history[0].loss
        assert len(found.history) <= 6


def test_stages_that_lead_astray_are_forgotten():
    rng, truth = np.random.default_rng(3), crystal()
    start, loss = turned(truth, 0.02, rng), noisy(truth, rng)
    for seed in range(4):
        off = strained(start, 2e-4, np.random.default_rng(seed))
        given = nb.value_and_gradient(off, loss, ["misset_x"])[0]
        assert nb.refine(off, loss, [*MISSET, *CELL], continuation=True).loss <= given


def test_automatic_steps_do_not_change_on_the_way():
    truth = crystal(**{"sampling.oversample": "auto", "crystal.interpolate": "auto"})
    found = nb.refine(truth, noisy(truth, np.random.default_rng(1)), ["distance"])
    assert found.experiment.sampling.oversample == truth.oversample
    assert found.experiment.crystal.interpolate == "nearest"


def test_sensitivities_are_those_of_all_that_is_tied():
    truth = crystal(**{"crystal.cell": (60.0, 60.0, 60.0, 90.0, 90.0, 90.0)})
    found = nb.refine(truth, noisy(truth, np.random.default_rng(1)), ["cell_a"], system="cubic")
    step, value = 1e-4, found.values["cell_a"]
    moved = [
        image(found.experiment.with_parameters(cell_a=v, cell_b=v, cell_c=v)) for v in (value - step, value + step)
    ]
    expected = (moved[1] - moved[0]) / (2.0 * step)
    assert np.abs(found.jacobian()["cell_a"] - expected).max() < 1e-5 * np.abs(expected).max()


def test_plain_squares_scale_their_errors_by_the_residual():
    rng, truth = np.random.default_rng(3), crystal()
    data = image(truth) + rng.normal(0.0, 20.0, truth.detector.pixels)
    plain = nb.refine(truth, nb.LeastSquares(data), MISSET)
    weighted = nb.refine(truth, nb.LeastSquares(data, weights=1.0 / 400.0), MISSET)
    for name in MISSET:
        assert plain.esd[name] == pytest.approx(weighted.esd[name], rel=0.05)  # 4096 pixels tell 20 to 1 %


def test_a_line_for_every_point(caplog):
    caplog.set_level(logging.INFO, logger="nbnumba")
    seen = []
    truth = crystal()
    found = nb.refine(truth, noisy(truth, np.random.default_rng(1)), MISSET, report=seen.append)
    assert tuple(seen) == found.history
    assert len(caplog.messages) == len(seen)
    assert "misset_x" in caplog.messages[0]
    assert "misset_x" in found.table


def test_a_scale_may_vanish():
    found = nb.refine(crystal(), nb.Poisson(np.zeros((64, 64))), ["spot_scale"])
    assert found.values["spot_scale"] < 1e-12
    assert found.loss < 1e-6


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"parameters": []}, "parameters: found"),
        ({"parameters": ["misset_x", "misset_x"]}, "each once"),
        ({"parameters": ["colour"]}, "colour"),
        ({"parameters": ["mosaic_spread"]}, "cannot act"),
        ({"shared": ["cell_a"]}, "shared: found 'cell_a'"),
        ({"bounds": {"cell_a": (1.0, 2.0)}}, "bounds: found 'cell_a'"),
        ({"bounds": {"misset_x": (50.0, 60.0)}}, "a start within its bounds, 50 to 60"),
        ({"bounds": {"misset_x": (60.0, 50.0)}}, "a lower number and a higher one"),
        ({"restraints": {"misset_x": (1.0, 0.0)}}, "a standard deviation above 0"),
        ({"ties": {"misset_x": ["misset_y"]}, "parameters": ["misset_x", "misset_y"]}, "misset_x in its place"),
        ({"ties": {"misset_x": ["misset_y"]}, "parameters": ["misset_x"]}, "the value of misset_x, 11.3"),
        ({"ties": {"cell_a": ["cell_b"]}}, "ties: found 'cell_a'"),
        ({"ties": {"misset_x": ["misset_z", "misset_z"]}}, "ties: found 'misset_z'; allowed: once"),
        ({"parameters": "misset_x"}, "parameters: found 'misset_x'"),
        ({"bounds": {"misset_x": (1,)}}, "bounds of misset_x: found"),
        ({"loss": "x"}, "loss: found 'str'"),
        ({"iterations": 2.5}, "iterations: found 2.5"),
        ({"tolerance": "a"}, "tolerance: found 'a'"),
        ({"ties": {"misset_x": "misset_y"}}, "start from there"),
        ({"boxes": [nb.Shoebox(0, 0, 0, 0, 99, 0, 9)]}, "boxes within the detector's"),
        ({"boxes": [None]}, "boxes: found None"),
        ({"loss": nb.LeastSquares(np.ones((64, 64))), "restraints": {"misset_x": (1, 1)}}, "restraints: found"),
        ({"system": "cubic", "parameters": ["cell_a"]}, "90 degrees in the cubic system"),
        ({"system": "icosahedral"}, "icosahedral"),
        ({"optimizer": "magic"}, "optimizer: found 'magic'"),
        ({"optimizer": "trust-exact", "parameters": ["spot_scale"], "bounds": {"spot_scale": (1e-9, 1.0)}}, "bounds"),
        ({"iterations": 0}, "iterations: found 0"),
        ({"loss": []}, "loss: found 0"),
        ({"loss": nb.Poisson(np.ones((3, 3)))}, "the detector's"),
        ({"boxes": [[], []]}, "a list for each of 1 images"),
        ({"boxes": []}, "no pixel that counts"),
    ],
)
def test_what_cannot_be_refined_is_refused(how, words):
    how = {"loss": nb.Poisson(np.ones((64, 64)), background=1.0), "parameters": ["misset_x"], **how}
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.refine(crystal(), **how)


def test_boxes_lie_where_the_spots_are():
    truth = crystal(**SPARSE)
    picture, boxes = image(truth), nb.shoeboxes(truth, size=9.0)
    covered = np.zeros(picture.shape, dtype=bool)
    for box in boxes:
        covered[box.slow_start : box.slow_stop, box.fast_start : box.fast_stop] = True
    assert picture[covered].sum() > 0.8 * picture.sum()  # the tails of square crystals reach far
    assert covered.mean() < 0.5
    assert len(nb.shoeboxes(truth, dmin=15.0)) < len(boxes)
    assert len(nb.shoeboxes(truth, excitation=1e-4)) < len(boxes)
    with pytest.raises(nb.NbnumbaError, match="size: found 4"):
        nb.shoeboxes(truth, size=4)
    with pytest.raises(nb.NbnumbaError, match=r"allowed: up to 500000000 of them. Give a larger dmin"):
        nb.shoeboxes(crystal(**SPARSE, **{"crystal.cell": (9e3, 9e3, 9e3, 90.0, 90.0, 90.0)}))
