"""Rendering on a GPU, image after image: what images have in common stays there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from nbnumba.convergence import settled
from nbnumba.errors import NbnumbaError
from nbnumba.gpu import Gpu
from nbnumba.model.experiment import Experiment
from nbnumba.simulation import (
    PRECISIONS,
    canvas,
    check_choice,
    check_device,
    check_no_threads,
    check_threads,
    render_on,
    report_counts,
    simulate,
    warn_if_dark,
)


class Renderer:
    """Images of experiments that have much in common, one after another, on one device.

    Args:
        experiment: the first of them.
        device: "cpu", "cuda" or "cuda:1" and so on.
        precision: "double" or "mixed", as ``simulate`` explains.
        threads: number of CPU threads; None: as many as Numba is set to use.

    Raises:
        NbnumbaError: a device, precision or number of threads that is not there.
    """

    def __init__(
        self, experiment: Experiment, *, device: str = "cuda", precision: str = "double", threads: int | None = None
    ) -> None:
        check_device(device)
        check_choice("precision", precision, PRECISIONS)
        check_threads(threads) if device == "cpu" else check_no_threads(device, threads)
        self.experiment, self.device, self.precision, self.threads = experiment, device, precision, threads
        self._gpu = None if device == "cpu" else Gpu(device, precision)

    @property
    def bytes_sent(self) -> int:
        """Bytes of arrays that were sent to the device so far."""
        return 0 if self._gpu is None else self._gpu.device.bytes_sent

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
            out: float32 array of the image's shape, C-contiguous, to be filled and returned.
            on_device: leave the image on the GPU and return it as an array that others there can use
                (``__cuda_array_interface__``); it is the caller's.
            progress: called as progress(done, total) with numbers of rows.

        Returns:
            float32 array [photons], shaped as ``simulate``'s; 0 outside region and mask.

        Raises:
            NbnumbaError: too little memory on the device, numbers beyond float32, or as ``simulate``.
        """
        self.experiment = experiment = settled(self.experiment if experiment is None else experiment)
        if self._gpu is None:
            if on_device:
                raise NbnumbaError("on_device: found True with device 'cpu'; allowed: with 'cuda'")
            return simulate(experiment, precision=self.precision, threads=self.threads, out=out, progress=progress)
        if out is not None:
            canvas(experiment, out)
        return render_on(self._gpu, experiment, out=out, on_device=on_device, progress=progress)

    def series(self, experiments: Iterable[Experiment]) -> Iterator[np.ndarray]:
        """Images of experiments in order: one is rendered while the one before is copied back.

        Where memory is too short for that, they are rendered one by one, as ``render`` does.
        """
        waiting = None
        try:
            for experiment in experiments:
                experiment = settled(experiment)
                before, waiting = waiting, self._begin(experiment)
                if before is not None:
                    yield self._end(before)
                if waiting is None:
                    yield self.render(experiment)
            if waiting is not None:
                before, waiting = waiting, None
                yield self._end(before)
        finally:
            if waiting is not None and self._gpu is not None:
                self._gpu.end(waiting)

    def _begin(self, experiment: Experiment) -> Any:
        """What is under way, or None where it cannot be."""
        if self._gpu is None:
            return None
        try:
            begun = self._gpu.begin(experiment)
        except NbnumbaError:
            return None
        warn_if_dark(experiment)
        return begun

    def _end(self, begun: Any) -> np.ndarray:
        assert self._gpu is not None
        image, counts = self._gpu.end(begun)
        report_counts(*counts, self.precision)
        return image
