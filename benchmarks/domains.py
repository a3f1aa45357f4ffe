"""How many mosaic domains an image needs: evenly spread ones against random ones; and the pictures of docs/crystals.md.

python benchmarks/domains.py [--pictures FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

import nbnumba as nb
from nbnumba.outputs.gallery import Frame, write_gallery

COUNTS = (10, 30, 100, 300, 1000, 3000)
REFERENCE = 30_000
SEEDS = range(1, 6)
#: What differs from domain to domain.
KINDS = {
    "turns, 0.3 degrees": {"spread": 0.3},
    "turns, 0.1, 0.2, 0.6 degrees": {"spread": (0.1, 0.2, 0.6)},
    "turns, 0.3 degrees, and cells, 0.3 %": {"spread": 0.3, "cell_spread": 0.3},
}
SLANTED = ((14.0, 10.0, 0.0), (10.0, 14.0, 0.0), (0.0, 0.0, 20.0))


def scene(size, edge=80.0, center=(40.0, 40.0), **changes):
    """Spots on a square detector of ``size`` pixels and ``edge`` mm, 80 mm away; where the beam hits it [mm]."""
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=(34, 39, 48, 90, 90, 90), misset=(10, 20, 30), cells=20, default_f=10, shape="gauss"),
        beam=nb.Beam(wavelength=1.0, polarization=0.9),
        detector=nb.Detector(
            pixels=(size, size), pixel_size=edge / size, distance=80.0, convention="adxv", beam_center=center
        ),
        sampling=nb.Sampling(oversample=1),
    )
    return experiment.replace(**changes)


def with_domains(base, count, **kind):
    mosaic = nb.Mosaic(distribution="gaussian", domains=count, **kind)
    return nb.simulate(base.replace(**{"crystal.mosaic": mosaic})).astype(float)


def convergence(base):
    """Root mean square error over root mean square of the image, by kind, sequence and number of domains."""
    found = {}
    for name, kind in KINDS.items():
        best = with_domains(base, REFERENCE, **kind, sequence="low-discrepancy", seed=99)
        for sequence in ("random", "low-discrepancy"):
            for count in COUNTS:
                images = [with_domains(base, count, **kind, sequence=sequence, seed=seed) for seed in SEEDS]
                squares = [np.mean((image - best) ** 2) / np.mean(best**2) for image in images]
                found[name, sequence, count] = np.sqrt(np.mean(squares))
    return found


def far(**changes):
    """An image of many spots."""
    return nb.simulate(scene(240, **{"crystal.cells": 12, **changes}))


def near(**changes):
    """An image of few spots, away from the beam."""
    return nb.simulate(scene(160, 16.0, (-14.0, 0.0), **changes))


def mosaic(**how):
    """Many gaussian domains, evenly spread."""
    kind = {"sequence": "low-discrepancy", "distribution": "gaussian", "domains": 1000, **how}
    return {"crystal.mosaic": nb.Mosaic(**kind)}


def pictures(folder):
    """Galleries, each of one subject."""
    third, twelve = mosaic(spread=0.3), {"crystal.cells": 12}
    other = scene(240, **third, **{"crystal.misset": (50, 5, 17), "crystal.spot_scale": 0.4, **twelve}).crystal
    galleries = {
        "convergence": [
            Frame(f"{count} domains, {sequence}", near(**mosaic(spread=0.5, domains=count, sequence=sequence)))
            for sequence in ("random", "low-discrepancy")
            for count in (10, 100, 1000)
        ],
        "mosaic": [
            Frame("one domain", far()),
            Frame("spread = 0.5", far(**mosaic(spread=0.5))),
            Frame("spread = [2, 0, 0]", far(**mosaic(spread=(2, 0, 0)))),
            Frame("spread = [0, 0, 2]", far(**mosaic(spread=(0, 0, 2)))),
        ],
        "cells": [
            Frame("spread = 0.3", near(**third)),
            Frame("and cell_spread = 1", near(**mosaic(spread=0.3, cell_spread=1))),
            Frame("and cell_spread = [0, 0, 2]", near(**mosaic(spread=0.3, cell_spread=(0, 0, 2)))),
        ],
        "outlines": [
            Frame("cells = [14, 14, 20]", near(**mosaic(spread=0.1), **{"crystal.cells": (14, 14, 20)})),
            Frame("and 10 off the diagonal", near(**mosaic(spread=0.1), **{"crystal.cells": SLANTED})),
        ],
        "lattices": [
            Frame("one lattice", far(**third)),
            Frame("two lattices", far(**third, lattices=(other,))),
        ],
    }
    for name, frames in galleries.items():
        print(write_gallery(folder / f"{name}.svg", frames, columns=3 if len(frames) % 3 == 0 else 4, overwrite=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="write the pictures to this folder instead")
    given = parser.parse_args()
    if given.pictures:
        return pictures(given.pictures)
    found = convergence(scene(256))
    for name in KINDS:
        print(f"| {name} | {' | '.join(map(str, COUNTS))} |")
        for sequence in ("random", "low-discrepancy"):
            print(f"| {sequence} | {' | '.join(f'{100 * found[name, sequence, n]:.2g} %' for n in COUNTS)} |")


if __name__ == "__main__":
    main()
