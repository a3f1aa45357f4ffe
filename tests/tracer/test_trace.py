"""Every number inside a pixel: the steps add up to the image, and are what plain Python makes of them."""

import csv
import json
import math
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
import scenes
from hypothesis import given, seed, settings
from slow import few

import nbnumba as nb
from nbnumba import _run
from nbnumba.kernels import cpu
from nbnumba.kernels.pack import pack
from nbnumba.physics.lattice import SHAPES
from nbnumba.physics.structure_factor import lagrange
from nbnumba.tracer.quantities import QUANTITIES, equation, implementation, origin
from nbnumba.tracer.step import Step

KINDS = [
    ("square", "uniform", "flat"),
    ("square", "tricubic", "flat"),
    ("square", "nearest", "curved"),
    ("round", "nearest", "flat"),
    ("gauss", "uniform", "flat"),
    ("gauss_star", "nearest", "flat"),
    ("tophat_star", "uniform", "flat"),
    *scenes.others("square", "round", "gauss", "gauss_star", "tophat", "tophat_star"),
]


def rendered(experiment):
    """The image of the loops, before it is rounded to single precision."""
    image = np.zeros(experiment.detector.pixels)
    cpu.render(pack(experiment), image, *experiment.detector.region[0])
    return image


def places(experiment):
    """The brightest pixel, and two more of those that are rendered."""
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    allowed = np.zeros(experiment.detector.pixels, dtype=bool)
    allowed[slow_start:slow_stop, fast_start:fast_stop] = True
    if experiment.detector.mask is not None:
        allowed &= experiment.detector.mask.pixels
    image = rendered(experiment)
    brightest = np.unravel_index(image.argmax(), image.shape)
    return image, [brightest, *np.random.default_rng(3).permutation(np.argwhere(allowed))[:2]]


@pytest.mark.parametrize(("shape", "structure", "curvature"), few(KINDS, [KINDS[1], KINDS[2]]))
def test_the_steps_add_up_to_the_pixel(shape, structure, curvature):
    @seed(zlib.crc32(f"{shape} {structure} {curvature}".encode()))
    @settings(max_examples=25)
    @given(scenes.experiments(shape, structure, curvature))
    def check(experiment):
        image, pixels = places(experiment)
        for slow, fast in pixels:
            traced = nb.trace(experiment, int(slow), int(fast))
            assert len(traced) == experiment.steps_per_pixel
            assert traced.value == pytest.approx(image[slow, fast], rel=1e-12, abs=0)
            assert traced.records["term"].sum() == pytest.approx(traced.value, rel=1e-12)
            assert traced.records["sum"][-1] == traced.value

    check()


def leaves(step):
    for value in step:
        if isinstance(value, tuple):
            yield from leaves(value)
        else:
            yield value


@pytest.mark.parametrize(
    "changes",
    [
        scenes.RICH,
        {**scenes.RICH, "crystal.reflections": scenes.TABLE, "crystal.interpolate": "tricubic"},
        {"detector.curvature": "spherical", "crystal.reflections": scenes.TABLE, "sampling.dmin": 2.0},
        {"crystal.shape": "round", "sampling.solid_angle": "pixel", "sampling.polarization": "pixel", **scenes.RICH},
    ],
    ids=["many", "tricubic", "curved", "pixel"],
)
def test_walking_gives_the_records(changes):
    experiment = scenes.still(**changes)
    traced, steps = nb.trace(experiment, 4, 9), list(nb.walk(experiment, 4, 9))
    assert len(steps) == len(traced)
    flat = traced.flat(list(QUANTITIES))
    np.testing.assert_allclose(
        [list(leaves(step)) for step in steps],
        np.column_stack(list(flat.values())).astype(float),
        rtol=1e-9,
        atol=1e-12,
    )
    assert {type(x) for step in steps for x in leaves(step)} <= {int, float, bool}


