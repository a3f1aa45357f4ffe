"""What the drop-in command tells: the settings it chose, where everything is, what came out."""

from __future__ import annotations

import math

import numpy as np

from nbnumba.compat.geometry import reference_beam_spot, reference_distance
from nbnumba.compat.run import Result
from nbnumba.compat.translate import Translation
from nbnumba.model.cell import cell_of, reciprocal
from nbnumba.model.crystal import Crystal
from nbnumba.model.experiment import Experiment
from nbnumba.report import beam_centers, joined, table
from nbnumba.simulation import simulate


def settings(translation: Translation) -> str:
    """The experiment, as lines for a terminal."""
    experiment = translation.experiment
    crystal, beam, detector, g = experiment.crystal, experiment.beam, experiment.detector, experiment.geometry
    axes = crystal.axes
    starred = reciprocal(axes)
    centers = beam_centers(experiment)
    fast, slow = reference_beam_spot(experiment)
    count = len(crystal.reflections) if crystal.reflections else 0
    phi = experiment.scan.degrees() if experiment.scan else [0.0]
    rows = [
        ("Convention", f"{detector.convention}, detector pivots about the {detector.turns_about}"),
        ("Unit cell", joined(cell_of(axes)) + " A, degrees"),
        ("Reciprocal", joined(cell_of(starred)) + " 1/A, degrees"),
        ("Volume", f"{abs(np.linalg.det(axes)):g} A^3"),
        *((f"  {name}", joined(row) + " A") for name, row in zip("abc", axes, strict=True)),
        *((f"  {name}*", joined(row) + " 1/A") for name, row in zip("abc", starred, strict=True)),
        ("Crystal", f"{crystal.shape}, {joined(crystal.cells, between=' x ')} cells, "
                    f"{joined([x * 1e-4 for x in crystal.size], between=' x ')} um"),
        ("Amplitudes", f"{count} reflections, all others {crystal.default_f:g}, "
                       f"{'interpolated' if crystal.interpolates else 'nearest reflection'}"),
        ("Mosaic", f"{crystal.mosaic.count} domains over {np.max(crystal.mosaic.spread):g} degrees"),
        ("Beam", f"{beam.wavelength:g} A, {beam.photons_per_area:g} photons/m^2, "
                 f"{len(experiment.sources.rows)} sources"),
        ("Polarization", f"Kahn factor {beam.polarization:g}" if beam.polarized else "left out"),
        ("Rotation", f"{len(phi)} steps from {phi[0]:g} to {phi[-1]:g} degrees"),
        ("Detector", f"{joined(detector.pixels, between=' x ')} pixels (slow, fast) of {detector.pixel_size:g} mm"),
        ("Distance", f"{g.close_distance:g} mm at the closest; {reference_distance(experiment):g} mm in headers"),
        ("Axes", f"beam {joined(experiment.beam_direction)}, polarization {joined(experiment.polarization_axis)}, "
                 f"spindle {joined(experiment.spindle)}"),
        ("Sensor", f"{detector.sensor_thickness:g} mm in {experiment.layers} layers, {experiment.sensor_mu:g} 1/mm"),
        ("Beam centre", f"MOSFLM {joined(centers['mosflm'])}, DENZO {joined(centers['denzo'])}, "
                        f"ADXV {joined(centers['adxv'])} mm"),
        ("", f"Fbeam, Sbeam {fast:g} {slow:g} mm, as nanoBragg has them in its headers"),
        ("", f"XDS ORGX, ORGY {joined(centers['xds_orgx_orgy_pixels'])} pixels"),
        ("", f"DIALS origin {joined(centers['dials_origin'])} mm"),
        ("Panel", f"fast {joined(g.fast)}, slow {joined(g.slow)}, normal {joined(g.normal)}"),
        ("First pixel", f"corner at {joined(g.origin)} mm"),
        ("Region", f"{experiment.pixels_rendered} pixels: {_region(experiment)}"),
        ("Steps", f"{experiment.oversample} x {experiment.oversample} sub-pixels, {experiment.steps_per_pixel} in a "
                  f"pixel, {experiment.pixels_rendered * experiment.steps_per_pixel:g} in all"),
    ]  # fmt: skip
    return table(rows)


def results(translation: Translation, result: Result) -> str:
    """What came out, as lines for a terminal."""
    experiment, s = translation.experiment, result.statistics
    angle = solid_angle(experiment)
    pixel = experiment.detector.pixel_size
    slow, fast = ((i + 0.5) * pixel for i in s.place)
    rows = [
        ("Solid angle", f"{angle:g} steradian ({100.0 * angle / (4.0 * math.pi):g} % of the sphere)"),
        ("Maximum", f"{s.maximum:g} photons at fast {fast:g}, slow {slow:g} mm (pixel {s.place[1]}, {s.place[0]})"),
        ("Statistics", f"mean {s.mean:g}, rms {s.rms:g}, rmsd {s.rmsd:g} photons"),
        ("Scales", f"integer image {result.scales['integer']:g}, PGM {result.scales['pgm']:g}"),
        ("Noise seed", str(result.seed) if result.files.noise else "no noise image"),
    ]
    files = [f"Wrote {file}" for file in result.files.wanted() if file.exists()]
    return "\n".join([table(rows), *files])


def solid_angle(experiment: Experiment) -> float:
    """Solid angle [sr] of the rendered pixels: the image of one electron-unit cell without any other factor."""
    plain = {
        "beam.polarized": False,
        "beam.sources": None,
        "beam.fluence": None,
        "beam.flux": None,
        "detector.sensor_thickness": 0.0,
        "detector.sensor_mu": 0.0,
        "sampling.oversample": 1,
        "sampling.dmin": 0.0,
    }
    point = Crystal(cell=(10.0, 10.0, 10.0, 90.0, 90.0, 90.0), default_f=1.0)  # one cell scatters alike everywhere
    return float(simulate(experiment.replace(crystal=point, scan=None, **plain)).sum(dtype=np.float64))


def _region(experiment: Experiment) -> str:
    (slow_start, slow_stop), (fast_start, fast_stop) = experiment.detector.region
    return f"fast {fast_start} to {fast_stop - 1}, slow {slow_start} to {slow_stop - 1}"
