"""Images of crystals with mosaic domains of every kind, with tilted outlines, and of several at once."""

import math
import zlib
from pathlib import Path

import differences
import numpy as np
import oracle
import pytest
import scenes
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from slow import few

import nbnumba as nb
from nbnumba.model.parameters import PARAMETERS
from nbnumba.physics.lattice import SHAPES, TILTED
from nbnumba.report import image_report, report_text
from nbnumba.tracer.contributions import pixel_values

ROOT = Path(__file__).parents[1]
#: A matrix that is far from diagonal.
MATRIX = ((3.0, 0.7, -0.4), (0.7, 2.5, 0.9), (-0.4, 0.9, 4.0))
OWN = {
    "crystal.mosaic": nb.Mosaic(spread=(0.5, 1.0, 2.0), cell_spread=1.0, domains=4, distribution="gaussian"),
    "scan.width": 3.0, "scan.steps": 2, "scan.start": 20.0,
}  # fmt: skip


def same(image, expected, tolerance=1e-6):
    assert np.max(expected) > 0.0
    np.testing.assert_allclose(image, expected, rtol=0.0, atol=tolerance * np.max(expected))


# --- against the oracle ----------------------------------------------------------------------------------------------


@st.composite
def crystals(draw, shape):
    """Changes of an experiment's crystal: its domains, and a matrix of cells."""
    rng, one = draw(scenes.generators()), st.sampled_from((0.0, 0.7))
    three = st.just(tuple(rng.uniform(0.0, 2.0, 3).tolist()))
    changes = {
        "crystal.mosaic.spread": draw(one | three),
        "crystal.mosaic.cell_spread": draw(one | three),
        "crystal.mosaic.distribution": draw(st.sampled_from(("nanobragg", "gaussian"))),
    }
    if shape in TILTED and draw(st.booleans()):
        turn = scenes.random_rotation(rng)
        matrix = turn @ np.diag(rng.uniform(1.0, scenes.CELL_LIMITS[shape], 3)) @ turn.T
        changes["crystal.cells"] = tuple(map(tuple, matrix.tolist()))
    return changes


@pytest.mark.parametrize("shape", few(["square", *TILTED], ["square", "round", "gauss", "tophat"]))
def test_random_crystals_agree_with_the_oracle(shape):
    @seed(zlib.crc32(shape.encode()))
    @settings(max_examples=20)
    @given(scenes.experiments(shape), crystals(shape), st.integers(0, 2))
    def check(experiment, changes, lattices):
        experiment = experiment.replace(**changes)
        if lattices:  # each of which has a crystal of the same shape, so that nothing else is compiled
            crystal, turned = experiment.crystal, {"crystal.misset": (40.0, 50.0, 60.0), "crystal.spot_scale": 0.4}
            others = (experiment.replace(**turned).crystal, experiment.replace(**{"crystal.default_f": 3.0}).crystal)
            experiment = experiment.replace(crystal=crystal, lattices=others[:lattices])
        same(nb.simulate(experiment), oracle.render(scenes.describe(experiment)))

    check()


@pytest.mark.parametrize("shape", ["gauss_star", "tophat_star"])
def test_the_reciprocal_metric_takes_three_spreads(shape):
    experiment = scenes.still(**{"crystal.shape": shape, "crystal.cells": 2, "crystal.mosaic.spread": (1, 2, 3)})
    same(nb.simulate(experiment), oracle.render(scenes.describe(experiment)))


# --- domains ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["square", "gauss"])
@pytest.mark.parametrize("sequence", ["random", "low-discrepancy"])
def test_the_image_is_the_mean_over_domains(shape, sequence):
    mosaic = nb.Mosaic(spread=(1, 2, 3), cell_spread=2.0, domains=6, distribution="gaussian", sequence=sequence)
    experiment = scenes.still(**{"crystal.shape": shape, "crystal.mosaic": mosaic})
    alone = {"crystal.mosaic": nb.Mosaic(), "crystal.misset": (0, 0, 0)}
    images = [
        nb.simulate(experiment.replace(**{"crystal.orientation": axes.tolist(), **alone}))
        for axes in experiment.crystal.domain_axes()
    ]
    same(nb.simulate(experiment), np.mean(images, axis=0, dtype=float), 2e-7)


