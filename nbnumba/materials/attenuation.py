"""Attenuation coefficient mu of sensor materials by wavelength: a table of its own for Si, CdTe, GaAs, else xraydb."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nbnumba.constants import PHOTON_ENERGY
from nbnumba.errors import NbnumbaError
from nbnumba.materials.attenuation_table import ATTENUATION


@lru_cache(maxsize=256)
def attenuation(material: str, wavelength: float, density: float | None = None) -> float:
    """Total attenuation coefficient [1/mm].

    Args:
        material: "Si", "CdTe" or "GaAs"; anything else is a chemical formula or a name that xraydb knows.
        wavelength: [A].
        density: [g/cm^3]; None: that of the table, or of xraydb's list of materials.

    Raises:
        NbnumbaError: a wavelength beyond the table, a material that xraydb does not know, or xraydb is not installed.
    """
    energy = 1e3 * PHOTON_ENERGY / wavelength
    if material in ATTENUATION:
        usual, rows = ATTENUATION[material]
        return _between(material, rows, 1e-3 * energy) * (1.0 if density is None else density / usual)
    return _by_xraydb(material, energy, density)


def _between(material: str, rows: tuple[tuple[float, float], ...], energy: float) -> float:
    """Power law between the rows on either side of an energy [keV]; at an edge, the value above it."""
    energies, values = np.array(rows).T
    if not energies[0] <= energy <= energies[-1]:
        low, high = PHOTON_ENERGY / energies[-1], PHOTON_ENERGY / energies[0]
        raise NbnumbaError(
            f"detector.sensor_material: found {material!r} at {PHOTON_ENERGY / energy:.6g} A; its table reaches "
            f"from {low:.4g} to {high:.4g} A: give detector.sensor_mu instead"
        )
    i = min(int(np.searchsorted(energies, energy, side="right")), len(rows) - 1)
    (e0, e1), (v0, v1) = np.log(energies[i - 1 : i + 1]), np.log(values[i - 1 : i + 1])
    return float(np.exp(v0 + (v1 - v0) * (np.log(energy) - e0) / (e1 - e0)))


def _by_xraydb(material: str, energy: float, density: float | None) -> float:
    try:
        import xraydb
    except ImportError:
        raise NbnumbaError(
            f"detector.sensor_material: found {material!r}, which takes xraydb: pip install 'nbnumba[materials]'; "
            f"without it there are {', '.join(ATTENUATION)}, or give detector.sensor_mu"
        ) from None
    try:
        return float(xraydb.material_mu(material, energy, density=density)) / 10.0
    except Exception as error:  # of several kinds, warnings among them
        raise NbnumbaError(
            f"detector.sensor_material: found {material!r} at {energy:.6g} eV, which xraydb refuses ({error}); "
            "allowed: a formula with detector.sensor_density, or a name that xraydb lists; or give detector.sensor_mu"
        ) from None
