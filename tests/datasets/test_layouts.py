"""What files say of beam and detector, beside labels: the same as the labels, or nothing."""

import h5py
import numpy as np
import pytest
from recipes import recipe

import nbnumba as nb
from nbnumba.datasets.draw import draw
from nbnumba.datasets.shard import shards, write_shard


def written(folder, text="", **changes):
    """The recipe, and its one file."""
    made = recipe(text, **{"count": 4, "output__images_per_shard": 4, **changes})
    write_shard(made, shards(made)[0], folder)
    return made, h5py.File(folder / "shard-00000.h5")


def test_a_beam_drawn_as_a_whole_is_told_for_each_image(tmp_path):
    _, file = written(tmp_path, "[vary]\nbeam = {grid = [{wavelength = 1.0, flux = 1e11}, {wavelength = 1.3}]}\n")
    with file:
        assert file["entry/labels/wavelength"][()].tolist() == [1.0, 1.3, 1.0, 1.3]
        # the direction is part of what is drawn: one description does not fit all
        assert "instrument" not in file["entry"]


def test_a_response_drawn_as_a_whole_has_masks_of_its_own(tmp_path):
    r, file = written(tmp_path, "[vary]\nresponse = {grid = [{hot_pixels = 0.0}, {hot_pixels = 0.1}]}\n")
    with file:
        for i in range(4):
            bits = nb.pixel_mask(draw(r, i).experiment)
            np.testing.assert_array_equal(file["entry/pixel_mask/data"][i], bits)
            assert bits.any() == (i % 2 == 1)


def columns(table):
    """Columns of a dataset of resonet, by name."""
    return dict(zip(table.attrs["names"], table[()].T, strict=True))


def test_resonet_is_told_of_the_image_that_is_kept(tmp_path):
    _, file = written(tmp_path, output__layout="resonet", output__bin=2, output__crop=[[0, 48], [8, 64]])
    with file:
        geom, labels = columns(file["geom"]), columns(file["labels"])
        assert file["images"].shape == (4, geom["ydim"][0], geom["xdim"][0]) == (4, 24, 28)
        assert geom["pixsize"].tolist() == [np.float32(1.2)] * 4
        assert labels["beam_center_fast"][0] == 12.25  # (19.2 mm / 0.6 mm + 1/2 by convention - 8) / 2


def test_resonet_is_told_of_each_image(tmp_path):
    text = '[vary]\n"detector.pixel_size" = {grid = [0.5, 0.6]}\n'
    text += "[lattices]\ncount = 2\nvary.cells = {choice = [[5, 6, 7], [9, 8, 7]]}\n"
    _, file = written(tmp_path, text, output__layout="resonet")
    with file:
        assert columns(file["geom"])["pixsize"].tolist() == [0.5, np.float32(0.6)] * 2
        labels = columns(file["labels"])
        first = file["entry/lattices/cells"][file["entry/lattices/offsets"][:-1]]
        np.testing.assert_array_equal(np.stack([labels[name] for name in ("Na", "Nb", "Nc")], axis=1), first)
        assert set(labels["Na"]) == {5.0, 9.0}


@pytest.mark.parametrize(("changes", "there"), [({}, True), ({"output__bin": 2}, False)])
def test_a_part_of_a_curved_detector_is_not_told_as_flat(tmp_path, changes, there):
    _, file = written(tmp_path, base__detector__curvature="spherical", output__spots=False, count=1, **changes)
    with file:
        assert ("instrument" in file["entry"]) is there
