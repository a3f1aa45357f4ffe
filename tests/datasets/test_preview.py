"""A look at a data set before it is made."""

from recipes import recipe

from nbnumba.datasets.labels import caption
from nbnumba.datasets.preview import estimate, write_preview


def test_progress_is_told_after_each_image(tmp_path):
    r, told = recipe(count=3), []
    write_preview(r, tmp_path / "a.png", 2, progress=lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]
    told.clear()
    found = estimate(r, workers=2, progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert found["seconds"] == 1.5 * found["seconds_per_image"]
    assert {"draw", "render", "compress"} <= set(found["stages"])


def test_a_caption_says_what_is_seen():
    row = {"hit": 1, "lattices": 2, "spots": 7, "resolution": 2.345, "split": b"train"}
    assert caption(row) == ("2 lattices train", "7 spots, to 2.35 A")
    nothing = {"hit": 0, "lattices": 0, "spots": 0, "resolution": float("nan"), "split": ""}
    assert caption(nothing) == ("miss", "0 spots, none stands out")
