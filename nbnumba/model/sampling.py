"""How finely an image is sampled."""

from __future__ import annotations

from dataclasses import dataclass

from nbnumba.model.validate import choice, number, refuse, whole

PER = ("subpixel", "pixel")
_LEAST = 1e-7  # relative change that images show, which are of single precision


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Numbers of samples.

    Attributes:
        oversample: sub-pixels along each edge of a pixel, or "auto": enough for the crystal's size (nanoBragg's rule,
            3 * crystal / (wavelength * distance / pixel), rounded up).
        layers: layers that stand for the sensor's thickness.
        tolerance: relative change of the image that is borne when sub-pixels, layers, phi steps, domains and source
            points are doubled, from 1e-7 on: their numbers are chosen for it, whatever is set for them; 0: they are as
            they are set.
        dmin: spacing [A] below which nothing is computed; 0: no limit.
        solid_angle: "subpixel", or "pixel": that of a pixel's first sub-pixel serves all steps (nanoBragg's default).
        polarization: "subpixel", or "pixel": that of the first sub-pixel and the first source serves all steps.
    """

    oversample: int | str = "auto"
    layers: int = 1
    tolerance: float = 0.0
    dmin: float = 0.0
    solid_angle: str = "subpixel"
    polarization: str = "subpixel"

    def __post_init__(self) -> None:
        if isinstance(self.oversample, str):
            if self.oversample != "auto":
                raise refuse("sampling.oversample", self.oversample, 'a whole number from 1 to 1000, or "auto"')
        else:
            object.__setattr__(self, "oversample", whole("sampling.oversample", self.oversample, low=1, high=1000))
        object.__setattr__(self, "layers", whole("sampling.layers", self.layers, low=1, high=100000))
        object.__setattr__(self, "tolerance", number("sampling.tolerance", self.tolerance, low=0.0, high=0.5))
        if 0.0 < self.tolerance < _LEAST:
            raise refuse("sampling.tolerance", self.tolerance, f"0, or a number from {_LEAST:g} up to 0.5")
        object.__setattr__(self, "dmin", number("sampling.dmin", self.dmin, "A", low=0.0))
        choice("sampling.solid_angle", self.solid_angle, PER)
        choice("sampling.polarization", self.polarization, PER)
