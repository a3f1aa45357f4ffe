"""Kinds of extreme experiments: what else there is to draw, and the judgement of one draw."""

import re
import warnings
from typing import Any, NamedTuple

import extremes
import numpy as np
import scenes
from extremes import between, chance
from strange import strange

import nbnumba as nb

LARGEST = float(np.finfo(np.float32).max)
COMPACT = ("round", "gauss", "tophat", "lorentz")


# --- twists: an experiment, changed ----------------------------------------------------------------------------------


def tilted(rng, found):
    """An outline that lies askew to the axes."""
    turn = scenes.random_rotation(rng)
    matrix = turn.T @ np.diag([between(rng, 1.001, 1e6) for _ in "abc"]) @ turn
    return found.replace(**{"crystal.cells": tuple(map(tuple, ((matrix + matrix.T) / 2.0).tolist()))})


def own(rng, found):
    """Domains in the crystal's own frame, with cells of their own."""

    def one_or_three(low, high):
        return between(rng, low, high) if chance(rng, 0.3) else tuple(between(rng, low, high) for _ in "abc")

    mosaic = nb.Mosaic(
        spread=one_or_three(1e-6, 180.0), cell_spread=one_or_three(1e-6, 10.0) if chance(rng, 0.7) else 0.0,
        domains=int(rng.integers(1, 6)), seed=int(rng.integers(1, 10**9)),
        distribution=str(rng.choice(["nanobragg", "gaussian"])),
    )  # fmt: skip
    return found.replace(**{"crystal.mosaic": mosaic})


def curved(rng, found):
    return found.replace(**{"detector.curvature": str(rng.choice(["spherical", "nanobragg"]))})


def panelled(rng, found):
    """Panels anywhere around the sample, some almost along the beam."""

    def panel():
        fast, slow, normal = scenes.random_rotation(rng)
        if chance(rng, 0.3):
            along = between(rng, 1e-6, 1.0)  # of the normal, along the beam: the panel lies along it
            slow = np.array([1.0, 0.0, 0.0]) + along * rng.normal(size=3)
            slow /= np.linalg.norm(slow)
            fast = np.cross(slow, rng.normal(size=3))
            fast /= np.linalg.norm(fast)
            normal = np.cross(fast, slow)
        offsets = rng.choice([-1.0, 1.0], 2) * [between(rng, 1e-3, 1e4) for _ in "fs"]
        origin = between(rng, 1.0, 1e5) * normal + offsets @ np.array([fast, slow])
        pixels = tuple(rng.integers(2, 6, 2).tolist())
        return nb.Panel(pixels=pixels, origin=tuple(origin), fast=tuple(fast), slow=tuple(slow))

    d = found.detector
    return found.replace(
        detector=nb.Detector(
            panels=tuple(panel() for _ in range(rng.integers(1, 4))), pixel_size=d.pixel_size,
            point_pixels=d.point_pixels, sensor_thickness=d.sensor_thickness, sensor_mu=d.sensor_mu,
        )
    )  # fmt: skip


def divergent(rng, found):
    """Directions and wavelengths on grids."""
    changes = {"beam.sources": None, "beam.round_divergence": chance(rng, 0.5)}
    widths = [between(rng, 1e-6, 1e3) if chance(rng, 0.7) else 0.0 for _ in "hv"]
    changes["beam.divergence"] = tuple(widths)
    changes["beam.divergence_steps"] = tuple(int(rng.integers(2, 5)) if width else 1 for width in widths)
    changes["beam.divergence_profile"] = str(rng.choice(["uniform", "gaussian"]))
    if chance(rng, 0.4):
        x = np.sort(found.beam.wavelength * np.exp(rng.uniform(-1.0, 1.0, 6)))
        w = [between(rng, 1e-9, 1.0) if chance(rng, 0.8) else 0.0 for _ in x[1:]]
        changes["beam.spectrum"] = nb.Spectrum(tuple(x.tolist()), (1.0, *w))
        changes["beam.spectrum_steps"] = int(rng.integers(1, 7)) if chance(rng, 0.5) else None
        changes["beam.wavelength"] = None
    elif chance(rng, 0.7):
        changes["beam.dispersion"] = between(rng, 1e-6, 59.0)
        changes["beam.dispersion_steps"] = int(rng.integers(2, 5))
        changes["beam.dispersion_profile"] = str(rng.choice(["uniform", "gaussian"]))
    return found.replace(**changes)


def polarized(rng, found):
    """By Stokes parameters of any size."""
    s = rng.normal(size=3)
    s *= rng.choice([0.0, 1.0, rng.uniform()]) / np.linalg.norm(s) * (1.0 - 1e-12)
    stokes = between(rng, 1e-100, 1e100) * np.array([1.0, *s])
    axis = tuple(rng.normal(size=3).tolist()) if chance(rng, 0.5) else None
    return found.replace(
        **{"beam.stokes": tuple(stokes.tolist()), "beam.polarized": True, "beam.polarization_axis": axis}
    )


def framed(rng, found):
    """In the frame of any convention, with a beam and a spindle askew to its axes."""
    convention = str(rng.choice([name for name in scenes.CONVENTIONS if name != "custom"]))
    beam = nb.Detector(pixels=(2, 2), pixel_size=1.0, convention=convention).frame.beam
    changes = {"detector.convention": convention, "detector.beam_center": None}
    if chance(rng, 0.7):
        changes["beam.direction"] = scenes.turned(beam, rng, between(rng, 1e-9, 1.0))
    if found.scan is not None and chance(rng, 0.7):
        changes["scan.axis"] = tuple(rng.normal(size=3).tolist())
    if chance(rng, 0.5):
        changes["detector.rotation"] = tuple((rng.normal(size=3) * between(rng, 1e-6, 60.0)).tolist())
    return found.replace(**changes)


