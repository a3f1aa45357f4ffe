"""Large numbers of steps: right, counted and in the memory that docs/limits.md promises; all of it takes two hours.

Run: python benchmarks/counts.py [PART ...]

many: 100,000 sources, 100,000 domains, and 300 of both, of several outlines, beside long doubles, with derivatives.
orientations, subpixels, pixels, corner, outside: more than 2^31 of them in a pixel, in an image, of pixels, or
of points out of a table.
memory: bytes for a domain, a step of the scan and a source, by VmHWM.
Exit code 1 where a figure is off.
"""

import argparse
import itertools
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import extremes
import oracle
import scenes

import nbnumba as nb
from nbnumba.report import image_report

MANY = 100_000
SEVERAL = 300
ROOT = 46_341  # whose square is more than 2^31
SHAPES = ("square", "round", "gauss", "tophat", "lorentz", "gauss_star", "tophat_star")
FEW = {"detector.pixels": (4, 4), "detector.pixel_size": 3.0}
faults = 0


def main() -> int:
    """Run the parts that are asked for."""
    parts = {f.__name__: f for f in (many, orientations, subpixels, pixels, corner, outside, memory)}
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("part", nargs="*", choices=[[], *parts], default=[])
    for name in words.parse_args().part or parts:
        parts[name]()
    return int(faults > 0)


def tell(what, value, bound, start):
    """A figure beside its bound."""
    global faults
    faults += not value <= bound
    print(f"{what:58s} {value:10.3g} of {bound:8.3g}  {time.perf_counter() - start:6.0f} s", flush=True)


# --- beside long doubles ---------------------------------------------------------------------------------------------


def sources_of(count):
    rng = np.random.default_rng(1)
    across, weights = rng.normal(0.0, 3e-3, (count, 2)), rng.uniform(0.1, 1.0, count)
    lines = 1.0 + rng.normal(0.0, 3e-3, count)
    rows = zip(across.tolist(), weights.tolist(), lines.tolist(), strict=True)
    return nb.Sources(tuple((-1.0, *yz, weight, wavelength) for yz, weight, wavelength in rows))


def domains(count):
    return {"crystal.mosaic.spread": 3.0, "crystal.mosaic.domains": count}


CASES = {
    "domains": domains(MANY),
    "sources": {"beam.sources": sources_of(MANY)},
    "sources x domains": {"beam.sources": sources_of(SEVERAL), **domains(SEVERAL)},
}
#: Parameters whose derivatives are looked at; central differences of long doubles take minutes.
SLOPES = {
    ("domains", "square"): ("misset_y", "cell_b", "distance", "cells_b"), ("domains", "gauss"): ("misset_y",),
    ("sources", "square"): ("misset_y",), ("sources x domains", "lorentz"): ("misset_y", "distance"),
}  # fmt: skip


def many():
    """Images in units of the bound, in mixed precision in parts of the maximum, and derivatives."""
    for shape in SHAPES:
        for name, changes in CASES.items():
            found, start = scenes.still(**{**FEW, "crystal.shape": shape, **changes}), time.perf_counter()
            expected, bound = extremes.truth(found)
            assert expected.max() > 0.0
            tell(f"{name}, {shape}", np.abs((nb.simulate(found) - expected) / bound).max(), 1.0, start)
            rough = np.abs(nb.simulate(found, precision="mixed") - expected).max() / expected.max()
            tell(f"{name}, {shape}, mixed, of the maximum", float(rough), 1e-6, start)
            if (name, shape) in SLOPES:
                slopes(name, shape, found)


def slopes(name, shape, found):
    """Derivatives beside central differences of long doubles, in parts of the largest."""
    found = found.replace(**{"crystal.cells": (4.0, 3.0, 5.0)})
    got, e, start = nb.jacobian(found, SLOPES[name, shape])[1], scenes.describe(found), time.perf_counter()
    for parameter in SLOPES[name, shape]:
        value, change = extremes.PLACES[parameter]
        with oracle.extended():
            # Short, as shapes with tails have a kink halfway between reflections.
            step = {"misset_y": 1e-6, "cell_b": 1e-6, "distance": 1e-5, "cells_b": 1e-6}[parameter]
            images = [oracle.render(change(e, oracle.REAL(value(e)) + i * step)) for i in (-2, -1, 1, 2)]
        expected = (images[0] - 8.0 * images[1] + 8.0 * images[2] - images[3]) / (12.0 * step)
        rough = np.abs(got[parameter] - expected).max() / np.abs(expected).max()
        tell(f"{name}, {shape}, by {parameter}, of the largest", float(rough), 2e-7, start)


