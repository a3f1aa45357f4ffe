"""Where everything lies on a figure: panels on the picture's plane, and the plane on the page."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.layout import Seen, panels_seen
from nbnumba.viewer.marks import Plane

DPI = 100
_LARGEST_PIXEL = 40  # of the image, in pixels of the figure

#: slow start, slow stop, fast start, fast stop, stops excluded.
Roi = tuple[int, int, int, int]


class Place(NamedTuple):
    """Pixels that are drawn, and where."""

    panel: int
    window: Roi
    factor: int  # pixels along the edge of a bin
    seen: Seen | None  # the panel on the picture's plane [mm]; None: the plane is that of its own pixels

    @property
    def stops(self) -> tuple[int, int]:
        """Slow, fast at which its last bins end, which need not be full."""
        s0, s1, f0, f1 = self.window
        n = self.factor
        return s0 + -(-(s1 - s0) // n) * n, f0 + -(-(f1 - f0) // n) * n


class Sheet(NamedTuple):
    """The picture, apart from what is around it."""

    places: tuple[Place, ...]
    plane: Plane
    width: int  # pixels of the figure
    height: int
    labels: tuple[str, str]  # of the axes across and down


def flat_sheet(window: Roi, panel: int, size: int, zoomed: bool) -> Sheet:
    """Pixels of one panel, whose axes are those of the picture."""
    s0, s1, f0, f1 = window
    pixels = max(s1 - s0, f1 - f0)
    factor = math.ceil(pixels / size)
    each = min(max(size // pixels, 1), _LARGEST_PIXEL)
    place = Place(panel, window, factor, None)
    slow, fast = place.stops
    limits = (float(f0), float(fast), float(s0), float(slow))
    points = 72.0 / DPI * each / factor
    plane = Plane(lambda _, s, f: (f, s), (panel,), limits, points, points, None, zoomed)
    shape = (fast - f0) // factor * each, (slow - s0) // factor * each
    return Sheet((place,), plane, *shape, ("fast [pixels]", "slow [pixels]"))


def laid_out_sheet(experiment: Experiment, size: int) -> Sheet:
    """Panels as they lie, seen from the sample; those that are seen edge-on are left out."""
    detector, pixel = experiment.detector, experiment.detector.pixel_size
    found = {n: panel for n, panel in enumerate(panels_seen(experiment)) if not panel.edge_on}
    if not found:
        raise NbnumbaError("panels: found all of them edge-on, as seen along the beam; show one with panel=")
    corners = np.concatenate([panel.corners(detector.size_of(n), pixel) for n, panel in found.items()])
    (top, left), (down, across) = corners.min(axis=0), np.ptp(corners, axis=0)
    each = size / float(max(down, across)) * pixel  # pixels of the figure for one of the detector's
    each = min(math.floor(each), _LARGEST_PIXEL) if each >= 1.0 else each
    factor = math.ceil(1.0 / each - 1e-9)  # bins are not smaller than pixels of the figure, so that none is lost
    width, height = (max(math.ceil(x * each / pixel - 1e-6), 1) for x in (across, down))
    limits = (left, left + width * pixel / each, top, top + height * pixel / each)
    places = []
    for number, panel in found.items():
        slow, fast = detector.size_of(number)
        places.append(Place(number, (0, slow, 0, fast), factor, panel))

    def project(number: int, slow: np.ndarray, fast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, x = found[number].origin[:, np.newaxis] + pixel * found[number].axes @ np.array([slow, fast])
        return x, y

    plane = Plane(project, tuple(found), limits, 72.0 / DPI * each / pixel, 72.0 / DPI * each, (0.0, 0.0), False)
    labels = ("across from the beam [mm]", "down from the beam [mm]")
    return Sheet(tuple(places), plane, width, height, labels)


def checked_window(shape: tuple[int, ...], roi: Roi | None) -> Roi:
    """The part of an image (slow, fast) that is shown.

    Raises:
        NbnumbaError: no pixels in it, or some that are not on the image.
    """
    slow, fast = shape
    if roi is None:
        return 0, slow, 0, fast
    s0, s1, f0, f1 = (int(n) for n in roi)
    if not (0 <= s0 < s1 <= slow and 0 <= f0 < f1 <= fast):
        raise NbnumbaError(
            f"roi: found slow {s0} to {s1}, fast {f0} to {f1}; allowed: slow start, slow stop, fast start, fast stop "
            f"within 0 to {slow} and 0 to {fast}, stops excluded"
        )
    return s0, s1, f0, f1