def test_evenly_spread_domains_in_the_laboratory_are_averaged_too():
    mosaic = nb.Mosaic(spread=2.0, domains=6, distribution="gaussian", sequence="low-discrepancy")
    experiment = scenes.still(**{"crystal.mosaic": mosaic, "scan.start": 10.0, "scan.width": 0.0})
    turned = oracle.rotation((0, 0, 1), math.radians(10.0))  # the spindle of this convention
    axes = [experiment.crystal.axes @ (u @ turned).T for u in mosaic.rotations()]
    alone = {"scan": None, "crystal.mosaic": nb.Mosaic(), "crystal.misset": (0, 0, 0)}
    images = [nb.simulate(experiment.replace(**{"crystal.orientation": a.tolist(), **alone})) for a in axes]
    same(nb.simulate(experiment), np.mean(images, axis=0, dtype=float), 2e-7)


def test_the_scan_takes_domains_of_the_crystals_own_frame_along():
    experiment = scenes.still(**{**OWN, "scan.width": 0.0, "scan.steps": 1, "scan.start": 30.0})
    turned = oracle.rotation((0, 0, 1), math.radians(30.0))
    axes = (experiment.crystal.axes @ turned.T).tolist()
    still = experiment.replace(**{"scan": None, "crystal.orientation": axes, "crystal.misset": (0, 0, 0)})
    same(nb.simulate(experiment), nb.simulate(still), 2e-7)


def test_many_domains_of_a_wide_spread_lose_no_light():
    """Points out of reach of all orientations are left out; the sum of the domains' images tells whether too many."""
    mosaic = nb.Mosaic(spread=(5, 1, 8), cell_spread=4.0, domains=40, distribution="gaussian")
    experiment = scenes.still(**{"crystal.shape": "gauss", "crystal.cells": 9, "crystal.mosaic": mosaic})
    same(nb.simulate(experiment), oracle.render(scenes.describe(experiment)))


def test_cells_of_several_lengths_widen_spots_away_from_the_beam():
    """Bragg's law: a relative change delta of d moves a spot by -2 tan(theta) delta, seen at D tan(2 theta)."""
    theta, delta = math.asin(1.0 / 10.0), 0.005  # of 0 0 2 of a cell of 10 A at 1 A
    middle = 83.0 * math.tan(2.0 * theta)
    detector = nb.Detector(
        pixels=(32, 400), pixel_size=0.0125, distance=83.0, convention="custom", beam_center=(2.5 - middle, 0.2)
    )
    # Beam along x, c along z, fast along z: turned about y, 0 0 2 meets the sphere, and is rocked through it.
    base = scenes.still(
        detector=detector,
        crystal=nb.Crystal(cell=(10, 10, 10, 90, 90, 90), misset=(0.0, -math.degrees(theta), 0.0), cells=200,
                           shape="gauss", default_f=10.0),
        scan=nb.Scan(axis=(0, 1, 0), start=-0.7, width=1.4, steps=56),
        **{"beam.wavelength": 1.0},
    )  # fmt: skip
    spread = {"crystal.mosaic": nb.Mosaic(cell_spread=(3, 3, 100 * delta), domains=256, sequence="low-discrepancy")}
    variances = []
    for experiment in (base, base.replace(**spread)):
        profile, along = nb.simulate(experiment).sum(axis=0, dtype=float), np.arange(400)
        mean = (profile * along).sum() / profile.sum()
        assert mean == pytest.approx(199.5, abs=0.3)
        variances.append((profile * (along - mean) ** 2).sum() / profile.sum())
    moved = 83.0 / math.cos(2.0 * theta) ** 2 * 2.0 * math.tan(theta) * delta / 0.0125
    assert math.sqrt(variances[1] - variances[0]) == pytest.approx(moved, rel=0.005)  # linear terms, 256 domains


# --- matrices of cells -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", few(TILTED, ["round", "gauss", "tophat"]))
def test_a_diagonal_matrix_is_three_numbers(shape):
    cells = (1.5, 2.0, 1.2)
    matrix = np.diag(cells).tolist()
    image, other = (nb.simulate(scenes.still(**{"crystal.shape": shape, "crystal.cells": n})) for n in (matrix, cells))
    same(image, other)


