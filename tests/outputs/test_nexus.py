import json
import os
import tomllib
import warnings

import h5py
import numpy as np
import pytest

import nbnumba as nb
from nbnumba.outputs import stack
from nbnumba.outputs.nexus import read_nexus, write_nexus
from nbnumba.outputs.nexus_geometry import frame

SHAPE = (20, 30)
RANDOM = np.random.default_rng(5)

PLAIN = nb.Experiment(
    crystal=nb.Crystal(cell=(50, 60, 70, 90, 95, 90), cells=(5, 5, 5), default_f=100.0),
    beam=nb.Beam(wavelength=0.9795, flux=1e12, exposure=0.1, size=0.05, polarization=0.9),
    detector=nb.Detector(pixels=SHAPE, pixel_size=0.172, distance=123.4),
)
SCAN = PLAIN.replace(scan=nb.Scan(start=-7.0, width=0.3, steps=4))
LISTED = nb.Reflections([[1, 2, 3], [-4, 0, 5]], [10.5, 0.1], cell=(50, 60, 70, 90, 95, 90))
MANY = nb.Reflections(np.argwhere(np.ones((9, 9, 9))) - 4, RANDOM.random(729))
MASK = nb.Mask(RANDOM.random(SHAPE) > 0.2)
PINK = nb.Sources(((-1.0, 0.0, 0.0, 3.0, 0.97), (-1.0, 0.001, 0.0, 1.0, 1.01), (-1.0, 0.0, 0.001, 2.0, 0.97)))
TILTED = {"detector.rotation": (3.0, -4.0, 20.0), "detector.twotheta": 15.0}

EXPERIMENTS = {
    "plain": PLAIN,
    "scan": SCAN,
    "own spindle": SCAN.replace(**{"scan.axis": (0.1, 1.0, 0.3)}),
    "scan of width 0": SCAN.replace(**{"scan.width": 0.0}),
    "listed": PLAIN.replace(**{"crystal.reflections": LISTED}),
    "many": PLAIN.replace(**{"crystal.reflections": MANY, "crystal.mosaic": nb.Mosaic(spread=0.1, domains=3, seed=9)}),
    "mask": PLAIN.replace(**{"detector.mask": MASK, "detector.roi": ((2, 9), (3, 30))}),
    "sources": PLAIN.replace(**{"beam.sources": PINK}),
    "spectrum": PLAIN.replace(**{"beam.spectrum": nb.Spectrum((0.97, 0.98, 1.0), (1.0, 4.0, 0.5))}),
    "edge": PLAIN.replace(**{"crystal.reflections": nb.SpectralReflections((0.97, 0.99), (LISTED, LISTED))}),
    "pink": PLAIN.replace(**{"beam.dispersion": 1.0, "beam.dispersion_steps": 5}),
    "tilted": PLAIN.replace(**TILTED),
    "sensor": PLAIN.replace(**{"detector.sensor_thickness": 0.45, "detector.sensor_mu": 0.5}),
    "curved": PLAIN.replace(**{"detector.curvature": "spherical"}),
    "beam aside": PLAIN.replace(**{"beam.direction": (1.0, 0.1, -0.2), "beam.polarization_axis": (0.3, 0.0, 1.0)}),
    **{
        name: PLAIN.replace(**{"detector.convention": name, "detector.beam_center": (1.1, 2.3), **TILTED})
        for name in ("denzo", "adxv", "xds", "dials", "custom")
    },
}


@pytest.fixture(params=EXPERIMENTS, ids=str)
def experiment(request):
    return EXPERIMENTS[request.param]


#: Detectors that list panels: one that is cut, with a mask, and one of panels of two sizes and all directions.
PANELS = {
    "cut": PLAIN.replace(**TILTED, **{"detector.mask": MASK}).with_panels(slow=2, fast=3),
    "panels": PLAIN.replace(
        detector=nb.Detector(
            panels=(
                nb.Panel(pixels=(4, 6), origin=(100.0, 3.0, -5.0), fast=(0, 0.1, 1), slow=(0, -1, 0.1)),
                nb.Panel(pixels=(5, 3), origin=(20.0, 50.0, -3.0), fast=(0, 0, 1), slow=(-1, 0, 0)),
            ),
            pixel_size=0.172,
        )
    ),
}


