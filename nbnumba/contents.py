"""What is inside a file: HDF5 and .npy, whose images are not read, SMV, CBF, TIFF and PGM, and .expt files of DIALS."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nbnumba.checks import Tree
from nbnumba.errors import NbnumbaError
from nbnumba.images import image_shape, image_stacks, images_in, npy_images, read_image, together
from nbnumba.inputs.cbf import read_arrays
from nbnumba.inputs.geometry import GeometryFile, found_in, geometry_of, read_json
from nbnumba.inputs.hdf5 import DAMAGE, ENTRY, PROVENANCE, child, filters, opened, printable, sources, words
from nbnumba.inputs.kinds import KINDS, RAW, kind_of
from nbnumba.inputs.text import read_bytes
from nbnumba.inputs.units import in_angstrom
from nbnumba.physics.vector import Vector, unit
from nbnumba.report import joined, table

_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 32000: "lzf", 32001: "blosc", 32004: "lz4",
            32008: "bitshuffle", 32015: "zstd", 32026: "blosc2"}  # fmt: skip
_WIDEST = 120  # characters of a line of the experiment
_LIST = re.compile(r"\[\n([^\[\]]*)\]")  # of numbers, one on each line
_PROVENANCE = ("program", "version", "command_line", "seeds", "inputs")


def file_report(path: str | Path) -> dict[str, Any]:
    """Plain values with their units in the names; what the file does not tell is left out.

    Raises:
        NbnumbaError: the file is missing, damaged, or of no known kind.
    """
    kind = kind_of(path)
    if kind == RAW:
        raise NbnumbaError(f"{path}: found no image; allowed: HDF5, SMV, CBF, TIFF, PGM, .npy, a .expt file of DIALS")
    report: dict[str, Any] = {"file": str(path), "kind": KINDS[kind].word}
    report |= {"bytes": Path(path).stat().st_size}
    arrays = None
    if kind == "hdf5":
        report |= _of_hdf5(path)
    elif kind == "expt":
        report |= _of_experiments(path)
    elif kind == "npy":
        images = npy_images(path)
        report |= {"images": len(images), "shape": list(images.shape[1:]), "type": images.dtype.name}
    elif kind == "cbf":
        arrays = read_arrays(path, read_bytes(path))
        report |= _of_image(together(path, arrays))
    else:
        report |= _of_image(read_image(path))
    return report | (_geometry(path, arrays) if KINDS[kind].geometry else {})


def _of_image(image: np.ndarray) -> dict[str, Any]:
    return {"images": 1, "shape": list(image.shape), "type": image.dtype.name}


def _of_experiments(path: str | Path) -> dict[str, Any]:
    tree = read_json(path)
    try:
        return {"experiments": len(tree["experiment"]), "crystals": len(tree.get("crystal", []))}
    except DAMAGE:
        raise NbnumbaError(f"{path}: found another kind of JSON; allowed: a .expt file of DIALS") from None


def _of_hdf5(path: str | Path) -> dict[str, Any]:
    with opened(path) as file:
        tree, stacks = Tree(file), list(image_stacks(file))
        definition = None if tree.entry is None else words(tree.entry, "definition")
        report: dict[str, Any] = {"definition": definition}
        if stacks:
            report |= _of_stacks(stacks)
        return report | _wavelengths(tree) | _provenance(file)


def _of_stacks(stacks: list[h5py.Dataset]) -> dict[str, Any]:
    first = stacks[0]
    report = {
        "data": [printable(stack.name) for stack in stacks],
        "images": sum(images_in(stack) for stack in stacks),
        "shape": list(image_shape(first)),
        "type": first.dtype.name,
    }
    if not first.is_virtual:
        return report | {"compression": _compression(first)}
    files = {source.name: source.path for source in sources(first)}
    missing = [name for name in sorted(files) if not files[name].is_file()]
    return report | {"data_files": sorted(files), "data_files_missing": missing}


def _compression(dataset: h5py.Dataset) -> str:
    return " + ".join(_FILTERS.get(code, f"filter {code}") for code, _ in filters(dataset)) or "none"


def _wavelengths(tree: Tree) -> dict[str, Any]:
    """Shortest and longest, where each image has its own."""
    for beam in tree.below("NXbeam"):
        item = child(beam, "incident_wavelength")
        if isinstance(item, h5py.Dataset) and item.shape == (tree.images,) and f"{item.name}_weights" not in tree.file:
            with suppress(NbnumbaError):  # units that are not known
                values = in_angstrom(item)
                low, high = float(values.min()), float(values.max())
                return {"wavelengths_A": [low, high]} if high > low else {}
    return {}


def _provenance(file: h5py.File) -> dict[str, Any]:
    process = f"{ENTRY}/{PROVENANCE}"
    if process not in file:
        return {}
    texts = {name: words(file, f"{process}/{name}") for name in _PROVENANCE}
    told: dict[str, Any] = {name: text for name, text in texts.items() if text is not None}
    for name in {"seeds", "inputs"} & set(told):
        with suppress(json.JSONDecodeError, RecursionError):  # other text is told as it stands
            told[name] = json.loads(told[name])
    return {"provenance": told, "experiment": words(file, f"{process}/experiment")}


def _geometry(path: str | Path, arrays: list[np.ndarray] | None) -> dict[str, Any]:
    try:
        found = found_in(path, 0, arrays)
        return {"geometry": _told(geometry_of(found), "polarization" in found.beam or "stokes" in found.beam)}
    except NbnumbaError as error:
        return {"geometry": None, "geometry_missing": str(error).removeprefix(f"{path}: ")}


def _told(found: GeometryFile, polarized: bool) -> dict[str, Any]:
    detector, beam = found.detector, found.beam
    report: dict[str, Any] = {
        "wavelength_A": beam.wavelength,
        "polarization": beam.kahn if polarized else None,
        "pixel_mm": detector.pixel_size,
        "panels": len(detector.panels) or 1,
        "sensor_material": detector.sensor_material,
        "sensor_thickness_mm": detector.sensor_thickness,
        "masked_pixels": 0 if detector.mask is None else int(np.count_nonzero(~detector.mask.pixels)),
        "spindle": None if found.spindle is None else list(found.spindle),
        "oscillation_degrees": None if found.oscillation is None else list(found.oscillation),
    }
    if not detector.panels:
        assert beam.direction is not None
        place = detector.geometry(unit(Vector(*beam.direction)))
        center = [x / detector.pixel_size for x in reversed(place.beam_center)]
        report |= {"distance_mm": place.distance, "beam_center_pixels_slow_fast": center}
    return report


def file_text(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    rows = [("File", f"{report['file']}, {_kind_text(report)}, {report['bytes']} bytes")]
    if "images" in report:
        rows.append(("Images", _images_text(report)))
    if "experiments" in report:
        rows.append(("Experiments", f"{report['experiments']}, with {report['crystals']} crystals"))
    rows += _files_rows(report)
    if "wavelengths_A" in report:
        rows.append(("Wavelengths", "{:.6g} to {:.6g} A, each image has its own".format(*report["wavelengths_A"])))
    if report.get("geometry"):
        rows += _geometry_rows(report["geometry"])
    elif "geometry_missing" in report:
        rows.append(("Geometry", f"not told: {report['geometry_missing']}"))
    rows += [
        (name.replace("_", " ").capitalize(), _plain(value)) for name, value in report.get("provenance", {}).items()
    ]
    experiment = report.get("experiment")
    return table(rows) if experiment is None else f"{table(rows)}\n\n{_shortened(experiment)}"


def _kind_text(report: dict[str, Any]) -> str:
    return " ".join(filter(None, (report["kind"], report.get("definition"))))


def _images_text(report: dict[str, Any]) -> str:
    shape = " x ".join(map(str, report["shape"]))
    axes = "panels, slow, fast" if len(report["shape"]) == 3 else "slow, fast"
    packed = f", compression {report['compression']}" if "compression" in report else ""
    where = f", in {report['data'][0]}" if "data" in report else ""
    return f"{report['images']} of {shape} pixels ({axes}), {report['type']}{packed}{where}"


def _files_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    names, missing = report.get("data_files", []), report.get("data_files_missing", [])
    rows = [("Data files", f"{len(names)}, {names[0]} to {names[-1]}")] if names else []
    return [*rows, ("Missing", ", ".join(missing))] if missing else rows


def _geometry_rows(told: dict[str, Any]) -> list[tuple[str, str]]:
    polarization = "" if told["polarization"] is None else f", polarization {told['polarization']:.4g}"
    rows = [("Beam", f"{told['wavelength_A']:.6g} A{polarization}")]
    if "distance_mm" in told:
        slow, fast = told["beam_center_pixels_slow_fast"]
        center = f"beam at slow {slow:.3f}, fast {fast:.3f} pixels" if math.isfinite(slow) else "the beam misses it"
        rows.append(("Detector", f"at {told['distance_mm']:.6g} mm, {center}, pixels of {told['pixel_mm']:.6g} mm"))
    else:
        rows.append(("Detector", f"{told['panels']} panels, pixels of {told['pixel_mm']:.6g} mm"))
    if told["sensor_thickness_mm"]:
        rows.append(("Sensor", f"{told['sensor_thickness_mm']:.6g} mm {told['sensor_material'] or ''}".rstrip()))
    if told["masked_pixels"]:
        rows.append(("Mask", f"{told['masked_pixels']} pixels left out"))
    if told["oscillation_degrees"]:
        start, width = told["oscillation_degrees"]
        axis = joined(told["spindle"] or (), ".6g")
        rows.append(("Rotation", f"from {start:.6g} degrees by {width:.6g} an image, about {axis}"))
    return rows


def _plain(value: Any) -> str:
    return ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, dict) else str(value)


def _shortened(text: str) -> str:
    """An experiment with lists on one line, and without the ends of what is too long."""
    flat = _LIST.sub(lambda found: "[" + " ".join(found[1].split()).removesuffix(",") + "]", text)
    return "\n".join(line if len(line) <= _WIDEST else f"{line[:_WIDEST]} ..." for line in flat.rstrip().splitlines())
