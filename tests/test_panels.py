"""Panels give the pixels that a single detector gives there, in images and in all that is made of them."""

import json
import math
from pathlib import Path

import numpy as np
import oracle
import pytest
import scenes
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.geometry import geometry_report, geometry_text
from nbnumba.prediction import hits, indices_at
from nbnumba.tracer.contributions import pixel_values

#: Panels of several sizes, at all angles, in front of the sample, aside and behind.
PANELS = (
    nb.Panel(pixels=(6, 9), origin=(80.0, 6.0, -9.0), fast=(0, 0, 1), slow=(0, -1, 0)),
    nb.Panel(pixels=(8, 5), origin=(70.0, -20.0, 9.0), fast=(0.3, 0.1, 1), slow=(-0.4, -1.0, 0.22)),
    nb.Panel(pixels=(5, 9), origin=(20.0, 60.0, -5.0), fast=(0, 0, 1), slow=(-1, 0, 0)),
    nb.Panel(pixels=(4, 4), origin=(-50.0, 5.0, -9.0), fast=(0, 0.6, 0.8), slow=(0, 0.8, -0.6)),
)
MASK = np.random.default_rng(4).random((4, 8, 9)) < 0.8
BLOCK = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in (15, 17, 20)], indexing="ij"), axis=-1).reshape(-1, 3)
REFLECTIONS = nb.Reflections(BLOCK, np.random.default_rng(1).uniform(30.0, 90.0, len(BLOCK)))
TABLE = {"crystal.reflections": REFLECTIONS, "detector.panels": PANELS[:2]}  # whose pixels the table covers
KINDS = {
    "plain": {},
    "rich": scenes.RICH,
    "pixel": {**scenes.RICH, "sampling.solid_angle": "pixel", "sampling.polarization": "pixel"},
    "points": {"detector.point_pixels": True},
    "nearest": {**TABLE, "crystal.interpolate": "nearest"},
    "tricubic": {**TABLE, "crystal.interpolate": "tricubic"},
    "gauss": {"crystal.shape": "gauss", "crystal.mosaic.spread": 0.5, "crystal.mosaic.domains": 6},
    "masked": {"detector.mask": nb.Mask(MASK)},
}


def listed(**changes):
    return scenes.still(detector=nb.Detector(panels=PANELS, pixel_size=1.0)).replace(**changes)


def one_by_one(experiment):
    expected = np.zeros(experiment.detector.shape)
    for number, panel in enumerate(experiment.detector.panels):
        with np.errstate(divide="ignore"):  # the distance along the beam, which plays no part here
            expected[number, : panel.pixels[0], : panel.pixels[1]] = oracle.render(scenes.alone(experiment, number))
    return expected


def grid(experiment, slow, fast):
    """Image of a detector that is cut, as that of the whole."""
    image = nb.simulate(experiment.with_panels(slow=slow, fast=fast))
    size = experiment.detector.pixels[0] // slow, experiment.detector.pixels[1] // fast
    assert image.shape == (slow * fast, *size)
    return image.reshape(slow, fast, *size).transpose(0, 2, 1, 3).reshape(experiment.detector.pixels)


# --- images ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_panels_are_what_the_oracle_says_of_each(kind):
    experiment = listed(**KINDS[kind])
    expected, image = one_by_one(experiment), nb.simulate(experiment)
    assert image.shape == (len(experiment.detector.panels), 8, 9)
    assert image.dtype == np.float32
    assert (image.max(axis=(1, 2)) > 0.0).all()
    np.testing.assert_allclose(image, expected, rtol=3e-7, atol=1e-7 * expected.max())
    assert (image[~experiment.rendered] == 0.0).all()