def images(n: int, kind: str = "float32") -> np.ndarray:
    return (RANDOM.random((n, *SHAPE)) * 100.0).astype(kind)


def text(dataset: h5py.Dataset) -> str:
    return dataset.asstr()[()]


class TestRoundTrip:
    def test_experiment_and_images(self, tmp_path, experiment):
        file, written = tmp_path / "a.h5", images(3)
        assert write_nexus(file, experiment, written) == file
        read, back = read_nexus(file)
        assert read == experiment
        assert back.dtype == written.dtype
        assert back.tobytes() == written.tobytes()

    def test_one_image_keeps_its_dimensions(self, tmp_path):
        picture = images(1)
        write_nexus(tmp_path / "a.h5", PLAIN, picture[0])
        write_nexus(tmp_path / "b.h5", PLAIN, picture)
        assert read_nexus(tmp_path / "a.h5")[1].tobytes() == read_nexus(tmp_path / "b.h5")[1].tobytes()
        assert read_nexus(tmp_path / "a.h5")[1].shape == SHAPE
        assert read_nexus(tmp_path / "b.h5")[1].shape == (1, *SHAPE)

    def test_images_one_by_one_from_one_buffer(self, tmp_path):
        expected, buffer, seen = images(20), np.empty(SHAPE, np.float32), []

        def stream():
            for image in expected:
                buffer[:] = image
                yield buffer

        write_nexus(tmp_path / "a.h5", PLAIN, stream(), progress=lambda *counts: seen.append(counts))
        assert (read_nexus(tmp_path / "a.h5")[1] == expected).all()
        assert seen == [(i + 1, 0) for i in range(20)]

    def test_progress_knows_the_total_of_an_array(self, tmp_path):
        seen = []
        write_nexus(tmp_path / "a.h5", PLAIN, images(2), progress=lambda *counts: seen.append(counts))
        write_nexus(tmp_path / "b.h5", PLAIN, images(2)[0], progress=lambda *counts: seen.append(counts))
        assert seen == [(1, 2), (2, 2), (1, 1)]

    @pytest.mark.parametrize("kind", ["float32", "uint8", "uint16", "int16", "int32", ">f4", ">i2"])
    def test_kinds_that_are_kept(self, tmp_path, kind):
        written = images(2, kind)
        write_nexus(tmp_path / "a.h5", PLAIN, written)
        back = read_nexus(tmp_path / "a.h5")[1]
        assert back.dtype == np.dtype(kind).newbyteorder("=")
        assert (back == written).all()

    @pytest.mark.parametrize(
        ("given", "kept"),
        [("float64", "float32"), ("float16", "float32"), ("int64", "int32"), ("uint32", "int32"), ("uint64", "int32")],
    )
    def test_kinds_that_are_converted(self, tmp_path, given, kept):
        written = images(2, given)
        write_nexus(tmp_path / "a.h5", PLAIN, written)
        back = read_nexus(tmp_path / "a.h5")[1]
        assert back.dtype == kept
        assert (back == written.astype(kept)).all()

    def test_images_too_large_for_one_chunk(self, tmp_path, monkeypatch):
        monkeypatch.setattr(stack, "CHUNK_LIMIT", 1000)
        written = images(3)
        write_nexus(tmp_path / "a.h5", PLAIN, written)
        with h5py.File(tmp_path / "a.h5") as file:
            assert file["entry/data/data"].chunks == (1, 8, 30)
        assert (read_nexus(tmp_path / "a.h5")[1] == written).all()

    def test_long_reflection_list(self, tmp_path):
        hkl = np.argwhere(np.ones((60, 60, 60))) - 30
        crystal = {"crystal.reflections": nb.Reflections(hkl, RANDOM.random(len(hkl)))}
        large = PLAIN.replace(**crystal)
        assert len(large.to_toml(inline=True)) > 2e6
        write_nexus(tmp_path / "a.h5", large, images(1))
        assert read_nexus(tmp_path / "a.h5")[0] == large

    def test_same_input_same_bytes(self, tmp_path, experiment):
        written = images(7)
        for name in ("a.h5", "b.h5"):
            write_nexus(tmp_path / name, experiment, written, command_line="nbnumba simulate", seeds={"noise": 3})
        assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            (np.zeros((30, 20)), r"shape \(30, 20\)"),
            (np.zeros((1, 2, *SHAPE)), "image 0: found shape"),
            ([np.zeros(SHAPE), np.zeros(3)], "image 1: found shape"),
            (np.full(SHAPE, np.nan), r"nan at pixel \(0, 0\), one of 600"),
            (np.full(SHAPE, np.inf), "inf at pixel"),
            (np.full(SHAPE, 1e300), "1e.300 at pixel"),
            (np.full(SHAPE, 2**31), "2147483648 at pixel .*allowed: -2147483648 to 2147483647, what int32 holds"),
            (np.full(SHAPE, -(2**31) - 1), "-2147483649"),
            (np.full(SHAPE, 2**63, np.uint64), "9223372036854775808"),
            (np.zeros(SHAPE, complex), "type complex128"),
            (np.zeros(SHAPE, "S1"), "type .S1"),
            ([np.zeros(SHAPE), np.zeros(SHAPE, int)], "image 1: found values of type int32"),
            ([], "images: found none"),
            (np.zeros((0, *SHAPE)), "images: found none"),
            (3.0, "images: found float"),
        ],
    )
    def test_images(self, tmp_path, given, reason):
        with pytest.raises(nb.NbnumbaError, match=reason):
            write_nexus(tmp_path / "a.h5", PLAIN, given)
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
    def test_interrupted_stream_leaves_nothing_behind(self, tmp_path, error):
        def stream():
            yield from images(12)
            raise error

        with pytest.raises(error):
            write_nexus(tmp_path / "a.h5", PLAIN, stream())
        assert os.listdir(tmp_path) == []

    def test_existing_file_is_kept_and_nothing_rendered(self, tmp_path):
        (tmp_path / "a.h5").write_text("old")
        with pytest.raises(nb.NbnumbaError, match="exists already"):
            write_nexus(tmp_path / "a.h5", PLAIN, (pytest.fail("rendered") for _ in range(1)))
        write_nexus(tmp_path / "a.h5", PLAIN, images(1), overwrite=True)
        assert read_nexus(tmp_path / "a.h5")[0] == PLAIN

    def test_files_that_are_not_ours(self, tmp_path):
        (tmp_path / "text.h5").write_text("text")
        h5py.File(tmp_path / "empty.h5", "w").close()
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["entry/definition"] = "NXmx"
        reasons = {
            "missing.h5": "No such file",
            "text.h5": "found another kind of file; allowed: HDF5",
            "empty.h5": "without a definition 'NXmx'",
            "other.h5": "not from this program",
        }
        for name, reason in reasons.items():
            with pytest.raises(nb.NbnumbaError, match=reason):
                read_nexus(tmp_path / name)

    def test_damaged_files(self, tmp_path):
        write_nexus(tmp_path / "a.h5", PLAIN, images(5))
        whole = (tmp_path / "a.h5").read_bytes()
        (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
        with h5py.File(tmp_path / "a.h5") as file:
            place = file["entry/data/data"].id.get_chunk_info(3).byte_offset
        (tmp_path / "bad.h5").write_bytes(whole[:place] + bytes(100) + whole[place + 100 :])
        for name in ("cut.h5", "bad.h5"):
            with pytest.raises(nb.NbnumbaError, match="damaged"):
                read_nexus(tmp_path / name)


@pytest.fixture(params=EXPERIMENTS, ids=str, scope="module")
def opened(request, tmp_path_factory):
    """An experiment, and the entry of its file with four images."""
    experiment, path = EXPERIMENTS[request.param], tmp_path_factory.mktemp("nexus") / "a.h5"
    write_nexus(path, experiment, images(4, "uint16"))
    with h5py.File(path) as file:
        yield experiment, file["entry"]


def positions(module: h5py.Group) -> np.ndarray:
    """Outer corners [mm] of the first pixel, of the next along fast and of the next along slow, by the file alone."""
    corner = np.zeros(3)
    axis = module["module_offset"]
    while True:
        corner += axis[0] * axis.attrs["vector"] + axis.attrs.get("offset", 0.0)
        if axis.attrs["depends_on"] == ".":
            break
        axis = module.file[axis.attrs["depends_on"]]
    steps = [module[f"{name}_pixel_direction"] for name in ("fast", "slow")]
    assert all(step.attrs["depends_on"] == module["module_offset"].name for step in steps)
    return np.array([corner, *(corner + step[0] * step.attrs["vector"] for step in steps)])


class TestContents:
    def test_frame_is_that_of_nexus(self, experiment):
        turn = frame(experiment)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-15)
        assert np.linalg.det(turn) == pytest.approx(1.0)
        np.testing.assert_allclose(turn @ experiment.beam_direction, [0, 0, 1], atol=1e-15)
        assert (turn @ experiment.polarization_axis)[1] == pytest.approx(0.0, abs=1e-15)

    def test_mosflm_frame(self):
        np.testing.assert_array_equal(frame(PLAIN), [[0, 0, -1], [0, 1, 0], [1, 0, 0]])

    def test_pixels_are_where_they_were_simulated(self, opened):
        experiment, entry = opened
        place, size = experiment.geometry, experiment.detector.pixel_size
        corner = np.array(place.origin)
        expected = np.array([corner, corner + size * np.array(place.fast), corner + size * np.array(place.slow)])
        found = positions(entry["instrument/detector/module"])
        np.testing.assert_allclose(found, expected @ frame(experiment).T, rtol=1e-13, atol=1e-12)

    def test_distance_and_beam_center_meet_the_beam(self, opened):
        _, entry = opened
        detector = entry["instrument/detector"]
        corner, fast, slow = positions(detector["module"])
        center = detector["beam_center_x"][()], detector["beam_center_y"][()]
        hit = corner + center[0] * (fast - corner) + center[1] * (slow - corner)
        np.testing.assert_allclose(hit, [0, 0, detector["distance"][()]], atol=1e-10)

    def test_detector_that_the_beam_misses(self, tmp_path):
        aside = PLAIN.replace(**{"detector.pivot": "sample", "detector.twotheta": 100.0})
        write_nexus(tmp_path / "a.h5", aside, images(1))
        with h5py.File(tmp_path / "a.h5") as file:
            detector = file["entry/instrument/detector"]
            assert "beam_center_x" not in detector
            expected = frame(aside) @ aside.geometry.origin
            np.testing.assert_allclose(positions(detector["module"])[0], expected, atol=1e-12)

    def test_rotation(self, opened):
        experiment, entry = opened
        scan, sample = experiment.scan, entry["sample"]
        if scan is None or scan.width == 0.0:
            assert text(sample["depends_on"]) == "."
            assert "transformations" not in sample
            return
        omega = entry[text(sample["depends_on"])]
        np.testing.assert_allclose(omega[()], [-7.0, -6.7, -6.4, -6.1])
        np.testing.assert_allclose(sample["transformations/omega_end"][()], [-6.7, -6.4, -6.1, -5.8])
        assert omega.attrs["units"] == "deg"
        assert omega.attrs["transformation_type"] == "rotation"
        np.testing.assert_allclose(omega.attrs["vector"], frame(experiment) @ experiment.spindle)

    def test_rotation_of_one_image(self, tmp_path):
        write_nexus(tmp_path / "a.h5", SCAN, images(1)[0])
        with h5py.File(tmp_path / "a.h5") as file:
            turns = file["entry/sample/transformations"]
            assert (turns["omega"][()].tolist(), turns["omega_end"][()].tolist()) == ([-7.0], [-6.7])
            np.testing.assert_array_equal(turns["omega"].attrs["vector"], [-1, 0, 0])

    def test_spectrum(self, opened):
        experiment, entry = opened
        beam = entry["instrument/beam"]
        rows = np.array(experiment.sources.rows)
        mean = np.average(rows[:, 4], weights=rows[:, 3])
        assert np.atleast_1d(beam["incident_wavelength"][()]) == pytest.approx(mean, rel=1e-14)
        variant = beam["incident_wavelength"].attrs.get("variant")
        assert (variant is None) == (len(set(rows[:, 4])) == 1)
        if variant:
            weights = beam[f"{variant}_weights"][0]
            assert weights.sum() == rows[:, 3].sum()
            assert np.average(beam[variant][()], weights=weights) == pytest.approx(mean, rel=1e-14)

    def test_weights_of_a_list(self, tmp_path):
        write_nexus(tmp_path / "a.h5", EXPERIMENTS["sources"], images(1))
        with h5py.File(tmp_path / "a.h5") as file:
            beam = file["entry/instrument/beam"]
            assert beam["incident_wavelength_1Dspectrum"][()].tolist() == [0.97, 1.01]
            assert beam["incident_wavelength_1Dspectrum_weights"][()].tolist() == [[5.0, 1.0]]

    def test_profile_and_stokes_parameters(self, tmp_path):
        beam = nb.Beam(wavelength=1.0, flux=1e12, size=(0.01, 0.02), profile="gaussian", stokes=(2.0, 0.3, 0.4, 1.0))
        write_nexus(tmp_path / "a.h5", PLAIN.replace(beam=beam), images(1))
        with h5py.File(tmp_path / "a.h5") as file:
            written = file["entry/instrument/beam"]
            assert written["incident_beam_size"][()].tolist() == [0.01, 0.02]
            assert text(written["profile"]) == "Gaussian"
            assert written["incident_polarization_stokes"][()].tolist() == [2.0, 0.3, 0.4, 1.0]
            assert written["total_flux"][()] == 1e12

    @pytest.mark.parametrize(("stokes", "angle"), [((1.0, 0.5, 0.0, 0.0), 0.0), ((1.0, 0.0, 0.5, 0.0), 45.0)])
    def test_stokes_parameters_hold_in_the_frame_of_nexus(self, stokes, angle):
        """Positive S2: the field lies between +x and +y of a right-handed frame whose z runs along the beam."""
        turned = PLAIN.replace(**{"beam.stokes": stokes})
        x, y, z = frame(turned) @ turned.electric_axis
        assert np.degrees(np.arctan2(y, x)) % 180.0 == pytest.approx(angle, abs=1e-12)
        assert z == pytest.approx(0.0, abs=1e-15)
        assert np.linalg.det(frame(turned)) == pytest.approx(1.0)

    def test_pixel_mask(self, opened):
        experiment, entry = opened
        mask = entry["instrument/detector/pixel_mask"]
        assert mask.dtype == np.uint32
        (s0, s1), (f0, f1) = experiment.detector.region
        expected = np.zeros(SHAPE, bool)
        expected[s0:s1, f0:f1] = (
            True if experiment.detector.mask is None else experiment.detector.mask.pixels[s0:s1, f0:f1]
        )
        assert ((mask[()] == 0) == expected).all()
        assert ((mask[()] == 1) == ~expected).all()

    def test_numbers_with_units(self, tmp_path):
        write_nexus(tmp_path / "a.h5", PLAIN, images(3, "int32"))
        expected = {
            "beam/incident_wavelength": (0.9795, "angstrom"),
            "beam/total_flux": (1e12, "Hz"),
            "detector/count_time": (0.1, "s"),
            "detector/frame_time": (0.1, "s"),
            "detector/x_pixel_size": (0.172, "mm"),
            "detector/y_pixel_size": (0.172, "mm"),
            "detector/distance": (123.4, "mm"),
            "detector/sensor_thickness": (1e-6, "mm"),
            "detector/bit_depth_readout": (32, None),
        }
        with h5py.File(tmp_path / "a.h5") as file:
            instrument = file["entry/instrument"]
            for name, (value, units) in expected.items():
                assert instrument[name][()] == pytest.approx(value, rel=1e-12), name
                assert instrument[name].attrs.get("units") == units, name
            assert instrument["beam/incident_beam_size"][()].tolist() == [0.05, 0.05]
            assert instrument["beam/incident_polarization_stokes"][()].tolist() == [1.0, 0.9, 0.0, 0.0]
            assert text(file["entry/end_time_estimated"]) == "1970-01-01T00:00:00.300000Z"

    def test_simulated_sensor(self, tmp_path):
        write_nexus(tmp_path / "a.h5", EXPERIMENTS["sensor"], images(1))
        with h5py.File(tmp_path / "a.h5") as file:
            assert file["entry/instrument/detector/sensor_thickness"][()] == 0.45

    def test_sensor_material(self, tmp_path):
        changes = {"detector.sensor_thickness": 0.3, "detector.sensor_material": "CdTe"}
        write_nexus(tmp_path / "a.h5", PLAIN.replace(**changes), images(1))
        with h5py.File(tmp_path / "a.h5") as file:
            assert text(file["entry/instrument/detector/sensor_material"]) == "CdTe"
            assert file["entry/instrument/detector/sensor_thickness"][()] == 0.3

    def test_curved_detector_is_described(self, tmp_path):
        write_nexus(tmp_path / "a.h5", EXPERIMENTS["curved"], images(1))
        with h5py.File(tmp_path / "a.h5") as file:
            assert "curved" in text(file["entry/instrument/detector/description"])

    @pytest.mark.parametrize(
        ("kind", "low", "high"),
        [
            ("uint8", 0, 253),
            ("uint16", 0, 65533),
            ("int16", -32768, 32767),
            ("int32", -(2**31), 2**31 - 3),
            ("float32", np.finfo("f4").min, np.finfo("f4").max),
        ],
    )
    def test_trusted_range(self, tmp_path, kind, low, high):
        write_nexus(tmp_path / "a.h5", PLAIN, images(1, kind))
        with h5py.File(tmp_path / "a.h5") as file:
            detector = file["entry/instrument/detector"]
            assert (detector["underload_value"][()], detector["saturation_value"][()]) == (low, high)
            assert ("bit_depth_readout" in detector) == (kind != "float32")

    def test_data_is_in_plain_gzip_chunks_of_one_image(self, opened):
        _, entry = opened
        data = entry["data/data"]
        assert entry["data"].attrs["signal"] == "data"
        assert (data.chunks, data.compression, data.compression_opts, data.shuffle) == ((1, *SHAPE), "gzip", 1, True)

    def test_provenance(self, tmp_path):
        write_nexus(tmp_path / "a.h5", SCAN, images(1), command_line="nbnumba simulate a.toml", seeds={"noise": 3})
        write_nexus(tmp_path / "b.h5", SCAN, images(1))
        with h5py.File(tmp_path / "a.h5") as a, h5py.File(tmp_path / "b.h5") as b:
            process = a["entry/nbnumba"]
            assert process.attrs["NX_class"] == "NXprocess"
            assert (text(process["program"]), text(process["version"])) == ("nbnumba", nb.__version__)
            assert text(process["command_line"]) == "nbnumba simulate a.toml"
            assert json.loads(text(process["seeds"])) == {"mosaic": SCAN.crystal.mosaic.seed, "noise": 3}
            assert tomllib.loads(text(process["experiment"]))["scan"]["start"] == -7.0
            assert "command_line" not in b["entry/nbnumba"]
            assert json.loads(text(b["entry/nbnumba/seeds"])) == {"mosaic": SCAN.crystal.mosaic.seed}


