"""What an NXmx file says about an experiment, apart from the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np

from nbnumba.constants import NO_SENSOR
from nbnumba.model.experiment import Experiment
from nbnumba.model.validate import both
from nbnumba.outputs.clock import started
from nbnumba.outputs.compression import GZIP_LEVEL
from nbnumba.outputs.counts import readout
from nbnumba.outputs.nexus_geometry import Module, modules, turn
from nbnumba.outputs.pixel_mask import pixel_mask
from nbnumba.outputs.stack import Column

DEFINITION = "NXmx"
#: Profiles of a beam as NXbeam names them.
_PROFILES = {"square": "rectangular", "round": "top-hat", "gaussian": "Gaussian"}
END = "end_time_estimated"
_MOMENT = "S27"  # text of fixed length, with microseconds: it is written last
#: Group of the beam, and datasets in it: wavelengths, one or one for each image, and those of spectra.
BEAM = "entry/instrument/beam"
WAVELENGTH = "incident_wavelength"
SPECTRUM = f"{WAVELENGTH}_1Dspectrum"
OMEGA = "entry/sample/transformations/omega"


def group(parent: h5py.Group, name: str, nexus_class: str, **attributes: Any) -> h5py.Group:
    """New group of a NeXus class."""
    made = parent.create_group(name)
    made.attrs.update({"NX_class": nexus_class, **attributes})
    return made


def put(parent: h5py.Group, name: str, value: Any, units: str | None = None, **attributes: Any) -> None:
    """New dataset with its units, "" for what has none, and other attributes."""
    dataset = parent.create_dataset(name, data=value)
    dataset.attrs.update({"units": units, **attributes} if units is not None else attributes)


def describe(entry: h5py.Group, experiment: Experiment, kind: np.dtype, own_beams: bool) -> None:
    """Fill an entry with what all images have in common.

    Args:
        entry: the group.
        experiment: what was rendered.
        kind: type of the pixels.
        own_beams: every image has a beam of its own.
    """
    put(entry, "definition", DEFINITION)
    put(entry, "start_time", _time(experiment, 0))
    entry.create_dataset(END, (), _MOMENT)
    put(group(entry, "source", "NXsource"), "name", "simulation")
    instrument = group(entry, "instrument", "NXinstrument")
    put(instrument, "name", "nbnumba")
    put(instrument, "time_zone", "+00:00")
    _beam(group(instrument, "beam", "NXbeam"), experiment, own_beams)
    _detector(group(instrument, "detector", "NXdetector"), experiment, kind)
    _groups(group(instrument, "detector_group", "NXdetector_group"), experiment)
    _sample(group(entry, "sample", "NXsample"), experiment)


def columns(experiment: Experiment, own_beams: bool) -> list[Column]:
    """What an entry says of each image."""
    return [*_beam_columns(experiment, own_beams), *_turns(experiment)]


def finish(entry: h5py.Group, experiment: Experiment, images: int) -> None:
    """Tell what is known at the end."""
    entry[END][()] = np.bytes_(_time(experiment, images))


def _time(experiment: Experiment, number: int) -> str:
    return started(experiment, number).isoformat() + "Z"


def _beam(beam: h5py.Group, experiment: Experiment, own_beams: bool) -> None:
    model, spectrum = experiment.beam, experiment.spectrum
    put(beam, "incident_beam_size", both(model.size), "mm")
    put(beam, "profile", _PROFILES[model.profile])
    if own_beams:
        return
    if len(spectrum) == 1:
        put(beam, WAVELENGTH, spectrum.wavelengths[0], "angstrom")
    else:
        put(beam, SPECTRUM, spectrum.wavelengths, "angstrom")
    put(beam, "total_flux", _flux(experiment), "Hz")
    if model.polarized:
        put(beam, "incident_polarization_stokes", _stokes(experiment))


def _beam_columns(experiment: Experiment, own_beams: bool) -> Iterator[Column]:
    def column(name: str, value: Callable[[Experiment], Any], units: str | None = None, **attributes: Any) -> Column:
        return Column(f"{BEAM}/{name}", lambda _, shot: value(shot), units, attributes)

    several = len(experiment.spectrum) > 1
    if several or own_beams:
        attributes = {"variant": SPECTRUM} if several else {}
        yield column(WAVELENGTH, lambda shot: shot.spectrum.mean, "angstrom", **attributes)
    if several:
        yield column(f"{SPECTRUM}_weights", lambda shot: shot.spectrum.weights)
    if several and own_beams:
        yield column(SPECTRUM, lambda shot: shot.spectrum.wavelengths, "angstrom")
    if own_beams:
        yield column("total_flux", _flux, "Hz")
    if own_beams and experiment.beam.polarized:
        yield column("incident_polarization_stokes", _stokes)


def _flux(experiment: Experiment) -> float:
    """Photons/s of the whole beam; a fluence is that on the crystal, of a beam that is taken to be even."""
    beam, (width, height) = experiment.beam, both(experiment.beam.size)
    return beam.photons_per_area * width * height * 1e-6 / beam.exposure if beam.flux is None else beam.flux


def _stokes(experiment: Experiment) -> tuple[float, ...]:
    return experiment.beam.stokes or (1.0, experiment.beam.polarization, 0.0, 0.0)


def _detector(detector: h5py.Group, experiment: Experiment, kind: np.dtype) -> None:
    model = experiment.detector
    for name in ("count_time", "frame_time"):
        put(detector, name, experiment.beam.exposure, "s")
    # NXmx demands a material, and DIALS knows three; silicon stands for a coefficient without one.
    put(detector, "sensor_material", model.sensor_material or "Si")
    put(detector, "sensor_thickness", model.sensor_thickness if experiment.sensor_mu > 0.0 else NO_SENSOR, "mm")
    _, _, low, high = readout(experiment, kind)
    number = kind.type if kind.kind == "f" else np.int64
    put(detector, "underload_value", number(low))
    put(detector, "saturation_value", number(high))
    if kind.kind != "f":
        put(detector, "bit_depth_readout", 8 * kind.itemsize)
    put(detector, "description", _description(experiment))
    _mask(detector, experiment)
    _place(detector, experiment)


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
    put_mask(detector, "pixel_mask", bad)


def put_mask(parent: h5py.Group, name: str, bits: np.ndarray) -> None:
    """New dataset of bits (slow, fast), compressed in pieces of about a million pixels."""
    rows = max(1, min(bits.shape[0], 2**20 // bits.shape[1]))
    parent.create_dataset(
        name, data=bits, dtype="<u4", chunks=(rows, bits.shape[1]), compression=GZIP_LEVEL, shuffle=True
    )


def _place(detector: h5py.Group, experiment: Experiment) -> None:
    """Arm and modules; listed panels, whose data lie below one another, have one module each."""
    listed, size, found = experiment.detector.panels, experiment.detector.pixel_size, modules(experiment)
    arm = float(found[0].corner[2]) if listed else found[0].distance
    put(detector, "distance_derived", True)
    if not listed:
        put(detector, "distance", arm, "mm")
        for axis, center in zip("xy", found[0].beam_center or (), strict=False):
            put(detector, f"beam_center_{axis}", center, "pixel")
    for axis in "xy":
        put(detector, f"{axis}_pixel_size", size, "mm")
    transformations = group(detector, "transformations", "NXtransformations")
    _shift(transformations, "det_z", arm, [0.0, 0.0, 1.0], ".")
    put(detector, "depends_on", f"{transformations.name}/det_z")
    rows, names = experiment.detector.pixels[0], _module_names(experiment)
    for number, place in enumerate(found):
        module = group(detector, names[number], "NXdetector_module")
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


def _groups(groups: h5py.Group, experiment: Experiment) -> None:
    """The detector, and its modules as members of it."""
    names = ["detector", *_module_names(experiment)] if experiment.detector.panels else ["detector"]
    put(groups, "group_names", np.array(names, dtype=h5py.string_dtype()))
    put(groups, "group_index", np.arange(1, len(names) + 1))
    put(groups, "group_parent", [-1, *[1] * (len(names) - 1)])


def _module_names(experiment: Experiment) -> list[str]:
    count = len(experiment.detector.panels)
    return [f"module_{number:0{len(str(count))}d}" for number in range(count)] or ["module"]


def _sample(sample: h5py.Group, experiment: Experiment) -> None:
    put(sample, "name", "crystal")
    if experiment.turning is None:
        put(sample, "depends_on", ".")
        return
    axes = group(sample, "transformations", "NXtransformations")
    put(sample, "depends_on", f"{axes.name}/omega")
    goniometer = group(sample, "goniometer", "NXgoniometer")
    for name in ("omega", "omega_end", "omega_increment_set"):
        goniometer[name] = h5py.SoftLink(f"{axes.name}/{name}")


def _turns(experiment: Experiment) -> Iterator[Column]:
    first = turn(experiment, 0)
    if first is None:
        return
    chain = {"transformation_type": "rotation", "vector": first.axis, "depends_on": "."}
    yield Column(OMEGA, lambda number, _: _start(experiment, number), "deg", chain)
    yield Column(f"{OMEGA}_end", lambda number, _: _start(experiment, number + 1), "deg")
    yield Column(f"{OMEGA}_increment_set", lambda number, _: first.width, "deg")


def _start(experiment: Experiment, number: int) -> float:
    found = turn(experiment, number)
    assert found is not None
    return found.start
