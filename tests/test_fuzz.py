"""Damaged inputs of every kind, a few of each: refused by name, or read as an independent reading has them.

``python benchmarks/fuzz.py`` does the same with any number of them, in processes with bounds on memory and time.
"""

import gzip
import tracemalloc

import h5py
import pytest

import nbnumba as nb

pytest.importorskip("fabio", reason="fabio is not installed")

from fuzz import commands, seeds, sets, work
from fuzz.accepted import geometry
from fuzz.targets import TARGETS

from nbnumba.datasets.master import write_master
from nbnumba.datasets.provenance import is_finished
from nbnumba.outputs.stored import stored

#: Inputs of a target: those that are slow get fewer, HDF5 none whose library may crash the suite.
COUNT = 60
SOME = [name for name, target in TARGETS.items() if not target.fragile and name not in ("options", "commands")]
#: Commands that end soon.
QUICK = (b"check", b"compare", b"completion", b"convert", b"info")


@pytest.fixture(autouse=True)
def small_machine(monkeypatch):
    work.pretend_small_machine(monkeypatch.setattr)


@pytest.mark.parametrize("name", SOME)
def test_damaged_inputs_are_read_right_or_refused_by_name(name, tmp_path):
    target = TARGETS[name]
    path = tmp_path / f"input{target.ending}"
    for i in range(max(round(COUNT * target.share), 3)):
        number = 10**6 + i if i % 2 else 7 * i  # damaged, and cut off
        path.write_bytes(work.made(target, 0, number))
        said, why = work.outcome(target, path)
        assert said in ("accepted", "refused"), (
            f"python benchmarks/fuzz.py --target {name} --seed 0 --first {number}\n{why}"
        )


@pytest.mark.parametrize("name", SOME)
def test_good_inputs_are_accepted(name, tmp_path):
    for i, content in enumerate(TARGETS[name].seeds()):
        path = tmp_path / f"input{TARGETS[name].ending}"
        path.write_bytes(content)
        if name == "flags":  # of which some name files that are not here
            continue
        assert work.outcome(TARGETS[name], path) == ("accepted", ""), i


