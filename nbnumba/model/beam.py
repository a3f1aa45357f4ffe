"""The incident beam: wavelength, photons, polarization, divergence and bandwidth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from nbnumba.constants import UNIT_FLUENCE
from nbnumba.errors import NbnumbaError
from nbnumba.model.sources import PROFILES, Sources, dispersed, grid_sources
from nbnumba.model.spectrum import Spectrum
from nbnumba.model.validate import (
    MOST_FLUENCE,
    WAVELENGTHS,
    both,
    choice,
    counts,
    direction,
    flag,
    number,
    numbers,
    one_or_several,
    refuse,
    whole,
)
from nbnumba.physics.illumination import Outline, ellipse_density, gaussian_density, rectangle_density
from nbnumba.physics.vector import Vector

#: A grid of more sources is a mistake.
MOST_SOURCES = 10**6

#: Density [1/mm^2] of a beam of one photon on an outline, by the name of its profile.
DENSITIES = {"square": rectangle_density, "round": ellipse_density, "gaussian": gaussian_density}
#: Wider gaussians would reach wavelengths below 0.
_WIDEST = {"uniform": 199.0, "gaussian": 60.0}


def _below(most: float, compute: Callable[[], float]) -> bool:
    try:
        return compute() <= most
    except (OverflowError, ZeroDivisionError):
        return False


@dataclass(frozen=True, kw_only=True)
class Beam:
    """A beam of X-rays.

    Attributes:
        wavelength: [A]; may be left out with ``spectrum``, whose mean it then is.
        fluence: photons/m^2 on the crystal over the exposure; None: from ``flux``, or nanoBragg's default: r_e^2
            fluence = 1.
        flux: photons/s of the whole beam, for ``exposure``, spread over ``size`` as ``profile`` tells.
        exposure: seconds.
        size: width of the beam [mm]: one number, or two, along and across ``polarization_axis``.
        profile: "square": even over a rectangle of edges ``size``; "round": even over an ellipse of diameters ``size``;
            "gaussian" of FWHM ``size``.
        offset: place of the crystal [mm] from the centre of the beam, along and across ``polarization_axis``.
        polarization: Kahn factor K in [-1, 1]; 0: unpolarized, 1: electric field along ``polarization_axis``.
        stokes: S0, S1, S2, S3 instead of ``polarization``: K = sqrt(S1^2 + S2^2)/S0, and the electric field is turned
            from ``polarization_axis``, right-handed about the beam, by half the angle of (S1, S2). Circular
            polarization, S3, does not act on intensities but for its share in S0.
        polarized: False leaves the polarization factor out of the image.
        direction: from the source to the sample; None: that of the detector's convention.
        polarization_axis: along the electric field; None: that of the detector's convention.
        divergence: full width along and across ``polarization_axis`` [mrad].
        divergence_steps: number of directions over each width.
        divergence_profile: "uniform", or "gaussian", of which ``divergence`` is the FWHM.
        round_divergence: cut the grid of a uniform divergence to an ellipse.
        dispersion: full width of the wavelengths [percent].
        dispersion_steps: number of wavelengths over it.
        dispersion_profile: "uniform", or "gaussian", of which ``dispersion`` is the FWHM.
        spectrum: table of wavelengths and weights instead of ``dispersion``, for every direction.
        spectrum_steps: number of wavelengths to which the spectrum is binned; None: all of it.
        sources: a list instead of wavelength, divergence, dispersion and spectrum.

    Raises:
        NbnumbaError: a value that is not allowed, or several that exclude one another.
    """

    wavelength: float = cast(float, None)
    fluence: float | None = None
    flux: float | None = None
    exposure: float = 1.0
    size: float | tuple[float, ...] = 0.1
    profile: str = "square"
    offset: tuple[float, ...] = (0.0, 0.0)
    polarization: float = 0.0
    stokes: tuple[float, ...] | None = None
    polarized: bool = True
    direction: tuple[float, ...] | None = None
    polarization_axis: tuple[float, ...] | None = None
    divergence: tuple[float, ...] = (0.0, 0.0)
    divergence_steps: tuple[int, ...] = (1, 1)
    divergence_profile: str = "uniform"
    round_divergence: bool = True
    dispersion: float = 0.0
    dispersion_steps: int = 1
    dispersion_profile: str = "uniform"
    spectrum: Spectrum | None = None
    spectrum_steps: int | None = None
    sources: Sources | None = None

    def __post_init__(self) -> None:
        self._check_photons()
        self._check_polarization()
        self._check_divergence()
        self._check_wavelengths()
        self._check_sources()

    def _put(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_photons(self) -> None:
        if self.fluence is not None and self.flux is not None:
            raise NbnumbaError("beam: found both fluence and flux; give one of them")
        for name, unit, most in (("fluence", "photons/m^2", MOST_FLUENCE), ("flux", "photons/s", math.inf)):
            if getattr(self, name) is not None:
                self._put(name, number(f"beam.{name}", getattr(self, name), unit, low=0.0, high=most))
        self._put("exposure", number("beam.exposure", self.exposure, "s", above=0.0))
        self._put("size", one_or_several("beam.size", self.size, 2, "mm", above=0.0))
        choice("beam.profile", self.profile, tuple(DENSITIES))
        self._put("offset", numbers("beam.offset", self.offset, 2, "mm"))
        for name, plain in (("profile", "square"), ("offset", (0.0, 0.0))):
            if self.flux is None and getattr(self, name) != plain:
                raise NbnumbaError(
                    f"beam.{name}: found {getattr(self, name)!r} without a flux; give beam.flux, as beam.fluence is "
                    f"that on the crystal already, or leave {name} at {plain!r}"
                )
        if not _below(MOST_FLUENCE, lambda: self.photons_per_area):
            allowed = f"a fluence up to {MOST_FLUENCE:g} photons/m^2"
            raise refuse("beam.flux, exposure, size", (self.flux, self.exposure, self.size), allowed)

    def _check_polarization(self) -> None:
        # None is what a change of stokes leaves here
        given = 0.0 if self.polarization is None else self.polarization
        self._put("polarization", number("beam.polarization", given, low=-1.0, high=1.0))
        flag("beam.polarized", self.polarized)
        for name in ("direction", "polarization_axis"):
            if getattr(self, name) is not None:
                self._put(name, direction(f"beam.{name}", getattr(self, name)))
        if self.stokes is None:
            return
        if self.polarization != 0.0:
            raise NbnumbaError("beam: found both polarization and stokes; give one of them")
        s = numbers("beam.stokes", self.stokes, 4)
        if not 1e-150 < s[0] < 1e150 or math.hypot(*s[1:]) > s[0] * (1.0 + 1e-9):
            raise refuse("beam.stokes", s, "S0 above 0 (1e-150 to 1e150), and S1^2 + S2^2 + S3^2 up to S0^2")
        self._put("stokes", s)

    def _check_divergence(self) -> None:
        flag("beam.round_divergence", self.round_divergence)
        choice("beam.divergence_profile", self.divergence_profile, tuple(PROFILES))
        self._put("divergence", numbers("beam.divergence", self.divergence, 2, "mrad", low=0.0, high=1000.0))
        self._put("divergence_steps", counts("beam.divergence_steps", self.divergence_steps))
        for i in (0, 1):
            _check_sampled(f"divergence_steps[{i}]", self.divergence[i], self.divergence_steps[i])

    def _check_wavelengths(self) -> None:
        choice("beam.dispersion_profile", self.dispersion_profile, tuple(PROFILES))
        widest = _WIDEST[self.dispersion_profile]
        self._put("dispersion", number("beam.dispersion", self.dispersion, "percent", low=0.0, high=widest))
        self._put("dispersion_steps", whole("beam.dispersion_steps", self.dispersion_steps, low=1, high=10**6))
        _check_sampled("dispersion_steps", self.dispersion, self.dispersion_steps)
        if self.spectrum is not None and not isinstance(self.spectrum, Spectrum):
            raise refuse("beam.spectrum", self.spectrum, "Spectrum(wavelengths, weights), as from read_spectrum(file)")
        if self.spectrum_steps is not None:
            if self.spectrum is None:
                raise NbnumbaError("beam.spectrum_steps: found without a spectrum; give beam.spectrum, or leave it out")
            self._put("spectrum_steps", whole("beam.spectrum_steps", self.spectrum_steps, low=1))
        if self.wavelength is None:
            if self.spectrum is None:
                raise refuse("beam.wavelength", None, "a number [A]; with a spectrum it may be left out")
            self._put("wavelength", self.spectrum.mean)
        self._put("wavelength", number("beam.wavelength", self.wavelength, "A", **WAVELENGTHS))
        if self.spectrum is not None:
            low, high = min(self.spectrum.wavelengths), max(self.spectrum.wavelengths)
            if not low * (1.0 - 1e-9) <= self.wavelength <= high * (1.0 + 1e-9):
                raise refuse("beam.wavelength", self.wavelength, f"{low:g} to {high:g} A, as the spectrum, or left out")

    def _check_sources(self) -> None:
        if self.sources is not None and not isinstance(self.sources, Sources):
            raise refuse("beam.sources", self.sources, "Sources(rows), as from read_sources(file)")
        given = {"sources": self.sources, "spectrum": self.spectrum, "dispersion": self.dispersion or None}
        found = [name for name, value in given.items() if value is not None]
        if len(found) > 1:
            raise NbnumbaError(f"beam: found {' and '.join(found)}, which exclude one another; give one of them")
        lines = self.dispersion_steps if self.spectrum is None else self.spectrum_steps or len(self.spectrum)
        if math.prod((*self.divergence_steps, lines)) > MOST_SOURCES:
            raise refuse(
                "beam.divergence_steps, dispersion_steps, spectrum_steps",
                "their product",
                f"up to {MOST_SOURCES} sources",
            )

    @property
    def photons_per_area(self) -> float:
        """Fluence [photons/m^2] at the centre of the beam, from whichever of fluence and flux was given.

        That on the crystal, which may lie elsewhere or be larger, is ``Experiment.fluence``.
        """
        return self.fluence_on(Outline(0.0, 0.0, 0.0, 0.0))

    @property
    def area(self) -> float:
        """Area [mm^2] that all photons would take at the fluence of the centre."""
        return 1.0 / DENSITIES[self.profile](Outline(0.0, 0.0, 0.0, 0.0), *both(self.size))

    def fluence_on(self, outline: Outline) -> float:
        """Mean fluence [photons/m^2] on a crystal, relative to the centre of the beam [mm]; ``fluence`` if given."""
        if self.flux is not None:
            return self.flux * self.exposure * DENSITIES[self.profile](outline, *both(self.size)) * 1e6
        return UNIT_FLUENCE if self.fluence is None else self.fluence

    @property
    def kahn(self) -> float:
        """Kahn factor, from whichever of polarization and stokes was given."""
        if self.stokes is None:
            return self.polarization
        return min(math.hypot(self.stokes[1], self.stokes[2]) / self.stokes[0], 1.0)

    @property
    def polarization_turn(self) -> float:
        """Angle [rad] by which Stokes parameters turn the electric field from ``polarization_axis``."""
        return 0.0 if self.stokes is None else 0.5 * math.atan2(self.stokes[2], self.stokes[1])

    def source_list(self, beam: Vector, polarization_axis: Vector) -> Sources:
        """The sources, given the resolved directions of beam and polarization."""
        if self.sources is not None:
            return self.sources
        profile = PROFILES[self.divergence_profile]
        h, v = (
            profile.grid(width * 1e-3, count)
            for width, count in zip(self.divergence, self.divergence_steps, strict=True)
        )
        is_round = self.round_divergence and self.divergence_profile == "uniform"
        return grid_sources(beam, polarization_axis, h, v, self._lines(), is_round, profile.shares)

    def with_sources(self, sources: Sources) -> Beam:
        """The same beam with a list of sources in the place of what else tells wavelengths."""
        plain: dict[str, Any] = {"dispersion": 0.0, "dispersion_steps": 1, "spectrum": None, "spectrum_steps": None}
        return replace(self, sources=sources, **plain)

    def _lines(self) -> list[tuple[float, float]]:
        """Wavelengths [A] and weights of every direction."""
        if self.spectrum is not None:
            found = self.spectrum.rebinned(self.spectrum_steps)
            return list(zip(found.wavelengths, found.weights, strict=True))
        profile = PROFILES[self.dispersion_profile]
        grid = profile.grid(self.dispersion / 100.0, self.dispersion_steps)
        return dispersed(self.wavelength, grid, profile.shares)


def _check_sampled(name: str, width: float, count: int) -> None:
    if width > 0.0 and count == 1:
        raise refuse(f"beam.{name}", count, f"2 or more, for a width of {width:g}")
