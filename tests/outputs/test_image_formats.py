"""CBF, SMV and TIFF: what other programs find in them, and what comes back."""

import json
import re
import warnings

import fabio
import numpy as np
import pytest

import nbnumba as nb
from nbnumba.images import count_images
from nbnumba.outputs.nexus_geometry import frame

SHAPE = (20, 30)
RANDOM = np.random.default_rng(11)
PLAIN = nb.Experiment(
    crystal=nb.Crystal(cell=(50, 60, 70, 90, 95, 90), default_f=100.0),
    beam=nb.Beam(wavelength=0.9795, flux=1e12, exposure=0.25, size=0.05, polarization=0.9),
    detector=nb.Detector(pixels=SHAPE, pixel_size=0.172, distance=123.4, beam_center=(1.5, 2.5)),
    scan=nb.Scan(start=-7.0, width=0.3, steps=4),
)
STILL = PLAIN.replace(scan=None)
TILTED = PLAIN.replace(**{"detector.rotation": (3.0, -4.0, 20.0), "detector.twotheta": 15.0})
PANELS = (
    nb.Panel(pixels=(20, 30), origin=(100.0, 3.0, -5.0), fast=(0, 0.1, 1), slow=(0, -1, 0.1)),
    nb.Panel(pixels=(15, 30), origin=(90.0, 13.0, -15.0), fast=(-0.2, 0, 1), slow=(0, -1, 0)),
    nb.Panel(pixels=(20, 10), origin=(20.0, 60.0, -3.0), fast=(0, 0, 1), slow=(-1, 0, 0)),
)
SEVERAL = PLAIN.replace(detector=nb.Detector(panels=PANELS, pixel_size=0.2))
#: From the frame of NeXus to that of imgCIF.
HALF_TURN = np.diag([-1.0, 1.0, -1.0])


def counts(experiment=PLAIN, kind="int32"):
    """An image with neighbours that differ by one, two and four bytes."""
    image = RANDOM.poisson(100.0, experiment.detector.shape)
    image[..., ::7, ::5] = 40_000
    image[..., 3, 4] = 65_000 if kind == "uint16" else 2**31 - 1
    return image.astype(kind)


def header(path):
    """The text before the pixels."""
    return path.read_bytes().split(b"--CIF-BINARY-FORMAT-SECTION--")[0].decode("ascii")


def comments(path):
    return dict(line[2:].split(" ", 1) for line in header(path).splitlines() if re.match(r"# \S+ \S", line))


def refused(function, *arguments, match, **options):
    with pytest.raises(nb.NbnumbaError, match=match):
        function(*arguments, **options)


