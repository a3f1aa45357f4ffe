"""Images: where they are, of which type, and their masks."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from nbnumba.checks.rules import NOTHING, UNREAD, Found, rule
from nbnumba.checks.tree import Tree
from nbnumba.errors import NbnumbaError
from nbnumba.inputs import hdf5
from nbnumba.inputs.hdf5 import child, numbers, of_class, text


@rule("error")
def one_dataset(tree: Tree) -> Iterator[Found]:
    """One dataset of all images."""
    group = tree.data_group
    if tree.data is not None and tree.data.ndim not in (2, 3):
        yield tree.data.name, f"shape {tree.data.shape}", "image, slow, fast", UNREAD
    if group is None or isinstance(child(group, "data"), h5py.Dataset):
        return
    parts = sorted(name for name in group if name.startswith("data_"))
    if not parts:
        if tree.data is None:
            yield f"{group.name}/data", NOTHING, "the images", UNREAD
        return
    if len(parts) > 1:
        otherwise = f"dxtbx (DIALS) reads the images of {parts[0]} alone"
        yield group.name, f"{len(parts)} datasets, {parts[0]} to {parts[-1]}", "one, 'data', virtual or not", otherwise


@rule("warning")
def signal(tree: Tree) -> Iterator[Found]:
    """Which dataset to show."""
    if tree.data_group is not None and text(tree.data_group.attrs.get("signal")) is None:
        yield f"{tree.data_group.name}@signal", NOTHING, "data", "silx and NeXus programs show no default image"


@rule("error")
def pixel_type(tree: Tree) -> Iterator[Found]:
    """Types of pixels that all programs take."""
    if tree.data is None:
        return
    kind, depths = tree.data.dtype.name, [numbers(d, "bit_depth_readout") for d in tree.below("NXdetector")]
    if kind in ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64"):
        return
    if kind in ("uint32", "int64", "uint64") and depths and all(d is not None and d[0] == 32 for d in depths):
        return
    needed = "int32, uint16 or float32; or bit_depth_readout 32"
    yield tree.data.name, kind, needed, "newer versions of dxtbx (DIALS) refuse pixels of this type"


@rule("error")
def linked_files(tree: Tree) -> Iterator[Found]:
    """Files that hold the images are there."""
    if tree.data_group is None:
        return
    for name in tree.data_group:
        link = tree.data_group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink) and child(tree.data_group, name) is None:
            where = f"{tree.data_group.name}/{name}"
            yield where, f"a link to {link.filename}", f"that file, with {link.path}", "its images are missing"
    shown = [] if tree.data is None else hdf5.sources(tree.data)
    for source in shown:
        if not source.path.is_file():
            yield tree.data_group.name, f"no file {source.path}", "every file of the virtual dataset", _FILLED
        else:
            yield from _held(tree.data_group.name, source)


_FILLED = "its images read as the fill value, without any error"


def _held(where: str, source: hdf5.Source) -> Iterator[Found]:
    file, dataset = source.path, source.dataset
    try:
        with hdf5.opened(file) as opened:
            held = child(opened, dataset)
            shape = held.shape if isinstance(held, h5py.Dataset) else None
    except NbnumbaError as error:
        yield where, f"a file that cannot be read ({error})", "a whole HDF5 file", _FILLED
        return
    if shape is None:
        yield where, f"{file} without {dataset}", dataset, _FILLED
    elif len(shape) != len(source.needed) or any(n < least for n, least in zip(shape, source.needed, strict=True)):
        yield where, f"{file} with images of shape {shape}", f"{source.needed}, or more of them", _FILLED


@rule("warning")
def fill_value(tree: Tree) -> Iterator[Found]:
    """Images that are missing can be told from dark ones."""
    if tree.data is not None and tree.data.is_virtual and np.all(tree.data.fillvalue == 0):
        yield tree.data.name, "the fill value 0", "-1, or the largest number", "images that are missing read as dark"


@rule("error")
def modules_on_data(tree: Tree) -> Iterator[Found]:
    """Modules lie within the images."""
    if tree.data is None:
        return
    for module in tree.modules:
        origin, size = (numbers(module, name) for name in ("data_origin", "data_size"))
        if origin is None or size is None or len(origin) != len(size):
            continue
        ends, shape = (origin + size)[-2:].astype(int), tree.data.shape[-2:]
        if (ends > shape).any():
            yield module.name, f"pixels up to {ends.tolist()} (slow, fast)", f"up to {list(shape)}", UNREAD


@rule("error")
def mask_shape(tree: Tree) -> Iterator[Found]:
    """Masks have the shape of the images."""
    for detector in tree.below("NXdetector"):
        mask = child(detector, "pixel_mask")
        if not isinstance(mask, h5py.Dataset) or tree.data is None:
            continue
        if (mask.shape or ())[-2:] != tree.data.shape[-2:]:
            yield mask.name, f"shape {mask.shape}", f"{tree.data.shape[-2:]}, that of the images", UNREAD


@rule("error")
def mask_of_narrow_modules(tree: Tree) -> Iterator[Found]:
    """No mask where modules differ in width."""
    for detector in tree.below("NXdetector"):
        widths = {int(size[-1]) for m in of_class(detector, "NXdetector_module")
                  if (size := numbers(m, "data_size")) is not None}  # fmt: skip
        if len(widths) > 1 and child(detector, "pixel_mask") is not None:
            found = f"a mask for modules of {', '.join(map(str, sorted(widths)))} pixels"
            yield f"{detector.name}/pixel_mask", found, "none", "dxtbx 3.11 (DIALS 3.12) cannot read the file"


@rule("warning")
def saturation(tree: Tree) -> Iterator[Found]:
    """Counts that programs take for masked."""
    if tree.data is None or tree.data.dtype.kind not in "iu":
        return
    top = np.iinfo(tree.data.dtype).max
    for detector in tree.below("NXdetector"):
        high = numbers(detector, "saturation_value")
        if tree.data.dtype.name in ("uint16", "int32", "uint32") and high is not None and high[0] > top - 2:
            otherwise = f"dxtbx takes {top - 1} and {top} for masked"
            yield f"{detector.name}/saturation_value", f"{high[0]:g}", f"{top - 2} or less", otherwise


@rule("note")
def filters(tree: Tree) -> Iterator[Found]:
    """Compression that every HDF5 has."""
    if tree.data is None or tree.data.is_virtual:
        return
    for code, name in hdf5.filters(tree.data):
        if code > 255:  # those below belong to HDF5 itself
            otherwise = "programs without the plugin (hdf5plugin, HDF5_PLUGIN_PATH) cannot read the images"
            yield tree.data.name, f"filter {code} ({name})", "gzip, or that plugin", otherwise
