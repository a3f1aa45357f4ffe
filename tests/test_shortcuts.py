"""Work that need not be done is left out without a trace in the image; mixed precision stays within its bound."""

import itertools

import h5py
import numpy as np
import pytest
from slow import few
from test_golden import HERE, TOLERANCE, cases

import nbnumba as nb
from nbnumba.kernels import pack as packing
from nbnumba.kernels.arguments import matrix
from nbnumba.kernels.crystal import within_reach
from nbnumba.kernels.pack import pack
from nbnumba.physics.lattice import SHAPES
from nbnumba.physics.lattice.shape import endless
from nbnumba.physics.rotation import turn

FLAGS = (
    "-cell 70 80 90 80 90 100 -misset 10 20 30 -N 12 -default_F 100 -lambda 1 -detpixels 150 -pixel 0.4 -oversample 1"
)
MANY = " -mosaic 0.3 -mosaic_dom 25 -phi 3 -osc 0.2 -phisteps 2 -hdivrange 1 -hdivsteps 2"


#: Shapes whose F_latt comes to an end.
COMPACT = [name for name, shape in SHAPES.items() if shape.end is not endless]
TILTED = ((50, 8, 2), (8, 35, -9), (2, -9, 45))
SKEWED = {"crystal.cell": (70, 80, 90, 60, 70, 110), "crystal.mosaic.spread": 0.05, "crystal.cells": (40, 40, 40)}


def reached(experiment):
    """Which pixels' centres may be lit, by the limits that the loops use."""
    a, (slow, fast) = pack(experiment), experiment.detector.pixels
    axes = turn(matrix(a.orientations.turns, 0), matrix(a.orientations.cells, 0))
    points = ((s + 0.5, f + 0.5) for s in range(slow) for f in range(fast))
    near = [within_reach(experiment.scattering_vector(*point), axes, a.reach) for point in points]
    return np.array(near).reshape(slow, fast)


@pytest.mark.parametrize("changes", [{}, SKEWED], ids=["plain", "skewed"])
@pytest.mark.parametrize("shape", COMPACT)
def test_points_out_of_reach_are_dropped_without_a_trace(shape, changes, monkeypatch):
    experiment = nb.from_nanobragg(FLAGS + MANY).replace(**{"crystal.shape": shape, "crystal.fudge": 3.0, **changes})
    assert pack(experiment).reach.limited
    if changes:
        kept = reached(experiment)
        assert 0 < np.count_nonzero(kept) < 0.9 * kept.size
    short = nb.simulate(experiment)
    monkeypatch.setattr(packing, "WORTH_DROPPING", 10**9)
    assert not pack(experiment).reach.limited
    np.testing.assert_array_equal(short, nb.simulate(experiment))
    assert short.any() or shape == "tophat_star"  # whose small spots miss all centres


@pytest.mark.parametrize(
    ("shape", "cells"), few(itertools.product(["gauss", "tophat"], [(30, 40, 50), TILTED]), [("gauss", TILTED)])
)
def test_domains_with_cells_of_their_own_are_dropped_without_a_trace_too(shape, cells, monkeypatch):
    mosaic = nb.Mosaic(spread=(0.02, 0.04, 0.06), cell_spread=0.05, domains=20, distribution="gaussian")
    changes = {"crystal.shape": shape, "crystal.cells": cells, "crystal.mosaic": mosaic}
    experiment = nb.from_nanobragg(FLAGS + MANY).replace(**changes)
    kept = reached(experiment)
    assert 0 < np.count_nonzero(kept) < 0.9 * kept.size
    short = nb.simulate(experiment)
    monkeypatch.setattr(packing, "WORTH_DROPPING", 10**9)
    np.testing.assert_array_equal(short, nb.simulate(experiment))
    assert short.any()


@pytest.mark.parametrize("shape", ["gauss_star", "tophat_star"])
def test_nothing_is_dropped_where_the_limits_cannot_be_told(shape):
    long = {"crystal.cell": (70, 80, 1e9, 90, 90, 90), "crystal.shape": shape}
    assert not pack(nb.from_nanobragg(FLAGS + MANY).replace(**long)).reach.limited


@pytest.mark.parametrize("shape", [name for name in SHAPES if name not in COMPACT])
def test_no_point_is_dropped_for_shapes_that_die_away_slowly(shape):
    assert not pack(nb.from_nanobragg(FLAGS + MANY).replace(**{"crystal.shape": shape})).reach.limited


