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


@pytest.mark.parametrize(("waves", "there"), [([1.0, 1.2], True), ([1.0, 1.1, 1.2], False)])
def test_spectra_are_told_where_they_have_as_many_wavelengths(tmp_path, waves, there):
    values = ", ".join(f"{{wavelengths = {one}, weights = {[1] * len(one)}}}" for one in ([1.0, 1.1], waves))
    _, file = written(tmp_path, f'[vary]\n"beam.spectrum" = {{grid = [{values}]}}\n')
    with file:
        np.testing.assert_allclose(file["entry/labels/wavelength"][:2], [1.05, 1.1])
        assert ("instrument" in file["entry"]) is there
        if there:
            assert file["entry/instrument/beam/incident_wavelength_1Dspectrum"][:2].tolist() == [[1.0, 1.1], waves]


@pytest.mark.parametrize(
    "vary", ['"beam.dispersion_steps" = {grid = [2, 3]}', '"beam.polarized" = {grid = [true, false]}']
)
def test_beams_of_several_kinds_are_told_by_labels_alone(tmp_path, vary):
    _, file = written(tmp_path, f"[vary]\n{vary}\n", base__beam__dispersion=0.1, base__beam__dispersion_steps=2)
    with file:
        assert "instrument" not in file["entry"]


def test_what_varies_is_not_told_as_one(tmp_path):
    text = '[vary]\n"beam.size" = {grid = [0.01, 0.02]}\n"response.saturation" = {grid = [100, 200]}\n'
    _, file = written(tmp_path, text)
    with file:
        assert "incident_beam_size" not in file["entry/instrument/beam"]
        assert "saturation_value" not in file["entry/instrument/detector"]
        assert file["entry/instrument/detector/count_time"][()] == 1.0
    assert nb.read_geometry(tmp_path / "shard-00000.h5").beam.wavelength == 1.0


@pytest.mark.parametrize("scan", ["scan", "scan.width"])
def test_a_crystal_that_turns_in_some_images_is_not_told_as_still(tmp_path, scan):
    values = "[{width = 1.0}, {width = 0.0}]" if scan == "scan" else "[1.0, 0.0]"
    _, file = written(tmp_path, f'[vary]\n"{scan}" = {{grid = {values}}}\n')
    with file:
        assert "sample" not in file["entry"]


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
