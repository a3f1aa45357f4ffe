"""Liquid water at 25 C: coherent scattering of a molecule among its neighbours."""

from __future__ import annotations

import numpy as np

#: s = sin(theta)/lambda [1/A] and F [electrons]. Up to 0.7 as measured by Hura et al. (2003), Phys. Chem. Chem. Phys.
#: 5, 1981-1991, and, at the smallest angles, Clark et al. (2010), PNAS 107, 14003-14007, smoothed and thinned to 0.05
#: electrons; beyond, a free molecule (O-H 0.9572 A, 104.52 degrees), which the measured values have come down to there.
_ROWS = (
    (0.0, 2.55), (0.032, 2.49), (0.056, 2.55), (0.074, 2.72), (0.089, 3.03), (0.1, 3.47), (0.11, 4.03),
    (0.118, 4.65), (0.136, 6.26), (0.146, 6.94), (0.15, 7.19), (0.155, 7.36), (0.16, 7.46), (0.165, 7.5),
    (0.17, 7.45), (0.176, 7.33), (0.194, 6.75), (0.201, 6.56), (0.225, 6.2), (0.235, 5.97), (0.248, 5.49),
    (0.269, 4.45), (0.277, 4.11), (0.286, 3.81), (0.297, 3.63), (0.311, 3.55), (0.353, 3.51), (0.373, 3.4),
    (0.397, 3.18), (0.451, 2.53), (0.481, 2.3), (0.557, 2.12), (0.651, 1.77), (0.7, 1.71), (0.8, 1.57),
    (0.9, 1.46), (1.0, 1.38), (1.2, 1.22), (1.4, 1.07), (1.6, 0.93), (2.0, 0.67),
)  # fmt: skip


def water() -> np.ndarray:
    """Rows s [1/A], F [electrons]."""
    return np.array(_ROWS)
