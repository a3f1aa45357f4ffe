"""Powder of hexagonal ice, as cold as crystals are kept: rings at 1/d, on what disorder scatters between them.

Of crystallites that point anywhere, a molecule scatters at s = sin(theta)/lambda
F^2 = sum over h of |F_h|^2 p(2 s - g_h) / (4 pi g_h^2 V n), with g_h = 1/d, the cell's volume V and its n molecules,
and p a gaussian of integral 1 (Warren 1969, X-ray Diffraction, chapter 4). What thermal motion and the two places of
each hydrogen take out of the rings, each atom scatters by itself: f^2 (o - o^2 exp(-2 B s^2)) for a place that is taken
with probability o.
"""

from __future__ import annotations

import numpy as np

from nbnumba.materials.form_factors import form_factor

#: Cell a, c [A], cold (M. Chaplin, Water Structure and Science, table of ice crystals); at -30 C: 4.511, 7.346.
A, C = 4.4975, 7.3224
#: Element, probability and place in P 63/m m c (Goto, Hondoh & Mae 1990, J. Chem. Phys. 93, 1412).
_SITES = (
    ("O", 1.0, (1 / 3, 2 / 3, 0.06226)),
    ("H", 0.5, (1 / 3, 2 / 3, 0.178)),
    ("H", 0.5, (0.439, 0.878, 0.020)),
)
#: [A^2], of molecules with the Debye temperature 224 K (Zajac 1958, J. Chem. Phys. 29, 324) at 100 K.
B = 1.46
MOLECULES = 4  # in a cell
WIDTH = 0.004  # full width of rings at half maximum, of 1/d [1/A]: crystallites of some 20 nm
_LAST_RING = 2.0  # 1/d [1/A]; beyond, molecules scatter by themselves
_S = np.concatenate([np.linspace(0.0, 1.0, 10001), np.linspace(1.05, 2.0, 20)])


def _atoms() -> list[tuple[str, float, np.ndarray]]:
    """Element, probability and fractional coordinates of every place in the cell."""
    import gemmi

    found: list[tuple[str, float, np.ndarray]] = []
    operations = gemmi.SpaceGroup("P 63/m m c").operations()
    for element, probability, place in _SITES:
        places: list[np.ndarray] = []
        for operation in operations:
            image = np.mod(operation.apply_to_xyz(list(place)), 1.0)
            if all(np.abs((image - other + 0.5) % 1.0 - 0.5).max() > 1e-3 for other in places):
                places.append(image)
        found += [(element, probability, image) for image in places]
    return found


def volume() -> float:
    """Of the cell [A^3]."""
    return A * A * C * np.sqrt(3.0) / 2.0


def rings() -> np.ndarray:
    """Rows 1/d [1/A], sum of |F|^2 [electrons^2] over reflections, up to the last ring."""
    counts = [int(_LAST_RING * edge) + 1 for edge in (A, A, C)]
    h, k, l = (x.ravel() for x in np.meshgrid(*[np.arange(-n, n + 1) for n in counts], indexing="ij"))  # noqa: E741
    g = np.sqrt(4.0 / 3.0 * (h * h + h * k + k * k) / A**2 + l * l / C**2)
    kept = (g > 0.0) & (g < _LAST_RING)
    hkl, g = np.column_stack([h, k, l])[kept], g[kept]
    factors = {element: form_factor(element, g / 2.0) for element in ("O", "H")}
    amplitude = sum(o * factors[x] * np.exp(2j * np.pi * (hkl @ place)) for x, o, place in _atoms())
    square = np.abs(amplitude * np.exp(-B * g * g / 4.0)) ** 2
    radius, ring = np.unique(g.round(9), return_inverse=True)
    return np.column_stack([radius, np.bincount(ring.ravel(), weights=square)])


def ice() -> np.ndarray:
    """Rows s [1/A], F [electrons]."""
    left = np.where(2.0 * _S < _LAST_RING, np.exp(-2.0 * B * _S * _S), 0.0)
    squared = form_factor("O", _S) ** 2 * (1.0 - left) + 2.0 * form_factor("H", _S) ** 2 * (1.0 - 0.5 * left)
    sigma = WIDTH / np.sqrt(8.0 * np.log(2.0))
    for g, strength in rings():
        share = strength / (4.0 * np.pi * g * g * volume() * MOLECULES)
        squared += share * np.exp(-0.5 * ((2.0 * _S - g) / sigma) ** 2) / (sigma * np.sqrt(2.0 * np.pi))
    return np.column_stack([_S, np.sqrt(squared)])
