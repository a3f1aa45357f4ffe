"""Detectors that people use: pixels, gaps, sensor and response.

Numbers of pixels, sizes and gaps are the makers'. Responses are typical, and the calibration of no one instrument: dead
times are of the order of those published (Kraft et al. 2009, J. Synchrotron Rad. 16, 368, for PILATUS); point spread,
offset, noise and calibration of CCDs with fibre tapers are those of nanoBragg's noisify (Holton, Nielsen and Frankel
2012, J. Synchrotron Rad. 19, 1006); noise and full well of JUNGFRAU follow Leonarski et al. 2018, Nature Methods 15,
799.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from nbnumba.model.mask import Mask
from nbnumba.model.validate import choice


class Tiles(NamedTuple):
    """Modules with gaps between them; pairs along slow, fast."""

    number: tuple[int, int]
    pixels: tuple[int, int]  # of a module
    gap: tuple[int, int]  # pixels

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels of the whole."""
        slow, fast = (n * p + (n - 1) * g for n, p, g in zip(self.number, self.pixels, self.gap, strict=True))
        return slow, fast

    def mask(self) -> Mask | None:
        """The modules; None where one is all."""
        if self.number == (1, 1):
            return None
        along = [np.arange(n) % (p + g) < p for n, p, g in zip(self.shape, self.pixels, self.gap, strict=True)]
        return Mask(np.outer(*along))


class Preset(NamedTuple):
    """A detector."""

    tiles: Tiles
    pixel_size: float  # [mm]
    sensor: dict[str, Any]
    response: dict[str, Any]

    def detector(self) -> dict[str, Any]:
        """Fields of ``Detector``."""
        fields = {"pixels": self.tiles.shape, "pixel_size": self.pixel_size, **self.sensor}
        mask = self.tiles.mask()
        return fields if mask is None else {**fields, "mask": mask}


def _counting(tiles: Tiles, pixel_size: float, material: str, thickness: float, **response: Any) -> Preset:
    return Preset(tiles, pixel_size, {"sensor_material": material, "sensor_thickness": thickness}, response)


def _pilatus(slow: int, fast: int, thickness: float, material: str = "Si", **response: Any) -> Preset:
    tiles = Tiles((slow, fast), (195, 487), (17, 7))
    return _counting(tiles, 0.172, material, thickness, saturation=2**20 - 1, **response)


def _eiger(slow: int, fast: int) -> Preset:
    return _counting(Tiles((slow, fast), (514, 1030), (37, 10)), 0.075, "Si", 0.45, dead_time=100e-9)


def _eiger2(slow: int, fast: int, material: str = "Si", thickness: float = 0.45) -> Preset:
    return _counting(Tiles((slow, fast), (512, 1028), (38, 12)), 0.075, material, thickness, dead_time=100e-9)


def _jungfrau(slow: int, fast: int) -> Preset:
    tiles = Tiles((slow, fast), (514, 1030), (36, 8))
    return _counting(tiles, 0.075, "Si", 0.32, readout_noise=0.02, calibration=0.01, saturation=10000)


def _ccd(pixels: int, pixel_size: float, offset: float, fwhm: float) -> Preset:
    response = {
        "psf": "fiber",
        "psf_fwhm": fwhm,
        "calibration": 0.03,
        "readout_noise": 3.0,
        "offset": offset,
        "dtype": "uint16",
        "masked": 0,
    }
    return Preset(Tiles((1, 1), (pixels, pixels), (0, 0)), pixel_size, {}, response)


def _all() -> Iterator[tuple[str, Preset]]:
    for name, slow, fast in (("100k", 1, 1), ("300k", 3, 1), ("1m", 5, 2), ("2m", 8, 3), ("6m", 12, 5)):
        yield f"pilatus-{name}", _pilatus(slow, fast, 0.32, dead_time=200e-9, paralyzable=True)
        yield f"pilatus3-{name}", _pilatus(slow, fast, 0.45, dead_time=100e-9)
    for name, slow, fast in (("300k", 3, 1), ("1m", 5, 2), ("2m", 8, 3)):
        yield f"pilatus3-cdte-{name}", _pilatus(slow, fast, 1.0, "CdTe", dead_time=100e-9)
    for name, slow, fast in (("500k", 1, 1), ("1m", 2, 1), ("4m", 4, 2), ("9m", 6, 3), ("16m", 8, 4)):
        yield f"eiger-{name}", _eiger(slow, fast)
        yield f"eiger2-{name}", _eiger2(slow, fast)
        yield f"eiger2-cdte-{name}", _eiger2(slow, fast, "CdTe", 0.75)
    for name, slow, fast in (("1m", 2, 1), ("4m", 4, 2)):
        yield f"jungfrau-{name}", _jungfrau(slow, fast)
    # Binned 2 x 2, as they are mostly used.
    for name, pixels, size in (
        ("mx170-hs", 1920, 0.0885416), ("mx225", 3072, 0.073242), ("mx225-hs", 2880, 0.078125),
        ("mx300", 4096, 0.073242), ("mx325", 4096, 0.079346), ("mx340-hs", 3840, 0.0885416),
    ):  # fmt: skip
        yield f"rayonix-{name}", _ccd(pixels, size, 10.0, 0.046)
    for name, pixels, size in (("q4", 2304, 0.0816), ("q210", 2048, 0.1024), ("q315r", 3072, 0.102588)):
        yield f"adsc-{name}", _ccd(pixels, size, 40.0, 0.046)


PRESETS = dict(sorted(_all()))


def preset(name: str, where: str = "detector") -> Preset:
    """The detector of a name, in capitals or not.

    Raises:
        NbnumbaError: a name that is not known.
    """
    return PRESETS[choice(f"{where}.preset", name.lower() if isinstance(name, str) else name, tuple(PRESETS))]


def over(fields: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a preset with those that are given in their place.

    Other pixels have no gaps; a mask for those of the preset leaves out its gaps too.
    """
    from nbnumba.model.changes import without_rivals

    values, gaps, mask = without_rivals(fields, given), fields.get("mask"), given.get("mask")
    if isinstance(gaps, Mask) and isinstance(mask, Mask) and gaps.pixels.shape == mask.pixels.shape:
        values["mask"] = Mask(gaps.pixels & mask.pixels)
    if "pixels" in given and "mask" not in given:
        values.pop("mask", None)
    return values


def replaced_by(name: str) -> set[str]:
    """Keys of [detector] or [response] that a preset takes the place of."""
    if name == "response":
        return {key for found in PRESETS.values() for key in found.response}
    sensor = {key for found in PRESETS.values() for key in found.sensor}
    return sensor | {"pixels", "pixel_size", "mask", "sensor_mu", "sensor_density", "panels", "geometry", "roi"}
