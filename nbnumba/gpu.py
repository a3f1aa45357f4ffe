"""Images on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import Arguments, Orientations, all_axes
from nbnumba.kernels.pack import KINDS, pack
from nbnumba.model.experiment import Experiment
from nbnumba.physics.structure_factor import Uniform

_STEPS_A_LAUNCH = 1 << 34  # between two calls of the progress function
_ROWS_OF_A_GRID = 65535
_SPARE = 64 * 2**20  # bytes of the GPU's memory that are left to others


class Gpu:
    """The loops for images on a GPU."""

    def __init__(self, name: str, precision: str) -> None:
        from nbnumba.kernels.cuda import compiled, render_pixel
        from nbnumba.kernels.device import Device

        self.device, self._precision, self._kernel = Device(name), precision, compiled(render_pixel)
        self._cuda = self.device.cuda
        self._values: tuple[Any, np.ndarray] | None = None
        self._packed: tuple[Experiment, list[tuple[Arguments, Any]]] | None = None

    def render(
        self,
        experiment: Experiment,
        out: np.ndarray | None,
        on_device: bool,
        progress: Callable[[int, int], None] | None,
    ) -> tuple[Any, tuple[int, int]]:
        """Image and what was counted, in as many bands of rows as memory and progress ask for.

        Only the region is rendered, unless the whole image is wanted on the device.
        """
        detector = experiment.detector
        all_rows, width = detector.rows, detector.pixels[1]
        (s0, s1), (f0, f1) = ((0, all_rows), (0, width)) if on_device else detector.region
        with self.device.active():
            parts = self._arguments(experiment, 0)
            counts = self._cuda.to_device(np.zeros(2, np.int64))
            rows = self._rows(s1 - s0, f1 - f0, on_device)
            whole = None if on_device else np.zeros(detector.shape, np.float32) if out is None else out
            image = None if whole is None else whole.reshape(all_rows, width)
            band = self._cuda.device_array((rows, f1 - f0), np.float32)
            for start in range(s0, s1, rows):
                stop = min(start + rows, s1)
                for first, last in _launches(experiment, start, stop, progress):
                    self._launch(band[first - start : last - start], counts, (first, f0), parts, 0)
                    if progress is not None:
                        self._cuda.synchronize()
                        progress(last - s0, s1 - s0)
                if image is not None and f1 - f0 == width:
                    band[: stop - start].copy_to_host(image[start:stop])
                elif image is not None:
                    image[start:stop, f0:f1] = band[: stop - start].copy_to_host()
            found = counts.copy_to_host()
        return band.reshape(detector.shape) if on_device else whole, (int(found[0]), int(found[1]))

    def begin(self, experiment: Experiment) -> tuple[Any, ...]:
        """Send, render and copy back on a stream of its own."""
        with self.device.active():
            stream = self._cuda.stream()
            shape = experiment.detector.rows, experiment.detector.pixels[1]
            self._rows(*shape, True)
            parts = self._arguments(experiment, stream)
            stream.synchronize()  # what was sent serves the streams of later images too
            counts = self._cuda.to_device(np.zeros(2, np.int64), stream=stream)
            image = self._cuda.device_array(shape, np.float32, stream=stream)
            self._launch(image, counts, (0, 0), parts, stream)
            there = self._cuda.pinned_array(experiment.detector.shape, np.float32)
            numbers = self._cuda.pinned_array(2, np.int64)
            image.copy_to_host(there.reshape(shape), stream=stream)
            counts.copy_to_host(numbers, stream=stream)
        return stream, there, numbers, parts, image, counts  # which have to outlive the work

    def end(self, begun: tuple[Any, ...]) -> tuple[np.ndarray, tuple[int, int]]:
        """Wait for what was begun."""
        stream, there, numbers, *_ = begun
        stream.synchronize()
        return np.array(there), (int(numbers[0]), int(numbers[1]))

    def _launch(
        self, image: Any, counts: Any, start: tuple[int, int], parts: list[tuple[Arguments, Any]], stream: Any
    ) -> None:
        """Render the first part of an image, and add the others."""
        from nbnumba.kernels.cuda import THREADS

        rows, width = image.shape
        for number, (a, axes) in enumerate(parts):
            self._kernel[(-(-width // THREADS), rows), (THREADS, 1), stream](image, counts, number > 0, *start, axes, a)

    def _arguments(self, experiment: Experiment, stream: Any) -> list[tuple[Arguments, Any]]:
        """Arguments of each part of an image, with the axes of all orientations (n, 3, 3)."""
        if self._packed is not None and self._packed[0] is experiment:
            return self._packed[1]  # all of it is there
        sent = []
        for part, weight in experiment.components():
            a = pack(part, self._precision, weight=weight)
            axes = all_axes(a.orientations)
            few = a._replace(structure=self._narrowed(a), orientations=Orientations(axes[:0], axes[:0], False))
            sent.append(self.device.send((few, axes), stream))
        self._packed = experiment, sent
        return sent

    def _rows(self, slow: int, fast: int, on_device: bool) -> int:
        """Rows of an image that fit into the free memory."""
        free = self.device.free() - _SPARE
        rows = slow if 4 * slow * fast <= free else int(free // (4 * fast))
        if rows < 1 or (on_device and rows < slow):
            raise NbnumbaError(
                f"device: an image of {slow} x {fast} pixels needs {4 * slow * fast / 2**20:.0f} MiB, and the GPU has "
                f"{max(free, 0) / 2**20:.0f} MiB free; render a part of it (detector.roi), or on 'cpu'"
            )
        return rows

    def _narrowed(self, a: Arguments) -> Any:
        """Amplitudes in the precision of the loops: half the memory to read, and no conversion in the loop."""
        structure, kind = a.structure, KINDS[self._precision]
        if isinstance(structure, Uniform):
            return Uniform(kind(structure.value))
        if kind is float:
            return structure
        if self._values is None or self._values[0] is not structure.values.base:
            self._values = structure.values.base, structure.values.astype(kind)
        return structure._replace(values=self._values[1])


def _launches(
    experiment: Experiment, start: int, stop: int, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[int, int]]:
    """Rows of each launch: all that a grid can hold, or as many as a person would wait for in silence."""
    rows = _ROWS_OF_A_GRID
    if progress is not None:
        rows = min(max(_STEPS_A_LAUNCH // (experiment.detector.pixels[1] * experiment.steps_per_pixel), 1), rows)
    for first in range(start, stop, rows):
        yield first, min(first + rows, stop)
