"""An experiment in a notebook: what it is, and the fields that are set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any

from nbnumba.markup import card, folded, table
from nbnumba.model.changes import ITEMS, PARTS
from nbnumba.model.mosaic import Mosaic

if TYPE_CHECKING:
    from nbnumba.model.crystal import Crystal
    from nbnumba.model.experiment import Experiment

_LONGEST = 100  # characters of a value
_MOST = 200  # fields
_PARTS = (*PARTS.values(), *ITEMS.values(), Mosaic)


def experiment_html(experiment: Experiment) -> str:
    """The experiment as a small table, and its fields that are not as they are by default in another one."""
    changed = list(_changed("", experiment))
    more = [(f"and {len(changed) - _MOST} more", "")] if len(changed) > _MOST else []
    return card("Experiment", table(_rows(experiment)), folded("Fields", table([*changed[:_MOST], *more])))


def _rows(experiment: Experiment) -> list[tuple[str, str]]:
    beam, scan = experiment.beam, experiment.scan
    count = len(experiment.spectrum)
    wavelengths = f"{experiment.mean_wavelength:.6g} Å" + (f" on average, {count} wavelengths" if count > 1 else "")
    still = "still" if scan is None else f"{scan.width:g}° from {scan.start:g}°, in {scan.steps} steps"
    return [
        *(("Crystal" if i == 0 else f"Lattice {i}", _crystal(c)) for i, c in enumerate(experiment.crystals)),
        ("Beam", f"{wavelengths}; {beam.photons_per_area:.4g} photons/m²"),
        ("Detector", _detector(experiment)),
        ("Scan", still),
        *([("Background", ", ".join(f"{b.thickness:g} mm {b.name}" for b in experiment.background))]
          if experiment.background else []),
        ("Response", "expected photons" if experiment.response is None else f"counts, {experiment.response.dtype}"),
        ("Steps", f"{experiment.steps_per_pixel} a pixel, {experiment.pixels_rendered} pixels"),
    ]  # fmt: skip


def _crystal(crystal: Crystal) -> str:
    lengths, angles = crystal.unit_cell[:3], crystal.unit_cell[3:]
    cell = f"{' '.join(f'{x:.6g}' for x in lengths)} Å, {' '.join(f'{x:.6g}' for x in angles)}°"
    cells = " x ".join(f"{n:g}" for n in crystal.cells_across)
    amplitudes = f"F = {crystal.default_f:g}" if crystal.reflections is None else f"{len(crystal.reflections)} F"
    mosaic = f", {crystal.mosaic.count} mosaic domains" if crystal.mosaic.count > 1 else ""
    return f"{cell}; {cells} cells, {crystal.shape}; {amplitudes}{mosaic}"


def _detector(experiment: Experiment) -> str:
    detector = experiment.detector
    size = f"{detector.pixels[0]} x {detector.pixels[1]} pixels of {detector.pixel_size:g} mm"
    if detector.panels:
        return f"{len(detector.panels)} panels, up to {size}, the nearest at {experiment.nearest:.6g} mm"
    return f"{size} at {experiment.geometry.distance:.6g} mm"


def _changed(name: str, part: Any) -> Iterator[tuple[str, str]]:
    """Dotted names and values of fields that are not as by default."""
    for field in fields(part):
        value, own = getattr(part, field.name), f"{name}.{field.name}" if name else field.name
        if value == _default(field):
            continue
        items = value if isinstance(value, tuple) and value and all(map(_has_fields, value)) else None
        if items is not None:
            for i, item in enumerate(items):
                yield from _changed(f"{own}.{i}", item)
        elif _has_fields(value):
            yield from _changed(own, value)
        else:
            text = repr(value)
            yield own, text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _has_fields(value: Any) -> bool:
    """Whether a value is told by its fields: one that tells itself shortly is not."""
    return isinstance(value, _PARTS)


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else MISSING
