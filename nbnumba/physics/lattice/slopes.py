"""F_latt together with its derivatives by the offsets dh, dk, dl and the numbers of cells Na, Nb, Nc."""

from typing import Any, NamedTuple

from nbnumba._jit import scalar


class Slopes(NamedTuple):
    """F_latt, up to a sign that its derivatives share."""

    f: float
    h: float
    k: float
    l: float  # noqa: E741
    na: float
    nb: float
    nc: float


@scalar
def index_slopes(lattice: Any, f: float, steep: float, dh: float, dk: float, dl: float) -> Slopes:
    """dF/ddh = s Na^2 dh and dF/dNa = F/Na + s Na dh^2, of F = Na Nb Nc g(rho) in the index metric.

    ``steep`` is s = 2 Na Nb Nc dg/drho; ``metric.index_square`` has rho.
    """
    a, b, c = lattice.na * dh, lattice.nb * dk, lattice.nc * dl
    return Slopes(
        f, steep * lattice.na * a, steep * lattice.nb * b, steep * lattice.nc * c,
        f / lattice.na + steep * a * dh, f / lattice.nb + steep * b * dk, f / lattice.nc + steep * c * dl,
    )  # fmt: skip
