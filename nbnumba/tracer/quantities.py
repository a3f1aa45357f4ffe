"""What is known of each step: unit, meaning and the function that gives it, by the name of its field in ``Step``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from nbnumba.kernels.arguments import Arguments, panel_of
from nbnumba.kernels.pack import pack
from nbnumba.model.sources import as_arrays
from nbnumba.physics.absorption import capture
from nbnumba.physics.lattice import Along, along_axes, argument, slopes, transform
from nbnumba.physics.pixel import parallax, position, ray_to, solid_angle
from nbnumba.physics.polarization import polarization
from nbnumba.physics.rotation import Matrix, turn
from nbnumba.physics.scattering import beyond, indices, offsets, scattering_vector, spacing
from nbnumba.physics.step import slope_through_lattice, weight
from nbnumba.physics.structure_factor import Structure, Tricubic, cell_amplitude, cell_slopes, covered, neighbours
from nbnumba.physics.vector import Vector
from nbnumba.tracer.step import Place, Step, step_at
from nbnumba.tracer.walk import walk

PACKAGE = Path(__file__).parents[1]


class Quantity(NamedTuple):
    """What is known of a quantity."""

    unit: str
    meaning: str
    function: Callable[..., Any]


QUANTITIES = {
    "layer": Quantity("", "number of the sensor layer", walk),
    "sub_slow": Quantity("", "number of the sub-pixel along slow", walk),
    "sub_fast": Quantity("", "number of the sub-pixel along fast", walk),
    "source": Quantity("", "number of the source", walk),
    "phi": Quantity("", "number of the step of the scan", walk),
    "domain": Quantity("", "number of the mosaic domain", walk),
    "position": Quantity("mm", "centre of the sub-pixel in the layer, seen from the sample", position),
    "distance": Quantity("mm", "of that point from the sample", ray_to),
    "direction": Quantity("", "unit vector from the sample to that point", ray_to),
    "parallax": Quantity("", "cosine between that direction and the detector's normal", parallax),
    "capture": Quantity("", "fraction of photons caught in the layer", capture),
    "solid_angle": Quantity(
        "sr", "of the pixel; of the first sub-pixel if one serves all; point pixels: 1/m^2", solid_angle
    ),
    "incident": Quantity("", "unit vector along the source's beam", as_arrays),
    "wavelength": Quantity("A", "of the source", as_arrays),
    "source_weight": Quantity("", "share of the source in all of them", pack),
    "q": Quantity("1/A", "scattering vector", scattering_vector),
    "resolution": Quantity("A", "spacing 1/|q|", spacing),
    "beyond_dmin": Quantity("", "whether the step is left out for its resolution", beyond),
    "polarization": Quantity("", "polarization factor; of the first step where one serves all", polarization),
    "axes": Quantity("A", "cell axes a, b, c of the domain after phi", turn),
    "h": Quantity("", "index along a", indices),
    "k": Quantity("", "index along b", indices),
    "l": Quantity("", "index along c", indices),
    "h0": Quantity("", "of the nearest reflection", indices),
    "k0": Quantity("", "of the nearest reflection", indices),
    "l0": Quantity("", "of the nearest reflection", indices),
    "dh": Quantity("", "distance h - h0", offsets),
    "dk": Quantity("", "distance k - k0", offsets),
    "dl": Quantity("", "distance l - l0", offsets),
    "neighbours": Quantity("e", "amplitudes around the point, by h, k, l from floor - 1 on", neighbours),
    "covered": Quantity("", "whether these are interpolated; if not, the nearest counts", covered),
    "f_cell": Quantity("e", "structure factor amplitude", cell_amplitude),
    "f_latt_along": Quantity("", "lattice transform of each axis by itself, up to its sign", along_axes),
    "f_latt_argument": Quantity("", "what the shape's transform is a function of; F_latt itself if square", argument),
    "f_latt": Quantity("", "lattice transform, up to its sign", transform),
    "f_cell_by_hkl": Quantity("e", "derivatives of f_cell by h, k, l", cell_slopes),
    "f_latt_by_hkl": Quantity("", "derivatives of f_latt by h, k, l, up to their common sign", slopes),
    "f_latt_by_cells": Quantity("", "derivatives of f_latt by the numbers of cells, up to their common sign", slopes),
    "term_by_hkl": Quantity("photons", "derivatives of the term by h, k, l", slope_through_lattice),
    "term_by_cells": Quantity("photons", "derivatives of the term by the numbers of cells", slope_through_lattice),
    "term": Quantity("photons", "scale source_weight solid_angle capture polarization f_cell^2 f_latt^2", weight),
    "sum": Quantity("photons", "of all steps up to this one", step_at),
}

_KINDS: dict[Any, tuple[Any, ...]] = {
    int: ("i4",),
    bool: ("?",),
    float: ("f8",),
    Vector: ("f8", (3,)),
    Along: ("f8", (3,)),
    Matrix: ("f8", (3, 3)),
}
_WHOLE = ("h0", "k0", "l0")
_PARTS = {
    Vector: Vector._fields,
    Along: Along._fields,
    Matrix: [f"{axis}_{part}" for axis in Matrix._fields for part in Vector._fields],
}


def record_type(structure: Structure) -> np.dtype:
    """Type of a record: the fields of ``Step``, of which vectors are (3,), matrices (3, 3), neighbours (4, 4, 4).

    Without interpolation there are no neighbours.
    """
    fields: list[Any] = []
    for name, kind in get_type_hints(Step).items():
        if name == "neighbours":
            fields += [(name, "f8", (4, 4, 4))] if isinstance(structure, Tricubic) else []
        else:
            fields.append((name, *(("i4",) if name in _WHOLE else _KINDS[kind])))
    return np.dtype(fields)


def parts(name: str) -> list[str]:
    """Names of the single numbers of a quantity, as in q_x, q_y, q_z; of neighbours f_000 to f_333."""
    if name == "neighbours":
        return [f"f_{i}{j}{m}" for i, j, m in np.ndindex(4, 4, 4)]
    return [f"{name}_{part}" for part in _PARTS.get(get_type_hints(Step)[name], ())] or [name]


def implementation(function: Callable[..., Any], a: Arguments) -> Callable[..., Any]:
    """The function that computes a quantity for these arguments, where their types choose."""
    chosen = getattr(function, "implementations", {})
    for given in (panel_of(a.sheet, 0), a.lattice, a.structure):
        function = chosen.get(type(given), function)
    return function


def origin(function: Callable[..., Any]) -> str:
    """File, line and name of a function, as in physics/pixel.py:57 position."""
    file = Path(str(inspect.getsourcefile(function))).relative_to(PACKAGE).as_posix()
    return f"{file}:{inspect.getsourcelines(function)[1]} {function.__name__}"


def equation(function: Callable[..., Any]) -> str:
    """What the function and its file say of themselves, in their first lines; nothing for counters of loops."""
    if function is walk:
        return ""
    texts = (inspect.getdoc(function) or "", inspect.getdoc(inspect.getmodule(function)) or "")
    return " ".join(text.splitlines()[0] for text in texts if text).replace("`", "")


COUNTERS = Place._fields
