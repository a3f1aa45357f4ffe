import gzip
import subprocess
import sys

import gemmi
import numpy as np
import pytest

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.inputs.reflections import coordinates, read_reflections
from nbnumba.inputs.reflections.symmetry import expand_to_p1

HKL_TEXT = "# a comment\n\n1 2 3 10.5\n  -4 0 5 2.0 extra words\n0 0 -1 3e1\n"
CELL = (20.0, 24.0, 30.0, 90.0, 90.0, 90.0)


def write(path, content):
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def as_dict(reflections):
    return dict(zip(map(tuple, reflections.hkl.tolist()), reflections.amplitude.tolist(), strict=True))


def again(reflections):
    options = dict(reflections.origin)
    return read_reflections(options.pop("file"), **options)


# ---- text


@pytest.mark.parametrize("name", ["a.hkl", "a.TXT", "a.dat", "a", "a.hkl.gz", "a.unknown"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_text_is_taken_as_listed(tmp_path, name, ends):
    path = write(tmp_path / name, HKL_TEXT.replace("\n", ends))
    read = read_reflections(path)
    assert read.hkl.tolist() == [[1, 2, 3], [-4, 0, 5], [0, 0, -1]]
    assert read.amplitude.tolist() == [10.5, 2.0, 30.0]
    assert read.cell is None
    assert read.origin == {"file": str(path)}


def test_text_accepts_integral_spelling_tabs_mark_and_no_last_newline(tmp_path):
    read = read_reflections(write(tmp_path / "a.hkl", b"\xef\xbb\xbf1.0\t2e0\t-3.\t4 # \xff\n   \n1 1 1 5"))
    assert as_dict(read) == {(1, 2, -3): 4.0, (1, 1, 1): 5.0}


def test_text_keeps_the_last_of_duplicates(tmp_path):
    assert as_dict(read_reflections(write(tmp_path / "a.hkl", "1 0 0 1\n1 0 0 2\n"))) == {(1, 0, 0): 2.0}


#: As SHELX writes it: columns may touch.
SHELX = """   1   2   3  120.50    1.20   1
 -10 -11 -12   -0.50    0.70   1
   2   0   0 9999.99 1000.10   1
   0   0   0    0.00    0.00   0
"""


def test_a_list_of_shelx_is_no_list_of_amplitudes(tmp_path):
    for text in (SHELX, SHELX.replace("   1\n", "\n"), SHELX.replace(" 9999.99", "-99999.9"), SHELX + "TITL x\n"):
        with pytest.raises(NbnumbaError, match=r"SHELX \(HKLF 4.* make it an MTZ or SF-CIF file"):
            read_reflections(write(tmp_path / "a.hkl", text))


def test_what_nearly_ends_a_list_of_shelx_is_seen_at_once(tmp_path):
    with pytest.raises(NbnumbaError, match="line 2"):  # years, were all ways to part the zeros tried
        read_reflections(write(tmp_path / "a.hkl", SHELX.splitlines()[0] + "\n0 0 0 " + 10**6 * "0" + "x\n"))


@pytest.mark.parametrize("last", ["", "   0   0   0   12.50    1.00", "   0   0   0       12.50    1.00", "0 0 0 0"])
def test_lists_of_amplitudes_may_have_its_columns(tmp_path, last):
    text = "   1   2   3  120.50    1.20   1\n   2   0   0   99.00    1.10\n" + last
    assert as_dict(read_reflections(write(tmp_path / "a.hkl", text)))[1, 2, 3] == 120.5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 2 three 4", "'three' is no number for l"),
        ("1 2 3", "3 columns where 4"),
        ("1,2,3,4", "1 columns where 4"),
        ("1, 2, 3, 4.0", "put blanks in the place of commas"),
        ("1 2 3 1.0D+01", "write exponents with E"),
        ("1 2.5 3 4", "2.5 is no index for k"),
        ("40000 2 3 4", "40000 is no index for h"),
        ("1 2 3 nan", "F is nan"),
        ("1 2 3 -inf", "F is -inf"),
        ("1 2 3 1_0", "'1_0' is no number for F"),
        ("1 nan 3 4", "k is nan"),
        ("1 2 3 é", "no number for F"),
    ],
)
def test_text_names_the_first_bad_line(tmp_path, line, message):
    path = write(tmp_path / "a.hkl", f"# head\n\n1 1 1 1\n{line}\nalso bad\n")
    with pytest.raises(NbnumbaError) as caught:
        read_reflections(path)
    text = str(caught.value)
    assert str(path) in text
    assert "line 4:" in text
    assert message in text
    assert "h k l F" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is empty"), ("# only\n\n  \n", "no reflections"), (b"MTZ \0\0\0", "binary file")],
)
def test_text_without_reflections(tmp_path, content, message):
    with pytest.raises(NbnumbaError, match=message):
        read_reflections(write(tmp_path / "a.hkl", content))


