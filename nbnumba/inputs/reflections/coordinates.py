"""PDB and mmCIF coordinates: structure factors calculated from atoms."""

import itertools
import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.inputs.reflections.anomalous import Given, corrections
from nbnumba.inputs.reflections.cif import block_names, blocks_with, open_cif
from nbnumba.inputs.reflections.files import read_bytes, reading
from nbnumba.inputs.reflections.symmetry import expand_to_p1
from nbnumba.model.reflections import Reflections, physical_memory

FINEST, COARSEST = 0.3, 100.0  # allowed resolution, angstrom

# Flat bulk solvent with the mean values of Fokine & Urzhumtsev (2002), Acta Cryst. D58, 1387-1392
K_SOLVENT = 0.35  # electrons per cubic angstrom
B_SOLVENT = 46.0  # square angstrom

# Grid points along the finest d / 2. With the blur that gemmi derives from it, amplitudes agree with the direct
# sum to some 0.03 % (strong reflections, 0.8 to 15 A).
OVERSAMPLING = 1.5
# On grids coarser than that of 3 A the blur grows so large that accuracy suffers, so none is made.
COARSEST_GRID = 3.0  # angstrom
MASK_SPACING = 0.4  # angstrom; the mask's probe radii near 1 A need several points
_CIF_BLOCK = re.compile(rb"^\s*data_", re.MULTILINE | re.IGNORECASE)  # no line of a PDB file begins so
BYTES_PER_POINT = 12  # density and half a complex transform of it, single precision, with some room
LARGEST_B = 1e4  # square angstrom
BYTES_PER_VOLUME = 0.5  # of the box around all atoms [1/A^3], where gemmi looks for neighbours: measured 0.37
_LEAST_EDGE = 5.0  # of a box [A], in which neighbours are looked for


def read_coordinates(
    path: Path,
    resolution: float | None,
    bulk_solvent: bool = False,
    anomalous: bool | Given = False,
    wavelength: float | list[float] | None = None,
) -> list[Reflections]:
    """Structure factors of the first model of a PDB or mmCIF file in P1, a list for each wavelength.

    resolution: smallest d in angstrom, 0.3..100; needed. bulk_solvent: adds a flat solvent around the atoms.
    anomalous: whether f' and f'' of the elements at ``wavelength`` count, or some of them: Friedel mates then differ.
    Friedel mates are added. Amplitudes are in electrons per unit cell, calculated with X-ray form factors
    (International Tables 1992) and the B factors of the file. Systematic absences are listed with amplitude 0, so that
    no default takes their place; 0 0 0 is not listed. Raises NbnumbaError for a missing resolution, for a file
    without atoms, unit cell or space group, and for grids beyond half of the machine's memory.
    """
    with reading(path, "coordinates"):
        structure = _open(path)
    d_min = _checked_resolution(path, resolution)
    _check_grid_fits(path, structure, d_min, bulk_solvent)
    with reading(path, "coordinates"):
        hkl, values = _structure_factors(structure, d_min)
        if len(hkl) == 0:
            raise NbnumbaError(
                f"{path} has no reflections to {d_min:g} A in its small cell; give a smaller resolution."
            )
        if bulk_solvent:
            values = values + _solvent_part(structure, hkl, d_min)
        pairs = _with_anomalous(structure, d_min, values, anomalous, wavelength)
    absent, group, cell = _absent(structure, hkl), structure.find_spacegroup(), tuple(structure.cell.parameters)
    kept = [tuple(np.where(absent, 0.0, amplitude) for amplitude in pair) for pair in pairs]
    return [Reflections(*expand_to_p1(hkl, plus, group, minus), cell=cell) for plus, minus in kept]


