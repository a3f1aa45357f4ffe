"""The rules for HDF5 files: ours keep them, and each is told where it is broken."""

import json

import h5py
import numpy as np
import pytest
import scenes
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.checks.rules import RULES, Rule

SCAN = {"scan.start": 5.0, "scan.width": 2.0}
NARROW = nb.Detector(
    pixel_size=0.7,
    panels=(
        nb.Panel(pixels=(6, 9), origin=(80.0, 6.0, -9.0), fast=(0, 0, 1), slow=(0, -1, 0)),
        nb.Panel(pixels=(8, 5), origin=(70.0, -20.0, 9.0), fast=(0.3, 0.1, 1), slow=(-0.4, -1.0, 0.22)),
    ),
)
SPECTRUM = nb.Spectrum((0.9, 1.0, 1.1), (1.0, 2.0, 1.0))
MASK = nb.Mask(np.arange(12 * 17).reshape(12, 17) % 5 > 0)
OURS = {
    "still": (scenes.still(), {}),
    "scan": (scenes.still(**SCAN), {}),
    "backwards": (scenes.still(**SCAN | {"scan.width": -2.0}), {}),
    "one image of a scan": (scenes.still(**SCAN), {"images": 1}),
    "panels": (scenes.still(**SCAN).with_panels(slow=3, fast=1), {}),
    "narrow panels": (scenes.still(detector=NARROW), {}),
    "mask": (scenes.still(**{"detector.mask": MASK}), {}),
    "curved": (scenes.still(**{"detector.curvature": "spherical"}), {}),
    "sensor": (scenes.still(**{"detector.sensor_thickness": 0.5, "detector.sensor_mu": 1.0}), {}),
    "spectrum": (scenes.still(beam=nb.Beam(spectrum=SPECTRUM)), {}),
    "beams": (scenes.still(), {"beams": [nb.Beam(wavelength=x) for x in (1.0, 1.1, 1.2)]}),
    "counts": (scenes.still(**{"response.dtype": "uint16"}), {"kind": "uint16"}),
    "data files": (scenes.still(**SCAN), {"images_per_file": 2}),
    "cxi": (scenes.still(), {"cxi": True}),
}


def written(path, experiment=None, images=3, kind="int32", **how):
    experiment = experiment or scenes.still(**SCAN)
    return nb.write_nexus(path, experiment, np.ones((images, *experiment.detector.shape), kind), **how)


@pytest.mark.parametrize("name", OURS)
def test_files_of_ours_keep_the_rules(tmp_path, name):
    experiment, how = OURS[name]
    found = nb.check_nexus(written(tmp_path / "a.h5", experiment, **how))
    assert [one for one in found if one.level != "note"] == []


def edited(path, edit):
    written(path)
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def removed(*names):
    return lambda file: [file.__delitem__(f"entry/{name}") for name in names]


def unmarked(name, attribute):
    return lambda file: file[f"entry/{name}"].attrs.__delitem__(attribute)


def marked(name, attribute, value):
    return lambda file: file[f"entry/{name}"].attrs.__setitem__(attribute, value)


def put(name, value, **attributes):
    def edit(file):
        if f"entry/{name}" in file:
            del file[f"entry/{name}"]
        file[f"entry/{name}"] = value
        file[f"entry/{name}"].attrs.update(attributes)

    return edit


def all_of(*edits):
    return lambda file: [edit(file) for edit in edits]


def moved_beam(file):
    file.move("entry/instrument/beam", "entry/sample/beam")


def numbered(file):
    data = file["entry/data/data"][()]
    del file["entry/data/data"]
    file["entry/data/data_000001"], file["entry/data/data_000002"] = data[:2], data[2:]


def circle(file):
    file["entry/instrument/detector/transformations/det_z"].attrs["depends_on"] = "det_z"


MODULE = "instrument/detector/module"
OMEGA = "sample/transformations/omega"


def linked(file):
    del file["entry/data/data"]
    file["entry/data/data"] = h5py.ExternalLink("other.h5", "/data")


def narrow(file):
    file.copy(f"entry/{MODULE}", f"entry/{MODULE}_2")
    file[f"entry/{MODULE}_2/data_size"][()] = [12, 5]
    put("instrument/detector/pixel_mask", np.zeros((12, 17), "uint32"))(file)


def unturned(file):
    for name in (f"{OMEGA}_end", "sample/goniometer"):
        del file[f"entry/{name}"]
    file[f"entry/{OMEGA}"][()] = 5.0