def test_a_matrix_permutes_with_the_axes():
    order = [2, 0, 1]
    axes, matrix = scenes.still().crystal.axes, np.array(MATRIX)
    images = [
        nb.simulate(scenes.still(**{"crystal.shape": "gauss", "crystal.cells": n.tolist(),
                                    "crystal.orientation": a.tolist(), "crystal.misset": (0, 0, 0)}))
        for a, n in ((axes, matrix), (axes[order], matrix[np.ix_(order, order)]))
    ]  # fmt: skip
    same(images[0], images[1])


@pytest.mark.parametrize("shape", few(TILTED, ["round", "gauss", "tophat"]))
def test_a_tilted_outline_is_the_upright_one_of_a_turned_cube(shape):
    """Around 0 0 0 a cubic lattice is seen by its outline alone: N = R D R^T is D in axes turned by R."""
    turn, cells = scenes.random_rotation(np.random.default_rng(3)), np.diag([1.2, 2.0, 3.0])
    near = {"crystal.cell": (4, 4, 4, 90, 90, 90), "crystal.misset": (0, 0, 0), "crystal.shape": shape}
    tilted = scenes.still(**near, **{"crystal.cells": (turn @ cells @ turn.T).tolist()})
    axes = (4.0 * turn.T).tolist()
    upright = scenes.still(**near, **{"crystal.cells": np.diag(cells).tolist()}).replace(
        **{"crystal.orientation": axes}
    )
    image = nb.simulate(tilted)
    assert np.ptp(image) > 0.05 * image.max()
    same(image, nb.simulate(upright))


def test_a_matrix_is_as_large_as_its_determinant():
    experiment = scenes.still(**{"crystal.shape": "gauss", "crystal.cells": MATRIX})
    count = np.linalg.det(MATRIX)
    assert experiment.crystal.cell_count == pytest.approx(count)
    center = {"detector.convention": "custom", "detector.beam_center": (3.5, 2.5)}
    image = nb.simulate(experiment.replace(**center))
    assert image[2, 3] == pytest.approx(100.0 * count**2 / 83.0**2, rel=1e-6)


