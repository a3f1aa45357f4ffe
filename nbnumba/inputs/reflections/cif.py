"""CIF files: telling their kind, and structure factors of the wwPDB kind (SF-CIF)."""

from pathlib import Path
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.reflections.files import read_bytes, reading
from nbnumba.inputs.reflections.symmetry import merged_reflections
from nbnumba.model.reflections import Reflections

# what was measured comes before what was calculated, and what is there for all reflections before anomalous pairs
DEFAULT_TAGS = (
    "F_meas_au",
    "F_meas",
    "intensity_meas",
    "F_squared_meas",
    "F_calc_au",
    "F_calc",
    "F_squared_calc",
    "pdbx_F_plus",
    "pdbx_I_plus",
)
INTENSITY_STARTS = ("intensity_", "f_squared_", "pdbx_i_")
AMPLITUDE_STARTS = ("f_", "pdbx_f_", "pdbx_fwt", "pdbx_delfwt")


def cif_format(path: Path) -> str:
    """ "coordinates" for a file with an _atom_site loop, "sf-cif" for one with a _refln loop; else NbnumbaError."""
    document = open_cif(path)
    for category, kind in (("_atom_site.", "coordinates"), ("_refln.", "sf-cif")):
        if blocks_with(path, document, category):
            return kind
    raise NbnumbaError(
        f"{path} has neither atoms (_atom_site.) nor structure factors (_refln.); {block_names(document)}. "
        f"Give an mmCIF or SF-CIF file of the wwPDB kind; the tags of small-molecule CIF are not read."
    )


def read_sf_cif(path: Path, column: str | None = None, resolution: float | None = None) -> tuple[Reflections, str]:
    """Reflections of the first block with _refln data in P1, Friedel mates added, and the tag they are from.

    column: a tag without its _refln. prefix, in any case; by default the first of `DEFAULT_TAGS` with numbers.
    Intensities (intensity_*, F_squared_*, pdbx_I_*) become sqrt(max(I, 0)). One half of an anomalous pair serves
    for both Friedel mates. Missing values are left out.
    resolution: in angstrom; reflections with smaller d are left out.
    Raises NbnumbaError for a damaged file, without structure factors, space group, column or reflections.
    """
    block = _first_block(open_cif(path), path)
    with reading(path, "SF-CIF"):
        hkl = np.array(block.make_miller_array())
        tag, values = _choose_values(block, column, path)
    found = merged_reflections(
        path, hkl, values, block.cell, block.spacegroup,
        intensities=tag.lower().startswith(INTENSITY_STARTS), resolution=resolution,
        where=f"_refln.{tag}; {_listing(block)}",
    )  # fmt: skip
    return found, tag


def open_cif(path: Path) -> Any:
    """The gemmi.cif.Document of a file; NbnumbaError where it is no CIF."""
    import gemmi

    content = read_bytes(path)
    with reading(path, "CIF"):
        return gemmi.cif.read_string(content)


def blocks_with(path: Path, document: Any, category: str) -> list[Any]:
    """Blocks of the CIF document of a file with items of a category, such as "_refln."."""
    with reading(path, "CIF"):
        return [block for block in document if len(block.find_mmcif_category(category))]


def block_names(document: Any) -> str:
    """What blocks there are, for messages."""
    return "its blocks are " + (", ".join(block.name for block in document) or "none")


def _first_block(document: Any, path: Path) -> Any:
    import gemmi

    names = block_names(document)  # before gemmi takes the blocks out of the document
    if not blocks_with(path, document, "_refln."):
        raise NbnumbaError(f"{path} has no block with _refln data; {names}. Give an SF-CIF file.")
    with reading(path, "SF-CIF"):
        # later blocks take cell and space group from the first where they have none
        blocks = gemmi.as_refln_blocks(document)
        block = next((b for b in blocks if b.default_loop is not None and b.is_merged()), None)
    if block is None:
        raise NbnumbaError(
            f"{path} has no loop of merged _refln data with index_h, index_k, index_l; {names}. Give an SF-CIF file."
        )
    if block.spacegroup is None:
        raise NbnumbaError(
            f"{path} has no space group that is known, so that its reflections cannot be expanded; "
            f"add _symmetry.space_group_name_H-M to block {block.block.name}."
        )
    return block


def _choose_values(block: Any, wanted: str | None, path: Path) -> tuple[str, np.ndarray]:
    """The tag, as it is spelled in the file, and its values, (n,) with NaN where missing."""
    there = {label.lower(): label for label in block.column_labels()}
    if wanted is not None:
        tags = [there.get(wanted.lower().removeprefix("_refln."))]
    else:
        tags = [there.get(tag.lower()) for tag in DEFAULT_TAGS]
    found = [tag for tag in tags if tag is not None]
    if not found:
        missing = f"no _refln.{wanted}" if wanted is not None else "none of the usual columns"
        raise NbnumbaError(f"{path} has {missing}; {_listing(block)}. Name one of them as column.")
    if "sigma" in found[0].lower() or not found[0].lower().startswith(INTENSITY_STARTS + AMPLITUDE_STARTS):
        raise NbnumbaError(f"{path}: _refln.{found[0]} is neither amplitude nor intensity; {_listing(block)}.")
    columns = [(tag, np.array(block.make_float_array(tag), dtype=np.float64)) for tag in found]
    return next((pair for pair in columns if np.isfinite(pair[1]).any()), columns[0])


def _listing(block: Any) -> str:
    return f"block {block.block.name} has the _refln tags " + ", ".join(block.column_labels())