def finely(rng, found):
    """Many sub-pixels and layers."""
    changes = {"sampling.oversample": int(rng.integers(3, 6)), "sampling.layers": int(rng.integers(1, 9))}
    if chance(rng, 0.7):
        changes["detector.sensor_thickness"] = between(rng, 1e-4, 100.0)
        changes["detector.sensor_mu"] = between(rng, 1e-4, 1e4)
    return found.replace(**changes)


def crowded(rng, found):
    """Several lattices, of two outlines."""
    others = [extremes.crystal(rng, str(rng.choice(["square", "gauss"]))) for _ in range(rng.integers(1, 3))]
    return found.replace(lattices=others)


def turning(rng, found):
    """A spindle that has made up to 10^5 turns, and an image of as many."""
    start, width = (float(rng.choice([-1.0, 1.0])) * between(rng, 1e-6, 3.6e7) for _ in "sw")
    return found.replace(scan=nb.Scan(start=start, width=width, steps=int(rng.integers(1, 9))))


def spectral(rng, found):
    """Reflections for each of some wavelengths."""
    several = [extremes.reflections(rng, found) for _ in range(3)]
    near = [found.sources.rows[0][4] * factor for factor in np.exp(rng.uniform(-0.3, 0.3, 3))]
    return found.replace(
        **{
            "crystal.reflections": nb.SpectralReflections(tuple(near), tuple(several)),
            "sampling.polarization": "subpixel",
        }
    )


def anything(*twists):
    """Each of some twists, with an even chance."""

    def twist(rng, found):
        for one in twists:
            found = one(rng, found) if chance(rng, 0.5) else found
        return found

    return twist


class Kind(NamedTuple):
    """What is drawn together."""

    shapes: tuple[str, ...] = ("square",)
    structure: str = "uniform"
    twists: tuple = ()
    precision: str = "double"
    last: Any = None  # twist of what is aimed
    strange: bool = False


MOST = (divergent, polarized, framed, finely, turning)
KINDS = {
    "lorentz": Kind(("lorentz",)),
    "tilted outlines": Kind(COMPACT, "uniform", (tilted,)),
    "tilted outlines, table": Kind(("gauss", "lorentz"), "nearest", (tilted,)),
    "own domains": Kind(("square", "gauss", "lorentz"), "uniform", (own,)),
    "interpolated": Kind(("square", "gauss"), "tricubic"),
    "interpolated, mixed": Kind(("square",), "tricubic", (), "mixed"),
    "curved": Kind(("square", "gauss", "lorentz"), "uniform", (curved,)),
    "panels": Kind(("square", "gauss", "lorentz"), "uniform", (panelled,)),
    "divergent": Kind(("square", "gauss"), "uniform", (divergent,)),
    "polarized": Kind(("square",), "uniform", (polarized,)),
    "frames": Kind(("square",), "uniform", (framed,)),
    "fine": Kind(("square", "tophat"), "uniform", (finely,)),
    "crowded": Kind(("square", "gauss"), "uniform", (crowded,)),
    "turning": Kind(("square",), "uniform", (turning,)),
    "spectral": Kind(("square",), last=spectral),
    "all, flat": Kind(("square", "gauss", "lorentz"), "uniform", (anything(*MOST, own),)),
    "all, curved": Kind(("square",), "uniform", (curved, anything(*MOST))),
    "all, panels": Kind(("square",), "nearest", (panelled, anything(divergent, polarized, finely, turning, own))),
    "all, interpolated": Kind(("square",), "tricubic", (anything(*MOST, own),)),
    "all, mixed": Kind(("square",), "uniform", (anything(*MOST, own, panelled),), "mixed"),
    "strange": Kind(strange=True),
    "strange, others": Kind(("square", "gauss", "lorentz", "gauss_star"), strange=True),
    "mixed, gauss and lorentz": Kind(("gauss", "lorentz"), "uniform", (anything(*MOST),), "mixed"),
}  # fmt: skip


# --- a draw ----------------------------------------------------------------------------------------------------------


class Drawn(NamedTuple):
    """What became of one draw."""

    worst: float  # largest error over its bound
    lit: bool
    beyond: bool = False  # what float32 holds


def drawn(name, seed):
    """The first experiment of a seed that is not refused, and how many were.

    Errors have to say what is allowed, or what to do.
    """
    rng, refused = np.random.default_rng([list(KINDS).index(name), seed]), 0
    while True:
        try:
            return one(KINDS[name], rng), refused
        except nb.NbnumbaError as error:
            if not re.search("allowed|give|use more steps", str(error)):
                raise
            refused += 1


def one(kind, rng):
    """An experiment of a kind."""
    if kind.strange:
        return strange(rng, kind.shapes)
    found = extremes.experiment(rng, str(rng.choice(kind.shapes)), kind.structure, *kind.twists)
    return kind.last(rng, found) if kind.last else found


def simulate(found, precision):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the image is zero|.* points of the sum lie too close", nb.NbnumbaWarning)
        return nb.simulate(found, precision=precision)


def judged(found, precision):
    """How far an image is from the truth, in units of the bound."""
    expected, bound = extremes.truth(found, precision)
    try:
        image = simulate(found, precision)
    except nb.NbnumbaError as error:
        # Mixed precision overflows earlier: an amplitude alone may not be squared.
        if "beyond float32" in str(error) and (precision == "mixed" or expected.max() > LARGEST):
            return Drawn(0.0, True, True)
        raise
    assert np.isfinite(image).all()
    assert expected.max() <= LARGEST * (1.0 + 1e-6), "an overflow that was not told"
    return Drawn(float((np.abs(image - expected) / bound).max()), bool(image.max() > 0.0))
