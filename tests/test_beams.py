"""Images of rich beams: those of the oracle, which adds up sources one by one; sums; and what refuses them.

The tolerance is that of test_against_oracle: float32 images, 1e-6 of the maximum.
"""

import numpy as np
import oracle
import pytest
import scenes

import nbnumba as nb

SPECTRUM = nb.Spectrum((0.99, 1.0, 1.005, 1.02, 1.03), (1.0, 2.0, 0.0, 0.7, 5.0))
FLUX = {"beam.flux": 1e21, "beam.size": (0.05, 0.08)}
#: An absorption edge: amplitudes that change with the wavelength, and Friedel mates that differ.
EDGE = nb.SpectralReflections(
    (0.995, 1.01, 1.04),
    tuple(nb.Reflections(scenes.TABLE.hkl, scenes.TABLE.amplitude * (1.0 + 0.3 * np.sin(i + scenes.TABLE.hkl[:, 0])))
          for i in range(3)),
)  # fmt: skip

CASES = {
    "spectrum": {"beam.spectrum": SPECTRUM},
    "spectrum, binned": {"beam.spectrum": SPECTRUM, "beam.spectrum_steps": 3},
    "spectrum, divergent": {
        "beam.spectrum": SPECTRUM, "beam.divergence": (4.0, 3.0), "beam.divergence_steps": (3, 2),
        "beam.round_divergence": False,
    },
    "gaussians": {
        "beam.dispersion": 2.0, "beam.dispersion_steps": 4, "beam.dispersion_profile": "gaussian",
        "beam.divergence": (4.0, 3.0), "beam.divergence_steps": (3, 2), "beam.divergence_profile": "gaussian",
    },
    "stokes": {"beam.stokes": (2.0, -0.4, 1.3, 0.9)},
    "stokes, axis aside": {"beam.stokes": (1.0, 0.5, -0.4, 0.0), "beam.polarization_axis": (0.4, 0.3, 1.0)},
    "gaussian beam": {**FLUX, "beam.profile": "gaussian", "beam.offset": (0.02, -0.05)},
    "gaussian beam, large crystal": {
        **FLUX, "beam.profile": "gaussian", "beam.offset": (0.02, -0.05), "crystal.extent": (0.1, 0.03),
    },
    "round beam": {**FLUX, "beam.profile": "round", "beam.offset": (0.02, 0.01), "beam.exposure": 3.0},
    "edge": {"beam.spectrum": SPECTRUM, "crystal.reflections": EDGE, "crystal.interpolate": "nearest"},
    "edge, one table in use": {"crystal.reflections": EDGE, "crystal.interpolate": "nearest"},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_images_are_those_of_the_oracle(name):
    experiment = scenes.still(**CASES[name])
    expected = oracle.render(scenes.describe(experiment))
    np.testing.assert_allclose(nb.simulate(experiment), expected, rtol=0.0, atol=1e-6 * expected.max())
    assert expected.max() > 0.0


def test_image_of_a_spectrum_is_the_weighted_sum_of_its_wavelengths():
    parts = [
        weight * nb.simulate(scenes.still(**{"beam.wavelength": wavelength})).astype(float)
        for wavelength, weight in zip(SPECTRUM.wavelengths, SPECTRUM.weights, strict=True)
    ]
    image = nb.simulate(scenes.still(**{"beam.spectrum": SPECTRUM}))
    np.testing.assert_allclose(image, sum(parts) / sum(SPECTRUM.weights), rtol=0.0, atol=1e-6 * image.max())


def test_images_of_a_gaussian_bandwidth_converge():
    """Spots of 12 cells are as wide as the steps of 25 wavelengths; 7 leave gaps."""
    values = {"beam.dispersion": 3.0, "beam.dispersion_profile": "gaussian", "crystal.cells": 12}
    coarse, fine, finest = (nb.simulate(scenes.still(**values, **{"beam.dispersion_steps": n})) for n in (7, 25, 49))
    assert np.abs(fine - finest).max() < 2e-3 * finest.max()
    assert np.abs(coarse - finest).max() > 2e-2 * finest.max()


def test_the_reference_axis_may_turn_where_the_stokes_parameters_turn_back():
    """An axis turned by 30 degrees about the beam, and (S1, S2) by -60, are the same beam."""
    turned = oracle.rotation((1, 0, 0), np.radians(30.0)) @ (0, 0, 1)
    linear = scenes.still(**{"beam.stokes": (1.0, 0.8, 0.0, 0.0), "beam.polarization_axis": tuple(turned)})
    angle = np.radians(60.0)
    same = scenes.still(**{"beam.stokes": (1.0, 0.8 * np.cos(angle), 0.8 * np.sin(angle), 0.0)})
    np.testing.assert_allclose(nb.simulate(same), nb.simulate(linear), rtol=1e-6)
    other = scenes.still(**{"beam.stokes": (1.0, 0.8 * np.cos(angle), -0.8 * np.sin(angle), 0.0)})
    assert np.abs(nb.simulate(other) - nb.simulate(linear)).max() > 1e-3 * nb.simulate(linear).max()


def test_circular_polarization_does_not_act():
    images = [nb.simulate(scenes.still(**{"beam.stokes": (1.0, 0.3, 0.2, s3)})) for s3 in (0.0, 0.9, -0.9)]
    assert (images[0] == images[1]).all()
    assert (images[0] == images[2]).all()


RICH = scenes.still(
    **{
        **FLUX, "beam.profile": "gaussian", "beam.offset": (0.02, -0.05), "crystal.extent": (0.1, 0.03),
        "beam.spectrum": SPECTRUM, "beam.stokes": (2.0, -0.4, 1.3, 0.9), "beam.divergence": (4.0, 0.0),
        "beam.divergence_steps": (3, 1), "beam.divergence_profile": "gaussian",
    }
)  # fmt: skip


def test_the_tracer_takes_the_same_beam():
    image = nb.simulate(RICH)
    slow, fast = np.unravel_index(image.argmax(), image.shape)
    assert nb.trace(RICH, int(slow), int(fast)).value == pytest.approx(float(image.max()), rel=1e-6)


@pytest.mark.parametrize("name", ["wavelength", "beam_tilt_h", "beam_tilt_v", "spot_scale", "cells_a", "cell_b"])
def test_derivatives_take_the_same_beam(name):
    value, step = RICH.parameters()[name], 1e-4
    image, slopes = nb.jacobian(RICH, [name])
    np.testing.assert_allclose(image, nb.simulate(RICH), rtol=1e-6, atol=1e-7 * image.max())
    # images in double precision, fourth order: the error of the differences is some 1e-8 of the largest derivative
    shifted = {n: nb.jacobian(RICH.with_parameters(**{name: value + n * step}), [])[0] for n in (-2, -1, 1, 2)}
    expected = (8 * (shifted[1] - shifted[-1]) - (shifted[2] - shifted[-2])) / (12 * step)
    np.testing.assert_allclose(slopes[name], expected, rtol=0.0, atol=1e-6 * np.abs(expected).max())


# --- amplitudes by wavelength ----------------------------------------------------------------------------------------

AT_EDGE = scenes.still(**CASES["edge"])
REFUSING = {
    "jacobian": lambda e: nb.jacobian(e, ["wavelength"]),
    "amplitude_jacobian": nb.amplitude_jacobian,
    "refine_amplitudes": lambda e: nb.refine_amplitudes(e, nb.LeastSquares(np.zeros(scenes.PIXELS))),
    "value_and_gradient": lambda e: nb.value_and_gradient(e, nb.LeastSquares(np.zeros(scenes.PIXELS)), ["cell_a"]),
    "trace": lambda e: nb.trace(e, 3, 4),
    "walk": lambda e: next(nb.walk(e, 3, 4)),
    "contributions": nb.contributions,
}


@pytest.mark.parametrize("name", REFUSING)
def test_what_takes_one_list_alone_says_so(name):
    with pytest.raises(nb.NbnumbaError, match=r"crystal\.reflections: found .*a list for each of"):
        REFUSING[name](AT_EDGE)


def test_one_polarization_for_a_pixel_is_refused_with_several_lists():
    with pytest.raises(nb.NbnumbaError, match=r"sampling\.polarization.*allowed: 'subpixel'"):
        nb.simulate(AT_EDGE.replace(**{"sampling.polarization": "pixel"}))
    alone = AT_EDGE.replace(**{"sampling.polarization": "pixel", "beam.spectrum": nb.Spectrum((1.0,), (2.0,))})
    assert nb.simulate(alone).any()


def test_progress_and_output_of_a_sum():
    seen, out = [], np.full(scenes.PIXELS, 7.0, np.float32)
    image = nb.simulate(AT_EDGE, out=out, progress=lambda *counts: seen.append(counts))
    assert image is out
    assert (image == nb.simulate(AT_EDGE)).all()
    assert seen[0] == (0, 3 * scenes.PIXELS[0])
    assert seen[-1] == (3 * scenes.PIXELS[0],) * 2
    assert seen == sorted(seen)


def test_a_list_for_each_of_some_wavelengths():
    one, two = scenes.TABLE, EDGE.tables[1]
    both = nb.SpectralReflections((1.1, 0.9), (one, two))
    assert both.wavelengths == (0.9, 1.1)
    assert both.tables[0] is two
    assert both == nb.SpectralReflections((0.9, 1.1), (two, one), {"file": "x"})
    assert hash(both) == hash(nb.SpectralReflections((0.9, 1.1), (two, one)))
    assert both.digest != nb.SpectralReflections((0.9, 1.2), (two, one)).digest
    assert len(both) == len(one)


@pytest.mark.parametrize(
    ("wavelengths", "tables", "message"),
    [
        ((), (), "1 or more"),
        ((1.0,), (scenes.TABLE, scenes.TABLE), "1 and 2"),
        ((1.0, 1.0), (scenes.TABLE, scenes.TABLE), "each once"),
        ((1.0, -1.0), (scenes.TABLE, scenes.TABLE), r"wavelengths\[1\]: found -1.0"),
        ((1.0,), (3,), "Reflections"),
        (1.0, (scenes.TABLE,), "wavelengths: found 1.0"),
        (
            (1.0, 2.0),
            tuple(nb.Reflections([(1, 0, 0)], [1.0], (10.0, 10.0, c, 90, 90, 90)) for c in (10.0, 11.0)),
            "one cell",
        ),
    ],
)
def test_other_lists_are_refused(wavelengths, tables, message):
    with pytest.raises(nb.NbnumbaError, match=message):
        nb.SpectralReflections(wavelengths, tables)


def test_toml_holds_them():
    text = AT_EDGE.to_toml()
    assert nb.Experiment.from_toml(text) == AT_EDGE
    assert nb.Experiment.from_toml(text).to_toml() == text
    few = scenes.still(
        **{
            "crystal.reflections": nb.SpectralReflections(
                (1.0, 2.0), [nb.Reflections([(1, 0, 0)], [f], (10, 10, 10, 90, 90, 90)) for f in (1.0, 2.0)]
            )
        }
    )
    assert nb.Experiment.from_toml(few.to_toml()) == few


@pytest.mark.parametrize("junk", [{"tables": 1}, {"tables": [1], "wavelengths": [1]}, {"tables": [], "wavelengths": []},
                                  {"tables": [{"list": [[1, 2, 3, 4]]}]},
                                  {"tables": [{"list": [[1, 2, 3, 4]]}], "wavelengths": "x"}])  # fmt: skip
def test_junk_is_refused(junk):
    with pytest.raises(nb.NbnumbaError):
        nb.Experiment.from_toml(scenes.still().to_toml(), {"crystal.reflections": junk})
