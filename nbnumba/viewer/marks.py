"""What is drawn over an image: rings of resolution, the beam, predicted spots with their indices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nbnumba.model.experiment import Experiment
from nbnumba.prediction import landings, mean_beam, ring
from nbnumba.spots import Spots
from nbnumba.viewer.labels import Sizes, free_sides

_FONT = 8.0  # points
_MARK = (7.0, 3.5)  # width of a spot's circle: at least so many points and so many pixels
_MANY = 100  # spots, from which on indices are smaller
_MOST = 1500  # spots for whose indices room is looked for

#: Points (n,) of slow and fast of a panel to x, y of the picture.
Project = Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Plane(NamedTuple):
    """The picture's plane, as marks see it."""

    project: Project
    panels: tuple[int, ...]  # numbers of those that are shown
    window: tuple[float, float, float, float]  # left, right, top, bottom: what is shown; y runs down
    scale: float  # printer's points per unit
    pixel: float  # printer's points per pixel of the detector
    beam: tuple[float, float] | None  # where the beam goes through, if that is the same in all experiments
    zoomed: bool  # whether it is a part of the detector alone

    def inside(self, x: np.ndarray, y: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Whether points are shown, and not nearer to the edge than a share of the window."""
        left, right, top, bottom = self.window
        dx, dy = margin * (right - left), margin * (bottom - top)
        return (x >= left + dx) & (x <= right - dx) & (y >= top + dy) & (y <= bottom - dy)


class Inks(NamedTuple):
    """Colours of marks."""

    ring: str
    beam: str
    spots: tuple[str, ...]  # one a lattice
    halo: str  # around text


ON_LIGHT = Inks("#2563b0", "#2563b0", ("#c81e1e", "#8a2be2", "#0a7d4f", "#b35c00"), "#ffffff")
ON_DARK = Inks("#cfe8ff", "#ffffff", ("#ffffff", "#7fffd4", "#ffb0f0", "#ffd27f"), "#000000")


# --- rings -----------------------------------------------------------------------------------------------------------


def ring_lines(experiment: Experiment, spacing: float, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """The ring of a spacing [A] as x, y of the picture, with NaN between its pieces.

    Raises:
        NbnumbaError: a spacing that no wave of this length resolves.
    """
    flat = experiment.detector.curvature == "flat"
    count = (14_400 if plane.zoomed else 1_440) if flat else 360  # of curved ones each point takes its time
    found = ring(experiment, spacing, count)
    lines = []
    for panel in plane.panels:
        x, y = plane.project(panel, found.slow, found.fast)
        here = found.inside & (found.panel == panel) & plane.inside(x, y)
        lines.append(np.where(here, [x, y], np.nan))
        lines.append(np.full((2, 1), np.nan))
    x, y = np.hstack(lines)
    return x, y


def draw_rings(axes: Any, experiment: Experiment, spacings: Sequence[float], plane: Plane, inks: Inks) -> list[float]:
    """Draw rings with their labels; those that are seen."""
    seen = []
    toward = _preferred(experiment, plane)
    for d in spacings:
        x, y = ring_lines(experiment, d, plane)
        if not np.isfinite(x).any():
            continue
        seen.append(d)
        axes.plot(x, y, color=inks.ring, linewidth=0.8, linestyle=(0, (6, 4)), alpha=0.75, zorder=3)
        room = plane.inside(x, y, 0.03)
        if room.any():
            at = int(np.nanargmin(np.where(room, toward(x, y), np.nan)))
            ground = {"facecolor": inks.halo, "alpha": 0.8, "edgecolor": "none", "pad": 1.0}
            style = {"ha": "center", "va": "center", "fontsize": _FONT + 0.5, "bbox": ground}
            axes.text(x[at], y[at], f"{d:g} Å", color=inks.ring, zorder=7, **style)
    return seen


def _preferred(experiment: Experiment, plane: Plane) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """How far a point is from where labels of rings lie best: up and right of the beam, or else in the middle."""
    left, right, top, bottom = plane.window
    beam = beam_place(experiment, plane)
    if beam is None or not plane.inside(np.array(beam[0]), np.array(beam[1])):
        return lambda x, y: np.hypot(x - 0.5 * (left + right), y - 0.5 * (top + bottom))
    return lambda x, y: np.abs(np.arctan2(beam[1] - y, x - beam[0]) - math.radians(52.0))


# --- the beam --------------------------------------------------------------------------------------------------------


def beam_place(experiment: Experiment, plane: Plane) -> tuple[float, float] | None:
    """Where the beam meets the picture's plane; None: it misses what is shown."""
    if plane.beam is not None:
        return plane.beam
    found = landings(experiment, np.array([mean_beam(experiment).direction]))
    for panel in plane.panels:
        x, y = plane.project(panel, found.slow, found.fast)
        if found.panel[0] == panel and np.isfinite(x[0]):
            return float(x[0]), float(y[0])
    return None


def draw_beam(axes: Any, at: tuple[float, float], inks: Inks) -> None:
    """Draw a cross."""
    axes.plot(*at, "+", markersize=12, markeredgewidth=1.4, color=inks.beam, zorder=4)


# --- spots -----------------------------------------------------------------------------------------------------------


class Labelled(NamedTuple):
    """How many spots are shown, and how many of them with their indices."""

    shown: int
    labelled: int


def draw_spots(axes: Any, found: Spots, plane: Plane, inks: Inks) -> Labelled:
    """Draw circles around spots, and their indices as far as there is room; the strongest spots come first."""
    x, y = np.full((2, len(found)), np.nan)
    for panel in plane.panels:
        here = found.panel == panel
        x[here], y[here] = plane.project(panel, found.slow[here], found.fast[here])
    shown = plane.inside(x, y)
    x, y, found = x[shown], y[shown], found.where(shown)
    sizes = Sizes(max(_MARK[0], _MARK[1] * plane.pixel), _FONT if len(x) < _MANY else _FONT - 1.0)
    for lattice in np.unique(found.lattice).tolist():
        own = found.lattice == lattice
        color = inks.spots[lattice % len(inks.spots)]
        edge = {"markerfacecolor": "none", "markeredgecolor": color, "markeredgewidth": 0.8, "alpha": 0.85}
        axes.plot(x[own], y[own], "o", markersize=sizes.mark, zorder=5, **edge)
    texts = [" ".join(map(str, hkl)) for hkl in found.hkl[:_MOST].tolist()]
    window = [limit * plane.scale for limit in plane.window]
    sides = free_sides(x * plane.scale, y * plane.scale, texts, sizes, (window[0], window[1], window[2], window[3]))
    for i, (text, side) in enumerate(zip(texts, sides, strict=True)):
        if side is not None:
            color = inks.spots[int(found.lattice[i]) % len(inks.spots)]
            _text(
                axes, x[i], y[i], text, color, inks.halo, fontsize=sizes.font, xytext=sizes.offset(side),
                ha="left" if side[0] > 0 else "right", va="bottom" if side[1] > 0 else "top",
            )  # fmt: skip
    return Labelled(len(x), sum(side is not None for side in sides))


def _text(axes: Any, x: float, y: float, text: str, color: str, halo: str, **style: Any) -> None:
    """Text with a halo, so that it can be read on any ground."""
    from matplotlib.patheffects import withStroke

    axes.annotate(
        text, (x, y), textcoords="offset points", color=color, zorder=6,
        path_effects=[withStroke(linewidth=2.2, foreground=halo, alpha=0.85)], **style,
    )  # fmt: skip
