"""Images on a GPU."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from nbnumba._jit import kernel
from nbnumba._run import call
from nbnumba.errors import NbnumbaError, NbnumbaJobError
from nbnumba.kernels.arguments import NO_ORIENTATIONS, Arguments, all_axes
from nbnumba.kernels.pack import pack
from nbnumba.model.experiment import Experiment
from nbnumba.physics.lattice.square import Square
from nbnumba.physics.structure_factor import Nearest, Uniform

_STEPS_A_LAUNCH = 1 << 34  # between two calls of the progress function
_MOST_ORIENTATIONS = (2**31 - 1) // 9 - 1  # the places of their numbers are integers of 32 bits
_SPARE = 64 * 2**20  # bytes of the GPU's memory that are left to others
_NOTHING = np.zeros(2, np.int64)  # counted
Progress = Callable[[int, int], None] | None


class Slot(NamedTuple):
    """Memory of one of several images that are under way at the same time."""

    key: str  # of its arguments on the device
    stream: Any
    image: Any  # of the region, on the device
    counts: Any
    copy: Any  # of the image, on the CPU
    copied: Any  # counts


class Gpu:
    """The loops for images on a GPU."""

    def __init__(self, name: str, precision: str) -> None:
        from nbnumba.kernels.device import Device

        self.device, self.precision = Device(name), precision
        self._cuda = self.device.cuda
        self._tables: dict[int, tuple[Any, np.ndarray]] = {}
        self._packed: tuple[Experiment, list[tuple[Arguments, np.ndarray]]] | None = None
        self._kept: tuple[tuple[int, int], Any] | None = None
        self._counts: Any = None
        self._slots: list[Slot] = []  # that no image uses
        self._numbers = itertools.count()

    def render(
        self, experiment: Experiment, out: np.ndarray | None, on_device: bool, progress: Progress
    ) -> tuple[Any, tuple[int, int]]:
        """Image and what was counted, in as many bands of rows as memory and progress ask for.

        Only the region is rendered, unless the whole image is wanted on the device.
        """
        detector = experiment.detector
        all_rows, width = detector.rows, detector.pixels[1]
        (s0, s1), (f0, f1) = ((0, all_rows), (0, width)) if on_device else detector.region
        with self.device.active():
            parts = self._arguments(experiment, "image", 0)
            band = self._whole((all_rows, width)) if on_device else self._band(s1 - s0, f1 - f0)
            counts = self._cleared()
            whole = None if on_device else np.zeros(detector.shape, np.float32) if out is None else out
            image = None if whole is None else whole.reshape(all_rows, width)
            if progress is not None:
                self._launch(band[:1], counts, (all_rows, f0), parts, 0)  # compiles: there are no such pixels
                progress(0, s1 - s0)
            for start in range(s0, s1, len(band)):
                stop = min(start + len(band), s1)
                for first, last in _launches(experiment, start, stop, progress):
                    self._launch(band[first - start : last - start], counts, (first, f0), parts, 0)
                    if progress is not None:
                        self._cuda.synchronize()
                        progress(last - s0, s1 - s0)
                if image is not None and f1 - f0 == width:
                    band[: stop - start].copy_to_host(image[start:stop])
                elif image is not None:
                    image[start:stop, f0:f1] = band[: stop - start].copy_to_host()
            outside, broken = counts.copy_to_host().tolist()
        return band.reshape(detector.shape) if on_device else whole, (outside, broken)

    def begin(self, experiment: Experiment) -> tuple[Experiment, Slot]:
        """Send, render and copy back the region, without waiting.

        Raises:
            NbnumbaJobError: too little memory, among others.
        """
        (s0, s1), (f0, f1) = experiment.detector.region
        with self.device.active():
            slot = self._slot((s1 - s0, f1 - f0))
            try:
                parts = self._arguments(experiment, slot.key, slot.stream)
                slot.counts.copy_to_device(_NOTHING, stream=slot.stream)
                self._launch(slot.image, slot.counts, (s0, f0), parts, slot.stream)
                slot.image.copy_to_host(slot.copy, stream=slot.stream)
                slot.counts.copy_to_host(slot.copied, stream=slot.stream)
            except BaseException:
                self._slots.append(slot)
                raise
        return experiment, slot

    def end(self, begun: tuple[Experiment, Slot]) -> tuple[np.ndarray, tuple[int, int]]:
        """Wait for what was begun, and take the image."""
        experiment, slot = begun
        (s0, s1), (f0, f1) = experiment.detector.region
        with self.device.active():
            slot.stream.synchronize()
            image = np.zeros(experiment.detector.shape, np.float32)
            image.reshape(experiment.detector.rows, -1)[s0:s1, f0:f1] = slot.copy
            outside, broken = slot.copied.tolist()
            self._slots.append(slot)
        return image, (outside, broken)

    def _launch(self, image: Any, counts: Any, start: tuple[int, int], parts: list[Any], stream: Any) -> None:
        """Render the first part of an image, and add the others."""
        from nbnumba.kernels.cuda import REGISTERS, THREADS, render_pixel

        rows, width = image.shape
        grid = kernel(render_pixel, REGISTERS)[(rows, -(-width // THREADS)), (1, THREADS), stream]
        for number, (a, axes) in enumerate(parts):
            call(grid, image, counts, number > 0, *start, axes, a)

    def _arguments(self, experiment: Experiment, key: str, stream: Any) -> list[Any]:
        """Arguments of the kernel on the device, for each part of an image; what is there for a key stays."""
        if self._packed is None or self._packed[0] is not experiment:
            self._packed = experiment, self._pack(experiment)
        sent = []
        for number, (a, axes) in enumerate(self._packed[1]):
            structure, region = self.device.send((a.structure, a.region), f"part {number}")
            few = a._replace(structure=structure, region=region)
            sent.append(self.device.send((few, axes), f"{key}, part {number}", stream))
        return sent

    def _pack(self, experiment: Experiment) -> list[tuple[Arguments, np.ndarray]]:
        """The same on the CPU; tables in single precision are made once."""
        known, self._tables = self._tables, {}

        def narrowed(values: np.ndarray) -> np.ndarray:
            before = known.get(id(values.base), (values.base, None))
            narrow = values.astype(np.float32) if before[1] is None else before[1]
            self._tables[id(values.base)] = values.base, narrow
            return narrow

        return [
            kernel_arguments(pack(part, self.precision, weight=weight), narrowed)
            for part, weight, _ in experiment.components()
        ]

    def _cleared(self) -> Any:
        """Memory for what is counted."""
        if self._counts is None:
            self._counts = self.device.array(_NOTHING.shape, _NOTHING.dtype)
        self._counts.copy_to_device(_NOTHING)
        return self._counts

    def _whole(self, shape: tuple[int, ...]) -> Any:
        """Memory for a whole image, which is the caller's."""
        self._kept = None  # makes room
        return self.device.array(shape, np.float32, "without on_device it is rendered in bands; or use 'cpu'")

    def _band(self, slow: int, fast: int) -> Any:
        """Memory for as many of the rows of an image as there is, kept for the next one."""
        if self._kept is None or self._kept[0] != (slow, fast):
            from nbnumba.kernels.device import in_words

            self._kept = None  # makes room
            try:
                band = self.device.array((slow, fast), np.float32)
            except NbnumbaJobError:
                free = self.device.free()
                rows = int((free - _SPARE) // (4 * fast))
                if rows <= 0:
                    raise NbnumbaJobError(
                        f"device: {in_words(free)} of the GPU's memory are free, of which {in_words(_SPARE)} are left "
                        "to others: too little for one row of the image; nvidia-smi tells what uses it; or use 'cpu'"
                    ) from None
                if rows >= slow:
                    raise
                band = self.device.array((rows, fast), np.float32)
            self._kept = (slow, fast), band
        return self._kept[1]

    def _slot(self, shape: tuple[int, int]) -> Slot:
        """Memory of an image that is not under way; made where there is none of the shape."""
        for slot in [slot for slot in self._slots if slot.image.shape != shape]:
            self._slots.remove(slot)
            self.device.forget(slot.key)
        if self._slots:
            return self._slots.pop()
        array, pinned = self.device.array, self.device.pinned
        return Slot(
            f"image {next(self._numbers)}", self._cuda.stream(), array(shape, np.float32), array((2,), np.int64),
            pinned(shape, np.float32), pinned((2,), np.int64),
        )  # fmt: skip


def kernel_arguments(a: Arguments, narrowed: Callable[[np.ndarray], np.ndarray]) -> tuple[Arguments, np.ndarray]:
    """What the kernel for images takes: arguments without their orientations, and the axes of all of those (9 n,).

    Amplitudes that meet an F_latt in single precision are sent in single precision; elsewhere each would be converted
    back at every step.
    """
    structure, count = a.structure, len(a.orientations.cells) * len(a.orientations.turns)
    if count > _MOST_ORIENTATIONS:
        raise NbnumbaError(
            f"scan.steps, crystal.mosaic.domains: found {count} orientations; allowed on a GPU: up to "
            f"{_MOST_ORIENTATIONS}; ask for fewer, or for device 'cpu'"
        )
    if isinstance(a.lattice, Square) and isinstance(a.lattice.least, np.float32):
        if isinstance(structure, Uniform):
            structure = Uniform(np.float32(structure.value))
        elif isinstance(structure, Nearest):
            structure = structure._replace(values=narrowed(structure.values))
    return a._replace(structure=structure, orientations=NO_ORIENTATIONS), all_axes(a.orientations).reshape(-1)


def _launches(experiment: Experiment, start: int, stop: int, progress: Progress) -> Iterator[tuple[int, int]]:
    """Rows of each launch: all, or as many as a person would wait for in silence."""
    rows = stop - start
    if progress is not None:
        rows = min(max(_STEPS_A_LAUNCH // (experiment.detector.pixels[1] * experiment.steps_per_pixel), 1), rows)
    for first in range(start, stop, rows):
        yield first, min(first + rows, stop)
