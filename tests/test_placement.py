"""Where the photons of reflections off the Ewald sphere are: limits by hand, and images of single reflections."""

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.placement import seen
from nbnumba.prediction import landings
from nbnumba.spots import diffracting

CELL = (60.0, 70.0, 80.0, 90.0, 90.0, 90.0)
BEAM = np.array([1.0, 0.0, 0.0])


def still(*, mosaic=None, beam=None, **crystal):
    return nb.Experiment(
        crystal=nb.Crystal(cell=CELL, misset=(10, 20, 30), default_f=500.0, mosaic=mosaic or nb.Mosaic(), **crystal),
        beam=nb.Beam(wavelength=1.0, **(beam or {})),
        detector=nb.Detector(pixels=(800, 800), pixel_size=0.05, distance=100.0),
    )


def partial(experiment, widths):
    """Indices, q, and distances from the sphere, of reflections that are some way off it."""
    found = list(diffracting(experiment, 0, (0.0, 0.0), widths))
    hkl, q, errors = (np.concatenate([getattr(x, n) for x in found]) for n in ("hkl", "q", "errors"))
    return hkl, q, errors


def directions(experiment, hkl):
    towards = seen(experiment, 0, hkl, np.zeros(len(hkl))).towards
    return towards / np.linalg.norm(towards, axis=1)[:, np.newaxis]


def apart(one, other):
    """Angles [rad] between directions."""
    return np.linalg.norm(one - other / np.linalg.norm(other, axis=1)[:, np.newaxis], axis=1)


def test_small_crystals_send_them_to_the_nearest_point_of_the_sphere():
    cells = tuple(1000.0 / np.array(CELL[:3]))  # a cube
    experiment = still(cells=cells, shape="gauss")
    hkl, q, errors = partial(experiment, 2.0)
    assert abs(errors).max() > 1e-3
    np.testing.assert_allclose(apart(directions(experiment, hkl), BEAM + q), 0.0, atol=1e-12)


def test_mosaic_spread_turns_them_onto_the_sphere():
    mosaic = nb.Mosaic(spread=0.5, domains=5000, distribution="gaussian", sequence="low-discrepancy")
    experiment = still(cells=(150, 150, 150), shape="gauss", mosaic=mosaic)
    hkl, q, errors = partial(experiment, 1.0)
    length = np.linalg.norm(q, axis=1)
    far = (abs(errors) > 0.5 * np.radians(0.5) * length) & (length > 0.1)
    hkl, q, length = hkl[far], q[far], length[far]
    along = -0.5 * length**2  # of a point of the sphere, for the wavelength of 1
    across = q - q[:, :1] * BEAM
    across *= (np.sqrt(length**2 - along**2) / np.linalg.norm(across, axis=1))[:, np.newaxis]
    found, turned = directions(experiment, hkl), BEAM + along[:, np.newaxis] * BEAM + across
    assert len(hkl) > 50
    bragg = 2.0 * np.arcsin(0.5 * length)
    assert abs(np.arccos(found @ BEAM) - bragg).max() < 2e-5
    assert abs(np.arccos((BEAM + q) @ BEAM / np.linalg.norm(BEAM + q, axis=1)) - bragg).max() > 2e-4
    # along the arc of the sphere those few domains make the mean that are that far turned
    assert np.percentile(apart(found, turned) / (np.radians(0.5) * length), 95) < 0.2


def test_bands_send_them_where_the_wavelength_that_meets_them_does():
    experiment = still(cells=(400, 400, 400), shape="gauss", beam={"dispersion": 4.0, "dispersion_steps": 401})
    hkl, q, _ = partial(experiment, 1.0)
    wavelength = -2.0 * q[:, 0] / np.einsum("ni,ni->n", q, q)
    met = abs(wavelength - 1.0) < 0.018
    expected = (BEAM / wavelength[:, np.newaxis] + q)[met]
    assert len(expected) > 40
    assert np.percentile(apart(directions(experiment, hkl[met]), expected), 95) < 2e-6
    assert np.median(apart((BEAM + q)[met], expected)) > 1e-3


