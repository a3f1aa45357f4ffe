"""The figure: image, frame, bar of values and lines above, drawn by matplotlib without its global state."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.outputs.contrast import Contrast
from nbnumba.viewer.marks import ON_DARK, ON_LIGHT, Inks
from nbnumba.viewer.sheet import DPI, Place, Sheet

GREY = "grey"
SEPARATOR = "  ·  "
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 124, 66, 58  # pixels around the image
_LEAST = (420, 240)  # room for the image: across, down
_BAR, _BESIDE = 18, 16  # width of the bar of values, and its distance from the image
_FONT = 9.0  # points
_GAP = "#c9ced3"  # between panels
_MASKED_ON_LIGHT, _MASKED_ON_DARK = "#a9d3f0", "#8c8c8c"


def plotting(module: str = "") -> Any:
    """matplotlib, or a module of it.

    Raises:
        NbnumbaError: it is not there.
    """
    try:
        return import_module(".".join(filter(None, ["matplotlib", module])))
    except ImportError:
        raise NbnumbaError(
            "pictures with rings and labels are drawn by matplotlib, which is not there; pip install 'nbnumba[plot]'"
        ) from None


class Page:
    """A figure with an image, on which marks can be drawn.

    Attributes:
        figure: matplotlib's.
        axes: those of the image.
        inks: colours that can be seen on it.
    """

    def __init__(self, sheet: Sheet, colors: str) -> None:
        self._sheet = sheet
        self._map, self.inks = _colors(colors)
        room = max(sheet.width, _LEAST[0]), max(sheet.height, _LEAST[1])
        self._size = room[0] + _LEFT + _RIGHT, room[1] + _TOP + _BOTTOM
        self.figure = plotting("figure").Figure(figsize=[n / DPI for n in self._size], dpi=DPI, facecolor="white")
        plotting("backends.backend_agg").FigureCanvasAgg(self.figure)
        self._left, self._top = _LEFT + (room[0] - sheet.width) // 2, _TOP + (room[1] - sheet.height) // 2
        self.axes = self._axes(self._left, self._top, sheet.width, sheet.height)
        self._frame()

    def _axes(self, left: int, top: int, width: int, height: int) -> Any:
        """Axes in a rectangle of pixels, from the upper left corner of the figure."""
        across, down = self._size
        return self.figure.add_axes((left / across, 1.0 - (top + height) / down, width / across, height / down))

    def _frame(self) -> None:
        left, right, top, bottom = self._sheet.plane.window
        self.axes.set(xlim=(left, right), ylim=(bottom, top), facecolor=_GAP, autoscale_on=False)
        self.axes.set_xlabel(self._sheet.labels[0], fontsize=_FONT)
        self.axes.set_ylabel(self._sheet.labels[1], fontsize=_FONT)
        ticker = plotting("ticker")
        for axis, length in ((self.axes.xaxis, self._sheet.width), (self.axes.yaxis, self._sheet.height)):
            axis.set_major_locator(
                ticker.MaxNLocator(max(2, min(8, length // 60)), steps=[1, 2, 2.5, 5, 10], integer=True)
            )
        _draw_thin(self.axes)

    def show(self, parts: Sequence[np.ndarray], contrast: Contrast, unit: str, pixel: float) -> None:
        """Draw values, NaN where masked, and the bar that explains their colours.

        Args:
            parts: arrays (slow, fast), one for each place of the sheet.
            contrast: scale of colours.
            unit: of the values.
            pixel: edge of a pixel [mm], for panels that are laid out.
        """
        for values, place in zip(parts, self._sheet.places, strict=True):
            self._put(np.clip(contrast.shade(values), 0.0, 1.0), place, pixel)
        self._show_bar(contrast, unit, any(np.isnan(values).any() for values in parts))

    def _put(self, shades: np.ndarray, place: Place, pixel: float) -> None:
        s0, _, f0, _ = place.window
        slow, fast = place.stops
        picture = self.axes.imshow(
            np.ma.masked_invalid(shades), cmap=self._map, vmin=0.0, vmax=1.0, interpolation="nearest",
            extent=(f0, fast, slow, s0), aspect="auto", zorder=1,
        )  # fmt: skip
        left, right, top, bottom = self._sheet.plane.window
        self.axes.set(xlim=(left, right), ylim=(bottom, top))  # matplotlib has moved them
        if place.seen is not None:
            (ys, yf), (xs, xf) = pixel * place.seen.axes
            y, x = place.seen.origin
            turn = plotting("transforms").Affine2D(np.array([[xf, xs, x], [yf, ys, y], [0.0, 0.0, 1.0]]))
            picture.set_transform(turn + self.axes.transData)
            picture.set_clip_path(_outline(place, turn + self.axes.transData))

    def _show_bar(self, contrast: Contrast, unit: str, masked: bool) -> None:
        height = max(self._sheet.height, _LEAST[1])
        top = self._top + (self._sheet.height - height) // 2
        left = self._left + self._sheet.width + _BESIDE
        patch = 34 if masked else 0
        bar = self._axes(left, top, _BAR, height - patch)
        bar.imshow(np.linspace(1.0, 0.0, 512)[:, np.newaxis], cmap=self._map, aspect="auto", extent=(0, 1, 0, 1))
        ticks = contrast.ticks()
        bar.set(xticks=[], ylim=(0.0, 1.0))
        bar.set_yticks([float(contrast.shade(np.float64(v))) for v in ticks], [f"{v:g}" for v in ticks])
        bar.yaxis.tick_right()
        bar.yaxis.set_label_position("right")
        bar.set_ylabel(", ".join(filter(None, [unit, f"{contrast.scale} scale"])), fontsize=_FONT)
        _draw_thin(bar)
        if masked:
            box = self._axes(left, top + height - 18, _BAR, 18)
            box.set(xticks=[], yticks=[], facecolor=self._map.get_bad())
            box.text(1.35, 0.45, "masked", transform=box.transAxes, fontsize=_FONT, va="center")

    def head(self, title: str, told: str, notes: Sequence[str]) -> None:
        """Write the lines above the image."""
        across, down = self._size
        place = {"ha": "left", "va": "baseline"}
        text = "".join(letter if letter.isprintable() else "\ufffd" for letter in title)  # a file's name, perhaps
        style = {"fontsize": 11.5, "fontweight": "bold", "parse_math": False}
        self.figure.text(_LEFT / across, 1.0 - 26 / down, text, **style, **place)
        line = SEPARATOR.join([told, *notes])
        self.figure.text(_LEFT / across, 1.0 - 50 / down, line, fontsize=_FONT, color="#333333", **place)


def _draw_thin(axes: Any) -> None:
    """Have axes and their ticks drawn in thin grey lines."""
    axes.tick_params(labelsize=_FONT, direction="out", length=4, color="#555555")
    for side in axes.spines.values():
        side.set(color="#555555", linewidth=0.8)


def _outline(place: Place, transform: Any) -> Any:
    """The panel's edge, as a path to clip at: its last bins may reach beyond it."""
    _, slow, _, fast = place.window
    return plotting("patches").Rectangle((0.0, 0.0), fast, slow, transform=transform)


def _colors(name: str) -> tuple[Any, Inks]:
    """A colour map with a colour of its own for masked pixels, and marks that can be seen on its ground."""
    maps = plotting().colormaps
    try:
        found = maps["gray_r" if name == GREY else name]
    except KeyError:
        allowed = "grey, viridis, magma, inferno, plasma, cividis, or another colour map of matplotlib"
        raise NbnumbaError(f"colors: found {name!r}; allowed: {allowed}") from None
    light = sum(found(0.0)[:3]) > 1.5
    return found.with_extremes(bad=_MASKED_ON_LIGHT if light else _MASKED_ON_DARK), ON_LIGHT if light else ON_DARK
