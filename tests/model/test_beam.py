"""Beams: what excludes what, fluence on the crystal, Stokes parameters, and their way through TOML."""

import math

import numpy as np
import pytest
import scenes

import nbnumba as nb

SPECTRUM = nb.Spectrum((0.97, 0.99, 1.02), (1.0, 3.0, 0.5))
PHOTONS = {"flux": 1e12, "exposure": 2.0}


def lit(extent=None, **beam):
    return scenes.still(beam=nb.Beam(wavelength=1.0, **PHOTONS, **beam), **{"crystal.extent": extent})


# --- wavelengths -----------------------------------------------------------------------------------------------------


def test_every_direction_carries_the_whole_spectrum():
    e = scenes.still(beam=nb.Beam(spectrum=SPECTRUM, divergence=(2.0, 1.0), divergence_steps=(3, 3)))
    rows = np.array(e.sources.rows)
    assert len(rows) == 5 * 3  # the corners of the grid lie outside the round divergence
    for direction in np.unique(rows[:, :3].round(12), axis=0):
        of_it = rows[np.abs(rows[:, :3] - direction).max(axis=1) < 1e-9]
        assert of_it[:, 3].tolist() == list(SPECTRUM.weights)
        assert of_it[:, 4].tolist() == list(SPECTRUM.wavelengths)
    assert e.spectrum.wavelengths == SPECTRUM.wavelengths
    assert e.spectrum.weights == pytest.approx([5 * w for w in SPECTRUM.weights])


def test_wavelength_is_the_mean_of_a_spectrum_unless_given():
    assert nb.Beam(spectrum=SPECTRUM).wavelength == SPECTRUM.mean
    assert nb.Beam(spectrum=SPECTRUM, wavelength=1.0).wavelength == 1.0


def test_spectrum_steps_bin_the_sources():
    beam = nb.Beam(spectrum=SPECTRUM, spectrum_steps=2)
    rows = scenes.still(beam=beam).sources.rows
    binned = SPECTRUM.rebinned(2)
    assert [row[3:] for row in rows] == list(zip(binned.weights, binned.wavelengths, strict=True))


def test_gaussian_bandwidth_in_percent():
    beam = nb.Beam(wavelength=1.3, dispersion=2.0, dispersion_steps=31, dispersion_profile="gaussian")
    spectrum = scenes.still(beam=beam).spectrum
    assert spectrum.mean == pytest.approx(1.3, rel=1e-14)
    assert spectrum.fwhm == pytest.approx(0.026, rel=0.02)  # straight lines between 10 samples above half height
    spread = np.average((np.array(spectrum.wavelengths) - 1.3) ** 2, weights=spectrum.weights)
    assert math.sqrt(8.0 * math.log(2.0) * spread) == pytest.approx(0.026, rel=1e-12)


def test_gaussian_divergence_in_mrad_is_not_cut_round():
    beam = nb.Beam(wavelength=1.0, divergence=(2.0, 3.0), divergence_steps=(7, 9), divergence_profile="gaussian")
    e = scenes.still(beam=beam)
    rows = np.array(e.sources.rows)
    assert len(rows) == 63
    upright = np.cross(e.beam_direction, e.polarization_axis)
    for axis, width in ((np.array(e.polarization_axis), 2e-3), (upright, 3e-3)):
        angles = np.arcsin(rows[:, :3] @ axis)
        spread = np.average(angles**2, weights=rows[:, 3])
        assert math.sqrt(8.0 * math.log(2.0) * spread) == pytest.approx(width, rel=1e-5)  # angles of two turns mix


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"spectrum": SPECTRUM, "dispersion": 1.0, "dispersion_steps": 3}, "spectrum and dispersion, which exclude"),
        ({"spectrum": SPECTRUM, "sources": nb.Sources([(1, 0, 0, 1, 1)])}, "sources and spectrum, which exclude"),
        (
            {"dispersion": 1.0, "dispersion_steps": 3, "sources": nb.Sources([(1, 0, 0, 1, 1)])},
            "sources and dispersion, which exclude",
        ),
        ({"spectrum": 1.0}, r"Spectrum\(wavelengths, weights\)"),
        ({"spectrum_steps": 3}, "without a spectrum"),
        ({"spectrum": SPECTRUM, "spectrum_steps": 0}, "beam.spectrum_steps: found 0"),
        ({"dispersion_profile": "gaussain"}, "did you mean 'gaussian'"),
        ({"divergence_profile": 3}, "beam.divergence_profile"),
        ({"dispersion": 61.0, "dispersion_steps": 3, "dispersion_profile": "gaussian"}, "up to 60"),
        ({"profile": "gaussian"}, "beam.profile: found 'gaussian' without a flux"),
        ({"profile": "round", "fluence": 1e20}, "beam.profile: found 'round' without a flux"),
        ({"offset": (0.0, 0.1), "fluence": 1e20}, "beam.offset.*without a flux"),
        ({"profile": "oval"}, "beam.profile: found 'oval'"),
        ({"size": (1.0, 2.0, 3.0)}, "beam.size"),
        ({"size": (1.0, 0.0)}, r"beam.size\[1\]: found 0.0"),
        ({"offset": 1.0, **PHOTONS}, "beam.offset"),
        ({"stokes": (1.0, 0.5, 0.0, 0.0), "polarization": 0.5}, "both polarization and stokes"),
        ({"stokes": (1.0, 0.8, 0.6, 0.1)}, r"beam.stokes.*up to S0\^2"),
        ({"stokes": (0.0, 0.0, 0.0, 0.0)}, "S0 above 0"),
        ({"stokes": (1.0, 0.0, 0.0)}, "4 numbers"),
    ],
)
def test_a_beam_refuses(given, message):
    with pytest.raises(nb.NbnumbaError, match=message):
        nb.Beam(**{"wavelength": 1.0, **given})


