"""Derivatives by amplitudes, and their refinement."""

from pathlib import Path

import numpy as np
import pytest
import scenes

import nbnumba as nb

DATA = Path(__file__).parents[3] / "shared" / "data"
KINDS = {
    "nearest": {"crystal.interpolate": "nearest"},
    "tricubic": {"crystal.interpolate": "tricubic"},
    "smooth": {"crystal.interpolate": "catmull-rom"},
}


def experiment(**changes):
    return scenes.still(**{**scenes.RICH, "crystal.reflections": scenes.TABLE, **changes})


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_by_amplitudes_are_those_of_the_image(kind):
    e = experiment(**KINDS[kind])
    pixels = e.rendered_pixels()[::11]
    image, hkl, matrix = nb.amplitude_jacobian(e, pixels)
    np.testing.assert_allclose(image, nb.jacobian(e, [], pixels)[0], rtol=1e-12)
    assert matrix.shape == (len(pixels), len(hkl))
    known = {tuple(x): i for i, x in enumerate(scenes.TABLE.hkl.tolist())}
    brightest = np.argsort(np.asarray(abs(matrix).sum(axis=0)).ravel())[::-1][:3]
    for column in [*brightest, len(hkl) // 2]:
        amplitude = scenes.TABLE.amplitude.copy()
        place = known[tuple(hkl[column].tolist())]
        found = []
        for step in (-1.0, 1.0):  # the image is quadratic: differences are exact
            amplitude[place] = scenes.TABLE.amplitude[place] + step
            moved = e.replace(**{"crystal.reflections": nb.Reflections(scenes.TABLE.hkl, amplitude)})
            found.append(nb.jacobian(moved, [], pixels)[0])
        expected = 0.5 * (found[1] - found[0])
        np.testing.assert_allclose(matrix[:, [column]].toarray()[:, 0], expected, atol=1e-11 * image.max())


def test_twice_the_image_is_the_sum_over_amplitudes():
    e = experiment(**{"crystal.interpolate": "nearest"})
    image, hkl, matrix = nb.amplitude_jacobian(e)
    known = {tuple(x): f for x, f in zip(scenes.TABLE.hkl.tolist(), scenes.TABLE.amplitude.tolist(), strict=True)}
    amplitudes = np.array([known[tuple(x)] for x in hkl.tolist()])
    np.testing.assert_allclose(matrix @ amplitudes, 2.0 * image, rtol=1e-12)


def test_many_reflections_in_a_pixel():
    """More than room is made for at first: a mosaic crystal whose domains point everywhere."""
    e = scenes.still(**{"crystal.reflections": scenes.TABLE, "crystal.mosaic.spread": 90.0,
                        "crystal.mosaic.domains": 60, "crystal.interpolate": "nearest"})  # fmt: skip
    image, _, matrix = nb.amplitude_jacobian(e, [[6, 9], [2, 3]])
    assert np.diff(matrix.indptr).max() > 16
    np.testing.assert_allclose(image, nb.jacobian(e, [], [[6, 9], [2, 3]])[0], rtol=1e-12)


def test_derivatives_without_reflections_are_refused():
    with pytest.raises(nb.NbnumbaError, match=r"crystal.reflections: found none"):
        nb.amplitude_jacobian(scenes.still())
    with pytest.raises(nb.NbnumbaError, match="pixels: found"):
        nb.amplitude_jacobian(experiment(), [[99, 99]])


def stills(reflections, rng, count, **changes):
    """Crystals of known geometry, their brightest pixel of 5000 photons, and images with noise on a background of 1."""
    base = nb.Experiment(
        crystal=nb.Crystal(reflections=reflections, cells=8, interpolate="nearest",
                           cell=(34.77, 39.17, 48.31, 90.0, 90.0, 90.0)),
        beam=nb.Beam(wavelength=1.0),
        detector=nb.Detector(pixels=(300, 300), pixel_size=0.4, distance=180.0),
        sampling=nb.Sampling(oversample=1),
    ).replace(**changes)  # fmt: skip
    turned = [base.replace(**{"crystal.misset": tuple(rng.uniform(-180.0, 180.0, 3).tolist())}) for _ in range(count)]
    images = [nb.jacobian(e, [])[0] for e in turned]
    scale = 5000.0 / max(x.max() for x in images)
    data = [nb.Poisson(rng.poisson(x * scale + 1.0), background=1.0) for x in images]
    return [e.replace(**{"crystal.spot_scale": scale}) for e in turned], data


def brightest(experiments, count):
    """Indices of the reflections that light the images most."""
    total = {}
    for e in experiments:
        _, hkl, matrix = nb.amplitude_jacobian(e)
        for key, value in zip(map(tuple, hkl.tolist()), np.asarray(matrix.sum(axis=0)).ravel(), strict=True):
            total[key] = total.get(key, 0.0) + value
    return sorted(total, key=total.get, reverse=True)[:count]


def refined(truth, experiments, data, chosen):
    """The refinement of some reflections that start at their mean, and their places in the list."""
    at = {tuple(x): i for i, x in enumerate(truth.hkl.tolist())}
    places = np.array([at[x] for x in chosen])
    start, equal = truth.amplitude.copy(), np.full(len(truth), -1)
    start[places], equal[places] = truth.amplitude[places].mean(), places
    begun = nb.Reflections(truth.hkl, start, cell=truth.cell)
    images = [e.replace(**{"crystal.reflections": begun}) for e in experiments]
    return nb.refine_amplitudes(images, data, equal=equal), places


def test_amplitudes_from_stills():
    rng = np.random.default_rng(3)
    block = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in (8, 9, 12)], indexing="ij"), axis=-1).reshape(-1, 3)
    truth = nb.Reflections(block, rng.uniform(50.0, 500.0, len(block)))
    experiments, data = stills(truth, rng, 4, **{"detector.pixels": (120, 120)})
    found, places = refined(truth, experiments, data, brightest(experiments, 40))
    assert found.converged
    pulls = (found.reflections.amplitude[places] - truth.amplitude[places]) / found.esd[places]
    assert 0.7 < np.sqrt(np.mean(pulls**2)) < 1.4
    assert (np.delete(found.reflections.amplitude, places) == np.delete(truth.amplitude, places)).all()
    assert np.isinf(np.delete(found.esd, places)).all()
    assert found.history[-1].loss <= found.history[0].loss