def test_records_say_what_they_hold():
    experiment = scenes.still(**scenes.RICH)
    record = nb.trace(experiment, 4, 9).records[17]
    assert record["distance"] == pytest.approx(np.linalg.norm(record["position"]))
    np.testing.assert_allclose(record["position"], record["distance"] * record["direction"])
    np.testing.assert_allclose(record["q"], (record["direction"] - record["incident"]) / record["wavelength"])
    assert record["resolution"] == pytest.approx(1.0 / np.linalg.norm(record["q"]))
    np.testing.assert_allclose(record["axes"] @ record["q"], [record[x] for x in "hkl"])
    assert record["dh"] == pytest.approx(record["h"] - record["h0"])
    assert abs(math.prod(record["f_latt_along"])) == pytest.approx(abs(record["f_latt"]))


@pytest.mark.parametrize("shape", SHAPES)
def test_records_carry_derivatives(shape):
    """Of the term by the numbers of cells, by differences; those by h, k, l add up to that by the wavelength."""
    changes = {"crystal.shape": shape, "crystal.reflections": scenes.TABLE, "crystal.interpolate": "tricubic"}
    experiment, h = scenes.still(**changes, **{"beam.polarized": False}), 1e-4
    record = nb.trace(experiment, 6, 9).records[0]
    moved = [nb.trace(experiment.with_parameters(cells_b=3.0 + n * h), 6, 9).value for n in (-2, -1, 1, 2)]
    expected = (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * h)
    assert record["term_by_cells"][1] == pytest.approx(expected, rel=1e-6, abs=1e-12)
    h = 1e-5
    moved = [nb.trace(experiment.with_parameters(wavelength=1.03 + n * h), 6, 9).value for n in (-2, -1, 1, 2)]
    expected = (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * h)
    assert -(record["term_by_hkl"] @ [record[x] for x in "hkl"]) / 1.03 == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_neighbours_are_the_reflections_around():
    experiment = scenes.still(**{"crystal.reflections": scenes.TABLE, "crystal.interpolate": "tricubic"})
    record = nb.trace(experiment, 6, 9).records[0]
    known = {tuple(hkl): f for hkl, f in zip(scenes.TABLE.hkl.tolist(), scenes.TABLE.amplitude.tolist(), strict=True)}
    low = [math.floor(record[x]) - 1 for x in "hkl"]
    for place in np.ndindex(4, 4, 4):
        assert record["neighbours"][place] == known[tuple(int(a + b) for a, b in zip(low, place, strict=True))]
    assert record["covered"]
    weights = [np.array(lagrange(record[x] - math.floor(record[x]))) for x in "hkl"]
    assert np.einsum("i,j,k,ijk", *weights, record["neighbours"]) == pytest.approx(record["f_cell"], rel=1e-12)
    assert "neighbours" not in nb.trace(scenes.still(), 6, 9).records.dtype.names


def test_steps_beyond_the_resolution_limit_add_nothing():
    traced = nb.trace(scenes.still(**{"sampling.dmin": 50.0}), 1, 1)
    assert traced.records["beyond_dmin"].all()
    assert traced.value == 0.0


@pytest.mark.parametrize("shape", ["square", "gauss"])
def test_repeated_sources_and_orientations_keep_their_steps(shape):
    one = (-1.0, 0.0, 0.0, 1.0, 1.03)
    repeated = {"beam.sources": nb.Sources((one, one)), "scan.steps": 3, "scan.width": 0.0}
    experiment = scenes.still(**repeated, **{"crystal.shape": shape, "crystal.cells": (7, 6, 8)})
    traced = nb.trace(experiment, np.int64(5), np.int64(5))
    assert len(traced) == 6
    assert traced.value == pytest.approx(rendered(experiment)[5, 5], rel=1e-12)
    assert traced.arguments.lattice == pack(experiment).lattice


