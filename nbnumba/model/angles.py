"""Angles of rotations."""

from __future__ import annotations

import math


def turn(degrees: float) -> float:
    """Angle [rad] of a rotation by any number of degrees; whole turns are left out, which is exact, before rounding."""
    return math.radians(math.fmod(degrees, 360.0))