def test_the_extent_of_a_matrix_is_how_far_the_outline_reaches():
    crystal = scenes.still(**{"crystal.shape": "round", "crystal.cells": MATRIX}).crystal
    directions = np.random.default_rng(1).normal(size=(100_000, 3))
    surface = directions / np.linalg.norm(directions, axis=1, keepdims=True) @ np.array(MATRIX)
    np.testing.assert_allclose(surface.max(axis=0), crystal.cells_across, rtol=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"crystal.cells": MATRIX}, "three numbers for shape 'square'; a matrix for " + ", ".join(TILTED)),
        ({"crystal.cells": MATRIX, "crystal.shape": "gauss_star"}, "three numbers for shape 'gauss_star'"),
        ({"crystal.cells": ((2, 1, 0), (0, 2, 0), (0, 0, 2)), "crystal.shape": "gauss"}, "a symmetric matrix"),
        ({"crystal.cells": ((2, 3, 0), (3, 2, 0), (0, 0, 2)), "crystal.shape": "gauss"}, "eigenvalues from 1 to"),
        ({"crystal.cells": ((2, 0, 0), (0, 2, 0)), "crystal.shape": "gauss"}, "three rows of three numbers"),
        ({"crystal.cells": ((2, 0), (0, 2), (0, 0)), "crystal.shape": "gauss"}, r"crystal\.cells\[0\].*3 numbers"),
        ({"crystal.shape": "gauss_star", "crystal.mosaic.cell_spread": 0.1}, r"crystal\.shape.*index metric"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        scenes.still(**changes)


def test_a_matrix_comes_back_from_toml():
    experiment = scenes.still(**{"crystal.shape": "gauss", "crystal.cells": MATRIX})
    again = nb.Experiment.from_toml(experiment.to_toml())
    assert again == experiment
    assert again.crystal.cells == MATRIX


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_told_of(shape):
    assert f"`{shape}`" in (ROOT / "docs" / "crystals.md").read_text(encoding="utf-8")
    assert f'"{shape}"' in nb.Crystal.__doc__


# --- steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [OWN, {"crystal.shape": "gauss", "crystal.cells": MATRIX, **OWN}])
def test_a_trace_counts_steps_of_the_scan_and_domains(changes):
    experiment = scenes.still(**changes)
    traced = nb.trace(experiment, 4, 9)
    assert traced.value == pytest.approx(float(nb.simulate(experiment)[4, 9]), rel=1e-6)
    walked = list(nb.walk(experiment, 4, 9))
    domains = experiment.crystal.domain_axes()
    assert len(traced) == len(walked) == 8
    for record, step in zip(traced.records, walked, strict=True):
        assert (record["phi"], record["domain"]) == (step.phi, step.domain)
        turn = oracle.rotation((0, 0, 1), experiment.angles[step.phi])
        np.testing.assert_allclose(record["axes"], domains[step.domain] @ turn.T, rtol=1e-12, atol=1e-12)
        assert step.term == pytest.approx(record["term"], rel=1e-12)
    assert [(s.phi, s.domain) for s in walked] == [(p, d) for p in range(2) for d in range(4)]


# --- several lattices ------------------------------------------------------------------------------------------------


def several(**changes):
    one = scenes.still(**{"crystal.mosaic.spread": 0.5, "crystal.mosaic.domains": 3, **changes})
    other = one.replace(**{"crystal.misset": (50, 60, 70), "crystal.cells": 7, "crystal.spot_scale": 0.3})
    third = one.replace(**{"crystal.cell": (20, 30, 40, 90, 90, 90), "crystal.shape": "gauss"})
    return one.replace(lattices=(other.crystal, third.crystal))


def test_images_of_lattices_add_up():
    experiment = several(**{"sampling.oversample": "auto", "detector.pixel_size": 9.0})
    parts = [part for part, *_ in experiment.components()]
    assert {part.oversample for part in parts} == {experiment.oversample}  # enough for the largest
    assert experiment.oversample > min(
        experiment.replace(crystal=c, lattices=()).oversample for c in experiment.crystals
    )
    images = [nb.simulate(part) for part in parts]
    total = np.sum(images, axis=0, dtype=float)
    np.testing.assert_allclose(nb.simulate(experiment), total, rtol=2e-7)
    assert not np.array_equal(nb.simulate(experiment), images[0])
    assert experiment.steps_per_pixel == sum(part.steps_per_pixel for part in parts)


def test_a_single_lattice_is_its_own_component():
    experiment = scenes.still()
    assert experiment.components() == ((experiment, 1.0, 0),)
    twin = experiment.replace(lattices=(experiment.crystal,))
    np.testing.assert_allclose(nb.simulate(twin), 2.0 * nb.simulate(experiment), rtol=1e-7)


def test_lattices_fill_an_image_that_is_there():
    experiment = several(**{"detector.roi": ((2, 9), (3, 11))})
    out = np.full((12, 17), 7.0, dtype=np.float32)
    calls = []
    assert nb.simulate(experiment, out=out, progress=lambda done, total: calls.append((done, total))) is out
    np.testing.assert_array_equal(out, nb.simulate(experiment))
    assert not out[:2].any()
    assert calls[0] == (0, 21)
    assert calls[-1] == (21, 21)
    assert calls == sorted(set(calls))


def test_lattices_too_bright_together_are_refused():
    experiment = scenes.still(**{"crystal.default_f": 3e17})
    brightest = float(nb.simulate(experiment).max())
    assert math.isfinite(brightest)
    scale = 0.6 * np.finfo(np.float32).max / brightest
    bright = experiment.replace(**{"crystal.spot_scale": scale})
    assert np.isfinite(nb.simulate(bright)).all()
    with pytest.raises(nb.NbnumbaError, match="numbers beyond float32"):
        nb.simulate(bright.replace(lattices=(bright.crystal,)))


def test_a_summary_tells_of_lattices():
    experiment = several()
    report = image_report(experiment, nb.simulate(experiment), 1.0)
    assert report["lattices"] == 2
    assert "and 2 further lattices" in report_text(report)
    assert "further" not in report_text({**report, "lattices": 0})


def test_a_dark_crystal_beside_a_bright_one_is_no_matter():
    experiment = scenes.still()
    dark = scenes.still(**{"crystal.default_f": 0.0}).crystal
    np.testing.assert_array_equal(nb.simulate(experiment.replace(lattices=(dark,))), nb.simulate(experiment))


def test_tracing_sums_and_refuses():
    experiment = several()
    pixels = experiment.rendered_pixels()[::11]
    image = nb.simulate(experiment)
    np.testing.assert_allclose(pixel_values(experiment, pixels), image[tuple(pixels.T)], rtol=1e-6)
    for follow in (lambda: nb.trace(experiment, 4, 9), lambda: next(nb.walk(experiment, 4, 9)),
                   lambda: nb.contributions(experiment)):  # fmt: skip
        with pytest.raises(nb.NbnumbaError, match=r"lattices: found 2 beside the crystal; .*components"):
            follow()
    assert nb.trace(experiment.components()[1].experiment, 4, 9).value > 0.0


@pytest.mark.parametrize("what", ["refine", "normal_equations", "value_and_gradient"])
def test_losses_know_one_lattice(what):
    experiment = several()
    loss = nb.Poisson(nb.simulate(experiment))
    with pytest.raises(nb.NbnumbaError, match=r"lattices: found 2 .* a loss"):
        getattr(nb, what)(experiment, loss, ["misset_x"])


def test_amplitudes_know_one_lattice():
    pytest.importorskip("scipy")
    with pytest.raises(nb.NbnumbaError, match="lattices: found 2"):
        nb.amplitude_jacobian(several(**{"crystal.reflections": scenes.TABLE, "crystal.interpolate": "nearest"}))


# --- lattices in files -----------------------------------------------------------------------------------------------

WRITTEN = """
[[lattices]]
misset = [10, 20, 30]
mosaic = { spread = 0.3 }

[[lattices]]
orientation = [[30, 0, 0], [0, 40, 0], [0, 0, 50]]
reflections = []
default_f = 5

[crystal]
cell = [70, 80, 90, 90, 90, 90]
cells = 5
mosaic = { domains = 7, seed = 3 }
reflections = { list = [[0, 0, 1, 20], [1, 0, 0, 30]] }

[beam]
wavelength = 1

[detector]
pixels = [10, 10]
pixel_size = 1
"""


def test_tables_of_lattices_start_from_the_crystal():
    experiment = nb.Experiment.from_toml(WRITTEN)
    first, second = experiment.lattices
    crystal = experiment.crystal
    assert first.misset == (10.0, 20.0, 30.0)
    assert (first.cell, first.cells, first.reflections) == (crystal.cell, crystal.cells, crystal.reflections)
    assert first.mosaic == nb.Mosaic(spread=0.3, domains=7, seed=3)
    assert (second.cell, second.reflections, second.default_f) == (None, None, 5.0)
    assert (second.cells, second.mosaic) == (crystal.cells, crystal.mosaic)


def test_settings_reach_lattices():
    settings = {"lattices.0.mosaic.spread": 0.4, "lattices.1.cell": (10, 20, 30, 90, 90, 90), "crystal.cells": 6}
    experiment = nb.Experiment.from_toml(WRITTEN, settings)
    assert experiment.lattices[0].mosaic.spread == 0.4
    assert experiment.lattices[0].cells == (6.0, 6.0, 6.0)
    assert experiment.lattices[1].cell == (10.0, 20.0, 30.0, 90.0, 90.0, 90.0)
    assert experiment.lattices[1].orientation is None
    assert nb.Experiment.from_toml(WRITTEN, {"lattices": []}).lattices == ()


@pytest.mark.parametrize("inline", [True, False])
def test_lattices_come_back_and_repeat_nothing(inline):
    experiment = nb.Experiment.from_toml(WRITTEN)
    text = experiment.to_toml(inline=inline)
    assert nb.Experiment.from_toml(text) == experiment
    assert text.count("wavelength") == text.count("fudge") == text.count("list = ") == 1


def test_a_lattice_may_lack_what_the_crystal_has():
    """Its cell comes from its reflections, while the crystal's was given; and the other way round."""
    known = nb.Reflections([(1, 0, 0)], [3.0], cell=(10, 20, 30, 90, 90, 90))
    given = scenes.still().crystal
    bare = nb.Crystal(reflections=known)
    for crystal, lattice in ((given, bare), (bare, given)):
        experiment = scenes.still(crystal=crystal, lattices=(lattice,))
        assert nb.Experiment.from_toml(experiment.to_toml()) == experiment


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("colour = 3", r"lattices\.1: no such key 'colour'"),
        ("cells = 0", r"crystal\.cells"),
        ("mosaic = 3", "crystal.mosaic"),
        ("reflections = 3", r"lattices\.1\.reflections"),
    ],
)
def test_errors_in_tables_of_lattices_are_named(line, words):
    with pytest.raises(nb.NbnumbaError, match=words):
        nb.Experiment.from_toml(WRITTEN.replace("orientation = [[30, 0, 0], [0, 40, 0], [0, 0, 50]]", line)
                                .replace("reflections = []\n", ""))  # fmt: skip


