"""The rules, one function each: what NXmx demands and asks for, and what readers were seen to need.

NXmx: definitions of the NeXus International Advisory Committee (manual.nexusformat.org, NXmx). dxtbx: each node and
attribute of a file taken out in turn and read by dxtbx 3.11 and its successor of 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from nbnumba.checks.tree import Tree, child, of_class, value
from nbnumba.errors import NbnumbaError
from nbnumba.inputs.geometry.transformations import chain, is_rotation, offset, resolved, text

Found = tuple[str, str, str, str]  # where, what was found, what is needed, what happens otherwise
_NOTHING = "nothing"
_INVALID = "the file is not valid NXmx"
_UNREAD = "dxtbx (DIALS) cannot read the file"


class Rule(NamedTuple):
    """A rule, and what breaks it."""

    level: str
    name: str
    broken_by: Callable[[Tree], Iterator[Found]]


def _missing(groups: list[h5py.Group], names: tuple[str, ...], otherwise: str) -> Iterator[Found]:
    for group in groups:
        for name in names:
            if child(group, name) is None:
                yield f"{group.name}/{name}", _NOTHING, f"{name}", otherwise


# --- what there must be ----------------------------------------------------------------------------------------------


def entry(tree: Tree) -> Iterator[Found]:
    """An NXentry."""
    if tree.entry is None:
        yield "/", "no group with NX_class NXentry", "an NXentry", _UNREAD


def definition(tree: Tree) -> Iterator[Found]:
    """The definition's name."""
    found = None if tree.entry is None else value(tree.entry, "definition")
    if tree.entry is not None and found != "NXmx":
        shown = _NOTHING if found is None else repr(found)
        yield f"{tree.entry.name}/definition", shown, "NXmx", "dxtbx (DIALS) does not take the file for NXmx"


def times(tree: Tree) -> Iterator[Found]:
    """When it was measured."""
    yield from _missing([] if tree.entry is None else [tree.entry], ("start_time", "end_time_estimated"), _INVALID)


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
            yield tree.entry.name, f"no {kind}", f"an {kind}", _UNREAD
    if not tree.samples:
        yield tree.entry.name, "no NXsample", "an NXsample", _UNREAD


def names(tree: Tree) -> Iterator[Found]:
    """Names of sample, instrument and source."""
    sources = [] if tree.entry is None else [*of_class(tree.entry, "NXsource"), *tree.below("NXsource")]
    if tree.entry is not None and not sources:
        yield tree.entry.name, "no NXsource", "an NXsource", _INVALID
    yield from _missing([*tree.samples, *tree.instruments, *sources], ("name",), _INVALID)


def sample_depends_on(tree: Tree) -> Iterator[Found]:
    """What turns the sample, '.' for stills."""
    yield from _missing(tree.samples, ("depends_on",), f"{_INVALID}; dxtbx takes the images for stills")


def beam(tree: Tree) -> Iterator[Found]:
    """A beam with a wavelength, in the instrument."""
    beams = tree.below("NXbeam")
    if tree.instruments and not beams:
        elsewhere = [group.name for sample in tree.samples for group in of_class(sample, "NXbeam")]
        found = f"an NXbeam in {elsewhere[0]} alone" if elsewhere else "no NXbeam"
        yield tree.instruments[0].name, found, "an NXbeam in the NXinstrument", "dxtbx (DIALS) finds no wavelength"
    yield from _missing(beams, ("incident_wavelength",), "dxtbx (DIALS) finds no wavelength")


def sensor(tree: Tree) -> Iterator[Found]:
    """A sensor that dxtbx knows, for which it corrects."""
    for detector in tree.below("NXdetector"):
        material = value(detector, "sensor_material")
        if material not in ("Si", "Silicon", "CdTe", "GaAs"):
            shown = _NOTHING if material is None else repr(material)
            yield f"{detector.name}/sensor_material", shown, "Si, Silicon, CdTe or GaAs", _UNREAD
        thickness = value(detector, "sensor_thickness")
        if thickness is None or not (thickness > 0.0).all():
            shown = _NOTHING if thickness is None else str(thickness.tolist())
            needed = "a thickness above 0; 1e-6 mm stands for none"
            yield f"{detector.name}/sensor_thickness", shown, needed, _UNREAD


