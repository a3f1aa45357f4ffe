"""F_latt together with its derivatives by the offsets dh, dk, dl and the numbers of cells Na, Nb, Nc."""

from typing import NamedTuple


class Slopes(NamedTuple):
    """F_latt, up to a sign that its derivatives share."""

    f: float
    h: float
    k: float
    l: float  # noqa: E741
    na: float
    nb: float
    nc: float