#: Places are counted from the corner of the panel, and so round otherwise in the last bits of float64; hardly any pixel
#: shows it when it is rounded to float32, and then by one unit in the last place.
@pytest.mark.parametrize("size", [(1, 1), (4, 8), (1, 16), (16, 32)])
@pytest.mark.parametrize("kind", ["rich", "tricubic", "gauss"])
def test_one_panel_or_many_give_the_same_pixels(kind, size):
    changes = {name: value for name, value in KINDS[kind].items() if name != "detector.panels"}
    whole = scenes.still(
        **{**changes, "detector.pixels": (16, 32), "detector.rotation": (3, 4, 5), "detector.twotheta": 12.0}
    )
    image = nb.simulate(whole)
    cut = grid(whole, *size)
    np.testing.assert_allclose(cut, image, rtol=1.2e-7, atol=1e-12 * image.max())
    assert (cut == image).mean() > 0.99


@pytest.mark.parametrize("convention", scenes.CONVENTIONS)
def test_a_cut_detector_of_any_convention(convention):
    whole = scenes.still(
        **{"detector.convention": convention, "detector.roi": ((1, 10), (3, 17)), "detector.sensor_thickness": 0.4,
           "detector.sensor_mu": 2.0}
    )  # fmt: skip
    image = nb.simulate(whole)
    assert (image[1:10, 3:] > 0.0).all()
    np.testing.assert_allclose(grid(whole, 3, 1), image, rtol=1.2e-7, atol=1e-12 * image.max())


def test_panels_do_not_see_one_another():
    experiment = listed()
    image = nb.simulate(experiment)
    turned = nb.simulate(experiment.replace(**{"detector.panels": PANELS[::-1]}))
    np.testing.assert_array_equal(turned, image[::-1])
    single = nb.simulate(experiment.replace(**{"detector.panels": PANELS[1:2]}))
    np.testing.assert_array_equal(single[0], image[1, :, :5])


def test_images_go_where_they_are_asked_to_and_threads_do_not_matter():
    experiment = listed(**{"detector.mask": nb.Mask(MASK)})
    out, seen = np.full((4, 8, 9), -1.0, np.float32), []
    assert nb.simulate(experiment, out=out, threads=1, progress=lambda *x: seen.append(x)) is out
    np.testing.assert_array_equal(out, nb.simulate(experiment))
    assert seen[-1] == (32, 32)
    assert nb.simulate(experiment, precision="mixed") == pytest.approx(out, abs=1e-6 * float(out.max()))
    np.testing.assert_array_equal(nb.Renderer(experiment, device="cpu").render(), out)
    with pytest.raises(nb.NbnumbaError, match=r"out: .*\(4, 8, 9\)"):
        nb.simulate(experiment, out=np.zeros((32, 9), np.float32))


# --- derivatives -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rich", "tricubic"])
def test_derivatives_by_crystal_and_beam(kind):
    experiment = listed(**{**KINDS[kind], "detector.sensor_thickness": 0.5, "detector.sensor_mu": 1.0})
    names = list(experiment.parameters())
    assert not {"distance", "beam_center_fast", "detector_rotx", "twotheta"} & set(names)
    assert {"cell_a", "wavelength", "beam_tilt_h", "sensor_mu", "sensor_thickness"} <= set(names)
    whole, rates = nb.jacobian(experiment, names)
    np.testing.assert_allclose(whole, one_by_one(experiment), rtol=1e-9, atol=1e-12 * whole.max())
    pixels = experiment.rendered_pixels()[::-1][::5]  # backwards: panels in any order
    image, found = nb.jacobian(experiment, names, pixels)
    np.testing.assert_allclose(image, whole[tuple(pixels.T)], rtol=1e-12)
    for name in names:
        np.testing.assert_allclose(found[name], rates[name][tuple(pixels.T)], rtol=1e-9, atol=1e-12)


def test_derivatives_are_those_of_a_single_detector():
    whole = scenes.still(**{**scenes.RICH, "detector.rotation": (3, 4, 5), "crystal.mosaic.domains": 1})
    cut = whole.with_panels(slow=4, fast=17)
    names = list(cut.parameters())
    image, rates = nb.jacobian(whole, names)
    pieces, others = nb.jacobian(cut, names)
    back = lambda x: x.reshape(4, 17, 3, 1).transpose(0, 2, 1, 3).reshape(12, 17)  # noqa: E731
    np.testing.assert_allclose(back(pieces), image, rtol=1e-9)
    for name in names:
        np.testing.assert_allclose(back(others[name]), rates[name], rtol=1e-7, atol=1e-9 * np.abs(rates[name]).max())
    loss, cut_loss = nb.Poisson(np.round(image) + 1.0, background=2.0), nb.Poisson(np.round(pieces) + 1.0, background=2)
    one, many = nb.normal_equations(whole, loss, names), nb.normal_equations(cut, cut_loss, names)
    for a, b in zip(one, many, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-9 * np.abs(a).max())


