"""Nanocrystal diffraction images: simulated, stored and explained.

The names below load on first use, so that importing the package is quick.
"""

from importlib import import_module
from typing import Any

from nbnumba import _cache  # notes when this process began, before anything that is compiled is loaded

__version__ = "0.1.0"

_HOME = {
    "Background": "nbnumba.model.background",
    "Beam": "nbnumba.model.beam",
    "Crystal": "nbnumba.model.crystal",
    "Detector": "nbnumba.model.detector",
    "Experiment": "nbnumba.model.experiment",
    "Mask": "nbnumba.model.mask",
    "Mosaic": "nbnumba.model.mosaic",
    "NbnumbaError": "nbnumba.errors",
    "NbnumbaJobError": "nbnumba.errors",
    "NbnumbaWarning": "nbnumba.errors",
    "NexusWriter": "nbnumba.outputs.nexus_writer",
    "PRESETS": "nbnumba.model.presets",
    "Panel": "nbnumba.model.panel",
    "Reflections": "nbnumba.model.reflections",
    "Renderer": "nbnumba.renderer",
    "Recipe": "nbnumba.datasets.recipe",
    "Response": "nbnumba.model.response",
    "Sampling": "nbnumba.model.sampling",
    "Scan": "nbnumba.model.scan",
    "Sources": "nbnumba.model.sources",
    "SpectralReflections": "nbnumba.model.spectral",
    "Spectrum": "nbnumba.model.spectrum",
    "Gaussian": "nbnumba.refinement.losses",
    "LeastSquares": "nbnumba.refinement.losses",
    "Poisson": "nbnumba.refinement.losses",
    "background": "nbnumba.response.background",
    "amplitude_jacobian": "nbnumba.refinement.amplitudes",
    "check_nexus": "nbnumba.checks",
    "choose_sampling": "nbnumba.convergence",
    "compare": "nbnumba.comparison",
    "contributions": "nbnumba.tracer.contributions",
    "detect": "nbnumba.response.detect",
    "draw_image": "nbnumba.viewer.draw",
    "from_nanobragg": "nbnumba.compat",
    "jacobian": "nbnumba.refinement.jacobian",
    "normal_equations": "nbnumba.refinement.normal",
    "Refinement": "nbnumba.refinement.result",
    "refine": "nbnumba.refinement.refine",
    "Shoebox": "nbnumba.refinement.shoeboxes",
    "refine_amplitudes": "nbnumba.refinement.amplitudes",
    "shoeboxes": "nbnumba.refinement.shoeboxes",
    "pixel_mask": "nbnumba.outputs.pixel_mask",
    "predict_reflections": "nbnumba.reflection_table",
    "read_geometry": "nbnumba.inputs.geometry",
    "read_image": "nbnumba.images",
    "read_mask": "nbnumba.inputs.mask",
    "read_nexus": "nbnumba.outputs.nexus",
    "read_reflections": "nbnumba.inputs.reflections",
    "read_scattering": "nbnumba.inputs.scattering",
    "read_sources": "nbnumba.inputs.sources",
    "read_spectrum": "nbnumba.inputs.spectra",
    "simulate": "nbnumba.simulation",
    "show": "nbnumba.notebook",
    "to_xarray": "nbnumba.outputs.labelled",
    "trace": "nbnumba.tracer.trace",
    "value_and_gradient": "nbnumba.refinement.normal",
    "view": "nbnumba.viewer.view",
    "vjp": "nbnumba.refinement.normal",
    "walk": "nbnumba.tracer.walk",
    "write_crystfel": "nbnumba.outputs.crystfel",
    "write_dials": "nbnumba.outputs.dials",
    "write_cbf": "nbnumba.outputs.cbf",
    "write_figure": "nbnumba.viewer.view",
    "write_nexus": "nbnumba.outputs.nexus",
    "write_smv": "nbnumba.outputs.smv",
    "write_tiff": "nbnumba.outputs.tiff",
    "write_png": "nbnumba.outputs.png",
    "write_reflections": "nbnumba.reflection_table",
}

__all__ = ["__version__", *sorted(_HOME)]

del _cache


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nbnumba' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