def module_fields(tree: Tree) -> Iterator[Found]:
    """Where the pixels of a module are."""
    needed = ("data_origin", "data_size", "fast_pixel_direction", "slow_pixel_direction")
    yield from _missing(tree.modules, needed, _UNREAD)
    for module in tree.modules:
        for name in ("data_origin", "data_size"):
            found = value(module, name)
            if found is not None and len(found) not in (2, 3):
                yield f"{module.name}/{name}", f"{len(found)} numbers", "slow, fast", _UNREAD


def _transformations(tree: Tree) -> Iterator[h5py.Dataset]:
    """Datasets that are, or are in the place of, axes."""
    for module in tree.modules:
        for name in ("fast_pixel_direction", "slow_pixel_direction", "module_offset"):
            item = child(module, name)
            if isinstance(item, h5py.Dataset):
                yield item
    for parent in (*tree.below("NXdetector"), *tree.samples):
        for group in of_class(parent, "NXtransformations"):
            items = (child(group, name) for name in group)
            yield from (item for item in items if isinstance(item, h5py.Dataset) and "vector" in item.attrs)


def vectors(tree: Tree) -> Iterator[Found]:
    """Axes have a vector, and units."""
    for item in _transformations(tree):
        found = np.ravel(item.attrs.get("vector", ()))
        if found.shape != (3,):
            yield f"{item.name}@vector", str(found.tolist()), "x, y, z", _UNREAD
        if text(item.attrs.get("units")) is None:
            yield f"{item.name}@units", _NOTHING, "mm, m, deg ...", _UNREAD


def pixel_directions(tree: Tree) -> Iterator[Found]:
    """Directions of pixels depend on something, and have no offset of their own."""
    for module in tree.modules:
        for name in ("fast_pixel_direction", "slow_pixel_direction"):
            item = child(module, name)
            if not isinstance(item, h5py.Dataset):
                continue
            if text(item.attrs.get("depends_on")) is None:
                yield f"{item.name}@depends_on", _NOTHING, "the module's offset, or the detector's axis", _UNREAD
            if np.any(item.attrs.get("offset", 0.0)):
                otherwise = "dxtbx 3.11 (DIALS 3.12) overlooks it, and has the beam centre at 0, 0"
                yield (
                    f"{item.name}@offset",
                    str(np.ravel(item.attrs["offset"]).tolist()),
                    "the offset on module_offset",
                    otherwise,
                )


def chains(tree: Tree) -> Iterator[Found]:
    """Everything that an axis depends on is there, to the end."""
    for item in _transformations(tree):
        try:
            for one in chain(item):
                is_rotation(one)
                offset(one)
        except NbnumbaError as error:
            where, _, found = str(error).partition(": ")
            yield where, found, "a chain of axes of known type and units that ends with '.'", _UNREAD
    for group in (*tree.samples, *tree.below("NXdetector")):
        path = _path(group)
        try:
            resolved(group, path)
        except NbnumbaError:
            yield f"{group.name}/depends_on", repr(path), "a path in the file, or '.'", _UNREAD


def _path(group: h5py.Group) -> str | None:
    found = value(group, "depends_on")
    return found if isinstance(found, str) else None


def units(tree: Tree) -> Iterator[Found]:
    """Numbers that mean nothing without units."""
    wanted = [(group, "incident_wavelength") for group in tree.below("NXbeam")]
    wanted += [(group, "sensor_thickness") for group in tree.below("NXdetector")]
    yield from _without_units(wanted, "dxtbx (DIALS) cannot tell what is meant")


def other_units(tree: Tree) -> Iterator[Found]:
    """Other numbers with units."""
    of_detector = ("distance", "x_pixel_size", "y_pixel_size", "count_time", "frame_time")
    wanted = [(group, name) for group in tree.below("NXdetector") for name in of_detector]
    wanted += [(group, name) for group in tree.below("NXbeam") for name in ("incident_beam_size", "total_flux")]
    yield from _without_units(wanted, _INVALID)