# --- more than 2^31 --------------------------------------------------------------------------------------------------


def orientations():
    """46,341 steps of the scan x 46,341 domains in each of 64 pixels; the brightest also by NumPy, in doubles."""
    turning = nb.Scan(start=3.0, width=5.0, steps=ROOT)
    found = scenes.still(
        **{**domains(ROOT), "crystal.mosaic.spread": 0.3, "scan": turning, "detector.pixels": (1, 64)}
    )  # fmt: skip
    assert found.steps_per_pixel == ROOT**2 > 2**31
    start = time.perf_counter()
    image = nb.simulate(found)
    brightest = int(image[0].argmax())
    expected = one_pixel(found, brightest)
    tell("orientations, the brightest pixel, relative", abs(image[0, brightest] / expected - 1.0), 3e-7, start)


def one_pixel(found, fast):
    """A pixel, summed by NumPy over the scan for one domain at a time."""
    e = scenes.describe(found)
    place = oracle.Detector(e).positions(1, 0, 0, 0.0)[0, fast]
    d, (towards, _, wavelength) = place / np.linalg.norm(place), oracle.sources_of(e)[0]
    q = (d + towards) / wavelength
    scan = np.array(oracle.spindle_rotations(e))  # (phi, 3, 3)
    axes = (scan @ oracle.real_basis(e["crystal"]).T).transpose(0, 2, 1).reshape(-1, 3)  # rows a, b, c of all steps
    mosaic, total = e["crystal"]["mosaic"], 0.0
    turns = oracle.mosaic_rotations(mosaic, mosaic["domains"], oracle.radians(mosaic["spread"]))
    turns[0] = np.eye(3)
    for turn in turns:
        hkl = (axes @ (turn.T @ q)).reshape(-1, 3)
        dh = hkl - np.rint(hkl)
        gratings = np.sin(np.pi * np.array(found.crystal.cells) * dh) / np.sin(np.pi * dh)
        total += float((gratings.prod(axis=1) ** 2).sum())
    polar = oracle.polarization_factor(e["beam"], oracle.polarization_vector(e), -towards, d[None, None])[0, 0]
    omega = oracle.Detector(e).solid_angle(place)
    scale = oracle.CLASSICAL_RADIUS_SQUARED * oracle.fluence_of(e) * e["crystal"]["default_f"] ** 2
    return scale * total / len(scan) / len(turns) * polar * omega


def subpixels():
    """40 layers x 50 x 50 sub-pixels x 100 lines x 215 domains in each of 64 pixels; of one cell, all are alike."""
    lines = nb.Spectrum(tuple(np.linspace(0.9, 1.1, 100).tolist()), (1.0,) * 100)
    found = scenes.still(
        **{
            "crystal.cells": 1.0, "beam.wavelength": None, "beam.spectrum": lines, "beam.polarized": False,
            "sampling.oversample": 50, "sampling.layers": 40, "detector.pixels": (1, 64), **domains(215),
            "detector.sensor_thickness": 0.5, "detector.sensor_mu": 2.0,
        }
    )  # fmt: skip
    assert found.steps_per_pixel > 2**31
    start, e = time.perf_counter(), scenes.describe(found)
    detector, total = oracle.Detector(e), 0.0
    at = (np.arange(64 * 50) + 0.5) / 50.0 * detector.pixel
    for layer, row in itertools.product(range(40), range(50)):
        depth = layer * detector.thickness / 40
        place = detector.origin + at[:, None] * detector.fast + at[row] * detector.slow + depth * detector.normal
        ray = place / np.linalg.norm(place, axis=1, keepdims=True)
        total = total + (detector.solid_angle(place) * detector.capture(ray, layer, 40)).reshape(64, 50).sum(axis=1)
    scale = oracle.CLASSICAL_RADIUS_SQUARED * oracle.fluence_of(e) * found.crystal.default_f**2
    tell("sub-pixels, relative", np.abs(nb.simulate(found) / (scale * total / 2500) - 1.0).max(), 3e-7, start)


