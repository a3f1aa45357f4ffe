"""Anomalous scattering against direct sums over atoms; scale and B factor."""

import pickle

import gemmi
import numpy as np
import pytest

import nbnumba as nb
from nbnumba.constants import PHOTON_ENERGY
from nbnumba.inputs.reflections import read_reflections

CELL = (20.0, 24.0, 30.0, 90.0, 90.0, 90.0)
ATOMS = (
    ("C", 3.1, 4.2, 5.3, 1.0, 12.0),
    ("O", 4.4, 4.9, 5.1, 1.0, 15.0),
    ("SE", 6.3, 6.8, 6.1, 0.8, 10.0),
    ("ZN", 1.0, 10.0, 14.0, 1.0, 5.0),
    ("SE", 12.0, 13.0, 7.0, 1.0, 30.0),
)
EDGE = 0.9795


def pdb(path, atoms=ATOMS, group="P 21 21 21"):
    lines = [f"CRYST1   20.000   24.000   30.000  90.00  90.00  90.00 {group:11s}{1:4d}\n"]
    lines += [
        f"HETATM{i:5d} {element:<4s} LIG A{i:4d}    {x:8.3f}{y:8.3f}{z:8.3f}{q:6.2f}{b:6.2f}          {element:>2s}\n"
        for i, (element, x, y, z, q, b) in enumerate(atoms, 1)
    ]
    path.write_text("".join(lines) + "END\n")
    return path


def table(wavelength, name):
    return gemmi.cromer_liberman(gemmi.Element(name).atomic_number, 1e3 * PHOTON_ENERGY / wavelength)


def direct_sums(hkl, anomalous, atoms=ATOMS, group="P 21 21 21"):
    """|F| of (f0 + f' + i f'') occ exp(-B/(4 d^2)) exp(2 pi i h.x) over atoms and their mates."""
    cell = gemmi.UnitCell(*CELL)
    s2 = np.array(cell.calculate_1_d2_array(hkl))
    total = np.zeros(len(hkl), complex)
    for name, x, y, z, occupancy, b in atoms:
        real, imaginary = anomalous(name)
        f = np.array([gemmi.Element(name).it92.calculate_sf(s / 4) for s in s2]) + real + 1j * imaginary
        place = cell.fractionalize(gemmi.Position(x, y, z)).tolist()
        for op in gemmi.SpaceGroup(group).operations():
            total += f * occupancy * np.exp(-b * s2 / 4 + 2j * np.pi * (hkl @ op.apply_to_xyz(place)))
    return np.abs(total)


def some(read, count=300):
    chosen = np.random.default_rng(1).choice(len(read), min(len(read), count), replace=False)
    return read.hkl[chosen], read.amplitude[chosen]


def as_dict(read):
    return dict(zip(map(tuple, read.hkl.tolist()), read.amplitude.tolist(), strict=True))


def assert_close(found, expected):
    """As close as amplitudes by Fourier transform are: see the tests of coordinates."""
    strong = expected > np.median(expected)
    assert found[strong] == pytest.approx(expected[strong], rel=1e-3)
    assert np.abs(found - expected).sum() < 3e-4 * expected.sum()


@pytest.mark.parametrize("group", ["P 1", "P 21 21 21"])
@pytest.mark.parametrize("wavelength", [0.9, EDGE, 1.8])
def test_amplitudes_are_the_direct_sum(tmp_path, group, wavelength):
    path = pdb(tmp_path / "a.pdb", group=group)
    read = read_reflections(path, resolution=1.5, anomalous=True, wavelength=wavelength)
    hkl, found = some(read)
    assert_close(found, direct_sums(hkl, lambda name: table(wavelength, name), group=group))


def test_bijvoet_differences_are_those_of_the_direct_sum(tmp_path):
    read = read_reflections(pdb(tmp_path / "a.pdb"), resolution=1.5, anomalous=True, wavelength=EDGE)
    hkl, _ = some(read)
    by_index = as_dict(read)
    found = np.array([by_index[tuple(h)] - by_index[tuple(-h)] for h in hkl])
    expected = direct_sums(hkl, lambda name: table(EDGE, name)) - direct_sums(-hkl, lambda name: table(EDGE, name))
    assert np.abs(expected).max() > 1.0
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-3 * np.abs(expected).max())


