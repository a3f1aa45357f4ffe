"""Photons that amorphous matter in the beam scatters."""

from __future__ import annotations

import numpy as np

from nbnumba._jit import kernel
from nbnumba._run import call, using_threads
from nbnumba.errors import NbnumbaError
from nbnumba.kernels.amorphous import BackgroundArguments, pack_background
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.simulation import check_device


def background(experiment: Experiment, *, device: str = "cpu", threads: int | None = None) -> np.ndarray:
    """Expected photons that ``experiment.background`` scatters into every pixel.

    Polarization, solid angle, sources and the fraction that the sensor catches are those of the crystal's image, at the
    front of the sensor; nothing depends on the crystal or on its sampling. ``simulate`` does not include it.

    Args:
        experiment: beam, detector and what is in the beam.
        device: "cpu", or "cuda", "cuda:1" and so on.
        threads: number of CPU threads; None: as many as Numba is set to use. The image does not depend on it.

    Returns:
        float32 array of the detector's shape [photons]; 0 outside region and mask, and where there is no background.

    Raises:
        NbnumbaError: a device or number of threads that is not there, too little memory, or numbers beyond float32.
    """
    check_experiment(experiment)
    check_device(device, threads)
    try:
        image = np.zeros(experiment.detector.shape, dtype=np.float32)
    except MemoryError:
        raise NbnumbaError(
            f"detector.pixels: an image of {experiment.detector.shape} pixels does not fit into memory; ask for fewer"
        ) from None
    if device == "cpu":
        _on_cpu(experiment, image.reshape(experiment.detector.rows, -1), threads)
    else:
        _on_gpu(experiment, image.reshape(experiment.detector.rows, -1), device)
    if not np.isfinite(image).all():
        raise NbnumbaError(
            "background: the image holds numbers beyond float32: thickness, density, F or fluence too large"
        )
    return image


def _on_cpu(experiment: Experiment, image: np.ndarray, threads: int | None) -> None:
    from nbnumba.kernels.background import render_background

    if experiment.background:
        with using_threads(threads):
            render_background(pack_background(experiment), image)


def _on_gpu(experiment: Experiment, image: np.ndarray, device: str) -> None:
    from nbnumba.kernels.cuda import THREADS, render_background_pixel
    from nbnumba.kernels.device import Device

    gpu = Device(device)
    if not experiment.background:
        return
    (s0, s1), (f0, f1) = experiment.detector.region
    with gpu.active():
        arguments: BackgroundArguments = gpu.send(pack_background(experiment), "background")
        band = gpu.array((s1 - s0, f1 - f0), np.float32)
        grid = (s1 - s0, -(-(f1 - f0) // THREADS)), (1, THREADS)
        call(kernel(render_background_pixel)[grid], band, arguments)
        image[s0:s1, f0:f1] = band.copy_to_host()