# ---- files


def test_missing_file_folder_and_odd_paths(tmp_path):
    with pytest.raises(NbnumbaError, match=r"nothing\.mtz: cannot be read \(No such file"):
        read_reflections(tmp_path / "nothing.mtz")
    with pytest.raises(NbnumbaError, match=r"cannot be read \(Is a directory"):
        read_reflections(tmp_path)
    with pytest.raises(NbnumbaError, match="path is 3"):
        read_reflections(3)
    with pytest.raises(NbnumbaError, match="cannot be read"):
        read_reflections("a\0b")


@pytest.mark.parametrize("name", ["a.hkl.gz", "a.mtz.gz", "a.pdb.gz", "a.cif.gz"])
def test_damaged_gzip(tmp_path, name):
    whole = gzip.compress(b"1 2 3 4\n" * 1000)
    for content in (whole[:-9], b"not gzip at all", whole[:12] + b"xxxx" + whole[16:]):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(NbnumbaError, match=r"a\..*\.gz is not an intact gzip"):
            read_reflections(path, resolution=2 if "pdb" in name else None)


@pytest.mark.parametrize("name", ["a.mtz", "a.pdb", "a.cif", "a.cif.gz"])
def test_empty_files(tmp_path, name):
    with pytest.raises(NbnumbaError, match="is empty"):
        read_reflections(write(tmp_path / name, ""), resolution=2)


@pytest.mark.parametrize("resolution", [0, -1, np.nan, np.inf, "2", True])
def test_bad_resolution(tmp_path, resolution):
    with pytest.raises(NbnumbaError, match="resolution: found"):
        read_reflections(make_mtz(tmp_path), resolution=resolution)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.hkl", {"resolution": 2}),
        ("a.hkl", {"column": "F"}),
        ("a.hkl", {"bulk_solvent": True}),
        ("a.mtz", {"bulk_solvent": True}),
        ("a.pdb", {"column": "F", "resolution": 2}),
        ("a.hkl", {"format": "xds"}),
        ("a.mtz", {"column": 3}),
    ],
)
def test_options_without_use_are_refused(tmp_path, name, options):
    with pytest.raises(NbnumbaError, match=f"^{next(iter(options))} is "):
        read_reflections(write(tmp_path / name, HKL_TEXT), **options)


def test_import_leaves_gemmi_out():
    code = "import sys, nbnumba.inputs.reflections; sys.exit('gemmi' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": ":".join(sys.path)}).returncode
        == 0
    )


# ---- MTZ

MTZ_COLUMNS = (("FREE", "I"), ("IMEAN", "J"), ("FP", "F"), ("PHI", "P"), ("FPLUS", "G"), ("IPLUS", "K"))