def test_values_that_options_were_not_made_for(tmp_path):
    path = tmp_path / "input.txt"
    lines = [one for one in commands.every() if one.split(b"\0")[0] in QUICK]
    for content in lines[:: len(lines) // 12]:
        path.write_bytes(content)
        said, why = work.outcome(TARGETS["commands"], path)
        assert said in ("accepted", "refused"), (content, why)


def read(tmp_path, name, content):
    path = tmp_path / f"input{TARGETS[name].ending}"
    path.write_bytes(content)
    (geometry if name == "expt" else TARGETS[name].read)(path)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("expression", b"", b"1" * 501, "up to 500 characters"),
        ("toml", b"pixels = [4, 5]", b"pixels = [1000001, 5]", "detector.pixels"),
        ("toml", b"pixels = [4, 5]", b"pixels = [" + b"9" * 5000 + b", 5]", "not valid TOML"),
        ("toml", b"shape = [4, 5]", b"shape = [1000000, 1000000]", "cannot be unpacked"),
        ("expt", b"[5, 4]", b"[1000000, 1000000]", "image_size: found 1000000 x 1000000"),
        ("expt", b'"direction": [0, 0, 1]', b'"direction": [1e308, 0, 1]', "beam direction: found .*1e.308"),
        ("expt", b"[5, 2]", b"[5, Infinity]", "width of the rotation"),
        ("smv", b"SIZE1=4", b"SIZE1=1000000", "30 bytes of pixels; 1000000 x 3 pixels need 6000000"),
        ("minicbf", b"Fastest-Dimension: 4", b"Fastest-Dimension: 1000000000", "for 3 x 1000000000 pixels"),
        ("minicbf", b"Fastest-Dimension: 4", b"Fastest-Dimension: " + b"9" * 5000, "allowed: a whole number"),
        ("npy", b"(3, 4)", b"(3000000000, 4)", "cannot be read as an array"),
        ("pgm", b"4 3", b"4000 3000", "for 3000 x 4000 pixels"),
        ("dump", b"1 1 2 2 3 3", b"1 1000 2 1000 3 1000", "needs 7999992000"),
        ("mtz", b"NCOL        6            3", b"NCOL        6   1000000000", "tells of 24000000000 bytes"),
        ("mtz", b"SYMINF   4", b"SYMINF   1000000000", "tells of 80000000000 bytes"),
        ("mtz", b"NDIF        2", b"NDIF        1000000000", "tells of 80000000000 bytes"),
        ("mtz", b"MTZ '", b"MTZ \x7f\x7f\x7f\x7f", "an intact file"),
        ("pdb", b"   20.000   24.000", b"   20.000   -4.000", "unit cell that cannot exist"),
        ("pdb", b"   20.000   24.000   30.000", b" 9999.999 9999.999 9999.999", "grid points"),
        ("mmcif", b"1.0 2.0 3.0", b"1e7 1e7 1e7", "apart, too far"),
        ("pdb", b"   4.000   5.000   6.000", b"   1.000 9999999 9999999", "apart, too far"),
        ("set", b"crystal.misset=10,20,30", b"response=100", "response"),
        ("mmcif", b"0.5 15.0", b"0.5 1e300", "B factors up to"),
        ("mmcif", b"1.0 2.0 3.0", b"nan 2.0 3.0", "no numbers"),
        ("set", b"crystal.misset=10,20,30", b"beam.size=" + b"[" * 3000, "beam.size"),
        ("manifest", b"shard-0.h5", b"../../x.h5", r"found a file '../../x.h5'"),
        ("recipe", b'"1.0 + 0.1 * u"', b"[1]", "an expression, as text"),
        ("resume", b'"recipe": "', b'"recipe": "\\u0000', "null character"),
        ("commands", b"", b"dataset\0recipe.toml\0-o\0set\0--shard\0" + b"9" * 5000, "allowed: I or I/N"),
        ("printed", b"0.0012", b"0.-0012e", "printed no position"),
        ("printed", b"X:  70.0", b"X:  " + b"9" * 5000 + b"x", "printed no axes"),
        ("commands", b"", b"simulate\0good.toml\0-o\0a.h5\0--images\x002\0--cbf\0.", "--cbf: found"),
        ("commands", b"", b"info\0" + b"x" * 5000, "no such file"),
        ("commands", b"", b"dataset\0recipe.toml\0--set\0structures.files=" + b"x" * 300 + b",y", "input.txt"),
        ("commands", b"", b"info\0good.toml\0--png\0" + b"x" * 250, "cannot be written .File name too long"),
        ("commands", b"", b"info\0good.toml\0--hkl\0" + b"9" * 400 + b"\0" + b"0\0" b"0", "indices up to 32767"),
        ("flags", b"-pixel 0.1", b"-xtalsize 1e308 -beamsize 1e308 -lambda 1e-300", "-cell|-N|flags|-lambda"),
    ],
)  # fmt: skip
def test_hostile_sizes_and_numbers(tmp_path, name, old, new, message):
    content = TARGETS[name].seeds()[0]
    assert old in content
    hostile = content.replace(old, new) if old else new
    with pytest.raises(nb.NbnumbaError, match=message) as caught:
        read(tmp_path, name, hostile)
    assert "input" in str(caught.value)


def test_a_compressed_list_that_would_fill_the_memory_is_refused(tmp_path):
    bomb = gzip.compress(bytes(2**24), mtime=0) * 128  # two GiB of 2 MB
    with pytest.raises(nb.NbnumbaError, match=r"input\.hkl\.gz.* more than .* bytes"):
        read(tmp_path, "hkl-gzip", bomb)


def test_images_of_tiff_that_lead_back_to_one_another_are_refused(tmp_path):
    """For ever is how long fabio would follow them."""
    content = bytearray(seeds.tiff()[0])
    start = int.from_bytes(content[4:8], "little")
    end = start + 2 + 12 * int.from_bytes(content[start : start + 2], "little")
    assert content[end : end + 4] == bytes(4)
    content[end : end + 4] = content[4:8]
    with pytest.raises(nb.NbnumbaError, match=r"input\.tif: found lists of fields that lead back"):
        read(tmp_path, "tiff", bytes(content))


def test_room_is_made_for_what_a_file_holds_and_not_for_the_most_that_it_may(tmp_path):
    (tmp_path / "a.hkl.gz").write_bytes(seeds.packed()[0])
    (tmp_path / "a.raw").write_bytes(seeds.raw()[0])
    for call in (nb.read_image, nb.read_reflections):
        tracemalloc.start()
        call(tmp_path / ("a.raw" if call is nb.read_image else "a.hkl.gz"))
        assert tracemalloc.get_traced_memory()[1] < 2**24
        tracemalloc.stop()


def test_files_whose_names_are_not_utf8_are_told_of(tmp_path):
    for line in (b"convert\0image.h5\0a\xff.npy", b"convert\0good.toml\0a\xff.csv"):
        read(tmp_path, "commands", line)


