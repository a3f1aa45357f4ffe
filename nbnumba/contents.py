"""What is inside a file of images, without reading the images: HDF5, SMV, CBF, TIFF, .npy, and .expt files of DIALS."""

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
from nbnumba.images import image_stacks, kind_of, read_image
from nbnumba.inputs.geometry import GeometryFile, found_in, geometry_of
from nbnumba.inputs.geometry.transformations import in_mm
from nbnumba.inputs.text import read_bytes
from nbnumba.physics.vector import Vector, unit
from nbnumba.report import table

#: Kinds of files by what their first bytes tell, in words.
KINDS = {"hdf5": "HDF5", "npy": "NumPy array", "smv": "SMV", "pgm": "PGM", "cbf": "CBF", "fabio": "TIFF"}
_TELLING = ("hdf5", "cbf", "smv", "expt")  # of geometry
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 32000: "lzf", 32001: "blosc", 32004: "lz4",
            32008: "bitshuffle", 32015: "zstd", 32026: "blosc2"}  # fmt: skip
_WIDEST = 120  # characters of a line of the experiment
_LIST = re.compile(r"\[\n([^\[\]]*)\]")  # of numbers, one on each line
_PROVENANCE = ("program", "version", "command_line", "seeds", "inputs")


def file_kind(path: str | Path) -> str | None:
    """Kind of a file of images, or "expt"; None: none that is known, as a TOML file.

    Raises:
        NbnumbaError: the file cannot be read.
    """
    kind = kind_of(path)
    if kind != "raw":
        return kind
    with open(path, "rb") as file:
        start = file.read(256).lstrip()
    return "expt" if start.startswith(b"{") else None


def file_report(path: str | Path) -> dict[str, Any]:
    """Plain values with their units in the names; what the file does not tell is left out.

    Raises:
        NbnumbaError: the file is missing, damaged, or of no known kind.
    """
    kind = file_kind(path)
    if kind is None:
        raise NbnumbaError(f"{path}: found no image; allowed: HDF5, SMV, CBF, TIFF, PGM, .npy, a .expt file of DIALS")
    report: dict[str, Any] = {"file": str(path), "kind": "DIALS" if kind == "expt" else KINDS[kind]}
    report |= {"bytes": Path(path).stat().st_size}
    if kind == "hdf5":
        report |= _of_hdf5(path)
    elif kind == "expt":
        report |= _of_experiments(path)
    else:
        report |= _of_image(path, kind)
    return report | (_geometry(path) if kind in _TELLING else {})


def _of_image(path: str | Path, kind: str) -> dict[str, Any]:
    if kind == "npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        images = array.shape[0] if array.ndim == 3 else 1
        return {"images": images, "shape": list(array.shape[-2:]), "type": array.dtype.name}
    image = read_image(path)
    return {"images": 1, "shape": list(image.shape), "type": image.dtype.name}


def _of_experiments(path: str | Path) -> dict[str, Any]:
    try:
        tree = json.loads(read_bytes(path))
        return {"experiments": len(tree["experiment"]), "crystals": len(tree.get("crystal", []))}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NbnumbaError(f"{path}: found another kind of JSON; allowed: a .expt file of DIALS") from None


def _of_hdf5(path: str | Path) -> dict[str, Any]:
    try:
        with h5py.File(path, "r") as file:
            stacks = list(image_stacks(file))
            report: dict[str, Any] = {"definition": _definition(Path(path), file)}
            if stacks:
                report |= _of_stacks(stacks)
            return report | _wavelengths(Tree(Path(path), file)) | _provenance(file)
    except (OSError, RuntimeError, KeyError) as error:
        raise NbnumbaError(f"{path}: cannot be read ({error}); name an undamaged HDF5 file") from None


def _definition(path: Path, file: h5py.File) -> str | None:
    entry = Tree(path, file).entry
    found = None if entry is None else entry.get("definition")
    return None if found is None else found.asstr()[()]


def _of_stacks(stacks: list[h5py.Dataset]) -> dict[str, Any]:
    first = stacks[0]
    panels = int(first.attrs.get("panels", 1))
    slow, fast = first.shape[-2:]
    report = {
        "data": [stack.name for stack in stacks],
        "images": sum(stack.shape[0] if stack.ndim == 3 else 1 for stack in stacks),
        "shape": [panels, slow // panels, fast] if "panels" in first.attrs else [slow, fast],
        "type": first.dtype.name,
    }
    if not first.is_virtual:
        return report | {"compression": _compression(first)}
    names = sorted({source.file_name.replace("%%", "%") for source in first.virtual_sources()} - {"."})
    folder = Path(first.file.filename).parent
    return report | {"data_files": names, "data_files_missing": [n for n in names if not (folder / n).is_file()]}


def _compression(dataset: h5py.Dataset) -> str:
    plist = dataset.id.get_create_plist()
    codes = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    return " + ".join(_FILTERS.get(code, f"filter {code}") for code in codes) or "none"


def _wavelengths(tree: Tree) -> dict[str, Any]:
    """Shortest and longest, where each image has its own."""
    for beam in tree.below("NXbeam"):
        item = beam.get("incident_wavelength")
        if isinstance(item, h5py.Dataset) and item.shape == (tree.images,) and f"{item.name}_weights" not in tree.file:
            with suppress(NbnumbaError):  # units that are not known
                values = in_mm(item) * 1e7
                return {"wavelengths_A": [float(values.min()), float(values.max())]} if np.ptp(values) else {}
    return {}


def _provenance(file: h5py.File) -> dict[str, Any]:
    process = file.get("entry/nbnumba")
    if process is None:
        return {}
    texts = {name: process[name].asstr()[()] for name in (*_PROVENANCE, "experiment") if name in process}
    for name in ("seeds", "inputs"):
        if name in texts:
            texts[name] = json.loads(texts[name])
    return {"provenance": {key: texts[key] for key in _PROVENANCE if key in texts},
            "experiment": texts.get("experiment")}  # fmt: skip


def _geometry(path: str | Path) -> dict[str, Any]:
    try:
        found = found_in(path, 0)
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
        axis = " ".join(f"{x:.6g}" for x in told["spindle"] or ())
        rows.append(("Rotation", f"from {start:.6g} degrees by {width:.6g} an image, about {axis}"))
    return rows


def _plain(value: Any) -> str:
    return ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, dict) else str(value)


def _shortened(text: str) -> str:
    """An experiment with lists on one line, and without the ends of what is too long."""
    flat = _LIST.sub(lambda found: "[" + " ".join(found[1].split()).removesuffix(",") + "]", text)
    return "\n".join(line if len(line) <= _WIDEST else f"{line[:_WIDEST]} ..." for line in flat.rstrip().splitlines())
