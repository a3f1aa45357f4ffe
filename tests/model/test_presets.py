"""Detectors that people use."""

import numpy as np
import pytest
import scenes

import nbnumba as nb

#: Pixels (slow, fast), edge of a pixel [mm], and pixels in modules, from the makers' documentation.
KNOWN = {
    "pilatus-6m": ((2527, 2463), 0.172, 60 * 195 * 487),
    "pilatus3-2m": ((1679, 1475), 0.172, 24 * 195 * 487),
    "pilatus-300k": ((619, 487), 0.172, 3 * 195 * 487),
    "eiger-16m": ((4371, 4150), 0.075, 32 * 514 * 1030),
    "eiger-4m": ((2167, 2070), 0.075, 8 * 514 * 1030),
    "eiger2-9m": ((3262, 3108), 0.075, 18 * 512 * 1028),
    "eiger2-cdte-1m": ((1062, 1028), 0.075, 2 * 512 * 1028),
    "jungfrau-4m": ((2164, 2068), 0.075, 8 * 514 * 1030),
    "rayonix-mx340-hs": ((3840, 3840), 0.0885416, 3840**2),
    "adsc-q315r": ((3072, 3072), 0.102588, 3072**2),
}


@pytest.mark.parametrize("name", KNOWN)
def test_pixels_and_gaps(name):
    detector = nb.Detector.preset(name, distance=200.0)
    pixels, size, seeing = KNOWN[name]
    assert (detector.pixels, detector.pixel_size, detector.distance) == (pixels, size, 200.0)
    assert (np.prod(pixels) if detector.mask is None else detector.mask.pixels.sum()) == seeing


@pytest.mark.parametrize("name", nb.PRESETS)
def test_every_preset_makes_a_detector_and_a_response(name):
    nb.Detector.preset(name)
    nb.Response.preset(name)


def test_counting_detectors_write_what_they_count_and_their_gaps():
    detector = nb.Detector.preset("pilatus-300k")
    e = scenes.still().replace(detector=detector, response=nb.Response.preset("pilatus-300k", dead_time=0.0))
    counts = nb.detect(e, np.full(detector.pixels, 3e6, np.float32))
    assert (counts[195:212] == -1).all()
    assert (counts[:195] == 2**20 - 1).all()


def test_toml_takes_what_is_not_given_from_the_preset():
    text = """
[crystal]
cell = [70, 80, 90, 90, 90, 90]
[beam]
wavelength = 1.0
[detector]
preset = "rayonix-mx225"
distance = 180.0
[response]
preset = "rayonix-mx225"
flicker = 0.02
"""
    e = nb.Experiment.from_toml(text)
    assert e.detector == nb.Detector.preset("rayonix-mx225", distance=180.0)
    assert e.response == nb.Response.preset("rayonix-mx225", flicker=0.02)
    assert nb.Experiment.from_toml(e.to_toml()) == e
    other = nb.Experiment.from_toml(text, {"response.preset": "eiger2-1m", "detector.pixel_size": 0.1})
    assert other.response == nb.Response.preset("eiger2-1m", flicker=0.02)
    assert other.detector.pixel_size == 0.1


def test_unknown_names_get_a_suggestion():
    with pytest.raises(nb.NbnumbaError, match=r"detector\.preset: found 'pilatus-7m'.*did you mean 'pilatus"):
        nb.Detector.preset("Pilatus-7M")
    with pytest.raises(nb.NbnumbaError, match=r"response\.preset"):
        nb.Response.preset("pilatus")