def test_too_many_sources_are_refused():
    many = nb.Spectrum(tuple(np.linspace(1.0, 1.1, 2000)), (1.0,) * 2000)
    with pytest.raises(nb.NbnumbaError, match="up to 1000000 sources"):
        nb.Beam(spectrum=many, divergence=(1.0, 1.0), divergence_steps=(30, 30))
    nb.Beam(spectrum=many, spectrum_steps=10, divergence=(1.0, 1.0), divergence_steps=(30, 30))


# --- photons ---------------------------------------------------------------------------------------------------------


def test_fluence_of_each_profile_by_hand():
    """2e12 photons over 0.01 mm x 0.02 mm."""
    area = 0.01e-3 * 0.02e-3
    by_profile = {"square": 1.0, "round": 4.0 / math.pi, "gaussian": 4.0 * math.log(2.0) / math.pi}
    for profile, factor in by_profile.items():
        e = lit(profile=profile, size=(0.01, 0.02))
        assert e.fluence == e.beam.photons_per_area == pytest.approx(2e12 / area * factor, rel=1e-14)


def test_half_the_fluence_half_a_fwhm_out():
    e = lit(profile="gaussian", size=(0.01, 0.02), offset=(0.0, 0.01))
    assert e.fluence == pytest.approx(0.5 * e.beam.photons_per_area, rel=1e-13)
    assert lit(profile="gaussian", size=(0.01, 0.02), offset=(0.005, -0.01)).fluence == pytest.approx(e.fluence / 2.0)


@pytest.mark.parametrize("profile", ["square", "round", "gaussian"])
def test_a_crystal_larger_than_the_beam_shares_all_photons(profile):
    e = lit(extent=(1.0, 2.0), profile=profile, size=0.01)
    assert e.fluence == pytest.approx(2e12 / 2e-6, rel=1e-13)


def test_a_crystal_at_the_edge_of_an_even_beam():
    assert lit(extent=0.01, size=0.1, offset=(0.05, 0.0)).fluence == pytest.approx(0.5 * lit(size=0.1).fluence)
    assert lit(size=0.1, offset=(0.0, 0.0501)).fluence == 0.0


def test_fluence_is_that_on_the_crystal_whatever_its_extent():
    assert scenes.still(**{"beam.fluence": 1e20, "crystal.extent": 3.0}).fluence == 1e20


def test_flux_and_fluence_give_one_image():
    aside = lit(extent=0.004, profile="gaussian", size=0.01, offset=(0.003, 0.002))
    flat = aside.replace(beam=nb.Beam(wavelength=1.0, fluence=aside.fluence))
    np.testing.assert_allclose(nb.simulate(aside), nb.simulate(flat), rtol=1e-6)


def test_a_beam_that_misses_the_crystal_says_so():
    with pytest.warns(nb.NbnumbaWarning, match="outside the beam"):
        assert not nb.simulate(lit(size=0.1, offset=(0.06, 0.0))).any()


@pytest.mark.parametrize("extent", [0.0, -1.0, "a", (1.0,), math.nan])
def test_a_crystal_refuses_an_extent(extent):
    with pytest.raises(nb.NbnumbaError, match=r"crystal\.extent"):
        scenes.still(**{"crystal.extent": extent})


# --- polarization ----------------------------------------------------------------------------------------------------


def test_stokes_parameters_as_kahn_factor_and_axis():
    beam = nb.Beam(wavelength=1.0, stokes=(2.0, 0.0, 1.2, 0.9))
    assert beam.kahn == pytest.approx(0.6)
    assert beam.polarization_turn == pytest.approx(math.pi / 4.0)
    e = scenes.still(beam=beam)
    assert e.electric_axis == pytest.approx(
        (np.array(e.polarization_axis) + np.cross(e.beam_direction, e.polarization_axis)) / math.sqrt(2.0)
    )
    unpolarized = scenes.still(beam=nb.Beam(wavelength=1.0, stokes=(1.0, 0.0, 0.0, 0.7)))
    assert unpolarized.beam.kahn == 0.0
    assert unpolarized.electric_axis == unpolarized.polarization_axis


