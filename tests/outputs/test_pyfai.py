"""pyFAI integrates the rings of a powder to where Bragg's law puts them."""

import fabio
import h5py
import numpy as np
import pytest
from pyFAI.integrator.azimuthal import AzimuthalIntegrator

import nbnumba as nb

EDGE, WAVELENGTH = 40.0, 1.0  # of the cubic cell, and of the beam [A]
RINGS = (3, 5, 8, 11)  # h^2 + k^2 + l^2


def powder() -> nb.Experiment:
    """Domains turned every way, with the reflections of a few rings far from one another."""
    hkl = np.argwhere(np.ones((9, 9, 9))) - 4
    hkl = hkl[np.isin((hkl**2).sum(axis=1), RINGS)]
    crystal = nb.Crystal(
        cell=(EDGE, EDGE, EDGE, 90, 90, 90),
        cells=(20, 20, 20),
        shape="gauss",
        reflections=nb.Reflections(hkl, np.full(len(hkl), 100.0)),
        mosaic=nb.Mosaic(spread=90.0, domains=4000),
    )
    # A quarter of each ring, so that a wrong beam centre would shift it.
    detector = nb.Detector(pixels=(65, 70), pixel_size=0.2, distance=120.0, beam_center=(2.03, 1.58))
    beam = nb.Beam(wavelength=WAVELENGTH, fluence=1e24)
    return nb.Experiment(crystal=crystal, beam=beam, detector=detector, sampling=nb.Sampling(oversample=1))


def geometry_of(path) -> AzimuthalIntegrator:
    """As the file tells it; pyFAI wants metres, and the point nearest to the sample, here the beam centre."""
    with h5py.File(path) as file:
        detector, beam = file["entry/instrument/detector"], file["entry/instrument/beam"]
        sizes = {axis: detector[f"{axis}_pixel_size"][()] * 1e-3 for axis in "xy"}
        return AzimuthalIntegrator(
            dist=detector["distance"][()] * 1e-3,
            poni1=detector["beam_center_y"][()] * sizes["y"],
            poni2=detector["beam_center_x"][()] * sizes["x"],
            pixel1=sizes["y"],
            pixel2=sizes["x"],
            wavelength=beam["incident_wavelength"][()] * 1e-10,
        )


def test_rings_of_a_powder_are_where_braggs_law_says(tmp_path):
    experiment = powder()
    nb.write_nexus(tmp_path / "powder.h5", experiment, nb.simulate(experiment))
    with fabio.open(tmp_path / "powder.h5") as file:
        image = file.data
    radius, mean = geometry_of(tmp_path / "powder.h5").integrate1d(image, 600, unit="r_mm", error_model=None)
    size, distance = experiment.detector.pixel_size, experiment.detector.distance
    for n in RINGS:
        expected = distance * np.tan(2.0 * np.arcsin(0.5 * WAVELENGTH * np.sqrt(n) / EDGE))
        near = np.abs(radius - expected) < 3.0 * size
        weight = mean[near] * radius[near]  # of the whole ring
        found = (radius[near] * weight).sum() / weight.sum()
        assert found == pytest.approx(expected, abs=0.1 * size), n
