"""What ``nbnumba info`` tells of files."""

import json

import h5py
import measured
import numpy as np
import pytest
import scenes
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.contents import file_report, file_text

SCAN = {"scan.start": 5.0, "scan.width": 2.0}


def written(path, experiment, images=3, kind="int32", **how):
    return nb.write_nexus(path, experiment, np.ones((images, *experiment.detector.shape), kind), **how)


def test_a_file_of_ours(tmp_path):
    experiment = scenes.still(**SCAN, **{"detector.sensor_material": "Si", "detector.sensor_thickness": 0.45})
    path = written(tmp_path / "a.h5", experiment, command_line="nbnumba simulate a.toml", seeds={"noise": 7})
    report = file_report(path)
    assert (report["kind"], report["definition"], report["images"]) == ("HDF5", "NXmx", 3)
    assert (report["shape"], report["type"], report["compression"]) == ([12, 17], "int32", "shuffle + gzip")
    told = report["geometry"]
    assert told["wavelength_A"] == 1.03
    assert told["polarization"] == 0.7
    assert told["distance_mm"] == pytest.approx(83.0)
    center = [x / experiment.detector.pixel_size for x in reversed(experiment.geometry.beam_center)]
    assert told["beam_center_pixels_slow_fast"] == pytest.approx(center)
    assert told["oscillation_degrees"] == [5.0, 2.0]
    assert (told["sensor_material"], told["sensor_thickness_mm"]) == ("Si", 0.45)
    made = report["provenance"]
    assert (made["program"], made["version"]) == ("nbnumba", nb.__version__)
    assert made["command_line"] == "nbnumba simulate a.toml"
    assert made["seeds"]["noise"] == 7
    assert nb.Experiment.from_toml(report["experiment"]) == experiment
    text = file_text(report)
    for words in ("3 of 12 x 17 pixels", "1.03 A", "from 5 degrees by 2", "0.45 mm Si", "noise 7", "[crystal]"):
        assert words in text


def test_panels_and_data_files(tmp_path):
    path = written(tmp_path / "a.h5", scenes.still().with_panels(slow=3, fast=1), images_per_file=2)
    (tmp_path / "a_000002.h5").unlink()
    report = file_report(path)
    assert report["shape"] == [3, 4, 17]
    assert report["data_files"] == ["a_000001.h5", "a_000002.h5"]
    assert report["data_files_missing"] == ["a_000002.h5"]
    assert report["geometry"]["panels"] == 3
    assert "Missing       a_000002.h5" in file_text(report)


def test_images_of_instruments(tmp_path):
    pytest.importorskip("fabio", reason="fabio is not installed")
    report = file_report(measured.cbf(tmp_path / "a_00001.cbf", mini=measured.MINI))
    assert (report["kind"], report["shape"], report["type"]) == ("CBF", [195, 1475], "int32")
    assert report["geometry"]["masked_pixels"] == int((measured.pixels() < 0).sum())
    assert report["geometry"]["beam_center_pixels_slow_fast"] == pytest.approx([98.5, 731.25])
    report = file_report(measured.smv(tmp_path / "a_001.img"))
    assert (report["kind"], report["geometry"]["distance_mm"]) == ("SMV", 250.0)
    assert report["geometry"]["polarization"] is None


def test_other_files(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 5, 6), np.float32))
    report = file_report(tmp_path / "a.npy")
    assert (report["images"], report["shape"], report["type"]) == (4, [5, 6], "float32")
    assert "geometry" not in report
    nb.write_dials(tmp_path / "a.expt", scenes.still(**SCAN), images=2)
    report = file_report(tmp_path / "a.expt")
    assert (report["experiments"], report["crystals"]) == (1, 1)
    assert report["geometry"]["oscillation_degrees"] == [5.0, 2.0]
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["images"] = np.ones((2, 3, 4))
    report = file_report(tmp_path / "b.h5")
    assert (report["images"], report["shape"], report["definition"]) == (2, [3, 4], None)
    assert "found no NXdetector" in report["geometry_missing"]
    assert "Geometry      not told" in file_text(report)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n and no more", b'{"other": 1}'])
def test_files_of_no_use_are_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(nb.NbnumbaError, match=r"allowed|name an undamaged"):
        file_report(tmp_path / "a")


def put(name, value):
    def edit(file):
        del file[name]
        file[name] = value

    return edit