class TestCbfPixels:
    @pytest.mark.parametrize("kind", ["mini", "full"])
    @pytest.mark.parametrize("experiment", [PLAIN, STILL], ids=["rotation", "still"])
    @pytest.mark.parametrize("dtype", ["int32", "uint16", "int64", "float64"])
    def test_fabio_reads_what_was_written(self, tmp_path, kind, experiment, dtype):
        image = counts(kind=dtype)
        nb.write_cbf(tmp_path / "a_0001.cbf", experiment, image, kind=kind)
        read = fabio.open(str(tmp_path / "a_0001.cbf"))
        np.testing.assert_array_equal(read.data, image)
        assert read.data.dtype == np.int32
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a_0001.cbf"), image)

    def test_panels_come_back(self, tmp_path):
        image = counts(SEVERAL)
        nb.write_cbf(tmp_path / "a.cbf", SEVERAL, image)
        expected = np.where(nb.pixel_mask(SEVERAL) == 0, image, -1)
        read = nb.read_image(tmp_path / "a.cbf")
        assert read.dtype == np.int32
        np.testing.assert_array_equal(read, expected)
        assert (read == -1).sum() == 5 * 30 + 20 * 20

    def test_floats_are_rounded(self, tmp_path):
        image = np.full(SHAPE, 0.4)
        image[0, :3] = 0.6, 2.5, 3.5  # halves to even
        nb.write_cbf(tmp_path / "a.cbf", PLAIN, image)
        assert nb.read_image(tmp_path / "a.cbf")[0, :4].tolist() == [1, 2, 4, 0]

    def test_pixels_without_a_measurement_are_negative(self, tmp_path):
        mask = np.ones(SHAPE, bool)
        mask[4, 5] = False
        response = nb.Response(saturation=1000, hot_pixels=0.1, seed=3)
        experiment = PLAIN.replace(**{"detector.mask": nb.Mask(mask), "response": response})
        image = np.full(SHAPE, 7)
        image[0, :] = 1000
        image[1, :] = 999
        nb.write_cbf(tmp_path / "a.cbf", experiment, image)
        hot = nb.pixel_mask(experiment) == 8
        assert 0 < hot.sum() < 200
        expected = np.where(hot, -2, image)
        expected[0], expected[4, 5] = -2, -1
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a.cbf"), expected)
        assert "# Count_cutoff 1000 counts" in header(tmp_path / "a.cbf")

    def test_expected_photons_do_not_saturate(self, tmp_path):
        experiment = PLAIN.replace(response=nb.Response(saturation=1000))
        nb.write_cbf(tmp_path / "a.cbf", experiment, np.full(SHAPE, 2000.0))
        assert (nb.read_image(tmp_path / "a.cbf") == 2000).all()

    @pytest.mark.parametrize("value", [-1, -0.6, 2**31, np.nan, np.inf])
    def test_what_does_not_fit_is_refused(self, tmp_path, value):
        image = np.zeros(SHAPE)
        image[2, 3] = value
        refused(nb.write_cbf, tmp_path / "a.cbf", PLAIN, image, match=r"pixel \(2, 3\).*allowed: 0 to 2147483647")
        masked = PLAIN.replace(**{"detector.roi": ((4, 20), (0, 30))})
        nb.write_cbf(tmp_path / "a.cbf", masked, image)
        assert nb.read_image(tmp_path / "a.cbf")[2, 3] == -1

    def test_other_images_are_refused(self, tmp_path):
        refused(nb.write_cbf, tmp_path / "a.cbf", PLAIN, np.zeros((30, 20)), match=r"\(30, 20\); allowed: .*\(20, 30\)")
        refused(nb.write_cbf, tmp_path / "a.cbf", None, np.array(["a"]), match="allowed: numbers in two")
        refused(nb.write_cbf, tmp_path / "a.cbf", PLAIN, counts(), -1, match="number")
        refused(nb.write_cbf, tmp_path / "a.cbf", PLAIN, counts(), kind="big", match="kind: found 'big'")
        assert list(tmp_path.iterdir()) == []

    def test_pixels_alone(self, tmp_path):
        image = counts() - 5
        nb.write_cbf(tmp_path / "a.cbf", None, image)
        np.testing.assert_array_equal(fabio.open(str(tmp_path / "a.cbf")).data, image)
        assert "Wavelength" not in header(tmp_path / "a.cbf")

    def test_equal_images_make_equal_files_and_older_ones_stay(self, tmp_path):
        for name in ("a.cbf", "b.cbf"):
            nb.write_cbf(tmp_path / name, PLAIN, np.zeros(SHAPE))
        assert (tmp_path / "a.cbf").read_bytes() == (tmp_path / "b.cbf").read_bytes()
        refused(nb.write_cbf, tmp_path / "a.cbf", STILL, np.zeros(SHAPE), match="--overwrite")
        nb.write_cbf(tmp_path / "a.cbf", STILL, np.zeros(SHAPE), overwrite=True)
        assert (tmp_path / "a.cbf").read_bytes() != (tmp_path / "b.cbf").read_bytes()

    def test_cut_file_is_refused(self, tmp_path):
        nb.write_cbf(tmp_path / "a.cbf", SEVERAL, counts(SEVERAL))
        content = (tmp_path / "a.cbf").read_bytes()
        (tmp_path / "b.cbf").write_bytes(content[: len(content) // 2])
        refused(nb.read_image, tmp_path / "b.cbf", match=r"b\.cbf: ")


class TestMiniHeader:
    def test_what_it_tells(self, tmp_path):
        detector = {"detector.sensor_material": "Si", "detector.sensor_thickness": 0.32}
        nb.write_cbf(tmp_path / "a_0003.cbf", PLAIN.replace(**detector), np.zeros(SHAPE), 2)
        told = comments(tmp_path / "a_0003.cbf")
        assert told["Wavelength"] == "0.9795 A"
        assert told["Detector_distance"] == "0.1234 m"
        assert told["Pixel_size"] == "172e-6 m x 172e-6 m"
        assert told["Start_angle"] == "-6.4 deg."
        assert told["Angle_increment"] == "0.3 deg."
        assert told["Exposure_time"] == told["Exposure_period"] == "0.25 s"
        assert told["Polarization"] == "0.95"  # as XDS counts it: 0.5 for none
        assert told["Silicon"] == "sensor, thickness 0.00032 m"
        assert told["Count_cutoff"] == "2147483647 counts"
        assert "1970-01-01T00:00:00.500" in header(tmp_path / "a_0003.cbf")
        fast, slow = map(float, re.findall(r"[\d.]+", told["Beam_xy"]))
        # MOSFLM's beam centre: slow and fast, half a pixel from the outer corner.
        np.testing.assert_allclose([fast, slow], [2.5 / 0.172 + 0.5, 1.5 / 0.172 + 0.5], rtol=1e-10)

    def test_no_sensor_is_told_where_none_is_simulated(self, tmp_path):
        nb.write_cbf(tmp_path / "a.cbf", PLAIN, np.zeros(SHAPE))
        assert "sensor" not in header(tmp_path / "a.cbf")

    @pytest.mark.parametrize(
        ("pixels", "name"),
        [
            ((195, 487), "PILATUS_1.2"),
            ((407, 487), "PILATUS_1.2"),
            ((195, 488), "GENERIC_MINI"),
            (SHAPE, "GENERIC_MINI"),
        ],
    )
    def test_convention_of_pilatus_for_its_sizes(self, tmp_path, pixels, name):
        experiment = PLAIN.replace(**{"detector.pixels": pixels})
        nb.write_cbf(tmp_path / "a.cbf", experiment, np.zeros(pixels, int))
        assert fabio.open(str(tmp_path / "a.cbf")).header["_array_data.header_convention"] == name

    @pytest.mark.parametrize(
        ("experiment", "why"),
        [
            (TILTED, "not square to the beam"),
            (SEVERAL, "several panels"),
            (PLAIN.replace(**{"detector.convention": "dials", "detector.beam_center": None}), "turned about it"),
            (PLAIN.replace(**{"scan.axis": (0.0, 1.0, 0.0)}), "rotation axis"),
            (PLAIN.replace(**{"scan.width": -0.3}), "rotation axis"),
        ],
        ids=["tilted", "panels", "turned", "axis", "backwards"],
    )
    def test_geometry_beyond_it_is_told_in_full(self, tmp_path, experiment, why):
        image = np.zeros(experiment.detector.shape, int)
        refused(nb.write_cbf, tmp_path / "a.cbf", experiment, image, kind="mini", match=why)
        nb.write_cbf(tmp_path / "a.cbf", experiment, image)
        assert "_axis.vector[1]" in header(tmp_path / "a.cbf")

    def test_series_in_front_of_a_square_detector_is_mini_and_a_still_is_not(self, tmp_path):
        nb.write_cbf(tmp_path / "a.cbf", PLAIN, np.zeros(SHAPE))
        nb.write_cbf(tmp_path / "b.cbf", STILL, np.zeros(SHAPE))
        assert "_axis.vector[1]" not in header(tmp_path / "a.cbf")
        assert "_axis.vector[1]" in header(tmp_path / "b.cbf")
        assert "diffrn_measurement" not in header(tmp_path / "b.cbf")


class Tables(dict):
    """The loops of a CIF header, as lists of rows by category."""

    def __init__(self, text):
        for names, body in re.findall(r"loop_\r?\n((?:_\S+\r?\n)+)((?:[^_\s].*\r?\n)*)", text):
            category = names.split(".")[0][1:]
            if category == "array_data":
                continue  # goes on behind the pixels
            columns = [name.split(".")[1] for name in names.split()]
            rows = [[a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', row)] for row in body.splitlines()]
            self[category] = [dict(zip(columns, row, strict=True)) for row in rows]

    def named(self, category, column, value):
        (row,) = [row for row in self[category] if row[column] == value]
        return row

    def place(self, panel, slow, fast):
        """Point [mm] of a panel, in pixels from its first corner: the chain of axes of imgCIF, all translations."""
        point, axis = np.zeros(3), None
        arrays = [row["array_id"] for row in self["diffrn_data_frame"]]
        shifts = {}
        for row in self["array_structure_list"]:
            if row["array_id"] == arrays[panel]:
                steps = self.named("array_structure_list_axis", "axis_set_id", row["axis_set_id"])
                pixels = fast if row["precedence"] == "1" else slow
                size = float(steps["displacement_increment"])
                shifts[steps["axis_id"]] = float(steps["displacement"]) + pixels * size
                axis = steps["axis_id"] if row["precedence"] == "1" else axis
        while axis != ".":
            row = self.named("axis", "id", axis)
            assert row["type"] == "translation"
            setting = float(self.named("diffrn_scan_frame_axis", "axis_id", axis)["displacement"])
            point += _vector(row, "offset") + (setting + shifts.get(axis, 0.0)) * _vector(row, "vector")
            axis = row["depends_on"]
        return point


def _vector(row, name):
    return np.array([float(row[f"{name}[{i}]"]) for i in (1, 2, 3)])


class TestFullHeader:
    @pytest.mark.parametrize("experiment", [PLAIN, TILTED, SEVERAL], ids=["plain", "tilted", "panels"])
    def test_axes_lead_to_every_pixel(self, tmp_path, experiment):
        nb.write_cbf(tmp_path / "a.cbf", experiment, counts(experiment), kind="full")
        tables = Tables(header(tmp_path / "a.cbf"))
        turn = HALF_TURN @ frame(experiment)
        for i, g in enumerate(experiment.geometries):
            for slow, fast in ((0, 0), (20, 0), (0, 30), (7.5, 11.25)):
                size = experiment.detector.pixel_size
                expected = np.array(g.origin) + size * (slow * np.array(g.slow) + fast * np.array(g.fast))
                np.testing.assert_allclose(tables.place(i, slow, fast), turn @ expected, atol=1e-9)

    @pytest.mark.parametrize("sign", [1, -1])
    def test_rotation(self, tmp_path, sign):
        experiment = TILTED.replace(**{"scan.axis": (0.1, 1.0, 0.3), "scan.width": sign * 0.3})
        nb.write_cbf(tmp_path / "a.cbf", experiment, np.zeros(SHAPE), 5)
        tables = Tables(header(tmp_path / "a.cbf"))
        axis = _vector(tables.named("axis", "equipment", "goniometer"), "vector")
        np.testing.assert_allclose(axis, sign * HALF_TURN @ frame(experiment) @ experiment.spindle, atol=1e-12)
        (row,) = [row for row in tables["diffrn_scan_axis"] if float(row["angle_increment"]) != 0.0]
        assert float(row["angle_increment"]) == 0.3
        assert float(row["angle_start"]) == pytest.approx(sign * (-7.0 + sign * 5 * 0.3))

    def test_electric_field(self, tmp_path):
        """A field that Stokes parameters turn by 45 degrees has its normal at 45 degrees too."""
        stokes = PLAIN.replace(**{"beam.polarization": 0.0, "beam.stokes": (1.0, 0.0, 0.8, 0.0)})
        nb.write_cbf(tmp_path / "a.cbf", stokes, np.zeros(SHAPE), kind="full")
        found = dict(re.findall(r"polarizn_source_(\w+) (\S+)", header(tmp_path / "a.cbf")))
        assert float(found["ratio"]) == pytest.approx(0.8)
        x, y, _ = HALF_TURN @ frame(stokes) @ stokes.electric_axis
        angle = np.radians(float(found["norm"]))
        assert abs(angle) == pytest.approx(np.pi / 4)
        assert x * np.sin(angle) + y * np.cos(angle) == pytest.approx(0.0, abs=1e-12)


PHOTONS = {"response.gain": 2.0, "response.offset": 40.0, "response.saturation": 3000}


def readings(folder, experiment, image):
    """Gain and offset, where they are told, and the number at which a pixel saturates: of imgCIF, SMV and DIALS."""
    nb.write_cbf(folder / "a.cbf", experiment, image, kind="full", overwrite=True)
    (row,) = Tables(header(folder / "a.cbf"))["array_intensities"]
    nb.write_smv(folder / "a.img", experiment, image, overwrite=True)
    smv = fabio.open(str(folder / "a.img")).header
    file = nb.write_nexus(folder / "a.h5", experiment, image, overwrite=True)
    tree = json.loads(nb.write_dials(folder / "a.expt", experiment, file=file, overwrite=True).read_text())
    (panel,) = tree["detector"][0]["panels"]
    geom = nb.write_crystfel(folder / "a.geom", experiment, file=file, overwrite=True).read_text()
    return {
        "imgCIF": (float(row["gain"]), None, float(row["overload"])),
        "SMV": tuple(float(smv[key]) for key in ("GAIN", "IMAGE_PEDESTAL", "CCD_IMAGE_SATURATION")),
        "DIALS": (panel["gain"], panel["pedestal"], panel["trusted_range"][1]),
        "CrystFEL": (float(re.search(r"adu_per_photon = (.*)", geom)[1]), None, None),
    }


def test_gain_and_offset_are_those_of_counts_and_not_of_expected_photons(tmp_path):
    experiment, image = PLAIN.replace(**PHOTONS), np.ones(SHAPE)
    assert readings(tmp_path, experiment, image.astype("int32")) == {
        "imgCIF": (2.0, None, 3000.0),
        "SMV": (2.0, 40.0, 3000.0),
        "DIALS": (2.0, 40.0, 2999.0),
        "CrystFEL": (2.0, None, None),
    }
    assert readings(tmp_path, experiment, image) == {
        "imgCIF": (1.0, None, 2**31 - 1),
        "SMV": (1.0, 0.0, 65535.0),
        "DIALS": (1.0, 0.0, float(np.finfo("float32").max)),
        "CrystFEL": (1.0, None, None),
    }


@pytest.mark.parametrize("name", ["a.cbf", "a.img"])
def test_a_detector_turned_back_to_be_square_to_the_beam_is_read_back(tmp_path, name):
    turned = PLAIN.replace(**{"detector.twotheta": 15.0, "detector.rotation": (0.0, 0.0, 15.0)})
    write = nb.write_cbf if name == "a.cbf" else nb.write_smv
    found = nb.read_geometry(write(tmp_path / name, turned, np.ones(SHAPE, "int32")))
    place = nb.Experiment(crystal=PLAIN.crystal, beam=found.beam, detector=found.detector).geometry
    np.testing.assert_allclose(place.origin, frame(turned) @ turned.geometry.origin, atol=1e-9)


def test_pixels_of_one_bit_are_numbers(tmp_path):
    image = RANDOM.random(SHAPE) > 0.5
    nb.write_smv(tmp_path / "a.img", PLAIN, image)
    np.testing.assert_array_equal(nb.read_image(tmp_path / "a.img"), image)


class TestSmv:
    def test_header_and_pixels(self, tmp_path):
        response = nb.Response(offset=40.0, gain=2.0, dtype="uint16")
        image = counts(kind="uint16")
        nb.write_smv(tmp_path / "a_002.img", PLAIN.replace(response=response), image, 1)
        read = fabio.open(str(tmp_path / "a_002.img"))
        np.testing.assert_array_equal(read.data, image)
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a_002.img"), image)
        found = {key: float(read.header[key]) for key in read.header if re.fullmatch(r"[-\d.]+", read.header[key])}
        expected = {
            "PIXEL_SIZE": 0.172, "DISTANCE": 123.4, "WAVELENGTH": 0.9795, "OSC_START": -6.7, "OSC_RANGE": 0.3,
            "TIME": 0.25, "BEAM_CENTER_X": 1.5 + 0.086, "BEAM_CENTER_Y": 2.5 + 0.086, "IMAGE_PEDESTAL": 40, "GAIN": 2,
        }  # fmt: skip
        assert {key: found[key] for key in expected} == pytest.approx(expected)

    def test_what_is_too_bright_is_clipped_and_told(self, tmp_path):
        image = np.arange(600).reshape(SHAPE) * 200.4
        with pytest.warns(nb.NbnumbaWarning, match="272 of 600 pixels are above 65535"):
            nb.write_smv(tmp_path / "a_1.img", PLAIN, image)
        expected = np.minimum(np.rint(image), 65535)
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a_1.img"), expected)
        assert (image > 65535).sum() == 272

    def test_masked_pixels_read_as_overloaded(self, tmp_path):
        experiment = PLAIN.replace(**{"detector.roi": ((4, 20), (0, 30))})
        image = np.full(SHAPE, 3)
        image[0] = -1
        nb.write_smv(tmp_path / "a_1.img", experiment, image)
        read = nb.read_image(tmp_path / "a_1.img")
        assert np.unique(read[:4]).tolist() == [65535]
        assert np.unique(read[4:]).tolist() == [3]

    def test_refusals(self, tmp_path):
        refused(nb.write_smv, tmp_path / "a.img", TILTED, counts(), match="not square to the beam")
        refused(nb.write_smv, tmp_path / "a.img", SEVERAL, counts(SEVERAL), match="several panels")
        refused(nb.write_smv, tmp_path / "a.img", PLAIN, -counts(), match="allowed: 0 to 65535")
        refused(nb.write_smv, tmp_path / "a.img", PLAIN, np.zeros((3, 3)), match="the detector's")
        assert list(tmp_path.iterdir()) == []

    def test_pixels_alone(self, tmp_path):
        nb.write_smv(tmp_path / "a.img", None, np.arange(24).reshape(2, 3, 4))
        assert nb.read_image(tmp_path / "a.img").tolist() == np.arange(24).reshape(6, 4).tolist()


class TestTiff:
    @pytest.mark.parametrize(
        ("kind", "stored"),
        [
            ("uint8", "uint16"), ("uint16", "uint16"), ("int16", "int32"), ("int32", "int32"), ("int64", "int32"),
            (">i4", "int32"), ("float32", "float32"), ("float64", "float32"), ("bool", "uint16"),
        ],
    )  # fmt: skip
    def test_pixels_come_back(self, tmp_path, kind, stored):
        image = (RANDOM.random((2, 5, 7)) * 100).astype(kind)
        nb.write_tiff(tmp_path / "a.tif", image, description="two panels")
        read = fabio.open(str(tmp_path / "a.tif"))
        assert read.data.dtype == stored
        np.testing.assert_array_equal(read.data, image.reshape(10, 7).astype(stored))
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a.tif"), read.data)
        assert read.header["imageDescription"] == "two panels"

    def test_short_descriptions_and_small_images(self, tmp_path):
        nb.write_tiff(tmp_path / "a.tif", np.array([[7]]), description="")
        read = fabio.open(str(tmp_path / "a.tif"))
        assert read.data.tolist() == [[7]]
        assert read.header["imageDescription"].strip() == ""

    def test_nan_stays(self, tmp_path):
        nb.write_tiff(tmp_path / "a.tif", np.array([[np.nan, np.inf, 1.0]]))
        np.testing.assert_array_equal(nb.read_image(tmp_path / "a.tif"), [[np.nan, np.inf, 1.0]])

    def test_refusals(self, tmp_path):
        refused(nb.write_tiff, tmp_path / "a.tif", np.array([[2**31]]), match="2147483648 at pixel .*allowed: .*int32")
        refused(nb.write_tiff, tmp_path / "a.tif", np.array([[1e39]]), match=r"1e\+39 at pixel .*allowed: .*float32")
        refused(nb.write_tiff, tmp_path / "a.tif", np.zeros(3), match="slow and fast")
        refused(nb.write_tiff, tmp_path / "a.tif", np.zeros((3, 3)), description="\u00c5", match="ASCII")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["mini", "full"])
def test_one_listed_panel_is_as_none(tmp_path, kind):
    image = counts()
    listed = PLAIN.with_panels(slow=1, fast=1)
    assert listed.detector.shape == (1, *SHAPE)
    for name, experiment, pixels in (("a", PLAIN, image), ("b", listed, image[np.newaxis])):
        nb.write_cbf(tmp_path / f"{name}.cbf", experiment, pixels, kind=kind)
        nb.write_smv(tmp_path / f"{name}.img", experiment, np.minimum(pixels, 65535))
    for suffix in ("cbf", "img"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_images_are_counted(tmp_path):
    nb.write_nexus(tmp_path / "a.h5", PLAIN, np.zeros((4, *SHAPE)))
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5)))
    nb.write_tiff(tmp_path / "a.tif", np.zeros((3, 4)))
    assert [count_images(tmp_path / name) for name in ("a.h5", "a.npy", "a.tif")] == [4, 3, 1]


def test_no_warning_without_clipping(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nb.write_smv(tmp_path / "a.img", PLAIN, np.full(SHAPE, 65535))