def make_mtz(tmp_path, name="a.mtz", columns=MTZ_COLUMNS, group="P 21 21 21", cell=CELL):
    """A small file of all reflections to 4 A; each column is a known function of the row, see `mtz_values`."""
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup(group)
    mtz.set_cell_for_all(gemmi.UnitCell(*cell))
    mtz.add_dataset("data")
    for label, kind in columns:
        mtz.add_column(label, kind)
    hkl = gemmi.make_miller_array(gemmi.UnitCell(*cell), gemmi.SpaceGroup(group), 4.0)
    rows = np.arange(len(hkl), dtype=np.float32)
    values = [mtz_values(rows, number) for number in range(len(columns))]
    mtz.set_data(np.column_stack([hkl, *values]).astype(np.float32))
    mtz.write_to_file(str(tmp_path / name))
    return tmp_path / name


def mtz_values(rows, number):
    values = rows + 100 * number - 50
    values[3] = np.nan
    return values


def gemmi_p1(path, label):
    """The same by gemmi's own expansion, with Friedel mates."""
    mtz = gemmi.read_mtz_file(str(path))
    mtz.expand_to_p1()
    hkl, values = mtz.make_miller_array(), mtz.column_with_label(label).array
    plain = {
        tuple(index): float(value) for index, value in zip(hkl.tolist(), values, strict=True) if np.isfinite(value)
    }
    return {tuple(-n for n in index): value for index, value in plain.items()} | plain


@pytest.mark.parametrize("group", ["P 1", "P 21 21 21", "C 1 2 1", "P 43 21 2"])
def test_mtz_expands_as_gemmi_does(tmp_path, group):
    cell = (24.0, 24.0, 30.0, 90.0, 101.0 if group == "C 1 2 1" else 90.0, 90.0)
    path = make_mtz(tmp_path, group=group, cell=cell)
    read = read_reflections(path)
    assert as_dict(read) == gemmi_p1(path, "FP")
    assert read.cell == pytest.approx(cell)
    assert read.origin == {"file": str(path), "column": "FP"}
    assert again(read) == read


def test_mtz_expansion_in_a_hexagonal_group(tmp_path):
    path = make_mtz(tmp_path, group="P 61 2 2", cell=(24.0, 24.0, 40.0, 90.0, 90.0, 120.0))
    assert as_dict(read_reflections(path)) == gemmi_p1(path, "FP")


@pytest.mark.parametrize(
    ("column", "label"), [("FP", "FP"), ("F", "FP"), ("g", "FPLUS"), ("FPLUS", "FPLUS"), ("K", "IPLUS")]
)
def test_mtz_column_by_label_or_type(tmp_path, column, label):
    path = make_mtz(tmp_path)
    read = read_reflections(path, column=column)
    assert read.origin["column"] == label
    expected = gemmi_p1(path, label)
    if label == "IPLUS":
        expected = {index: np.sqrt(value) for index, value in expected.items()}
    assert as_dict(read) == expected


def test_mtz_label_comes_before_type(tmp_path):
    path = make_mtz(tmp_path, columns=(("FP", "F"), ("F", "J")))
    assert read_reflections(path, column="F").origin["column"] == "F"
    assert read_reflections(path, column="F").amplitude.min() == pytest.approx(np.sqrt(50.0))


def test_mtz_intensities_become_amplitudes(tmp_path):
    path = make_mtz(tmp_path)
    read = read_reflections(path, column="J")
    assert as_dict(read) == {index: np.sqrt(max(value, 0)) for index, value in gemmi_p1(path, "IMEAN").items()}


@pytest.mark.parametrize(
    ("types", "expected"), [("KGJF", "D"), ("KGJ", "C"), ("KG", "B"), ("K", "A"), ("JFF", "B"), ("IKQ", "B")]
)
def test_mtz_default_column(tmp_path, types, expected):
    path = make_mtz(tmp_path, columns=tuple(zip("ABCD", types, strict=False)))
    assert read_reflections(path).origin["column"] == expected


