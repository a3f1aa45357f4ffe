"""What an NXmx file says about an experiment, apart from the images."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import h5py
import numpy as np

from nbnumba.constants import NO_SENSOR
from nbnumba.model.experiment import Experiment
from nbnumba.model.validate import both
from nbnumba.outputs.nexus_geometry import Module, modules, spindle
from nbnumba.outputs.pixel_mask import pixel_mask
from nbnumba.outputs.pixels import trusted_range
from nbnumba.outputs.stack import GZIP_LEVEL

DEFINITION = "NXmx"
#: Profiles of a beam as NXbeam names them.
_PROFILES = {"square": "rectangular", "round": "top-hat", "gaussian": "Gaussian"}
#: A simulation has no date, and equal experiments shall make equal files.
_START = datetime(1970, 1, 1)


def group(parent: h5py.Group, name: str, nexus_class: str, **attributes: Any) -> h5py.Group:
    """New group of a NeXus class."""
    made = parent.create_group(name)
    made.attrs.update({"NX_class": nexus_class, **attributes})
    return made


def put(parent: h5py.Group, name: str, value: Any, units: str | None = None, **attributes: Any) -> None:
    """New dataset with its units and other attributes."""
    dataset = parent.create_dataset(name, data=value)
    dataset.attrs.update({"units": units, **attributes} if units else attributes)


def describe(entry: h5py.Group, experiment: Experiment, images: int, kind: np.dtype) -> None:
    """Fill an entry with everything about a number of images whose pixels are of a type."""
    put(entry, "definition", DEFINITION)
    put(entry, "start_time", _time(0.0))
    put(entry, "end_time_estimated", _time(images * experiment.beam.exposure))
    put(group(entry, "source", "NXsource"), "name", "simulation")
    instrument = group(entry, "instrument", "NXinstrument")
    put(instrument, "name", "nbnumba")
    _beam(group(instrument, "beam", "NXbeam"), experiment, images)
    _detector(group(instrument, "detector", "NXdetector"), experiment, kind)
    _sample(group(entry, "sample", "NXsample"), experiment, images)


def _time(seconds: float) -> str:
    try:
        moment = _START + timedelta(seconds=seconds)
    except OverflowError:
        moment = datetime.max
    return moment.isoformat() + "Z"


def _beam(beam: h5py.Group, experiment: Experiment, images: int) -> None:
    model, spectrum = experiment.beam, experiment.spectrum
    if len(spectrum) == 1:
        put(beam, "incident_wavelength", spectrum.wavelengths[0], "angstrom")
    else:
        variant = "incident_wavelength_1Dspectrum"
        put(beam, "incident_wavelength", np.full(images, spectrum.mean), "angstrom", variant=variant)
        put(beam, variant, spectrum.wavelengths, "angstrom")
        put(beam, f"{variant}_weights", np.tile(spectrum.weights, (images, 1)))
    width, height = both(model.size)
    put(beam, "incident_beam_size", [width, height], "mm")
    put(beam, "profile", _PROFILES[model.profile])
    # A fluence is that on the crystal, of a beam that is taken to be even.
    flux = model.photons_per_area * width * height * 1e-6 / model.exposure if model.flux is None else model.flux
    put(beam, "total_flux", flux, "Hz")
    if model.polarized:
        put(beam, "incident_polarization_stokes", model.stokes or [1.0, model.polarization, 0.0, 0.0])


def _detector(detector: h5py.Group, experiment: Experiment, kind: np.dtype) -> None:
    model = experiment.detector
    for name in ("count_time", "frame_time"):
        put(detector, name, experiment.beam.exposure, "s")
    # NXmx demands a material, and DIALS knows three; silicon stands for a coefficient without one.
    put(detector, "sensor_material", model.sensor_material or "Si")
    put(detector, "sensor_thickness", model.sensor_thickness if experiment.sensor_mu > 0.0 else NO_SENSOR, "mm")
    low, high = measured(experiment, kind)
    number = kind.type if kind.kind == "f" else np.int64
    put(detector, "underload_value", number(low))
    put(detector, "saturation_value", number(high))
    if kind.kind != "f":
        put(detector, "bit_depth_readout", 8 * kind.itemsize)
    put(detector, "description", _description(experiment))
    _mask(detector, experiment)
    _place(detector, experiment)


def measured(experiment: Experiment, kind: np.dtype) -> tuple[float, float]:
    """Lowest and highest pixel value that is a measurement."""
    low, high = trusted_range(kind)
    response = experiment.response
    if response is None or response.dtype != kind.name:
        return low, high
    return max(low, response.underload), min(high, response.highest - 1)


def _description(experiment: Experiment) -> str:
    curvature = experiment.detector.curvature
    if experiment.detector.panels:
        return f"simulated detector of {len(experiment.detector.panels)} panels, whose data lie below one another"
    if curvature == "flat":
        return "simulated flat detector"
    return (
        f"simulated curved detector (curvature {curvature!r}); NXmx describes only the flat panel that it is bent from"
    )


def _mask(detector: h5py.Group, experiment: Experiment) -> None:
    present = experiment.detector.present
    bad = pixel_mask(experiment).reshape(experiment.detector.rows, -1)
    if present is not None and not bad[present].any():
        return  # what lies beside narrow panels is in no module, and DIALS 3.12 reads no masks there
    rows = max(1, min(bad.shape[0], 2**20 // bad.shape[1]))
    detector.create_dataset(
        "pixel_mask", data=bad, chunks=(rows, bad.shape[1]), compression=GZIP_LEVEL, shuffle=True, track_times=False
    )


def _place(detector: h5py.Group, experiment: Experiment) -> None:
    """Arm and modules; listed panels, whose data lie below one another, have one module each."""
    listed, size, found = experiment.detector.panels, experiment.detector.pixel_size, modules(experiment)
    arm = float(found[0].corner[2]) if listed else found[0].distance
    if not listed:
        put(detector, "distance", arm, "mm")
        for axis, center in zip("xy", found[0].beam_center or (), strict=False):
            put(detector, f"beam_center_{axis}", center, "pixel")
    for axis in "xy":
        put(detector, f"{axis}_pixel_size", size, "mm")
    transformations = group(detector, "transformations", "NXtransformations")
    _shift(transformations, "det_z", arm, [0.0, 0.0, 1.0], ".")
    put(detector, "depends_on", f"{transformations.name}/det_z")
    rows = experiment.detector.pixels[0]
    for number, place in enumerate(found):
        name = f"module_{number:0{len(str(len(listed)))}d}" if listed else "module"
        module = group(detector, name, "NXdetector_module")
        put(module, "data_origin", [number * rows, 0])
        put(module, "data_size", experiment.detector.size_of(number))
        _module(module, place, size, arm, f"{transformations.name}/det_z")


def _module(module: h5py.Group, place: Module, size: float, arm: float, above: str) -> None:
    # The corner goes here and not onto the pixel directions, where some readers overlook it.
    corner = {"offset": place.corner - [0.0, 0.0, arm], "offset_units": "mm"}
    _shift(module, "module_offset", 0.0, [0.0, 0.0, 0.0], above, **corner)
    _shift(module, "fast_pixel_direction", size, place.fast, f"{module.name}/module_offset")
    _shift(module, "slow_pixel_direction", size, place.slow, f"{module.name}/module_offset")


def _shift(parent: h5py.Group, name: str, value: float, vector: Any, depends_on: str, **attributes: Any) -> None:
    kind = {"transformation_type": "translation", "vector": vector, "depends_on": depends_on}
    put(parent, name, [value], "mm", **kind, **attributes)


def _sample(sample: h5py.Group, experiment: Experiment, images: int) -> None:
    put(sample, "name", "crystal")
    scan = experiment.scan
    if scan is None or scan.width == 0.0:
        put(sample, "depends_on", ".")
        return
    axes = group(sample, "transformations", "NXtransformations")
    put(sample, "depends_on", f"{axes.name}/omega")
    starts = scan.start + scan.width * np.arange(images + 1)
    turn = {"transformation_type": "rotation", "vector": spindle(experiment), "depends_on": "."}
    put(axes, "omega", starts[:-1], "deg", **turn)
    put(axes, "omega_end", starts[1:], "deg")
