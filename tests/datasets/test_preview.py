"""A look at a data set before it is made."""

import struct
import zlib

import numpy as np
import pytest
from recipes import recipe

from nbnumba.datasets.draw import draw
from nbnumba.datasets.engines.run import make_dataset
from nbnumba.datasets.labels import caption
from nbnumba.datasets.preview import estimate, write_preview
from nbnumba.datasets.sheet import picture, sheet
from nbnumba.outputs.pixel_mask import pixel_mask

BLUE, RED = [150, 180, 230], [220, 60, 30]
EDGE, GAP = 256, 8
NONE = np.empty((0, 2))


def test_progress_is_told_after_each_image(tmp_path):
    r, told = recipe(count=3), []
    write_preview(r, tmp_path / "a.png", 2, progress=lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]
    told.clear()
    found = estimate(r, workers=2, progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert found["seconds"] > 1.5 * found["seconds_per_image"]
    assert {"draw", "render", "compress"} <= set(found["stages"])


def test_a_caption_says_what_is_seen():
    row = {"hit": 1, "lattices": 2, "spots": 7, "resolution": 2.345, "split": b"train"}
    assert caption(row) == ("2 lattices train", "7 spots, to 2.35 A")
    nothing = {"hit": 0, "lattices": 0, "spots": 0, "resolution": float("nan"), "split": ""}
    assert caption(nothing) == ("miss", "0 spots, none stands out")


def place(pixels, number, edge=EDGE):
    """A picture of a sheet of one row, without its words."""
    start = GAP + number * (EDGE + GAP)
    return pixels[GAP : GAP + edge, start : start + edge]


@pytest.mark.parametrize(("edge", "shown"), [(2, 256), (96, 192), (128, 256), (256, 256), (257, 129), (1000, 250)])
def test_pictures_are_enlarged_or_made_smaller_by_whole_numbers(edge, shown):
    image = np.zeros((edge, edge), int)
    image[0, 0] = 500
    pixels = sheet([picture(image, image < 0, NONE, ["a"])], counts=True)
    assert pixels.shape[1] == EDGE + 2 * GAP
    inside = place(pixels, 0)
    assert (inside[:shown, shown:] == 224).all()
    size = shown // edge if edge <= EDGE else 1
    assert (inside[:size, :size] == 0).all()
    assert (inside[size:shown, size:shown] == 255).all()


def test_all_pictures_have_one_scale():
    shots = np.random.default_rng(1)
    weak, strong = (shots.poisson(mean, (64, 64)) for mean in (2, 200))
    strong[5, 6] = weak[5, 6] = 100
    whole = np.zeros(weak.shape, bool)
    pixels = sheet([picture(one, whole, NONE, [""]) for one in (weak, strong)], counts=True)
    assert place(pixels, 0).mean() > place(pixels, 1).mean() + 50
    np.testing.assert_array_equal(place(pixels, 0)[20, 24], place(pixels, 1)[20, 24])
    other = sheet([picture(strong, whole, NONE, [""])], counts=True)
    assert (place(other, 0) != place(pixels, 1)).any()  # the scale is that of what is shown together
    assert (other[-GAP - 14 : -GAP] == 0).any()  # and is told


def test_masked_pixels_and_spots_are_marked(tmp_path):
    r = recipe(count=1, base__response__hot_pixels=0.02)
    masked = pixel_mask(draw(r, 0).experiment) != 0
    found = []
    for spots in (False, True):
        write_preview(r, tmp_path / "a.png", 1, spots=spots, overwrite=True)
        found.append(place(_pixels((tmp_path / "a.png").read_bytes()), 0))
    np.testing.assert_array_equal((found[0] == BLUE).all(axis=2), np.kron(masked, np.ones((4, 4))) > 0)
    assert not (found[0] == RED).all(axis=2).any()
    assert (found[1] == RED).all(axis=2).sum() > 500
    one = picture(np.zeros((64, 64)), np.zeros((64, 64), bool), np.array([[10.5, 20.25]]), [""])
    rows, columns = np.nonzero((place(sheet([one], counts=False), 0) == RED).all(axis=2))
    assert (rows.mean(), columns.mean()) == (42.0, 81.0)


def _pixels(png):
    """Pixels of a PNG of colours whose rows have no filter."""
    fast, slow = struct.unpack(">II", png[16:24])
    length = struct.unpack(">I", png[33:37])[0]
    rows = np.frombuffer(zlib.decompress(png[41 : 41 + length]), np.uint8).reshape(slow, -1)
    return rows[:, 1:].reshape(slow, fast, 3)


def test_what_a_set_takes_is_told_as_it_is(tmp_path):
    r = recipe('[vary]\n"beam.flux" = {loguniform = [1e10, 1e11]}\n', count=12, base__detector__pixels=[32, 32],
               output__images_per_shard=6, base__detector__beam_center=[9.6, 9.6])  # fmt: skip
    told = estimate(r)
    make_dataset(r, tmp_path)
    there = sum(path.stat().st_size for path in tmp_path.glob("shard-*.h5"))
    assert told["bytes"] == pytest.approx(there, rel=0.1)  # half of the images are looked at
    assert told["seconds"] > 12 * told["seconds_per_image"] + 0.3  # Python and NumPy alone take as long to start
