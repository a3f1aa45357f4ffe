"""Scattering of substances against what must hold whatever the table: sums, limits, known rings."""

import gemmi
import numpy as np
import pytest
from scipy.integrate import trapezoid

from nbnumba.materials import ice
from nbnumba.materials.form_factors import form_factor, molecule_squared
from nbnumba.materials.substances import SUBSTANCES, scattering


def amplitude(name, s):
    return np.interp(s, *scattering(name).T)


def mean_square(name, low, high):
    s = np.linspace(low, high, 20001)
    return float((amplitude(name, s) ** 2).mean())


@pytest.mark.parametrize("name", SUBSTANCES)
def test_tables_are_in_order_and_reach_far(name):
    s, f = scattering(name).T
    assert s[0] == 0.0
    assert s[-1] == 2.0
    assert (np.diff(s) > 0.0).all()
    assert (f > 0.0).all()
    assert not scattering(name).flags.writeable


def test_form_factors_are_those_of_gemmi():
    for element in ("H", "He", "N", "O", "Ar"):
        for s in (0.0, 0.3, 1.1):
            exact = gemmi.Element(element).it92.calculate_sf(s * s)
            assert form_factor(element, np.array([s]))[0] == pytest.approx(exact, rel=1e-6)  # gemmi's is float32


def test_a_molecule_is_whole_from_afar_and_atoms_from_near():
    distances = np.array([[0.0, 1.1], [1.1, 0.0]])
    together, apart = molecule_squared(("N", "N"), distances, np.array([0.0, 1.9]))
    assert together == pytest.approx(14.0**2, rel=2e-3)
    single = form_factor("N", np.array([1.9]))[0] ** 2
    assert apart == pytest.approx(2.0 * single, rel=0.05)  # sin(x)/x is 1/26 at most
    # Where sin(x) is 1: x = pi/2.
    (quarter,) = molecule_squared(("N", "N"), distances, np.array([1.0 / (8.0 * 1.1)]))
    f = form_factor("N", np.array([1.0 / (8.0 * 1.1)]))[0]
    assert quarter == pytest.approx(2.0 * f * f * (1.0 + 2.0 / np.pi), rel=1e-12)


def test_air_is_a_mixture():
    squares = 0.7808 * 14.0**2 + 0.2095 * 16.0**2 + 0.0093 * 18.0**2
    assert amplitude("air", 0.0) == pytest.approx(np.sqrt(squares), rel=2e-3)
    assert amplitude("helium", 0.0) == pytest.approx(2.0, rel=1e-3)


def test_water_has_its_ring_and_its_compressibility():
    s = np.linspace(0.05, 0.5, 4501)
    ring = s[amplitude("water", s).argmax()]
    assert 4.0 * np.pi * ring == pytest.approx(2.05, abs=0.1)  # 1/A; Hura et al. (2000), J. Chem. Phys. 113, 9140
    # F(0)^2 = 10^2 n k T kappa: 33.3e27 1/m^3, 298 K, 4.52e-10 1/Pa.
    assert amplitude("water", 0.0) ** 2 == pytest.approx(100.0 * 33.3e27 * 1.380649e-23 * 298.0 * 4.52e-10, rel=0.06)


def test_far_out_water_is_a_free_molecule():
    bond, angle = 0.9572, np.radians(104.52)
    across = 2.0 * bond * np.sin(angle / 2.0)
    distances = np.array([[0.0, bond, bond], [bond, 0.0, across], [bond, across, 0.0]])
    s = np.linspace(0.7, 2.0, 27)
    free = np.sqrt(molecule_squared(("O", "H", "H"), distances, s))
    np.testing.assert_allclose(amplitude("water", s), free, atol=0.02)


def test_ice_has_its_rings():
    """Where cubic and hexagonal ice have them: Thorn et al. (2017), Acta Cryst. D73, 729; and those of Ih beside."""
    s, f = scattering("ice").T
    peaks = [1.0 / (2.0 * s[i]) for i in range(1, len(s) - 1) if f[i - 1] < f[i] > f[i + 1] and f[i] > 4.0]
    for d in (3.90, 3.67, 3.44, 2.67, 2.25, 2.07, 1.95, 1.92, 1.88):
        assert min(abs(d - peak) for peak in peaks) < 0.01, d
    assert max(peaks) < 3.91


def test_a_ring_of_ice_holds_what_its_reflections_scatter():
    """1 0 0 and its five mates, by gemmi's structure factor."""
    structure = gemmi.SmallStructure()
    structure.cell = gemmi.UnitCell(ice.A, ice.A, ice.C, 90.0, 90.0, 120.0)
    structure.spacegroup = gemmi.SpaceGroup("P 63/m m c")
    structure.setup_cell_images()
    for element, occupancy, place in (("O", 1.0, (1 / 3, 2 / 3, 0.06226)), ("H", 0.5, (1 / 3, 2 / 3, 0.178)),
                                      ("H", 0.5, (0.439, 0.878, 0.020))):  # fmt: skip
        site = gemmi.SmallStructure.Site()
        site.type_symbol, site.element, site.occ = element, gemmi.Element(element), occupancy
        site.fract, site.u_iso = gemmi.Fractional(*place), ice.B / (8.0 * np.pi**2)
        structure.add_site(site)
    structure.change_occupancies_to_crystallographic()
    exact = abs(
        gemmi.StructureFactorCalculatorX(structure.cell).calculate_sf_from_small_structure(structure, (1, 0, 0))
    )
    g = 2.0 / np.sqrt(3.0) / ice.A
    volume = ice.A**2 * ice.C * np.sqrt(3.0) / 2.0
    expected = 6.0 * exact**2 / (4.0 * np.pi * g * g * volume * 4.0)
    s = np.linspace(g / 2.0 - 0.004, g / 2.0 + 0.004, 4001)
    square = amplitude("ice", s) ** 2
    between = np.interp(s, s[[0, -1]], square[[0, -1]])
    # Over 1/d = 2 s; the straight line of amplitudes between rows costs the rest.
    assert 2.0 * trapezoid(square - between, s) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)])
def test_ice_scatters_as_much_as_water(low, high):
    """Order moves photons from angle to angle; over wide rings both scatter what their molecules do."""
    assert mean_square("ice", low, high) == pytest.approx(mean_square("water", low, high), rel=0.12)


def test_ice_is_as_dense_as_its_cell():
    assert SUBSTANCES["ice"].density == pytest.approx(4 * 18.015 / (0.602214076 * ice.volume()), rel=1e-3)
