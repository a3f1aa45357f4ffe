"""``view``: the image of a file as a figure, and figures as files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError, NbnumbaWarning
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.viewer.content import read_content
from nbnumba.viewer.draw import draw_image
from nbnumba.viewer.page import plotting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Endings of pictures and what makes them the same in every run.
FORMATS: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}


def view(
    path: str | Path,
    *,
    number: int = 0,
    images: int = 1,
    shape: tuple[int, int] | None = None,
    experiment: Experiment | None = None,
    predict: bool = False,
    rings: Sequence[float] | None = None,
    **drawing: Any,
) -> Figure:
    """Draw the image of a file: HDF5 (of ours or NXmx), SMV, CBF, TIFF, PGM, .npy or raw floats.

    Args:
        path: the file.
        number: of the image in a file that holds several, from 0.
        images: how many are added up, from that one on.
        shape: (slow, fast) of a raw file, which does not tell it.
        experiment: what was measured; None: what the file says of itself.
        predict: draw where reflections fall.
        rings: spacings [A]; None: some round ones; empty: none.
        drawing: scale, colors, percentiles, roi, panel, size, title and unit, as ``draw_image`` takes them.

    Returns:
        A figure of matplotlib, as from ``draw_image``.

    Raises:
        NbnumbaError: the file cannot be read or has no such image; spots are asked for where no crystal is known, or
            rings where no geometry is; or as ``draw_image``.

    Warns:
        NbnumbaWarning: the file tells no geometry, or there is no room for all that is asked for.
    """
    if experiment is not None:
        check_experiment(experiment)
    content = read_content(path, number=number, images=images, shape=shape, experiment=experiment)
    if predict and not content.crystal:
        raise NbnumbaError(f"{path}: tells of no crystal; to predict spots, name the experiment (--experiment)")
    if content.experiment is None:
        if rings:
            raise NbnumbaError(f"{path}: no rings can be drawn, for {content.unknown}")
        if rings is None:
            warnings.warn(f"no rings and no beam centre, for {content.unknown}", NbnumbaWarning, stacklevel=2)
    several = f" to {number + images - 1}, added up" if images > 1 else ""
    named = {"title": f"{Path(path).name}, image{'s' if several else ''} {number}{several}", "unit": content.unit}
    return draw_image(
        content.image,
        content.experiment,
        masked=content.masked,
        predict=predict,
        number=number,
        images=images,
        rings=rings,
        **{**named, **drawing},
    )


def write_figure(path: str | Path, figure: Figure, *, overwrite: bool = False) -> Path:
    """Write a figure as PNG or SVG, by the name's ending; the same figure makes the same bytes.

    Raises:
        NbnumbaError: another ending, or the file cannot be written.
    """
    kind = Path(path).suffix.lower()
    if kind not in FORMATS:
        raise NbnumbaError(f"{path}: found the ending {kind!r}; allowed: {', '.join(FORMATS)}")
    with new_file(path, overwrite) as part, plotting().rc_context({"svg.hashsalt": "nbnumba", "svg.fonttype": "none"}):
        figure.savefig(part, format=kind[1:], dpi=figure.dpi, metadata=FORMATS[kind])
    return Path(path)
