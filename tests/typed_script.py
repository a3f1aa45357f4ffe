"""A user's script that touches every public name: it is never run, only read by type checkers, strictly."""

from pathlib import Path
from typing import assert_type

import numpy as np

import nbnumba as nb

assert_type(nb.__version__, str)
beam = nb.Beam(wavelength=1.0, sources=nb.read_sources("sources.txt"), spectrum=nb.read_spectrum("lines.txt"))
reflections: nb.Reflections = nb.read_reflections("list.hkl", wavelength=0.98)
spectral: nb.SpectralReflections = nb.read_reflections("model.pdb", wavelength=[0.98, 0.99])
crystal = nb.Crystal(
    cell=(50.0, 60.0, 70.0, 90.0, 90.0, 90.0), reflections=reflections, mosaic=nb.Mosaic(spread=0.1), misset=(1, 2, 3)
)
panel = nb.Panel(pixels=(10, 20), origin=(0.0, 0.0, 100.0), fast=(1.0, 0.0, 0.0), slow=(0.0, 1.0, 0.0))
detector = nb.Detector(pixel_size=0.1, panels=(panel,), mask=nb.Mask(np.ones((10, 20), dtype=bool)))
assert_type(nb.read_mask("mask.npy"), nb.Mask)
experiment = nb.Experiment(
    crystal=crystal,
    beam=beam,
    detector=detector,
    scan=nb.Scan(width=0.5, steps=5),
    sampling=nb.Sampling(oversample=2),
    response=nb.Response(gain=2.0),
    background=(nb.Background(thickness=0.1, material="water"),),
)
assert_type(nb.Sources(((0.0, 0.0, 1.0, 1.0, 1e-10),)), nb.Sources)
assert_type(nb.Spectrum((1.0, 1.1), (1.0, 2.0)).wavelengths, tuple[float, ...])
assert_type(nb.read_scattering("oil.stol"), tuple[tuple[float, ...], ...])
assert_type(nb.read_geometry("a.geom").detector, nb.Detector)
assert_type(nb.Experiment.from_toml(Path("a.toml")), nb.Experiment)
assert_type(nb.from_nanobragg("-N 5"), nb.Experiment)
assert_type(experiment.replace(**{"beam.wavelength": 1.1}), nb.Experiment)
sizes: list[float] = [preset.pixel_size for preset in nb.PRESETS.values()]


def progress(done: int, total: int) -> None:
    """Show how far it is."""
    print(done / total)


image: np.ndarray = nb.simulate(experiment, precision="mixed", threads=2, progress=progress)
again: np.ndarray = nb.Renderer(experiment, device="cpu").render()
photons: np.ndarray = image + nb.background(experiment)
counts: np.ndarray = nb.detect(experiment, photons, seed=3)
hidden: np.ndarray = nb.pixel_mask(experiment)
assert_type(nb.choose_sampling(experiment).experiment, nb.Experiment)
assert_type(nb.compare(image, nb.read_image("image.cbf")).correlation, float)
assert_type(nb.write_nexus("a.h5", experiment, counts), Path)
assert_type(nb.write_png("a.png", counts), Path)
assert_type(nb.write_cbf("a.cbf", experiment, counts), Path)
assert_type(nb.write_dials("a.expt", experiment, file="a.h5"), Path)
assert_type(nb.write_crystfel("a.geom", experiment, file="a.h5"), Path)
assert_type(nb.write_reflections("a.csv", experiment, images=3), Path)
assert_type(len(nb.predict_reflections(experiment)), int)
assert_type(nb.check_nexus("a.h5")[0].level, str)
assert_type(nb.write_smv("a.img", experiment, counts), Path)
assert_type(nb.write_tiff("a.tif", counts), Path)
with nb.NexusWriter("series.h5", experiment, images_per_file=100) as writer:
    writer.append(counts, beam=experiment.beam)
shown: str = nb.show(counts, experiment)._repr_html_()
nb.to_xarray(experiment, counts)
nb.write_figure("a.svg", nb.draw_image(counts, experiment, rings=(5.0, 2.5)))
nb.write_figure("b.png", nb.view("a.cbf", predict=True))
stored, images = nb.read_nexus("a.h5")
assert_type(stored, nb.Experiment)

traced = nb.trace(experiment, 1, 2)
assert_type(traced.value, float)
assert_type(len(traced.top(3)), int)
share: float = nb.contributions(experiment)["share"].sum()
terms = [step.term for step in nb.walk(experiment, 1, 2)]

recipe = nb.Recipe.from_toml("recipe.toml", {"count": 10})
assert_type(recipe.hash, str)

losses = [nb.Poisson(counts), nb.Gaussian(counts, 1.0), nb.LeastSquares(counts)]
boxes: list[nb.Shoebox] = nb.shoeboxes(experiment)
value, gradient = nb.value_and_gradient(experiment, losses[0], ["cell_a"])
assert_type(value, float)
assert_type(gradient, dict[str, float])
assert_type(nb.vjp(experiment, image, ["cell_a"]), dict[str, float])
curvature: np.ndarray = nb.normal_equations(experiment, losses[0], ["cell_a"])[2]
slopes: np.ndarray = nb.jacobian(experiment, ["cell_a"])[1]["cell_a"]
places: np.ndarray = nb.amplitude_jacobian(experiment)[1]
try:
    found = nb.refine(experiment, losses[0], ["cell_a"], boxes=boxes)
    assert_type(found, nb.Refinement)
    assert_type(found.esd["cell_a"], float)
    amplitudes = nb.refine_amplitudes(experiment, losses[0])
except nb.NbnumbaJobError as error:
    raise SystemExit(1) from error
except (nb.NbnumbaError, nb.NbnumbaWarning) as error:
    print(error)