def _without_units(wanted: list[tuple[h5py.Group, str]], otherwise: str) -> Iterator[Found]:
    for group, name in wanted:
        item = child(group, name)
        if isinstance(item, h5py.Dataset) and text(item.attrs.get("units")) is None:
            yield f"{item.name}@units", _NOTHING, "its units", otherwise


# --- images ----------------------------------------------------------------------------------------------------------


def one_dataset(tree: Tree) -> Iterator[Found]:
    """One dataset of all images."""
    group = tree.data_group
    if group is None or isinstance(child(group, "data"), h5py.Dataset):
        return
    parts = sorted(name for name in group if name.startswith("data_"))
    if not parts:
        if tree.data is None:
            yield f"{group.name}/data", _NOTHING, "the images", _UNREAD
        return
    if len(parts) > 1:
        otherwise = f"dxtbx (DIALS) reads the images of {parts[0]} alone"
        yield group.name, f"{len(parts)} datasets, {parts[0]} to {parts[-1]}", "one, 'data', virtual or not", otherwise


def signal(tree: Tree) -> Iterator[Found]:
    """Which dataset to show."""
    if tree.data_group is not None and text(tree.data_group.attrs.get("signal")) is None:
        yield f"{tree.data_group.name}@signal", _NOTHING, "data", "silx and NeXus programs show no default image"


def pixel_type(tree: Tree) -> Iterator[Found]:
    """Types of pixels that all programs take."""
    if tree.data is None:
        return
    kind, depths = tree.data.dtype.name, [value(d, "bit_depth_readout") for d in tree.below("NXdetector")]
    if kind in ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64"):
        return
    if kind in ("uint32", "int64", "uint64") and depths and all(d is not None and d[0] == 32 for d in depths):
        return
    needed = "int32, uint16 or float32; or bit_depth_readout 32"
    yield tree.data.name, kind, needed, "dxtbx (DIALS) from 2024 on refuses pixels of this type"


def linked_files(tree: Tree) -> Iterator[Found]:
    """Files that hold the images are there."""
    if tree.data_group is None:
        return
    for name in tree.data_group:
        link = tree.data_group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink) and child(tree.data_group, name) is None:
            where = f"{tree.data_group.name}/{name}"
            yield where, f"a link to {link.filename}", f"that file, with {link.path}", "its images are missing"
    for file, dataset in _sources(tree):
        if not file.is_file():
            yield tree.data_group.name, f"no file {file}", "every file of the virtual dataset", _FILLED
        else:
            yield from _held(tree.data_group.name, file, dataset)


_FILLED = "its images read as the fill value, without any error"


def _sources(tree: Tree) -> list[tuple[Path, str]]:
    """Files and datasets that a virtual dataset shows."""
    if tree.data is None or not tree.data.is_virtual:
        return []
    files = {(s.file_name.replace("%%", "%"), s.dset_name) for s in tree.data.virtual_sources() if s.file_name != "."}
    return sorted((Path(tree.data.file.filename).parent / name, dataset) for name, dataset in files)


def _held(where: str, file: Path, dataset: str) -> Iterator[Found]:
    try:
        with h5py.File(file, "r") as opened:
            there = isinstance(child(opened, dataset), h5py.Dataset)
    except (OSError, RuntimeError) as error:
        yield where, f"{file}, which cannot be read ({error})", "a whole HDF5 file", _FILLED
        return
    if not there:
        yield where, f"{file} without {dataset}", dataset, _FILLED


def fill_value(tree: Tree) -> Iterator[Found]:
    """Images that are missing can be told from dark ones."""
    if tree.data is not None and tree.data.is_virtual and np.all(tree.data.fillvalue == 0):
        yield tree.data.name, "the fill value 0", "-1, or the largest number", "images that are missing read as dark"


