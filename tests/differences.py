"""Derivatives of images by fourth-order central differences, in many kinds of experiments.

The differences are taken of sums in double precision. Where a step moves a point past a half-integer index, the nearest
reflection changes and the difference means nothing: those pixels are left out, and there are few of them.
"""

import warnings

import numpy as np
import scenes

import nbnumba as nb
from nbnumba.physics.lattice import SHAPES
from nbnumba.tracer.contributions import pixel_values

STEP, WAVELENGTH_STEP = 2e-4, 2e-5  # A, degrees, mm, 1/mm; small enough that few pixels change a reflection
RICH = {
    **scenes.RICH,
    "scan.start": 3.0,
    "beam.dispersion": 1.0,
    "beam.dispersion_steps": 2,
    "beam.polarization_axis": (0.3, 0.2, 1.0),
    "detector.rotation": (3.0, 4.0, 5.0),
    "detector.twotheta": 7.0,
}
KINDS = {
    **{name: {"crystal.shape": name} for name, shape in SHAPES.items() if not shape.edge},
    "broken": {"crystal.cells": (4.4, 3.1, 5.7)},
    "nearest": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "nearest"},
    "tricubic": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "tricubic"},
    "smooth tricubic": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "catmull-rom"},
    "star_tricubic": {
        "crystal.shape": "gauss_star",
        "crystal.reflections": scenes.TABLE,
        "crystal.interpolate": "tricubic",
    },
    "pixel": {"sampling.solid_angle": "pixel", "sampling.polarization": "pixel"},
    "points": {"detector.point_pixels": True},
    "curved": {"detector.curvature": "spherical"},
    "xds": {"detector.convention": "xds", "beam.polarization_axis": None},
    "denzo": {"detector.convention": "denzo", "detector.pivot": "sample"},
    "oriented": {
        "crystal.orientation": tuple(map(tuple, scenes.still().crystal.axes.tolist())),
        "crystal.misset": (1, 2, 3),
    },
}


def values(experiment, pixels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nb.NbnumbaWarning)
        return pixel_values(experiment, pixels)


def nearest(experiment, pixels):
    """Which reflections, and which cells of the interpolation, each step of a few pixels takes."""
    found = [nb.trace(experiment, *pixel).records for pixel in pixels]
    names = ("h0", "k0", "l0")
    floors = [[np.floor(r[x]) for x in "hkl"] for r in found] if experiment.crystal.interpolates else []
    return np.array([[r[x] for x in names] for r in found]), np.array(floors)


def worst(experiment, name, derivative, pixels):
    """Largest error of a derivative, as a fraction of the largest, and the share of pixels that count."""
    h, value = WAVELENGTH_STEP if name == "wavelength" else STEP, experiment.parameters()[name]
    moved = [experiment.with_parameters(**{name: value + n * h}) for n in (-2, -1, 1, 2)]
    f = [values(e, pixels) for e in moved]
    expected = (f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / (12.0 * h)
    ends = [nearest(e, pixels) for e in (moved[0], moved[-1])]
    same = (ends[0][0] == ends[1][0]).all(axis=(1, 2))
    if experiment.crystal.interpolates:
        same &= (ends[0][1] == ends[1][1]).all(axis=(1, 2))
    assert np.abs(expected[same]).max() > 0.0, name
    return np.abs(expected - derivative)[same].max() / np.abs(expected[same]).max(), same.mean()
