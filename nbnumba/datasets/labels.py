"""Units and meaning of what a data set tells of its images."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from nbnumba.model.changes import ITEMS, PARTS
from nbnumba.model.mosaic import Mosaic


class Label(NamedTuple):
    """What a column holds."""

    meaning: str
    units: str = ""
    dtype: str = "<f8"
    shape: tuple[int, ...] = ()  # of one value


_INT = "<i8"
_PLACE = "from the outer corner of the first pixel"
#: Columns of images; texts are as long as the longest of a recipe.
IMAGES = {
    "number": Label("number of the image in the data set", dtype=_INT),
    "seed": Label("seed of the noise, which the image's number goes with", dtype=_INT),
    "hit": Label("1: there is a crystal in the beam; 0: there is none", dtype=_INT),
    "lattices": Label("number of crystals in the beam", dtype=_INT),
    "split": Label("part of the data set that the image belongs to", dtype="S"),
    "structure": Label("file of the structure", dtype="S"),
    "wavelength": Label("mean over the beam", "angstrom"),
    "fluence": Label("on the crystal", "photons/m^2"),
    "distance": Label("from sample to detector along the beam", "mm"),
    "beam_slow": Label(f"where the beam meets the detector, along slow, {_PLACE}", "pixel"),
    "beam_fast": Label(f"where the beam meets the detector, along fast, {_PLACE}", "pixel"),
    "resolution": Label(
        "spacing of the farthest spot whose signal over photon noise is above output.significance; NaN: none",
        "angstrom",
    ),
    "spots": Label("number of spots of output.faintest photons or more", dtype=_INT),
    "clipped": Label("pixels whose numbers did not fit into the type of the images and were cut off", dtype=_INT),
    "photons": Label("expected photons of the crystals in the whole image", "photons"),
    "background": Label("expected photons of everything else, mean over pixels", "photons"),
}
#: Other columns of images, which recipes have or have not, in types of their own.
OTHERS = {
    "panel_origin": Label("outer corner of the first kept pixel of each panel, x, y, z in the laboratory", "mm"),
    "panel_fast": Label("unit vector along which fast grows, x, y, z in the laboratory, of each panel"),
    "panel_slow": Label("unit vector along which slow grows, x, y, z in the laboratory, of each panel"),
    "pixel_size": Label("edge of a pixel of the image that is kept", "mm"),
    "digest": Label("SHA-256 of the image and all of its labels"),
    "lattices.count": Label("number of crystals that was drawn, also of a miss"),
    "structures.b_factor": Label("overall B that the amplitudes were damped by", "angstrom^2"),
    "shadow.radius": Label("of the beamstop's disc", "mm"),
    "shadow.arm": Label("width of the beamstop's arm", "mm"),
    "shadow.angle": Label("direction of the beamstop's arm, from fast towards slow", "degrees"),
    "shadow.offset_fast": Label("centre of the beamstop's disc from the beam, along fast", "mm"),
    "shadow.offset_slow": Label("centre of the beamstop's disc from the beam, along slow", "mm"),
}

SPOTS = {
    "h": Label("Miller index", dtype="<i4"),
    "k": Label("Miller index", dtype="<i4"),
    "l": Label("Miller index", dtype="<i4"),
    "panel": Label("number of the panel; 0 where there is one alone", dtype="<i4"),
    "slow": Label(f"middle of its photons along slow, at the front of the sensor, {_PLACE}", "pixel", "<f4"),
    "fast": Label(f"middle of its photons along fast, at the front of the sensor, {_PLACE}", "pixel", "<f4"),
    "intensity": Label(
        "expected photons of the crystals in the box around the spot; pixels in several boxes are "
        "divided between them by predicted strength",
        "photons",
        "<f4",
    ),
    "background": Label("expected photons of everything else in that box", "photons", "<f4"),
    "box": Label("edge of that box, with the spot in its middle", "pixel", "<i4"),
    "d": Label("spacing", "angstrom", "<f4"),
    "wavelength": Label("mean of the part of the beam that the spot is made of", "angstrom", "<f4"),
    "share": Label(
        "of the beam's photons that meet the reflection, each as well as its transform lets it, mean over mosaic "
        "domains, at the step of the scan where it is nearest to the Ewald sphere; 1: all",
        dtype="<f4",
    ),
    "lattice": Label("number of the crystal in the image", dtype="<i4"),
}

LATTICES = {
    "axes": Label("rows a, b, c in the laboratory, at the start of the scan", "angstrom", shape=(3, 3)),
    "rotation": Label(
        "matrix from the standard setting (a* along x, c along z) to the laboratory, at the start of the scan",
        shape=(3, 3),
    ),
    "cell": Label("a, b, c in angstrom, alpha, beta, gamma in degrees", "angstrom, degrees", shape=(6,)),
}
#: What a file says of where it is from.
PROCESS = {
    "program": "that made the file",
    "version": "of the program",
    "recipe": "TOML that images follow from",
    "recipe_hash": "SHA-256 of all that determines an image",
    "first": "number of the first image of the file",
    "stop": "number of the image after the last one",
    "content_hash": "SHA-256 of the digests of all images, in order",
    "by_image": "paths of datasets with a value for each image, beside labels",
    "images": "how many there are",
    "files": "names of the files that hold the images",
}
#: Units that the documentation of a field tells in words.
_IN_WORDS = {
    "beam.fluence": "photons/m^2", "beam.flux": "photons/s", "beam.exposure": "s", "crystal.reflections": "electron",
    "crystal.cell": "angstrom, degrees", **{f"crystal.cell.{i}": "degrees" for i in (3, 4, 5)},
}  # fmt: skip


def label_of(name: str) -> Label:
    """What a column of drawn values holds, from the documentation of the field of that dotted name."""
    known = IMAGES | OTHERS
    if name in known:
        return known[name]
    kind = _owner(name)
    if kind is None:
        return Label("helper value of the recipe")
    field = re.sub(r"\.\d+$", "", name).rpartition(".")[2]
    text = _documented(kind, field)
    units = _IN_WORDS.get(name) or next(iter(re.findall(r"\[([^\]]*)\]", text)), "")
    return Label(text.rstrip(".") or field, re.sub(r"\bA\b", "angstrom", units))


def _owner(name: str) -> type | None:
    """Class of the part that a field belongs to."""
    parts = [step for step in name.split(".") if not step.isdigit()]
    kinds: dict[str, Any] = {**PARTS, **ITEMS, "mosaic": Mosaic}
    if len(parts) < 2:
        return None
    found = kinds.get(parts[-2])
    return found if isinstance(found, type) else None


def _documented(kind: type, field: str) -> str:
    """What the docstring of a class says of one of its attributes."""
    text = kind.__doc__ or ""
    found = re.search(rf"^    (?:    )?(?:\w+, )*{field}(?:, \w+)*: (.*(?:\n {{12,}}.*)*)", text, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def caption(row: Mapping[str, Any]) -> tuple[str, str]:
    """Whom an image is of, and what is seen there, by its labels."""
    crystals = f"{row['lattices']} lattice{'' if row['lattices'] == 1 else 's'}" if row["hit"] else "miss"
    reach = "none stands out" if math.isnan(row["resolution"]) else f"to {row['resolution']:.3g} A"
    split = row["split"].decode() if isinstance(row["split"], bytes) else row["split"]
    return f"{crystals} {split}".rstrip(), f"{row['spots']} spots, {reach}"
