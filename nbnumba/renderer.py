"""Rendering image after image on one device: on a GPU, what images have in common stays there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from nbnumba.convergence import settled
from nbnumba.errors import NbnumbaError, NbnumbaJobError
from nbnumba.gpu import Gpu
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import choice
from nbnumba.simulation import (
    PRECISIONS,
    canvas,
    check_device,
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
        NbnumbaError: no experiment, or a device, precision or number of threads that is not there.
    """

    def __init__(
        self, experiment: Experiment, *, device: str = "cuda", precision: str = "double", threads: int | None = None
    ) -> None:
        check_experiment(experiment)
        check_device(device, threads)
        choice("precision", precision, PRECISIONS)
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
            out: float32 array of the image's shape, C-contiguous, to be filled and returned; not with ``on_device``.
            on_device: leave the image on the GPU and return it as an array that others there can use
                (``__cuda_array_interface__``); it is the caller's.
            progress: called as progress(done, total) with numbers of rows, first with 0 when all code is compiled.

        Returns:
            float32 array [photons], shaped as ``simulate``'s; 0 outside region and mask.

        Raises:
            NbnumbaError: numbers beyond float32, after which ``out`` holds them, or as ``simulate``.
            NbnumbaJobError: too little memory on the device, or its driver failed.
        """
        experiment = self._next(experiment)
        if self._gpu is None:
            if on_device:
                raise NbnumbaError("on_device: found True with device 'cpu'; allowed: with 'cuda'")
            return simulate(experiment, precision=self.precision, threads=self.threads, out=out, progress=progress)
        if out is not None:
            if on_device:
                raise NbnumbaError("out: found an array with on_device, whose image stays on the GPU; give one of them")
            canvas(experiment, out)
        return render_on(self._gpu, experiment, out=out, on_device=on_device, progress=progress)

    def series(self, experiments: Iterable[Experiment | None]) -> Iterator[np.ndarray]:
        """Images of experiments in order: one is rendered while the one before is copied back.

        Where memory is too short for that, they are rendered one by one, as ``render`` does.

        Args:
            experiments: what to render; on a GPU the next is asked for before an image is given. None: the same again.

        Yields:
            float32 array [photons] for each, as ``render``'s.

        Raises:
            NbnumbaError: as ``render``, after the images of the experiments before.
        """
        if self._gpu is None:
            yield from map(self.render, experiments)
            return
        begun, under_way = self._begun(experiments), None
        try:
            while True:
                failed, following = None, None
                try:
                    following = next(begun, None)
                except Exception as error:
                    failed = error
                before, under_way = under_way, following
                if before is not None:
                    yield self._end(*before)
                if failed is not None:
                    raise failed
                if following is None:
                    return
        finally:
            if under_way is not None and under_way[1] is not None:
                self._gpu.end(under_way[1])

    def _next(self, experiment: Experiment | None) -> Experiment:
        """What to render, remembered."""
        if experiment is not None:
            check_experiment(experiment)
        self.experiment = settled(self.experiment if experiment is None else experiment)
        return self.experiment

    def _begun(self, experiments: Iterable[Experiment | None]) -> Iterator[tuple[Experiment, Any]]:
        """Experiments in order, each with what is under way; None where too little memory is left for that."""
        assert self._gpu is not None
        for given in experiments:
            experiment = self._next(given)
            try:
                begun = self._gpu.begin(experiment)
            except NbnumbaJobError:
                yield experiment, None
                continue
            warn_if_dark(experiment)
            yield experiment, begun

    def _end(self, experiment: Experiment, begun: Any) -> np.ndarray:
        """The image of what was begun, or could not be."""
        assert self._gpu is not None
        if begun is None:
            return np.asarray(render_on(self._gpu, experiment))
        image, counts = self._gpu.end(begun)
        report_counts(*counts, self.precision)
        return image