def _with_anomalous(
    structure: Any, d_min: float, values: np.ndarray, anomalous: bool | Given, wavelength: float | list[float] | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Amplitudes (n,) of reflections and of their Friedel mates at each wavelength.

    F = F0 + sum f G with f = f' + i f'' of an element, and G the structure factor of its atoms as points. F0 and G are
    those of real densities, so that Friedel mates have F0* and G*: |F(-h)| = |F0 + sum f* G|.
    """
    if anomalous is False or wavelength is None:
        return [(np.abs(values), np.abs(values))]
    found = corrections(_elements(structure), wavelength, anomalous)
    points = {name: _structure_factors(structure, d_min, name)[1] for name in found}
    pairs = []
    for i in range(1 if isinstance(wavelength, float) else len(wavelength)):
        plus = values + sum(f[i] * points[name] for name, f in found.items())
        minus = values + sum(f[i].conjugate() * points[name] for name, f in found.items())
        pairs.append((np.abs(plus), np.abs(minus)))
    return pairs


def _elements(structure: Any) -> list[str]:
    """Symbols of the elements of the first model."""
    return sorted({site.atom.element.name for site in structure[0].all()})


def _checked_resolution(path: Path, resolution: float | None) -> float:
    if resolution is None:
        raise NbnumbaError(
            f"{path} holds coordinates, for which resolution is missing; give the smallest d in angstrom, "
            f"{FINEST:g}..{COARSEST:g}, in TOML as reflections = {{ file = {path.name!r}, resolution = 2.0 }}."
        )
    if not FINEST <= resolution <= COARSEST:
        raise NbnumbaError(f"resolution is {resolution:g} A; for coordinates give {FINEST:g}..{COARSEST:g} A.")
    return resolution


def _open(path: Path) -> Any:
    """The gemmi.Structure of a file, with atoms, cell and space group, strict NCS written out."""
    import gemmi

    structure = _parsed(path)
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise NbnumbaError(f"{path} has no atoms; give a PDB or mmCIF file with coordinates.")
    if not structure.cell.is_crystal():
        raise NbnumbaError(f"{path} has no unit cell (only 1 x 1 x 1 A, or none); add its CRYST1 or _cell items.")
    _check_cell(path, structure.cell)
    if structure.find_spacegroup() is None:
        raise NbnumbaError(f"{path} has no space group that is known ({structure.spacegroup_hm!r}); add it, as 'P 1'.")
    if len(structure) > 1:
        warnings.warn(f"{path} has {len(structure)} models; only the first is used.", NbnumbaWarning, stacklevel=5)
    _check_atoms(path, structure)
    _check_box_fits(path, structure)
    structure.expand_ncs(gemmi.HowToNameCopiedChain.Dup)
    return structure


def _parsed(path: Path) -> Any:
    import gemmi

    content = read_bytes(path)
    if _CIF_BLOCK.search(content):
        document = open_cif(path)
        blocks = blocks_with(path, document, "_atom_site.")
        if not blocks:
            raise NbnumbaError(f"{path} has no atoms (_atom_site loop); {block_names(document)}.")
        with reading(path, "mmCIF coordinates"):
            return gemmi.make_structure_from_block(blocks[0])
    with reading(path, "PDB coordinates"):
        return gemmi.read_structure_string(content, format=gemmi.CoorFormat.Pdb)


def _structure_factors(structure: Any, d_min: float, points: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the asymmetric unit, int32 (n, 3), and complex structure factors, (n,), by Fourier transform.

    points: name of an element, whose atoms alone scatter, each as one electron at a point.
    """
    import gemmi

    density = gemmi.DensityCalculatorX() if points is None else gemmi.DensityCalculatorN()
    if points is not None:  # neutrons have form factors without shape, to which addends are added
        for name in _elements(structure):
            element = gemmi.Element(name)
            density.addends.set(element, float(name == points) - element.neutron92.get_coefs()[0])
    density.d_min = _grid_resolution(d_min)
    density.rate = OVERSAMPLING
    density.set_refmac_compatible_blur(structure[0])
    density.set_grid_cell_and_spacegroup(structure)
    density.put_model_density_on_grid(structure[0])
    transform = gemmi.transform_map_to_f_phi(density.grid, half_l=True)
    asu = transform.prepare_asu_data(dmin=d_min, unblur=density.blur, with_sys_abs=True)
    return np.array(asu.miller_array), np.array(asu.value_array, dtype=np.complex128)


def _solvent_part(structure: Any, hkl: np.ndarray, d_min: float) -> np.ndarray:
    """Structure factors of a flat solvent outside of the atoms, complex (n,)."""
    import gemmi

    mask = gemmi.FloatGrid()
    mask.setup_from(structure, spacing=_mask_spacing(d_min))
    gemmi.SolventMasker(gemmi.AtomicRadiiSet.Cctbx).put_mask_on_float_grid(mask, structure[0])
    values = gemmi.transform_map_to_f_phi(mask, half_l=True).get_value_by_hkl(hkl)
    inverse_d2 = np.array(structure.cell.calculate_1_d2_array(hkl))
    return K_SOLVENT * np.exp(-B_SOLVENT * inverse_d2 / 4) * values


def _absent(structure: Any, hkl: np.ndarray) -> np.ndarray:
    """Which reflections are systematically absent, bool (n,)."""
    return np.array(structure.find_spacegroup().operations().systematic_absences(hkl), dtype=bool)


def _check_cell(path: Path, cell: Any) -> None:
    if not (min(cell.parameters) > 0.0 and max(cell.parameters[3:]) < 180.0 and 0.0 < cell.volume < math.inf):
        raise NbnumbaError(
            f"{path} has a unit cell that cannot exist, {cell.parameters}; mend its CRYST1 or _cell items."
        )


def _check_atoms(path: Path, structure: Any) -> None:
    """Refuse atoms that are nowhere, or smeared out over everything, which would take for ever."""
    import gemmi

    atoms = gemmi.FlatStructure(structure)
    smeared = [sum(u.elements_pdb()[:3]) for site in structure[0].all() if (u := site.atom.aniso).nonzero()]
    factors = np.concatenate([atoms.b_iso, 8.0 * np.pi**2 / 3.0 * np.array(smeared)])
    if not (np.isfinite(atoms.pos).all() and np.isfinite(atoms.occ).all()):
        raise NbnumbaError(f"{path} has atoms with coordinates or occupancies that are no numbers; mend them.")
    if not (abs(factors) <= LARGEST_B).all():
        raise NbnumbaError(f"{path} has B factors up to {abs(factors).max():g} A^2; allowed are {LARGEST_B:g}.")


def _check_box_fits(path: Path, structure: Any) -> None:
    """Refuse atoms, or copies of them by strict NCS, that are too far apart for gemmi to look for neighbours."""
    import gemmi

    copied = [op for op in structure.ncs if not op.given]
    for op in copied:
        turn = np.array(op.tr.mat.tolist())
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large is no rotation either
            turns = np.allclose(turn.T @ turn, np.eye(3), atol=0.01)
        if not turns:
            raise NbnumbaError(f"{path} has strict NCS that is no rotation, {turn.tolist()}; mend it, or leave it out.")
    box = structure.calculate_box()
    ends = [gemmi.Position(*corner) for corner in itertools.product(*zip(box.minimum, box.maximum, strict=True))]
    copies = [op.tr.apply(end) for op in copied for end in ends]
    size = np.ptp([place.tolist() for place in (*ends, *copies)], axis=0).tolist()
    if not BYTES_PER_VOLUME * math.prod(max(edge, _LEAST_EDGE) for edge in size) <= physical_memory() / 2:
        raise NbnumbaError(
            f"{path} has atoms {size[0]:.3g} x {size[1]:.3g} x {size[2]:.3g} A apart, too far for half of this "
            "machine's memory; give the coordinates of one cell."
        )


def _check_grid_fits(path: Path, structure: Any, d_min: float, bulk_solvent: bool) -> None:
    spacing = _grid_resolution(d_min) / (2 * OVERSAMPLING)
    points = structure.cell.volume * (spacing**-3 + (_mask_spacing(d_min) ** -3 if bulk_solvent else 0))
    needed, memory = BYTES_PER_POINT * points, physical_memory()
    if needed > memory / 2:
        raise NbnumbaError(
            f"{path} to {d_min:g} A needs {points:.3g} grid points, {needed / 2**30:.1f} GiB; this machine has "
            f"{memory / 2**30:.1f} GiB, of which half may be used. Give a larger resolution."
        )


def _grid_resolution(d_min: float) -> float:
    return min(d_min, COARSEST_GRID)


def _mask_spacing(d_min: float) -> float:
    """Spacing in angstrom that resolves both the mask and the finest reflection."""
    return min(MASK_SPACING, d_min / 3)