def shown_with_zeros(file):
    file.move("entry/data/data", "entry/held")
    layout = h5py.VirtualLayout((3, 12, 17), "int32")
    layout[...] = h5py.VirtualSource(file["entry/held"])
    file["entry/data"].create_virtual_dataset("data", layout, fillvalue=0)


def second_axis(file):
    file.copy(f"entry/{OMEGA}", "entry/sample/transformations/phi")
    marked(OMEGA, "depends_on", "/entry/sample/transformations/phi")(file)


def packed_by_lzf(file):
    del file["entry/data/data"]
    file["entry/data"].create_dataset("data", data=np.ones((3, 12, 17), "int32"), compression="lzf")


EDITS = {
    "entry": ("error", lambda file: file["entry"].attrs.__delitem__("NX_class"), "NX_class NXentry"),
    "definition": ("error", put("definition", "NXsas"), "'NXsas'"),
    "times": ("error", removed("end_time_estimated"), "end_time_estimated"),
    "groups": ("error", unmarked("sample", "NX_class"), "no NXsample"),
    "names": ("error", removed("sample/name", "source"), "no NXsource"),
    "goniometer chain": ("error", removed("sample/depends_on"), "depends_on"),
    "beam": ("error", moved_beam, "an NXbeam in /entry/sample/beam alone"),
    "wavelength": ("error", put("instrument/beam/incident_wavelength", 1.0, units="keV"), "'keV'"),
    "pixels": ("error", marked(f"{MODULE}/fast_pixel_direction", "vector", [0.0, -1.0, 0.0]), "directions [0.0, -1.0"),
    "sensor": ("error", put("instrument/detector/sensor_material", "glass"), "'glass'"),
    "module": ("error", removed(f"{MODULE}/data_size"), "data_size"),
    "vectors": ("error", unmarked(f"{MODULE}/module_offset", "vector"), "module_offset@vector"),
    "pixel directions": ("error", marked(f"{MODULE}/fast_pixel_direction", "offset", [1.0, 2.0, 0.0]), "[1.0, 2.0"),
    "chains": ("error", circle, "does not end"),
    "units": ("error", unmarked("instrument/beam/incident_wavelength", "units"), "incident_wavelength@units"),
    "one dataset": ("error", numbered, "2 datasets, data_000001 to data_000002"),
    "pixel type": (
        "error",
        all_of(removed("instrument/detector/bit_depth_readout"), put("data/data", np.ones((3, 12, 17), "int64"))),
        "int64",
    ),
    "modules on data": ("error", put(f"{MODULE}/data_size", [13, 17]), "[13, 17]"),
    "mask shape": ("error", put("instrument/detector/pixel_mask", np.zeros((12, 16), "uint32")), "(12, 16)"),
    "wavelengths": ("error", put("instrument/beam/incident_wavelength", [1.0, 1.1], units="angstrom"), "2 wavelengths"),
    "angles": (
        "error",
        put(OMEGA, [1.0, 2.0], units="deg", vector=[-1, 0, 0], depends_on=".", transformation_type="rotation"),
        "2 angles for 3",
    ),
    "backwards": (
        "error",
        put(OMEGA, [5.0, 3.0, 1.0], units="deg", vector=[-1, 0, 0], depends_on=".", transformation_type="rotation"),
        "angles that fall",
    ),
    "signal": ("warning", unmarked("data", "signal"), "@signal"),
    "other units": ("warning", unmarked("instrument/detector/count_time", "units"), "count_time@units"),
    "saturation": ("warning", put("instrument/detector/saturation_value", 2**31 - 1), "saturation_value"),
    "frame time": ("warning", removed("instrument/detector/frame_time"), "frame_time"),
    "linked files": ("error", linked, "other.h5"),
    "mask of narrow modules": ("error", narrow, "a mask for modules of 5, 17 pixels"),
    "oscillation width": ("error", unturned, "angles that are all the same"),
    "fill value": ("warning", shown_with_zeros, "the fill value 0"),
    "several turn": ("warning", second_axis, "2 axes that turn"),
    "filters": ("note", packed_by_lzf, "filter 32000 (lzf)"),
    "recommended": ("note", removed("instrument/detector/description"), "description"),
}


@pytest.mark.parametrize("rule", EDITS)
def test_what_breaks_a_rule_is_told(tmp_path, rule):
    level, edit, words = EDITS[rule]
    found = [one for one in nb.check_nexus(edited(tmp_path / "a.h5", edit)) if one.rule == rule]
    assert found
    assert {one.level for one in found} == {level}
    assert any(words in f"{one.where} {one.found}" for one in found), found
    assert all(one.needed and one.otherwise for one in found)