def modules_on_data(tree: Tree) -> Iterator[Found]:
    """Modules lie within the images."""
    if tree.data is None:
        return
    for module in tree.modules:
        origin, size = (value(module, name) for name in ("data_origin", "data_size"))
        if origin is None or size is None or len(origin) != len(size):
            continue
        ends, shape = (origin + size)[-2:], tree.data.shape[-2:]
        if (ends > shape).any():
            yield module.name, f"pixels up to {ends.tolist()} (slow, fast)", f"up to {list(shape)}", _UNREAD


def mask_shape(tree: Tree) -> Iterator[Found]:
    """Masks have the shape of the images."""
    for detector in tree.below("NXdetector"):
        mask = child(detector, "pixel_mask")
        if not isinstance(mask, h5py.Dataset) or tree.data is None:
            continue
        if mask.shape[-2:] != tree.data.shape[-2:]:
            yield mask.name, f"shape {mask.shape}", f"{tree.data.shape[-2:]}, that of the images", _UNREAD


def mask_of_narrow_modules(tree: Tree) -> Iterator[Found]:
    """No mask where modules differ in width."""
    for detector in tree.below("NXdetector"):
        widths = {int(size[-1]) for m in of_class(detector, "NXdetector_module")
                  if (size := value(m, "data_size")) is not None}  # fmt: skip
        if len(widths) > 1 and child(detector, "pixel_mask") is not None:
            found = f"a mask for modules of {', '.join(map(str, sorted(widths)))} pixels"
            yield f"{detector.name}/pixel_mask", found, "none", "dxtbx 3.11 (DIALS 3.12) cannot read the file"


def saturation(tree: Tree) -> Iterator[Found]:
    """Counts that programs take for masked."""
    if tree.data is None or tree.data.dtype.kind not in "iu":
        return
    top = np.iinfo(tree.data.dtype).max
    for detector in tree.below("NXdetector"):
        high = value(detector, "saturation_value")
        if tree.data.dtype.name in ("uint16", "int32", "uint32") and high is not None and high[0] > top - 2:
            otherwise = f"dxtbx takes {top - 1} and {top} for masked"
            yield f"{detector.name}/saturation_value", f"{high[0]:g}", f"{top - 2} or less", otherwise


def filters(tree: Tree) -> Iterator[Found]:
    """Compression that every HDF5 has."""
    if tree.data is None or tree.data.is_virtual:
        return
    plist = tree.data.id.get_create_plist()
    for number in range(plist.get_nfilters()):
        code = plist.get_filter(number)[0]
        if code > 255:  # those below belong to HDF5 itself
            name = plist.get_filter(number)[3].decode("latin-1")
            otherwise = "programs without the plugin (hdf5plugin, HDF5_PLUGIN_PATH) cannot read the images"
            yield tree.data.name, f"filter {code} ({name.strip()})", "gzip, or that plugin", otherwise


# --- shots and turns -------------------------------------------------------------------------------------------------


def wavelengths(tree: Tree) -> Iterator[Found]:
    """One wavelength for all images, or one for each; spectra with their weights."""
    for group in tree.below("NXbeam"):
        item = child(group, "incident_wavelength")
        if not isinstance(item, h5py.Dataset):
            continue
        variant = text(item.attrs.get("variant"))
        if item.size not in (1, tree.images) and tree.images is not None and child(group, f"{_W}_weights") is None:
            yield item.name, f"{item.size} wavelengths for {tree.images} images", "1, or one for each", _UNREAD
        if variant is not None:
            yield from _missing([group], (variant, f"{variant}_weights"), _UNREAD)


_W = "incident_wavelength"


def _turning(tree: Tree) -> Iterator[h5py.Dataset]:
    """Rotations that the sample depends on."""
    for sample in tree.samples:
        try:
            start = resolved(sample, _path(sample))
            yield from (item for item in chain(start) if is_rotation(item))
        except NbnumbaError:
            continue  # which another rule tells


