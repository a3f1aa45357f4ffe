"""What a file of a series holds beside its images: all of it follows from the first image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np

from nbnumba import __version__
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.hdf5 import ENTRY, PROVENANCE
from nbnumba.model.experiment import Experiment
from nbnumba.outputs.compression import Codec
from nbnumba.outputs.cxi import columns_cxi, describe_cxi
from nbnumba.outputs.data_files import DataFile, link_data
from nbnumba.outputs.nexus_tree import OMEGA, columns, describe, group, put
from nbnumba.outputs.stack import Column, absent, begin_column, begin_stack

DATA = "data"  # the group in the entry, and the dataset in the group
EXPECTED = "expected"  # the group of expected photons beside counts
FILES = "data_files"  # the group with a link to each data file
IMAGES = {True: "single", False: "stack"}
_UNITS = {DATA: "counts", EXPECTED: "photons"}


class First(NamedTuple):
    """What the first image tells of all."""

    images: dict[str, np.ndarray]  # by the group of the stack
    shown: Experiment
    own_beams: bool
    columns: list[Column]

    @classmethod
    def of(cls, images: dict[str, np.ndarray], shown: Experiment, own_beams: bool, cxi: bool) -> First:
        """The first image with the columns that all get."""
        also = columns_cxi(own_beams) if cxi else ()
        return cls(images, shown, own_beams, [*columns(shown, own_beams), *also])

    def check(self, number: int, images: dict[str, np.ndarray], shown: Experiment, own_beam: bool) -> None:
        """Refuse an image that is not like the first."""
        if list(images) != list(self.images):
            raise NbnumbaError("expected: found another number of images than there are of counts; give as many")
        if own_beam != self.own_beams:
            raise NbnumbaError(f"beams: found one for some images only, not for image {number}; give one for each")
        for image, first in zip(images.values(), self.images.values(), strict=True):
            if image.dtype != first.dtype:
                raise NbnumbaError(
                    f"image {number}: found values of type {image.dtype}; allowed: {first.dtype}, as in the first image"
                )
        found, needed = len(shown.spectrum), len(self.shown.spectrum)
        if found != needed:
            raise NbnumbaError(
                f"beams: found {found} wavelengths for image {number}; allowed: {needed}, as for the first; set "
                "beam.spectrum_steps, or fill up the shorter ones with weights of 0"
            )

    def begin_stacks(self, file: h5py.File, codec: Codec) -> None:
        """Make datasets for any number of images."""
        for name, image in self.images.items():
            dataset = begin_stack(file, f"{ENTRY}/{name}/{DATA}", image, codec)
            dataset.attrs.update(self.attributes(name))

    def attributes(self, name: str) -> dict[str, Any]:
        """Of the dataset of a stack."""
        panels = len(self.shown.detector.panels)
        return {"units": _UNITS[name], "interpretation": "image"} | ({"panels": panels} if panels else {})


def begin_data_file(file: h5py.File, first: First, codec: Codec) -> None:
    """Prepare a file that holds images alone."""
    _groups(file, first)
    first.begin_stacks(file, codec)


def _groups(file: h5py.File, first: First) -> h5py.Group:
    """The entry, and the groups of images in it."""
    file.attrs["default"] = ENTRY
    entry = group(file, ENTRY, "NXentry", default=DATA)
    for name in first.images:
        group(entry, name, "NXdata", signal=DATA)
    return entry


def describe_series(file: h5py.File, first: First, origin: Mapping[str, str], cxi: bool) -> None:
    """Everything but images, and what each of them has."""
    entry, kind = _groups(file, first), first.images[DATA].dtype
    describe(entry, first.shown, kind, first.own_beams)
    process = group(entry, PROVENANCE, "NXprocess")
    for name, value in origin.items():
        put(process, name, value)
    if cxi:
        describe_cxi(file, first.shown, first.own_beams, f"/{ENTRY}/{DATA}/{DATA}")
    for column in first.columns:
        begin_column(file, column, column.value(0, first.shown))
    for name in first.images if first.shown.turning else ():
        entry[name].attrs.update({"axes": ["omega", ".", "."], "omega_indices": 0})
        entry[name]["omega"] = h5py.SoftLink(f"/{OMEGA}")


def link_files(file: h5py.File, first: First, parts: list[DataFile]) -> None:
    """Show images of data files as one dataset, and link to each."""
    entry = file[ENTRY]
    links = group(entry, FILES, "NXcollection")
    for number, part in enumerate(parts):
        links[f"{DATA}_{number + 1:06d}"] = h5py.ExternalLink(part.name, f"/{ENTRY}/{DATA}/{DATA}")
    for name, image in first.images.items():
        link_data(file, f"{ENTRY}/{name}/{DATA}", parts, image.shape, image.dtype, absent(image.dtype))
        entry[name][DATA].attrs.update(first.attributes(name))


def origin_of(
    experiment: Experiment, single: bool, command_line: str | None, seeds: Mapping[str, int] | None
) -> dict[str, str]:
    """How the file came to be; nothing about the machine, so that the bytes do not depend on it."""
    known = {
        "program": "nbnumba",
        "version": __version__,
        "experiment": experiment.to_toml(inline=True),
        "seeds": json.dumps({**_mosaic_seeds(experiment), **(seeds or {})}),
        "images": IMAGES[single],
    }
    return known if command_line is None else {**known, "command_line": command_line}


def _mosaic_seeds(experiment: Experiment) -> dict[str, int]:
    lattices = {f"lattices.{i}.mosaic": lattice.mosaic.seed for i, lattice in enumerate(experiment.lattices)}
    return {"mosaic": experiment.crystal.mosaic.seed, **lattices}
