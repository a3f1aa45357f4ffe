"""The drop-in command: files as nanoBragg writes them, and what it says."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from flags_tried import TRIED, UNCHANGED

import nbnumba as nb
from nbnumba.compat import read_flags
from nbnumba.compat.flags import FLAGS
from nbnumba.compat.noise import photon_noise
from nbnumba.compat.printout import printout
from nbnumba.compat.run import run
from nbnumba.inputs.smv import read_smv

GOLDEN = Path(__file__).parents[1] / "golden"
SMALL = "-cell 70 80 90 90 90 90 -N 5 -default_F 100 -lambda 1.2 -detpixels 40 -oversample 1 "


@pytest.fixture
def folder(tmp_path):
    with zipfile.ZipFile(GOLDEN / "inputs.zip") as archive:
        archive.extractall(tmp_path)
    return tmp_path


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


def test_outputs_that_are_one_file_are_refused(folder):
    for words in ("-floatfile same -intfile same", "-o f.hkl -hkl f.hkl", "-pgmfile floatimage.bin"):
        (folder / "f.hkl").write_text("1 0 0 5\n")
        with pytest.raises(nb.NbnumbaError, match="another output"):
            run(read_flags(SMALL + words, folder))
    assert (folder / "f.hkl").read_text() == "1 0 0 5\n"


def test_files_may_go_to_the_null_device(folder):
    run(read_flags(SMALL + "-floatfile /dev/null -intfile /dev/null -pgmfile /dev/null -noisefile /dev/null", folder))
    assert os.listdir(folder) == ["inputs"]


def test_printed_factors_are_those_of_the_value(folder):
    flags = "-cell 70 80 90 90 90 90 -default_F 100 -N 1 -lambda 1.2 -detpixels 40 -oversample 3 -distance 20"
    translation = read_flags(flags, folder)
    image = nb.simulate(translation.experiment)
    (text,) = printout(translation.experiment, [(3, 30)], image)
    term = {
        line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line.split()[0] in ("polar", "omega")
    }
    photons = 7.94079248018965e-30 * 125932015286227086360700780544.0 * 100.0**2  # N = 1: F_latt is 1 everywhere
    assert image[30, 3] == pytest.approx(photons * term["polar"] * term["omega"], rel=1e-6)


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


def test_command_takes_what_departs_from_nanobragg(folder):
    words = "-detector_abs 300 -detector_thick 450 -water 1 -phi 0 -osc 1 -oversample 2 -oversample_polar"
    result = command(*SMALL.split(), *words.split(), cwd=folder)
    assert result.returncode == 0, result.stderr
    for word in ("sensor layers", "-water", "rotation through 0", "-oversample_polar"):
        assert f"Note: {word}" in result.stderr


def test_command_without_flags_prints_help_and_fails(folder):
    result = command(cwd=folder)
    assert result.returncode == 2
    assert "-lambda" in result.stdout


def test_command_prints_help_for_every_flag(folder):
    words = set(command("--help", cwd=folder).stdout.replace(",", " ").split())
    assert {f"-{name}" for flag in FLAGS for name in flag.names} <= words


@pytest.mark.parametrize(
    ("flags", "name"),
    [("-lambda 0", "-lambda"), ("-polar 2", "-polar"), ("-fudge 0", "-fudge"), ("-beam_vector 0 0 0", "-beam_vector")],
)
def test_values_out_of_range_are_refused_by_their_flag(flags, name, folder):
    with pytest.raises(nb.NbnumbaError, match=f"^{name}"):
        read_flags(SMALL + flags, folder)


def test_no_progress_meter_on_request(folder):
    assert "Rendering" in command(*SMALL.split(), cwd=folder).stderr
    assert "Rendering" not in command(*SMALL.split(), "-noprogress", cwd=folder).stderr


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.names[0])
def test_every_flag_acts(flag, folder):
    """Beside -seed 1, each flag changes a file or its name, but for those that are known to change nothing."""
    mask_file(folder, "mask.img")
    (folder / "sources.txt").write_text("-1 0 0.001 1 1.1e-10\n")
    before = set(os.listdir(folder))

    base = SMALL.replace("-detpixels 40", "") if flag.names[0].startswith("detsize") else SMALL

    def files(words):
        for file in set(os.listdir(folder)) - before:
            (folder / file).unlink()
        run(read_flags(f"{base} -seed 1 {words}", folder))
        return {name: (folder / name).read_bytes() for name in set(os.listdir(folder)) - before}

    value = TRIED.get(flag.names[0], " ".join("1" for _ in flag.values))
    others = " ".join(value.split()[len(flag.values) :]) if flag.names[0] not in ("cell", "sourcefile") else ""
    with_it = files(f"-{flag.names[0]} {value}")
    assert (with_it == files(others)) == (flag.names[0] in UNCHANGED)


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


# what goes wrong


def mask_file(folder, name, order="little_endian", cut=0):
    pixels = np.ones((40, 40), dtype="<u2" if order == "little_endian" else ">u2")
    pixels[5:20, 7:30] = 0
    fields = f"BYTE_ORDER={order};\nTYPE=unsigned_short;\nSIZE1=40;\nSIZE2=40;\nPIXEL_SIZE=0.2"
    head = f"{{\nHEADER_BYTES=512;\nDIM=2;\n{fields};\n}}\f"
    content = head.encode().ljust(512) + pixels.tobytes()
    (folder / name).write_bytes(content[: len(content) - cut])


def test_a_mask_may_have_either_byte_order(folder):
    mask_file(folder, "little.img")
    mask_file(folder, "big.img", "big_endian")
    images = [run(read_flags(f"{SMALL} -mask {name}.img", folder)).image for name in ("little", "big")]
    np.testing.assert_array_equal(*images)
    assert not images[0][5:20, 7:30].any()
    assert images[0].any()


def test_broken_masks_are_refused(tmp_path):
    mask_file(tmp_path, "short.img", cut=1)
    mask_file(tmp_path, "other.img")
    (tmp_path / "text.img").write_text("no image")
    (tmp_path / "folder.img").mkdir()
    before = sorted(os.listdir(tmp_path))
    for name, part in [("short", "3199"), ("other", "-mask"), ("text", "braces"), ("folder", "cannot be read")]:
        result = command(*SMALL.split(), "-detpixels", "50", "-mask", f"{name}.img", cwd=tmp_path)
        assert result.returncode == 2
        assert part in result.stderr
        assert f"{name}.img" in result.stderr
        assert "Traceback" not in result.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test_full_disk_leaves_nothing(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", disk], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        for pixels in (200, 150):  # 160 kB of raw pixels, which do not fit; 90 kB, and 45 kB of counts after them
            result = command(*SMALL.split(), "-detpixels", str(pixels), "-nopgm", "-nonoise", cwd=disk)
            assert result.returncode == 1
            assert "space" in result.stderr
            assert "Traceback" not in result.stderr
            assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_interrupt_leaves_nothing(tmp_path):
    words = [*SMALL.split(), "-detpixels", "3000", "-mosaic", "1", "-mosaic_dom", "10000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nbnumba_cli", "nanobragg", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()  # the settings come before the work
        time.sleep(3.0)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert b"Traceback" not in errors
    assert os.listdir(tmp_path) == []


def test_all_pixels_of_a_region_are_printed(folder):
    result = command(*SMALL.split(), "-roi", "3", "5", "8", "9", "-printout", cwd=folder)
    places = [line.split(";")[0].split(None, 1)[1] for line in result.stdout.splitlines() if line.startswith("Pixel  ")]
    assert places == [f"fast {fast}, slow {slow}" for slow in (8, 9) for fast in (3, 4, 5)]