def angles(tree: Tree) -> Iterator[Found]:
    """Angles for every image."""
    for item in _turning(tree):
        if tree.images is not None and item.size not in (1, tree.images):
            yield item.name, f"{item.size} angles for {tree.images} images", "1, or one for each", _UNREAD


def oscillation_width(tree: Tree) -> Iterator[Found]:
    """A rotation of which the width can be told."""
    items = list(_turning(tree))
    if not items or any(item.size > 1 and np.ptp(item[()]) > 0.0 for item in items):
        return
    if any(child(item.parent, f"{item.name.rpartition('/')[2]}_end") is not None for item in items):
        return
    where = items[0].name
    if tree.images == 1:
        yield where, "one angle", "its _end beside it", "dxtbx (DIALS) reads a rotation by 0 degrees"
    elif tree.images is not None:
        otherwise = "dxtbx (DIALS) takes them for a rotation by 0 degrees, not for stills"
        yield where, "angles that are all the same", "depends_on '.' for stills", otherwise


def backwards(tree: Tree) -> Iterator[Found]:
    """Angles that grow from image to image."""
    for item in _turning(tree):
        own, end = (value(item.parent, item.name.rpartition("/")[2] + more) for more in ("", "_end"))
        if np.any(np.diff(own) < 0.0) or (end is not None and len(end) == len(own) and np.any(end < own)):
            yield item.name, "angles that fall", "the opposite axis, about which they grow", _UNREAD


def several_turn(tree: Tree) -> Iterator[Found]:
    """One axis turns at a time."""
    moving = [item.name for item in _turning(tree) if item.size > 1 and np.ptp(item[()]) > 0.0]
    if len(moving) > 1:
        yield moving[0], f"{len(moving)} axes that turn", "one", "dxtbx (DIALS) follows one of them"


def frame_time(tree: Tree) -> Iterator[Found]:
    """How long an image takes, where the sample turns."""
    if any(True for _ in _turning(tree)):
        yield from _missing(tree.below("NXdetector"), ("frame_time",), "dxtbx (DIALS) has no exposure times")


# --- what NXmx asks for ----------------------------------------------------------------------------------------------


def recommended(tree: Tree) -> Iterator[Found]:
    """Fields that NXmx recommends."""
    otherwise = "NXmx recommends it"
    of_detector = (
        "description", "distance_derived", "count_time", "bit_depth_readout", "pixel_mask", "distance",
        "beam_center_x", "beam_center_y",
    )  # fmt: skip
    yield from _missing(tree.instruments, ("time_zone",), otherwise)
    yield from _missing(tree.below("NXdetector"), of_detector, otherwise)
    of_beam = ("incident_beam_size", "profile", "incident_polarization_stokes")
    yield from _missing(tree.below("NXbeam"), of_beam, otherwise)
    for instrument in tree.instruments:
        if next(of_class(instrument, "NXdetector_group"), None) is None:
            yield instrument.name, "no NXdetector_group", "an NXdetector_group", otherwise


def _rules(level: str, **functions: Callable[[Tree], Iterator[Found]]) -> list[Rule]:
    return [Rule(level, name.replace("_", " "), function) for name, function in functions.items()]


#: All of them: where a function breaks, its level and name are told.
RULES: tuple[Rule, ...] = (
    *_rules(
        "error", entry=entry, definition=definition, times=times, groups=groups, names=names,
        goniometer_chain=sample_depends_on, beam=beam, sensor=sensor, module=module_fields, vectors=vectors,
        pixel_directions=pixel_directions, chains=chains, units=units, one_dataset=one_dataset, pixel_type=pixel_type,
        linked_files=linked_files, modules_on_data=modules_on_data, mask_shape=mask_shape,
        mask_of_narrow_modules=mask_of_narrow_modules, wavelengths=wavelengths, angles=angles,
        oscillation_width=oscillation_width, backwards=backwards,
    ),
    *_rules(
        "warning", signal=signal, other_units=other_units, fill_value=fill_value, saturation=saturation,
        several_turn=several_turn, frame_time=frame_time,
    ),
    *_rules("note", filters=filters, recommended=recommended),
)  # fmt: skip
