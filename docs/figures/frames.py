"""Draw all frames of reference as one picture, from the vectors of the code: `python docs/figures/frames.py`.

Every sketch shows the apparatus from the same point, above and to the right of the source; what differs is the names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import nbnumba as nb
from nbnumba.inputs.geometry.dials import from_dials
from nbnumba.model.conventions import CONVENTIONS, Extent
from nbnumba.outputs.nexus_geometry import frame
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector

FILE = Path(__file__).with_suffix(".svg")

INK, SOFT, BEAM, FAST, SLOW, FIELD, SPINDLE = "#222", "#888", "#d98200", "#c8102e", "#1457c8", "#7b2fa8", "#177a3d"
WIDTH, COLUMN, SKETCH, FACE = 1040, 260, 310, 270
UNIT = 64.0  # length of one mm of the apparatus on paper
PIXELS, PIXEL, DISTANCE = (4, 5), 0.37, 1.75
#: Unit vectors of the frame of NeXus (x to the left as the source sees it, y up, z along the beam) on paper.
TURN, RISE = math.radians(48.0), math.radians(24.0)
PAPER = np.array([
    [-math.sin(TURN), -math.cos(TURN) * math.sin(RISE)],
    [0.0, -math.cos(RISE)],
    [math.cos(TURN), -math.sin(TURN) * math.sin(RISE)],
])  # fmt: skip
FACE_ON = np.array([[-1.0, 0.0], [0.0, -1.0], [0.0, 0.0]])  # as the source sees it

Triad = Sequence[tuple[str, np.ndarray]]
Projection = Callable[[np.ndarray], np.ndarray]


class Sheet:
    """Elements of a drawing."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def line(self, points: Sequence[np.ndarray], color: str, width: float = 1.6, extra: str = "") -> None:
        """Line through points."""
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{at}" fill="none" stroke="{color}" stroke-width="{width}" {extra}/>')

    def arrow(self, start: np.ndarray, stop: np.ndarray, color: str, width: float = 2.2) -> None:
        """Line with a head at its end; one that points at the reader is a dot."""
        along = stop - start
        size = float(np.hypot(*along))
        along = along / size
        across = np.array([-along[1], along[0]])
        neck = stop - 7.0 * along
        self.line([start, neck], color, width)
        self.area([stop, neck + 3.4 * across, neck - 3.4 * across], color)

    def area(self, points: Sequence[np.ndarray], fill: str, extra: str = "") -> None:
        """Filled polygon."""
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polygon points="{at}" fill="{fill}" {extra}/>')

    def text(self, at: Sequence[float], words: str, color: str = INK, size: float = 12, extra: str = "") -> None:
        """Words centred at a point."""
        self.parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" fill="{color}" font-size="{size}" text-anchor="middle" '
            f"{extra}>{words}</text>"
        )


def experiment(convention: str) -> nb.Experiment:
    """A small detector whose middle the beam hits."""
    extent = Extent(PIXELS[1] * PIXEL, PIXELS[0] * PIXEL, PIXEL)
    middle = CONVENTIONS[convention].from_detector((extent.fast / 2.0, extent.slow / 2.0), extent)
    return nb.Experiment(
        crystal=nb.Crystal(cell=(1, 1, 1, 90, 90, 90), default_f=1.0),
        beam=nb.Beam(wavelength=1.0),
        detector=nb.Detector(
            pixels=PIXELS, pixel_size=PIXEL, distance=DISTANCE, convention=convention, beam_center=middle
        ),
    )


def named(vector: Vector) -> str:
    """Name of a unit vector along an axis, as in -y."""
    number = max(range(3), key=lambda i: abs(vector[i]))
    return ("+" if vector[number] > 0.0 else "−") + "xyz"[number]


def axes_of(convention: str) -> Triad:
    """Laboratory axes in the frame of NeXus."""
    turn = frame(experiment(convention))
    return [(name, turn @ np.eye(3)[i]) for i, name in enumerate("xyz")]


def nexus_axes() -> Triad:
    """Axes of NeXus, in themselves."""
    return [(name, np.eye(3)[i]) for i, name in enumerate("xyz")]