def test_lattices_are_in_the_file_of_an_image(tmp_path):
    experiment = several()
    image = nb.simulate(experiment)
    again, stored = nb.read_nexus(nb.write_nexus(tmp_path / "image.h5", experiment, image))
    assert again == experiment
    np.testing.assert_array_equal(stored, image)


# --- derivatives -----------------------------------------------------------------------------------------------------

KINDS = {
    "gaussian": {"crystal.mosaic": nb.Mosaic(spread=1.0, domains=3, distribution="gaussian")},
    "own": {},
    "tilted": {"crystal.shape": "gauss", "crystal.cells": MATRIX},
    "tricubic": {"crystal.reflections": scenes.TABLE, "crystal.interpolate": "tricubic"},
    "star": {
        "crystal.shape": "gauss_star",
        "crystal.cells": 2,
        "crystal.mosaic": nb.Mosaic(spread=(1, 2, 3), domains=3),
    },
    "cells alone": {"crystal.mosaic": nb.Mosaic(spread=1.0, cell_spread=(1, 2, 3), domains=3, distribution="gaussian")},
    "oriented": {"crystal.orientation": scenes.still().crystal.axes.tolist(), "crystal.misset": (1, 2, 3)},
}
LEFT_OUT = {"tilted": {"cells_a", "cells_b", "cells_c"}}


