"""Photons caught by one sensor layer: exp(-t x) - exp(-(t+1) x) with x = s mu/rho (Beer and Lambert).

s is the thickness of a layer, mu the attenuation coefficient, rho the cosine between ray and normal.
"""

from typing import NamedTuple

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


class CaptureSlopes(NamedTuple):
    """The fraction with its derivatives by the cosine [1], the attenuation [mm] and a layer's thickness [1/mm]."""

    fraction: float
    parallax: float
    mu: float
    thickness: float


@scalar
def capture_slopes(layer: float, thickness: float, mu: float, parallax: float) -> CaptureSlopes:
    """dC/dx = (t+1) exp(-(t+1) x) - t exp(-t x) with x = s mu/rho, and what x changes by."""
    depth = thickness * mu / parallax
    slope = (layer + 1.0) * exp_minus((layer + 1.0) * depth, EXP_END) - layer * exp_minus(layer * depth, EXP_END)
    return CaptureSlopes(
        capture(layer, thickness, mu, parallax),
        -slope * depth / parallax, slope * thickness / parallax, slope * mu / parallax,
    )  # fmt: skip
