"""nanoBragg's flags of the beam and its sources."""

from __future__ import annotations

from typing import Any

from nbnumba.compat.flags import Flags
from nbnumba.compat.steps import complete
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.sources import read_sources
from nbnumba.model.beam import MOST_SOURCES, Beam
from nbnumba.model.conventions import CONVENTIONS
from nbnumba.model.sources import Grid, Sources, dispersed, grid_sources
from nbnumba.physics.vector import Vector, unit


def beam_of(flags: Flags, wavelength: float, convention: str) -> Beam:
    """The beam, its wavelength [A] known."""
    frame = CONVENTIONS[convention]
    direction, polarization = frame.beam, frame.polarization
    vectors: dict[str, Any] = {}
    if convention == "custom":  # the others set every axis, whatever stands before them
        vectors = {"direction": flags.values("beam_vector"), "polarization_axis": flags.values("polar_vector")}
        for flag in ("beam_vector", "polar_vector"):
            if flags.values(flag) == (0.0, 0.0, 0.0):
                raise NbnumbaError(f"-{flag}: found 0 0 0; allowed: a vector of non-zero length")
        direction = unit(Vector(*(vectors["direction"] or direction)))
        polarization = unit(Vector(*(vectors["polarization_axis"] or polarization)))
    nopolar = flags.last_of("polar", "nopolar")
    return Beam(
        wavelength=wavelength,
        **_photons(flags),
        polarization=flags.value("polar", 0.0),
        polarized=nopolar is None or nopolar.name == "polar",
        sources=_sources(flags, wavelength, direction, polarization),
        **{name: vector for name, vector in vectors.items() if vector is not None},
    )


def _photons(flags: Flags) -> dict[str, Any]:
    exposure, size = flags.value("exposure", 1.0), flags.value("beamsize", 0.1)
    common = {"exposure": exposure, "size": size}
    if flags.value("flux", 0.0) != 0.0:
        return {"flux": flags.value("flux"), **common}
    return {"fluence": flags.value("fluence"), **common} if "fluence" in flags else common


def _sources(flags: Flags, wavelength: float, direction: Vector, polarization: Vector) -> Sources | None:
    file = flags.file("sourcefile")
    if file is not None:
        listed = read_sources(file, wavelength, direction)
        if len({row[3] for row in listed.rows}) > 1:
            flags.notes.append("the weights of sources have no effect in nanoBragg, nor here")
        return Sources(tuple((x, y, z, 1.0, own) for x, y, z, _, own in listed.rows))
    horizontal, vertical = (_divergence(flags, axis) for axis in "hv")
    dispersion = complete(flags.value("dispersion", 0.0) / 100.0, None, flags.value("dispsteps"))
    if horizontal.width == vertical.width == dispersion.width == 0.0:
        return None
    count = horizontal.number * vertical.number * dispersion.number
    if count > MOST_SOURCES:
        raise NbnumbaError(
            f"-divsteps, -hdivsteps, -vdivsteps, -dispsteps: found {count} sources; allowed: {MOST_SOURCES}"
        )
    last = flags.last_of("round_div", "square_div")
    is_round = (last is None or last.name == "round_div") and horizontal.width > 0.0 and vertical.width > 0.0
    lines = dispersed(wavelength, dispersion)
    return grid_sources(direction, polarization, horizontal, vertical, lines, is_round)


def _divergence(flags: Flags, axis: str) -> Grid:
    width = flags.last_of("divergence", f"{axis}divrange")
    count = flags.last_of("divsteps", f"{axis}divsteps")
    step = flags.value(f"{axis}divstep")
    return complete(
        None if width is None or float(width.values[0]) < 0.0 else float(width.values[0]) / 1000.0,
        None if step is None else step / 1000.0,
        None if count is None else int(count.values[0]),
    )
