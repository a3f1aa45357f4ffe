"""What there must be in a file, and what NXmx asks for."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from nbnumba.checks.rules import INVALID, NOTHING, UNREAD, Found, missing, rule
from nbnumba.checks.tree import Tree
from nbnumba.inputs.hdf5 import child, numbers, of_class, text, told, words
from nbnumba.inputs.units import is_length


@rule("error")
def entry(tree: Tree) -> Iterator[Found]:
    """An NXentry."""
    if tree.entry is None:
        yield "/", "no group with NX_class NXentry", "an NXentry", UNREAD


@rule("error")
def definition(tree: Tree) -> Iterator[Found]:
    """The definition's name."""
    if tree.entry is not None and words(tree.entry, "definition") != "NXmx":
        found = told(tree.entry, "definition")
        yield f"{tree.entry.name}/definition", found, "NXmx", "dxtbx (DIALS) does not take the file for NXmx"


@rule("error")
def times(tree: Tree) -> Iterator[Found]:
    """When it was measured."""
    yield from missing([] if tree.entry is None else [tree.entry], ("start_time", "end_time_estimated"), INVALID)


@rule("error")
def groups(tree: Tree) -> Iterator[Found]:
    """Groups without which nothing can be told."""
    if tree.entry is None:
        return
    for kind, there in (
        ("NXdata", tree.data_group),
        ("NXinstrument", tree.instruments),
        ("NXdetector", tree.below("NXdetector") or not tree.instruments),
        ("NXdetector_module", tree.modules or not tree.below("NXdetector")),
    ):
        if not there:
            yield tree.entry.name, f"no {kind}", f"an {kind}", UNREAD
    if not tree.samples:
        yield tree.entry.name, "no NXsample", "an NXsample", UNREAD


@rule("error")
def names(tree: Tree) -> Iterator[Found]:
    """Names of sample, instrument and source."""
    sources = [] if tree.entry is None else [*of_class(tree.entry, "NXsource"), *tree.below("NXsource")]
    if tree.entry is not None and not sources:
        yield tree.entry.name, "no NXsource", "an NXsource", INVALID
    yield from missing([*tree.samples, *tree.instruments, *sources], ("name",), INVALID)


@rule("error")
def goniometer_chain(tree: Tree) -> Iterator[Found]:
    """What turns the sample, '.' for stills."""
    yield from missing(tree.samples, ("depends_on",), f"{INVALID}; dxtbx takes the images for stills")


@rule("error")
def beam(tree: Tree) -> Iterator[Found]:
    """A beam with a wavelength, in the instrument."""
    beams = tree.below("NXbeam")
    if tree.instruments and not beams:
        elsewhere = [group.name for sample in tree.samples for group in of_class(sample, "NXbeam")]
        found = f"an NXbeam in {elsewhere[0]} alone" if elsewhere else "no NXbeam"
        yield tree.instruments[0].name, found, "an NXbeam in the NXinstrument", "dxtbx (DIALS) finds no wavelength"
    yield from missing(beams, ("incident_wavelength",), "dxtbx (DIALS) finds no wavelength")


@rule("error")
def wavelength(tree: Tree) -> Iterator[Found]:
    """Wavelengths are lengths above 0."""
    for group in tree.below("NXbeam"):
        item, found = child(group, "incident_wavelength"), numbers(group, "incident_wavelength")
        if item is None:
            continue
        if found is None or not (np.isfinite(found) & (found > 0.0)).all():
            yield item.name, told(group, "incident_wavelength"), "wavelengths above 0", UNREAD
        unit = text(item.attrs.get("units")) if isinstance(item, h5py.Dataset) else None
        if unit is not None and not is_length(unit):
            yield f"{item.name}@units", repr(unit), "a length, as angstrom", UNREAD


@rule("error")
def sensor(tree: Tree) -> Iterator[Found]:
    """A sensor that dxtbx knows, for which it corrects."""
    for detector in tree.below("NXdetector"):
        if words(detector, "sensor_material") not in ("Si", "Silicon", "CdTe", "GaAs"):
            found = told(detector, "sensor_material")
            yield f"{detector.name}/sensor_material", found, "Si, Silicon, CdTe or GaAs", UNREAD
        thickness = numbers(detector, "sensor_thickness")
        if thickness is None or not (thickness > 0.0).all():
            needed = "a thickness above 0; 1e-6 mm stands for none"
            yield f"{detector.name}/sensor_thickness", told(detector, "sensor_thickness"), needed, UNREAD


@rule("error")
def module(tree: Tree) -> Iterator[Found]:
    """Where the pixels of a module are."""
    needed = ("data_origin", "data_size", "fast_pixel_direction", "slow_pixel_direction")
    yield from missing(tree.modules, needed, UNREAD)
    for module in tree.modules:
        for name in ("data_origin", "data_size"):
            found = numbers(module, name)
            if child(module, name) is not None and (found is None or len(found) not in (2, 3)):
                yield f"{module.name}/{name}", told(module, name), "slow, fast", UNREAD


@rule("error")
def units(tree: Tree) -> Iterator[Found]:
    """Numbers that mean nothing without units."""
    wanted = [(group, "incident_wavelength") for group in tree.below("NXbeam")]
    wanted += [(group, "sensor_thickness") for group in tree.below("NXdetector")]
    yield from _without_units(wanted, "dxtbx (DIALS) cannot tell what is meant")


@rule("warning")
def other_units(tree: Tree) -> Iterator[Found]:
    """Other numbers with units."""
    of_detector = ("distance", "x_pixel_size", "y_pixel_size", "count_time", "frame_time")
    wanted = [(group, name) for group in tree.below("NXdetector") for name in of_detector]
    wanted += [(group, name) for group in tree.below("NXbeam") for name in ("incident_beam_size", "total_flux")]
    yield from _without_units(wanted, INVALID)


def _without_units(wanted: list[tuple[h5py.Group, str]], otherwise: str) -> Iterator[Found]:
    for group, name in wanted:
        item = child(group, name)
        if isinstance(item, h5py.Dataset) and text(item.attrs.get("units")) is None:
            yield f"{item.name}@units", NOTHING, "its units", otherwise


@rule("note")
def recommended(tree: Tree) -> Iterator[Found]:
    """Fields that NXmx recommends."""
    otherwise = "NXmx recommends it"
    of_detector = (
        "description", "distance_derived", "count_time", "bit_depth_readout", "pixel_mask", "distance",
        "beam_center_x", "beam_center_y",
    )  # fmt: skip
    yield from missing(tree.instruments, ("time_zone",), otherwise)
    yield from missing(tree.below("NXdetector"), of_detector, otherwise)
    of_beam = ("incident_beam_size", "profile", "incident_polarization_stokes")
    yield from missing(tree.below("NXbeam"), of_beam, otherwise)
    for instrument in tree.instruments:
        if next(of_class(instrument, "NXdetector_group"), None) is None:
            yield instrument.name, "no NXdetector_group", "an NXdetector_group", otherwise
