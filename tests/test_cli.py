"""The installed command: what it prints, what it leaves behind, and how it refuses bad input."""

import json
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

import nbnumba as nb

GOOD = """
[crystal]
cell = [50, 60, 70, 90, 90, 90]
cells = [5, 5, 5]
default_f = 10.0
[beam]
wavelength = 1.0
[detector]
pixels = [20, 30]
pixel_size = 1.0
distance = 50.0
[sampling]
oversample = 1
"""


def run(*words, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "nbnumba_cli", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.fixture
def toml(tmp_path):
    file = tmp_path / "good.toml"
    file.write_text(GOOD)
    return file


def refused(result, *parts):
    """Exit code 2, one message, no traceback."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("Error") == 1
    for part in parts:
        assert part in result.stderr


def test_simulate_tells_spectrum_and_fluence(toml, tmp_path):
    (tmp_path / "s.txt").write_text("0.98 1\n0.99 2\n1.00 1\n")
    words = ["--set", "beam.spectrum=s.txt", "--set", "beam.flux=1e12", "--set", "beam.profile=gaussian", "--set",
             "beam.size=0.01", "--set", "beam.offset=0.005,0"]  # fmt: skip
    result = run("simulate", toml, "-o", tmp_path / "a.h5", *words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    # half a FWHM out: half of 4 ln2/pi 1e12/(10 um)^2
    assert "3 wavelengths, mean 0.99 A, FWHM 0.02 A (2.02 %)" in " ".join(result.stdout.split())
    assert "4.41271e+21 photons/m^2 on the crystal, 50 % of that at the beam's centre" in result.stdout
    report = json.loads(run("simulate", toml, "-o", tmp_path / "b.h5", "--json", *words, cwd=tmp_path).stdout)
    assert (report["wavelengths"], report["illuminated_fraction"]) == (3, pytest.approx(0.5))


def test_simulate_writes_image_and_summary(toml, tmp_path):
    result = run("simulate", toml, "-o", tmp_path / "a.h5", "--png", tmp_path / "a.png")
    assert result.returncode == 0, result.stderr
    for word in ("Cell", "Resolution", "MOSFLM", "XDS", "Photons", "steps a second", "a.h5", "a.png"):
        assert word in result.stdout
    experiment, image = nb.read_nexus(tmp_path / "a.h5")
    assert experiment == nb.Experiment.from_toml(toml)
    np.testing.assert_array_equal(image, nb.simulate(experiment))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_set_changes_the_experiment(toml, tmp_path):
    result = run(
        "simulate", toml, "-o", tmp_path / "a.h5", "--json",
        "--set", "crystal.misset=10,20,30", "--set", "crystal.shape=round", "--set", "beam.wavelength=1.1",
    )  # fmt: skip
    report = json.loads(result.stdout)
    assert report["wavelength_A"] == 1.1
    experiment, _ = nb.read_nexus(tmp_path / "a.h5")
    assert experiment.crystal.misset == (10.0, 20.0, 30.0)
    assert experiment.crystal.shape == "round"


def test_set_can_name_a_reflection_file(toml, tmp_path):
    (tmp_path / "f.hkl").write_text("1 0 0 5.0\n0 1 0 6.0\n")
    words = ["simulate", toml, "-o", tmp_path / "a.h5", "--set", "crystal.reflections=f.hkl"]
    assert run(*words, cwd=tmp_path).returncode == 0
    experiment, _ = nb.read_nexus(tmp_path / "a.h5")
    assert experiment.crystal.reflections.amplitude.tolist() == [5.0, 6.0]


def test_sensor_and_background_are_told(toml, tmp_path):
    (tmp_path / "oil.stol").write_text("0 2\n0.3 1\n")
    sensor = ("--set", "detector.sensor_material=CdTe", "--set", "detector.sensor_thickness=0.05")
    matter = ("--set", 'background=[{material="water", thickness=0.1}, {material="air", thickness=50}]')
    result = run("simulate", toml, "-o", tmp_path / "a.h5", *sensor, *matter)
    assert result.returncode == 0, result.stderr
    assert "Sensor        0.05 mm CdTe, mu 45.32 1/mm, catches 89.63 % of what comes along its normal" in result.stdout
    assert "Background    water, 0.1 mm; air, 50 mm" in result.stdout
    known = 'background=[{table="none.stol", thickness=1, density=1, molecular_weight=18}]'
    table = ("--set", known.replace('"none.stol"', f'"{tmp_path}/oil.stol"'))
    result = run("simulate", toml, "-o", tmp_path / "b.h5", "--json", *table)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["background"] == ["table of 2 rows, 1 mm"]
    assert (report["sensor_material"], report["sensor_mu_per_mm"], report["sensor_caught"]) == (None, 0.0, 1.0)
    with_table = tmp_path / "oil.toml"
    with_table.write_text(GOOD + "[[background]]\ntable = 'x'\nthickness = 1\ndensity = 1\nmolecular_weight = 18\n")
    words = ("simulate", with_table, "-o", tmp_path / "c.h5", "--set", "background.0.table=oil.stol")
    assert run(*words, cwd=tmp_path).returncode == 0  # a name relative to the working folder
    refused(run("simulate", toml, "-o", tmp_path / "d.h5", "--set", "detector.sensor_material=Si"), "sensor_thickness")


def test_series_turns_the_crystal(toml, tmp_path):
    series = tmp_path / "s.h5"
    result = run("simulate", toml, "-o", series, "--images", 3, "--set", "scan.width=2.0", "--set", "scan.steps=2")
    assert result.returncode == 0, result.stderr
    experiment, images = nb.read_nexus(series)
    last = nb.simulate(experiment.replace(**{"scan.start": 4.0}))
    np.testing.assert_array_equal(images[2], last)


def test_nanobragg_flags_instead_of_toml(tmp_path):
    flags = "-cell 50 60 70 90 90 90 -N 3 -default_F 10 -detpixels 16 -oversample 1"
    assert run("simulate", "--nanobragg", flags, "-o", tmp_path / "a.h5").returncode == 0
    experiment, image = nb.read_nexus(tmp_path / "a.h5")
    assert experiment == nb.from_nanobragg(flags)
    assert image.max() > 0


def test_demo_writes_its_files_and_a_way_on(tmp_path):
    result = run("demo", "-o", tmp_path / "demo")
    assert result.returncode == 0, result.stderr
    assert {file.name for file in (tmp_path / "demo").iterdir()} == {"demo.toml", "1orc.pdb.gz", "demo.h5", "demo.png"}
    assert "nbnumba simulate" in result.stdout
    assert run("demo", "-o", tmp_path / "demo").returncode == 0
    (tmp_path / "demo" / "demo.toml").write_text("mine")
    refused(run("demo", "-o", tmp_path / "demo"), "exists", "--overwrite")
    assert run("demo", "-o", tmp_path / "demo", "--overwrite").returncode == 0


def test_help_is_quick_and_names_units():
    start = time.perf_counter()
    text = run("--help").stdout
    assert time.perf_counter() - start < 3.0  # a bound against importing the world; the figure itself is benchmarked
    assert "simulate" in text
    assert "demo" in text
    assert "degrees" in run("simulate", "--help").stdout


def test_help_needs_neither_numba_nor_numpy():
    code = (
        "import sys; from click.testing import CliRunner; from nbnumba_cli.main import cli;"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0;"
        "assert not {'numba', 'numpy', 'h5py', 'gemmi'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


BAD_SETTINGS = {
    "negative cell": ("crystal.cell=-50,60,70,90,90,90", "crystal.cell", "-50"),
    "impossible angles": ("crystal.cell=50,60,70,10,20,100", "crystal.cell angles", "100"),
    "zero pixels": ("detector.pixels=0,30", "detector.pixels", "0"),
    "nan": ("beam.wavelength=nan", "beam.wavelength", "nan"),
    "wavelength 0": ("beam.wavelength=0", "beam.wavelength", "0.0"),
    "singular matrix": ("crystal.orientation=[[1,0,0],[0,1,0],[1,1,0]]", "crystal.orientation", "singular"),
    "detector behind": ("detector.distance=-50", "detector.distance", "-50"),
    "detector turned away": ("detector.rotation=0,180,0", "detector.rotation", "180"),
    "axis along the beam": ("beam.polarization_axis=1,0,0", "beam.polarization_axis", "parallel"),
    "unknown key": ("crystal.missset=1,2,3", "missset", "Did you mean 'misset'"),
    "unknown part": ("cristal.misset=1,2,3", "cristal", "Did you mean 'crystal'"),
    "word": ("crystal.shape=squre", "crystal.shape", "did you mean 'square'"),
    "no value": ("crystal.shape", "--set", "NAME=VALUE"),
    "text for a number": ("beam.wavelength=long", "beam.wavelength", "'long'"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_bad_setting_is_refused(name, toml, tmp_path):
    setting, *parts = BAD_SETTINGS[name]
    output = tmp_path / "out.h5"
    refused(run("simulate", toml, "-o", output, "--set", setting), *parts)
    assert not output.exists()


BAD_REFLECTIONS = {
    "hkl with text": ("a.hkl", b"1 2 3 4.0\n1 2 x 5\n", ("a.hkl", "line 2", "1 2 x 5")),
    "empty hkl": ("a.hkl", b"", ("a.hkl",)),
    "not an MTZ": ("a.mtz", b"MTZ nothing", ("a.mtz",)),
    "empty MTZ": ("a.mtz", b"", ("a.mtz", "empty")),
}


@pytest.mark.parametrize("name", BAD_REFLECTIONS)
def test_bad_reflection_file_is_refused(name, toml, tmp_path):
    file, content, parts = BAD_REFLECTIONS[name]
    (tmp_path / file).write_bytes(content)
    output = tmp_path / "out.h5"
    refused(run("simulate", toml, "-o", output, "--set", f"crystal.reflections={tmp_path / file}"), *parts)
    assert not output.exists()


def test_mtz_without_amplitudes_lists_its_columns(toml, tmp_path):
    gemmi = pytest.importorskip("gemmi")
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.find_spacegroup_by_name("P 1")
    mtz.set_cell_for_all(gemmi.UnitCell(50, 60, 70, 90, 90, 90))
    mtz.add_dataset("data")
    mtz.add_column("PHIC", "P")
    mtz.set_data(np.array([[1, 0, 0, 90.0]], dtype=np.float32))
    mtz.write_to_file(str(tmp_path / "a.mtz"))
    result = run("simulate", toml, "-o", tmp_path / "out.h5", "--set", f"crystal.reflections={tmp_path / 'a.mtz'}")
    refused(result, "a.mtz", "PHIC")


def test_missing_file_is_refused(tmp_path):
    refused(run("simulate", tmp_path / "none.toml", "-o", tmp_path / "a.h5"), "none.toml", "cannot be read")


def test_malformed_toml_is_refused(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("[crystal\ncell = 1")
    refused(run("simulate", file, "-o", tmp_path / "a.h5"), "bad.toml", "not valid TOML", "line 1")


def test_missing_output_folder_is_refused_before_work(toml, tmp_path):
    refused(run("simulate", toml, "-o", tmp_path / "none" / "a.h5"), "none")


def test_existing_output_is_kept(toml, tmp_path):
    output = tmp_path / "a.h5"
    output.write_text("precious")
    refused(run("simulate", toml, "-o", output), "a.h5", "--overwrite")
    assert output.read_text() == "precious"
    assert run("simulate", toml, "-o", output, "--overwrite").returncode == 0
    assert h5py.is_hdf5(output)


def test_outputs_that_are_one_file_or_an_input_are_refused(toml, tmp_path):
    refused(run("simulate", toml, "-o", tmp_path / "a", "--png", tmp_path / "a"), "another output")
    bare = toml.rename(tmp_path / "good")
    refused(run("simulate", bare, "-o", bare, "--overwrite"), "input")
    assert bare.read_text() == GOOD
    assert not (tmp_path / "a").exists()


def test_series_needs_a_rotation(toml, tmp_path):
    refused(run("simulate", toml, "-o", tmp_path / "a.h5", "--images", 2), "--images", "scan.width")


def test_image_beyond_float32_is_refused(toml, tmp_path):
    refused(run("simulate", toml, "-o", tmp_path / "a.h5", "--set", "crystal.default_f=1e30"), "float32")


def test_beam_off_the_detector_is_null_in_json(toml, tmp_path):
    words = ["--set", "detector.convention=xds", "--set", "detector.twotheta=100", "--json"]
    report = json.loads(run("simulate", toml, "-o", tmp_path / "a.h5", *words).stdout, parse_constant=pytest.fail)
    assert report["beam_center"]["mosflm"] == [None, None]


def test_full_disk_leaves_nothing(toml, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        result = run("simulate", toml, "-o", disk / "a.h5", "--set", "detector.pixels=200,300")
        assert result.returncode == 1
        assert "a.h5: cannot be written" in result.stderr
        assert "space" in result.stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_neither_or_both_sources_are_refused(toml, tmp_path):
    refused(run("simulate", "-o", tmp_path / "a.h5"), "--nanobragg")
    refused(run("simulate", toml, "--nanobragg", "-N 1", "-o", tmp_path / "a.h5"), "--nanobragg")


def test_misspelt_flag_gets_a_suggestion(tmp_path):
    refused(run("simulate", "--nanobragg", "-detpixel 5", "-o", tmp_path / "a.h5"), "-detpixel", "-detpixels")


@pytest.mark.parametrize(("option", "value"), [("--device", "cuda"), ("--precision", "half"), ("--threads", "4000")])
def test_what_is_not_there_is_refused(option, value, toml, tmp_path):
    refused(run("simulate", toml, "-o", tmp_path / "a.h5", option, value), value)
    assert not (tmp_path / "a.h5").exists()


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_nothing(sign, toml, tmp_path):
    output = tmp_path / "out" / "a.h5"
    output.parent.mkdir()
    words = ["simulate", toml, "-o", output, "--images", "100000", "--set", "scan.width=1.0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nbnumba_cli", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.time() + 60
    while not list(output.parent.iterdir()) and time.time() < deadline:
        time.sleep(0.05)
    process.send_signal(sign)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert b"Traceback" not in errors
    assert list(output.parent.iterdir()) == []
