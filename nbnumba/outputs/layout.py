"""Panels in one picture, as they lie, seen from the sample: projected onto a plane across the beam.

The electric field is horizontal in the picture, as in the frame of NeXus.
"""

from __future__ import annotations

import math

import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.model.panel import Geometry
from nbnumba.outputs.nexus_geometry import frame

_LARGEST = 8192  # pixels along an edge of the picture
_EDGE_ON = 1e-3  # share of a panel's area that is seen


def laid_out(experiment: Experiment, image: np.ndarray) -> np.ndarray:
    """Picture (slow, fast) with the nearest pixel of a panel everywhere, NaN in the gaps between panels.

    Pixels of the picture are as large as the detector's, or larger where it would have more than 8192 along an edge.
    Panels that are seen edge-on are left out.

    Args:
        experiment: what was rendered, on a detector that lists panels.
        image: array (panel, slow, fast).
    """
    panels = panels_seen(experiment)
    sizes = [panel.pixels for panel in experiment.detector.panels]
    size = experiment.detector.pixel_size
    corners = np.concatenate([seen.corners(pixels, size) for seen, pixels in zip(panels, sizes, strict=True)])
    low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    grain = max(size, float(extent.max()) / _LARGEST)
    picture = np.full([max(math.ceil(x / grain - 1e-6), 1) for x in extent], np.nan)
    for seen, pixels, values in zip(panels, sizes, image, strict=True):
        seen.draw(picture, low, grain, values[: pixels[0], : pixels[1]], size)
    return picture


def panels_seen(experiment: Experiment) -> list[Seen]:
    """The panels, as they are seen from the sample."""
    down_and_right = -frame(experiment)[[1, 0]]
    return [Seen(g, down_and_right) for g in experiment.geometries]


class Seen:
    """A panel on the plane of the picture; lengths in mm, down and right from where the beam goes through it."""

    def __init__(self, g: Geometry, plane: np.ndarray) -> None:
        self.origin, self.axes = plane @ g.origin, plane @ np.array([g.slow, g.fast]).T  # columns: slow, fast

    @property
    def edge_on(self) -> bool:
        """Whether nothing is seen of it."""
        return bool(abs(np.linalg.det(self.axes)) < _EDGE_ON)

    def corners(self, pixels: tuple[int, ...], size: float) -> np.ndarray:
        """Those of the panel (4, 2)."""
        ends = np.array([(s, f) for s in (0, pixels[0]) for f in (0, pixels[1])])
        return np.asarray(self.origin + size * ends @ self.axes.T)

    def draw(self, picture: np.ndarray, low: np.ndarray, grain: float, values: np.ndarray, size: float) -> None:
        """Put the panel's values (slow, fast) into a picture whose first corner is at ``low``."""
        if self.edge_on:
            return
        corners = (self.corners(values.shape, size) - low) / grain
        start = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        stop = np.minimum(np.ceil(corners.max(axis=0)).astype(int), picture.shape)
        down, right = np.meshgrid(*map(np.arange, start, stop), indexing="ij")
        points = np.stack([down, right]).reshape(2, -1) + 0.5
        offsets = np.linalg.solve(self.axes, grain * points + (low - self.origin)[:, np.newaxis])
        slow, fast = np.floor(offsets / size).astype(int)
        there = (slow >= 0) & (slow < values.shape[0]) & (fast >= 0) & (fast < values.shape[1])
        picture[down.ravel()[there], right.ravel()[there]] = values[slow[there], fast[there]]
