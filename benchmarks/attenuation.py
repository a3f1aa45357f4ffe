"""Prints nbnumba/materials/attenuation_table.py: attenuation of sensor materials, from xraydb (extra "materials")."""

import itertools

import numpy as np
import xraydb

RANGE = (2.0, 100.0)  # keV
ELEMENTS = {"Si": ("Si",), "CdTe": ("Cd", "Te"), "GaAs": ("Ga", "As")}
WORST = 1e-3  # largest error of power laws between the energies
CLEAR = 0.01  # keV; so near to an edge xraydb is between two splines, and a power law from farther away stands in
HEAD = f'''"""Attenuation of sensor materials, as benchmarks/attenuation.py prints it.

Total attenuation (photoelectric, coherent, incoherent) by Elam, Ravel & Sieber (2002), Radiat. Phys. Chem. 63,
121-128, from xraydb {xraydb.__version__}; edges stand twice. Power laws between the rows are right to {WORST:g}.
"""

# fmt: off
#: Density [g/cm^3], and rows of photon energy [keV] and attenuation coefficient [1/mm].'''


def mu(material, energy):
    return float(xraydb.material_mu(material, 1e3 * energy)) / 10.0  # 1/mm


def edges(material):
    found = {edge.energy / 1e3 for x in ELEMENTS[material] for edge in xraydb.xray_edges(x).values()}
    return sorted(energy for energy in found if RANGE[0] < energy < RANGE[1])


def stretch(material, start, stop):
    """Rows between two edges, or ends of the range."""
    low = start if start == RANGE[0] else start + CLEAR
    high = stop if stop == RANGE[1] else stop - CLEAR
    fine = np.geomspace(low, high, 2000)
    exact = np.log([mu(material, e) for e in fine])
    taken = [0, len(fine) - 1]
    while True:
        errors = np.abs(np.interp(np.log(fine), np.log(fine[taken]), exact[taken]) - exact)
        if errors.max() < WORST:
            break
        taken = sorted([*taken, int(errors.argmax())])
    rows = [(float(fine[i]), float(np.exp(exact[i]))) for i in taken]
    rows[0] = (start, float(np.exp(_extended(start, fine[:2], exact[:2]))))
    rows[-1] = (stop, float(np.exp(_extended(stop, fine[-2:], exact[-2:]))))
    return rows


def _extended(energy, near, logarithms):
    (a, b), (fa, fb) = np.log(near), logarithms
    return fa + (fb - fa) * (np.log(energy) - a) / (b - a)


def main():
    print(f"{HEAD}\nATTENUATION: dict[str, tuple[float, tuple[tuple[float, float], ...]]] = {{")
    for material in ELEMENTS:
        bounds = [RANGE[0], *edges(material), RANGE[1]]
        rows = [row for start, stop in itertools.pairwise(bounds) for row in stretch(material, start, stop)]
        print(f'    "{material}": (\n        {xraydb.get_material(material)[1]},\n        (')
        texts = [f"({energy:.5g}, {value:.5g})" for energy, value in rows]
        for i in range(0, len(texts), 5):
            print("            " + ", ".join(texts[i : i + 5]) + ",")
        print("        ),\n    ),")
    print("}")


if __name__ == "__main__":
    main()
