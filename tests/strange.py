"""Experiments whose numbers are valid, but from the far ends of all that a person may give, a few at a time."""

import extremes
import numpy as np
import scenes
from extremes import between, chance

import nbnumba as nb

#: Numbers that no experiment holds, as those of a program gone astray, and some that are refused.
VAST = (0.0, 5e-324, 1e-308, 1e-300, 1e-200, 1e-160, 1e-100, 1e-45, 1e-38, 1e-20, 1e-9, 1e9, 1e20, 1e30, 1e38, 1e40)
TOO_VAST = (1e41, 1e100, 1e160, 1e200, 1e308)


def vast(rng, least=0):
    """One of them; with ``least`` 1, not 0."""
    return any_of(rng, *TOO_VAST) if chance(rng, 0.05) else any_of(rng, *VAST[least:])


def any_of(rng, *values):
    return values[int(rng.integers(len(values)))]


def sign(rng):
    return float(rng.choice([-1.0, 1.0]))


def flat_angles(rng):
    """Angles of a cell that is almost flat, or of one with an angle near 0 or 180."""
    if chance(rng, 0.5):
        return any_of(
            rng, (1.0, 1.0, 1.0), (90.0, 90.0, 1.0), (90.0, 90.0, 179.0), (179.0, 1.0, 179.0), (1.0, 90.0, 90.0),
            (119.99, 119.99, 119.99), (60.0, 60.0, 119.99), (90.0, 179.9, 90.0), (30.0, 60.0, 89.999),
            (0.5, 89.7, 89.9),
        )  # fmt: skip
    a, b = rng.uniform(1.0, 179.0, 2)
    c = any_of(rng, a + b, abs(a - b), 360.0 - a - b)
    return tuple(rng.permutation([a, b, c + sign(rng) * between(rng, 1e-12, 1.0)]).tolist())


def flat_axes(rng):
    """Axes that almost lie in a plane, of any size."""
    rows = scenes.random_rotation(rng) * [between(rng, 3.0, 300.0) for _ in "abc"]
    rows[2] = rng.normal(size=2) @ rows[:2] + between(rng, 1e-5, 1.0) * rows[2]
    return tuple(map(tuple, (rows * any_of(rng, 1.0, 1.0, 1.0, 1e-4, 1e6, 1e-100, 1e100)).tolist()))


def weights(rng, count):
    return [any_of(rng, 1.0, between(rng, 1e-9, 1.0), vast(rng)) for _ in range(count)]


def list_of_sources(rng):
    rows = []
    for weight in weights(rng, 3):
        towards = np.array(scenes.turned((-1.0, 0.0, 0.0), rng, 0.1)) * any_of(rng, 1.0, 1e-140, 1e140)
        rows.append((*towards.tolist(), weight, any_of(rng, 1.0, 1e-4, 1e4, between(rng, 1e-4, 1e4))))
    return nb.Sources(tuple(rows))


def spectrum(rng):
    return nb.Spectrum(tuple(np.exp(rng.uniform(-0.5, 0.5, 4)).tolist()), tuple(weights(rng, 4)))


def angle(rng):
    return sign(rng) * any_of(
        rng, 0.0, 1e-300, 1e-8, 90.0, 360.0, 720.0, 1e6, 12345678.9, 1e9, 1e22 if chance(rng, 0.5) else 0.1
    )


def flux(rng):
    return {"beam.flux": vast(rng), "beam.exposure": vast(rng, 1),
            "beam.size": any_of(rng, 0.1, vast(rng, 1)), "beam.profile": any_of(rng, "square", "gaussian")}  # fmt: skip


def stokes(rng):
    size = vast(rng, 1)
    return tuple((size * np.array([1.0, *rng.uniform(-0.57, 0.57, 3)])).tolist())


def table(rng):
    """A few reflections around the origin, of any amplitudes."""
    hkl = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    amplitudes = np.array([sign(rng) * any_of(rng, 1.0, vast(rng)) for _ in hkl]) if chance(rng, 0.5) else (
        np.full(len(hkl), vast(rng))
    )  # fmt: skip
    return nb.Reflections(hkl, amplitudes)


