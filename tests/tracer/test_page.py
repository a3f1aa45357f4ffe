"""The page about a pixel: its data are the trace, and a browser shows them."""

import json
import re
import shutil

import numpy as np
import pytest
import scenes

import nbnumba as nb
from nbnumba.tracer import page
from nbnumba.tracer.quantities import QUANTITIES

MANY = {
    "crystal.mosaic.spread": 1.0, "crystal.mosaic.domains": 3, "sampling.oversample": 2, "detector.pixels": (40, 60),
    "detector.pixel_size": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def traced():
    return nb.trace(scenes.still(**MANY), 4, 9)


@pytest.fixture(scope="module")
def file(traced, tmp_path_factory):
    return page.write_page(tmp_path_factory.mktemp("page") / "pixel.html", traced)


def data(file):
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', file.read_text(), re.DOTALL)
    return json.loads(text.group(1))


def test_the_data_are_the_trace(traced, file):
    found = data(file)
    assert len(found["pixels"]) == 25
    for pixel in found["pixels"]:
        expected = nb.trace(traced.experiment, pixel["slow"], pixel["fast"])
        assert pixel["value"] == expected.value
        rows = np.array(pixel["rows"], dtype=float)
        np.testing.assert_array_equal(rows, np.column_stack(list(expected.flat(list(QUANTITIES)).values())))


def test_the_picture_is_the_image(traced, file):
    image = data(file)["image"]
    values = np.array(image["values"])
    expected = nb.simulate(traced.experiment)[image["slow"] :, image["fast"] :][: values.shape[0], : values.shape[1]]
    np.testing.assert_array_equal(values, expected)


def test_nothing_is_fetched(file):
    assert not re.search(r"https?://|src=|@import", file.read_text())


def test_a_large_pixel_is_cut_and_says_so(tmp_path):
    experiment = scenes.still(**{"crystal.mosaic.spread": 1.0, "crystal.mosaic.domains": page.STEPS + 5})
    traced = nb.trace(experiment, 4, 9)
    (pixel,) = data(page.write_page(tmp_path / "a.html", traced))["pixels"]
    assert (pixel["steps"], len(pixel["rows"])) == (page.STEPS + 5, page.STEPS)


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'browser')")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture
def shown(browser, file):
    errors = []
    view = browser.new_page(viewport={"width": 1200, "height": 1400})
    view.on("pageerror", lambda error: errors.append(str(error)))
    view.goto(file.as_uri())
    yield view
    view.close()
    assert errors == []


def numbers(view, selector):
    return [float(x) for x in view.eval_on_selector_all(selector, "nodes => nodes.map(n => n.dataset.value)")]


def test_the_browser_shows_the_trace(shown, traced):
    assert float(shown.get_attribute("#title", "data-value")) == traced.value
    flat = np.column_stack(list(traced.flat(list(QUANTITIES)).values()))
    np.testing.assert_array_equal(np.array(numbers(shown, "#steps tbody td")).reshape(flat.shape), flat)
    best = int(traced.records["term"].argmax())
    assert numbers(shown, "#step td[data-value]") == flat[best].tolist()
    assert "q = (d - i)/lambda" in shown.inner_text("#step tr[data-part=q_x]")
    assert "physics/scattering.py" in shown.inner_text("#step tr[data-part=q_x]")


def test_the_browser_sorts(shown, traced):
    terms = traced.records["term"]
    for expected in (np.sort(terms)[::-1], np.sort(terms)):
        shown.click("#steps th[data-part=term]")
        column = list(traced.flat(list(QUANTITIES))).index("term") + 1
        np.testing.assert_array_equal(numbers(shown, f"#steps tbody td:nth-child({column})"), expected)


def test_the_browser_folds_loops_with_their_sums(shown, traced):
    loops = "#nest > details > summary"
    np.testing.assert_allclose(numbers(shown, loops), [
        traced.records["term"][traced.records["sub_slow"] == i].sum() for i in range(2)
    ], rtol=1e-12)  # fmt: skip
    assert shown.locator("#nest .leaf").count() == 0
    for depth in range(3):
        shown.locator("#nest details:not([open]) > summary").nth(0).click()
        assert shown.locator("#nest details[open]").count() == depth + 1
        shown.locator("#nest details[open] > :nth-child(2)").nth(depth).wait_for()
    assert shown.locator("#nest .leaf").count() == 1
    shown.locator("#nest .leaf").click()
    assert shown.inner_text("#which").startswith("0 (layer 0, sub_slow 0, sub_fast 0")
    shown.locator("#nest > details > summary").nth(0).click()
    assert not shown.locator("#nest .leaf").is_visible()


def test_the_browser_goes_to_a_neighbour(shown, traced):
    shown.focus("#image")
    shown.keyboard.press("ArrowDown")
    shown.keyboard.press("ArrowRight")
    assert shown.inner_text("#title").startswith("Pixel slow 5, fast 10:")
    assert float(shown.get_attribute("#title", "data-value")) == nb.trace(traced.experiment, 5, 10).value
    box, image = shown.locator("#image").bounding_box(), data_of(shown)
    rows, columns = len(image["values"]), len(image["values"][0])

    def at(slow, fast):
        across, down = (fast - image["fast"] + 0.5) / columns, (slow - image["slow"] + 0.5) / rows
        return {"x": across * box["width"], "y": down * box["height"]}

    shown.click("#image", position=at(3, 8))
    assert shown.inner_text("#title").startswith("Pixel slow 3, fast 8:")
    shown.click("#image", position=at(15, 20))
    assert "slow 15, fast 20 is not traced on this page" in shown.inner_text("#hint")
    assert shown.inner_text("#title").startswith("Pixel slow 3, fast 8:")


def data_of(view):
    return view.evaluate("data.image")
