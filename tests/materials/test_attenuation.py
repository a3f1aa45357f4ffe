"""Attenuation of sensor materials against published values."""

import sys
import types

import numpy as np
import pytest

from nbnumba.constants import PHOTON_ENERGY
from nbnumba.errors import NbnumbaError
from nbnumba.materials.attenuation import attenuation
from nbnumba.materials.attenuation_table import ATTENUATION

#: Mass attenuation of silicon [cm^2/g] by photon energy [keV]: Hubbell & Seltzer (1995), NISTIR 5632.
NIST_SILICON = {3: 978.4, 4: 452.9, 5: 245.0, 6: 147.0, 8: 64.68, 10: 33.89, 15: 10.34, 20: 4.464, 30: 1.436,
                40: 0.7012, 50: 0.4385, 60: 0.3207, 80: 0.2228, 100: 0.1835}  # fmt: skip


def at(material, energy, **how):
    """[1/mm] at an energy [keV]."""
    return attenuation(material, PHOTON_ENERGY / energy, **how)


@pytest.mark.parametrize("energy", NIST_SILICON)
def test_silicon_is_as_published(energy):
    """The two compilations differ by 1 to 2 % themselves."""
    assert at("Si", energy) == pytest.approx(NIST_SILICON[energy] * 2.33 / 10.0, rel=0.02)


def test_silicon_at_12_4_kev_by_hand():
    # Between 10 and 15 keV as a power of the energy: ln(33.89/10.34)/ln(15/10) = 2.928; 33.89 (10/12.4)^2.928 = 18.05
    # cm^2/g, times 2.329 g/cm^3: 42.0 1/cm.
    assert at("Si", 12.4) == pytest.approx(4.20, rel=0.005)


@pytest.mark.parametrize(
    ("material", "energy", "jump"),
    # Ratio of mu above and below an edge, as the elements and their shares of the mass have it: 2.7 to 4 for a K edge.
    [
        ("GaAs", 10.367, (3.0, 4.2)),
        ("GaAs", 11.867, (1.7, 2.1)),
        ("CdTe", 26.711, (2.5, 3.2)),
        ("CdTe", 31.814, (1.7, 2.1)),
    ],
)
def test_attenuation_jumps_at_an_absorption_edge(material, energy, jump):
    above, below = at(material, energy + 1e-4), at(material, energy - 1e-4)
    assert jump[0] < above / below < jump[1]
    # On either side it falls.
    assert at(material, energy - 0.2) > below
    assert at(material, energy + 0.2) < above


@pytest.mark.parametrize("material", ATTENUATION)
def test_the_ends_of_the_table_are_told(material):
    assert at(material, 2.0 + 1e-9) > at(material, 100.0 - 1e-9) > 0.0
    for energy in (1.999, 100.1):
        with pytest.raises(NbnumbaError, match=r"its table reaches from 0\.124 to 6\.199 A: give detector.sensor_mu"):
            at(material, energy)


def test_a_density_scales():
    assert at("Si", 10.0, density=1.1645) == pytest.approx(0.5 * at("Si", 10.0), rel=1e-12)


def test_other_materials_are_those_of_xraydb(monkeypatch):
    def material_mu(name, energy, density=None):
        if name == "unheard":
            raise Warning("must give density for unknown materials")
        return 5.0 * energy * (density or 1.0)

    monkeypatch.setitem(sys.modules, "xraydb", types.SimpleNamespace(material_mu=material_mu))
    assert at("Ge", 2.0) == pytest.approx(1000.0)
    assert at("CsI", 2.0, density=4.5) == pytest.approx(4500.0)
    with pytest.raises(NbnumbaError, match=r"'unheard' at 2000 eV, which xraydb refuses \(must give density"):
        at("unheard", 2.0)


def test_without_xraydb_the_extra_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "xraydb", None)
    with pytest.raises(NbnumbaError, match=r"pip install 'nbnumba\[materials\]'.*Si, CdTe, GaAs, or give"):
        at("diamond", 8.0)


@pytest.mark.parametrize("material", ATTENUATION)
@pytest.mark.filterwarnings("ignore")
def test_the_table_is_that_of_xraydb(material):
    xraydb = pytest.importorskip("xraydb")
    edges = [energy for energy, _ in ATTENUATION[material][1]]
    for energy in np.geomspace(2.01, 99.0, 97):
        if min(abs(energy - edge) for edge in edges) > 0.01:  # within 10 eV of an edge, xraydb is between two splines
            assert at(material, energy) == pytest.approx(
                float(xraydb.material_mu(material, 1e3 * energy)) / 10.0, rel=2e-3
            )