#: What there is to change, by name: one field or several.
CHANGES = {
    "angles": lambda rng: {"crystal.cell": (*(between(rng, 3.0, 300.0) for _ in "abc"), *flat_angles(rng))},
    "lengths": lambda rng: {"crystal.cell": (*(between(rng, 1e-3, 1e9) for _ in "abc"), 80.0, 95.0, 103.0)},
    "axes": lambda rng: {"crystal.orientation": flat_axes(rng)},
    "misset": lambda rng: {"crystal.misset": tuple(angle(rng) for _ in "xyz")},
    "cells": lambda rng: {"crystal.cells": tuple(between(rng, 1.0, 1e9) for _ in "abc")},
    "fudge": lambda rng: {"crystal.fudge": between(rng, 1e-12, 1e12)},
    "default_f": lambda rng: {"crystal.default_f": sign(rng) * vast(rng)},
    "table": lambda rng: {"crystal.reflections": table(rng)},
    "spot_scale": lambda rng: {"crystal.spot_scale": vast(rng)},
    "mosaic": lambda rng: {
        "crystal.mosaic.spread": any_of(rng, 5e-324, 1e-300, 1e-12, 180.0), "crystal.mosaic.domains": 3,
    },
    "own": lambda rng: {
        "crystal.mosaic.spread": (1e-300, 180.0, any_of(rng, 0.0, 1e-9)), "crystal.mosaic.domains": 3,
        "crystal.mosaic.cell_spread": any_of(rng, 0.0, 1e-300, 1e-9, 10.0),
    },
    "wavelength": lambda rng: {"beam.wavelength": between(rng, 1e-4, 1e4)},
    "fluence": lambda rng: {"beam.fluence": any_of(rng, vast(rng), 1e80)},
    "flux": flux,
    "stokes": lambda rng: {"beam.stokes": stokes(rng)},
    "direction": lambda rng: {"beam.direction": (*np.array([1.0, 0.02, 0.01]) * any_of(rng, 1e-140, 1e140),)},
    "sources": lambda rng: {"beam.sources": list_of_sources(rng)},
    "spectrum": lambda rng: {
        "beam.spectrum": spectrum(rng), "beam.wavelength": None, "beam.spectrum_steps": any_of(rng, None, 1, 2, 3),
    },
    "divergence": lambda rng: {
        "beam.divergence": (any_of(rng, 5e-324, 1e-300, 1e-9, 1e3), 0.0), "beam.divergence_steps": (3, 1),
        "beam.round_divergence": chance(rng, 0.5),
    },
    "dispersion": lambda rng: {
        "beam.dispersion": any_of(rng, 5e-324, 1e-300, 1e-9, 60.0), "beam.dispersion_steps": 3,
    },
    "scan": lambda rng: {"scan": nb.Scan(start=angle(rng), width=angle(rng), steps=3)},
    "distance": lambda rng: {"detector.distance": between(rng, 1e-3, 1e9)},
    "pixel": lambda rng: {"detector.pixel_size": between(rng, 1e-6, 1e6)},
    "centre": lambda rng: {"detector.beam_center": tuple(sign(rng) * between(rng, 1e-9, 1e9) for _ in "xy")},
    "rotation": lambda rng: {"detector.rotation": tuple(angle(rng) for _ in "xyz"), "detector.twotheta": angle(rng)},
    "sensor": lambda rng: {
        "detector.sensor_thickness": between(rng, 1e-9, 1e6), "detector.sensor_mu": between(rng, 1e-9, 1e9),
        "sampling.layers": int(rng.integers(1, 4)),
    },
    "points": lambda rng: {"detector.point_pixels": True},
    "curvature": lambda rng: {"detector.curvature": any_of(rng, "spherical", "nanobragg")},
    "dmin": lambda rng: {"sampling.dmin": vast(rng)},
}  # fmt: skip


def strange(rng, shapes):
    """An experiment with some of the changes; `nb.NbnumbaError` where it is refused."""
    names = rng.choice(list(CHANGES), size=int(rng.integers(1, 5)), replace=False).tolist()
    changes = {"detector.pixels": (3, 4), "detector.pixel_size": 9.0, "crystal.shape": any_of(rng, *shapes)}
    changes["crystal.interpolate"] = any_of(rng, "nearest", "tricubic") if len(shapes) > 1 else "nearest"
    for name in names:
        changes |= CHANGES[name](rng)
    if changes.get("crystal.orientation"):
        changes["crystal.cell"] = None
    found = scenes.still(**changes)
    return extremes.aimed(rng, found) if chance(rng, 0.3) and "scan" not in names else found