@pytest.mark.slow
def test_a_misset_crystal_is_found_on_panels():
    true = listed(**{"crystal.spot_scale": 1e3, "crystal.shape": "gauss"})
    start = true.with_parameters(misset_x=11.35, cell_a=31.32)
    found = nb.refine(start, nb.Poisson(nb.simulate(true), background=1.0), ["misset_x", "cell_a"])
    assert found.converged
    assert found.values["misset_x"] == pytest.approx(11.3, abs=1e-4)
    assert found.values["cell_a"] == pytest.approx(31.3, abs=1e-4)
    data, model = found.beside()
    assert data.shape == model.shape == (4, 8, 9)
    assert np.isnan(data[~true.rendered]).all()


def test_amplitudes_on_panels():
    pytest.importorskip("scipy")
    experiment = listed(**KINDS["nearest"])
    image, hkl, slopes = nb.amplitude_jacobian(experiment)
    np.testing.assert_allclose(image, one_by_one(experiment)[experiment.rendered], rtol=1e-9, atol=1e-9 * image.max())
    amplitude = {tuple(h): f for h, f in zip(REFLECTIONS.hkl.tolist(), REFLECTIONS.amplitude, strict=True)}
    listed_f = np.array([amplitude[tuple(h)] for h in hkl.tolist()])
    np.testing.assert_allclose(0.5 * (slopes @ listed_f), image, rtol=1e-9)


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda e: nb.jacobian(e, ["distance"]), "distance: found a parameter that cannot act here"),
        (lambda e: nb.jacobian(e, ["detector_roty"]), "detector_roty: found .* placed one by one"),
        (lambda e: e.with_parameters(twotheta=1.0), "twotheta: found"),
        (lambda e: nb.jacobian(e, [], [[0, 0]]), r"shape \(n, 3\), panel, slow, fast"),
        (lambda e: nb.jacobian(e, [], [[1, 0, 5]]), r"found \[1, 0, 5\]; allowed: .*on a panel"),
        (lambda e: nb.jacobian(e, [], [[4, 0, 0]]), r"found \[4, 0, 0\]; allowed: from 0 to 3, 7, 8"),
        (lambda e: nb.shoeboxes(e), "4 panels; allowed for shoeboxes: none listed"),
        (lambda e: nb.refine(e, nb.Poisson(np.ones((4, 8, 9))), ["cell_a"], planes=True), "planes of background"),
        (lambda e: nb.refine(e, nb.Poisson(np.ones((8, 9))), ["cell_a"]), r"data: found shape \(8, 9\)"),
    ],
)
def test_what_panels_do_not_have_is_refused(work, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        work(listed())


# --- traces and predictions ------------------------------------------------------------------------------------------


def test_steps_of_a_pixel_of_a_panel():
    experiment = listed(**scenes.RICH)
    image = nb.simulate(experiment)
    for pixel in ((0, 2, 3), (1, 7, 4), (3, 0, 1)):
        panel, slow, fast = pixel
        traced = nb.trace(experiment, slow, fast, panel=panel)
        assert traced.value == pytest.approx(image[pixel], rel=2e-7)
        assert sum(step.term for step in nb.walk(experiment, slow, fast, panel=panel)) == pytest.approx(traced.value)
        place = np.array(experiment.detector.panels[panel].origin)
        assert np.linalg.norm(traced.records["position"] - place, axis=1).max() < 15.0
    assert repr(traced).startswith("Trace(panel=3, slow=0, fast=1")
    assert traced.as_dict()["panel"] == 3


@pytest.mark.parametrize(
    ("pixel", "panel", "words"),
    [
        ((0, 0), None, "panel: found None; allowed: from 0 to 3"),
        ((0, 5), 1, "outside the detector; allowed: slow from 0 to 7, fast from 0 to 4"),
        ((1, 1), 0, "detector.mask leaves out"),
    ],
)
def test_pixels_that_cannot_be_traced(pixel, panel, words):
    mask = np.ones((4, 8, 9))
    mask[0, 1, 1] = 0
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.trace(listed(**{"detector.mask": nb.Mask(mask)}), *pixel, panel=panel)


def test_reflections_that_light_the_panels():
    experiment = listed(**KINDS["nearest"])
    image = nb.simulate(experiment)
    assert nb.contributions(experiment)["photons"].sum() == pytest.approx(image.sum(dtype=float), rel=1e-6)
    with pytest.raises(nb.NbnumbaError, match=r"detector\.roi"):
        nb.contributions(experiment, ((0, 1), (0, 1)))


def test_a_reflection_falls_on_the_panel_whose_pixel_has_its_indices():
    experiment = listed()
    found = set()
    for number, panel in enumerate(PANELS):
        for slow, fast in np.ndindex(panel.pixels):
            index = np.rint(indices_at(experiment, slow + 0.5, fast + 0.5, number))
            for hit in hits(experiment, *index.tolist()) if index.any() else ():
                assert hit.on_detector == (hit.panel is not None) == math.isfinite(hit.slow)
                if hit.on_detector and abs(hit.excitation_error) < 1e-9:
                    turned = experiment.replace(scan=nb.Scan(start=hit.angle))
                    assert indices_at(turned, hit.slow, hit.fast, hit.panel) == pytest.approx(tuple(index), abs=1e-6)
                    found.add(hit.panel)
    assert found == {0, 1, 2, 3}


def test_the_nearer_of_two_panels_is_hit():
    behind = nb.Panel(pixels=(60, 90), origin=(200.0, 30.0, -45.0), fast=(0, 0, 1), slow=(0, -1, 0))
    only, both = (
        scenes.still(detector=nb.Detector(panels=panels, pixel_size=1.0, convention="mosflm"))
        for panels in ((behind,), (behind, PANELS[0]))
    )
    seen = 0
    for hkl in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 1, 0), (-1, 0, 1)):
        for far, near in zip(hits(only, *hkl), hits(both, *hkl), strict=True):
            assert near.panel in (0, 1, None)
            assert near == far or near.panel == 1
            seen += near.panel == 1 and far.panel == 0
    assert seen > 0


