"""Panels in one picture, as they lie."""

import numpy as np
import pytest
import scenes
from test_png import decode

import nbnumba as nb
from nbnumba.outputs.layout import laid_out

#: Seen along the beam, x, and with the electric field, z, to the right, y points up.
RIGHT, DOWN = (0, 0, 1), (0, -1, 0)


def experiment(*panels, **changes):
    return scenes.still(detector=nb.Detector(panels=panels, pixel_size=0.5, **changes))


def panel(x, y, z, pixels=(2, 3), fast=RIGHT, slow=DOWN):
    """A panel, by x along the beam and by pixels down and to the right."""
    return nb.Panel(pixels=pixels, origin=(x, -0.5 * y, 0.5 * z), fast=fast, slow=slow)


def test_panels_beside_one_another():
    e = experiment(panel(90, 0, 0), panel(95, 4, 1))
    image = np.arange(12.0).reshape(2, 2, 3)
    n = np.nan
    expected = [[0, 1, 2, n], [3, 4, 5, n], [n, n, n, n], [n, n, n, n], [n, 6, 7, 8], [n, 9, 10, 11]]
    np.testing.assert_array_equal(laid_out(e, image), expected)


@pytest.mark.parametrize(
    ("fast", "slow", "expected"),
    [
        (RIGHT, DOWN, [[0, 1, 2], [3, 4, 5]]),
        (RIGHT, (0, 1, 0), [[3, 4, 5], [0, 1, 2]]),
        ((0, 0, -1), DOWN, [[2, 1, 0], [5, 4, 3]]),
        (DOWN, RIGHT, [[0, 3], [1, 4], [2, 5]]),
        (DOWN, (0, 0, -1), [[3, 0], [4, 1], [5, 2]]),
    ],
)
def test_panels_turned_and_mirrored(fast, slow, expected):
    e = experiment(panel(90, 0, 0, fast=fast, slow=slow))
    np.testing.assert_array_equal(laid_out(e, np.arange(6.0).reshape(1, 2, 3)), expected)


def test_a_cut_detector_gives_the_picture_of_the_whole():
    image = np.arange(12 * 18.0).reshape(12, 18)
    cut = scenes.still(**{"detector.pixels": (12, 18)}).with_panels(slow=3, fast=2)
    stack = image.reshape(3, 4, 2, 9).transpose(0, 2, 1, 3).reshape(6, 4, 9)
    np.testing.assert_array_equal(laid_out(cut, stack), image)


def test_narrow_panels_show_their_own_pixels():
    e = experiment(panel(90, 0, 0, pixels=(1, 1)), panel(90, 0, 1))
    image = np.full((2, 2, 3), 7.0)
    image[0, 0, 0] = 1.0
    found = laid_out(e, image)
    assert found[0].tolist() == [1.0, 7.0, 7.0, 7.0]
    assert np.isnan(found[1, 0])


def test_a_panel_seen_edge_on_is_a_line_at_most():
    e = experiment(panel(90, 0, 0), nb.Panel(pixels=(9, 3), origin=(20.0, 1.0, 0.0), fast=RIGHT, slow=(1, 0, 0)))
    image = np.arange(54.0).reshape(2, 9, 3)
    np.testing.assert_array_equal(laid_out(e, image)[-2:], image[0, :2])


def test_a_tilted_panel_is_foreshortened():
    e = experiment(panel(90, 0, 0, pixels=(100, 10), slow=(np.sqrt(3) / 2, -0.5, 0)))
    image = np.repeat(np.arange(100.0), 10).reshape(1, 100, 10)
    found = laid_out(e, image)
    assert found.shape == (50, 10)
    np.testing.assert_allclose(found[:, 0], 2 * np.arange(50) + 0.5, atol=0.51)


def test_gaps_of_the_png_are_dark_and_its_panels_where_they_lie(tmp_path):
    e = experiment(panel(90, 0, 0, pixels=(20, 30)), panel(95, 0, 40, pixels=(20, 30)))
    image = np.zeros((2, 20, 30))
    image[1, 3, 4] = 100.0
    grey = decode(nb.write_png(tmp_path / "a.png", image, experiment=e).read_bytes())
    assert grey.shape == (20, 70)
    assert np.unique(grey[:, 30:40]).tolist() == [96]
    assert np.argwhere(grey == 0).tolist() == [[3, 44]]
    below = decode(nb.write_png(tmp_path / "b.png", image).read_bytes())
    assert np.argwhere(below == 0).tolist() == [[23, 4]]
    with pytest.raises(nb.NbnumbaError, match=r"found shape \(40, 30\); allowed: the detector's \(2, 20, 30\)"):
        nb.write_png(tmp_path / "c.png", image.reshape(40, 30), experiment=e)
