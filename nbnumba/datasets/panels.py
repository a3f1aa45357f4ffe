"""Where the panels of the image that is kept lie in the laboratory."""

from __future__ import annotations

import numpy as np

from nbnumba.datasets.output import Output
from nbnumba.model.experiment import Experiment

#: Parts of a recipe that move pixels, change what they are, or turn the axis that the crystal rotates about.
PLACES = ("detector", "beam.direction", "beam.polarization_axis", "scan.axis", "scan.width")
COLUMNS = ("panel_origin", "panel_fast", "panel_slow")


def kept_panels(experiment: Experiment, output: Output) -> dict[str, np.ndarray]:
    """Of each panel, (panels, 3): outer corner of the first pixel that is kept [mm], directions of fast and slow."""
    geometries = experiment.geometries
    origin, fast, slow = (np.array([getattr(g, name) for g in geometries]) for name in ("origin", "fast", "slow"))
    first = output.first
    moved = origin + experiment.detector.pixel_size * (first[0] * slow + first[1] * fast)
    return dict(zip(COLUMNS, (moved, fast, slow), strict=True))