@pytest.mark.parametrize(
    "line",
    [
        "[" * 10**5,
        '{"event": "made", "name": ["shard-00000.h5"]}',
        '{"event": "made", "name": "shard-00000.h5", "recipe_hash": "HASH", "stop": "x", "first": 0, "seconds": 1}',
        '{"event": "failed", "name": "shard-00000.h5", "error": "\\ud800<script>"}',
    ],
    ids=["nested", "name", "numbers", "text"],
)
def test_damaged_lines_of_a_log_are_passed_over(tmp_path, monkeypatch, line):
    monkeypatch.setattr(sets, "WHOLE", 1)
    line = line.replace("HASH", sets.recipe().hash)
    read(tmp_path, "log", sets.log()[0] + line.encode() + b"\n")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("entry/data/data", (2, 10**5, 10**5)),
        ("entry/data/data", None),
        ("entry/labels/hit", (10**6, 10**6)),
        ("entry/labels/hit", None),
        ("entry/spots/h", None),
        ("entry/lattices/offsets", (10**9,)),
    ],
    ids=str,
)
def test_a_file_of_a_set_that_has_not_what_it_should_is_refused_before_memory_or_disk_is_filled(tmp_path, name, shape):
    for number in (0, 1) if shape is None else (0,):
        path = tmp_path / "changed.h5"
        path.write_bytes(sets.shard()[::-1][number])
        with h5py.File(path, "r+") as file:
            del file[name]
            if shape is not None:
                file.create_dataset(name, shape, "i4", chunks=(1, 64, 64)[-len(shape) :])
        shard = sets.shards(sets.recipe())[number]
        with sets.folder_with(tmp_path / "x", **{shard.name: path.read_bytes()}) as folder:
            assert not is_finished(sets.recipe(), shard, folder, {})
            with pytest.raises(nb.NbnumbaError, match=shard.name):
                write_master(folder)


@pytest.mark.parametrize("exponent", ["D", "d", "E"])
def test_matrices_have_exponents_of_fortran_too(tmp_path, exponent):
    path = tmp_path / "a.mat"
    path.write_bytes(seeds.MATRIX.replace(b"0.03", f"3.0{exponent}-02".encode()))
    (tmp_path / "b.mat").write_bytes(seeds.MATRIX)
    found = nb.Crystal.from_matrix(path, 1.0, default_f=1.0)
    assert found == nb.Crystal.from_matrix(tmp_path / "b.mat", 1.0, default_f=1.0)


def test_hdf5_that_tells_of_pixels_that_it_has_not_is_refused_before_memory_is_touched(tmp_path):
    path = tmp_path / "input.h5"
    path.write_bytes(seeds.nexus()[0])
    with h5py.File(path, "r+") as file:
        file["entry/instrument/detector/module/data_size"][...] = [10**6, 10**6]
        for name, shape in (
            ("entry/instrument/detector/pixel_mask", (10**6, 10**6)),
            ("entry/data/data", (3, 10**6, 10**6)),
        ):
            del file[name]
            file.create_dataset(name, shape, "i4", chunks=(1, 64, 64)[-len(shape) :])
    with pytest.raises(nb.NbnumbaError, match=r"data_size \[1000000, 1000000\]; allowed: up to 100000000 pixels"):
        nb.read_geometry(path)
    with pytest.raises(nb.NbnumbaError, match="allowed: up to 100000000 pixels each"):
        nb.read_image(path)
    with pytest.raises(nb.NbnumbaError, match="found 0 bytes for images of shape"):
        nb.read_nexus(path)


@pytest.mark.parametrize(
    ("name", "values", "reader", "found"),
    [
        (
            "beam/incident_wavelength",
            {"shape": (2**40,), "dtype": "f8", "chunks": (64,)},
            stored,
            "1099511627776 values",
        ),
        ("detector/module/data_origin", {"data": 1j}, nb.read_geometry, "complex numbers"),
    ],
    ids=["many", "complex"],
)
def test_errors_about_fields_of_hdf5_name_the_file(tmp_path, name, values, reader, found):
    path = tmp_path / "input.h5"
    path.write_bytes(seeds.nexus()[0])
    with h5py.File(path, "r+") as file:
        del file[f"entry/instrument/{name}"]
        file.create_dataset(f"entry/instrument/{name}", **values)
    with pytest.raises(nb.NbnumbaError, match=rf"input\.h5.*found {found}"):
        reader(path)


def test_axes_of_complex_numbers_are_refused(tmp_path):
    path = tmp_path / "input.h5"
    path.write_bytes(seeds.nexus()[0])
    with h5py.File(path, "r+") as file:
        file["entry/instrument/detector/module/fast_pixel_direction"].attrs["vector"] = [1j, 0.0, 0.0]
    with pytest.raises(nb.NbnumbaError, match=r"input\.h5.*vector: found .*allowed: numbers"):
        nb.read_geometry(path)
