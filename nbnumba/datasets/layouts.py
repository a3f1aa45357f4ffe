"""What files say of beam and detector: NXmx, where one description fits all images; or as resonet has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import h5py
import numpy as np

from nbnumba.datasets.cache import masks_vary
from nbnumba.datasets.distributions import Choice, Grid
from nbnumba.datasets.draw import Drawn, draw
from nbnumba.datasets.panels import PLACES, kept_panels
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.sample import shared_mask
from nbnumba.datasets.stacks import STACKS
from nbnumba.model.experiment import Experiment
from nbnumba.model.panel import Panel
from nbnumba.outputs.nexus_tree import columns, describe, finish, group, put
from nbnumba.outputs.stack import Column

#: What the number of wavelengths follows from, the spectrum aside, and whether there are Stokes parameters.
_KINDS_OF_BEAM = ("beam.sources", "beam.dispersion", "beam.dispersion_steps", "beam.dispersion_profile",
                  "beam.spectrum_steps", "beam.polarized")  # fmt: skip
#: What NXmx tells once of all images, and what it follows from: it is left out where that varies.
_TOLD_ONCE = {
    "instrument/beam/incident_beam_size": "beam.size",
    "instrument/beam/profile": "beam.profile",
    "instrument/detector/count_time": "beam.exposure",
    "instrument/detector/frame_time": "beam.exposure",
    "instrument/detector/saturation_value": "response",
    "instrument/detector/underload_value": "response",
}


def one_detector(recipe: Recipe) -> bool:
    """Whether one description of the detector fits all images, which NXmx has of no part of a curved one."""
    cut = recipe.output.crop is not None or recipe.output.bin > 1
    return not recipe.varies(*PLACES) and not (cut and recipe.base.detector.curvature != "flat")


def one_kind_of_beam(recipe: Recipe) -> bool:
    """Whether arrays hold the beams of all images: those of as many wavelengths, all polarized or none."""
    drawn = recipe.vary.get("beam.spectrum")
    values = drawn.distribution.values if drawn and isinstance(drawn.distribution, Choice | Grid) else ()
    lengths = {len(recipe.value_of("beam.spectrum", value)) for value in values}
    return len(lengths) < 2 and not recipe.varies(*_KINDS_OF_BEAM)


class Header:
    """The description in NXmx, with what each image has of it."""

    def __init__(self, recipe: Recipe) -> None:
        self._described = recipe.output.layout == "nxmx" and one_detector(recipe) and one_kind_of_beam(recipe)
        self._own_beams = recipe.varies("beam")
        self._values: dict[str, list[Any]] = {}
        self._columns: dict[str, Column] = {}

    @property
    def names(self) -> list[str]:
        """Paths of datasets with a value for each image."""
        return list(self._values)

    def take(self, drawn: Drawn) -> None:
        """Note what an image has."""
        for column in columns(drawn.experiment, self._own_beams) if self._described else ():
            self._columns[column.name] = column
            self._values.setdefault(column.name, []).append(column.value(0, drawn.experiment))

    def write(self, entry: h5py.Group, recipe: Recipe, images: int) -> None:
        """Fill the entry."""
        shared = None if masks_vary(recipe) else _put_mask(group(entry, "shared", "NXcollection"), recipe)
        if not self._described:
            return
        shown = kept_part(recipe)
        describe(entry, shown, np.dtype(recipe.output.dtype), self._own_beams)
        for path in (path for path, name in _TOLD_ONCE.items() if recipe.varies(name)):
            del entry[path]
        for name, values in self._values.items():
            column = self._columns[name]
            put(entry.file, name, np.array(values), column.units, **dict(column.attributes))
        finish(entry, shown, images)
        detector = entry["instrument/detector"]
        if "pixel_mask" in detector:
            del detector["pixel_mask"]
        if shared is not None:
            detector["pixel_mask"] = shared  # the same one under two names


def _put_mask(parent: h5py.Group, recipe: Recipe) -> h5py.Dataset:
    """The pixels of all images that are no measurement."""
    bits = shared_mask(recipe, draw(recipe, 0))
    rows = bits.reshape(-1, bits.shape[-1])
    found = parent.create_dataset("pixel_mask", data=rows, compression="gzip", shuffle=True)
    found.attrs.update({name: STACKS["entry/pixel_mask/data"][name] for name in ("units", "meaning")})
    return found


def kept_part(recipe: Recipe) -> Experiment:
    """The base with the detector that the images that are kept would come from: cut to the crop, with its bins."""
    experiment, output = recipe.base, recipe.output
    detector = replace(experiment.detector, mask=None, roi=None)
    if output.crop is None and output.bin == 1:
        return replace(experiment, detector=detector)
    panels = []
    for number, (origin, fast, slow) in enumerate(zip(*kept_panels(experiment, output).values(), strict=True)):
        pixels = (
            output.shape(detector)[-2:] if output.crop else tuple(n // output.bin for n in detector.size_of(number))
        )
        panels.append(Panel(pixels=pixels, origin=tuple(origin), fast=tuple(fast), slow=tuple(slow)))
    names = ("convention", "sensor_thickness", "sensor_mu", "sensor_material", "sensor_density", "point_pixels")
    plain = {name: getattr(detector, name) for name in names}
    kept = type(detector)(pixel_size=detector.pixel_size * output.bin, panels=tuple(panels), **plain)
    return replace(experiment, detector=kept)


class Resonet:
    """Datasets of resonet (github.com/dermen/resonet): labels and geom, float32, with the names of columns."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._sizes: list[float] = []
        self._cells: list[tuple[Any, ...]] = []

    def take(self, drawn: Drawn) -> None:
        """Note what an image has beside its labels."""
        crystal = drawn.experiment.crystal
        self._sizes.append(drawn.experiment.detector.pixel_size * self._recipe.output.bin)
        self._cells.append((np.nan,) * 3 if crystal.tilted else crystal.cells)

    def write(
        self, file: h5py.File, rows: dict[str, np.ndarray], lattices: dict[str, np.ndarray], offsets: np.ndarray
    ) -> None:
        """Add the datasets.

        Columns have the names that resonet knows, where there is something to say, then those of everything drawn that
        is a number. Of a miss, reso is infinite. Distances are in mm, wavelengths and spacings in A, beam centres in
        pixels of the image that is kept.
        """
        recipe, count = self._recipe, len(self._sizes)
        found = _known(recipe, rows) | dict(zip(("Na", "Nb", "Nc"), np.transpose(self._cells), strict=True))
        turns, hit = np.full((count, 9), np.nan), rows["hit"] == 1
        turns[hit] = lattices["rotation"][offsets[:-1][hit]].reshape(-1, 9)
        found |= {f"r{i + 1}": turns[:, i] for i in range(9)}
        found |= {name: rows[name] for name in recipe.drawings
                  if name in rows and rows[name].ndim == 1 and rows[name].dtype.kind in "if"}  # fmt: skip
        _put(file, "labels", found)
        if recipe.structures is not None:
            file["labels"].attrs["pdbmap"] = list(recipe.structures.files)
        *above, fast = recipe.output.shape(recipe.base.detector)
        _put(file, "geom", {
            "detdist": rows.get("distance", np.full(count, np.nan)), "wavelen": rows["wavelength"],
            "pixsize": np.array(self._sizes), "xdim": np.full(count, fast), "ydim": np.full(count, np.prod(above)),
        })  # fmt: skip


def _put(file: h5py.File, name: str, columns: dict[str, np.ndarray]) -> None:
    table = np.stack([np.asarray(column, np.float32) for column in columns.values()], axis=1)
    file.create_dataset(name, data=table).attrs["names"] = list(columns)


def _known(recipe: Recipe, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Labels by the names that resonet gives them."""
    inverse = np.where(np.isnan(rows["resolution"]), 0.0, 1.0 / rows["resolution"])
    with np.errstate(divide="ignore"):
        spacing = 1.0 / inverse
    found = {
        "reso": spacing, "one_over_reso": inverse, "is_multi": rows["lattices"] > 1, "num_lat": rows["lattices"],
        "wavelen": rows["wavelength"], "bg_only": rows["hit"] == 0,
    }  # fmt: skip
    names = {"detdist": "distance", "beam_center_fast": "beam_fast", "beam_center_slow": "beam_slow",
             "beamstop_rad": "shadow.radius"}  # fmt: skip
    found |= {name: rows[label] for name, label in names.items() if label in rows}
    if recipe.structures is not None:
        files = [name.encode() for name in recipe.structures.files]
        found["pdb"] = np.array([files.index(name) for name in rows["structure"].tolist()])
    return found