def test_many_steps_are_those_of_few(monkeypatch):
    """Few steps are done by plain Python, many by compiled loops, which may round otherwise."""
    experiment = scenes.still(**scenes.RICH)
    plain, lit = nb.trace(experiment, 4, 9), nb.contributions(experiment, ((4, 5), (9, 10)))
    assert len(plain) <= _run.FEW
    monkeypatch.setattr(_run, "FEW", 0)
    compiled = nb.trace(experiment, 4, 9)
    assert compiled.value == pytest.approx(plain.value, rel=1e-12)
    for name in plain.records.dtype.names:
        np.testing.assert_allclose(compiled.records[name], plain.records[name], rtol=1e-9, atol=1e-12, err_msg=name)
    again = nb.contributions(experiment, ((4, 5), (9, 10)))
    np.testing.assert_array_equal(again[["h", "k", "l"]], lit[["h", "k", "l"]])
    np.testing.assert_allclose(again["photons"], lit["photons"], rtol=1e-12)


def test_questions_have_answers():
    traced = nb.trace(scenes.still(**scenes.RICH), 4, 9)
    top = traced.top(5)
    assert len(top) == 5
    assert (np.diff(top.records["term"]) <= 0.0).all()
    assert top.records["term"][0] == traced.records["term"].max()
    for name, lengths in {"domain": 3, "source": 4, "phi": 2, "layer": 2, "subpixel": 4}.items():
        sums = traced.by(name)
        assert len(sums) == lengths
        assert sums["photons"].sum() == pytest.approx(traced.value)
        assert sums["share"].sum() == pytest.approx(1.0)
    hkl = [int(traced.top(1).records[x][0]) for x in ("h0", "k0", "l0")]
    lit = traced.reflection(*hkl)
    assert 0 < len(lit) <= len(traced)
    assert len(traced.reflection(99, 0, 0)) == 0
    with pytest.raises(nb.NbnumbaError, match="by: found 'colour'; allowed: layer"):
        traced.by("colour")
    with pytest.raises(nb.NbnumbaError, match="columns: found 'colour'; allowed: layer"):
        traced.table(["colour"])
    assert traced.table(["q_x", "q", "h", "h"]).splitlines()[0].split() == ["q_x", "q_y", "q_z", "h"]
    assert math.isnan(traced.reflection(99, 0, 0).resolution)
    with pytest.raises(nb.NbnumbaError, match="neighbours alone"):
        traced.table(["neighbours"])
    with pytest.raises(nb.NbnumbaError, match="top: found 0"):
        traced.top(0)
    with pytest.raises(nb.NbnumbaError, match=r"top: found 2\.5"):
        traced.top(2.5)
    with pytest.raises(nb.NbnumbaError, match="steps in the region; allowed: up to 10"):
        nb.contributions(scenes.still(**scenes.RICH), limit=10)
    with pytest.raises(nb.NbnumbaError, match="step: found 192; allowed: from 0 to 191"):
        traced.step(192)


def test_tables_have_units_and_lines():
    traced = nb.trace(scenes.still(**scenes.RICH), 4, 9)
    lines = traced.table(["layer", "q", "term"]).splitlines()
    assert lines[0].split() == ["layer", "q_x", "q_y", "q_z", "term"]
    assert lines[1].split() == ["1/A", "1/A", "1/A", "photons"]
    assert len(lines) == len(traced) + 2
    listing = traced.listing(where=True)
    for word in ("physics/pixel.py:", "flat_position", "square_amplitude", "1/A", "photons", "f_latt_along_b"):
        assert word in listing


def test_csv_holds_everything(tmp_path):
    traced = nb.trace(scenes.still(**scenes.RICH), 4, 9)
    file = traced.to_csv(tmp_path / "steps.csv")
    rows = list(csv.reader(file.read_text().splitlines()))
    flat = traced.flat([name for name in QUANTITIES if name != "neighbours"])
    assert rows[0][-1] == "sum [photons]"
    assert [name.split(" ")[0] for name in rows[0]] == list(flat)
    np.testing.assert_array_equal(np.array(rows[1:], dtype=float), np.column_stack(list(flat.values())).astype(float))