def test_bijvoet_difference_of_two_atoms_by_hand(tmp_path):
    """|F+|^2 - |F-|^2 = -4 a f'' sin(2 pi h.x), with the atom of form factor a at the origin and f'' at x."""
    atoms = (("C", 0.0, 0.0, 0.0, 1.0, 10.0), ("SE", 3.0, 5.0, 4.0, 1.0, 10.0))
    given = {"Se": (-8.4, 1.8), "C": (0.0, 0.0)}
    options = {"resolution": 1.5, "wavelength": EDGE}
    read = read_reflections(pdb(tmp_path / "a.pdb", atoms, "P 1"), anomalous=given, **options)
    by_index = as_dict(read)
    hkl, _ = some(read, 50)
    s2 = np.array(gemmi.UnitCell(*CELL).calculate_1_d2_array(hkl))
    carbon = np.array([gemmi.Element("C").it92.calculate_sf(s / 4) for s in s2])
    phase = 2 * np.pi * hkl @ (np.array([3.0, 5.0, 4.0]) / CELL[:3])
    expected = -4 * carbon * 1.8 * np.sin(phase) * np.exp(-10.0 * s2 / 2)
    found = [by_index[tuple(h)] ** 2 - by_index[tuple(-h)] ** 2 for h in hkl]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=2e-3 * np.abs(expected).max())


def test_given_values_take_the_place_of_tables(tmp_path):
    path = pdb(tmp_path / "a.pdb")
    read = read_reflections(path, resolution=2.0, anomalous={"Se": (-8.4, 1.8)}, wavelength=EDGE)
    hkl, found = some(read)
    assert_close(found, direct_sums(hkl, lambda name: (-8.4, 1.8) if name == "SE" else table(EDGE, name)))
    assert read.origin["anomalous"] == {"Se": [-8.4, 1.8]}


def test_without_imaginary_parts_friedel_mates_agree(tmp_path):
    nothing = dict.fromkeys(("C", "O", "Zn", "Se"), (0.0, 0.0))
    path = pdb(tmp_path / "a.pdb")
    plain = read_reflections(path, resolution=2.0)
    assert read_reflections(path, resolution=2.0, anomalous=nothing, wavelength=1.0) == plain
    by_index = as_dict(plain)
    assert all(by_index[tuple(-i for i in h)] == f for h, f in by_index.items())


def test_symmetry_mates_share_one_amplitude_and_friedel_mates_another(tmp_path):
    by_index = as_dict(read_reflections(pdb(tmp_path / "a.pdb"), resolution=2.0, anomalous=True, wavelength=EDGE))
    plus = {by_index[h] for h in ((3, 2, 4), (3, -2, -4), (-3, 2, -4), (-3, -2, 4))}
    minus = {by_index[h] for h in ((-3, -2, -4), (-3, 2, 4), (3, -2, 4), (3, 2, -4))}
    assert len(plus) == len(minus) == 1
    assert abs(plus.pop() - minus.pop()) > 0.1
    # centric zones know no difference
    assert by_index[3, 2, 0] == pytest.approx(by_index[-3, -2, 0], rel=1e-9)
    assert by_index[3, 0, 0] == 0.0


def test_solvent_scatters_without_anomaly(tmp_path):
    path, options = pdb(tmp_path / "a.pdb"), {"resolution": 4.0, "bulk_solvent": True}
    nothing = dict.fromkeys(("C", "O", "Zn", "Se"), (0.0, 0.0))
    assert read_reflections(path, anomalous=nothing, wavelength=1.0, **options) == read_reflections(path, **options)


