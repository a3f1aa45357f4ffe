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