def test_every_rule_has_a_case():
    assert sorted(EDITS) == sorted(rule.name for rule in RULES)


#: Of another type or shape than it should be.
STRANGE = {
    "sensor": put("instrument/detector/sensor_thickness", "thin"),
    "definition": put("definition", [1.0, 2.0]),
    "vectors": marked(f"{MODULE}/module_offset", "vector", "up"),
    "chains": marked(f"{MODULE}/module_offset", "offset", "aside"),
    "angles": put(OMEGA, "far", units="deg", vector=[-1, 0, 0], depends_on=".", transformation_type="rotation"),
    "module": put(f"{MODULE}/data_size", "large"),
    "one dataset": put("data/data", np.ones(5, "int32")),
}


@pytest.mark.parametrize("rule", STRANGE)
def test_values_of_another_kind_break_a_rule(tmp_path, rule):
    found = nb.check_nexus(edited(tmp_path / "a.h5", STRANGE[rule]))
    assert "error" in {one.level for one in found if one.rule == rule}


@pytest.mark.parametrize("value", ["high", np.zeros(0), h5py.Empty("f8")], ids=["text", "empty", "null"])
def test_a_saturation_value_that_is_no_number_is_passed_over(tmp_path, value):
    found = nb.check_nexus(edited(tmp_path / "a.h5", put("instrument/detector/saturation_value", value)))
    assert "saturation" not in {one.rule for one in found}


def test_text_that_is_not_utf8_is_told(tmp_path):
    found = nb.check_nexus(edited(tmp_path / "a.h5", put("definition", np.bytes_(b"NXm\xff"))))
    assert [one.found for one in found if one.rule == "definition"] == ["'NXm\ufffd'"]


def test_a_rule_that_cannot_be_checked_is_broken(tmp_path, monkeypatch):
    def broken_by(tree):
        raise IndexError("none left")
        yield

    monkeypatch.setattr(nb.checks, "RULES", [Rule("note", "good order", broken_by)])
    (one,) = nb.check_nexus(written(tmp_path / "a.h5"))
    assert (one.level, one.rule) == ("error", "good order")
    assert "IndexError: none left" in one.found


def test_a_mask_of_narrow_modules_is_told(tmp_path):
    written(tmp_path / "a.h5", scenes.still(detector=NARROW))
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["entry/instrument/detector/pixel_mask"] = np.zeros((16, 9), "uint32")
    (error,) = [one for one in nb.check_nexus(tmp_path / "a.h5") if one.level == "error"]
    assert error.found == "a mask for modules of 5, 9 pixels"


@pytest.mark.parametrize("damage", ["gone", "cut", "other", "short"])
def test_data_files_that_are_missing_are_named(tmp_path, damage):
    written(tmp_path / "a.h5", images_per_file=2)
    lost = tmp_path / "a_000002.h5"
    if damage == "cut":
        lost.write_bytes(lost.read_bytes()[:100])
    else:
        lost.unlink()
    if damage in ("other", "short"):
        with h5py.File(lost, "w") as file:
            file["something" if damage == "other" else "data"] = np.ones((0, 12, 17), "int32")
    (error,) = [one for one in nb.check_nexus(tmp_path / "a.h5") if one.level == "error"]
    assert error.rule == "linked files"
    assert str(lost) in error.found
    assert "fill value" in error.otherwise


def test_files_of_anything_are_checked(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/data"] = np.ones((2, 3))
    assert [one.rule for one in nb.check_nexus(tmp_path / "a.h5")] == ["entry"]


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n and no more", b"text"])
def test_what_is_no_hdf5_is_refused(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(nb.NbnumbaError, match=r"a\.h5"):
        nb.check_nexus(tmp_path / "a.h5")


def test_the_command(tmp_path):
    good = CliRunner().invoke(cli, ["check", str(written(tmp_path / "good.h5"))])
    assert good.exit_code == 0
    assert "0 errors, 0 warnings" in good.output
    bad = edited(tmp_path / "bad.h5", removed("definition"))
    told = CliRunner().invoke(cli, ["check", str(bad)])
    assert told.exit_code == 1
    assert "error: /entry/definition: found nothing; needed: NXmx" in told.output
    report = json.loads(CliRunner().invoke(cli, ["check", str(bad), "--json"]).output)
    assert report["counts"]["error"] == 1
    assert report["broken"][0]["where"] == "/entry/definition"
