"""A file of NXmx as the rules look at it: its parts by their NeXus class, whatever their names."""

from __future__ import annotations

from functools import cached_property

import h5py

from nbnumba.inputs.hdf5 import child, of_class, text


class Tree:
    """An open file."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file
        self._below: dict[str, list[h5py.Group]] = {}

    @cached_property
    def entry(self) -> h5py.Group | None:
        """The first NXentry."""
        return next(of_class(self.file, "NXentry"), None)

    @cached_property
    def data_group(self) -> h5py.Group | None:
        """The NXdata with the images."""
        found = [] if self.entry is None else list(of_class(self.entry, "NXdata"))
        default = None if self.entry is None else text(self.entry.attrs.get("default"))
        names = {group.name.rpartition("/")[2]: group for group in found}
        return names.get(default or "data", names.get("data", found[0] if found else None))

    @cached_property
    def data(self) -> h5py.Dataset | None:
        """The images that readers take: ``data``, or else the first of those that are numbered."""
        group = self.data_group
        if group is None:
            return None
        names = ["data", *sorted(name for name in group if name.startswith("data_"))]
        return next((item for name in names if isinstance(item := child(group, name), h5py.Dataset)), None)

    @property
    def images(self) -> int | None:
        """Number of images that readers take."""
        return None if self.data is None or self.data.ndim < 3 else int(self.data.shape[0])

    @cached_property
    def instruments(self) -> list[h5py.Group]:
        """All NXinstrument."""
        return [] if self.entry is None else list(of_class(self.entry, "NXinstrument"))

    @cached_property
    def samples(self) -> list[h5py.Group]:
        """All NXsample."""
        return [] if self.entry is None else list(of_class(self.entry, "NXsample"))

    def below(self, kind: str) -> list[h5py.Group]:
        """Groups of a class in the instruments."""
        if kind not in self._below:
            self._below[kind] = [group for instrument in self.instruments for group in of_class(instrument, kind)]
        return self._below[kind]

    @cached_property
    def modules(self) -> list[h5py.Group]:
        """All NXdetector_module."""
        return [module for detector in self.below("NXdetector") for module in of_class(detector, "NXdetector_module")]