def test_mtz_resolution_cuts(tmp_path):
    path = make_mtz(tmp_path)
    full, cut = read_reflections(path), read_reflections(path, resolution=6)
    kept = gemmi.UnitCell(*CELL).calculate_d_array(full.hkl) >= 6
    assert 0 < kept.sum() < len(full)
    assert np.array_equal(cut.hkl, full.hkl[kept])
    assert cut.origin == {"file": str(path), "column": "FP", "resolution": 6.0}
    assert again(cut) == cut
    with pytest.raises(NbnumbaError, match="no reflections to 500 A"):
        read_reflections(path, resolution=500)


def test_mtz_compressed(tmp_path):
    path = make_mtz(tmp_path)
    assert read_reflections(write(tmp_path / "b.MTZ.gz", path.read_bytes())) == read_reflections(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": "NONE"}, r"no column 'NONE'.*FREE \(I\), IMEAN \(J\), FP \(F\)"),
        ({"column": "H"}, "column H has type H"),
        ({"column": "PHI"}, "PHI has type P, which is neither"),
        ({"column": "Z"}, "no column 'Z'"),
    ],
)
def test_mtz_bad_column(tmp_path, options, message):
    with pytest.raises(NbnumbaError, match=message):
        read_reflections(make_mtz(tmp_path), **options)


def test_mtz_without_amplitudes_or_sense(tmp_path):
    with pytest.raises(NbnumbaError, match="no column of the types FJGK"):
        read_reflections(make_mtz(tmp_path, columns=(("FREE", "I"),)))
    with pytest.raises(NbnumbaError, match="is not an MTZ file"):
        read_reflections(write(tmp_path / "b.mtz", HKL_TEXT))
    whole = make_mtz(tmp_path).read_bytes()
    with pytest.raises(NbnumbaError, match="cannot be read as an MTZ"):
        read_reflections(write(tmp_path / "c.mtz", whole[:300]))


def test_mtz_without_space_group(tmp_path):
    path = make_mtz(tmp_path)
    content = path.read_bytes()
    for record in (b"SYMINF", b"SYMM "):
        content = content.replace(record, b"X" + record[1:])
    with pytest.raises(NbnumbaError, match="no space group"):
        read_reflections(write(path, content))


def test_mtz_with_nothing_but_missing_values(tmp_path):
    path = make_mtz(tmp_path)
    mtz = gemmi.read_mtz_file(str(path))
    data = mtz.array.copy()
    data[:, mtz.column_with_label("FP").idx] = np.nan
    mtz.set_data(data)
    mtz.write_to_file(str(path))
    with pytest.raises(NbnumbaError, match="no reflections in column FP"):
        read_reflections(path)


def test_unmerged_mtz_is_refused(tmp_path):
    path = make_mtz(tmp_path)
    mtz = gemmi.read_mtz_file(str(path))
    mtz.batches.append(gemmi.Mtz.Batch())
    mtz.write_to_file(str(path))
    with pytest.raises(NbnumbaError, match="unmerged"):
        read_reflections(path)


# ---- expansion


def test_listed_reflections_keep_their_own_amplitude():
    hkl, amplitude = expand_to_p1(np.array([[1, 2, 3], [-1, -2, 3]]), np.array([5.0, 7.0]), gemmi.SpaceGroup("P 1 1 2"))
    assert hkl.tolist() == [[-1, -2, -3], [-1, -2, 3], [1, 2, -3], [1, 2, 3]]
    assert amplitude.tolist() == [5.0, 7.0, 7.0, 5.0]


# ---- SF-CIF

SF_CIF = """data_rXXXsf
_cell.length_a 20
_cell.length_b 24
_cell.length_c 30
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 1 2 1'
loop_
_refln.index_h
_refln.index_k
_refln.index_l
_refln.status
_refln.F_calc_au
_refln.F_meas_au
_refln.F_meas_sigma_au
_refln.intensity_meas
1 2 3 o 1 11 0 16
0 0 2 o 2 12 0 -4
2 0 1 o 3 ? 0 25
"""
MATES = {(1, 2, 3): 11, (-1, -2, -3): 11, (-1, 2, -3): 11, (1, -2, 3): 11, (0, 0, 2): 12, (0, 0, -2): 12}


