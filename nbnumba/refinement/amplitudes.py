"""Derivatives by structure factor amplitudes, and their refinement from images whose geometry is known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nbnumba._run import call
from nbnumba.errors import NbnumbaError
from nbnumba.kernels.pack import pack
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.reflections import Reflections
from nbnumba.model.spectral import SpectralReflections
from nbnumba.model.validate import number, refuse, whole
from nbnumba.physics.structure_factor import Uniform
from nbnumba.refinement.jacobian import checked_pixels, motions
from nbnumba.refinement.losses import Loss
from nbnumba.refinement.problem import Picture
from nbnumba.refinement.refine import paired
from nbnumba.refinement.scoring import Iteration, score

_FARTHEST_STEP = 2.0  # of a logarithm
_BATCH = 1 << 16  # pixels whose lists are made at a time

log = logging.getLogger(__name__)


def amplitude_jacobian(experiment: Experiment, pixels: ArrayLike | None = None) -> tuple[np.ndarray, np.ndarray, Any]:
    """Pixels with their derivatives by amplitudes, of few reflections each; on the CPU.

    Args:
        experiment: what is rendered; its crystal needs reflections.
        pixels: (n, 2), slow and fast numbers of the pixels that are wanted, or (n, 3) with that of the panel first,
            where panels are listed; None: all that are rendered.

    Returns:
        The pixels (n,) [photons]; indices (m, 3) of the reflections that light any of them; and the derivatives
        [photons per unit of amplitude], a ``scipy.sparse.csr_array`` (n, m).

    Raises:
        NbnumbaError: a crystal without reflections, pixels that do not exist, or SciPy is not installed.
    """
    check_experiment(experiment)
    places = experiment.rendered_pixels() if pixels is None else checked_pixels(experiment, pixels)
    flat = np.ravel_multi_index(tuple(places.T), experiment.detector.shape)
    image, reflections, matrix = _jacobian(experiment, flat)
    seen = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]))
    return image, reflections[seen], matrix[:, seen]


def _jacobian(experiment: Experiment, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
    """Image, indices (m, 3) of all reflections of the box around the list, and the matrix (pixels, m)."""
    from nbnumba.kernels.reflections import slopes_by_amplitude

    sparse = _sparse()
    experiment.check_one_lattice("amplitude_jacobian")
    a = pack(experiment, merged=False)
    table = a.structure
    if isinstance(table, Uniform):
        raise NbnumbaError(
            "crystal.reflections: found none; derivatives by amplitudes need a list of reflections, as from "
            "nbnumba.Reflections(hkl, amplitudes)"
        )
    moving, width = motions(experiment, a), experiment.detector.pixels[1]
    size = tuple(int(n) for n in (table.h_count, table.k_count, table.l_count))
    edges = np.flatnonzero(np.diff(flat // (width * a.sheet.rows))) + 1  # where another panel begins
    parts = [p[start : start + _BATCH] for p in np.split(flat, edges) for start in range(0, max(len(p), 1), _BATCH)]
    lists = [slopes_by_amplitude(a, moving, part, width) for part in parts]
    counts, places, values = (np.concatenate(column) for column in zip(*lists, strict=True))
    pointers = np.concatenate([[0], np.cumsum(counts)])
    matrix = sparse.csr_array((values, places, pointers), shape=(len(flat), int(np.prod(size))))
    at = np.stack(np.unravel_index(np.arange(matrix.shape[1]), size), axis=1)
    # The border of the table stands for everything outside the list.
    inside = np.flatnonzero(((at > 0) & (at < np.array(size) - 1)).all(axis=1))
    low = np.array([table.h_low, table.k_low, table.l_low], dtype=np.int64)
    # Every pixel is a quadratic form of the amplitudes.
    return 0.5 * (matrix @ np.asarray(table.values)), at[inside] + low, matrix[:, inside]


def _sparse() -> Any:
    try:
        from scipy import sparse
    except ImportError:
        raise NbnumbaError(
            "scipy: not installed; derivatives by amplitudes need it: pip install 'nbnumba[refine]'"
        ) from None
    return sparse


@dataclass(frozen=True, eq=False)
class AmplitudeRefinement:
    """Refined amplitudes.

    Attributes:
        reflections: the list with refined amplitudes; those that no pixel tells of are as they were.
        esd: standard deviation of each, if all others were known; infinite where no pixel tells.
        history: every point that was tried.
        loss: value at the end.
        converged: whether no further step was worth its while.
        message: why the search ended.
    """

    reflections: Reflections
    esd: np.ndarray
    history: tuple[Iteration, ...]
    loss: float
    converged: bool
    message: str


def refine_amplitudes(
    experiments: Experiment | Sequence[Experiment],
    losses: Loss | Sequence[Loss],
    *,
    equal: ArrayLike | None = None,
    iterations: int = 100,
    tolerance: float = 1e-6,
    report: Callable[[Iteration], None] | None = None,
) -> AmplitudeRefinement:
    """Refine the amplitudes of reflections, on a scale of logarithms, from images whose geometry is known.

    Args:
        experiments: one for each image, all with the same reflections, where the search starts.
        losses: data of each image.
        equal: (n,) whole numbers: reflections with the same one have one amplitude, that of the first of them to start
            from, as those that symmetry makes equivalent; those with a negative one stay as they are. None: each has
            its own. Amplitudes of 0 stay.
        iterations: largest number of points to try.
        tolerance: fall of the loss that is not worth another step.
        report: called with an ``Iteration`` for every point.

    Raises:
        NbnumbaError: experiments with different reflections or none, negative amplitudes, data of another shape, or
            SciPy is not installed.
    """
    images, each = paired(experiments, losses)
    whole("iterations", iterations, low=1)
    number("tolerance", tolerance, above=0.0)
    reflections = images[0].crystal.reflections
    if isinstance(reflections, SpectralReflections):
        raise refuse("crystal.reflections", "a list for each of some wavelengths", "one list of reflections")
    if reflections is None or any(e.crystal.reflections != reflections for e in images):
        raise refuse("experiments", "different reflections, or none", "the same list of reflections for all")
    problem = _Problem(images, each, reflections, _owners(equal, reflections.amplitude))
    history: list[Iteration] = []

    def note(iteration: Iteration) -> None:
        history.append(iteration)
        log.info("%3d  loss %.10g, predicted fall %.3g", *iteration[:3])
        if report is not None:
            report(iteration)

    found = score(problem, problem.start(), iterations=iterations, tolerance=tolerance, report=note)
    diagonal = found.equations.diagonal
    known = diagonal > 0.0
    esd = np.where(known, np.exp(found.unknowns) / np.sqrt(np.where(known, diagonal, 1.0)), np.inf)
    return AmplitudeRefinement(
        problem.reflections(found.unknowns), problem.spread(esd, np.inf), tuple(history), found.equations.value,
        found.converged, found.message,
    )  # fmt: skip


def _owners(equal: ArrayLike | None, amplitude: np.ndarray) -> np.ndarray:
    """Number, from 0 on, of the unknown that each amplitude is; -1 for those that stay."""
    if (amplitude < 0.0).any():
        raise refuse("crystal.reflections", float(amplitude.min()), "amplitudes from 0 on")
    numbers = np.arange(len(amplitude)) if equal is None else np.asarray(equal)
    if numbers.shape != amplitude.shape or numbers.dtype.kind not in "iu":
        raise refuse("equal", f"{numbers.dtype} of shape {numbers.shape}", f"whole numbers of shape {amplitude.shape}")
    owner = np.full(len(amplitude), -1)
    free = (numbers >= 0) & (amplitude > 0.0)
    if not free.any():
        raise refuse("equal", "no reflection that is refined", "at least one, with an amplitude above 0")
    owner[free] = np.unique(numbers[free], return_inverse=True)[1]
    return owner


@dataclass(frozen=True)
class _Equations:
    """Slopes and the sparse matrix of curvatures by logarithms of amplitudes."""

    value: float
    gradient: np.ndarray
    matrix: Any

    @property
    def diagonal(self) -> np.ndarray:
        return np.asarray(self.matrix.diagonal())

    def predicted(self, step: np.ndarray) -> float:
        return float(-self.gradient @ step - 0.5 * step @ (self.matrix @ step))

    def step(self, damping: float, held: np.ndarray, shift: np.ndarray) -> np.ndarray:
        from scipy.sparse import linalg

        free = np.flatnonzero((self.diagonal > 0.0) & ~held)
        matrix = self.matrix[free][:, free]
        step = np.where(held, shift, 0.0)
        slope = self.gradient + self.matrix @ step
        damped = matrix + damping * _sparse().diags_array(matrix.diagonal())
        step[free] = linalg.spsolve(damped.tocsc(), -slope[free])
        return step


class _Problem:
    """Images of one list of reflections, whose amplitudes have the numbers ``owner``."""

    def __init__(
        self, images: Sequence[Experiment], losses: Sequence[Loss], reflections: Reflections, owner: np.ndarray
    ) -> None:
        self._images, self._list, self._owner = images, reflections, owner
        self._pictures = [Picture(loss, e) for loss, e in zip(losses, images, strict=True)]

    def start(self) -> np.ndarray:
        free = np.flatnonzero(self._owner >= 0)
        return np.log(self._list.amplitude[free[np.unique(self._owner[free], return_index=True)[1]]])

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        count = int(self._owner.max()) + 1
        return np.full(count, -np.inf), np.full(count, np.inf)

    def near(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x - _FARTHEST_STEP, x + _FARTHEST_STEP

    def spread(self, values: np.ndarray, others: ArrayLike) -> np.ndarray:
        """Values of the unknowns for each reflection, and others for those that stay."""
        return np.where(self._owner >= 0, values[self._owner], others)

    def reflections(self, x: np.ndarray) -> Reflections:
        amplitude = self.spread(np.exp(np.minimum(x, 300.0)), self._list.amplitude)
        return Reflections(self._list.hkl, amplitude, cell=self._list.cell)

    def evaluate(self, x: np.ndarray) -> _Equations:
        reflections = self.reflections(x)
        free = np.flatnonzero(self._owner >= 0)
        rates = _sparse().csr_array(
            (reflections.amplitude[free], (free, self._owner[free])), shape=(len(self._owner), len(x))
        )
        value, gradient, matrix = 0.0, np.zeros(len(x)), _sparse().csr_array((len(x), len(x)))
        for experiment, picture in zip(self._images, self._pictures, strict=True):
            found, jacobian = self._image(experiment.replace(**{"crystal.reflections": reflections}), picture)
            scaled = jacobian @ rates
            value += float(found[0].sum())
            gradient += scaled.T @ found[1]
            matrix = matrix + scaled.T @ scaled.multiply(found[2][:, np.newaxis])
        return _Equations(value, gradient, matrix.tocsr())

    def _image(self, experiment: Experiment, picture: Picture) -> tuple[np.ndarray, Any]:
        """Terms (3, n) of an image, and its derivatives (n, m) by the amplitudes of the list."""
        from nbnumba.kernels.derivatives import judge

        pixels = picture.places.pixels
        model, hkl, jacobian = _jacobian(experiment, pixels)
        found = np.empty((3, len(pixels)))
        call(judge, found, model, pixels, picture.loss.target)
        return found, jacobian[:, _positions(hkl, self._list.hkl)]


def _positions(box: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of some reflections stands in a box of them, which is ordered by h, then k, then l."""
    low, size = box.min(axis=0), np.ptp(box, axis=0) + 1
    return np.ravel_multi_index(tuple((wanted - low).T), tuple(size))