def test_several_wavelengths_make_a_list_each(tmp_path):
    path, waves = pdb(tmp_path / "a.pdb"), [0.98, 0.97, 0.9795]
    read = read_reflections(path, resolution=2.0, anomalous=True, wavelength=waves)
    assert isinstance(read, nb.SpectralReflections)
    assert read.wavelengths == (0.97, 0.9795, 0.98)
    for wavelength, one in zip(read.wavelengths, read.tables, strict=True):
        assert one == read_reflections(path, resolution=2.0, anomalous=True, wavelength=wavelength)
    given = {"Se": [(-5.0, 0.5), (-4.0, 4.0), (-9.0, 2.0)]}
    own = read_reflections(path, resolution=2.0, anomalous=given, wavelength=waves)
    assert own.tables[0] == read_reflections(path, resolution=2.0, anomalous={"Se": (-4.0, 4.0)}, wavelength=0.97)
    for found in (read, own):
        options = dict(found.origin)
        assert read_reflections(options.pop("file"), **options) == found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"anomalous": True}, "anomalous: found without a wavelength"),
        ({"wavelength": 1.0}, "wavelength: found without anomalous"),
        ({"anomalous": True, "wavelength": 0.0}, "wavelength: found 0.0"),
        ({"anomalous": True, "wavelength": []}, "wavelength: found"),
        ({"anomalous": True, "wavelength": [1.0, "x"]}, r"wavelength\[1\]"),
        ({"anomalous": True, "wavelength": [1.0, 1.0]}, "each once"),
        ({"anomalous": {}, "wavelength": 1.0}, "anomalous: found {}"),
        ({"anomalous": 1, "wavelength": 1.0}, "anomalous: found 1"),
        ({"anomalous": {"Qq": (1, 2)}, "wavelength": 1.0}, "'Qq'; allowed: symbols"),
        ({"anomalous": {"Se": 1.0}, "wavelength": 1.0}, "anomalous.Se"),
        ({"anomalous": {"Se": (1.0, 2.0)}, "wavelength": [1.0, 1.1, 1.2]}, "3 pairs f', f''"),
        ({"scale": 0.0}, "scale: found 0.0"),
        ({"b_factor": "x"}, "b_factor: found 'x'"),
        ({"scale": True}, "scale: found True"),
    ],
)
def test_other_options_are_refused(tmp_path, options, message):
    with pytest.raises(nb.NbnumbaError, match=message):
        read_reflections(pdb(tmp_path / "a.pdb"), resolution=2.0, **options)


def test_elements_beyond_the_tables_are_refused_unless_given(tmp_path):
    path, options = pdb(tmp_path / "a.pdb", (*ATOMS, ("PU", 9.0, 1.0, 1.0, 1.0, 9.0))), {"resolution": 3.0}
    with pytest.raises(nb.NbnumbaError, match=r"no table for Pu; give"):
        read_reflections(path, anomalous=True, wavelength=EDGE, **options)
    read_reflections(path, anomalous={"Pu": (-5.0, 9.0)}, wavelength=EDGE, **options)


def test_lists_have_no_atoms_to_be_anomalous(tmp_path):
    (tmp_path / "a.hkl").write_text("1 2 3 4\n")
    with pytest.raises(nb.NbnumbaError, match=r"anomalous is True, but .*a\.hkl is read as hkl"):
        read_reflections(tmp_path / "a.hkl", anomalous=True, wavelength=1.0)


def test_toml_names_the_options(tmp_path):
    path = pdb(tmp_path / "a.pdb")
    for options in (
        {"anomalous": {"Se": (-8.4, 1.8)}, "wavelength": EDGE, "b_factor": 20.0, "scale": 0.5},
        {"anomalous": True, "wavelength": [EDGE, 0.9]},
    ):
        experiment = nb.Experiment(
            crystal=nb.Crystal(reflections=read_reflections(path, resolution=3.0, **options)),
            beam=nb.Beam(wavelength=EDGE),
            detector=nb.Detector(pixels=(4, 5), pixel_size=1.0),
        )
        for inline in (False, True):
            text = experiment.to_toml(inline=inline)
            assert nb.Experiment.from_toml(text) == experiment
            assert nb.Experiment.from_toml(text).to_toml(inline=inline) == text


