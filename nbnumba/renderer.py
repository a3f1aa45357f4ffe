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

    Raises:
        NbnumbaError: a device or precision that is not there.
    """

    def __init__(self, experiment: Experiment, *, device: str = "cuda", precision: str = "double") -> None:
        check_device(device)
        check_choice("precision", precision, PRECISIONS)
        self.experiment, self.device, self.precision = experiment, device, precision
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
            return simulate(experiment, precision=self.precision, out=out, progress=progress)
        warn_if_dark(experiment)
        if out is not None:
            canvas(experiment, out)
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
            begun = self._gpu.begin(settled(experiment))
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
