"""Photons caught by one sensor layer: exp(-t x) - exp(-(t+1) x) with x = s mu/rho (forward model, 3).

s is the thickness of a layer, mu the attenuation coefficient, rho the cosine between ray and normal.
"""

from nbnumba._jit import scalar
from nbnumba.physics.elementary import EXP_END, exp_minus


@scalar
def caught_at_once(x: float) -> float:
    """Function 1 - exp(-x) for x >= 0, without cancellation for small x."""
    series = x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0)))))
    return series if x < 0.03 else 1.0 - exp_minus(x, EXP_END)


@scalar
def capture(layer: float, thickness: float, mu: float, parallax: float) -> float:
    """Fraction caught in layer number ``layer`` of ``thickness`` [mm], attenuation ``mu`` [1/mm]."""
    depth = thickness * mu / parallax
    return exp_minus(layer * depth, EXP_END) * caught_at_once(depth)
