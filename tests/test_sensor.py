"""Sensors by material and thickness: what they catch, by depth, and how images follow."""

import numpy as np
import pytest
import scenes
from differences import worst

import nbnumba as nb
from nbnumba.kernels.pack import pack
from nbnumba.materials.attenuation import attenuation

SILICON = {"detector.sensor_material": "Si", "detector.sensor_thickness": 0.45}


def exact(experiment):
    """The image in double precision."""
    return nb.jacobian(experiment, [])[0]


def test_the_coefficient_follows_from_the_wavelength():
    e = scenes.still(**SILICON)
    assert e.sensor_mu == attenuation("Si", 1.03)
    assert pack(e).sensor.mu == e.sensor_mu
    assert e.replace(**{"beam.wavelength": 2.06}).sensor_mu == pytest.approx(8.0 * e.sensor_mu, rel=0.1)
    assert e.replace(**{"detector.sensor_density": 2 * 2.329}).sensor_mu == pytest.approx(2.0 * e.sensor_mu)
    assert scenes.still().sensor_mu == 0.0
    assert scenes.still().caught == 1.0


def test_one_coefficient_serves_all_sources():
    rows = tuple((-1.0, 0.0, 0.0, weight, wavelength) for weight, wavelength in ((3.0, 1.0), (1.0, 1.2)))
    e = scenes.still(**SILICON, **{"beam.sources": nb.Sources(rows)})
    assert e.mean_wavelength == pytest.approx(1.05)
    assert e.sensor_mu == attenuation("Si", e.mean_wavelength)


def test_a_material_is_its_coefficient():
    e = scenes.still(**SILICON, **{"sampling.layers": 3})
    by_hand = e.replace(**{"detector.sensor_mu": e.sensor_mu})
    assert by_hand.detector.sensor_material is None  # one takes the place of the other
    np.testing.assert_array_equal(nb.simulate(e), nb.simulate(by_hand))
    assert by_hand.replace(**{"detector.sensor_material": "Si"}) == e
    assert e.caught == pytest.approx(1.0 - np.exp(-0.45 * e.sensor_mu), rel=1e-12)
    trace = nb.trace(e, 5, 6)
    assert trace.value == pytest.approx(float(exact(e)[5, 6]), rel=1e-9)


def test_layers_converge_to_the_integral_over_depth():
    """Error of the front-of-layer rule falls as 1/n: from the integral over depth, by a fine rule of its own.

    One cell of equal reflections scatters alike everywhere: depth acts by solid angle, polarization and absorption.
    """
    e = scenes.still(
        **{"crystal.cells": (1, 1, 1), "detector.distance": 20.0, "detector.sensor_thickness": 2.0,
           "detector.sensor_mu": 0.8, "beam.fluence": 1e28, "detector.twotheta": 25.0},
    )  # fmt: skip
    g, k = e.geometry, 0.7
    nodes, weights = np.polynomial.legendre.leggauss(40)
    slow, fast = (np.indices(e.detector.pixels) + 0.5) * e.detector.pixel_size
    total = np.zeros(slow.shape)
    for x, w in zip(nodes + 1.0, weights, strict=True):  # depths from 0 to 2 mm
        place = np.array(g.origin) + x * np.array(g.normal)
        place = place + fast[..., None] * np.array(g.fast) + slow[..., None] * np.array(g.slow)
        distance = np.linalg.norm(place, axis=-1)
        rho = place @ np.array(g.normal) / distance
        along, across, up = (place @ np.array(axis) / distance for axis in ((1, 0, 0), (0, 0, 1), (0, 1, 0)))
        polar = 0.5 * (1.0 + along**2 - k * (across**2 - up**2))
        total += w * 0.8 / rho * np.exp(-0.8 * x / rho) * polar * g.close_distance / distance**3
    total *= 7.94079248018965e-30 * 1e28 * 10.0**2
    errors = [np.abs(exact(e.replace(**{"sampling.layers": n})) / total - 1.0).max() for n in (4, 8, 16, 32)]
    assert errors[0] > 0.01
    np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 2.0, rtol=0.08)


@pytest.mark.parametrize("material", ["Si", "GaAs"])
def test_derivatives_know_that_the_coefficient_follows_the_wavelength(material):
    changes = {"detector.sensor_material": material, "detector.sensor_thickness": 0.05, "sampling.layers": 2}
    e = scenes.still(**changes)
    names, pixels = ["wavelength", "sensor_thickness"], e.rendered_pixels()[::3]
    _, derivatives = nb.jacobian(e, names, pixels)
    for name in names:
        assert worst(e, name, derivatives[name], pixels)[0] < 1e-7, name
    fixed = nb.jacobian(e.replace(**{"detector.sensor_mu": e.sensor_mu}), names, pixels)[1]
    assert np.abs(fixed["wavelength"] - derivatives["wavelength"]).max() > 1e-3 * np.abs(fixed["wavelength"]).max()


def test_the_coefficient_of_a_material_is_no_parameter():
    e = scenes.still(**SILICON)
    assert "sensor_mu" not in e.parameters()
    assert "sensor_thickness" in e.parameters()
    for refused in (lambda: nb.jacobian(e, ["sensor_mu"]), lambda: e.with_parameters(sensor_mu=1.0)):
        with pytest.raises(nb.NbnumbaError, match="whose material sets its mu"):
            refused()


def test_an_experiment_comes_back():
    e = scenes.still(**SILICON, **{"detector.sensor_density": 2.3})
    assert nb.Experiment.from_toml(e.to_toml()) == e
    assert 'sensor_material = "Si"' in e.to_toml()
    assert "sensor_mu" not in e.to_toml()


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"sensor_material": "Si"}, "detector.sensor_thickness: found 0.0; allowed: above 0 mm, for a sensor of Si"),
        (
            {"sensor_material": "Si", "sensor_thickness": 1, "sensor_mu": 1},
            "sensor_material and sensor_mu.*one of them",
        ),
        ({"sensor_material": 14, "sensor_thickness": 1}, "detector.sensor_material: found 14"),
        ({"sensor_material": " ", "sensor_thickness": 1}, "as Si, CdTe or GaAs"),
        ({"sensor_density": 2.0}, "detector.sensor_density: found 2.0; allowed: with a sensor_material"),
        ({"sensor_material": "Si", "sensor_thickness": 1, "sensor_density": 0}, "detector.sensor_density: found 0.0"),
        ({"sensor_thickness": 1.0}, "or a sensor_material in place of sensor_mu"),
    ],
)
def test_what_makes_no_sense_is_refused(known, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.Detector(pixels=(10, 12), pixel_size=1.0, **known)


def test_a_wavelength_beyond_the_table_is_refused_at_once():
    with pytest.raises(nb.NbnumbaError, match="'Si' at 7 A; its table reaches from"):
        scenes.still(**SILICON, **{"beam.wavelength": 7.0})
