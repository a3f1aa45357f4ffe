"""What is measured: lists of nanoBragg's flags, so that any nanoBragg executable can run the same."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbnumba.compat import read_flags
from nbnumba.compat.translate import Translation

TABLE = "table.hkl"
QUIET = ["-nonoise", "-nopgm"]
_MOSAIC = (
    f"-cell 70 80 90 90 90 90 -misset 10 20 30 -hkl {TABLE} -N 20 -lambda 1 -mosaic 0.5 -oversample 1 -nointerpolate"
)


class Workload(NamedTuple):
    """One kind of image; ``flags`` lack the number of pixels, which the detector's size stays the same for."""

    about: str
    flags: str
    pixels: int  # along each edge
    size: float  # of the detector [mm]; 0: pixels of 0.1 mm
    same: bool = True  # whether nanoBragg means the same image
    shape: str | None = None  # of the crystal, where nanoBragg has no flag for it

    def command(self, pixels: int | None = None) -> str:
        """All flags."""
        count = pixels or self.pixels
        return f"{self.flags} -detpixels {count} -pixel {self.size / count if self.size else 0.1:.12g}"

    def translation(self, pixels: int, folder: Path) -> Translation:
        """The experiment and its files' settings, without noise; ``folder`` holds the reflections."""
        found = read_flags([*self.command(pixels).split(), *QUIET], folder)
        if self.shape is None:
            return found
        return found._replace(experiment=found.experiment.replace(**{"crystal.shape": self.shape}))


WORKLOADS = {
    "published": Workload(
        "one step a pixel",
        "-cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -default_F 100 -distance 100 -oversample 1",
        4096,
        0.0,
    ),
    "mosaic": Workload("101 domains, 61^3 reflections", f"{_MOSAIC} -mosaic_dom 101 -distance 100", 1024, 102.4),
    "everything": Workload(
        "2 x 2 sub-pixels, 6 sources, 3 phi steps, 6 domains, 2 layers, all factors for each sub-pixel",
        f"{_MOSAIC} -mosaic_dom 6 -distance 100 -oversample 2 -oversample_polar -oversample_omega -oversample_thick "
        "-detector_abs 300 -detector_thick 450 -detector_thicksteps 2 -phi 5 -osc 1 -phisteps 3 -hdivrange 2 "
        "-hdivsteps 3 -dispersion 1 -dispsteps 2",
        512,
        102.4,
        same=False,
    ),
    "round": Workload("51 domains", f"{_MOSAIC} -mosaic_dom 51 -distance 100 -round_xtal", 1024, 102.4),
    "gauss": Workload(
        "51 domains, index metric; beside nanoBragg's own metric",
        f"{_MOSAIC} -mosaic_dom 51 -distance 100 -gauss_xtal",
        1024,
        102.4,
        same=False,
        shape="gauss",
    ),
    "gauss_star": Workload("51 domains", f"{_MOSAIC} -mosaic_dom 51 -distance 100 -gauss_xtal", 1024, 102.4),
    "tophat_star": Workload("51 domains", f"{_MOSAIC} -mosaic_dom 51 -distance 100 -tophat_spots", 1024, 102.4),
    "tricubic": Workload(
        "21 domains, interpolated",
        _MOSAIC.replace("-nointerpolate", "-interpolate") + " -mosaic_dom 21 -distance 300",
        512,
        102.4,
    ),
}


def write_table(folder: Path) -> None:
    """Write the reflections that workloads name: h, k, l from -30 to 30, random amplitudes."""
    numbers = np.arange(-30, 31)
    hkl = np.stack(np.meshgrid(numbers, numbers, numbers, indexing="ij"), axis=-1).reshape(-1, 3)
    amplitude = np.random.default_rng(1).uniform(1.0, 100.0, len(hkl))
    np.savetxt(folder / TABLE, np.column_stack([hkl, amplitude]), fmt="%d %d %d %.4f")
