"""The numbers of an experiment that can be refined, by name: what they are now, and the experiment with others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.cell import cell_of, exact_axes
from nbnumba.model.changes import changed, put
from nbnumba.model.mosaic import misset_of
from nbnumba.model.sources import Sources, as_arrays
from nbnumba.model.validate import unknown_key
from nbnumba.physics.rotation import rotate
from nbnumba.physics.vector import Vector, cross, unit

if TYPE_CHECKING:
    from nbnumba.model.beam import Beam
    from nbnumba.model.crystal import Crystal
    from nbnumba.model.detector import Detector
    from nbnumba.model.experiment import Experiment


class Parameter(NamedTuple):
    """A number that images depend on."""

    unit: str
    get: Callable[[Experiment], float | None]  # None: it cannot act
    part: str  # "crystal", "beam", "detector" or "scan"
    change: Callable[[Any, float], Any] | None = None  # that part with another value
    change_by: Callable[[Experiment, float], Any] | None = None  # the same, where it takes to know the others

    def changed(self, e: Experiment, value: float) -> Any:
        """Its part of an experiment with another value."""
        if self.change is not None:
            return self.change(getattr(e, self.part), value)
        assert self.change_by is not None
        return self.change_by(e, value)


def _field(name: str, unit: str, acts: Callable[[Experiment], bool] = lambda _: True) -> Parameter:
    part, _, rest = name.partition(".")

    def get(e: Experiment) -> float | None:
        if not acts(e):
            return None
        value: Any = getattr(e, part)
        for key in rest.split("."):
            value = getattr(value, key)
        return float(value)

    def change(old: Any, value: float) -> Any:
        tree: dict[str, Any] = {}
        put(tree, rest, value)
        return changed(old, tree, part)

    return Parameter(unit, get, part, change)


def _item(
    name: str,
    i: int,
    unit: str,
    prepare: Callable[[Any], Any] = lambda part: part,
    acts: Callable[[Experiment], bool] = lambda _: True,
) -> Parameter:
    part, key = name.split(".")

    def get(e: Experiment) -> float | None:
        return float(getattr(prepare(getattr(e, part)), key)[i]) if acts(e) else None

    def change(old: Any, value: float) -> Any:
        prepared = prepare(old)
        values = list(getattr(prepared, key))
        values[i] = value
        return changed(prepared, {key: tuple(values)}, part)

    return Parameter(unit, get, part, change)


def by_cell(crystal: Crystal) -> Crystal:
    """The same crystal given by cell and misset."""
    if crystal.orientation is None:
        return crystal if crystal.cell is not None else replace(crystal, cell=crystal.unit_cell)
    cell = cell_of(crystal.axes)
    turn = np.linalg.solve(np.array(exact_axes(cell)), crystal.axes).T
    if np.linalg.det(turn) < 0.0:
        raise NbnumbaError(
            "crystal.orientation: found left-handed axes; cell and misset describe right-handed ones: swap two axes"
        )
    return replace(crystal, orientation=None, cell=cell, misset=misset_of(turn))


def _with_wavelength(beam: Beam, value: float) -> Beam:
    """All wavelengths of sources and spectrum are scaled alike."""
    factor = value / beam.wavelength
    changes: dict[str, Any] = {}
    if beam.sources is not None:
        changes["sources"] = Sources(tuple((*row[:4], row[4] * factor) for row in beam.sources.rows))
    if beam.spectrum is not None:
        wavelengths = tuple(wavelength * factor for wavelength in beam.spectrum.wavelengths)
        changes["spectrum"] = replace(beam.spectrum, wavelengths=wavelengths)
    return replace(beam, wavelength=value, **changes)


def tilt_axis(e: Experiment, name: str) -> Vector:
    """Axis about which "beam_tilt_h" or "beam_tilt_v" turns all sources, as for divergence."""
    upright = unit(cross(e.beam_direction, e.polarization_axis))
    return upright if name == "beam_tilt_h" else e.polarization_axis


def _tilt(name: str) -> Parameter:
    def change(e: Experiment, degrees: float) -> Beam:
        axis, angle = tilt_axis(e, name), math.radians(degrees)
        incident, weight, wavelength = as_arrays(e.sources)
        turned = [rotate(Vector(*row), axis, angle) for row in incident.tolist()]
        rows = [(-v.x, -v.y, -v.z, w, x) for v, w, x in zip(turned, weight.tolist(), wavelength.tolist(), strict=True)]
        return e.beam.with_sources(Sources(tuple(rows)))

    return Parameter("degrees", lambda e: 0.0, "beam", change_by=change)


def _center(i: int) -> Parameter:
    """Fast or slow of the point that the convention's beam centre names [mm]."""

    def change(old: Detector, value: float) -> Detector:
        found = list(old.reference_point)
        found[i] = value
        if old.closest_point is not None:
            return replace(old, closest_point=(found[0], found[1]))
        return replace(old, beam_center=old.frame.from_detector((found[0], found[1]), old.extent))

    return Parameter("mm", lambda e: e.detector.reference_point[i] if _placed(e) else None, "detector", change)


