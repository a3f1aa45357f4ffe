"""Rendering on a GPU, image after image: what images have in common stays there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.arguments import Arguments, Orientations
from nbnumba.kernels.pack import KINDS, pack
from nbnumba.model.experiment import Experiment
from nbnumba.physics.structure_factor import Uniform
from nbnumba.simulation import PRECISIONS, check_choice, report_counts, simulate, warn_if_dark

_STEPS_A_LAUNCH = 1 << 34  # between two calls of the progress function
_SPARE = 64 * 2**20  # bytes of the GPU's memory that are left to others


class Renderer:
    """Images of experiments that have much in common, one after another, on one device.

    Args:
        experiment: the first of them.
        device: "cpu", "cuda" or "cuda:1" and so on.
        precision: "double" or "mixed", as ``simulate`` explains.

    Raises:
        NbnumbaError: a device or precision that is not there.
    """

    def __init__(self, experiment: Experiment, *, device: str = "cuda", precision: str = "double") -> None:
        check_choice("precision", precision, PRECISIONS)
        self.experiment, self.device, self.precision = experiment, device, precision
        self._gpu = None if device == "cpu" else Gpu(device, precision)

    @property
    def bytes_sent(self) -> int:
        """Bytes of arrays that were sent to the device so far."""
        return 0 if self._gpu is None else self._gpu.bytes_sent

    def render(
        self,
        experiment: Experiment | None = None,
        *,
        out: np.ndarray | None = None,
        on_device: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Any:
        """Expected photons in every pixel.

        Args:
            experiment: what to render; None: the same as before.
            out: float32 array (slow, fast), C-contiguous, to be filled and returned.
            on_device: leave the image on the GPU and return it as an array that others there can use
                (``__cuda_array_interface__``); it is the caller's.
            progress: called as progress(done, total) with numbers of rows.

        Returns:
            float32 array (slow, fast) [photons]; 0 outside region and mask.

        Raises:
            NbnumbaError: too little memory on the device, numbers beyond float32, or as ``simulate``.
        """
        self.experiment = experiment = self.experiment if experiment is None else experiment
        if self._gpu is None:
            if on_device:
                raise NbnumbaError("on_device: found True with device 'cpu'; allowed: with 'cuda'")
            return simulate(experiment, precision=self.precision, out=out, progress=progress)
        warn_if_dark(experiment)
        image, counts = self._gpu.render(experiment, out, on_device, progress)
        report_counts(*counts, self.precision)
        return image

    def series(self, experiments: Iterable[Experiment]) -> Iterator[np.ndarray]:
        """Images of experiments in order: one is rendered while the one before is copied back."""
        if self._gpu is None:
            yield from (self.render(experiment) for experiment in experiments)
            return
        waiting = None
        for experiment in experiments:
            begun = self._gpu.begin(experiment)
            if waiting is not None:
                yield self._end(waiting)
            waiting = begun
        if waiting is not None:
            yield self._end(waiting)

    def _end(self, begun: Any) -> np.ndarray:
        assert self._gpu is not None
        image, counts = self._gpu.end(begun)
        report_counts(*counts, self.precision)
        return image


class Gpu:
    """A GPU with the arrays that were sent to it, by their place in the arguments of the loops."""

    def __init__(self, name: str, precision: str) -> None:
        from numba import cuda

        from nbnumba.kernels.cuda import compiled, number_of, require

        require(name)
        self._cuda, self._precision, self._kernel = cuda, precision, compiled()
        self._number = number_of(name)
        self._sent: dict[str, tuple[np.ndarray, Any]] = {}
        self.bytes_sent = 0

    def render(
        self,
        experiment: Experiment,
        out: np.ndarray | None,
        on_device: bool,
        progress: Callable[[int, int], None] | None,
    ) -> tuple[Any, tuple[int, int]]:
        """Image and what was counted, in as many bands of rows as memory and progress ask for."""
        slow, fast = experiment.detector.pixels
        with self._cuda.gpus[self._number]:
            a, axes = self._arguments(experiment, 0)
            counts = self._cuda.to_device(np.zeros(2, np.int64))
            rows = self._rows(slow, fast, on_device)
            whole = self._cuda.device_array((slow, fast), np.float32) if rows == slow else None
            image = None if on_device else np.empty((slow, fast), np.float32) if out is None else out
            for start in range(0, slow, rows):
                stop = min(start + rows, slow)
                band = self._cuda.device_array((stop - start, fast), np.float32) if whole is None else whole
                for first, last in _launches(experiment, start, stop, progress):
                    self._launch(band[first - start : last - start], counts, first, axes, a, 0)
                    if progress is not None:
                        self._cuda.synchronize()
                        progress(last, slow)
                if image is not None:
                    band.copy_to_host(image[start:stop])
            found = counts.copy_to_host()
        return whole if on_device else image, (int(found[0]), int(found[1]))

    def begin(self, experiment: Experiment) -> tuple[Any, ...]:
        """Send, render and copy back on a stream of its own."""
        with self._cuda.gpus[self._number]:
            stream = self._cuda.stream()
            a, axes = self._arguments(experiment, stream)
            counts = self._cuda.to_device(np.zeros(2, np.int64), stream=stream)
            shape = experiment.detector.pixels
            image = self._cuda.device_array(shape, np.float32, stream=stream)
            self._launch(image, counts, 0, axes, a, stream)
            there = self._cuda.pinned_array(shape, np.float32)
            numbers = self._cuda.pinned_array(2, np.int64)
            image.copy_to_host(there, stream=stream)
            counts.copy_to_host(numbers, stream=stream)
        return stream, there, numbers, a, axes, image, counts  # which have to outlive the work

    def end(self, begun: tuple[Any, ...]) -> tuple[np.ndarray, tuple[int, int]]:
        """Wait for what was begun."""
        stream, there, numbers, *_ = begun
        stream.synchronize()
        return np.array(there), (int(numbers[0]), int(numbers[1]))

    def _launch(self, image: Any, counts: Any, start: int, axes: Any, a: Arguments, stream: Any) -> None:
        from nbnumba.kernels.cuda import THREADS

        rows, width = image.shape
        self._kernel[(-(-width // THREADS), rows), (THREADS, 1), stream](image, counts, start, axes, a)

    def _arguments(self, experiment: Experiment, stream: Any) -> tuple[Arguments, Any]:
        a = pack(experiment, self._precision)
        cells, domains = a.orientations
        axes = np.einsum("pij,mkj->pmik", cells, domains).reshape(-1, 3, 3)
        # All orientations are in the axes.
        few = a._replace(structure=self._narrowed(a), orientations=Orientations(axes[:0], axes[:0]))
        new = sum(array.nbytes for array in self._missing((few, axes), ""))
        free = self._cuda.current_context().get_memory_info().free
        if new > free:
            raise NbnumbaError(
                f"device: the reflection table and matrices need {new / 2**20:.0f} MiB, and the GPU has "
                f"{free / 2**20:.0f} MiB free; take fewer reflections or domains, or 'cpu'"
            )
        return self._send((few, axes), "", stream)

    def _rows(self, slow: int, fast: int, on_device: bool) -> int:
        """Rows of an image that fit into the free memory."""
        free = self._cuda.current_context().get_memory_info().free - _SPARE
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
        known = self._sent.get("values")
        if known is None or known[0] is not structure.values.base:
            known = self._sent["values"] = (structure.values.base, structure.values.astype(kind))
        return structure._replace(values=known[1])

    def _missing(self, value: Any, place: str) -> Iterator[np.ndarray]:
        """Arrays that are not on the device yet."""
        if isinstance(value, tuple):
            for i, item in enumerate(value):
                yield from self._missing(item, f"{place}.{i}")
        elif isinstance(value, np.ndarray) and not self._there(value, place):
            yield value

    def _there(self, array: np.ndarray, place: str) -> bool:
        before = self._sent.get(place)
        return before is not None and _same(before[0], array)

    def _send(self, value: Any, place: str, stream: Any) -> Any:
        """The same nested tuples with arrays on the device; those that are there already are not sent again."""
        if isinstance(value, tuple):
            parts = [self._send(item, f"{place}.{i}", stream) for i, item in enumerate(value)]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if not isinstance(value, np.ndarray):
            return value
        if not self._there(value, place):
            self._sent[place] = value, self._cuda.to_device(np.ascontiguousarray(value), stream=stream)
            self.bytes_sent += value.nbytes
        return self._sent[place][1]


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether arrays hold the same, without looking where they are the same memory."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.__array_interface__["data"] == b.__array_interface__["data"] or np.array_equal(a, b)


def _launches(
    experiment: Experiment, start: int, stop: int, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[int, int]]:
    """Rows of each launch: all at once, or as many as a person would wait for in silence."""
    rows = stop - start
    if progress is not None:
        rows = max(_STEPS_A_LAUNCH // (experiment.detector.pixels[1] * experiment.steps_per_pixel), 1)
    for first in range(start, stop, rows):
        yield first, min(first + rows, stop)