#: What is put into a file of ours -> what its report says then.
STRANGE = {
    "definition": (put("entry/definition", 7), {"definition": None}),
    "experiment": (put("entry/nbnumba/experiment", [1.0, 2.0]), {"experiment": None}),
    "data of one dimension": (put("entry/data/data", np.ones(5)), {"images": 3, "data": ["/entry/expected/data"]}),
    "data without group": (put("entry/data", np.ones((2, 3))), {"images": 3, "data": ["/entry/expected/data"]}),
}


@pytest.mark.parametrize("what", STRANGE)
def test_what_is_of_another_kind_is_left_out(tmp_path, what):
    edit, expected = STRANGE[what]
    images = np.ones((3, 12, 17), np.float32)
    path = written(tmp_path / "a.h5", scenes.still(**SCAN), expected=images)
    with h5py.File(path, "r+") as file:
        edit(file)
    report = file_report(path)
    assert {key: report[key] for key in expected} == expected
    assert file_text(report)


def test_seeds_that_are_no_json_are_told_as_they_stand(tmp_path):
    path = written(tmp_path / "a.h5", scenes.still(), seeds={"noise": 7})
    with h5py.File(path, "r+") as file:
        put("entry/nbnumba/seeds", "seven")(file)
    assert file_report(path)["provenance"]["seeds"] == "seven"


@pytest.mark.parametrize("panels", [5, 0, "three", [3, 3]])
def test_panels_that_do_not_divide_the_rows_are_refused(tmp_path, panels):
    path = written(tmp_path / "a.h5", scenes.still().with_panels(slow=3, fast=1))
    with h5py.File(path, "r+") as file:
        file["entry/data/data"].attrs["panels"] = panels
    for read in (file_report, nb.read_image):
        with pytest.raises(nb.NbnumbaError, match=r"a\.h5: found .* panels in 12 rows"):
            read(path)


def test_cbf_images_are_decoded_once(tmp_path, monkeypatch):
    compression = pytest.importorskip("fabio.compression", reason="fabio is not installed")
    decoded, decode = [], compression.decByteOffset
    monkeypatch.setattr(compression, "decByteOffset", lambda *a, **b: decoded.append(1) or decode(*a, **b))
    file_report(measured.cbf(tmp_path / "a_00001.cbf", mini=measured.MINI))
    assert len(decoded) == 1


def test_the_command(tmp_path):
    path = written(tmp_path / "a.h5", scenes.still())
    run = CliRunner().invoke
    assert json.loads(run(cli, ["info", str(path), "--json"]).output)["images"] == 3
    assert "3 of 12 x 17 pixels" in run(cli, ["info", str(path)]).output
    beside = run(cli, ["info", str(path), "--geometry"])
    assert "found options about an experiment beside it" in str(beside.exception)
    toml = tmp_path / "a.toml"
    scenes.still().to_toml(toml)
    assert "Distance      83 mm" in run(cli, ["info", str(toml)]).output
    assert run(cli, ["info"]).output.startswith("nbnumba ")
    missing = run(cli, ["info", str(tmp_path / "missing.h5")])
    assert "missing.h5" in str(missing.exception)


def test_conversions(tmp_path):
    """To files for other programs, from images and from experiments."""
    experiment = scenes.still(**SCAN, **{"detector.pixels": (80, 60), "detector.pixel_size": 2.0})
    written(tmp_path / "a.h5", experiment)
    experiment.to_toml(tmp_path / "a.toml")
    for source in ("a.h5", "a.toml"):
        for ending in ("expt", "geom", "csv"):
            target = tmp_path / f"{source}.{ending}"
            done = CliRunner().invoke(cli, ["convert", str(tmp_path / source), str(target)])
            assert done.exit_code == 0, done.output
            assert target.stat().st_size
    tree = json.loads((tmp_path / "a.h5.expt").read_text())
    assert tree["scan"][0]["image_range"] == [1, 3]
    assert tree["imageset"][0]["template"] == str(tmp_path / "a.h5")
    lines = [len((tmp_path / f"{source}.csv").read_text().splitlines()) for source in ("a.h5", "a.toml")]
    assert lines[0] > lines[1] > 2  # three images, and one
    refused = CliRunner().invoke(cli, ["convert", str(tmp_path / "a.h5.csv"), str(tmp_path / "b.expt")])
    assert "found no experiment in it" in str(refused.exception)
