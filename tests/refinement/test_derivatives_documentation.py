"""What docs/derivatives.md says: its code runs, and its table of errors covers every parameter."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import nbnumba as nb
from nbnumba.model.parameters import PARAMETERS

TEXT = (Path(__file__).parents[2] / "docs" / "derivatives.md").read_text(encoding="utf-8")


def block(kind):
    return re.search(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL).group(1)


@pytest.fixture
def ran():
    names = {}
    exec(block("python"), names)
    return names


def test_the_example_refines(ran):
    assert ran["found"].values["misset_x"] == pytest.approx(10.0, abs=5.0 * ran["found"].esd["misset_x"])


def test_scipy_finds_the_same(ran):
    exec(block("python scipy"), ran)
    for x, name in zip(ran["best"].x, ran["names"], strict=True):
        assert abs(x - ran["found"].values[name]) < 0.1 * ran["found"].esd[name]


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch, which no extra installs")
def test_torch_gets_the_gradient(ran):
    ran["start"] = np.array([ran["experiment"].parameters()[name] for name in ran["names"]])
    exec(block("python torch"), ran)
    _, expected = nb.value_and_gradient(ran["experiment"], ran["loss"], ran["names"])
    np.testing.assert_allclose(ran["values"].grad.numpy(), [expected[n] for n in ran["names"]], rtol=1e-9)


def test_every_parameter_is_named_and_exact():
    table = TEXT.split("<!-- errors -->")[1].split("<!-- /errors -->")[0]
    found = {name: float(error) for name, error in re.findall(r"^\| `(\w+)` \| (\S+) \|", table, re.MULTILINE)}
    assert set(found) == set(PARAMETERS)
    assert max(found.values()) < 1e-7
    listed = TEXT.split("## From Python")[0]
    assert set(PARAMETERS) <= set(re.findall(r"\w+", listed))
