"""What is rendered for other programs to solve: a protein on one detector and on four panels, turning and in stills."""

from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

import nbnumba as nb

#: A constant background, so that spots have something to stand out from [photons/pixel].
GROUND = np.float32(1.0)
PIXELS, PIXEL_SIZE, DISTANCE = (600, 600), 0.2, 90.0


class DataSet(NamedTuple):
    """A series: one experiment an image."""

    name: str
    experiments: tuple[nb.Experiment, ...]

    @property
    def first(self) -> nb.Experiment:
        return self.experiments[0]

    def images(self) -> Iterator[np.ndarray]:
        """Counts, as they are rendered."""
        for number, experiment in enumerate(self.experiments):
            yield nb.detect(experiment, nb.simulate(experiment) + GROUND, seed=1, number=number)


def reflections(resolution: float) -> nb.Reflections:
    with resources.as_file(resources.files("nbnumba.examples") / "1orc.pdb.gz") as file:
        return nb.read_reflections(file, resolution=resolution)


def panels() -> tuple[nb.Panel, ...]:
    """Four, 4 mm apart, each turned a little away from the plane across the beam."""
    edge, gap = 58.0, 4.0
    found = []
    for y, z in ((0.5 * gap + edge, -0.5 * gap - edge), (0.5 * gap + edge, 0.5 * gap),
                 (-0.5 * gap, -0.5 * gap - edge), (-0.5 * gap, 0.5 * gap)):  # fmt: skip
        fast = Rotation.from_euler("y", 1.0 if z > 0.0 else -1.0, degrees=True).apply((0.0, 0.0, 1.0))
        found.append(nb.Panel(pixels=(290, 290), origin=(DISTANCE, y, z), fast=tuple(fast.tolist()), slow=(0, -1, 0)))
    return tuple(found)


def experiment(**changes) -> nb.Experiment:
    crystal = nb.Crystal(
        misset=(10.0, 20.0, 30.0),
        cells=(15, 15, 15),
        shape="gauss",  # integration wants spots without fringes
        reflections=reflections(2.2),
        mosaic=nb.Mosaic(spread=0.15, domains=20),
    )
    still = nb.Experiment(
        crystal=crystal,
        beam=nb.Beam(wavelength=1.0, fluence=1e26, exposure=0.25, polarization=0.999),
        detector=nb.Detector(pixels=PIXELS, pixel_size=PIXEL_SIZE, distance=DISTANCE),
        sampling=nb.Sampling(oversample=2),
    )
    return still.replace(**changes)


def turning(name: str, images: int, **changes) -> DataSet:
    first = experiment(scan=nb.Scan(start=5.0, width=1.0, steps=10), **changes)
    return DataSet(name, tuple(first.replace(**{"scan.start": 5.0 + i}) for i in range(images)))


def rotation() -> DataSet:
    return turning("rotation, 60 images", 60)


def four_panels() -> DataSet:
    return turning("rotation, 60 images, 4 panels", 60, detector=nb.Detector(panels=panels(), pixel_size=PIXEL_SIZE))


def stills() -> DataSet:
    """Of a larger crystal: how narrow reflections are is what tells the orientation of a still."""
    sharp = {"crystal.cells": 35, "crystal.mosaic.spread": 0.05, "crystal.mosaic.domains": 40}
    bright = {"beam.fluence": 1e28, "crystal.reflections": reflections(1.8), "sampling.oversample": 4}
    first = experiment(**sharp, **bright)
    missets = Rotation.random(20, random_state=5).as_euler("xyz", degrees=True).tolist()
    return DataSet("20 stills", tuple(first.replace(**{"crystal.misset": tuple(m)}) for m in missets))
