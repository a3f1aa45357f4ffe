"""Data sets on the disk: the same whatever is made when, never lost, never doubled, and readable."""

import hashlib
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from recipes import BASE, recipe

import nbnumba as nb
from nbnumba.datasets import folder as datasets_folder
from nbnumba.datasets import master, preview
from nbnumba.datasets.cache import Cache
from nbnumba.datasets.draw import draw
from nbnumba.datasets.engines.run import make_dataset
from nbnumba.datasets.folder import prepare
from nbnumba.datasets.labels import label_of
from nbnumba.datasets.master import content_hash, unfinished, write_master
from nbnumba.datasets.provenance import is_finished
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.report import write_report
from nbnumba.datasets.shard import shards, write_shard

VARIED = """
[vary]
"beam.flux" = {loguniform = [1e10, 1e11]}
"crystal.shape" = {choice = ["square", "square"]}
[lattices]
count = {integer = [1, 2]}
"""


def small(**changes):
    return recipe(VARIED, **{"output__images_per_shard": 2, "hit": 0.8, **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data set of 3 files."""
    folder = tmp_path_factory.mktemp("set")
    return folder, make_dataset(small(), folder)


def test_the_bytes_do_not_depend_on_order_or_time(made, tmp_path):
    folder, _ = made
    for shard in reversed(shards(small())):
        write_shard(small(), shard, tmp_path)
        assert (tmp_path / shard.name).read_bytes() == (folder / shard.name).read_bytes()


def test_images_do_not_depend_on_the_size_of_files(made, tmp_path):
    folder, summary = made
    other = make_dataset(small(output__images_per_shard=5), tmp_path)
    assert other["content_hash"] == summary["content_hash"] == content_hash(folder)
    with h5py.File(folder / "master.h5") as one, h5py.File(tmp_path / "master.h5") as two:
        for name in ("data/data", "expected/data", "spot_mask/data", "labels/beam.flux", "labels/digest", "spots/slow",
                     "spots/offsets", "lattices/axes", "lattices/offsets"):  # fmt: skip
            np.testing.assert_array_equal(one["entry"][name][()], two["entry"][name][()])
    with h5py.File(folder / "shard-00001.h5") as one, h5py.File(tmp_path / "shard-00000.h5") as two:
        chunks = [file["entry/data/data"].id.read_direct_chunk((n, 0, 0))[1] for file, n in ((one, 1), (two, 3))]
        assert chunks[0] == chunks[1]


def test_the_number_of_lattices_that_was_drawn_is_a_column_as_all_that_is(made):
    folder, _ = made
    with h5py.File(folder / "master.h5") as file:
        labels = file["entry/labels"]
        drawn, hit = labels["lattices.count"][()], labels["hit"][()]
        np.testing.assert_array_equal(drawn, [draw(small(), i).values["lattices.count"] for i in range(len(drawn))])
        np.testing.assert_array_equal(labels["lattices"][()], drawn * hit)
        assert 0 < hit.sum() < len(hit)


def test_the_master_shows_all(made):
    folder, _ = made
    with h5py.File(folder / "master.h5") as master:
        entry = master["entry"]
        assert entry["labels/number"][()].tolist() == list(range(6))
        offsets = entry["spots/offsets"][()]
        assert offsets[-1] == len(entry["spots/h"])
        assert np.diff(offsets).tolist() == entry["labels/spots"][()].tolist()
        for i, name in ((0, "shard-00000.h5"), (5, "shard-00002.h5")):
            with h5py.File(folder / name) as part:
                np.testing.assert_array_equal(entry["data/data"][i], part["entry/data/data"][i % 2])
        assert entry["labels/beam.flux"].attrs["units"] == "photons/s"
        assert "whole beam" in entry["labels/beam.flux"].attrs["meaning"]
        assert entry["spots/intensity"].attrs["units"] == "photons"
        assert entry["instrument/beam/total_flux"][()].tolist() == pytest.approx(entry["labels/beam.flux"][()].tolist())
        assert entry["definition"][()] == b"NXmx"


def test_masters_are_found_from_elsewhere(made, tmp_path, monkeypatch):
    folder, _ = made
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    monkeypatch.chdir(tmp_path)
    with h5py.File(moved / "master.h5") as one, h5py.File(folder / "master.h5") as two:
        np.testing.assert_array_equal(one["entry/data/data"][4], two["entry/data/data"][4])
        assert one["entry/data/data"][4].max() > 0


def test_what_is_missing_is_made_on_resume(made, tmp_path):
    folder, summary = made
    shutil.copytree(folder, tmp_path / "set")
    (tmp_path / "set" / "shard-00001.h5").unlink()
    (tmp_path / "set" / "master.h5").unlink()
    with pytest.raises(nb.NbnumbaError, match="add --resume"):
        make_dataset(small(), tmp_path / "set")
    again = make_dataset(small(), tmp_path / "set", resume=True)
    assert (again["made"], again["content_hash"]) == (2, summary["content_hash"])
    assert make_dataset(small(), tmp_path / "set", resume=True)["made"] == 0


@pytest.mark.parametrize("logged", [True, False])
@pytest.mark.parametrize("what", ["entry/data/data", "entry/labels/beam.flux", "entry/spots/slow", "truncated"])
def test_damage_is_found(made, tmp_path, what, logged):
    folder, summary = made
    shutil.copytree(folder, tmp_path / "set")
    if not logged:
        (tmp_path / "set" / "log.jsonl").unlink()
    file = tmp_path / "set" / "shard-00000.h5"
    if what == "truncated":
        file.write_bytes(file.read_bytes()[:3000])
    else:
        with h5py.File(file, "r+") as opened:
            values = opened[what][()]
            values.flat[0] += 1
            opened[what][...] = values
    assert not is_finished(small(), shards(small())[0], tmp_path / "set")
    again = make_dataset(small(), tmp_path / "set", resume=True)
    assert (again["made"], again["content_hash"]) == (2, summary["content_hash"])


def damaged(good, count, first, last):
    """Contents with one byte changed to any other value, at random places between two."""
    random = np.random.default_rng(first)
    for place, change in zip(random.integers(first, last, count), random.integers(1, 256, count), strict=True):
        yield good[:place] + bytes([good[place] ^ change]) + good[place + 1 :]


def test_every_byte_counts(made, tmp_path):
    folder, _ = made
    shutil.copytree(folder, tmp_path / "set")
    first, file = shards(small())[0], tmp_path / "set" / "shard-00000.h5"
    good = file.read_bytes()
    for content in damaged(good, 40, 100, len(good)):
        file.write_bytes(content)
        assert not is_finished(small(), first, tmp_path / "set")
    file.write_bytes(good)
    assert is_finished(small(), first, tmp_path / "set")
    (tmp_path / "set" / "log.jsonl").unlink()  # without which contents alone are compared
    assert is_finished(small(), first, tmp_path / "set")


def test_no_damage_stops_a_run(made, tmp_path):
    folder, _ = made
    first, file = shards(small())[0], tmp_path / "shard-00000.h5"
    good = (folder / file.name).read_bytes()
    place = good.index(small().hash.encode())  # near what a file says of itself
    for content in damaged(good, 60, place - 200, place + 200):
        file.write_bytes(content)
        is_finished(small(), first, tmp_path)
    for name in ("entry/data/data", "entry/labels/hit", "entry/spots/offsets", "entry/nbnumba/first"):
        file.write_bytes(good)
        with h5py.File(file, "r+") as opened:
            del opened[name]
            opened.create_group(name)
        assert not is_finished(small(), first, tmp_path)


def test_a_changed_recipe_is_refused_with_the_difference(made, tmp_path):
    folder, _ = made
    with pytest.raises(nb.NbnumbaError, match=r"another recipe(.|\n)*-high = 100000000000.0\n *\+high = 50000000000.0"):
        make_dataset(small(vary__beam__flux__high=5e10), folder, resume=True)
    shutil.copytree(folder, tmp_path / "set")
    make_dataset(small(seed=9), tmp_path / "set", overwrite=True)
    assert content_hash(tmp_path / "set") != content_hash(folder)


def test_a_file_whose_contents_have_changed_is_named(tmp_path):
    for name in ("a.hkl", "b.hkl", "base.hkl"):
        (tmp_path / name).write_text("1 2 3 10\n2 0 1 5\n")
    text = BASE.replace("default_f = 500.0", 'reflections = "base.hkl"')
    chosen = text + '[structures]\nfiles = ["a.hkl", "b.hkl"]\n'
    for recipe_text, changed, said in ((chosen, "b.hkl", "b.hkl"), (text, "base.hkl", "base.crystal.reflections")):
        folder = tmp_path / "of" / said
        prepare(Recipe.from_toml(recipe_text, folder=tmp_path), folder)
        (tmp_path / changed).write_text("1 2 3 10\n2 0 1 6\n")
        with pytest.raises(nb.NbnumbaError, match=rf"What differs:\n(.|\n)*  the contents of {said}$"):
            prepare(Recipe.from_toml(recipe_text, folder=tmp_path), folder)


@pytest.mark.parametrize("share", [None, (0, None)])
def test_files_tell_their_recipe_where_the_manifest_is_gone(made, tmp_path, share):
    folder, summary = made
    shutil.copytree(folder, tmp_path / "set")
    (tmp_path / "set" / "manifest.json").unlink()
    with pytest.raises(nb.NbnumbaError, match=r"another recipe(.|\n)*-seed = 7\n *\+seed = 99$"):
        make_dataset(small(seed=99), tmp_path / "set", resume=True, share=share)
    assert not (tmp_path / "set" / "manifest.json").exists()
    make_dataset(small(), tmp_path / "set", resume=True, share=share)
    assert write_master(tmp_path / "set") == summary["content_hash"]


def test_of_two_recipes_at_once_one_gets_the_folder(tmp_path, monkeypatch):
    everybody, told = threading.Barrier(2), []

    def before(*where, real=datasets_folder._before):
        found = real(*where)
        everybody.wait()
        return found

    def run(recipe):
        try:
            told.append(len(prepare(recipe, tmp_path).missing))
        except nb.NbnumbaError as error:
            told.append(str(error))

    monkeypatch.setattr(datasets_folder, "_before", before)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, (small(), small(seed=99))))
    assert 3 in told
    assert "another recipe" in str(told)


def test_a_set_of_another_version_is_refused(made, tmp_path):
    folder, _ = made
    shutil.copytree(folder, tmp_path / "set")
    manifest = tmp_path / "set" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"version": "{nb.__version__}"', '"version": "0.0.7"'))
    for share in (None, (0, None)):
        with pytest.raises(nb.NbnumbaError, match=r"of nbnumba 0.0.7.*install that one"):
            make_dataset(small(), tmp_path / "set", resume=True, share=share)


def test_a_short_last_file_of_a_longer_set_is_not_finished(tmp_path):
    make_dataset(small(count=3), tmp_path)
    missing = [shard.name for shard in prepare(small(count=4), tmp_path, resume=True).missing]
    assert unfinished(tmp_path) == missing == ["shard-00001.h5"]
    write_master(tmp_path)
    with h5py.File(tmp_path / "master.h5") as file:
        assert file["entry/labels/number"][()].tolist() == [0, 1]


def test_a_master_is_of_the_files_that_it_shows(made, tmp_path, monkeypatch):
    """Also if another run finishes one meanwhile."""
    folder, _ = made
    shutil.copytree(folder, tmp_path / "set")
    last, aside = tmp_path / "set" / "shard-00002.h5", tmp_path / "aside.h5"
    last.rename(aside)

    def fill(*arguments, real=master._fill_master):
        aside.rename(last)
        real(*arguments)

    monkeypatch.setattr(master, "_fill_master", fill)
    told = write_master(tmp_path / "set")
    with h5py.File(tmp_path / "set" / "master.h5") as file:
        shown = file["entry/labels/digest"][()]
        assert len(shown) == len(file["entry/data/data"]) == 4
        assert file["entry/nbnumba/content_hash"].asstr()[()] == told == hashlib.sha256(shown.tobytes()).hexdigest()


def test_a_damaged_file_is_named_by_the_master(made, tmp_path):
    folder, _ = made
    shutil.copytree(folder, tmp_path / "set")
    with h5py.File(tmp_path / "set" / "shard-00001.h5", "r+") as opened:
        del opened["entry/labels/hit"]
    with pytest.raises(nb.NbnumbaError, match=r"shard-00001.h5: cannot be read .*--resume makes it anew"):
        write_master(tmp_path / "set")


def test_a_data_set_can_be_made_longer(made, tmp_path):
    folder, _ = made
    shutil.copytree(folder, tmp_path / "set")
    longer = make_dataset(small(count=7), tmp_path / "set", resume=True)
    assert longer["made"] == 1
    with h5py.File(tmp_path / "set" / "master.h5") as file:
        assert len(file["entry/data/data"]) == 7
    with pytest.raises(nb.NbnumbaError, match="holds a set of 7 images"):
        prepare(small(count=6), tmp_path / "set", resume=True)


def test_single_files_are_made_in_any_order(made, tmp_path):
    folder, summary = made
    for number in (2, 0, 1):
        assert make_dataset(small(), tmp_path, share=(number, None))["made"] == 2
    assert make_dataset(small(), tmp_path, share=(1, None))["made"] == 0
    assert write_master(tmp_path) == summary["content_hash"]
    assert (tmp_path / "master.h5").read_bytes() == (folder / "master.h5").read_bytes()
    assert json.loads((tmp_path / "manifest.json").read_text())["count"] == 6


def test_a_master_shows_what_is_there(made, tmp_path):
    make_dataset(small(), tmp_path, share=(2, None))
    write_master(tmp_path)
    with h5py.File(tmp_path / "master.h5") as file:
        assert file["entry/labels/number"][()].tolist() == [4, 5]
        assert file["entry/data/data"].shape == (2, 64, 64)


def test_images_of_one_detector_are_read_as_nxmx(tmp_path):
    write_shard(r := recipe(), shards(r)[0], tmp_path)
    found = nb.read_geometry(tmp_path / "shard-00000.h5")
    assert found.beam.wavelength == 1.0
    cropped = recipe(output__crop=[[8, 40], [16, 64]], output__bin=4)
    write_shard(cropped, shards(cropped)[0], tmp_path)
    part = nb.read_geometry(tmp_path / "shard-00000.h5").detector
    assert part.pixel_size == 2.4
    with h5py.File(tmp_path / "shard-00000.h5") as file:
        assert file["entry/instrument/detector/pixel_mask"].shape == file["entry/data/data"].shape[1:] == (8, 12)


def test_other_detectors_are_told_by_labels_alone(tmp_path):
    r = recipe('[vary]\n"detector.distance" = {uniform = [50, 70]}\n')
    write_shard(r, shards(r)[0], tmp_path)
    with h5py.File(tmp_path / "shard-00000.h5") as file:
        assert "instrument" not in file["entry"]
        np.testing.assert_array_equal(file["entry/labels/distance"], file["entry/labels/detector.distance"])


def test_the_layout_of_resonet(tmp_path):
    r = recipe(VARIED + "[shadow]\nradius = {uniform = [1, 2]}\n", output__layout="resonet", hit=0.5, count=8,
               output__images_per_shard=4)  # fmt: skip
    make_dataset(r, tmp_path)
    with h5py.File(tmp_path / "master.h5") as file:
        assert file["images"].shape == (8, 64, 64)
        names = list(file["labels"].attrs["names"])
        labels = {name: file["labels"][:, i] for i, name in enumerate(names)}
        np.testing.assert_array_equal(labels["bg_only"], 1 - file["entry/labels/hit"][()])
        np.testing.assert_array_equal(labels["num_lat"], file["entry/labels/lattices"][()])
        assert labels["one_over_reso"][labels["bg_only"] == 1].max() == 0.0
        assert {"beamstop_rad", "r1", "r9", "Na", "beam.flux"} <= set(names)
        geom = dict(zip(file["geom"].attrs["names"], file["geom"][0], strict=True))
        assert geom == {"detdist": 60.0, "wavelen": 1.0, "pixsize": np.float32(0.6), "xdim": 64.0, "ydim": 64.0}


@pytest.mark.parametrize("dtype", ["int32", "uint16", "float32"])
def test_types_of_images(tmp_path, dtype):
    r = recipe(count=2, output__dtype=dtype, output__compression="none", output__expected=False)
    write_shard(r, shards(r)[0], tmp_path)
    with h5py.File(tmp_path / "shard-00000.h5") as file:
        assert file["entry/data/data"].dtype == dtype
        assert file["entry/data/data"].chunks == (1, 64, 64)
        assert "expected" not in file["entry"]


def test_the_plan_follows_from_the_recipe():
    plan = shards(recipe(count=1000, output__images_per_shard=300))
    assert [(s.first, s.stop) for s in plan] == [(0, 300), (300, 600), (600, 900), (900, 1000)]
    by_size = shards(recipe(count=10_000, output__shard_bytes=1e6))
    assert by_size[-2].images == 1_000_000 // (64 * 64 * 9)  # int32, expected float32, mask uint8
    assert shards(recipe(output__shard_bytes=1))[3].images == 1


@pytest.mark.parametrize(("count", "files", "most"), [(6, 1, 6), (100, 7, 16), (3000, 126, 32), (20_000, 275, 256)])
def test_small_sets_have_files_for_many_processes(count, files, most):
    plan = shards(recipe(count=count))
    assert (len(plan), max(shard.images for shard in plan)) == (files, most)
    assert [shard.first for shard in plan] == [0, *(shard.stop for shard in plan[:-1])]
    assert plan[-1].stop == count
    assert shards(recipe(count=2 * count))[: files - 1] == plan[:-1]


def test_the_command(tmp_path):
    from click.testing import CliRunner
    from nbnumba_cli.main import cli

    (tmp_path / "r.toml").write_text(BASE)
    words = [
        "dataset",
        str(tmp_path / "r.toml"),
        "--set",
        "count=3",
        "--set",
        "output.images_per_shard=2",
        "--json",
    ]
    run = CliRunner().invoke
    folder = str(tmp_path / "set")
    result = json.loads(run(cli, [*words, "-o", folder, "--workers", "1"]).stdout)
    assert (result["made"], result["content_hash"]) == (3, content_hash(folder))
    assert json.loads(run(cli, [*words, "-o", folder, "--resume"]).stdout)["made"] == 0
    told = json.loads(run(cli, [*words, "--dry-run"]).stdout)
    assert (told["images"], told["files"], told["images_per_file"]) == (3, 2, 2)
    assert told["bytes"] == 3 * told["bytes_per_image"]
    assert run(cli, [*words, "-o", folder, "--preview", "2"]).exit_code == 0
    assert (tmp_path / "set" / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert "another recipe" in str(run(cli, [*words, "-o", folder, "--set", "seed=5"]).exception)
    assert isinstance(run(cli, [*words, "--set", "vary.x=1"]).exception, nb.NbnumbaError)
    assert "Give a folder" in run(cli, words).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--sbatch time=1", "--sbatch needs --slurm"),
        ("--slurm x.sh --dask local", "--slurm and --dask do not go together"),
        ("--preview 1 --dry-run", "--dry-run and --preview do not go together"),
        ("--preview 1 --workers 2", "--preview and --workers do not go together"),
        ("--master --shard 3", "--master and --shard do not go together"),
        ("--master --device cpu", "--master and --device do not go together"),
        ("--overwrite --resume", "--overwrite and --resume do not go together"),
        ("--overwrite --shard 1", "--overwrite and --shard do not go together"),
        ("--dry-run --dask local", "--dry-run and --dask do not go together"),
    ],
)
def test_options_that_would_be_ignored_are_refused(tmp_path, words, said):
    result = _command(tmp_path, "-o", tmp_path / "set", *words.split())
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("words", [["--dry-run", "--workers", "1"], ["--preview", "1"]])
def test_threads_and_device_are_those_that_were_asked_for(tmp_path, monkeypatch, words):
    caches = []

    def cache(recipe, threads=1, device="cpu"):
        caches.append((threads, device))
        return Cache(recipe, threads, device)

    monkeypatch.setattr(preview, "Cache", cache)
    _command(tmp_path, "-o", tmp_path, *words, "--threads", 2, "--set", "base.crystal.default_f=500")
    assert set(caches) == {(2, "cpu")}
    assert "device" in str(_command(tmp_path, "-o", tmp_path, *words, "--device", "abacus").exception)


def test_what_lattices_choose_from_may_be_texts(tmp_path):
    text = """[lattices]
count = 2
vary.shape = {choice = ["square", "round"]}
vary.cells = {choice = [[8, 8, 8], [9, 9, 9]]}
[vary]
"background.0.thickness" = {uniform = [0.001, 0.002]}
"""
    r = recipe(text, count=3)
    make_dataset(r, tmp_path)
    write_report(tmp_path)
    with h5py.File(tmp_path / "master.h5") as file:
        lattices, drawn = file["entry/lattices"], [draw(r, i).lattices for i in range(3)]
        assert lattices["shape"].asstr()[()].tolist() == [one["shape"] for image in drawn for one in image]
        assert [tuple(row) for row in lattices["cells"][()]] == [one["cells"] for image in drawn for one in image]
    assert is_finished(r, shards(r)[0], tmp_path)


def test_lengths_of_atoms_have_one_name():
    names = ("wavelength", "beam.wavelength", "crystal.cell.0", "structures.b_factor", "sampling.dmin")
    assert {label_of(name).units for name in names} == {"angstrom", "angstrom^2"}


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("kept")
    for folder in (tmp_path / "file", tmp_path / "file" / "set"):
        for share in (None, (0, None)):
            with pytest.raises(nb.NbnumbaError, match=f"{folder}: cannot be made a folder"):
                make_dataset(recipe(), folder, share=share)
        result = _command(tmp_path, "-o", folder, "--preview", "1")
        assert "cannot be made a folder" in str(result.exception)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("name", ["master.h5", "report.html", "log.jsonl"])
def test_files_of_no_data_set_are_not_written_over(name, tmp_path):
    (tmp_path / name).write_text("kept")
    for how in ({}, {"resume": True}, {"overwrite": True}, {"share": (0, None)}):
        with pytest.raises(nb.NbnumbaError, match=f"{name}: would be written over, and is of no data set"):
            make_dataset(small(), tmp_path, **how)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["kept"]


def test_a_data_set_may_lie_among_other_things(made, tmp_path):
    folder = shutil.copytree(made[0], tmp_path / "set")
    (folder / "thesis.tex").write_text("kept")
    assert make_dataset(small(), folder, resume=True)["made"] == 0
    assert len(prepare(small(), folder, overwrite=True).missing) == 3
    assert (folder / "thesis.tex").exists()


def test_looking_through_files_is_told_where_it_takes_long(made, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(datasets_folder, "_PATIENCE", 0.0)
    folder = shutil.copytree(made[0], tmp_path / "set")
    with caplog.at_level("INFO", "nbnumba.datasets.folder"):
        prepare(small(), folder, resume=True)
    assert caplog.messages == [f"looked through {n} of 3 files" for n in (0, 1, 2)]


def _command(tmp_path, *words):
    from click.testing import CliRunner
    from nbnumba_cli.main import cli

    (tmp_path / "r.toml").write_text(BASE.replace("default_f = 500.0", ""))
    return CliRunner().invoke(cli, ["dataset", str(tmp_path / "r.toml"), *map(str, words)])


def test_slurm_is_an_option(tmp_path, monkeypatch):
    from click.testing import CliRunner
    from nbnumba_cli.main import cli

    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["dataset", "slurm", "-o", "set"])
    assert (result.exit_code, "by --slurm SCRIPT.sh" in result.stderr) == (2, True)


def test_structures_are_named_on_the_command_line(tmp_path, monkeypatch):
    for name in ("a.hkl", "b.hkl", "c,d.hkl", "e[1].hkl"):
        (tmp_path / name).write_text(f"1 2 3 {len(name)}\n2 0 1 5\n")
    monkeypatch.chdir(tmp_path)
    for given, wanted in (("a.hkl,b.hkl", ["a.hkl", "b.hkl"]), ("c,d.hkl", ["c,d.hkl"]), ("e*.hkl", ["e[1].hkl"])):
        result = _command(
            tmp_path, "-o", "set", "--overwrite", "--set", "count=1", "--set", f"structures.files={given}"
        )
        assert result.exit_code == 0, result.exception
        read = Recipe.from_toml(json.loads((tmp_path / "set/manifest.json").read_text())["recipe"], folder=tmp_path)
        assert [Path(name).name for name in read.structures.files] == wanted
