"""What a detector makes of expected photons."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from nbnumba.model.presets import over, preset
from nbnumba.model.validate import LARGEST_SEED, choice, flag, number, refuse, whole

SPREADS = ("none", "gaussian", "fiber")
TYPES: dict[str, Any] = {"int32": np.int32, "uint16": np.uint16}


@dataclass(frozen=True, kw_only=True)
class Response:
    """Steps from expected photons to the numbers that an instrument writes.

    Attributes:
        flicker: relative standard deviation of the beam's intensity: one factor an image.
        calibration: relative standard deviation of the pixels' sensitivity: one factor a pixel, in all images.
        threshold: energy [keV] that a pixel has to receive from a photon to count it; 0: every photon counts.
        charge_cloud: standard deviation [mm] of a photon's charge, which pixels share; for ``threshold``.
        psf: point spread: "none", "gaussian", or "fiber" (a fibre-coupled screen).
        psf_fwhm: its full width at half maximum [mm].
        photon_noise: whether photons come one by one; False: their expected number is taken.
        noise_before_spread: whether a screen stops whole photons, whose light then spreads; False: the photons
            themselves spread, and each pixel has its own noise.
        dead_time: time [s] for which a pixel that counts is blind after a photon.
        paralyzable: whether a photon in the dead time prolongs it.
        gain: what is written for a photon.
        readout_noise: standard deviation of what is written.
        offset: what is written without a photon.
        underload: lowest number that is written.
        saturation: highest number that is written; None: the largest of ``dtype``.
        dead_pixels: fraction of pixels that see no photons.
        hot_pixels: fraction of pixels that always read ``saturation``.
        dtype: "int32" or "uint16".
        masked: number in pixels outside mask and region; None: -1, or 65535 for uint16.
        seed: of what stays from image to image: sensitivity, dead and hot pixels.

    Raises:
        NbnumbaError: a value that is not allowed, or a combination that makes no sense.
    """

    flicker: float = 0.0
    calibration: float = 0.0
    threshold: float = 0.0
    charge_cloud: float = 0.0
    psf: str = "none"
    psf_fwhm: float = 0.0
    photon_noise: bool = True
    noise_before_spread: bool = True
    dead_time: float = 0.0
    paralyzable: bool = False
    gain: float = 1.0
    readout_noise: float = 0.0
    offset: float = 0.0
    underload: int = 0
    saturation: int | None = None
    dead_pixels: float = 0.0
    hot_pixels: float = 0.0
    dtype: str = "int32"
    masked: int | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        for name, unit, high in _NUMBERS:
            put(name, number(f"response.{name}", getattr(self, name), unit, low=0.0, high=high))
        put("gain", number("response.gain", self.gain, "per photon", above=0.0, high=1e9))
        put("offset", number("response.offset", self.offset, low=-1e9, high=1e9))
        for name in ("photon_noise", "noise_before_spread", "paralyzable"):
            flag(f"response.{name}", getattr(self, name))
        choice("response.psf", self.psf, SPREADS)
        choice("response.dtype", self.dtype, tuple(TYPES))
        put("seed", whole("response.seed", self.seed, low=0, high=LARGEST_SEED))
        lowest, highest = self._range
        put("underload", whole("response.underload", self.underload, low=lowest, high=highest - 1))
        if self.saturation is not None:
            put("saturation", whole("response.saturation", self.saturation, low=self.underload + 1, high=highest))
        if self.masked is not None:
            put("masked", whole("response.masked", self.masked, low=lowest, high=highest))
        self._check_together()

    def _check_together(self) -> None:
        if (self.psf != "none") != (self.psf_fwhm > 0.0):
            found = f"psf {self.psf!r}, psf_fwhm {self.psf_fwhm:g} mm"
            raise refuse("response.psf and psf_fwhm", found, 'a shape with a width above 0, or "none" with 0')
        if self.charge_cloud > 0.0 and self.threshold == 0.0:
            raise refuse("response.charge_cloud", self.charge_cloud, "0 without a threshold")
        if self.dead_pixels + self.hot_pixels > 1.0:
            raise refuse("response.dead_pixels + hot_pixels", self.dead_pixels + self.hot_pixels, "up to 1")
        if self.threshold + self.dead_time > 0.0 and self.psf != "none" and self.noise_before_spread:
            allowed = '"none", or noise_before_spread = false: what counts photons has no screen'
            raise refuse("response.psf with a threshold or dead_time", self.psf, allowed)

    @classmethod
    def preset(cls, name: str, **others: Any) -> Response:
        """The typical response of a detector that people use, one of ``nb.PRESETS``; ``others`` come first."""
        return cls(**over(preset(name, "response").response, others))

    @property
    def _range(self) -> tuple[int, int]:
        limits = np.iinfo(TYPES[self.dtype])
        return int(limits.min), int(limits.max)

    @property
    def highest(self) -> int:
        """Highest number that is written."""
        return self._range[1] if self.saturation is None else self.saturation

    @property
    def masked_value(self) -> int:
        """Number in pixels outside mask and region."""
        if self.masked is not None:
            return self.masked
        return -1 if self.dtype == "int32" else 65535

    def counted_fraction(self, energy: float, pixel_size: float) -> float:
        """Photons of an energy [keV] that pixels [mm] count, over those that they stop.

        A photon counts wherever a pixel gets more than threshold/energy of its charge, which spreads as a normal
        distribution: within an edge that lies sigma z outside the pixel's, with z the quantile of 1 - threshold/energy.
        Below one half some photons count twice, above it some are lost. Corners, where four pixels meet, are left out.
        """
        share = self.threshold / energy
        if share == 0.0:
            return 1.0
        if share >= 1.0:
            return 0.0
        if self.charge_cloud == 0.0:
            return 1.0
        edge = 1.0 - 2.0 * self.charge_cloud / pixel_size * NormalDist().inv_cdf(share)
        return max(edge, 0.0) ** 2


_NUMBERS = (
    ("flicker", "relative", 1e3),
    ("calibration", "relative", 1e3),
    ("threshold", "keV", 1e6),
    ("charge_cloud", "mm", 1e3),
    ("psf_fwhm", "mm", 1e3),
    ("dead_time", "s", 1e3),
    ("readout_noise", "", 1e9),
    ("dead_pixels", "fraction", 1.0),
    ("hot_pixels", "fraction", 1.0),
)
