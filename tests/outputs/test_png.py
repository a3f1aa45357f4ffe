import struct
import zlib

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.errors import NbnumbaError
from nbnumba.outputs.png import grey_levels, shades, write_png


def decode(data: bytes) -> np.ndarray:
    """Pixels of an 8-bit grey PNG without filters; checks every checksum."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, chunks = 8, {}
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", data, place + 8 + size)[0] == zlib.crc32(kind + content)
        chunks[kind] = content
        place += 12 + size
    width, height, *kind = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert kind == [8, 0, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert not rows[:, 0].any()
    return rows[:, 1:]


def spots() -> np.ndarray:
    image = np.ones((40, 60))
    image[5, 7], image[20, 30], image[21, 30] = 1.5, 5.0, 1000.0
    return image


def test_dark_spots_on_a_light_ground(tmp_path):
    file = write_png(tmp_path / "a.png", spots())
    grey = decode(file.read_bytes())
    assert grey.shape == (40, 60)
    assert (grey[0] == 255).all()
    assert 255 > grey[5, 7] > grey[20, 30] > grey[21, 30] == 0


def test_other_programs_read_it(tmp_path):
    image = pytest.importorskip("PIL.Image")
    file = write_png(tmp_path / "a.png", spots())
    with image.open(file) as opened:
        assert opened.mode == "L"
        assert (np.asarray(opened) == decode(file.read_bytes())).all()


def test_weak_spots_are_seen_beside_strong_ones():
    image = np.zeros((200, 200))
    image[::10, ::10] = 1.0
    image[::50, ::50] = 1000.0
    assert shades([image])[0][10, 10] < 230


def test_noise_stays_light():
    image = np.random.default_rng(1).poisson(1.0, (300, 300))
    image[100:103, 100:103] += 100
    (grey,) = shades([image], counts=True)
    assert grey.mean() > 200
    assert grey[101, 101] == 0


@pytest.mark.parametrize("value", [0.0, 7.0, -3.0, np.nan, np.inf, -np.inf])
def test_constant_images_are_white(tmp_path, value):
    file = write_png(tmp_path / "a.png", np.full((4, 5), value))
    assert (decode(file.read_bytes()) == 255).all()


def test_values_that_are_not_finite_are_white_and_change_nothing_else(tmp_path):
    image = spots()
    image[30, 40:43] = np.nan, np.inf, -np.inf
    (expected,) = shades([spots()])
    assert (decode(write_png(tmp_path / "a.png", image).read_bytes()) == expected).all()


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64, np.float32])
def test_kinds_of_numbers(tmp_path, kind):
    image = np.zeros((3, 4), dtype=kind)
    image[1, 2] = 100
    grey = decode(write_png(tmp_path / "a.png", image).read_bytes())
    assert np.argwhere(grey == 0).tolist() == [[1, 2]]


def test_large_images_are_binned_by_the_strongest_pixel(tmp_path):
    image = np.zeros((5, 2 * 2048 + 1), dtype=np.float32)
    image[4, 4096] = 10.0
    image[1, 301] = 10.0
    grey = decode(write_png(tmp_path / "a.png", image).read_bytes())
    assert grey.shape == (2, 1366)
    assert np.argwhere(grey == 0).tolist() == [[0, 100], [1, 1365]]


@pytest.mark.parametrize("center", [(2.5, 3.0), (-4.0, 3.0), (2.5, 1e9), (np.nan, 0.0)])
def test_beam_center_is_marked_where_it_is_on_the_picture(tmp_path, center):
    grey = decode(write_png(tmp_path / "a.png", np.zeros((10, 10)), beam_center=center).read_bytes())
    assert (grey == 0).any() == (center == (2.5, 3.0))
    if center == (2.5, 3.0):
        assert np.argwhere(grey[:, 3] == 0).ravel().tolist() == [0, 1, 2, 3, 4, 5]
        assert np.argwhere(grey[2] == 0).ravel().tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "image", [np.zeros(3), np.zeros((0, 4)), np.zeros((2, 2, 3, 1)), np.zeros((2, 2), complex), "no"]
)
def test_only_pictures(tmp_path, image):
    with pytest.raises(NbnumbaError, match="two dimensions"):
        write_png(tmp_path / "a.png", image)


def test_existing_file_is_kept(tmp_path):
    (tmp_path / "a.png").write_text("old")
    with pytest.raises(NbnumbaError, match="exists already"):
        write_png(tmp_path / "a.png", spots())
    write_png(tmp_path / "a.png", spots(), overwrite=True)
    decode((tmp_path / "a.png").read_bytes())


@pytest.mark.parametrize("counts", [False, True])
def test_pictures_are_as_dark_as_figures_of_the_same_image(counts):
    image = np.random.default_rng(3).poisson(20.0, (40, 60)) + 100 * spots().astype(int)
    image = image if counts else image.astype(float)
    mask = np.ones(image.shape, dtype=bool)
    mask[:, :10] = False  # enough to be taken for the ground
    detector = nb.Detector(pixels=image.shape, pixel_size=0.1, distance=100.0, mask=nb.Mask(mask))
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=(50, 60, 70, 90, 90, 90)), beam=nb.Beam(wavelength=1.0), detector=detector
    )
    image[~mask] = 0
    axes = nb.draw_image(image, experiment, rings=()).axes[0]
    shown = axes.images[0].get_array().filled(0.0)
    found = grey_levels(image, experiment)
    assert (found[:, :10] == 255).all()
    np.testing.assert_allclose(found, 255.0 * (1.0 - shown), atol=0.5)
