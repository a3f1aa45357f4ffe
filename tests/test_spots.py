"""Predicted spots: the reflections that one-by-one prediction puts on the detector, and no others."""

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.prediction import hits, indices_at
from nbnumba.spots import spots


def small(**changes):
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=(21, 24, 30, 85, 95, 100), misset=(10, 20, 30), cells=(9, 10, 11), default_f=5.0),
        beam=nb.Beam(wavelength=1.1),
        detector=nb.Detector(pixels=(40, 50), pixel_size=1.0, distance=100.0),
        scan=nb.Scan(start=12.0, width=4.0, steps=2),
    )
    return experiment.replace(**changes)


def one_by_one(experiment, chosen):
    """Indices of all reflections one of whose hits is chosen and on the detector."""
    hkl = np.stack(np.meshgrid(*3 * [np.arange(-12, 13)], indexing="ij"), axis=-1).reshape(-1, 3)
    inverse = np.linalg.norm(hkl @ np.linalg.inv(experiment.crystal.axes).T, axis=1)
    limit = 1.05 / min(experiment.resolution(s, f) for s in (0, 40) for f in (0, 50))
    found = set()
    for each in hkl[(inverse > 0.0) & (inverse < limit)].tolist():
        start, *exact = hits(experiment, *each)
        if any(hit.on_detector for hit in chosen(start, exact)):
            found.add(tuple(each))
    assert np.abs(list(found)).max() < 12
    return found


def crossing(found):
    """Which of them cross the sphere, and do not only come near it at either end of the scan."""
    return (np.abs(found.angle - 12.0) > 1e-9) & (np.abs(found.angle - 16.0) > 1e-9)


def indices(found):
    return {tuple(hkl) for hkl in found.hkl.tolist()}


def test_all_that_cross_the_sphere_during_the_scan_are_there():
    experiment = small()
    expected = one_by_one(experiment, lambda _, exact: [hit for hit in exact if 12.0 <= hit.angle <= 16.0])
    found = spots(experiment)
    assert len(expected) > 10
    assert expected <= indices(found)
    assert indices(found.where(crossing(found))) == expected


def test_of_a_still_those_within_the_width_of_the_transform_are_there():
    experiment = small(scan=None)
    width = 1.0 / min(experiment.crystal.size)
    expected = one_by_one(experiment, lambda start, _: [start] if abs(start.excitation_error) <= width else [])
    assert len(expected) > 5
    assert indices(spots(experiment)) == expected


def test_a_spot_lies_where_its_indices_are():
    experiment = small()
    found = spots(experiment)
    found = found.where(crossing(found))
    for hkl, slow, fast, angle in zip(found.hkl, found.slow, found.fast, found.angle, strict=True):
        assert indices_at(small(**{"scan.start": angle}), slow, fast) == pytest.approx(hkl.tolist(), abs=1e-9)


def test_the_image_is_bright_where_spots_are_predicted():
    experiment = small(**{"scan.steps": 8, "sampling.oversample": 1})
    image, found = nb.simulate(experiment), spots(experiment)
    central = found.where((found.angle > 12.5) & (found.angle < 15.5))
    assert len(central) > 10
    bright = np.percentile(image, 95)
    assert all(image[int(s), int(f)] > bright for s, f in zip(central.slow, central.fast, strict=True))


def test_images_of_a_series_follow_one_another():
    third, moved = spots(small(), number=2), spots(small(**{"scan.start": 20.0}))
    np.testing.assert_array_equal(third.hkl, moved.hkl)
    np.testing.assert_allclose(third.slow, moved.slow)
    both = indices(spots(small(), images=2))
    assert both <= indices(spots(small())) | indices(spots(small(), number=1))
    assert indices(spots(small()).where(spots(small()).angle > 12.0)) - both == set()


def test_mosaic_spread_and_bandwidth_widen_what_is_seen():
    still = small(scan=None)
    assert indices(spots(still)) < indices(spots(still.replace(**{"crystal.mosaic": nb.Mosaic(spread=1.0)})))
    wide = still.replace(**{"beam.dispersion": 15.0, "beam.dispersion_steps": 3})
    assert indices(spots(still)) < indices(spots(wide))


def test_domains_widen_what_is_seen_as_far_as_they_differ():
    still = small(scan=None)
    alone, one, turned, stretched = (
        indices(spots(still.replace(**{"crystal.mosaic": nb.Mosaic(**mosaic)})))
        for mosaic in (
            {}, {"spread": 1.0, "domains": 1}, {"spread": 1.0, "domains": 1, "sequence": "low-discrepancy"},
            {"cell_spread": 2.0},
        )
    )  # fmt: skip
    assert alone == one
    assert alone < turned
    assert alone < stretched


def test_amplitudes_order_the_spots_and_zeros_are_left_out():
    plain = spots(small())
    amplitude = np.arange(len(plain), dtype=float)
    found = spots(small(**{"crystal.reflections": nb.Reflections(plain.hkl, amplitude), "crystal.default_f": 0.0}))
    assert (np.diff(found.amplitude) <= 0.0).all()
    assert indices(found) == indices(plain) - {tuple(plain.hkl[0].tolist())}


def test_lattices_are_numbered():
    other = nb.Crystal(cell=(33, 33, 33, 90, 90, 90), default_f=7.0)
    found = spots(small(lattices=(other,)))
    assert indices(found.where(found.lattice == 0)) == indices(spots(small()))
    assert (found.amplitude[found.lattice == 1] == 7.0).all()
    assert (found.lattice == 1).any()


def test_panels_have_the_spots_of_the_whole():
    whole, cut = spots(small()), spots(small().with_panels(slow=2, fast=2))
    order = np.lexsort(whole.hkl.T), np.lexsort(cut.hkl.T)
    np.testing.assert_array_equal(whole.hkl[order[0]], cut.hkl[order[1]])
    slow, fast = cut.slow + 20 * (cut.panel // 2), cut.fast + 25 * (cut.panel % 2)
    np.testing.assert_allclose(slow[order[1]], whole.slow[order[0]], atol=1e-6)
    np.testing.assert_allclose(fast[order[1]], whole.fast[order[0]], atol=1e-6)


def test_a_curved_detector_has_spots_too():
    experiment = small(**{"detector.curvature": "spherical", "detector.pixels": (20, 20), "scan.width": 1.0})
    found = spots(experiment)
    assert len(found) > 0
    at = indices_at(experiment.replace(**{"scan.start": float(found.angle[0])}), found.slow[0], found.fast[0])
    assert at == pytest.approx(found.hkl[0].tolist(), abs=0.2)


def test_too_many_reflections_are_refused():
    with pytest.raises(nb.NbnumbaError, match=r"reflections up to .* allowed: up to 500000000"):
        spots(small(**{"crystal.cell": (2500, 2500, 2500, 90, 90, 90)}))


def test_none_is_an_answer():
    for curvature in ("flat", "spherical"):
        assert len(spots(small(**{"crystal.default_f": 0.0, "detector.curvature": curvature}))) == 0
