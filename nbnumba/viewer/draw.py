"""``draw_image``: one image as a figure of matplotlib."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import whole
from nbnumba.outputs.contrast import contrast
from nbnumba.outputs.pixel_mask import pixel_mask
from nbnumba.outputs.pixels import are_counts, as_image
from nbnumba.outputs.reduce import shrunk
from nbnumba.rings import chosen_rings
from nbnumba.spots import Spots, spots
from nbnumba.viewer.marks import beam_place, draw_beam, draw_rings, draw_spots
from nbnumba.viewer.page import SEPARATOR, Page
from nbnumba.viewer.sheet import Place, Roi, Sheet, checked_window, flat_sheet, laid_out_sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 1100


def draw_image(
    image: Any,
    experiment: Experiment | None = None,
    *,
    masked: Any = None,
    scale: str = "log",
    colors: str = "grey",
    percentiles: tuple[float, float] | None = None,
    rings: Sequence[float] | None = None,
    predict: bool = False,
    number: int = 0,
    images: int = 1,
    roi: Roi | None = None,
    panel: int | None = None,
    size: int = SIZE,
    title: str = "",
    unit: str = "",
) -> Figure:
    """Draw an image with a bar of its values, rings of resolution, the beam's place and predicted spots.

    Pixels of the image become squares of whole pixels of the figure; where there are more, each bin shows its strongest
    one. Panels are shown as they lie, seen from the sample.

    Args:
        image: array (slow, fast) of numbers, or (panel, slow, fast).
        experiment: where and how it was taken; None: it is shown without rings, beam and spots.
        masked: array of the image's shape, true where there is no measurement; None: what the experiment masks. Pixels
            that are not finite count as masked.
        scale: "log", linear around the ground and logarithmic above; "sqrt", or "linear".
        colors: "grey", dark spots on white, or a colour map of matplotlib, as "viridis" or "magma".
        percentiles: of the values that are shown, where the scale begins and ends [%]; None: from the median to the
            99.9th, or a hundredth of the strongest spot where that is more.
        rings: spacings [A]; None: some round ones; empty: none.
        predict: draw where reflections of the experiment's crystals fall, with their indices.
        number: of the image in its series, for predictions.
        images: how many were added up.
        roi: slow start, slow stop, fast start, fast stop: the part that is shown, stops excluded.
        panel: number of the panel that is shown alone; None: all.
        size: pixels of the figure along the image's longer edge.
        title: first line above the image.
        unit: of the values.

    Returns:
        A figure that belongs to no window; ``write_figure`` stores it.

    Raises:
        NbnumbaError: matplotlib is not there, or values that are not allowed.

    Warns:
        NbnumbaWarning: there was no room for the indices of all spots.
    """
    if experiment is not None:
        check_experiment(experiment)
    array = as_image("image", image, None if experiment is None else experiment.detector.shape)
    if predict and experiment is None:
        raise NbnumbaError("predict: found no experiment; give the one whose crystal made the spots")
    hidden = _hidden(array, masked, experiment)
    sheet = _sheet(array, experiment, roi, panel, whole("size", size, low=100, high=20_000))
    page = Page(sheet, colors)
    if array.ndim == 2 or experiment is None:
        array, hidden = array.reshape(1, -1, array.shape[-1]), hidden.reshape(1, -1, array.shape[-1])
    parts = [_part(array, hidden, place) for place in sheet.places]
    drawn = contrast(parts, scale, percentiles, counts=are_counts(array))
    page.show(parts, drawn, unit, 0.0 if experiment is None else experiment.detector.pixel_size)
    notes = []
    if experiment is not None:
        found = spots(experiment, number=number, images=images) if predict else None
        notes = _mark(page, experiment, sheet, rings, found)
    page.head(title, _told(experiment, sheet, number, images), notes)
    return page.figure


def _hidden(array: np.ndarray, masked: Any, experiment: Experiment | None) -> np.ndarray:
    """Pixels without a measurement."""
    if masked is None:
        return np.zeros(array.shape, dtype=bool) if experiment is None else pixel_mask(experiment) != 0
    given = np.asarray(masked, dtype=bool)
    if given.shape != array.shape:
        raise NbnumbaError(f"masked: found shape {given.shape}; allowed: {array.shape}, the image's")
    return given


def _sheet(array: np.ndarray, experiment: Experiment | None, roi: Roi | None, panel: int | None, size: int) -> Sheet:
    """What is shown of an image, and where."""
    listed = experiment is not None and bool(experiment.detector.panels)
    if panel is not None and not listed:
        raise NbnumbaError(f"panel: found {panel}; allowed where the experiment's detector lists panels")
    if experiment is None or not listed:
        shape = (math.prod(array.shape[:-1]), array.shape[-1])
        return flat_sheet(checked_window(shape, roi), 0, size, roi is not None)
    if panel is not None:
        number = experiment.detector.panel_number(panel)
        return flat_sheet(checked_window(experiment.detector.size_of(number), roi), number, size, roi is not None)
    if roi is not None:
        raise NbnumbaError("roi: allowed with the number of a panel, where the detector lists panels")
    return laid_out_sheet(experiment, size)


def _part(array: np.ndarray, hidden: np.ndarray, place: Place) -> np.ndarray:
    """Binned values, NaN where masked."""
    s0, s1, f0, f1 = place.window
    number = place.panel if len(array) > 1 else 0
    return shrunk(array[number, s0:s1, f0:f1], hidden[number, s0:s1, f0:f1], place.factor)


def _mark(
    page: Page, experiment: Experiment, sheet: Sheet, rings: Sequence[float] | None, found: Spots | None
) -> list[str]:
    """Draw what is known of the geometry; what there is to say of it."""
    plane, inks, notes = sheet.plane, page.inks, []
    spacings = (
        chosen_rings(experiment, plane.panels, plane.window if plane.zoomed else None) if rings is None else rings
    )
    shown = draw_rings(page.axes, experiment, spacings, plane, inks)
    missing = [d for d in rings or () if d not in shown]
    if missing:
        _warn(f"rings: {', '.join(f'{d:g}' for d in missing)} A not on what is shown")
    beam = beam_place(experiment, plane)
    if beam is not None:
        draw_beam(page.axes, beam, inks)
    if found is not None:
        count = draw_spots(page.axes, found, plane, inks)
        few = count.labelled < count.shown
        notes.append(f"{count.shown} predicted spots" + (f", {count.labelled} with their indices" if few else ""))
        if few:
            _warn(
                f"spots: room for the indices of {count.labelled} of {count.shown}, those of large structure factors "
                "first; a smaller roi, or a larger size, shows more of them"
            )
    return notes


def _warn(text: str) -> None:
    warnings.warn(text, NbnumbaWarning, stacklevel=4)


def _told(experiment: Experiment | None, sheet: Sheet, number: int, images: int) -> str:
    """A line about how the image was taken."""
    if experiment is None:
        return "geometry not known"
    detector, parts = experiment.detector, [f"λ {experiment.mean_wavelength:.6g} Å"]
    if detector.panels:
        parts.append(f"{len(detector.panels)} panels, the nearest at {experiment.nearest:.5g} mm")
    else:
        parts.append(f"distance {experiment.geometry.distance:.5g} mm")
    parts.append(f"pixels of {detector.pixel_size:g} mm")
    scan = experiment.turning
    if scan is not None:
        parts.append(f"spindle {scan.start_of(number):g} to {scan.start_of(number + images):g}°")
    if detector.panels and len(sheet.places) == 1:
        parts.append(f"panel {sheet.places[0].panel}")
    return SEPARATOR.join(parts)
