"""Photons on a crystal: density of a beam of one photon, averaged over a rectangle [1/mm^2].

The rectangle stands for the crystal's outline; its sides lie along the widths of the beam, and points count from the
beam's centre. A rectangle without area is a point. Gaussian and flat rectangle are products of what holds for each
direction; the flat ellipse is integrated along x, over the part of its height that lies below each edge of the outline.
"""

import math
from typing import NamedTuple

from nbnumba._jit import scalar


class Outline(NamedTuple):
    """A rectangle [mm] seen along the beam, from (left, bottom) to (right, top)."""

    left: float
    right: float
    bottom: float
    top: float


@scalar
def rectangle_density(crystal: Outline, width: float, height: float) -> float:
    """Mean of 1/(w h) within |x| < w/2, |y| < h/2: the part of the crystal that is lit, over the beam's area."""
    return _flat(crystal.left, crystal.right, width) * _flat(crystal.bottom, crystal.top, height)


@scalar
def ellipse_density(crystal: Outline, width: float, height: float) -> float:
    """Mean of 4/(pi w h) within (2x/w)^2 + (2y/h)^2 < 1."""
    left, right = 2.0 * crystal.left / width, 2.0 * crystal.right / width
    bottom, top = 2.0 * crystal.bottom / height, 2.0 * crystal.top / height
    farthest = math.hypot(max(abs(left), abs(right)), max(abs(bottom), abs(top)))
    if farthest <= 1.0:
        lit = 1.0
    elif right > left and top > bottom:
        inside = (
            _disc_below(top, right) - _disc_below(top, left) - _disc_below(bottom, right) + _disc_below(bottom, left)
        )
        lit = min(max(inside / ((right - left) * (top - bottom)), 0.0), 1.0)
    else:
        lit = 0.0
    return lit * 4.0 / (math.pi * width * height)


@scalar
def gaussian_density(crystal: Outline, width: float, height: float) -> float:
    """Mean of 4 ln2/(pi w h) exp(-4 ln2 (x^2/w^2 + y^2/h^2))."""
    return _bell(crystal.left, crystal.right, width) * _bell(crystal.bottom, crystal.top, height)


@scalar
def _flat(start: float, stop: float, width: float) -> float:
    """Mean between two points of 1/w within |x| < w/2."""
    if stop > start:
        inside = min(stop, 0.5 * width) - max(start, -0.5 * width)
        return max(inside, 0.0) / (stop - start) / width
    return 1.0 / width if abs(start) <= 0.5 * width else 0.0


@scalar
def _bell(start: float, stop: float, width: float) -> float:
    """Mean between two points of a gaussian: (erf(k stop) - erf(k start))/2 over their distance, k = 2 sqrt(ln2)/w."""
    k = 2.0 * math.sqrt(math.log(2.0)) / width
    if not stop > start:
        return k / math.sqrt(math.pi) * math.exp(-((k * start) ** 2))
    if start > 0.0 or stop < 0.0:  # far out, erf is 1 to the last digit
        return 0.5 * abs(math.erfc(k * abs(start)) - math.erfc(k * abs(stop))) / (stop - start)
    return 0.5 * (math.erf(k * stop) - math.erf(k * start)) / (stop - start)


@scalar
def _disc_below(y: float, x: float) -> float:
    """Integral from 0 to x of the unit circle's half height sqrt(1 - t^2), limited to y from below and above."""
    reach = math.copysign(min(abs(x), 1.0), x)
    if abs(y) >= 1.0:
        return math.copysign(_half_disc(reach), x * y)
    level = math.sqrt(1.0 - y * y)  # up to here y is the lower of the two
    if abs(x) <= level:
        return y * x
    rest = abs(_half_disc(reach)) - _half_disc(level)
    return math.copysign(1.0, x) * (y * level + math.copysign(rest, y))


@scalar
def _half_disc(x: float) -> float:
    """Integral of sqrt(1 - t^2) from 0 to x."""
    return 0.5 * (x * math.sqrt(1.0 - x * x) + math.asin(x))