@pytest.mark.parametrize("name", ["a.cif", "a.MMCIF", "a.cif.gz"])
def test_sf_cif_default_column(tmp_path, name):
    path = write(tmp_path / name, "data_first\n_entry.id x\n" + SF_CIF)
    read = read_reflections(path)
    assert as_dict(read) == MATES
    assert read.cell == CELL
    assert read.origin == {"file": str(path), "column": "F_meas_au"}
    assert again(read) == read


@pytest.mark.parametrize("column", ["f_CALC_au", "_refln.F_calc_au"])
def test_sf_cif_column_by_tag(tmp_path, column):
    read = as_dict(read_reflections(write(tmp_path / "a.cif", SF_CIF), column=column))
    assert (read[1, 2, 3], read[0, 0, 2], read[2, 0, 1], len(read)) == (1, 2, 3, 8)


def test_sf_cif_intensities_become_amplitudes(tmp_path):
    read = as_dict(read_reflections(write(tmp_path / "a.cif", SF_CIF), column="intensity_meas"))
    assert (read[1, 2, 3], read[0, 0, 2], read[2, 0, 1]) == (4, 0, 5)


def test_sf_cif_default_passes_over_a_column_without_numbers(tmp_path):
    path = write(tmp_path / "a.cif", SF_CIF.replace(" 11 0", " ? 0").replace(" 12 0", " . 0"))
    assert read_reflections(path).origin["column"] == "intensity_meas"


def test_sf_cif_resolution_cuts(tmp_path):
    path = write(tmp_path / "a.cif", SF_CIF)
    assert set(as_dict(read_reflections(path, resolution=10))) == {(0, 0, 2), (0, 0, -2)}
    with pytest.raises(NbnumbaError, match="no reflections to 100 A"):
        read_reflections(path, resolution=100)
    no_cell = write(tmp_path / "b.cif", "\n".join(x for x in SF_CIF.split("\n") if not x.startswith("_cell")))
    assert read_reflections(no_cell).cell is None
    with pytest.raises(NbnumbaError, match="no unit cell"):
        read_reflections(no_cell, resolution=10)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (SF_CIF, {"column": "F_obs"}, "no _refln.F_obs; block rXXXsf has the _refln tags index_h, .*intensity_meas"),
        (SF_CIF, {"column": "status"}, "_refln.status is neither amplitude nor intensity"),
        (SF_CIF, {"column": "F_meas_sigma_au"}, "neither amplitude nor intensity"),
        (SF_CIF.replace("_symmetry.space", "_other.space"), {}, "no space group"),
        ("data_one\n_entry.id x\ndata_two\n_cell.length_a 3\n", {}, "neither atoms .*its blocks are one, two"),
        ("data_one\n_entry.id x\n", {"format": "sf-cif"}, "no block with _refln data; its blocks are one"),
        ("no cif at all", {}, "cannot be read as CIF"),
        (SF_CIF + "1 2\n", {}, "cannot be read as CIF"),
        (b"data_x\xff\xfe\n", {}, "cannot be read as CIF"),
        (SF_CIF.replace("index_h", "index_x"), {}, "no loop of merged _refln data .*its blocks are rXXXsf"),
    ],
)
def test_sf_cif_faults(tmp_path, content, options, message):
    path = write(tmp_path / "a.cif", content)
    with pytest.raises(NbnumbaError, match=message) as caught:
        read_reflections(path, **options)
    assert str(path) in str(caught.value)


# ---- coordinates

