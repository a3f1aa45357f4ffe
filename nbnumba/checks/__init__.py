"""Which rules of NXmx, and of the programs that read it, an HDF5 file breaks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from nbnumba.checks import axes, images, structure, turns  # noqa: F401 (each adds its rules)
from nbnumba.checks.rules import RULES, Rule
from nbnumba.checks.tree import Tree
from nbnumba.inputs.hdf5 import DAMAGE, opened, printable

LEVELS = ("error", "warning", "note")


class Broken(NamedTuple):
    """A rule that a file breaks."""

    #: "error": a program fails or reads wrong, or NXmx demands it; "warning": it may; "note": NXmx asks for it
    level: str
    rule: str
    where: str
    found: str
    needed: str
    otherwise: str  # what happens as it is


def check_nexus(path: str | Path) -> list[Broken]:
    """Check a file of images against NXmx and what dxtbx (DIALS) and others are known to need; errors come first.

    Images themselves are not read. A rule that cannot be checked, as the file holds something of another kind than any
    rule looks for, counts as broken.

    Raises:
        NbnumbaError: the file is missing, damaged, or not HDF5.
    """
    with opened(path) as file:
        tree = Tree(file)
        broken = [one for rule in RULES for one in _broken(rule, tree)]
    return sorted(broken, key=lambda one: LEVELS.index(one.level))


def _broken(rule: Rule, tree: Tree) -> list[Broken]:
    try:
        return [Broken(rule.level, rule.name, *map(printable, found)) for found in rule.broken_by(tree)]
    except DAMAGE as error:
        found = printable(f"what the rule {rule.name!r} cannot be checked with ({type(error).__name__}: {error})")
        return [Broken("error", rule.name, "/", found, "types and shapes of NXmx", "programs that read it may fail")]
