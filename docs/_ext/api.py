"""The reference of the Python interface: every public name, by subject."""

from __future__ import annotations

import inspect

import nbnumba

_FILES = ("read_", "write_", "from_", "to_", "pixel_mask")
_ELSEWHERE = ("write_figure", "write_crystfel", "write_dials", "write_reflections", "from_nanobragg")
SUBJECTS = {
    "Describing an experiment": [
        "Experiment", "Crystal", "Mosaic", "Reflections", "SpectralReflections", "Beam", "Spectrum", "Sources",
        "Detector", "Panel", "Mask", "PRESETS", "Scan", "Sampling", "Background", "Response",
    ],
    "Images": ["simulate", "Renderer", "background", "detect", "choose_sampling", "Recipe"],
    "Every number inside": ["trace", "walk", "contributions"],
    "Derivatives and refinement": [
        "jacobian", "vjp", "value_and_gradient", "normal_equations", "refine", "Refinement", "Poisson", "Gaussian",
        "LeastSquares", "shoeboxes", "Shoebox", "amplitude_jacobian", "refine_amplitudes",
    ],
    "Files": ["NexusWriter", *(name for name in nbnumba.__all__ if name.startswith(_FILES) and name not in _ELSEWHERE)],
    "Looking at images": ["show", "view", "draw_image", "write_figure", "compare"],
    "Other programs": [
        "write_dials", "write_crystfel", "predict_reflections", "write_reflections", "check_nexus", "from_nanobragg",
    ],
    "Errors": ["NbnumbaError", "NbnumbaJobError", "NbnumbaWarning"],
}  # fmt: skip


def grouped() -> dict[str, list[str]]:
    """All public names by subject; those that no subject claims come last."""
    claimed = {name for names in SUBJECTS.values() for name in names}
    rest = [name for name in nbnumba.__all__ if name not in claimed and not name.startswith("_")]
    return {**SUBJECTS, **({"Others": rest} if rest else {})}


def markdown() -> str:
    """A section for each subject."""
    return "\n\n".join(f"## {subject}\n\n" + "\n\n".join(map(_entry, names)) for subject, names in grouped().items())


def _entry(name: str) -> str:
    thing = getattr(nbnumba, name)
    if not callable(thing):
        return f"```{{py:data}} {name}\n:module: nbnumba\n\nNames: {', '.join(f'`{item}`' for item in thing)}.\n```"
    kind, options = ("class", "\n   :members:") if inspect.isclass(thing) else ("function", "")
    return f"```{{eval-rst}}\n.. auto{kind}:: nbnumba.{name}{options}\n```"