def test_toml_names_the_files_of_lists_that_were_read_one_by_one(tmp_path):
    path = pdb(tmp_path / "a.pdb")
    tables = [read_reflections(path, resolution=3.0, anomalous=True, wavelength=w) for w in (0.97, 0.98)]
    experiment = nb.Experiment(
        crystal=nb.Crystal(reflections=nb.SpectralReflections((0.97, 0.98), tables)),
        beam=nb.Beam(wavelength=EDGE),
        detector=nb.Detector(pixels=(4, 5), pixel_size=1.0),
    )
    assert str(path) in experiment.to_toml()
    assert nb.Experiment.from_toml(experiment.to_toml()) == experiment
    assert nb.Experiment.from_toml(experiment.to_toml(inline=True)) == experiment


# --- scale and B factor ----------------------------------------------------------------------------------------------


def test_b_factor_and_scale_by_hand():
    listed = nb.Reflections([(1, 0, 0), (0, 2, 0), (0, 0, 0)], [10.0, 20.0, 5.0], (10.0, 8.0, 9.0, 90, 90, 90))
    found = listed.scaled(scale=3.0, b_factor=40.0)
    expected = [30.0 * np.exp(-40.0 / (4.0 * 100.0)), 60.0 * np.exp(-40.0 / (4.0 * 16.0)), 15.0]
    np.testing.assert_allclose(found.amplitude, expected, rtol=1e-14)
    assert found.cell == listed.cell
    assert listed.scaled() == listed
    back = found.scaled(scale=1.0 / 3.0, b_factor=-40.0)
    np.testing.assert_allclose(back.amplitude, listed.amplitude, rtol=1e-13)
    anew = nb.Reflections(listed.hkl, found.amplitude, listed.cell)
    assert (found, found.box, found.origin, repr(found)) == (anew, anew.box, {}, repr(anew))
    assert pickle.loads(pickle.dumps(found)) == found
    assert found.hkl is listed.hkl  # so that who keeps something of the indices finds it again
    assert not found.amplitude.flags.writeable
    with pytest.raises(nb.NbnumbaError, match=r"amplitude\[1\] is 1e\+45"):
        nb.Reflections([(1, 0, 0), (2, 0, 0)], [1e10, 1e35], (10, 10, 10, 90, 90, 90)).scaled(1e10)


def test_spacing_of_a_triclinic_cell():
    cell = (30.0, 41.0, 52.0, 80.0, 95.0, 103.0)
    hkl = np.random.default_rng(2).integers(-9, 10, (50, 3))
    listed = nb.Reflections(hkl, np.ones(50), cell)
    s2 = np.array(gemmi.UnitCell(*cell).calculate_1_d2_array(listed.hkl))
    np.testing.assert_allclose(listed.scaled(b_factor=25.0).amplitude, np.exp(-25.0 * s2 / 4.0), rtol=1e-12)


def test_b_factor_adds_to_those_of_the_atoms(tmp_path):
    hotter = tuple((*atom[:5], atom[5] + 15.0) for atom in ATOMS)
    read = read_reflections(pdb(tmp_path / "a.pdb"), resolution=2.0, b_factor=15.0)
    hot = read_reflections(pdb(tmp_path / "b.pdb", hotter), resolution=2.0)
    assert_close(read.amplitude, hot.amplitude)
    assert read.origin["b_factor"] == 15.0
    options = dict(read.origin)
    assert read_reflections(options.pop("file"), **options) == read


def test_a_list_without_a_cell_takes_a_scale_but_no_b_factor(tmp_path):
    (tmp_path / "a.hkl").write_text("1 2 3 4\n")
    assert read_reflections(tmp_path / "a.hkl", scale=2.5).amplitude.tolist() == [10.0]
    with pytest.raises(nb.NbnumbaError, match=r"b_factor: found 20 A.*without a cell"):
        read_reflections(tmp_path / "a.hkl", b_factor=20.0)
