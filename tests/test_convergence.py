"""Numbers of steps that are found for a tolerance."""

import json

import numpy as np
import pytest
import scenes
from test_cli import run

import nbnumba as nb
from nbnumba.convergence import numbers, with_numbers

#: Every number acts, and spots are wide, so that few steps are enough.
WIDE = {
    "crystal.shape": "gauss",
    "crystal.cells": 3,
    "crystal.mosaic": nb.Mosaic(spread=0.5, domains=3, distribution="gaussian", sequence="low-discrepancy"),
    "scan.width": 2.0,
    "beam.divergence": (2.0, 0.0),
    "beam.divergence_steps": (2, 1),
    "beam.dispersion": 0.5,
    "beam.dispersion_steps": 2,
    "detector.sensor_thickness": 0.3,
    "detector.sensor_mu": 1.0,
    "sampling.tolerance": 0.1,
}


def difference(before, after):
    return np.abs(after.astype(float) - before).sum() / after.sum(dtype=float)


def test_doubling_what_was_chosen_changes_less_than_the_tolerance():
    e = scenes.still(**WIDE)
    found = nb.choose_sampling(e)
    chosen = {choice.name: choice.number for choice in found.choices}
    assert set(chosen) == {
        "sampling.oversample", "sampling.layers", "scan.steps", "crystal.mosaic.domains", "beam.divergence_steps.0",
        "beam.dispersion_steps",
    }  # fmt: skip
    image = nb.simulate(found.experiment)
    for choice in found.choices:
        doubled = nb.simulate(with_numbers(e, {**chosen, choice.name: 2 * choice.number}))
        assert choice.enough
        assert choice.change == pytest.approx(difference(image, doubled), rel=1e-6)
        assert choice.change <= 0.1 / np.sqrt(6)
    assert difference(image, nb.simulate(with_numbers(e, {n: 2 * i for n, i in chosen.items()}))) < 0.1
    assert found.pixels == image.size


def test_smaller_tolerances_take_more_steps():
    counts = [
        nb.choose_sampling(scenes.still(**WIDE, **{"beam.exposure": 1.0}).replace(**{"sampling.tolerance": t}))
        .experiment.steps_per_pixel
        for t in (0.4, 0.05)
    ]  # fmt: skip
    assert counts[0] < counts[1]


def test_only_what_acts_is_looked_at():
    assert numbers(scenes.still()) == {"sampling.oversample": 1}
    turned = scenes.still(**{"crystal.mosaic.spread": 0.3})
    assert set(numbers(turned.replace(lattices=(turned.crystal,)))) == {
        "sampling.oversample", "crystal.mosaic.domains", "lattices.0.mosaic.domains"
    }  # fmt: skip


def test_simulate_takes_the_same_numbers():
    e = scenes.still(**{**WIDE, "sampling.tolerance": 0.3})
    np.testing.assert_array_equal(nb.simulate(e), nb.simulate(nb.choose_sampling(e).experiment))


def test_large_detectors_are_looked_at_in_parts():
    e = scenes.still(**{"detector.pixels": (200, 300), "detector.pixel_size": 0.2, "sampling.tolerance": 0.3})
    assert nb.choose_sampling(e).pixels <= 16 * 256


def test_what_cannot_be_reached_is_told(monkeypatch):
    monkeypatch.setattr("nbnumba.convergence._MOST_STEPS", 8)
    with pytest.warns(nb.NbnumbaWarning, match=r"sampling\.tolerance: not reached within 8 steps a pixel.*domains"):
        found = nb.choose_sampling(
            scenes.still(**{"crystal.mosaic.spread": 3.0, "crystal.cells": 20, "sampling.tolerance": 0.01})
        )
    assert not all(choice.enough for choice in found.choices)
    assert found.experiment.steps_per_pixel <= 8


def test_without_a_tolerance_there_is_nothing_to_choose():
    with pytest.raises(nb.NbnumbaError, match=r"sampling\.tolerance: found 0"):
        nb.choose_sampling(scenes.still())


def test_what_needs_numbers_says_where_they_come_from():
    e = scenes.still(**{"sampling.tolerance": 0.1})
    for call in (lambda: nb.jacobian(e, ["cell_a"]), lambda: nb.trace(e, slow=1, fast=1)):
        with pytest.raises(nb.NbnumbaError, match="choose_sampling"):
            call()


def test_command_line_tells_and_keeps_what_it_chose(tmp_path):
    file = tmp_path / "e.toml"
    scenes.still(**{**WIDE, "sampling.tolerance": 0.3}).to_toml(file)
    result = run("simulate", file, "-o", tmp_path / "a.h5", "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)["sampling"]
    experiment, _ = nb.read_nexus(tmp_path / "a.h5")
    assert experiment.sampling.tolerance == 0.0
    assert told["scan.steps"]["number"] == experiment.scan.steps
    assert told["crystal.mosaic.domains"]["number"] == experiment.crystal.mosaic.domains
    text = run("simulate", file, "-o", tmp_path / "b.h5").stdout
    assert "Sampling" in text
    assert "scan.steps" in text
