"""``nbnumba.refine``: parameters of experiments from images."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import number, refuse, whole
from nbnumba.refinement.equations import Equations
from nbnumba.refinement.free import Free, choose
from nbnumba.refinement.losses import LeastSquares, Loss
from nbnumba.refinement.minimizers import BOUNDED, CURVED, minimize
from nbnumba.refinement.problem import Picture, Problem
from nbnumba.refinement.result import Refinement, summarize
from nbnumba.refinement.scoring import Iteration, Solution, score
from nbnumba.refinement.shoeboxes import Shoebox

OPTIMIZERS = ("fisher", *BOUNDED, *CURVED)
#: Stages of the continuation: so many times smaller crystals, as gaussian spots.
SMALLER = (4.0, 2.0)
_NEAR = 1e-2  # tolerance of these stages
_CELLS = ("cells_a", "cells_b", "cells_c")
_SHOWN = 4  # numbers in a line of the log

log = logging.getLogger(__name__)


def refine(
    experiment: Experiment | Sequence[Experiment],
    loss: Loss | Sequence[Loss],
    parameters: Sequence[str],
    *,
    shared: Collection[str] = (),
    bounds: Mapping[str, tuple[float, float]] | None = None,
    restraints: Mapping[str, tuple[float, float]] | None = None,
    ties: Mapping[str, Sequence[str]] | None = None,
    system: str | None = None,
    boxes: Sequence[Shoebox] | Sequence[Sequence[Shoebox]] | None = None,
    planes: bool = False,
    continuation: bool = False,
    optimizer: str = "fisher",
    iterations: int = 100,
    tolerance: float = 1e-9,
    device: str = "cpu",
    report: Callable[[Iteration], None] | None = None,
) -> Refinement:
    """Refine parameters so that the images of experiments come as near as they can to data.

    Args:
        experiment: where to start; one, or one for each of several images. What is "auto" in them is settled there:
            oversampling and interpolation do not change during the search.
        loss: Poisson, Gaussian or LeastSquares with the data; one for each experiment.
        parameters: names among ``experiment.parameters()``. Scale, mosaic spread and sensor
            move on a scale of logarithms.
        shared: those of them that have one value for all images; it starts at that of the first.
        bounds: lowest and highest values by name; without, those that the model allows.
        restraints: (value, standard deviation) by name, as of a measurement made before.
        ties: by name of a parameter, others that have its value.
        system: crystal system whose constants are refined: "triclinic", "monoclinic" (beta), "orthorhombic",
            "tetragonal", "rhombohedral", "hexagonal" (and trigonal), "cubic". The start has to obey it.
        boxes: pixels that count, as from ``shoeboxes(experiment)``; for several images a list of such lists.
        planes: whether each box, or the image as a whole, has a background that is refined too: a plane of logarithms,
            which never falls below 0. Boxes count that have 20 pixels or more to themselves.
        continuation: whether crystals of a quarter and of half the size are refined first, whose broad spots find
            their place from farther away.
        optimizer: "fisher" (damped Fisher scoring), or SciPy's "L-BFGS-B", "trust-exact", "trust-ncg".
        iterations: largest number of points to try, at each stage.
        tolerance: fall of the loss that is not worth another step.
        device: "cpu", or "cuda", "cuda:1" and so on (extras cuda12, cuda13; docs/gpu.md).
        report: called with an ``Iteration`` for every point; a line of the log "nbnumba" tells the same.

    Returns:
        A ``Refinement``, never worse than the start.

    Raises:
        NbnumbaError: parameters that cannot be refined, settings that do not fit, data of another shape.
    """
    _check(optimizer, iterations, tolerance)
    experiments, losses = paired(experiment, loss)
    experiments = [_settled(each) for each in experiments]
    scaled = all(isinstance(each, LeastSquares) and each.plain for each in losses)
    if scaled and restraints:
        raise refuse("restraints", "LeastSquares without weights", "weights, beside which a restraint can be weighed")
    free = choose(experiments, parameters, shared=shared, bounds=bounds, restraints=restraints, ties=ties,
                  system=system)  # fmt: skip
    boxed = _boxes(boxes, len(experiments))
    pictures = [
        Picture(each, start, box, planes=planes, device=device)
        for each, start, box in zip(losses, experiments, boxed, strict=True)
    ]
    problem = Problem(experiments, pictures, free)
    history: list[Iteration] = []

    def note(iteration: Iteration) -> None:
        history.append(iteration)
        log.info("%s", line(iteration, free))
        if report is not None:
            report(iteration)

    def search(stage: Problem, start: np.ndarray, near: float) -> Solution[Equations]:
        how: dict[str, Any] = {"iterations": iterations, "tolerance": near, "report": note}
        return score(stage, start, **how) if optimizer == "fisher" else minimize(stage, start, optimizer, **how)

    given = problem.start()
    solution = search(problem, _nearer(problem, free, search) if continuation else given, tolerance)
    if continuation and not solution.equations.value <= problem.evaluate(given).value:
        solution = search(problem, given, tolerance)  # the stages led astray
    return summarize(problem, solution, history, scaled=scaled)


def _check(optimizer: str, iterations: int, tolerance: float) -> None:
    if optimizer not in OPTIMIZERS:
        raise refuse("optimizer", optimizer, ", ".join(OPTIMIZERS))
    whole("iterations", iterations, low=1)
    number("tolerance", tolerance, above=0.0)


def paired(
    experiments: Experiment | Sequence[Experiment], losses: Loss | Sequence[Loss]
) -> tuple[list[Experiment], list[Loss]]:
    """Experiments and their losses as lists of one length.

    Raises:
        NbnumbaError: something else.
    """
    images = [experiments] if isinstance(experiments, str) or not isinstance(experiments, Sequence) else [*experiments]
    each = list(losses) if isinstance(losses, Sequence) else [losses]
    for image in images:
        check_experiment(image)
    if not images or len(each) != len(images):
        raise refuse("loss", len(each), f"one for each experiment, {len(images)}")
    for one in each:
        if not isinstance(one, Loss):
            raise refuse("loss", type(one).__name__, "Poisson, Gaussian or LeastSquares, with the data")
    return images, each


def _settled(experiment: Experiment) -> Experiment:
    """The same with what is "auto" as it is now: a search must not change the number of steps."""
    changes: dict[str, Any] = {"sampling.oversample": experiment.oversample}
    if experiment.crystal.interpolate == "auto":
        changes["crystal.interpolate"] = "tricubic" if experiment.crystal.interpolates else "nearest"
    return experiment.replace(**changes)


def line(iteration: Iteration, free: Sequence[Free]) -> str:
    """One point that was tried, in a line: how far it came, and where the first few numbers are."""
    values = ", ".join(
        f"{f.name} {f.outer(float(x)):.7g}" for f, x in zip(free[:_SHOWN], iteration.unknowns, strict=False)
    )
    verdict = "" if iteration.accepted else ", not taken"
    progress = f"loss {iteration.loss:.10g}, predicted fall {iteration.predicted:.3g}{verdict}"
    return f"{iteration.number:3d}  {progress}; {values}"


def _boxes(boxes: Any, count: int) -> list[Sequence[Shoebox] | None]:
    """Boxes for each image."""
    if boxes is None:
        return [None] * count
    nested = len(boxes) > 0 and not isinstance(boxes[0], Shoebox)
    found = list(boxes) if nested else [list(boxes)]
    if len(found) != count:
        raise refuse("boxes", len(found), f"a list for each of {count} images")
    for box in (box for each in found for box in (each if isinstance(each, Sequence) else [each])):
        if not isinstance(box, Shoebox):
            raise refuse("boxes", box, "Shoebox(h, k, l, slow_start, slow_stop, fast_start, fast_stop)")
    return found


def _nearer(
    problem: Problem, free: Sequence[Free], search: Callable[[Problem, np.ndarray, float], Solution[Equations]]
) -> np.ndarray:
    """Unknowns after the stages with smaller crystals, whose gaussian spots hold as many photons.

    Numbers of cells stay as they are; the scale of each image is refined in their place, and then forgotten.
    """
    moving = [f for f in free if f.name not in (*_CELLS, "spot_scale")]
    scale = Free("spot_scale", ("spot_scale",), False, True, 0.0, math.inf, False, None)
    pictures = [picture.with_level_planes() for picture in problem.pictures]
    found: list[dict[str, float]] | None = None
    for factor in SMALLER:
        stage = Problem([_smaller(e, factor) for e in problem.starts], pictures, [*moving, scale])
        values = stage.values(search(stage, stage.start(found), _NEAR).unknowns)
        found = [{name: x for name, x in each.items() if name != "spot_scale"} for each in values]
    return problem.start(found)


def _smaller(experiment: Experiment, factor: float) -> Experiment:
    cells = tuple(max(n / factor, 1.0) for n in experiment.crystal.cells_across)
    photons = experiment.crystal.cell_count / math.prod(cells)
    return experiment.replace(**{
        "crystal.cells": cells, "crystal.shape": "gauss",
        "crystal.spot_scale": experiment.crystal.spot_scale * photons,
    })  # fmt: skip
