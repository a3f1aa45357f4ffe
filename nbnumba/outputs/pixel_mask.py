"""Which pixels hold no measurement, in the bits of NXmx."""

from __future__ import annotations

import numpy as np

from nbnumba.model.experiment import Experiment, check_experiment

GAP, DEAD, HOT = 1 << 0, 1 << 1, 1 << 3


def pixel_mask(experiment: Experiment) -> np.ndarray:
    """Bits for each pixel: 1 outside mask or region, 2 dead, 8 over-responding; 0 is good.

    Returns:
        uint32 array of the detector's shape.
    """
    check_experiment(experiment)
    bits = np.where(experiment.rendered, 0, GAP).astype(np.uint32)
    response = experiment.response
    if response is not None and response.dead_pixels + response.hot_pixels > 0.0:
        from nbnumba.kernels.counting import readout_of
        from nbnumba.kernels.readout import defects

        found = defects(readout_of(response), bits.shape)
        bits |= np.array([0, DEAD, HOT], dtype=np.uint32)[found]
    return bits
