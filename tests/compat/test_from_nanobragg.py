"""How nanoBragg's flags are read, beyond what its golden images show."""

import math
import struct
from pathlib import Path

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.compat import read_flags
from nbnumba.compat.flags import FLAGS, flag_table, parse
from nbnumba.compat.steps import complete, complete_phi

CELL = "-cell 70 80 90 90 90 90 -default_F 10 -oversample 1 "


def test_last_of_repeated_flags_wins():
    assert nb.from_nanobragg(CELL + "-N 3 -N 7").crystal.cells == (7.0, 7.0, 7.0)
    assert nb.from_nanobragg(CELL + "-N 7 -Nb 3").crystal.cells == (7.0, 3.0, 7.0)
    assert nb.from_nanobragg(CELL + "-lambda 2 -energy 12398.42").beam.wavelength == pytest.approx(1.0)


def test_cell_completes_itself():
    assert nb.from_nanobragg("-cell 70 -default_F 1").crystal.cell == (70.0, 70.0, 70.0, 90.0, 90.0, 90.0)


def test_triclinic_cell_is_off_as_in_the_reference():
    translation = read_flags("-cell 70 80 90 75 85 95 -default_F 1")
    experiment, notes = translation.experiment, translation.notes
    assert [round(x, 2) for x in experiment.crystal.unit_cell[3:]] == [75.04, 85.01, 95.01]
    assert experiment.crystal.unit_cell[:3] == pytest.approx((70, 80, 90), rel=1e-12)
    assert any("c*_z" in note for note in notes)


def test_monoclinic_cell_is_exact():
    assert nb.from_nanobragg("-cell 70 80 90 90 100 90 -default_F 1").crystal.cell == (70, 80, 90, 90, 100, 90)


@pytest.mark.parametrize(
    ("flags", "note"),
    [
        ("-N 0", "-N 0 stands for 1"),
        ("-Nb -3", "-Nb -3 stands for 1"),
        ("-detpixels 0", "-detpixels 0 stands for as many as -detsize holds"),
        ("-mosaic 1 -mosaic_domains 0", "-mosaic_domains 0 stands for 10"),
        ("-adc 99999999", "-adc 1e+08: all pixels of SMV images are 65535"),
        ("-hdivsteps 0", "-hdivsteps 0 stands for no number"),
    ],
)
def test_numbers_that_mean_nothing_are_told(flags, note):
    assert any(text.startswith(note) for text in read_flags(CELL + flags).notes)
    assert not read_flags(CELL + "-N 1 -detpixels 8 -adc 65534 -mosaic 1 -mosaic_domains 1").notes


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ("-cel 1", "-cell"),
        ("-N", "-N"),
        ("-N five", "five"),
        ("-N 2.5", "2.5"),
        ("-lambda nan", "nan"),
        ("5 -N 3", "'5'"),
        ("-misset 1 2", "-misset"),
        ("-misset 1 2 -N 5", "-misset"),
        ("-roi 5 3 0 1 " + CELL, "-roi"),
        ("-default_F 1", "-cell"),
        ("-cell 70", "-hkl"),
        ("-energy 0 " + CELL, "-energy"),
        ("-detector_abs thick " + CELL, "-detector_abs"),
        ("-hkl none.hkl -cell 70", "none.hkl"),
        ("-mask none.img " + CELL, "none.img"),
        ("-mat 'open", "quotes"),
    ],
)
def test_bad_flags_are_refused_by_name(flags, part, tmp_path):
    with pytest.raises(nb.NbnumbaError, match=part):
        nb.from_nanobragg(flags, folder=tmp_path)


def test_negative_numbers_are_values():
    assert nb.from_nanobragg(CELL + "-misset -10 -20 -30 -phi -5").crystal.misset == (-10.0, -20.0, -30.0)


def test_every_flag_is_read():
    sample = {"n": "1", "w": "1", "t": "name"}
    words = [word for flag in FLAGS for word in (f"-{flag.names[0]}", *(sample[kind] for kind in flag.values))]
    assert [given.name for given in parse(words)] == [flag.names[0] for flag in FLAGS]
    assert len({name for flag in FLAGS for name in flag.names}) == sum(len(flag.names) for flag in FLAGS)


def test_documentation_lists_every_flag():
    assert flag_table() in (Path(__file__).parents[2] / "docs" / "nanobragg.md").read_text()


