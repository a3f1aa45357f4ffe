"""What files say of beam and detector, beside labels: the same as the labels, or nothing."""

import h5py
import numpy as np
import pytest
from making import make_set
from recipes import recipe

import nbnumba as nb
from nbnumba.datasets.cache import Cache
from nbnumba.datasets.columns import Columns
from nbnumba.datasets.draw import draw
from nbnumba.datasets.labels import label_of
from nbnumba.datasets.sample import make
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


@pytest.mark.parametrize("layout", ["nxmx", "resonet"])
def test_a_mask_that_all_images_share_is_told_wherever_they_lie(tmp_path, layout):
    moved = '[vary]\n"detector.distance" = {uniform = [50, 60]}\n'
    r, file = written(tmp_path, moved, base__response__hot_pixels=0.05, output__layout=layout, count=2)
    with file:
        assert "pixel_mask" not in file["entry"]
        np.testing.assert_array_equal(file["entry/shared/pixel_mask"], nb.pixel_mask(r.base))
        assert (file["entry/shared/pixel_mask"][()] == 8).sum() > 100


def test_a_shared_mask_is_in_the_master_and_in_nxmx(tmp_path):
    r = recipe(count=2, base__response__hot_pixels=0.05)
    make_set(r, tmp_path)
    for name in ("shard-00000.h5", "master.h5"):
        with h5py.File(tmp_path / name) as file:
            for path in ("shared", "instrument/detector"):
                np.testing.assert_array_equal(file[f"entry/{path}/pixel_mask"], nb.pixel_mask(r.base))


def test_all_that_a_set_tells_has_units_and_a_meaning(tmp_path):
    text = "[draw]\nu = {uniform = [0, 1]}\nc = {choice = ['a', 'b']}\n[lattices]\ncount = 2\n"
    text += "vary = {cells = {choice = [[5, 5, 5], [6, 6, 6]]}}\n[shadow]\nradius = {uniform = [1, 2]}\n[vary]\n"
    text += '"crystal.cell" = {uniform = [0.9, 1.1], scaled = true}\n'
    text += '"detector.rotation" = {uniform = [0, 9], each = true}\n'
    make_set(recipe(text, count=2, output__splits={"train": 1.0}), tmp_path)
    for name in ("shard-00000.h5", "master.h5"):
        with h5py.File(tmp_path / name) as file:
            found = {f"{group}/{key}": dict(item.attrs) for group, items in file["entry"].items()
                     for key, item in items.items()}  # fmt: skip
        assert len(found) > 50
        assert not [path for path, attributes in found.items() if not attributes.get("meaning")]
        assert not [path for path, attributes in found.items() if not isinstance(attributes.get("units"), str)]
        units = {path: attributes["units"] for path, attributes in found.items()}
        assert units["labels/crystal.cell"] == units["lattices/cell"] == "angstrom, degrees"
        assert (units["labels/u"], units["labels/hit"], units["nbnumba/recipe"]) == ("", "", "")


@pytest.mark.parametrize(("name", "units"), [("crystal.cell.2", "angstrom"), ("crystal.cell.3", "degrees")])
def test_units_of_parts_of_a_cell(name, units):
    assert label_of(name).units == units


def test_expected_photons_are_not_told_as_counts(tmp_path):
    _, file = written(tmp_path, output__counts=False, output__expected=False, output__dtype="float32", count=1)
    with file:
        assert file["entry/data/data"].attrs["units"] == "photons"


def test_where_panels_lie_is_told_of_each_image(tmp_path):
    """The beam meets the plane that the columns tell where the labels say, at the distance that they say."""
    text = '[vary]\n"detector.rotation" = {uniform = [-20, 20], each = true}\n'
    text += '"detector.distance" = {uniform = [50, 60]}\n'
    _, file = written(tmp_path, text, output__bin=2, output__crop=[[2, 50], [8, 64]])
    with file:
        labels = {name: item[()] for name, item in file["entry/labels"].items()}
    slow, fast = labels["panel_slow"], labels["panel_fast"]
    moved = labels["beam_slow"][:, np.newaxis] * slow + labels["beam_fast"][:, np.newaxis] * fast
    met = labels["panel_origin"] + labels["pixel_size"][:, np.newaxis] * moved
    along = [1.0, 0.0, 0.0]  # the beam of MOSFLM
    np.testing.assert_allclose(met, labels["distance"][:, np.newaxis] * along, atol=1e-9)
    for one, other, product in ((slow, slow, 1.0), (fast, fast, 1.0), (slow, fast, 0.0)):
        np.testing.assert_allclose((one * other).sum(axis=1), product, atol=1e-12)
    assert labels["pixel_size"].tolist() == [1.2] * 4
    assert np.ptp(fast[:, 0]) > 0.01
    assert "panel_origin" not in Columns.of_rows(recipe()).kinds


def test_where_each_of_several_panels_lies(tmp_path):
    panels = [{"pixels": [8, 8], "origin": [60, y, -2], "fast": [0, 1, 0], "slow": [0, 0, 1]} for y in (-6, 1)]
    far = [{**panel, "origin": [70, *panel["origin"][1:]]} for panel in panels]
    base = {"base__detector__panels": panels, "base__detector__distance": None, "base__detector__beam_center": None}
    _, file = written(tmp_path, vary={"detector.panels": {"grid": [panels, far]}}, **base, count=2)
    with file:
        origins = file["entry/labels/panel_origin"][()]
    np.testing.assert_allclose(origins, [[p["origin"] for p in one] for one in (panels, far)])


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


def test_resonet_gets_images_that_it_reads(tmp_path):
    counted, wide = recipe(), recipe(output__layout="resonet")
    assert (counted.output.dtype, wide.output.dtype) == ("int32", "float32")
    assert recipe(output__layout="resonet", output__dtype="uint16").output.dtype == "uint16"
    with pytest.raises(nb.NbnumbaError, match=r"output\.dtype: found 'int32'; allowed: float32 . uint16 with layout"):
        recipe(output__layout="resonet", output__dtype="int32")
    _, file = written(tmp_path, output__layout="resonet", count=1)
    with file:
        assert file["images"].dtype == np.float32
        np.testing.assert_array_equal(file["images"][0], make(draw(counted, 0), Cache(counted)).image)


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