def pixels():
    """3000 x 3000 pixels x 300 domains; 200 of the pixels beside the oracle."""
    found = scenes.still(
        **{
            **domains(SEVERAL),
            "crystal.mosaic.spread": 0.3,
            "detector.pixels": (3000, 3000),
            "detector.pixel_size": 0.02,
        }
    )
    assert found.pixels_rendered * found.steps_per_pixel > 2**31
    start, rng = time.perf_counter(), np.random.default_rng(1)
    image, away = nb.simulate(found), 0.0
    for _ in range(50):
        slow, fast = rng.integers(0, 2998, 2)
        expected = oracle.render(last(scenes.describe(found), slow, fast, (2, 2)))
        away = max(away, np.abs(image[slow : slow + 2, fast : fast + 2] - expected).max() / image.max())
    tell("pixels, of the maximum", float(away), 1e-7, start)
    report = image_report(found, image, 1.0)
    tell("pixels, steps in the report", abs(report["steps"] - 27 * 10**8), 0, start)


def outside():
    """Points that could not be interpolated, of an image of 3000 x 3000 pixels x 300 domains: all of them."""
    few = nb.Reflections([(0, 0, 0), (1, 1, 1)], [50.0, 60.0])
    found = scenes.still(
        **{**domains(SEVERAL), "detector.pixels": (3000, 3000), "detector.pixel_size": 0.02,
           "crystal.reflections": few, "crystal.interpolate": "tricubic"}
    )  # fmt: skip
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        nb.simulate(found)
    count = int(str(told[-1].message).split()[0])
    tell("outside, points that were not counted", abs(count - 27 * 10**8), 0, start)


def corner():
    """The last pixels of an image of 2.5 10^9, which is made where memory is promised before it is there."""
    whole = scenes.still(**{"detector.pixels": (50_000, 50_000), "detector.pixel_size": 0.1,
                            "detector.roi": ((49_994, 50_000), (49_993, 50_000))})  # fmt: skip
    start, e = time.perf_counter(), scenes.describe(whole)
    image = nb.simulate(whole)[49_994:, 49_993:]
    expected = oracle.render(last(e, 49_994, 49_993, (6, 7)))
    tell("corner, of the maximum", float(np.abs(image - expected).max() / expected.max()), 1e-7, start)


def last(e, slow, fast, size):
    """The description with some pixels of the detector alone."""
    whole = oracle.Detector(e)
    corner = whole.origin + (slow * whole.slow + fast * whole.fast) * whole.pixel
    few = {"pixels": size, "roi": None, "pivot": "sample", "convention": "custom", "beam_center": None}
    few |= {"closest_point": (-corner @ whole.fast, -corner @ whole.slow), "close_distance": whole.close_distance}
    return {**e, "detector": {**e["detector"], **few}}


# --- memory ----------------------------------------------------------------------------------------------------------

PEAK = """
import re, sys
sys.path[:0] = [{tests!r}, {here!r}]
import scenes, counts, nbnumba as nb
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
few = {{"detector.pixels": (2, 2)}}
work = lambda changes: {work}
small, large = [{{**few, **counts.large({kind!r}, n)}} for n in (10, {count})]
work(scenes.still(**small))
before = peak()
work(scenes.still(**large))
print((peak() - before) / {count})
"""
WORK = {"image": "nb.simulate(changes)", "derivatives": 'nb.jacobian(changes, ("misset_x", "cell_a"))'}
PROMISED = {"domains": 650, "scan": 780, "sources": 740}


def large(kind, count):
    if kind == "domains":
        return domains(count)
    return {"beam.sources": sources_of(count)} if kind == "sources" else {"scan": nb.Scan(width=9.0, steps=count)}


def memory():
    """Bytes that each of 100,000 takes at the peak, in a process of its own."""
    here = Path(__file__).parent
    for work, text in WORK.items():
        for kind, promised in PROMISED.items():
            start = time.perf_counter()
            code = PEAK.format(tests=str(here.parent / "tests"), here=str(here), work=text, kind=kind, count=MANY)
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
            )
            tell(
                f"memory, {work}, bytes for each of {kind}",
                float(done.stdout),
                1.05 * promised if work == "image" else 1e9,
                start,
            )


if __name__ == "__main__":
    sys.exit(main())