def dials_axis(axis: Sequence[float]) -> np.ndarray:
    """A direction of a DIALS file in the frame of NeXus, as the reader of such files takes it."""
    panel = {"fast_axis": (1, 0, 0), "slow_axis": (0, 1, 0), "origin": (0, 0, -1), "image_size": (1, 1)}
    tree = {
        "experiment": [{"detector": 0, "beam": 0, "goniometer": 0}],
        "detector": [{"panels": [{**panel, "pixel_size": (1, 1)}]}],
        "beam": [{"wavelength": 1.0, "direction": (0, 0, 1)}],
        "goniometer": [{"rotation_axis": axis}],
    }
    return np.array(from_dials(tree, 0).spindle)


def dials_axes() -> Triad:
    """Axes of the models in DIALS files."""
    return [(name, dials_axis(np.eye(3)[i].tolist())) for i, name in enumerate("xyz")]


def moved(at: np.ndarray, right: float, down: float) -> np.ndarray:
    """A point of the paper beside another."""
    return at + np.array([right, down])


def onto_paper(at: np.ndarray, convention: str) -> Projection:
    """Function from points of a laboratory [mm] to those of the paper, on which the sample is at ``at``."""
    turn = frame(experiment(convention))
    return lambda point: at + UNIT * (turn @ point @ PAPER)


def apparatus(sheet: Sheet, at: np.ndarray, convention: str) -> None:
    """Beam, crystal, spindle, field and detector."""
    one, paper = experiment(convention), onto_paper(at, convention)
    place = one.geometry
    beam, origin, fast, slow = map(np.array, (one.beam_direction, place.origin, place.fast, place.slow))
    spot = place.distance * beam
    for s in range(PIXELS[0]):
        for f in range(PIXELS[1]):
            corner = origin + PIXEL * (f * fast + s * slow)
            square = [corner, corner + PIXEL * fast, corner + PIXEL * (fast + slow), corner + PIXEL * slow]
            fill = "#8f8f8f" if s == f == 0 else "#f1f1ee"
            sheet.area([paper(p) for p in square], fill, 'stroke="#b5b5b0" stroke-width="0.8" fill-opacity="0.9"')
    sheet.arrow(paper(origin), paper(origin + 1.5 * fast), FAST, 2.6)
    sheet.arrow(paper(origin), paper(origin + 1.3 * slow), SLOW, 2.6)
    sheet.line([paper(np.zeros(3)), paper(spot)], BEAM, 2.2)
    sheet.parts.append(_disc(paper(spot), 3.5, BEAM))
    sheet.arrow(paper(-1.4 * beam), paper(-0.12 * beam), BEAM)
    field = np.array(one.electric_axis)
    for sign in (1.0, -1.0):
        sheet.arrow(paper(-0.95 * beam), paper(-0.95 * beam + sign * 0.4 * field), FIELD, 2.0)
    _spindle(sheet, paper, np.array(one.spindle))
    sheet.parts.append(_disc(paper(np.zeros(3)), 5.0, "#555"))


def _disc(at: np.ndarray, radius: float, fill: str) -> str:
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}" fill="{fill}"/>'


def _spindle(sheet: Sheet, paper: Projection, axis: np.ndarray) -> None:
    sheet.line([paper(-0.75 * axis), paper(0.6 * axis)], SPINDLE, 1.6, 'stroke-dasharray="5 3"')
    sheet.arrow(paper(0.55 * axis), paper(0.95 * axis), SPINDLE, 1.8)
    turning_arrow(sheet, paper, axis, 0.6 * axis, 0.2)


def turning_arrow(sheet: Sheet, paper: Projection, axis: np.ndarray, center: np.ndarray, radius: float) -> None:
    """Arrow around an axis, the way that a positive angle turns."""
    start = np.cross(axis, [0.3, 0.5, 0.8])
    start = radius * start / np.linalg.norm(start)
    around = [
        paper(center + np.array(rotate(Vector(*start), Vector(*axis), math.radians(angle))))
        for angle in range(0, 301, 10)
    ]
    sheet.line(around[:-1], SPINDLE, 1.6)
    sheet.arrow(around[-3], around[-1], SPINDLE, 1.6)


def triad(sheet: Sheet, at: np.ndarray, axes: Triad, size: float = 0.5) -> None:
    """Axes with their names."""
    for name, axis in axes:
        tip = at + UNIT * size * (axis @ PAPER)
        sheet.arrow(at, tip, INK, 1.8)
        away = (tip - at) / np.hypot(*(tip - at))
        sheet.text(moved(tip + 10.0 * away, 0.0, 4.0), name, size=14, extra='font-style="italic" font-weight="bold"')