@pytest.fixture(params=PANELS, ids=str)
def listed(request):
    return PANELS[request.param]


class TestPanels:
    def test_round_trip(self, tmp_path, listed):
        written = RANDOM.random((3, *listed.detector.shape)).astype(np.float32)
        for name, given in (("a.h5", written), ("b.h5", written[1]), ("c.h5", iter(written))):
            write_nexus(tmp_path / name, listed, given)
            experiment, back = read_nexus(tmp_path / name)
            assert experiment == listed
            np.testing.assert_array_equal(back, written[1] if name == "b.h5" else written)
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a.h5", number=2), written[2])

    @pytest.mark.parametrize("shape", [(20, 30), (2, 5, 6, 1), (1, 5, 6)])
    def test_other_shapes_are_refused(self, tmp_path, shape):
        with pytest.raises(nb.NbnumbaError, match=r"image 0: found shape .*; allowed: the detector's \(2, 5, 6\)"):
            write_nexus(tmp_path / "a.h5", PANELS["panels"], [np.zeros(shape)])

    def test_every_module_is_where_its_panel_was_simulated(self, tmp_path, listed):
        write_nexus(tmp_path / "a.h5", listed, np.ones(listed.detector.shape))
        with h5py.File(tmp_path / "a.h5") as file:
            detector = file["entry/instrument/detector"]
            modules = [detector[f"module_{i}"] for i in range(len(listed.detector.panels))]
            size, turn = listed.detector.pixel_size, frame(listed).T
            for i, (module, panel, place) in enumerate(
                zip(modules, listed.detector.panels, listed.geometries, strict=True)
            ):
                corner, fast, slow = (np.array(x) for x in (place.origin, place.fast, place.slow))
                expected = np.array([corner, corner + size * fast, corner + size * slow]) @ turn
                np.testing.assert_allclose(positions(module), expected, rtol=1e-13, atol=1e-12)
                assert module["data_size"][()].tolist() == list(panel.pixels)
                assert module["data_origin"][()].tolist() == [i * listed.detector.pixels[0], 0]
            assert ("pixel_mask" in detector) == (listed.detector.mask is not None)
            if "pixel_mask" in detector:
                good = detector["pixel_mask"][()] == 0
                np.testing.assert_array_equal(good.reshape(listed.detector.shape), listed.rendered)

    def test_nxmx(self, tmp_path, listed):
        nxmx = pytest.importorskip("nxmx")
        write_nexus(tmp_path / "a.h5", listed, np.ones(listed.detector.shape))
        with h5py.File(tmp_path / "a.h5") as file:
            modules = nxmx.NXmx(file).entries[0].instruments[0].detectors[0].modules
            assert len(modules) == len(listed.detector.panels)
            for module, place in zip(modules, listed.geometries, strict=True):
                chain = nxmx.get_dependency_chain(module.fast_pixel_direction.depends_on)
                corner = nxmx.get_cumulative_transformation(chain)[0, :3, 3]
                np.testing.assert_allclose(corner, frame(listed) @ place.origin, atol=1e-9)


