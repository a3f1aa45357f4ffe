"""Point spread: the part of a photon's signal that a pixel gets, at offsets x, y from where the photon fell.

Gaussian: a product of differences of the error function along both axes. Fibre-coupled screens (Holton, Nielsen and
Frankel 2012, J. Synchrotron Rad. 19, 1006): g/(2 pi (g^2 + r^2)^(3/2)), which is the solid angle of the pixel seen from
a height g over 2 pi; its integral over a corner is arctan(x y/(g sqrt(g^2 + x^2 + y^2)))/(2 pi).
"""

import math

from nbnumba._jit import scalar

#: Full width at half maximum over sigma, and over g: 2 sqrt(2 ln 2), and 2 sqrt(2^(2/3) - 1).
GAUSSIAN_WIDTH = 2.0 * math.sqrt(2.0 * math.log(2.0))
FIBER_WIDTH = 2.0 * math.sqrt(2.0 ** (2.0 / 3.0) - 1.0)


@scalar
def gaussian_share(offset: float, sigma: float) -> float:
    """Part along one axis, for a pixel ``offset`` pixels away; sigma in pixels."""
    scale = 1.0 / (math.sqrt(2.0) * sigma)
    return 0.5 * (math.erf((offset + 0.5) * scale) - math.erf((offset - 0.5) * scale))


@scalar
def fiber_corner(x: float, y: float, g: float) -> float:
    """Integral from 0 to x and 0 to y."""
    return math.atan(x * y / (g * math.sqrt(g * g + x * x + y * y))) / (2.0 * math.pi)
