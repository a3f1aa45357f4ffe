"""The drop-in command: files as nanoBragg writes them, and what it says."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbnumba as nb
from nbnumba.compat import read_flags
from nbnumba.compat.header import smv_fields
from nbnumba.compat.noise import photon_noise
from nbnumba.compat.run import run
from nbnumba.inputs.smv import read_smv

GOLDEN = Path(__file__).parents[1] / "golden"
SMALL = "-cell 70 80 90 90 90 90 -N 5 -default_F 100 -lambda 1.2 -detpixels 40 -oversample 1 "


def figures():
    return h5py.File(GOLDEN / "figures.h5")


def cases(having):
    with figures() as file:
        return [name for name in file if having in file[name] or having in file[name].attrs]


@pytest.fixture
def folder(tmp_path):
    with zipfile.ZipFile(GOLDEN / "inputs.zip") as archive:
        archive.extractall(tmp_path)
    return tmp_path


def arguments(case):
    return case.attrs["args"].replace("-dump F.bin", "-hkl inputs/small.hkl" if "first" in case.attrs else "")


@pytest.mark.parametrize("name", cases("smv_header"))
def test_header_values_equal_the_reference(name, folder):
    with figures() as file:
        expected = dict(
            line.rstrip(";").split("=", 1) for line in file[name].attrs["smv_header"].splitlines() if "=" in line
        )
        found = smv_fields(read_flags(arguments(file[name]), folder))
    assert set(found) < set(expected)
    for key in set(found) - {"BEAMLINE", "DETECTOR_SN"}:
        ours, theirs = ([float(x) for x in values[key].split(",")] for values in (found, expected))
        # %g keeps six digits, of which rounding may move the last; a value that should be 0 may be the dust of it.
        assert ours == pytest.approx(theirs, rel=1.1e-5, abs=1e-12), key


@pytest.mark.parametrize("name", cases("int"))
def test_integer_and_pgm_images_equal_the_reference_to_a_count(name, folder):
    with figures() as file:
        case = file[name]
        run(read_flags(arguments(case) + " -nonoise", folder))
        place = case["place"][()]
        counts = read_smv(folder / "intimage.img").pixels.ravel()[place].astype(int)
        assert np.abs(counts - case["int"][()]).max() <= 1
        header = case.attrs["pgm_header"].encode()
        written = (folder / "image.pgm").read_bytes()
        assert written.startswith(header)
        grey = np.frombuffer(written[len(header) :], np.uint8)[place].astype(int)
        assert np.abs(grey - case["pgm"][()]).max() <= 1


@pytest.mark.parametrize(("name", "seed", "adc"), [("noise_low", 1234, 40), ("noise_high", 99, 10)])
def test_noise_equals_the_reference_number_by_number(name, seed, adc):
    with figures() as file:
        drawn = photon_noise(file[name]["mean"][()], seed).astype(float)
        np.testing.assert_array_equal(np.clip(drawn + adc, 0, 65535).astype(int), file[name]["noise"][()])


def test_noise_has_the_statistics_of_photons():
    for mean in (0.01, 1.0, 11.9, 12.0, 100.0, 1e4, 1e7):
        drawn = photon_noise(np.full((200, 200), mean, dtype=np.float32), seed=5).astype(float)
        assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / drawn.size))
        assert drawn.var() == pytest.approx(mean, rel=0.1 if mean < 1 else 0.05)


def test_raw_image_is_the_simulated_one(folder):
    translation = read_flags(SMALL, folder)
    result = run(translation)
    raw = np.fromfile(folder / "floatimage.bin", dtype="<f4").reshape(40, 40)
    np.testing.assert_array_equal(raw, nb.simulate(translation.experiment))
    np.testing.assert_array_equal(raw, result.image)


def test_files_have_the_names_asked_for(folder):
    names = {"-floatfile": "f.bin", "-intfile": "i.img", "-pgmfile": "p.pgm", "-noisefile": "n.img", "-o": "x.h5"}
    run(read_flags(SMALL + " ".join(f"{flag} {name}" for flag, name in names.items()), folder))
    assert set(names.values()) <= {file.name for file in folder.iterdir()}
    assert nb.read_nexus(folder / "x.h5")[0] == nb.from_nanobragg(SMALL)


def test_dump_brings_the_reflections_back(folder):
    flags = "-cell 70 80 90 90 90 90 -N 5 -detpixels 8 -oversample 1 -default_F 3 "
    first = run(read_flags(flags + "-hkl inputs/small.hkl", folder))
    again = run(read_flags(flags, folder))
    np.testing.assert_array_equal(first.image, again.image)
    assert not any("wide" in note for note in read_flags(flags, folder).notes)


def test_water_is_added_once_and_does_not_depend_on_sampling(folder):
    dry = run(read_flags(SMALL, folder)).image.astype(float)
    wet = run(read_flags(SMALL + "-water 2", folder)).image.astype(float)
    many = run(read_flags(SMALL + "-water 2 -mosaic 0.5 -mosaic_dom 3", folder)).image.astype(float)
    crystal = run(read_flags(SMALL + "-mosaic 0.5 -mosaic_dom 3", folder)).image.astype(float)
    molecules = (2e-6) ** 3 * 1e6 * 6.02214179e23 / 18.0
    spot = (
        2.57**2 * molecules * (0.1 / 100.0) ** 2
    )  # at the direct beam: polarization 1, solid angle pixel^2/distance^2
    assert (wet - dry).max() == pytest.approx(spot, rel=1e-3)
    np.testing.assert_allclose(many - crystal, wet - dry, rtol=2e-6 * dry.max() / spot + 1e-6)


def test_regions_outside_stay_zero(folder):
    run(read_flags(SMALL + "-roi 5 20 8 30 -seed 3", folder))
    for name in ("intimage.img", "noiseimage.img"):
        pixels = read_smv(folder / name).pixels
        assert (pixels[8:31, 5:21] >= 40).all()
        pixels[8:31, 5:21] = 0
        assert not pixels.any()


def command(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "nbnumba_cli", "nanobragg", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        env=dict(os.environ),
    )


def test_command_reports_and_writes(folder):
    result = command(*SMALL.split(), "-misset", "-10", "20", "30", "-printout_pixel", "20", "10", cwd=folder)
    assert result.returncode == 0, result.stderr
    for word in ("mosflm", "Unit cell", "ORGX", "DIALS", "F_latt", "omega", "Solid angle", "rms", "intimage.img"):
        assert word in result.stdout
    assert {"floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img"} <= set(os.listdir(folder))


def test_command_without_flags_prints_help_and_fails(folder):
    result = command(cwd=folder)
    assert result.returncode == 2
    assert "-lambda" in result.stdout


def test_command_prints_help_for_every_flag(folder):
    text = command("--help", cwd=folder).stdout
    for word in ("-lambda", "-detector_abs", "mrad", "-misset", "INTEGER"):
        assert word in text


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["-detpixel", "5"], "-detpixels"),
        (["-N"], "-N"),
        (["-mask", "none.img"], "none.img"),
        (["5"], "'5'"),
        (["-printout_pixel", "5", "400"], "-printout_pixel"),
    ],
)
def test_command_refuses_bad_flags(words, part, folder):
    shutil.rmtree(folder / "inputs")
    result = command(*SMALL.split(), *words, cwd=folder)
    assert result.returncode == 2
    assert part in result.stderr
    assert "Traceback" not in result.stderr
    assert os.listdir(folder) == []