ATOMS = (
    ("N", 3.1, 4.2, 5.3, 12.0),
    ("C", 4.4, 4.9, 5.1, 15.0),
    ("C", 5.5, 3.8, 5.0, 8.0),
    ("O", 5.2, 2.6, 5.2, 20.0),
    ("C", 4.7, 5.9, 6.3, 18.0),
    ("S", 6.3, 6.8, 6.1, 10.0),
    ("N", 6.7, 4.3, 4.6, 9.0),
    ("C", 7.9, 3.5, 4.4, 11.0),
    ("C", 9.0, 4.4, 3.8, 14.0),
    ("O", 8.8, 5.6, 3.6, 30.0),
    ("ZN", 1.0, 10.0, 14.0, 5.0),
    ("O", 12.0, 13.0, 7.0, 40.0),
)
CRYST1 = "CRYST1   20.000   24.000   30.000  90.00  90.00  90.00 P 21 21 21    4\n"


def pdb_text(cryst1=CRYST1):
    lines = [
        f"HETATM{i:5d} {element:<4s} LIG A{i:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00{b:6.2f}          {element:>2s}\n"
        for i, (element, x, y, z, b) in enumerate(ATOMS, 1)
    ]
    return cryst1 + "".join(lines) + "END\n"


def direct_sums(path, hkl):
    structure = gemmi.read_structure(str(path))
    calculator = gemmi.StructureFactorCalculatorX(structure.cell)
    return np.array([abs(calculator.calculate_sf_from_model(structure[0], index)) for index in hkl.tolist()])


@pytest.mark.parametrize("resolution", [0.9, 2.0, 6.0])
def test_coordinates_agree_with_the_direct_sum(tmp_path, resolution):
    path = write(tmp_path / "a.pdb", pdb_text())
    read = read_reflections(path, resolution=resolution)
    some = np.random.default_rng(1).choice(len(read), min(len(read), 400), replace=False)
    expected, found = direct_sums(path, read.hkl[some]), read.amplitude[some]
    strong = expected > np.median(expected)
    assert found[strong] == pytest.approx(expected[strong], rel=1e-3)
    assert np.sum(np.abs(found - expected)) < 2e-4 * np.sum(expected)


def test_coordinates_list_every_reflection_of_the_sphere(tmp_path):
    read = read_reflections(write(tmp_path / "a.pdb", pdb_text()), resolution=2.9)
    cell = gemmi.UnitCell(*CELL)
    sphere = gemmi.make_miller_array(cell, gemmi.SpaceGroup("P 1"), 2.9, unique=False)
    expected = {tuple(index) for index in sphere.tolist()} - {(0, 0, 0)}
    assert set(as_dict(read)) == expected | {tuple(-n for n in index) for index in expected}
    assert read.cell == CELL
    # screw axes: odd orders along the axes are absent, listed as exactly 0
    assert as_dict(read)[3, 0, 0] == 0.0
    assert as_dict(read)[4, 0, 0] > 1.0


def test_coordinates_as_mmcif_compressed_or_named_otherwise(tmp_path):
    path = write(tmp_path / "a.pdb", pdb_text())
    read = read_reflections(path, resolution=3)
    assert read.origin == {"file": str(path), "resolution": 3.0}
    assert again(read) == read
    mmcif = gemmi.read_structure(str(path)).make_mmcif_document().as_string()
    for name in ("b.cif", "b.mmcif.gz"):
        assert read_reflections(write(tmp_path / name, mmcif), resolution=3) == read
    for name, content in (("c.txt", mmcif), ("d.txt", pdb_text()), ("e.ent.gz", pdb_text())):
        other = read_reflections(write(tmp_path / name, content), resolution=3, format="coordinates")
        assert other == read
        assert other.origin["format"] == "coordinates"


