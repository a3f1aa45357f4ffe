"""Lorentzian: F_latt = Na Nb Nc/(1 + u), u = pi^(4/3) fudge rho, with rho from ``metric``.

F_latt^2 is the square of a Lorentzian, (1 + u)^-2, and falls with the fourth power of the distance, as the intensity of
every body with sharp surfaces does on the average over its fringes (G. Porod, Kolloid-Z. 124 (1951) 83). It is the
transform of a correlation function exp(-r/d), that of blocks of random form and size (P. Debye, H. R. Anderson, H.
Brumberger, J. Appl. Phys. 28 (1957) 679), which have no fringes.

It keeps two numbers of "square": the peak, F_latt = Na Nb Nc, and the integral of F_latt^2 over dh dk dl, Na Nb Nc,
which a Lorentzian F_latt^2 would not have, as its integral over three dimensions diverges. With r^2 = fudge rho and a
factor w, the integral of 4 pi r^2/(1 + w r^2)^2 over all r is pi^2 w^(-3/2), and w = pi^(4/3) makes it 1 ("gauss" and
"tophat" have 0.984 and 1.047, as their widths are rounded). Offsets end half-way to the next reflections, beyond which
lies 1.2/N of the integral at most. Over a plane at the distance z from the reflection, in units of 1/N, (1 + u)^-2 has
the integral pi/w/(1 + w z^2): the part of a spot that a still records is a Lorentzian of the reflection's distance from
the Ewald sphere, of the full width at half maximum 2/sqrt(w) = 0.932 ("square" 0.886, "gauss" 0.935). Partialities
of stills have that form in the program prime (M. Uervirojnangkoorn et al., eLife 4 (2015) e05421).
"""

import math

from nbnumba._jit import scalar
from nbnumba._lowered import quotient
from nbnumba.physics.lattice.metric import index_square
from nbnumba.physics.lattice.shape import Shape, Tilted, Upright
from nbnumba.physics.lattice.slopes import Slopes, index_slopes

#: Factor on the squared distance with which the integral of F_latt^2 is that of a square crystal.
LORENTZ_STEEPNESS = math.pi ** (4.0 / 3.0)


class Lorentz(Upright):
    """Parameters of "lorentz"."""


class TiltedLorentz(Tilted):
    """The same, tilted."""


@scalar
def lorentz_argument(lattice: Lorentz, dh: float, dk: float, dl: float) -> float:
    """The number u at the offsets dh, dk, dl."""
    return LORENTZ_STEEPNESS * lattice.fudge * index_square(lattice, dh, dk, dl)


@scalar
def lorentz_transform(lattice: Lorentz, u: float) -> float:
    """F_latt at u."""
    return quotient(lattice.na * lattice.nb * lattice.nc, 1.0 + u)


@scalar
def lorentz_slopes(lattice: Lorentz, dh: float, dk: float, dl: float) -> Slopes:
    """dF/ddh = -2 W F Na^2 dh/(1 + u) and dF/dNa = F/Na - 2 W F Na dh^2/(1 + u), with W = pi^(4/3) fudge."""
    u = lorentz_argument(lattice, dh, dk, dl)
    f = lorentz_transform(lattice, u)
    steep = -2.0 * LORENTZ_STEEPNESS * lattice.fudge * quotient(f, 1.0 + u)
    return index_slopes(lattice, f, steep, dh, dk, dl)


LORENTZ = Shape(Lorentz, lorentz_argument, lorentz_transform, lorentz_slopes, tilted=TiltedLorentz)