def sketch(sheet: Sheet, corner: np.ndarray, title: str, below: Sequence[str], axes: Triad, convention: str) -> None:
    """One frame: the apparatus, its axes, and words."""
    heading(sheet, corner, title)
    apparatus(sheet, moved(corner, 84.0, 146.0), convention)
    triad(sheet, moved(corner, 210.0, 218.0), axes)
    for i, words in enumerate(below):
        sheet.text(moved(corner, COLUMN / 2, 272.0 + 16.0 * i), words, "#444", 11.5)


def heading(sheet: Sheet, corner: np.ndarray, title: str) -> None:
    """Title of a part, on a plate."""
    box = 'rx="6" fill="#fafaf7" stroke="#deded8"'
    height = SKETCH - 12 if corner[1] < 2 * SKETCH else FACE - 12
    sheet.parts.append(f'<rect x="{corner[0] + 5}" y="{corner[1] + 4}" width="{COLUMN - 10}" height="{height}" {box}/>')
    sheet.text(moved(corner, COLUMN / 2, 25.0), title, size=14, extra='font-weight="bold"')


def words_of(convention: str) -> list[str]:
    """Which axis is what."""
    c = CONVENTIONS[convention]
    return [
        f"beam {named(c.beam)}, fast {named(c.fast)}, slow {named(c.slow)}",
        f"field {named(c.polarization)}, spindle {named(c.spindle)}, two-theta {named(c.twotheta)}",
    ]


def turning(sheet: Sheet, corner: np.ndarray) -> None:
    """The three missetting angles."""
    heading(sheet, corner, "misset: about x, then y, then z")
    at = moved(corner, 100.0, 165.0)
    paper = onto_paper(at, "mosflm")
    triad(sheet, at, axes_of("mosflm"), 1.6)
    for axis, number in zip(np.eye(3), "123", strict=True):
        turning_arrow(sheet, paper, axis, 0.95 * axis, 0.28)
        where = moved(paper(0.95 * axis), 26.0, -10.0)
        sheet.text(where, number, SPINDLE, 13, 'font-weight="bold"')
    for i, words in enumerate(("axes of the laboratory, right-handed;", "drawn for MOSFLM; then the spindle turns")):
        sheet.text(moved(corner, COLUMN / 2, 272.0 + 16.0 * i), words, "#444", 11.5)


def setting(sheet: Sheet, corner: np.ndarray) -> None:
    """How a cell lies before misset: axes of a crystal from the code."""
    heading(sheet, corner, "a cell before misset")
    at = moved(corner, 100.0, 165.0)
    crystal = nb.Crystal(cell=(1.25, 1.25, 1.1, 75, 72, 65), default_f=1.0)
    paper = onto_paper(at, "mosflm")
    triad(sheet, at, axes_of("mosflm"), 1.6)
    a_star, b_star, _ = np.linalg.inv(crystal.axes).T
    for name, axis, color in (("a*", a_star, SLOW), ("b*", b_star, SLOW), ("c", crystal.axes[2], FAST)):
        tip = paper(axis / np.linalg.norm(axis) * 0.95)
        sheet.arrow(at, tip, color, 2.8)
        sheet.text(moved(tip, 0.0, -9.0), name, color, 14, 'font-style="italic"')
    for i, words in enumerate(("a* along x, b* in the plane of x and y,", "c along z; here a triclinic cell")):
        sheet.text(moved(corner, COLUMN / 2, 272.0 + 16.0 * i), words, "#444", 11.5)


