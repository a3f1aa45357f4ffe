"""Long series: writing image by image, in several files, compressed, while others read, with beams of their own."""

import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import click
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.outputs import compression, hdf5

SHAPE = (20, 30)
STILL = nb.Experiment(
    crystal=nb.Crystal(cell=(50, 60, 70, 90, 95, 90), cells=(5, 5, 5), default_f=100.0),
    beam=nb.Beam(wavelength=1.0, flux=1e12, exposure=0.1, size=0.05),
    detector=nb.Detector(pixels=SHAPE, pixel_size=0.172, distance=123.4),
)
SCAN = STILL.replace(scan=nb.Scan(start=-7.0, width=0.3))
PANELS = STILL.with_panels(slow=2, fast=3)
BITSHUFFLE = 32008  # HDF5's number of the filter


def images(n, kind="uint16", shape=SHAPE):
    return np.random.default_rng(n).integers(0, 100, (n, *shape)).astype(kind)


def listing(folder):
    return sorted(os.listdir(folder))


def beam(**changes):
    return nb.Beam(**{"wavelength": 1.0, "flux": 1e12, "exposure": 0.1, "size": 0.05} | changes)


def python(script, *arguments, **options):
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


class TestTree:
    def test_images_stand_over_the_angle(self, tmp_path):
        nb.write_nexus(tmp_path / "a.h5", SCAN, images(3), expected=images(3, "float32"))
        with h5py.File(tmp_path / "a.h5") as file:
            for name in ("data", "expected"):
                data = file["entry"][name]
                assert data.attrs["axes"].tolist() == ["omega", ".", "."]
                assert data.attrs["omega_indices"] == 0
                assert data["omega"] == file["entry/sample/transformations/omega"]
            goniometer = file["entry/sample/goniometer"]
            assert goniometer.attrs["NX_class"] == "NXgoniometer"
            np.testing.assert_allclose(goniometer["omega"], [-7.0, -6.7, -6.4])
            np.testing.assert_allclose(goniometer["omega_end"], [-6.7, -6.4, -6.1])
            np.testing.assert_allclose(goniometer["omega_increment_set"], 0.3)
            assert all(item.attrs["units"] == "deg" for item in goniometer.values())

    def test_stills_stand_over_nothing(self, tmp_path):
        nb.write_nexus(tmp_path / "a.h5", STILL, images(3))
        with h5py.File(tmp_path / "a.h5") as file:
            assert "axes" not in file["entry/data"].attrs
            assert "goniometer" not in file["entry/sample"]

    @pytest.mark.parametrize(
        ("experiment", "names"), [(STILL, ["detector"]), (PANELS, ["detector", *(f"module_{i}" for i in range(6))])]
    )
    def test_detector_groups(self, tmp_path, experiment, names):
        nxmx = pytest.importorskip("nxmx")
        nb.write_nexus(tmp_path / "a.h5", experiment, images(2, shape=experiment.detector.shape))
        with h5py.File(tmp_path / "a.h5") as file:
            instrument = nxmx.NXmx(file).entries[0].instruments[0]
            (groups,) = instrument.detector_groups
            assert [str(name) for name in groups.group_names] == names
            assert groups.group_index.tolist() == list(range(1, len(names) + 1))
            assert groups.group_parent.tolist() == [-1] + [1] * (len(names) - 1)
            modules = set(file["entry/instrument/detector"])
            assert set(names[1:]) <= modules
            assert instrument.detectors[0].distance_derived
            assert file["entry/instrument/time_zone"].asstr()[()] == "+00:00"

    def test_nexusformat_reads_images_and_angles(self, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nxload = pytest.importorskip("nexusformat.nexus").nxload
            written = images(3)
            nb.write_nexus(tmp_path / "a.h5", SCAN, written)
            data = nxload(str(tmp_path / "a.h5"))["entry/data"]
            np.testing.assert_array_equal(data.nxsignal.nxvalue, written)
            np.testing.assert_allclose(data.nxaxes[0].nxvalue, [-7.0, -6.7, -6.4])


class TestBeams:
    def test_each_image_has_its_own(self, tmp_path):
        beams = [
            beam(wavelength=1.0 + 0.01 * i, flux=1e12 + i, stokes=(1.0, 0.5, 0.1 * i, 0.0), polarization=0.0)
            for i in range(3)
        ]
        nb.write_nexus(tmp_path / "a.h5", STILL, images(3), beams=beams)
        with h5py.File(tmp_path / "a.h5") as file:
            written = file["entry/instrument/beam"]
            assert written["incident_wavelength"][()].tolist() == [1.0, 1.01, 1.02]
            assert written["incident_wavelength"].attrs["units"] == "angstrom"
            assert written["total_flux"][()].tolist() == [1e12, 1e12 + 1, 1e12 + 2]
            assert written["incident_polarization_stokes"][()].tolist() == [list(b.stokes) for b in beams]
            assert written["incident_beam_size"][()].tolist() == [0.05, 0.05]
        assert nb.read_nexus(tmp_path / "a.h5")[0] == STILL
        assert nb.read_spectrum(tmp_path / "a.h5", shot=2).wavelengths == (1.02,)

    def test_spectra_are_read_back(self, tmp_path):
        spectra = [nb.Spectrum((1.0 + 0.01 * i, 1.1, 1.2), (1.0, 2.0, 3.0 + i)) for i in range(3)]
        nb.write_nexus(tmp_path / "a.h5", STILL, images(3), beams=[beam(wavelength=None, spectrum=s) for s in spectra])
        assert [nb.read_spectrum(tmp_path / "a.h5", shot=i) for i in range(3)] == spectra
        with h5py.File(tmp_path / "a.h5") as file:
            written = file["entry/instrument/beam/incident_wavelength"]
            assert written.attrs["variant"] == "incident_wavelength_1Dspectrum"
            np.testing.assert_allclose(written, [s.mean for s in spectra], rtol=1e-14)

    @pytest.mark.parametrize(
        ("beams", "reason"),
        [
            ([beam()], "beams: found another number than there are images"),
            ([beam()] * 3, "beams: found another number"),
            ([beam(), 1.0], "beams: found float for image 1; allowed: a Beam"),
            ([beam(), beam(exposure=0.2)], "beams: found exposure 0.2 for image 1; allowed: the experiment's 0.1"),
            ([beam(), beam(direction=(1.0, 0.1, 0.0))], "beams: found direction"),
            ([beam(), beam(dispersion=1.0, dispersion_steps=2)], "beams: found 2 wavelengths for image 1; allowed: 1"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, tmp_path, beams, reason):
        with pytest.raises(nb.NbnumbaError, match=reason):
            nb.write_nexus(tmp_path / "a.h5", STILL, images(2), beams=beams)
        assert listing(tmp_path) == []

    def test_beams_are_for_all_images_or_none(self, tmp_path):
        with nb.NexusWriter(tmp_path / "a.h5", STILL) as writer:
            writer.append(images(1)[0], beam=beam())
            with pytest.raises(nb.NbnumbaError, match="one for some images only, not for image 1"):
                writer.append(images(1)[0])


class TestCompression:
    @pytest.mark.parametrize(
        ("name", "filters"),
        [
            ("gzip", {"shuffle", "deflate"}),
            ("bitshuffle-lz4", {"bitshuffle"}),
            ("lz4", {"bitshuffle"}),
            ("none", set()),
        ],
    )
    @pytest.mark.parametrize("kind", ["uint16", "float32"])
    def test_round_trip(self, tmp_path, name, filters, kind):
        pytest.importorskip("hdf5plugin")
        written = images(3, kind)
        nb.write_nexus(tmp_path / "a.h5", STILL, written, compression=name)
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5")[1], written)
        with h5py.File(tmp_path / "a.h5") as file:
            plist = file["entry/data/data"].id.get_create_plist()
            found = [plist.get_filter(i) for i in range(plist.get_nfilters())]
        names = {2: "shuffle", 1: "deflate", BITSHUFFLE: "bitshuffle"}
        assert {names[number] for number, *_ in found} == filters

    def test_misspelt(self, tmp_path):
        with pytest.raises(nb.NbnumbaError, match=r"compression: found 'gzap'.*did you mean 'gzip'"):
            nb.write_nexus(tmp_path / "a.h5", STILL, images(1), compression="gzap")

    def test_missing_library_is_named(self, tmp_path, monkeypatch):
        def missing(name):
            raise ImportError(name)

        pytest.importorskip("hdf5plugin")
        nb.write_nexus(tmp_path / "a.h5", STILL, images(1), compression="lz4")
        monkeypatch.setattr(compression.importlib, "import_module", missing)
        monkeypatch.setattr(compression.h5py.h5z, "filter_avail", lambda number: number != BITSHUFFLE)
        with pytest.raises(nb.NbnumbaError, match=r"pip install 'nbnumba\[compression\]'"):
            nb.NexusWriter(tmp_path / "b.h5", STILL, compression="lz4")
        for read in (nb.read_nexus, nb.read_image):
            with pytest.raises(nb.NbnumbaError, match=r"filter 32008 takes hdf5plugin.*nbnumba\[compression\]"):
                read(tmp_path / "a.h5")


class TestDataFiles:
    def test_series_is_that_of_one_file(self, tmp_path):
        written, expected = images(7), images(7, "float32")
        nb.write_nexus(tmp_path / "a.h5", SCAN, written, expected=expected, images_per_file=3)
        assert listing(tmp_path) == ["a.h5", "a_000001.h5", "a_000002.h5", "a_000003.h5"]
        experiment, back = nb.read_nexus(tmp_path / "a.h5")
        assert experiment == SCAN
        np.testing.assert_array_equal(back, written)
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5", expected=True)[1], expected)
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a.h5", number=6), written[6])
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a_000002.h5", number=2), written[5])
        with pytest.raises(nb.NbnumbaError, match="allowed: 0 to 6"):
            nb.read_image(tmp_path / "a.h5", number=7)
        with h5py.File(tmp_path / "a.h5") as file:
            data = file["entry/data/data"]
            assert data.is_virtual
            assert data.shape == (7, *SHAPE)
            assert file["entry/data"].attrs["signal"] == "data"
            assert file["entry/sample/transformations/omega"].shape == (7,)
            assert [s.file_name for s in data.virtual_sources()] == [f"a_00000{i}.h5" for i in (1, 2, 3)]
            links = file["entry/data_files"]
            assert links.get("data_000002", getlink=True).filename == "a_000002.h5"
            np.testing.assert_array_equal(links["data_000002"], written[3:6])

    def test_panels(self, tmp_path):
        written = images(3, shape=PANELS.detector.shape)
        nb.write_nexus(tmp_path / "a.h5", PANELS, written, images_per_file=2)
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5")[1], written)
        for name, number in (("a.h5", 2), ("a_000002.h5", 0)):
            np.testing.assert_array_equal(nb.read_image(tmp_path / name, number=number), written[2])

    def test_files_can_be_moved_together(self, tmp_path):
        (tmp_path / "one").mkdir()
        nb.write_nexus(tmp_path / "one" / "a.nxs", STILL, images(3), images_per_file=2, compression="none")
        assert listing(tmp_path / "one") == ["a.nxs", "a_000001.h5", "a_000002.h5"]
        (tmp_path / "one").rename(tmp_path / "other")
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "other" / "a.nxs")[1], images(3))

    def test_names_with_percents(self, tmp_path):
        nb.write_nexus(tmp_path / "50%b.h5", STILL, images(3), images_per_file=2)
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "50%b.h5")[1], images(3))

    @pytest.mark.parametrize(("kind", "shown"), [("uint16", 65535), ("int32", -1), ("float32", np.nan)])
    def test_missing_data_file_is_named_and_shows(self, tmp_path, kind, shown):
        nb.write_nexus(tmp_path / "a.h5", STILL, images(5, kind), images_per_file=2)
        (tmp_path / "a_000002.h5").unlink()
        with h5py.File(tmp_path / "a.h5") as file:
            np.testing.assert_array_equal(file["entry/data/data"][2:4], np.full((2, *SHAPE), shown, kind))
        with pytest.raises(nb.NbnumbaError, match=r"its data file .*a_000002\.h5 is missing"):
            nb.read_nexus(tmp_path / "a.h5")
        with pytest.raises(nb.NbnumbaError, match=r"a_000002\.h5 is missing"):
            nb.read_image(tmp_path / "a.h5", number=3)
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a.h5", number=4), images(5, kind)[4])

    def test_damaged_and_short_data_files_are_named(self, tmp_path):
        nb.write_nexus(tmp_path / "a.h5", STILL, images(5), images_per_file=2)
        nb.write_nexus(tmp_path / "a_000001.h5", STILL, images(1), overwrite=True)
        with pytest.raises(nb.NbnumbaError, match=r"a_000001\.h5 holds 1 images, not 2"):
            nb.read_nexus(tmp_path / "a.h5")
        (tmp_path / "a_000001.h5").write_text("text")
        with pytest.raises(nb.NbnumbaError, match=r"a_000001\.h5 cannot be read"):
            nb.read_nexus(tmp_path / "a.h5")

    def test_same_input_same_bytes(self, tmp_path):
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            nb.write_nexus(tmp_path / name / "a.h5", SCAN, images(5), images_per_file=2, cxi=True)
        for name in listing(tmp_path / "one"):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()

    @pytest.mark.parametrize("name", ["a.h5", "a_000001.h5", "a_000003.h5"])
    def test_existing_files_are_kept_and_nothing_is_rendered(self, tmp_path, name):
        (tmp_path / name).write_text("old")

        class Five:
            def __length_hint__(self):
                return 5

            def __iter__(self):
                pytest.fail("rendered")

        with pytest.raises(nb.NbnumbaError, match=rf"{name}: exists already"):
            nb.write_nexus(tmp_path / "a.h5", STILL, Five(), images_per_file=2)
        assert listing(tmp_path) == [name]
        nb.write_nexus(tmp_path / "a.h5", STILL, images(5), images_per_file=2, overwrite=True)
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5")[1], images(5))

    def test_overwriting_takes_away_what_belonged_to_the_older_series_only(self, tmp_path):
        nb.write_nexus(tmp_path / "a.h5", STILL, images(6), images_per_file=2)
        (tmp_path / "a_000009.h5").write_text("of someone else")
        nb.write_nexus(tmp_path / "a.h5", STILL, images(3), images_per_file=2, overwrite=True)
        assert listing(tmp_path) == ["a.h5", "a_000001.h5", "a_000002.h5", "a_000009.h5"]
        nb.write_nexus(tmp_path / "a.h5", STILL, images(3), overwrite=True)
        assert listing(tmp_path) == ["a.h5", "a_000009.h5"]

    def test_a_damaged_series_is_replaced(self, tmp_path):
        nb.write_nexus(tmp_path / "a.h5", STILL, images(2), images_per_file=2)
        content = (tmp_path / "a.h5").read_bytes()
        (tmp_path / "a.h5").write_bytes(content.replace(b"a_000001.h5", b"a_0000\xff1.h5"))
        with h5py.File(tmp_path / "a.h5") as file, pytest.raises(KeyError):
            file["entry/data/data"].virtual_sources()
        nb.write_nexus(tmp_path / "a.h5", STILL, images(3), overwrite=True)
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5")[1], images(3))

    @pytest.mark.parametrize("number", [0, 1001, 1.5, "3"])
    def test_numbers_that_are_refused(self, tmp_path, number):
        with pytest.raises(nb.NbnumbaError, match="images_per_file"):
            nb.write_nexus(tmp_path / "a.h5", STILL, images(1), images_per_file=number)

    def test_failure_leaves_nothing_behind_and_the_older_series_untouched(self, tmp_path):
        nb.write_nexus(tmp_path / "a.h5", STILL, images(5), images_per_file=2)
        before = {name: (tmp_path / name).read_bytes() for name in listing(tmp_path)}

        def stream():
            yield from images(4)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            nb.write_nexus(tmp_path / "a.h5", STILL, stream(), images_per_file=2, overwrite=True)
        assert {name: (tmp_path / name).read_bytes() for name in listing(tmp_path)} == before

    def test_readers(self, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fabio, nxdata = pytest.importorskip("fabio"), pytest.importorskip("silx.io.nxdata")
            nxmx = pytest.importorskip("nxmx")
            written = images(5)
            nb.write_nexus(tmp_path / "a.h5", SCAN, written, images_per_file=2, compression="lz4")
            with fabio.open(str(tmp_path / "a.h5")) as opened:
                assert opened.nframes == 5
                assert all((opened.get_frame(i).data == written[i]).all() for i in range(5))
            with h5py.File(tmp_path / "a.h5") as file:
                shown = nxdata.get_default(file)
                assert (shown.is_valid, shown.issues, shown.interpretation) == (True, [], "image")
                np.testing.assert_array_equal(shown.signal, written)
                np.testing.assert_allclose(shown.axes[0], -7.0 + 0.3 * np.arange(5))
                entry = nxmx.NXmx(file).entries[0]
                np.testing.assert_array_equal(entry.data[0][entry.data[0].signal], written)


# Writes a series of 12 images in files of 2, and is killed: by itself at a place that is told, or by others.
SERIES = f"""
import os, signal, sys
sys.path[:0] = [{os.path.dirname(__file__)!r}]
import test_nexus_writer as t
from nbnumba import atomic
place, path = sys.argv[1:3]
renamed, replace = [], os.replace

def kill(part, final):
    replace(part, final)
    renamed.append(final)
    if place == f"rename {{len(renamed)}}":
        os.kill(os.getpid(), signal.SIGKILL)

atomic.os.replace = kill

def stream():
    for i, image in enumerate(t.images(12)):
        if place == f"image {{i}}":
            os.kill(os.getpid(), signal.SIGKILL)
        yield image

t.nb.write_nexus(path, t.STILL, stream(), images_per_file=2, overwrite=True)
"""


class TestKilled:
    @pytest.mark.parametrize("place", ["image 7", "rename 6"])
    def test_nothing_looks_like_a_whole_series(self, tmp_path, place):
        nb.write_nexus(tmp_path / "a.h5", STILL, images(5), images_per_file=2)
        done = python(SERIES, place, tmp_path / "a.h5")
        _, told = done.communicate(timeout=60)
        assert done.returncode == -signal.SIGKILL, told
        seen = [name for name in listing(tmp_path) if not name.startswith(".")]
        if place.startswith("image"):  # the older series is whole
            assert seen == ["a.h5", "a_000001.h5", "a_000002.h5", "a_000003.h5"]
            np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5")[1], images(5))
        else:
            assert "a.h5" not in seen

    def test_last_rename_is_that_of_the_master(self, tmp_path):
        done = python(SERIES, "rename 7", tmp_path / "a.h5")
        done.communicate(timeout=60)
        assert done.returncode == -signal.SIGKILL
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5")[1], images(12))


# Writes images until the file may not grow any more, then shows that nothing odd is said when the program ends.
LIMITED = f"""
import gc, resource, sys
sys.path[:0] = [{os.path.dirname(__file__)!r}]
import test_nexus_writer as t
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
options = {{"follow": {{"follow": True}}, "files": {{"images_per_file": 50}}}}[sys.argv[1]]
handed_on = 0
try:
    with t.nb.NexusWriter(sys.argv[2], t.STILL, compression="none", **options) as writer:
        for i in range(4000):
            writer.append(t.images(1)[0])
            handed_on += 1
except t.nb.NbnumbaError as error:
    print(error)
gc.collect()
print(handed_on)
"""


@pytest.mark.parametrize(("how", "limit"), [("follow", 2_300_000), ("files", 50_000)])
def test_full_disk(tmp_path, how, limit):
    done = python(LIMITED, how, tmp_path / "a.h5", limit)
    said, odd = done.communicate(timeout=60)
    assert odd == ""
    message, handed_on = said.splitlines()
    assert "a.h5: cannot be written (File too large)" in message
    assert int(handed_on) < limit // 1200 + 10  # noticed at once: an image has 1200 bytes
    assert listing(tmp_path) == []


# Reads a growing file: tells when it is open, then counts images, each of which has to be whole when it is seen.
READER = """
import sys, h5py
with h5py.File(sys.argv[1], "r", swmr=True) as file:
    data, omega = file["entry/data/data"], file["entry/data/omega"]
    seen = data.shape[0]
    print(seen, flush=True)
    while seen < 150:
        for dataset in (data, omega):
            dataset.refresh()
        for number in range(seen, data.shape[0]):
            assert (data[number] == number).all(), (number, data[number])
            assert abs(omega[number] - 0.3 * number + 7.0) < 1e-9
        seen = data.shape[0]
print(seen)
"""


class TestFollowing:
    def test_reader_sees_whole_images_while_the_file_grows(self, tmp_path):
        with nb.NexusWriter(tmp_path / "a.h5", SCAN, follow=True) as writer:
            assert not writer.growing.exists()
            writer.append(np.full(SHAPE, 0, np.int32))
            with python(READER, writer.growing) as reader:
                assert reader.stdout.readline() == "1\n"
                for number in range(1, 150):
                    writer.append(np.full(SHAPE, number, np.int32))
                assert not (tmp_path / "a.h5").exists()
                assert reader.communicate(timeout=60) == ("150\n", "")
        assert listing(tmp_path) == ["a.h5"]

    @pytest.mark.parametrize("name", ["gzip", "lz4", "none"])
    def test_image_is_there_when_append_returns(self, tmp_path, name):
        written = images(4)
        with nb.NexusWriter(tmp_path / "a.h5", SCAN, follow=True, compression=name) as writer:
            for number, image in enumerate(written):
                writer.append(image)
                with h5py.File(writer.growing, "r", swmr=True) as file:
                    np.testing.assert_array_equal(file["entry/data/data"], written[: number + 1])

    def test_whole_file_is_one_as_any_other(self, tmp_path):
        written, names = images(4), {True: [], False: []}
        for follow in names:
            nb.write_nexus(tmp_path / "a.h5", SCAN, written, follow=follow, cxi=True, overwrite=True)
            np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5")[1], written)
            with h5py.File(tmp_path / "a.h5", "r+") as file:  # nobody writes it any more
                file.visit(names[follow].append)
                assert file["entry/end_time_estimated"].asstr()[()] == "1970-01-01T00:00:00.400000Z"
        assert names[True] == names[False]
        # No space is kept that was set aside: the data and heads take less.
        assert os.path.getsize(tmp_path / "a.h5") < 100_000

    def test_series_that_lost_an_image_does_not_become_whole(self, tmp_path, monkeypatch):
        def full(file, size):
            raise OSError(errno.ENOSPC, "No space left on device")

        def write(writer):
            with writer:
                writer.append(images(1)[0])
                with monkeypatch.context() as short, contextlib.suppress(OSError):
                    short.setattr(hdf5, "_set_aside", full)
                    for image in images(200):  # until what was set aside is used up
                        writer.append(image)
                    pytest.fail("all were written")

        monkeypatch.setattr(hdf5, "_ROOM", 20_000)
        with pytest.raises(nb.NbnumbaError, match="an image could not be written before"):
            write(nb.NexusWriter(tmp_path / "a.h5", SCAN, follow=True))
        assert listing(tmp_path) == []

    def test_data_files_are_refused(self, tmp_path):
        with pytest.raises(nb.NbnumbaError, match="follow: found with images_per_file"):
            nb.NexusWriter(tmp_path / "a.h5", STILL, follow=True, images_per_file=10)


class TestAppending:
    def test_only_within_its_block(self, tmp_path):
        writer = nb.NexusWriter(tmp_path / "a.h5", STILL)
        with pytest.raises(nb.NbnumbaError, match="outside of its with block"):
            writer.append(images(1)[0])
        with writer:
            writer.append(images(1)[0])
        with pytest.raises(nb.NbnumbaError, match="outside of its with block"):
            writer.append(images(1)[0])
        with pytest.raises(nb.NbnumbaError, match="outside of its with block"):
            writer.growing.exists()

    def test_refused_image_can_be_left_out(self, tmp_path):
        with nb.NexusWriter(tmp_path / "a.h5", SCAN) as writer:
            for image in (images(3)[0], np.zeros(3), images(3)[1], np.full(SHAPE, 0.5), images(3)[2]):
                try:
                    writer.append(image)
                except nb.NbnumbaError:
                    continue
        np.testing.assert_array_equal(nb.read_nexus(tmp_path / "a.h5")[1], images(3))
        with h5py.File(tmp_path / "a.h5") as file:
            assert file["entry/sample/transformations/omega"].shape == (3,)

    def test_expected_photons_for_all_images_or_none(self, tmp_path):
        with nb.NexusWriter(tmp_path / "a.h5", STILL) as writer:
            writer.append(images(1)[0], expected=images(1)[0])
            with pytest.raises(nb.NbnumbaError, match="expected: found another number"):
                writer.append(images(1)[0])

    def test_memory_does_not_grow_with_the_series(self, tmp_path):
        detector = nb.Detector(pixels=(500, 500), pixel_size=0.1, distance=50.0)
        image = np.zeros((500, 500), np.float32)  # 1 MB
        with nb.NexusWriter(tmp_path / "a.h5", STILL.replace(detector=detector), images_per_file=30) as writer:
            writer.append(image)
            tracemalloc.start()
            for _ in range(60):
                writer.append(image)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 20e6  # an image in each of four threads, as it came and shuffled, and one ahead


class TestCxi:
    def test_names_and_units(self, tmp_path):
        mask = np.ones(SHAPE, bool)
        mask[3, 4] = False
        response = nb.Response(dead_pixels=0.1, hot_pixels=0.1, seed=3)
        experiment = SCAN.replace(response=response, **{"detector.mask": nb.Mask(mask)})
        nb.write_nexus(tmp_path / "a.h5", experiment, images(3), cxi=True)
        with h5py.File(tmp_path / "a.h5") as file:
            assert file["cxi_version"][()] == 160
            entry = file["entry_1"]
            detector = entry["instrument_1/detector_1"]
            assert entry["data_1"].get("data", getlink=True).path == "/entry_1/instrument_1/detector_1/data"
            for data in (entry["data_1/data"], detector["data"]):
                assert data == file["entry/data/data"]
            assert entry["instrument_1/source_1/energy"][()] == pytest.approx(12398.4198 * 1.602176634e-19, rel=1e-7)
            assert detector["distance"][()] == pytest.approx(0.1234)
            assert detector["x_pixel_size"][()] == detector["y_pixel_size"][()] == pytest.approx(1.72e-4)
            np.testing.assert_allclose(detector["basis_vectors"], [[0, -1.72e-4, 0], [-1.72e-4, 0, 0]], atol=1e-18)
            corner = detector["corner_position"][()]
            np.testing.assert_allclose(corner[2], 0.1234)
            np.testing.assert_allclose(1e3 * corner, file["entry/instrument/detector/module/module_offset"].attrs[
                "offset"] + [0, 0, 123.4])  # fmt: skip
            ours, bits = nb.pixel_mask(experiment), detector["mask"][()]
            assert set(np.unique(ours)) >= {0, 1, 2, 8}
            np.testing.assert_array_equal(bits & 1 != 0, ours & 1 != 0)
            np.testing.assert_array_equal(bits & 8 != 0, ours & 2 != 0)  # dead
            np.testing.assert_array_equal(bits & 4 != 0, ours & 8 != 0)  # hot

    def test_energies_of_images_with_their_own_beams(self, tmp_path):
        nb.write_nexus(
            tmp_path / "a.h5", STILL, images(2), cxi=True, beams=[beam(), beam(wavelength=2.0)], images_per_file=1
        )
        with h5py.File(tmp_path / "a.h5") as file:
            first, second = file["entry_1/instrument_1/source_1/energy"][()]
            assert first == pytest.approx(2 * second)
            np.testing.assert_array_equal(file["entry_1/data_1/data"], images(2))

    def test_absent_unless_asked_for(self, tmp_path):
        nb.write_nexus(tmp_path / "a.h5", STILL, images(1))
        with h5py.File(tmp_path / "a.h5") as file:
            assert set(file) == {"entry"}

    def test_panels_are_refused(self, tmp_path):
        with pytest.raises(nb.NbnumbaError, match=r"detector\.panels: found 6 panels; allowed for cxi"):
            nb.NexusWriter(tmp_path / "a.h5", PANELS, cxi=True)


def simulate(folder, *words):
    """Three images of a scan by the command, in this process; what it said."""
    STILL.to_toml(folder / "e.toml", overwrite=True)
    words = ["simulate", folder / "e.toml", "--set", "scan.width=1", "--images", 3, "-o", folder / "a.h5", *words]
    done = CliRunner().invoke(cli, list(map(str, words)))
    if done.exception is not None:
        raise done.exception
    return done


class TestCommand:
    def test_data_files(self, tmp_path):
        pytest.importorskip("hdf5plugin")
        done = simulate(tmp_path, "--images-per-file", 2, "--compression", "lz4", "--cxi")
        for name in ("a.h5", "a_000001.h5", "a_000002.h5"):
            assert f"Wrote {tmp_path / name}\n" in done.stdout
        assert nb.read_nexus(tmp_path / "a.h5")[1].shape == (3, *SHAPE)
        with h5py.File(tmp_path / "a.h5") as file:
            assert file["entry_1/data_1/data"].shape == (3, *SHAPE)
        (tmp_path / "a.h5").unlink()
        (tmp_path / "a_000001.h5").unlink()
        with pytest.raises(nb.NbnumbaError, match=r"a_000002\.h5: exists already"):
            simulate(tmp_path, "--images-per-file", 2)

    def test_following(self, tmp_path, monkeypatch):
        followed, append = [], nb.NexusWriter.append

        def noting(writer, *arguments, **options):
            append(writer, *arguments, **options)
            followed.append(str(writer.growing))

        monkeypatch.setattr(nb.NexusWriter, "append", noting)
        done = simulate(tmp_path, "--follow")
        (told,) = [line for line in done.stderr.splitlines() if line.startswith("Growing: ")]
        growing = told.removeprefix("Growing: ")
        assert os.path.dirname(growing) == str(tmp_path)
        assert growing in followed
        assert nb.read_nexus(tmp_path / "a.h5")[1].shape == (3, *SHAPE)

    def test_what_makes_no_sense_is_refused_before_the_work(self, tmp_path):
        with pytest.raises(nb.NbnumbaError, match="follow: found with images_per_file"):
            simulate(tmp_path, "--follow", "--images-per-file", 2)
        assert listing(tmp_path) == ["e.toml"]

    def test_compressions_are_those_of_the_library(self):
        command = cli.get_command(click.Context(cli), "simulate")
        (option,) = [option for option in command.params if option.name == "compression"]
        assert set(compression.COMPRESSIONS) <= set(option.type.choices)
        assert all(compression.ALIASES.get(name, name) in compression.COMPRESSIONS for name in option.type.choices)


def test_examples_of_the_documentation_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    nb.write_nexus("watched.h5", SCAN, images(3))
    names = {"nb": nb, "h5py": h5py, "experiment": STILL, "images": images(3), "growing": "watched.h5"}
    for block in blocks:
        exec(block, names)
    np.testing.assert_array_equal(names["newest"], images(3)[-1])
    assert nb.read_spectrum("stills.h5", shot=2).wavelengths == (0.998,)
