"""The yardstick: the loops of the C program written down in Numba as they are, pixel by pixel, with library sines.

Square crystal, nearest reflections from a table, flat detector, one wavelength at a time. It is given the arguments of
the real loops, so that both do the same job.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from nbnumba.kernels.arguments import Arguments


@numba.njit
def grating(x: float, n: float) -> float:
    """sin(pi n x)/sin(pi x), n at whole numbers."""
    return n if x == 0.0 or math.sin(math.pi * x) == 0.0 else math.sin(math.pi * n * x) / math.sin(math.pi * x)


@numba.njit
def index(u: np.ndarray, a: np.ndarray, qx: float, qy: float, qz: float) -> float:
    """Miller index: the axis a turned by u, times q."""
    x = u[0, 0] * a[0] + u[0, 1] * a[1] + u[0, 2] * a[2]
    y = u[1, 0] * a[0] + u[1, 1] * a[1] + u[1, 2] * a[2]
    z = u[2, 0] * a[0] + u[2, 1] * a[1] + u[2, 2] * a[2]
    return x * qx + y * qy + z * qz


@numba.njit(parallel=True)
def loops(
    vectors, pixel, close, incidents, waves, axis, kahn, cells, domains, counts, table, low, default, over, scale
):  # type: ignore[no-untyped-def]
    """Image [photons], float32."""
    image = np.zeros((counts[3], counts[4]), dtype=np.float32)
    for slow in numba.prange(image.shape[0]):
        for fast in range(image.shape[1]):
            total = 0.0
            for js in range(over):
                for jf in range(over):
                    f = pixel / over * (fast * over + jf + 0.5)
                    s = pixel / over * (slow * over + js + 0.5)
                    x = vectors[0, 0] + f * vectors[1, 0] + s * vectors[2, 0]
                    y = vectors[0, 1] + f * vectors[1, 1] + s * vectors[2, 1]
                    z = vectors[0, 2] + f * vectors[1, 2] + s * vectors[2, 2]
                    r = math.sqrt(x * x + y * y + z * z)
                    dx, dy, dz = x / r, y / r, z / r
                    omega = pixel * pixel / r / r * close / r
                    for n in range(incidents.shape[0]):
                        ix, iy, iz = incidents[n]
                        qx, qy, qz = (dx - ix) / waves[n], (dy - iy) / waves[n], (dz - iz) / waves[n]
                        c2 = ix * dx + iy * dy + iz * dz
                        bx, by, bz = (
                            axis[1] * iz - axis[2] * iy,
                            axis[2] * ix - axis[0] * iz,
                            axis[0] * iy - axis[1] * ix,
                        )
                        b = math.sqrt(bx * bx + by * by + bz * bz)
                        bx, by, bz = bx / b, by / b, bz / b
                        ex, ey, ez = iy * bz - iz * by, iz * bx - ix * bz, ix * by - iy * bx
                        e_in = dx * ex + dy * ey + dz * ez
                        b_in = dx * bx + dy * by + dz * bz
                        psi = -math.atan2(b_in, e_in)
                        polar = 0.5 * (1.0 + c2 * c2 - kahn * math.cos(2.0 * psi) * (1.0 - c2 * c2))
                        for phi in range(cells.shape[0]):
                            for m in range(domains.shape[0]):
                                h = index(domains[m], cells[phi, 0], qx, qy, qz)
                                k = index(domains[m], cells[phi, 1], qx, qy, qz)
                                l = index(domains[m], cells[phi, 2], qx, qy, qz)  # noqa: E741
                                lattice = grating(h, counts[0]) * grating(k, counts[1]) * grating(l, counts[2])
                                h0 = int(math.ceil(h - 0.5)) - low[0]
                                k0 = int(math.ceil(k - 0.5)) - low[1]
                                l0 = int(math.ceil(l - 0.5)) - low[2]
                                inside = (
                                    0 <= h0 < table.shape[0] and 0 <= k0 < table.shape[1] and 0 <= l0 < table.shape[2]
                                )
                                amplitude = table[h0, k0, l0] if inside else default
                                total += amplitude * amplitude * lattice * lattice * polar * omega
            image[slow, fast] = scale * total
    return image


def render(
    arguments: Arguments, shape: tuple[int, int], axis: tuple[float, float, float], default: float
) -> np.ndarray:
    """Image of packed arguments; ``axis`` is the polarization axis."""
    sheet, light, structure = arguments.sheet, arguments.illumination, arguments.structure
    size = [int(n) for n in structure[4:7]]
    table = structure.values.reshape(size)
    low = np.array(structure[1:4], dtype=np.int64)
    counts = np.array([*(int(n) for n in arguments.lattice[:3]), *shape], dtype=np.int64)
    return loops(
        sheet.vectors, sheet.pixel_size, sheet.close_distance, light.incident, light.wavelength, np.array(axis),
        light.kahn, arguments.orientations.cells, arguments.orientations.turns, counts, table, low, default,
        arguments.steps.oversample, arguments.scale,
    )  # fmt: skip