def test_what_is_told_of_the_geometry():
    report = geometry_report(listed(), [(1, 0, 0)], [(3, 2)], panel=1)
    assert [p["pixels_slow_fast"] for p in report["panels"]] == [[6, 9], [8, 5], [5, 9], [4, 4]]
    assert report["panels"][2]["origin_mm"] == [20.0, 60.0, -5.0]
    assert report["panels"][2]["normal"] == [0.0, 1.0, 0.0]
    assert report["nearest_mm"] == pytest.approx(min(panel.nearest(1.0) for panel in PANELS))
    text = geometry_text(report)
    assert "4 panels of pixels of 1 mm" in text
    assert "Pixel slow 3, fast 2" in text


# --- command line ----------------------------------------------------------------------------------------------------


def run(*words):
    done = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def described(tmp_path):
    listed(**scenes.RICH).to_toml(tmp_path / "e.toml")
    return tmp_path / "e.toml"


def test_simulate_convert_and_compare(tmp_path, described):
    told = run("simulate", described, "-o", tmp_path / "a.h5", "--png", tmp_path / "a.png")
    assert "4 panels from" in told
    assert "4 x 8 x 9 pixels" in told
    image = nb.simulate(listed(**scenes.RICH))
    np.testing.assert_array_equal(nb.read_image(tmp_path / "a.h5"), image)
    assert f"panel {np.unravel_index(image.argmax(), image.shape)[0]}, slow" in told
    for name in ("b.npy", "b.bin", "b.png"):
        run("convert", tmp_path / "a.h5", tmp_path / name)
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), image)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    told = run("compare", tmp_path / "b.bin", tmp_path / "a.h5", "--png", tmp_path / "c.png", "--tolerance", 0.0)
    assert "largest 0 at panel 0, slow 0, fast 0" in told
    report = json.loads(run("simulate", described, "-o", tmp_path / "b.h5", "--json"))
    assert report["panels"] == 4
    assert len(report["photons_max_panel_slow_fast"]) == 3


