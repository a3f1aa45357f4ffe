"""What notebooks show: whole, escaped, small, and without any further library."""

import base64
import sys
from dataclasses import fields
from xml.etree import ElementTree

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.markup import card, folded, paragraph, table
from nbnumba.outputs.picture import Picture
from nbnumba.refinement.result import Refinement


def small(**changes):
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=(50, 60, 70, 90, 90, 90), cells=(5, 5, 5), default_f=10.0),
        beam=nb.Beam(wavelength=1.0),
        detector=nb.Detector(pixels=(20, 30), pixel_size=1.0, distance=50.0),
        sampling=nb.Sampling(oversample=1),
    )
    return experiment.replace(**changes)


def seen(thing):
    """The text of its HTML, which has to be whole, and to load nothing."""
    page = ElementTree.fromstring(thing._repr_html_())
    for item in page.iter():
        assert item.tag not in ("script", "link", "style", "iframe")
        assert item.attrib.get("src", "data:").startswith("data:")
        assert "href" not in item.attrib
    return " ".join(page.itertext())


def test_text_is_escaped():
    nasty = "<script>alert('&')</script>"
    html = card(nasty, table([(nasty, 1)], (nasty,)), folded(nasty, ""), paragraph(nasty))
    html += Picture(b"", (1, 1), nasty, nasty)._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 7
    assert ElementTree.fromstring(f"<p>{html}</p>").find(".//summary").text == nasty


def test_an_experiment_tells_what_it_is():
    changes = {"crystal.mosaic": nb.Mosaic(spread=0.1, domains=7), "scan": nb.Scan(start=3.0, width=0.5, steps=4)}
    text = seen(small(**changes))
    for part in ("50 60 70 Å, 90 90 90°", "5 x 5 x 5 cells, square", "7 mosaic domains", "20 x 30 pixels of 1 mm",
                 "at 50 mm", "0.5° from 3°, in 4 steps", "28 a pixel"):  # fmt: skip
        assert part in text
    assert "crystal.mosaic.spread 0.1" in text
    assert "crystal.fudge" not in text  # as it is by default
    assert "crystal.cells_across" not in text


def test_experiments_of_all_kinds_can_be_shown():
    panels = small().with_panels(slow=2, fast=2)
    assert "4 panels" in seen(panels)
    assert "detector.panels.3.origin" in seen(panels)
    many = small(**{"crystal.reflections": nb.Reflections(np.eye(3, dtype=int), np.ones(3))})
    assert "3 F" in seen(many)
    assert "Lattice 1" in seen(small(lattices=(small().crystal,)))
    assert "counts, uint16" in seen(small(response=nb.Response(dtype="uint16")))
    assert "0.1 mm water" in seen(small(background=(nb.Background(material="water", thickness=0.1),)))
    cut = small(**{"detector.pixels": (200, 300), "detector.distance": 500.0}).with_panels(slow=10, fast=10)
    assert "more" in seen(cut)
    assert len(cut._repr_html_()) < 60_000


def test_a_refinement_tells_values_and_deviations():
    nothing = dict.fromkeys(field.name for field in fields(Refinement))
    told = {
        "values": {"misset_x": 5.0123, "cell_a": 50.5},
        "esd": {"misset_x": 0.00217, "cell_a": 0.1},
        "at_bounds": ("cell_a",),
        "degenerate": (("cell_b", "distance"),),
        "misorientations": (0.25, 0.5),
    }
    numbers = {"evaluations": 7, "converged": False, "message": "no room", "loss": 12.5, "pixels": 600}
    text = seen(Refinement(**{**nothing, **told, **numbers}))
    for part in ("parameter", "esd", "misset_x", "5.0123", "0.0022", "50.5", "at its bound", "moved by 0.5°",
                 "Not converged after 7 points: no room", "12.5 over 600", "apart: cell_b, distance"):  # fmt: skip
        assert part in text


def test_a_trace_shows_its_strongest_steps():
    traced = nb.trace(small(scan=nb.Scan(width=1.0, steps=20)), 10, 11)
    text = seen(nb.show(traced))
    assert "Pixel slow 10, fast 11" in text
    assert "in 20 steps; the 10 that add most" in text
    assert text.split("add most:")[1].split()[:2] == ["phi", "h"]
    assert repr(nb.show(traced)) == repr(traced)


@pytest.mark.parametrize("missing", ["matplotlib", "PIL"])
def test_an_image_is_a_picture_without_libraries(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    image = nb.simulate(small())
    shown = nb.show(image, small())
    assert shown._repr_png_().startswith(b"\x89PNG")
    assert base64.b64encode(shown._repr_png_()).decode() in shown._repr_html_()
    assert f"20 x 30 pixels, {image.min():.4g} to {image.max():.4g} photons, 1 Å" in seen(shown)
    assert "counts" in seen(nb.show(np.ones((3, 3), dtype=int)))


def test_large_images_are_small_pictures():
    shown = nb.show(np.random.default_rng(1).poisson(5.0, (3000, 2000)))
    assert max(shown.size) <= 640
    assert len(shown._repr_html_()) < 500_000


def test_panels_are_shown_as_they_lie():
    cut = small().with_panels(slow=2, fast=2)
    assert nb.show(np.ones(cut.detector.shape), cut).size == (30 * 10, 20 * 10)
    with pytest.raises(nb.NbnumbaError, match="found shape"):
        nb.show(np.ones((3, 3)), small())
    with pytest.raises(nb.NbnumbaError, match="allowed: numbers in two dimensions"):
        nb.show("image")