def test_sources_that_do_not_shine_change_nothing():
    rows = ((-1.0, 0.0, 0.0, 1.0, 1.0), (-1.0, 0.0, 0.001, 2.0, 1.001))
    one, other = (still(beam={"sources": nb.Sources(some)}) for some in (rows, (*rows, (-1.0, 0.01, 0.0, 0.0, 1.01))))
    hkl, _, _ = partial(one, 2.0)
    found, same = (seen(experiment, 0, hkl, np.zeros(len(hkl))) for experiment in (one, other))
    np.testing.assert_array_equal(found.towards, same.towards)
    np.testing.assert_array_equal(found.width, same.width)
    np.testing.assert_array_equal(np.column_stack([found.met, np.zeros(len(hkl))]), same.met)


def test_many_are_told_as_few_are():
    experiment = CASES["all"]
    hkl, _, _ = partial(experiment, 2.0)
    together = seen(experiment, 0, hkl, np.linspace(0.0, 1.0, len(hkl)))
    alone = [
        seen(experiment, 0, hkl[i : i + 1], np.linspace(0.0, 1.0, len(hkl))[i : i + 1]) for i in range(0, len(hkl), 40)
    ]
    np.testing.assert_allclose(
        together.towards[::40], np.concatenate([x.towards for x in alone]), rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(together.width[::40], np.concatenate([x.width for x in alone]), rtol=1e-9)


CASES = {
    "mosaic": still(cells=(60, 55, 50), mosaic=nb.Mosaic(spread=0.25, domains=50, distribution="gaussian",
                                                         sequence="low-discrepancy")),
    "band": still(cells=(40, 36, 33), beam={"dispersion": 2.0, "dispersion_steps": 61}),
    "small": still(cells=(18, 12, 9), shape="gauss"),
    "all": still(cells=(20, 18, 15), mosaic=nb.Mosaic(spread=0.15, domains=25), shape="gauss",
                 beam={"dispersion": 1.0, "dispersion_steps": 15}),
}  # fmt: skip


@pytest.mark.parametrize(("name", "pixels"), [("mosaic", 0.6), ("band", 1.0), ("small", 0.1), ("all", 1.0)])
def test_images_of_single_reflections_have_their_middle_and_width_there(name, pixels):
    experiment = CASES[name]
    hkl, _, _ = partial(experiment, 2.0)
    found = seen(experiment, 0, hkl, np.zeros(len(hkl)))
    at, share = landings(experiment, found.towards), found.met.sum(axis=1)
    inside = (at.slow > 35) & (at.slow < 765) & (at.fast > 35) & (at.fast < 765) & (share > 0.03 * share.max())
    away, ratio = [], []
    for i in np.flatnonzero(inside)[:: max(np.count_nonzero(inside) // 20, 1)]:
        place = np.array([at.slow[i], at.fast[i]])
        roi = tuple((int(x) - 35, int(x) + 35) for x in place)
        alone = nb.Reflections(hkl[i : i + 1], np.array([500.0]))
        image = nb.simulate(experiment.replace(
            **{"crystal.reflections": alone, "crystal.default_f": 0.0, "detector.roi": roi, "sampling.oversample": 2}
        ))[tuple(slice(*limits) for limits in roi)].astype(float)  # fmt: skip
        points = np.indices(image.shape) + np.array(roi)[:, :1, np.newaxis] + 0.5
        middle = (points * image).sum(axis=(1, 2)) / image.sum()
        away.append(np.hypot(*(middle - place)))
        width = max(found.width[i] * at.distance[i] / 0.05, 1.0)
        near = (abs(points - place[:, np.newaxis, np.newaxis]) < 2.0 * width).all(axis=0)
        ratio.append(image[near].sum() / image.sum())
    assert len(away) >= 20
    assert np.percentile(away, 95) < pixels
    assert np.median(ratio) > 0.9