def face(sheet: Sheet, corner: np.ndarray, title: str, convention: str, below: Sequence[str]) -> None:
    """A detector as the source sees it: numbers of pixels, and from where a beam centre counts."""
    heading(sheet, corner, title)
    one = experiment(convention)
    turn, place, rule = frame(one), one.geometry, CONVENTIONS[convention]
    scale, middle = 38.0 / PIXEL, moved(corner, COLUMN / 2, 125.0)
    fast, slow = (turn @ np.array(axis) @ FACE_ON for axis in (place.fast, place.slow))
    origin = -(PIXELS[1] * fast + PIXELS[0] * slow) * PIXEL / 2.0

    def paper(along_fast: float, along_slow: float) -> np.ndarray:
        return middle + scale * (origin + along_fast * fast + along_slow * slow)

    for s in range(PIXELS[0]):
        for f in range(PIXELS[1]):
            square = [(f, s), (f + 1, s), (f + 1, s + 1), (f, s + 1)]
            fill = "#c9c9c4" if s == f == 0 else "#fff"
            sheet.area([paper(x * PIXEL, y * PIXEL) for x, y in square], fill, 'stroke="#b5b5b0" stroke-width="0.8"')
            sheet.text(moved(paper((f + 0.5) * PIXEL, (s + 0.5) * PIXEL), 0.0, 3.5), f"{s},{f}", SOFT, 10)
    extent = Extent(PIXELS[1] * PIXEL, PIXELS[0] * PIXEL, PIXEL)
    spot = (3.3 * PIXEL, 2.4 * PIXEL)
    x, _ = rule.from_detector(spot, extent)
    zero, turned = paper(*rule.to_detector((0.0, 0.0), extent)), paper(*rule.to_detector((x, 0.0), extent))
    sheet.arrow(zero, turned, SPINDLE, 2.2)
    sheet.arrow(turned, paper(*spot), FIELD, 2.2)
    for start, stop, name, color in ((zero, turned, "X", SPINDLE), (turned, paper(*spot), "Y", FIELD)):
        across = np.array([stop[1] - start[1], start[0] - stop[0]]) / np.hypot(*(stop - start))
        at = (start + stop) / 2.0 + 11.0 * across * (1.0 if (middle - start) @ across < 0.0 else -1.0)
        sheet.area(
            [moved(at, dx, dy) for dx, dy in ((-7, -8), (7, -8), (7, 8), (-7, 8))], "#fff", 'fill-opacity="0.85"'
        )
        sheet.text(moved(at, 0.0, 4.5), name, color, 14, 'font-weight="bold"')
    sheet.parts.append(_disc(paper(*spot), 4.5, BEAM))
    sheet.parts.append(_disc(zero, 3.2, INK))
    for i, words in enumerate(below):
        sheet.text(moved(corner, COLUMN / 2, 226.0 + 16.0 * i), words, "#444", 11.5)


def legend(sheet: Sheet, top: float) -> None:
    """What the colours mean."""
    meanings = (
        (BEAM, "beam; where it hits"), (FAST, "fast axis"), (SLOW, "slow axis"), (FIELD, "electric field"),
        (SPINDLE, "spindle, positive φ"), (INK, "axes of the frame"), ("#8f8f8f", "pixel slow 0, fast 0"),
    )  # fmt: skip
    for i, (color, words) in enumerate(meanings):
        left = 14.0 + i * (WIDTH - 20.0) / len(meanings)
        sheet.parts.append(f'<rect x="{left:.1f}" y="{top - 9:.1f}" width="14" height="10" fill="{color}"/>')
        sheet.text([left + 20.0, top], words, INK, 12, 'style="text-anchor:start"')


def draw() -> str:
    """The whole picture as SVG."""
    sheet = Sheet()
    grid = [[np.array([x * COLUMN, y]) for x in range(4)] for y in (26.0, 26.0 + SKETCH, 26.0 + 2 * SKETCH)]
    legend(sheet, 18.0)
    for corner, title, convention in zip(
        grid[0], ("MOSFLM and DENZO", "ADXV", "XDS", "DIALS, as nanoBragg has it"), ("mosflm", "adxv", "xds", "dials"),
        strict=True,
    ):  # fmt: skip
        sketch(sheet, corner, title, words_of(convention), axes_of(convention), convention)
    below = ["x to the left as the source sees it,", "y up, z along the beam"]
    sketch(sheet, grid[1][0], "NeXus files (McStas)", below, nexus_axes(), "mosflm")
    below = ["x to the right as the source sees it,", "y up, z against the beam"]
    sketch(sheet, grid[1][1], "DIALS models (.expt, imgCIF)", below, dials_axes(), "mosflm")
    turning(sheet, grid[1][2])
    setting(sheet, grid[1][3])
    faces = (
        ("beam centre of MOSFLM", "mosflm", ("from the middle of the first pixel,", "X along slow, Y along fast")),
        ("beam centre of DENZO", "denzo", ("from its outer corner,", "X along slow, Y along fast")),
        ("beam centre of ADXV", "adxv", ("from the corner of the last row,", "X along fast, Y against slow")),
        (
            "beam centre of XDS, DIALS",
            "xds",
            ("from the outer corner of the first pixel,", "X along fast, Y along slow"),
        ),
    )
    for corner, (title, convention, words) in zip(grid[2], faces, strict=True):
        face(sheet, corner, title, convention, words)
    height = 26 + 2 * SKETCH + FACE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif"><rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(sheet.parts)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    FILE.write_text(draw(), encoding="utf-8")