@pytest.mark.parametrize("kahn", [-0.8, 0.3, 1.0])
def test_a_kahn_factor_is_the_second_stokes_parameter(kahn):
    kahns = scenes.still(**{"beam.polarization": kahn})
    stokes = scenes.still(**{"beam.stokes": (3.0, 3.0 * kahn, 0.0, 0.0)})
    np.testing.assert_allclose(nb.simulate(stokes), nb.simulate(kahns), rtol=1e-6)


def test_setting_one_of_polarization_and_stokes_clears_the_other():
    e = scenes.still(**{"beam.stokes": (1.0, 0.1, 0.2, 0.3)})
    assert (e.beam.polarization, e.beam.kahn) == (0.0, pytest.approx(math.hypot(0.1, 0.2)))
    back = e.replace(**{"beam.polarization": 0.7})
    assert back == scenes.still()


def test_parameters_of_a_beam():
    e = scenes.still(beam=nb.Beam(spectrum=SPECTRUM, stokes=(1.0, 0.1, 0.2, 0.3)))
    assert "polarization" not in e.parameters()
    with pytest.raises(nb.NbnumbaError, match=r"polarization: .*beam\.stokes"):
        e.with_parameters(polarization=0.3)
    longer = e.with_parameters(wavelength=1.1 * SPECTRUM.mean)
    assert longer.spectrum.wavelengths == pytest.approx([1.1 * x for x in SPECTRUM.wavelengths])
    tilted = e.with_parameters(beam_tilt_h=0.1)
    assert tilted.spectrum == e.spectrum


# --- TOML ------------------------------------------------------------------------------------------------------------

FULL = {
    "spectrum": {"spectrum": SPECTRUM, "spectrum_steps": 2, "divergence": (1.0, 0.0), "divergence_steps": (5, 1),
                 "divergence_profile": "gaussian"},
    "photons": {"wavelength": 1.0, **PHOTONS, "size": (0.1, 0.2), "profile": "round", "offset": (0.01, -0.02)},
    "stokes": {"wavelength": 1.0, "stokes": (1.0, 0.1, 0.2, 0.3)},
    "dispersion": {"wavelength": 1.0, "dispersion": 1.0, "dispersion_steps": 4, "dispersion_profile": "gaussian"},
}  # fmt: skip


@pytest.mark.parametrize("name", FULL)
def test_toml_holds_a_beam(name):
    e = scenes.still(beam=nb.Beam(**FULL[name]), **{"crystal.extent": (0.1, 0.3)})
    text = e.to_toml()
    again = nb.Experiment.from_toml(text)
    assert again == e
    assert hash(again) == hash(e)
    assert again.to_toml() == text


def test_toml_names_a_spectrum_file(tmp_path):
    (tmp_path / "xfel.txt").write_text("# eV, counts\n12700 1\n12650 3\n")
    lines = ["[crystal]", "cell = [30, 40, 50, 90, 90, 90]", "default_f = 1.0", "[beam]", 'spectrum = "xfel.txt"',
             "[detector]", "pixels = [4, 5]", "pixel_size = 1.0"]  # fmt: skip
    (tmp_path / "e.toml").write_text("\n".join(lines))
    e = nb.Experiment.from_toml(tmp_path / "e.toml")
    assert e.beam.spectrum == nb.read_spectrum(tmp_path / "xfel.txt")
    assert nb.Experiment.from_toml(e.to_toml()) == e
    table = "\n".join(lines).replace('"xfel.txt"', '{ file = "xfel.txt", shot = 0 }')
    (tmp_path / "e.toml").write_text(table)
    assert nb.Experiment.from_toml(tmp_path / "e.toml") == e
    (tmp_path / "e.toml").write_text(table.replace("shot", "short"))
    with pytest.raises(nb.NbnumbaError, match=r"'short'.*mean 'shot'"):
        nb.Experiment.from_toml(tmp_path / "e.toml")


def test_dotted_names_reach_into_a_spectrum():
    e = scenes.still(beam=nb.Beam(spectrum=SPECTRUM))
    assert e.replace(**{"beam.spectrum.weights": (1, 1, 1)}).beam.spectrum.weights == (1.0, 1.0, 1.0)
    listed = e.replace(**{"beam.sources": nb.Sources([(-1, 0, 0, 1, 1)])})
    assert listed.beam.spectrum is None


@pytest.mark.parametrize("junk", [1, [], [[1, 2]], {}, {"wavelengths": [1]}, {"file": 3}, {"file": "no"}, "", True])
def test_junk_for_a_spectrum_is_refused(junk):
    with pytest.raises(nb.NbnumbaError):
        nb.Experiment.from_toml(scenes.still().to_toml(), {"beam.spectrum": junk})
