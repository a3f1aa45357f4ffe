"""Tables of an experiment with detector, beam and rotation of a measured image in the place of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry import detector_of, found_in
from nbnumba.inputs.hdf5 import ENTRY, PROVENANCE, opened, words
from nbnumba.inputs.kinds import kind_of
from nbnumba.inputs.text import naming
from nbnumba.model.changes import without_rivals
from nbnumba.model.validate import refuse

#: Steps of a rotation where the experiment does not say: enough for spots that it cuts into.
STEPS = 10


def likened(tree: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Tables of an experiment, those of TOML, changed to be measured as an image was.

    Args:
        tree: the tables; [beam] and [detector] may be left out.
        path: NXmx, CBF or SMV image, or a .expt file of DIALS.

    Raises:
        NbnumbaError: the file tells no geometry, or the beam is a list of sources, whose directions would count in
            another frame.
    """
    with naming(path):
        found = _own(path) or _foreign(path)
    beam, scan = (tree.get(name, {}) for name in ("beam", "scan"))
    for name, table in (("beam", beam), ("scan", scan)):
        if not isinstance(table, dict):
            raise refuse(name, table, "a table")
    if "sources" in beam:
        raise NbnumbaError(f"beam.sources: found beside the geometry of {path}, in whose frame they would count; "
                           "allowed: wavelength, spectrum, divergence")  # fmt: skip
    beam = {key: value for key, value in without_rivals(beam, found["beam"]).items() if value is not None}
    result = {**tree, "detector": found["detector"], "beam": beam}
    if found["scan"].get("width") or scan:
        result["scan"] = {"steps": STEPS, **scan, **found["scan"]}
    return result


def _own(path: str | Path) -> dict[str, Any] | None:
    """Tables that a file of ours holds, in the frame in which it was simulated; None: it is none."""
    from nbnumba.model.toml import OF_BEAM, tree_of

    if kind_of(path) != "hdf5":
        return None
    with opened(path) as file:
        held = words(file, f"{ENTRY}/{PROVENANCE}/experiment")
        tree = {} if held is None else tree_of(held, str(path))
        beam = {key: value for key, value in tree.get("beam", {}).items() if key in OF_BEAM}
        scan = {key: value for key, value in tree.get("scan", {}).items() if key in ("start", "width", "axis", "rule")}
        return {"detector": tree["detector"], "beam": beam, "scan": scan} if tree else None


def _foreign(path: str | Path) -> dict[str, Any]:
    """Tables of what a file tells, in the frame of NeXus."""
    from nbnumba.model.toml_write import table_of

    found = found_in(path, 0)
    scan: dict[str, Any] = {} if found.spindle is None else {"axis": list(found.spindle)}
    if found.oscillation is not None:
        scan |= {"start": found.oscillation[0], "width": found.oscillation[1]}
    beam = {key: list(value) if isinstance(value, tuple) else value for key, value in found.beam.items()}
    return {"detector": table_of(detector_of(found), True), "beam": beam, "scan": scan}