def test_trace_info_and_derivatives(tmp_path, described):
    assert "Pixel panel 1, slow 3, fast 2:" in run("trace", described, "--pixel", 3, 2, "--panel", 1)
    page = tmp_path / "p.html"
    run("trace", described, "--set", "crystal.mosaic.domains=1", "--pixel", 3, 2, "--panel", 1, "--html", page)
    assert "Pixel panel 1, slow 3, fast 2" in page.read_text()
    told = run("info", described, "--geometry", "--pixel", 3, 2, "--panel", 1, "--hkl", 1, 0, 0)
    assert "8 x 5" in told
    run("derivatives", described, "--parameter", "misset_x", "-o", tmp_path / "d.h5", "--svg", tmp_path / "d.svg")
    with pytest.raises(nb.NbnumbaError, match="--png"):
        run("info", described, "--geometry", "--png", tmp_path / "g.png")


def test_refine(tmp_path, described):
    nb.write_nexus(tmp_path / "a.h5", listed(), 1e3 * nb.simulate(listed(**scenes.RICH)))
    start = described, "--set", "crystal.spot_scale=1000", "--set", "crystal.misset=11.31,24.7,-8.1"
    output = "-o", tmp_path / "r.toml", "--results", tmp_path / "r.h5", "--svg", tmp_path / "r.svg"
    assert "Converged" in run("refine", *start, tmp_path / "a.h5", "--parameter", "misset_x", *output)
    assert nb.Experiment.from_toml(tmp_path / "r.toml").crystal.misset[0] == pytest.approx(11.3, abs=1e-3)


# --- how alike -------------------------------------------------------------------------------------------------------


def test_images_of_panels_are_compared_panel_by_panel():
    first = np.zeros((2, 6, 7))
    first[0, 5, 3], first[1, 0, 3] = 5.0, 4.0  # neighbours in memory alone
    second = first.copy()
    second[1, 0, 3] = 1.0
    found = nb.compare(first, second)
    assert found.pixels == first.size
    assert found.place == (1, 0, 3)
    assert found.largest == 3.0
    assert found.peaks.strongest == (2, 2)
    assert found.peaks.matched == (2, 2)
    assert nb.compare(first.reshape(12, 7), second.reshape(12, 7)).peaks.strongest == (1, 1)


def test_sums_of_single_steps():
    """Rows of the tracer's sums are counted through all panels."""
    experiment = listed()
    rows = np.array([[8 + 3, 2], [24 + 1, 3]])
    image = one_by_one(experiment)
    np.testing.assert_allclose(pixel_values(experiment, rows), [image[1, 3, 2], image[3, 1, 3]], rtol=1e-9)


def test_a_panel_that_moves_changes_its_image_alone():
    moved = listed(**{"detector.panels.1.origin": (70.0, -20.0, 9.5)})
    differs = (nb.simulate(moved) != nb.simulate(listed())).any(axis=(1, 2))
    assert differs.tolist() == [False, True, False, False]


# --- documentation ---------------------------------------------------------------------------------------------------


def test_the_example_of_the_documentation():
    text = (Path(__file__).parents[1] / "docs" / "panels.md").read_text(encoding="utf-8")
    experiment = nb.Experiment.from_toml(text.split("```toml\n")[1].split("```")[0])
    assert experiment.detector.shape == (2, 64, 128)
    image = nb.simulate(experiment)
    assert (image[1, :, 100:] == 0.0).all()
    assert (image.max(axis=(1, 2)) > 0.0).all()