def test_gaussian_tails_end_where_float32_does(monkeypatch):
    experiment = nb.from_nanobragg(FLAGS).replace(**{"crystal.shape": "gauss", "crystal.cells": (40, 40, 40)})
    ends = pack(experiment).lattice.end
    short = nb.simulate(experiment)
    monkeypatch.setattr(packing, "_faintest", lambda *_: 1e-170)
    assert pack(experiment).lattice.end > ends + 10.0
    np.testing.assert_array_equal(short, nb.simulate(experiment))
    assert (short == 0.0).any()


def test_orientations_that_are_alike_are_rendered_once():
    turned = nb.from_nanobragg(FLAGS + " -phi 7")
    steps = turned.replace(**{"scan.steps": 6})
    assert len(pack(steps).orientations.cells) == 1
    np.testing.assert_array_equal(nb.simulate(steps), nb.simulate(turned))


def test_orientations_that_repeat_unequally_keep_their_weights():
    one, other = np.eye(3), np.diag([1.0, -1.0, -1.0])
    assert len(packing._merged(np.array([one, other, one]))) == 3
    np.testing.assert_array_equal(packing._merged(np.array([one, other, one, other])), [one, other])


def test_twin_sources_are_rendered_once():
    experiment = nb.from_nanobragg(FLAGS)
    one, other = (-1.0, 0.0, 0.0), (-1.0, 0.0, 0.002)
    twins = [(*one, 1.0, 1.0), (*other, 1.0, 1.0), (*one, 2.0, 1.0), (*one, 1.0, 1.1)]
    merged = [(*one, 3.0, 1.0), (*other, 1.0, 1.0), (*one, 1.0, 1.1)]
    images = [experiment.replace(**{"beam.sources": nb.Sources(tuple(rows))}) for rows in (twins, merged)]
    assert len(pack(images[0]).illumination.weight) == 3
    np.testing.assert_array_equal(*(nb.simulate(image) for image in images))


def test_pixels_past_the_resolution_limit_are_dropped():
    image = nb.simulate(nb.from_nanobragg(FLAGS + " -dmin 3"))
    whole = nb.simulate(nb.from_nanobragg(FLAGS))
    experiment = nb.from_nanobragg(FLAGS)
    slow, fast = (i.ravel() for i in np.indices(image.shape))
    within = np.array([experiment.resolution(s + 0.5, f + 0.5) > 3.0 for s, f in zip(slow, fast, strict=True)])
    np.testing.assert_array_equal(image.ravel(), np.where(within, whole.ravel(), 0.0))
    assert 0 < np.count_nonzero(within) < image.size


#: Kinds that no other test compiles in mixed precision.
SLOW = ("everything", "curved", "shape_round", "shape_round_fudge", "shape_tophat")


#: The dump of another run is not at hand.
@pytest.mark.parametrize(
    "name",
    few(
        [name for name in cases() if name != "hkl_dump"],
        [name for name in cases() if name not in ("hkl_dump", *SLOW)],
    ),
)
def test_mixed_precision_keeps_its_bound(name, golden_inputs):
    with h5py.File(HERE / "figures.h5") as file:
        case = file[name]
        image = nb.simulate(nb.from_nanobragg(case.attrs["args"], folder=golden_inputs), precision="mixed")
        errors = np.abs(image.ravel()[case["place"][()]].astype(float) - case["value"][()])
        assert errors.max() < TOLERANCE * case.attrs["max"]


@pytest.mark.parametrize("shape", ["square", "round", "gauss"])
@pytest.mark.parametrize("cells", [20, 1000.3, 10000])
def test_mixed_precision_keeps_its_bound_between_peaks(shape, cells):
    changes = {"crystal.shape": shape, "crystal.cells": cells, "detector.roi": ((40, 70), (40, 70))}
    experiment = nb.from_nanobragg(FLAGS).replace(**changes)
    double, mixed = (nb.simulate(experiment, precision=precision) for precision in ("double", "mixed"))
    assert np.abs(mixed - double).max() <= TOLERANCE * double.max()
    if shape == "square":
        assert (mixed != double).any()


def test_mixed_precision_has_a_peak_where_all_offsets_are_zero():
    experiment = nb.from_nanobragg("-cell 70 80 90 -N 1000 -default_F 10 -detpixels 1 -xds -ORGX 1 -ORGY 1 -nopolar")
    double, mixed = (nb.simulate(experiment, precision=precision) for precision in ("double", "mixed"))
    assert np.isfinite(mixed).all()
    assert mixed[0, 0] == pytest.approx(double[0, 0], rel=1e-5)
