"""What a rule is: NXmx demands it or asks for it, or readers were seen to need it.

NXmx: definitions of the NeXus International Advisory Committee (manual.nexusformat.org, NXmx). dxtbx: each node and
attribute of a file taken out in turn and read by dxtbx 3.11 and its successor of 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import h5py

from nbnumba.checks.tree import Tree
from nbnumba.inputs.hdf5 import child

Found: TypeAlias = tuple[str, str, str, str]  # where, what was found, what is needed, what happens otherwise
Breaks: TypeAlias = Callable[[Tree], Iterator[Found]]
NOTHING = "nothing"
INVALID = "the file is not valid NXmx"
UNREAD = "dxtbx (DIALS) cannot read the file"


class Rule(NamedTuple):
    """A rule, and what breaks it."""

    level: str
    name: str
    broken_by: Breaks


#: All of them.
RULES: list[Rule] = []


def rule(level: str) -> Callable[[Breaks], Breaks]:
    """A rule of this level, of the function's name."""

    def kept(broken_by: Breaks) -> Breaks:
        RULES.append(Rule(level, broken_by.__name__.replace("_", " "), broken_by))
        return broken_by

    return kept


def missing(groups: list[h5py.Group], names: tuple[str, ...], otherwise: str) -> Iterator[Found]:
    """What groups do not hold of what they should."""
    for group in groups:
        for name in names:
            if child(group, name) is None:
                yield f"{group.name}/{name}", NOTHING, f"{name}", otherwise
