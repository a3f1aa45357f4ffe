"""Which rules of NXmx, and of the programs that read it, an HDF5 file breaks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import h5py

from nbnumba.checks.rules import RULES
from nbnumba.checks.tree import Tree
from nbnumba.errors import NbnumbaError

LEVELS = ("error", "warning", "note")


class Broken(NamedTuple):
    """A rule that a file breaks."""

    level: (
        str  # "error": a program fails or reads wrong, or NXmx demands it; "warning": it may; "note": NXmx asks for it
    )
    rule: str
    where: str
    found: str
    needed: str
    otherwise: str  # what happens as it is


def check_nexus(path: str | Path) -> list[Broken]:
    """Check a file of images against NXmx and what dxtbx (DIALS) and others are known to need; errors come first.

    Images themselves are not read.

    Raises:
        NbnumbaError: the file is missing, damaged, or not HDF5.
    """
    try:
        with open(path, "rb"):
            pass  # says more plainly than HDF5 why a file cannot be read
        if not h5py.is_hdf5(path):
            raise NbnumbaError(f"{path}: found another kind of file; allowed: HDF5")
        with h5py.File(path, "r") as file:
            tree = Tree(Path(path), file)
            broken = [Broken(rule.level, rule.name, *found) for rule in RULES for found in rule.broken_by(tree)]
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or f"damaged: {error}"
        raise NbnumbaError(f"{path}: cannot be read ({why}); name an HDF5 file") from None
    return sorted(broken, key=lambda one: LEVELS.index(one.level))
