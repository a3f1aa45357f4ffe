"""Photons caught by one sensor layer: exp(-t s mu/rho) - exp(-(t+1) s mu/rho), rho = d.normal (forward model, 3)."""

from nbnumba._jit import scalar
from nbnumba.physics.elementary import exp_minus


@scalar
def capture(layer: float, thickness: float, mu: float, parallax: float) -> float:
    """Fraction caught in layer number ``layer`` of ``thickness`` [mm], attenuation ``mu`` [1/mm], parallax d.normal."""
    depth = thickness * mu / parallax
    return exp_minus(layer * depth) - exp_minus((layer + 1.0) * depth)
