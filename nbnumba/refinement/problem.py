"""Images, what is refined of them, and the normal equations at any point."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.pack import pack
from nbnumba.kernels.slopes import COUNT, PLANE, SOURCES, SPREAD
from nbnumba.kernels.sums import LOSS, SLOPE, Places, centers, derive
from nbnumba.model.experiment import Experiment
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.parameters import tilt_axis
from nbnumba.refinement.chain import chain
from nbnumba.refinement.engine import engine
from nbnumba.refinement.equations import Equations, Part
from nbnumba.refinement.free import Free
from nbnumba.refinement.jacobian import jacobian, motions
from nbnumba.refinement.losses import Loss
from nbnumba.refinement.shoeboxes import Shoebox

#: Numbers of a plane: the logarithm of the background at the middle pixel, and its slopes along fast and slow. A plane
#: of logarithms is a plane where it does not slope much, and leaves no pixel with fewer photons than none. Where a box
#: says little, its plane is held: a factor e^3 from where it starts, or e from the middle to the edge, counts as one
#: standard deviation.
_PLANE = 3
_SIGMAS = np.array([3.0, 1.0, 1.0])
_FARTHEST, _FARTHEST_STEP = 50.0, 2.0  # logarithm of a background, and its change at a step
_LEVEL = 0.05  # photons that planes start from at least
_ENOUGH = 20  # pixels that a box with a plane needs: fewer would follow the noise down to no photons


class Sums(NamedTuple):
    """Sums over the pixels of one image: loss, slopes and curvatures by parameters and the planes of its boxes."""

    value: float
    part: Part


class Picture:
    """One image: its pixels, in groups of which each may have a plane of background."""

    def __init__(
        self,
        loss: Loss,
        experiment: Experiment,
        boxes: Sequence[Shoebox] | None = None,
        *,
        planes: bool = False,
        device: str = "cpu",
    ) -> None:
        if loss.data.shape != experiment.detector.shape:
            raise NbnumbaError(
                f"data: found shape {loss.data.shape}; allowed: {experiment.detector.shape}, the detector's"
            )
        experiment.check_one_lattice("a loss (which may take the image of the others as background)")
        if experiment.background and not np.any(loss.background):
            names = ", ".join(part.name for part in experiment.background)
            raise NbnumbaError(
                f"background: found {names} in the experiment and none "
                "in the loss; give the loss background=nb.background(experiment), or the experiment background=[]"
            )
        if boxes is not None or planes:
            experiment.detector.check_one_panel("boxes and planes of background")
        counting = experiment.rendered & loss.mask
        self.boxes: list[Shoebox] = []
        groups = [np.flatnonzero(counting)]
        if boxes is not None:
            self.boxes, groups = _in_boxes(counting, boxes, _ENOUGH if planes else 1)
        if not any(map(len, groups)):
            raise NbnumbaError("mask, boxes: found no pixel that counts inside region, mask and boxes; allowed: some")
        self.loss, self.target, self._run = loss, loss.target, engine(device)
        self.places = Places(
            np.concatenate(groups), counting.shape[-1], np.cumsum([0, *map(len, groups)]).astype(np.int64)
        )
        self._centers = centers(self.places)
        self.planes = self._level_planes() if planes else np.zeros((0, _PLANE))
        self._reach = self._reaches() if planes else np.zeros((0, _PLANE))
        self.stride = _FARTHEST_STEP / np.maximum(self._reach, 1.0)  # of planes in one step

    def _level_planes(self) -> np.ndarray:
        """Planes to start from: level, at the median of what the data of each group have above the background."""
        excess = self.target.data - self.target.background
        ends = itertools.pairwise(self.places.groups.tolist())
        medians = [np.median(excess[self.places.pixels[start:stop]]) for start, stop in ends]
        return np.array([(math.log(max(float(m), _LEVEL)), 0.0, 0.0) for m in medians])

    def with_level_planes(self) -> Picture:
        """The same with the planes that a search starts from as a background that stays."""
        still = copy.copy(self)
        still.target = self.target._replace(background=self.background(self.planes))
        still.planes = still._reach = still.stride = np.zeros((0, _PLANE))
        return still

    def background(self, planes: np.ndarray) -> np.ndarray:
        """The loss' own background with that of planes added, as one row."""
        return self.target.background + self._on_pixels(planes) if len(planes) else self.target.background

    def beside(self, experiment: Experiment, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images of the data and of the model with its background, NaN where no pixel counts."""
        shape, flat = self.loss.data.shape, self.places.pixels
        data, model = np.full(shape, np.nan), np.full(shape, np.nan)
        pixels = np.column_stack(np.unravel_index(flat, shape))
        data.flat[flat] = self.loss.data.flat[flat]
        model.flat[flat] = (
            jacobian(experiment, [], pixels)[0]
            + (self.background(planes) - self.target.background + np.ravel(self.loss.background))[flat]
        )
        return data, model

    def sums(self, experiment: Experiment, matrix: np.ndarray, planes: np.ndarray, *, curved: bool = True) -> Sums:
        """Sums at an experiment whose parameters act by the columns of ``matrix``."""
        target = self.target
        if len(planes):
            of_planes = self._on_pixels(planes)
            target = target._replace(background=target.background + of_planes, plane=of_planes)
        a = pack(experiment, merged=False)
        whole = bool(matrix[SPREAD:].any())
        found = derive(self._run, a, motions(experiment, a), self.places, target, whole=whole, curved=curved)
        upper = np.triu(found[:, :COUNT, :COUNT])
        squares = upper + np.triu(upper, 1).transpose(0, 2, 1)
        total, slopes = squares.sum(axis=0), found[:, :COUNT, SLOPE]
        plane, boxes = slice(PLANE, PLANE + _PLANE), len(planes)
        pull = (planes - self.planes) * self._reach / _SIGMAS
        bend = np.zeros((boxes, _PLANE, _PLANE))
        bend[:, range(_PLANE), range(_PLANE)] = (self._reach / _SIGMAS) ** 2
        return Sums(
            float(found[:, LOSS, LOSS].sum()) + 0.5 * float((pull**2).sum()),
            Part(
                slope=matrix.T @ slopes.sum(axis=0),
                curvature=matrix.T @ total @ matrix,
                planes=slopes[:boxes, plane] + pull * self._reach / _SIGMAS,
                blocks=squares[:boxes, plane, plane] + bend,
                mixed=np.einsum("zi,bzj->bij", matrix, squares[:boxes, :, plane]),
            ),
        )

    def _reaches(self) -> np.ndarray:
        """For each plane 1 and half the extent of its box along fast and slow [pixels]."""
        slow, fast = self.places.pixels // self.places.width, self.places.pixels % self.places.width
        starts = self.places.groups[:-1]
        sizes = [(np.maximum.reduceat(x, starts) - np.minimum.reduceat(x, starts)) / 2.0 for x in (fast, slow)]
        return np.column_stack([np.ones(len(starts)), *sizes])

    def _on_pixels(self, planes: np.ndarray) -> np.ndarray:
        """Background of planes as an image in one row; 0 where there is no box."""
        owner = np.repeat(np.arange(len(planes)), np.diff(self.places.groups))
        slow, fast = self.places.pixels // self.places.width, self.places.pixels % self.places.width
        level, along_fast, along_slow = planes[owner].T
        height = level + along_fast * (fast - self._centers[owner, 1]) + along_slow * (slow - self._centers[owner, 0])
        image = np.zeros(self.loss.data.size)
        image[self.places.pixels] = np.exp(np.clip(height, -_FARTHEST, _FARTHEST))
        return image


def _in_boxes(counting: np.ndarray, boxes: Sequence[Shoebox], least: int) -> tuple[list[Shoebox], list[np.ndarray]]:
    """Boxes with enough pixels that count and that no box before holds, and the places of these pixels."""
    slow_size, fast_size = counting.shape
    for box in boxes:
        if not (0 <= box.slow_start < box.slow_stop <= slow_size and 0 <= box.fast_start < box.fast_stop <= fast_size):
            raise NbnumbaError(f"boxes: found {box}; allowed: boxes within the detector's {counting.shape} pixels")
    free, kept, groups = counting.copy(), [], []
    for box in boxes:
        inside = np.s_[box.slow_start : box.slow_stop, box.fast_start : box.fast_stop]
        slow, fast = np.nonzero(free[inside])
        if len(slow) >= least:
            free[inside] = False
            kept.append(box)
            groups.append((slow + box.slow_start) * counting.shape[1] + fast + box.fast_start)
    return kept, groups


def _outer(free: Sequence[Free], inner: np.ndarray) -> dict[str, float]:
    """Values of parameters, by name, from unknowns."""
    return {m: f.outer(v) for f, v in zip(free, inner.tolist(), strict=True) for m in f.members}


class Problem:
    """Pictures and what is refined; unknowns are the shared numbers, then for each image its own and its planes."""

    def __init__(self, experiments: Sequence[Experiment], pictures: Sequence[Picture], free: Sequence[Free]) -> None:
        self.starts, self.pictures = list(experiments), list(pictures)
        self.shared = [f for f in free if f.shared]
        self.own = [f for f in free if not f.shared]

    def _layout(self) -> Iterator[tuple[Picture, slice, slice]]:
        """Each image, and where among the unknowns its own numbers and its planes stand."""
        at = len(self.shared)
        for picture in self.pictures:
            own = slice(at, at + len(self.own))
            at = own.stop + picture.planes.size
            yield picture, own, slice(own.stop, at)

    def start(self, found: Sequence[Mapping[str, float]] | None = None) -> np.ndarray:
        """Unknowns of the experiments as they were given, or with values that were found for each of them.

        Shared numbers are those of the first.
        """
        values = [e.parameters() for e in self.starts]
        values = [now | dict(new) for now, new in zip(values, found or [{}] * len(values), strict=True)]
        x = [f.inner(values[0][f.name]) for f in self.shared]
        for now, picture in zip(values, self.pictures, strict=True):
            x += [f.inner(now[f.name]) for f in self.own]
            x += picture.planes.ravel().tolist()
        return np.array(x)

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest values of the unknowns."""
        rows = [f.limits for f in self.shared]
        for picture in self.pictures:
            rows += [f.limits for f in self.own] + [(-np.inf, np.inf)] * picture.planes.size
        low, high = np.array(rows).reshape(-1, 2).T
        return low, high

    def names(self) -> list[str]:
        """Names of the unknowns that are parameters, in order; those of one of several images with its number."""
        single = len(self.pictures) == 1
        own = [f.name if single else f"{f.name}[{i}]" for i in range(len(self.pictures)) for f in self.own]
        return [f.name for f in self.shared] + own

    def places(self) -> list[int]:
        """Where the parameters that ``names`` names stand among the unknowns."""
        return [*range(len(self.shared)), *(i for _, own, _ in self._layout() for i in range(own.start, own.stop))]

    def values(self, x: np.ndarray) -> list[dict[str, float]]:
        """Values of what is refined, and of what is tied to it, for each image."""
        shared = _outer(self.shared, x[: len(self.shared)])
        return [shared | _outer(self.own, x[own]) for _, own, _ in self._layout()]

    def parts(self, x: np.ndarray) -> list[tuple[Experiment, np.ndarray]]:
        """Experiment and planes of each image.

        Raises:
            NbnumbaError: values that no experiment can have.
        """
        each = zip(self.starts, self.values(x), self._layout(), strict=True)
        return [
            (start.with_parameters(**values), x[planes].reshape(-1, _PLANE)) for start, values, (*_, planes) in each
        ]

    def evaluate(self, x: np.ndarray, *, curved: bool = True) -> Equations:
        """The normal equations at some unknowns.

        Raises:
            NbnumbaError: values that no experiment can have.
        """
        parts = self.parts(x)
        value, found = 0.0, []
        for picture, (experiment, planes), values in zip(self.pictures, parts, self.values(x), strict=True):
            sums = picture.sums(experiment, self._matrix(experiment, values), planes, curved=curved)
            value += sums.value
            found.append(sums.part)
        value += self._restrain(x, found)
        return Equations(value, len(self.shared), found)

    def near(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest unknowns within one step: limits, and for planes a factor e^2 of background."""
        low, high = self.limits()
        for picture, _, planes in self._layout():
            low[planes], high[planes] = x[planes] - picture.stride.ravel(), x[planes] + picture.stride.ravel()
        return low, high

    def _matrix(self, experiment: Experiment, values: Mapping[str, float]) -> np.ndarray:
        """What the intermediates z change by when a number changes on its own scale."""
        columns = []
        for f in (*self.shared, *self.own):
            column = chain(experiment, f.members).sum(axis=1)
            if f.name == "beam_tilt_h":  # whose axis the other tilt, which comes after it, has turned
                angle = math.radians(values.get("beam_tilt_v", 0.0))
                turn = rotation_matrix(tilt_axis(experiment, "beam_tilt_v"), angle)
                column[SOURCES : SOURCES + 3] = turn @ column[SOURCES : SOURCES + 3]
            columns.append(column * f.rate(values[f.name]))
        return np.column_stack([np.zeros((COUNT, 0)), *columns])

    def _restrain(self, x: np.ndarray, parts: Sequence[Part]) -> float:
        """Add (value - center)^2/(2 sigma^2) of each restraint to slopes and curvatures; what it adds to the value.

        Those of shared numbers are added to the first image.
        """
        total, s = 0.0, len(self.shared)
        places = [(f, parts[0], i, i) for i, f in enumerate(self.shared)]
        for part, (_, own, _) in zip(parts, self._layout(), strict=True):
            places += [(f, part, s + i, own.start + i) for i, f in enumerate(self.own)]
        for f, part, row, place in places:
            if f.restraint is not None:
                value = f.outer(float(x[place]))
                pull, rate = (value - f.restraint[0]) / f.restraint[1], f.rate(value) / f.restraint[1]
                total += 0.5 * pull * pull
                part.slope[row] += pull * rate
                part.curvature[row, row] += rate * rate
        return total