def test_random_orientation_follows_its_seed():
    one, two, other = (nb.from_nanobragg(CELL + f"-misset random -misset_seed {seed}") for seed in (7, 7, 8))
    assert one.crystal.misset == two.crystal.misset != other.crystal.misset


def test_roi_includes_both_ends():
    assert nb.from_nanobragg(CELL + "-detpixels 100 -roi 20 61 33 90").detector.roi == ((33, 91), (20, 62))


def test_sensor_has_layers_of_its_own():
    detector = nb.from_nanobragg(CELL + "-detector_abs 200 -detector_thick 450 -detector_thicksteps 4")
    assert detector.sampling.layers == 4
    assert detector.detector.sensor_thickness == pytest.approx(0.45)
    assert detector.detector.sensor_mu == pytest.approx(5.0)


@pytest.mark.parametrize("infinite", ["inf", "0", "infinity"])
def test_infinite_absorption_is_no_sensor(infinite):
    experiment = nb.from_nanobragg(CELL + f"-detector_thick 450 -detector_abs {infinite}")
    assert experiment.detector.sensor_thickness == 0.0


def test_dump_stands_for_reflections(tmp_path):
    table = np.zeros((3, 4, 2))
    table[:2, :3, :1] = np.arange(1.0, 7.0).reshape(2, 3, 1)
    (tmp_path / "F.bin").write_bytes(b"-1 0 2 4 5 5\n\f" + table.astype("<f8").tobytes())
    reflections = nb.from_nanobragg("-cell 70 -dump F.bin", folder=tmp_path).crystal.reflections
    listed = {tuple(hkl): f for hkl, f in zip(reflections.hkl.tolist(), reflections.amplitude.tolist(), strict=True)}
    assert listed[(-1, 2, 5)] == 1.0
    assert listed[(0, 4, 5)] == 6.0
    assert len(listed) == 6


@pytest.mark.parametrize("content", [b"", b"1 2 3\n\f", b"0 1 0 1 0 1\n\f" + struct.pack("<3d", 1, 2, 3)])
def test_broken_dump_is_refused(content, tmp_path):
    (tmp_path / "F.bin").write_bytes(content)
    with pytest.raises(nb.NbnumbaError, match=r"F\.bin"):
        nb.from_nanobragg("-cell 70 -dump F.bin", folder=tmp_path)


def test_convention_is_the_last_one_named():
    assert nb.from_nanobragg(CELL + "-xds -adxv").detector.convention == "adxv"
    assert nb.from_nanobragg(CELL + "-beam_vector 1 0 0 -xds").detector.convention == "xds"
    assert nb.from_nanobragg(CELL + "-xds -beam_vector 1 0 0").detector.convention == "custom"


def test_custom_axes_pivot_as_told():
    assert nb.from_nanobragg(CELL + "-fdet_vector 0 0 1 -pivot sample").detector.pivot == "sample"
    assert nb.from_nanobragg(CELL + "-fdet_vector 0 0 1 -pivot sample -Xbeam 5").detector.pivot == "beam"
    assert nb.from_nanobragg(CELL + "-mosflm -pivot sample").detector.turns_about == "beam"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, None), (0, 0, 1)),
        ((None, 2.0, None), (2, 2, 2)),
        ((4.0, None, None), (4, 4, 2)),
        ((4.0, 1.5, None), (4, 1.5, 3)),
        ((4.0, None, 1), (4, 4, 2)),
        ((4.0, None, 5), (4, 1, 5)),
        ((4.0, 2.0, 7), (4, 2, 7)),
        ((None, 2.0, 9), (2, 2, 2)),
        ((None, None, 4), (1, 0.25, 4)),
        ((0.0, None, 4), (0, 0, 1)),
    ],
)
def test_steps_complete_each_other(given, expected):
    assert tuple(complete(*given)) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, None), (0, 0, 1)),
        ((3.0, None, None), (3, 1.5, 2)),
        ((None, 0.5, None), (0.5, 0.5, 2)),
        ((3.0, 0.7, None), (3, 0.7, 5)),
        ((3.0, None, 6), (3, 0.5, 6)),
        ((None, 0.5, 6), (0.5, 0.5, 2)),
        ((None, None, 4), (math.radians(1), math.radians(1) / 4, 4)),
    ],
)
def test_phi_steps_complete_each_other(given, expected):
    assert tuple(complete_phi(*given)) == expected