class TestReaders:
    def test_nxmx(self, tmp_path, experiment):
        nxmx = pytest.importorskip("nxmx")
        written = images(4, "int32")
        write_nexus(tmp_path / "a.h5", experiment, written)
        with h5py.File(tmp_path / "a.h5") as file:
            entry = nxmx.NXmx(file).entries[0]
            detector = entry.instruments[0].detectors[0]
            module = detector.modules[0]
            chain = nxmx.get_dependency_chain(module.fast_pixel_direction.depends_on)
            corner = nxmx.get_cumulative_transformation(chain)[0, :3, 3]
            np.testing.assert_allclose(corner, frame(experiment) @ experiment.geometry.origin, atol=1e-9)
            np.testing.assert_allclose(
                module.slow_pixel_direction.vector, frame(experiment) @ experiment.geometry.slow, atol=1e-14
            )
            assert detector.sensor_material == "Si"
            assert detector.sensor_thickness.to("mm").magnitude > 0.0
            assert entry.instruments[0].beams[0].incident_wavelength.to("angstrom").magnitude == pytest.approx(
                file["entry/instrument/beam/incident_wavelength"][()]
            )
            assert (entry.data[0][entry.data[0].signal][()] == written).all()
            self.check_axis(nxmx, entry.samples[0].depends_on, experiment)

    def check_axis(self, nxmx, depends_on, experiment):
        if experiment.scan is None or experiment.scan.width == 0.0:
            assert depends_on is None
            return
        axes = nxmx.get_rotation_axes(nxmx.get_dependency_chain(depends_on))
        np.testing.assert_allclose(axes.axes[0], frame(experiment) @ experiment.spindle)
        assert axes.is_scan_axis.tolist() == [True]

    def test_fabio(self, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            fabio = pytest.importorskip("fabio")
            written = images(4)
            write_nexus(tmp_path / "a.h5", PLAIN, written)
            with fabio.open(str(tmp_path / "a.h5")) as opened:
                assert opened.nframes == 4
                for i in range(4):
                    assert (opened.get_frame(i).data == written[i]).all()

    def test_silx(self, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pytest.importorskip("silx")
            from silx.io import nxdata
        written = images(4, "uint16")
        write_nexus(tmp_path / "a.h5", SCAN, written)
        with h5py.File(tmp_path / "a.h5") as file:
            shown = nxdata.get_default(file)
            assert shown.is_valid
            assert shown.issues == []
            assert shown.interpretation == "image"
            assert (shown.signal[()] == written).all()