@pytest.mark.parametrize("kind", few(KINDS, ["own", "tilted", "oriented"]))
def test_every_parameter_has_the_derivative_of_the_image(kind):
    experiment = scenes.still(**differences.RICH).replace(**{**OWN, **KINDS[kind]})
    names = list(experiment.parameters())
    spread = {"mosaic_spread"} if kind not in ("gaussian", "cells alone") else set()
    assert set(PARAMETERS) - set(names) == spread | LEFT_OUT.get(kind, set())
    pixels = experiment.rendered_pixels()[::7]
    image, derivatives = nb.jacobian(experiment, names, pixels)
    np.testing.assert_allclose(image, differences.values(experiment, pixels), rtol=1e-9)
    found = {name: differences.worst(experiment, name, derivatives[name], pixels) for name in names}
    assert {name: error for name, (error, _) in found.items() if error > 1e-7} == {}
    assert min(share for _, share in found.values()) > (0.2 if kind == "tricubic" else 0.4)


def test_a_crystal_with_domains_of_its_own_frame_is_refined():
    experiment = scenes.still(**{**OWN, "crystal.spot_scale": 30.0})
    data = nb.simulate(experiment)
    start = experiment.with_parameters(misset_x=11.32, misset_y=24.67, cell_b=35.72)
    found = nb.refine(start, nb.LeastSquares(data), ["misset_x", "misset_y", "cell_b"])
    assert found.values == pytest.approx({"misset_x": 11.3, "misset_y": 24.7, "cell_b": 35.7}, abs=1e-5)


def test_derivatives_of_lattices_add_up():
    experiment = several(**{"beam.polarization": 0.4, "scan.width": 1.0})
    crystal, rest = ["misset_x", "cell_a", "spot_scale"], ["distance", "phi_start", "wavelength"]
    image, found = nb.jacobian(experiment, [*crystal, *rest])
    parts = [nb.jacobian(part, [*crystal, *rest]) for part, *_ in experiment.components()]
    np.testing.assert_allclose(image, sum(part for part, _ in parts), rtol=1e-12)
    for name in rest:
        np.testing.assert_allclose(found[name], sum(d[name] for _, d in parts), rtol=1e-9, atol=1e-12)
    for name in crystal:
        np.testing.assert_array_equal(found[name], parts[0][1][name])
