"""The incident beam: wavelength, photons, polarization, divergence and bandwidth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nbnumba.constants import UNIT_FLUENCE
from nbnumba.errors import NbnumbaError
from nbnumba.model.sources import Sources, even_grid, grid_sources
from nbnumba.model.validate import direction, flag, number, numbers, refuse, whole
from nbnumba.physics.vector import Vector

#: A grid of more sources is a mistake.
MOST_SOURCES = 10**6


def _finite(compute: Callable[[], float]) -> bool:
    try:
        return math.isfinite(compute())
    except (OverflowError, ZeroDivisionError):
        return False


@dataclass(frozen=True, kw_only=True)
class Beam:
    """A beam of X-rays.

    Attributes:
        wavelength: [A].
        fluence: photons/m^2 over the exposure; None: from ``flux``, or nanoBragg's default: r_e^2 fluence = 1.
        flux: photons/s, spread over ``size`` squared for ``exposure``.
        exposure: seconds.
        size: edge of the beam's square cross section [mm].
        polarization: Kahn factor K in [-1, 1]; 0: unpolarized, 1: electric field along ``polarization_axis``.
        polarized: False leaves the polarization factor out of the image.
        direction: from the source to the sample; None: that of the detector's convention.
        polarization_axis: along the electric field; None: that of the detector's convention.
        divergence: full width along and across the electric field [mrad].
        divergence_steps: number of directions over each width.
        round_divergence: cut the grid of directions to an ellipse.
        dispersion: full width of the wavelengths [percent].
        dispersion_steps: number of wavelengths over it.
        sources: a list instead of wavelength, divergence and dispersion.
    """

    wavelength: float
    fluence: float | None = None
    flux: float | None = None
    exposure: float = 1.0
    size: float = 0.1
    polarization: float = 0.0
    polarized: bool = True
    direction: tuple[float, ...] | None = None
    polarization_axis: tuple[float, ...] | None = None
    divergence: tuple[float, ...] = (0.0, 0.0)
    divergence_steps: tuple[int, ...] = (1, 1)
    round_divergence: bool = True
    dispersion: float = 0.0
    dispersion_steps: int = 1
    sources: Sources | None = None

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("wavelength", number("beam.wavelength", self.wavelength, "A", low=1e-4, high=1e4))
        if self.fluence is not None and self.flux is not None:
            raise NbnumbaError("beam: found both fluence and flux; give one of them")
        for name, unit in (("fluence", "photons/m^2"), ("flux", "photons/s")):
            if getattr(self, name) is not None:
                put(name, number(f"beam.{name}", getattr(self, name), unit, low=0.0))
        put("exposure", number("beam.exposure", self.exposure, "s", above=0.0))
        put("size", number("beam.size", self.size, "mm", above=0.0))
        if not _finite(lambda: self.photons_per_area):
            raise refuse("beam.flux, exposure, size", (self.flux, self.exposure, self.size), "a finite fluence")
        put("polarization", number("beam.polarization", self.polarization, low=-1.0, high=1.0))
        flag("beam.polarized", self.polarized)
        flag("beam.round_divergence", self.round_divergence)
        for name in ("direction", "polarization_axis"):
            if getattr(self, name) is not None:
                put(name, direction(f"beam.{name}", getattr(self, name)))
        put("divergence", numbers("beam.divergence", self.divergence, 2, "mrad", low=0.0, high=1000.0))
        steps = numbers("beam.divergence_steps", self.divergence_steps, 2)
        put("divergence_steps", tuple(whole("beam.divergence_steps", n, low=1, high=10**6) for n in steps))
        put("dispersion", number("beam.dispersion", self.dispersion, "percent", low=0.0, high=199.0))
        put("dispersion_steps", whole("beam.dispersion_steps", self.dispersion_steps, low=1, high=10**6))
        widths = (*self.divergence, self.dispersion)
        for name, width, count in zip(
            ("divergence_steps[0]", "divergence_steps[1]", "dispersion_steps"),
            widths,
            (*self.divergence_steps, self.dispersion_steps),
            strict=True,
        ):
            if width > 0.0 and count == 1:
                raise refuse(f"beam.{name}", count, f"2 or more, for a width of {width:g}")
        if math.prod((*self.divergence_steps, self.dispersion_steps)) > MOST_SOURCES:
            raise refuse("beam.divergence_steps, dispersion_steps", "their product", f"up to {MOST_SOURCES} sources")
        if self.sources is not None and not isinstance(self.sources, Sources):
            raise refuse("beam.sources", self.sources, "Sources(rows), as from read_sources(file)")

    @property
    def photons_per_area(self) -> float:
        """Fluence [photons/m^2], from whichever of fluence and flux was given."""
        if self.flux is not None:
            return self.flux * self.exposure / (self.size * 1e-3) ** 2
        return UNIT_FLUENCE if self.fluence is None else self.fluence

    def source_list(self, beam: Vector, polarization_axis: Vector) -> Sources:
        """The sources, given the resolved directions of beam and polarization."""
        if self.sources is not None:
            return self.sources
        h, v = (
            even_grid(width * 1e-3, count) for width, count in zip(self.divergence, self.divergence_steps, strict=True)
        )
        wavelengths = even_grid(self.dispersion / 100.0, self.dispersion_steps)
        return grid_sources(beam, polarization_axis, self.wavelength, h, v, wavelengths, self.round_divergence)