def test_equal_reflections_have_one_amplitude():
    rng = np.random.default_rng(3)
    block = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in (8, 9, 12)], indexing="ij"), axis=-1).reshape(-1, 3)
    of = {key: i for i, key in enumerate(sorted({tuple(abs(x)) for x in block}))}
    equal = np.array([of[tuple(abs(x))] for x in block])
    amplitude = rng.uniform(50.0, 500.0, len(of))[equal]
    truth = nb.Reflections(block, amplitude)
    experiments, data = stills(truth, rng, 3, **{"detector.pixels": (120, 120)})
    found = nb.refine_amplitudes(experiments, data, equal=equal, iterations=6)
    for number in (0, 100, 500):
        assert len(set(found.reflections.amplitude[equal == number].tolist())) == 1


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the coordinates of 1ORC in ../shared/data")
def test_amplitudes_of_a_protein():
    """200 reflections of 1ORC from 30 stills."""
    rng = np.random.default_rng(11)
    truth = nb.read_reflections(DATA / "1orc.pdb", resolution=3.0)
    experiments, data = stills(truth, rng, 30)
    found, places = refined(truth, experiments, data, brightest(experiments, 200))
    assert np.corrcoef(found.reflections.amplitude[places], truth.amplitude[places])[0, 1] > 0.99


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"losses": []}, "loss: found 0"),
        ({"equal": [1, 2]}, r"equal: found .int64 of shape \(2,\)"),
        ({"equal": np.full(len(scenes.TABLE), -1)}, "no reflection that is refined"),
        ({"experiments": scenes.still()}, "experiments: found"),
    ],
)
def test_what_cannot_be_refined_is_refused(how, words):
    how = {"experiments": experiment(), "losses": nb.Poisson(np.ones((12, 17)), background=1.0), **how}
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.refine_amplitudes(**how)
