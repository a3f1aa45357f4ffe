"""Public functions that take an experiment, given something else."""

import inspect

import numpy as np
import pytest

import nbnumba as nb

IMAGE = np.zeros((2, 3))
#: What else they need.
OTHERS = {
    "fast": 0, "image": IMAGE, "images": IMAGE, "loss": nb.Poisson(IMAGE), "losses": nb.Poisson(IMAGE),
    "parameters": ["misset_x"], "path": "none.smv", "slopes": IMAGE, "slow": 0, "thing": IMAGE,
}  # fmt: skip


def takers():
    """Public functions and writers, each with the name of the parameter that is an experiment."""
    for name in nb._HOME:
        made = getattr(nb, name)
        if inspect.isfunction(made) or name in ("NexusWriter", "Renderer"):
            parameters = inspect.signature(made).parameters
            yield from ((made, taken) for taken in ("experiment", "experiments") if taken in parameters)


def test_another_thing_in_the_place_of_an_experiment_is_told():
    wrong = []
    for made, name in takers():
        parameters = inspect.signature(made).parameters
        others = {other: value for other, value in OTHERS.items() if other in parameters and other != name}
        none = () if "None" in str(parameters[name].annotation) else (None,)
        for found in ("crystal.toml", {"crystal": {}}, IMAGE, *none):
            try:
                list(made(**others, **{name: found}))
                said = "nothing"
            except (nb.NbnumbaError, AttributeError, TypeError) as error:
                said = str(error)
            if not said.startswith(f"experiment: found {type(found).__name__}; allowed: an Experiment, which nb."):
                wrong.append((made.__name__, found, said))
    assert not wrong


def test_of_several_each_is_looked_at():
    with pytest.raises(nb.NbnumbaError, match="experiment: found str; allowed: an Experiment"):
        nb.refine(["a.toml"], [nb.Poisson(IMAGE)], ["misset_x"])