def _placed(e: Experiment) -> bool:
    """Whether the detector is placed as a whole, and not panel by panel."""
    return not e.detector.panels


def _distance(e: Experiment) -> float | None:
    return e.geometry.distance if _placed(e) else None


def _rotation(i: int) -> Parameter:
    found = _item("detector.rotation", i, "degrees")
    return found._replace(get=lambda e: found.get(e) if _placed(e) else None)


def _one_spread(e: Experiment) -> bool:
    mosaic = e.crystal.mosaic
    return mosaic.isotropic and mosaic.spread != 0.0 and mosaic.count > 1


def _sensor(e: Experiment) -> bool:
    return e.sensor_mu > 0.0


def _sensor_mu(e: Experiment) -> bool:
    return _sensor(e) and e.detector.sensor_material is None


PARAMETERS: dict[str, Parameter] = {
    **{f"cell_{x}": _item("crystal.cell", i, "A", by_cell) for i, x in enumerate("abc")},
    **{f"cell_{x}": _item("crystal.cell", 3 + i, "degrees", by_cell) for i, x in enumerate(("alpha", "beta", "gamma"))},
    **{f"misset_{x}": _item("crystal.misset", i, "degrees", by_cell) for i, x in enumerate("xyz")},
    **{f"cells_{x}": _item("crystal.cells", i, "", acts=lambda e: not e.crystal.tilted) for i, x in enumerate("abc")},
    "mosaic_spread": _field("crystal.mosaic.spread", "degrees", _one_spread),
    "phi_start": _field("scan.start", "degrees", lambda e: e.scan is not None),
    "spot_scale": _field("crystal.spot_scale", ""),
    "wavelength": Parameter("A", lambda e: e.beam.wavelength, "beam", _with_wavelength),
    "beam_tilt_h": _tilt("beam_tilt_h"),
    "beam_tilt_v": _tilt("beam_tilt_v"),
    "polarization": _field("beam.polarization", "", lambda e: e.beam.polarized and e.beam.stokes is None),
    "distance": Parameter("mm", _distance, "detector", lambda old, x: changed(old, {"distance": x}, "detector")),
    "beam_center_fast": _center(0),
    "beam_center_slow": _center(1),
    **{f"detector_rot{x}": _rotation(i) for i, x in enumerate("xyz")},
    "twotheta": _field("detector.twotheta", "degrees", _placed),
    "sensor_mu": _field("detector.sensor_mu", "1/mm", _sensor_mu),
    "sensor_thickness": _field("detector.sensor_thickness", "mm", _sensor),
}


def parameters(experiment: Experiment) -> dict[str, float]:
    """Values of the parameters that act on an experiment's images."""
    values = {name: parameter.get(experiment) for name, parameter in PARAMETERS.items()}
    return {name: value for name, value in values.items() if value is not None}


def with_parameters(experiment: Experiment, values: Mapping[str, float]) -> Experiment:
    """The experiment with other values of some parameters.

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act, or a value that is not allowed.
    """
    for name in values:
        check_acts(experiment, name)
    parts: dict[str, Any] = {}
    for name, value in values.items():
        parameter = PARAMETERS[name]
        if parameter.change is not None:
            part = parameter.part
            parts[part] = parameter.change(parts.get(part, getattr(experiment, part)), float(value))
    changed = replace(experiment, **parts) if parts else experiment
    for name in ("beam_tilt_h", "beam_tilt_v"):  # in this order, whatever that of the values is
        if name in values:
            parameter = PARAMETERS[name]
            changed = replace(changed, **{parameter.part: parameter.changed(changed, float(values[name]))})
    return changed


def check_acts(experiment: Experiment, name: str) -> None:
    """Refuse a parameter that does not exist, or cannot act on the images of an experiment."""
    if name not in PARAMETERS:
        raise unknown_key("parameters", name, list(PARAMETERS))
    if PARAMETERS[name].get(experiment) is None:
        raise NbnumbaError(
            f"{name}: found a parameter that cannot act here (no sensor, or one whose material sets its mu; no scan, "
            "one domain, three mosaic spreads, a matrix of cells, no polarization, beam.stokes, or panels placed one "
            f"by one); allowed: {', '.join(parameters(experiment))}"
        )


def rate_unit(name: str) -> str:
    """Unit of the derivative by a parameter."""
    unit = PARAMETERS[name].unit.replace("degrees", "degree")
    return f"photons/({unit})" if "/" in unit else f"photons/{unit}" if unit else "photons"