def test_every_quantity_is_told_about():
    assert list(QUANTITIES) == list(Step._fields)
    a = pack(scenes.still())
    for quantity in QUANTITIES.values():
        function = implementation(quantity.function, a)
        assert quantity.meaning
        assert origin(function).startswith(("physics/", "tracer/", "model/", "kernels/pack.py"))
        assert "\n" not in equation(function)
    assert "q = (d - i)/lambda" in equation(QUANTITIES["q"].function)


@pytest.mark.parametrize(
    ("changes", "pixel", "words"),
    [
        ({}, (12, 0), "slow 12, fast 0, outside the detector; allowed: slow from 0 to 11, fast from 0 to 16"),
        ({}, (-1, 3), "slow -1, fast 3, outside"),
        ({}, (4.5, 3), "slow 4.5, fast 3; allowed: whole numbers"),
        ({"detector.roi": ((2, 5), (3, 9))}, (5, 3), "outside detector.roi.*slow from 2 to 4, fast from 3 to 8"),
        ({"detector.mask": nb.Mask(np.eye(12, 17) == 0)}, (3, 3), "detector.mask leaves out: the image is 0 there"),
    ],
)
def test_pixels_that_are_not_rendered_are_refused(changes, pixel, words):
    experiment = scenes.still(**changes)
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.trace(experiment, *pixel)
    with pytest.raises(nb.NbnumbaError, match=words):
        next(nb.walk(experiment, *pixel))


def test_too_many_steps_are_refused():
    with pytest.raises(nb.NbnumbaError, match="limit: found 192 steps in the pixel; allowed: up to 95"):
        nb.trace(scenes.still(**scenes.RICH), 4, 9, limit=95)


def test_progress_is_told():
    seen = []
    nb.trace(scenes.still(**{"crystal.mosaic.domains": 60_000, "crystal.mosaic.spread": 1.0}), 4, 9,
             progress=lambda done, total: seen.append((done, total)))  # fmt: skip
    assert seen == [(0, 60_000), (50_000, 60_000), (60_000, 60_000)]


CODE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import scenes
import nbnumba as nb
experiment = scenes.still(**{"crystal.mosaic.spread": 1.0, "crystal.mosaic.domains": 3})
print(json.dumps([list(nb.walk(experiment, 4, 9)), nb.trace(experiment, 4, 9).value]))
"""


def test_walking_is_the_same_without_numba():
    results = []
    for switch in ("0", "1"):
        words = [sys.executable, "-c", CODE, os.path.dirname(scenes.__file__)]
        environment = {**os.environ, "NUMBA_DISABLE_JIT": switch}
        done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
        results.append(json.loads(done.stdout))
    assert results[0][0] == results[1][0]
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-12)


@pytest.mark.parametrize("roi", [None, ((2, 9), (4, 12))])
def test_contributions_are_the_image(roi):
    experiment = scenes.still(
        **{**scenes.RICH, "detector.mask": nb.Mask(np.random.default_rng(2).uniform(size=(12, 17)) < 0.9)}
    )
    seen = []
    found = nb.contributions(experiment, roi, progress=lambda done, total: seen.append(done / total))
    image = nb.simulate(experiment).astype(float)
    part = image if roi is None else image[slice(*roi[0]), slice(*roi[1])]
    assert found["photons"].sum() == pytest.approx(part.sum(), rel=1e-6)
    assert found["share"].sum() == pytest.approx(1.0)
    assert (np.diff(found["photons"]) <= 0.0).all()
    assert seen[-1] == 1.0


def test_contributions_name_the_reflection_of_a_pixel():
    experiment = scenes.still(**scenes.RICH)
    traced = nb.trace(experiment, 4, 9)
    for h, k, l, photons, _ in nb.contributions(experiment, ((4, 5), (9, 10))).tolist():  # noqa: E741
        assert photons == pytest.approx(traced.reflection(h, k, l).records["term"].sum(), rel=1e-9)


def test_contributions_of_a_dark_region_are_none():
    experiment = scenes.still(**{"crystal.shape": "tophat", "crystal.cells": 1000})
    assert len(nb.contributions(experiment, ((0, 1), (0, 1)))) == 0