def test_bulk_solvent_fades_with_resolution(tmp_path):
    path = write(tmp_path / "a.pdb", pdb_text())
    dry = read_reflections(path, resolution=1.5)
    wet = read_reflections(path, resolution=1.5, bulk_solvent=True)
    assert wet.origin["bulk_solvent"] is True
    assert again(wet) == wet
    change, d = np.abs(wet.amplitude - dry.amplitude), gemmi.UnitCell(*CELL).calculate_d_array(dry.hkl)
    assert change[d > 8].mean() > 20 * change[d < 2].mean()
    assert change[d > 8].mean() > 1


def test_bulk_solvent_follows_the_mask_of_a_lone_atom(tmp_path):
    # one atom in P 1 leaves a round hole, whose transform is the negative of that of a solid sphere
    atom = pdb_text("CRYST1   20.000   24.000   30.000  90.00  90.00  90.00 P 1\n").split("\n")
    path = write(tmp_path / "a.pdb", "\n".join([atom[0], atom[11], "END"]))
    dry, wet = (as_dict(read_reflections(path, resolution=4, bulk_solvent=solvent)) for solvent in (False, True))
    inverse_d = 3 / 30.0
    drop = (dry[0, 0, 3] - wet[0, 0, 3]) / (0.35 * np.exp(-46 * inverse_d**2 / 4))
    radii = np.linspace(0.5, 4, 1000)
    q = 2 * np.pi * inverse_d
    spheres = 4 * np.pi * (np.sin(q * radii) - q * radii * np.cos(q * radii)) / q**3
    # radius of the hole: van der Waals radius of zinc (1.39 to 2.1 A, by table), solvent probe added and shrunk
    assert 1.3 < np.interp(drop, spheres, radii) < 2.6


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (pdb_text(), {}, r"resolution is missing.*0\.3\.\.100"),
        (pdb_text(), {"resolution": 0.2}, r"resolution is 0\.2 A"),
        (pdb_text(), {"resolution": 101}, "resolution is 101 A"),
        (pdb_text(), {"resolution": 90}, "no reflections to 90 A"),
        (pdb_text(""), {"resolution": 2}, "no unit cell"),
        (pdb_text("CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1\n"), {"resolution": 2}, "no unit cell"),
        (pdb_text(CRYST1.replace("P 21 21 21", "P 9 9")), {"resolution": 2}, "no space group that is known"),
        (CRYST1, {"resolution": 2}, "no atoms"),
        ("nonsense\n", {"resolution": 2}, "no atoms"),
    ],
)
def test_coordinate_faults(tmp_path, content, options, message):
    with pytest.raises(NbnumbaError, match=message):
        read_reflections(write(tmp_path / "a.pdb", content), **options)


def test_missing_coordinates_are_missing_whatever_the_resolution(tmp_path):
    with pytest.raises(NbnumbaError, match=r"none\.pdb: cannot be read \(No such file"):
        read_reflections(tmp_path / "none.pdb")
    (tmp_path / "a.pdb").write_text(pdb_text())
    with pytest.raises(NbnumbaError, match=r"in TOML as reflections = \{ file = 'a\.pdb', resolution = 2\.0 \}"):
        read_reflections(tmp_path / "a.pdb")


def test_coordinates_beyond_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(coordinates, "physical_memory", lambda: 2**20)
    with pytest.raises(NbnumbaError, match=r"grid points.*GiB"):
        read_reflections(write(tmp_path / "a.pdb", pdb_text()), resolution=1)


def test_only_the_first_of_several_models(tmp_path):
    atoms = pdb_text("").removesuffix("END\n")
    path = tmp_path / "a.pdb"
    write(path, CRYST1 + "MODEL        1\n" + atoms + "ENDMDL\nMODEL        2\n" + atoms + "ENDMDL\nEND\n")
    with pytest.warns(NbnumbaWarning, match="2 models") as caught:
        read = read_reflections(path, resolution=3)
    assert caught[0].filename == __file__
    assert read == read_reflections(write(tmp_path / "b.pdb", pdb_text()), resolution=3)
