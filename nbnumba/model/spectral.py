"""Structure factors that change with the wavelength, as they do at an absorption edge."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.cell import Cell
from nbnumba.model.reflections import Reflections
from nbnumba.model.sources import Sources
from nbnumba.model.validate import is_list, number, refuse

if TYPE_CHECKING:
    from nbnumba.model.experiment import Experiment


@dataclass(frozen=True)
class SpectralReflections:
    """A list of reflections for each of some wavelengths; a source takes that whose wavelength is nearest to its own.

    Attributes:
        wavelengths: [A], each once; kept in ascending order.
        tables: one list for each, all of one cell.
        origin: the keyword arguments of ``read_reflections`` (with "file" for the path) that read it again, or {}.

    Raises:
        NbnumbaError: lists of different lengths, wavelengths that repeat, or cells that differ.
    """

    wavelengths: tuple[float, ...]
    tables: tuple[Reflections, ...]
    origin: dict[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        allowed = "one list of Reflections for each wavelength, 1 or more"
        if not is_list(self.wavelengths):
            raise refuse("wavelengths", self.wavelengths, allowed)
        wavelengths = [number(f"wavelengths[{i}]", x, "A", above=0.0) for i, x in enumerate(self.wavelengths)]
        tables = list(self.tables)
        if len(wavelengths) != len(tables) or not tables or not all(isinstance(t, Reflections) for t in tables):
            raise refuse("wavelengths, tables", f"{len(wavelengths)} and {len(tables)}", allowed)
        if len(set(wavelengths)) < len(wavelengths):
            raise refuse("wavelengths", wavelengths, "each once")
        if len({table.cell for table in tables}) > 1:
            raise refuse("tables", "different cells", "lists of one cell")
        order = np.argsort(wavelengths)
        object.__setattr__(self, "wavelengths", tuple(wavelengths[i] for i in order))
        object.__setattr__(self, "tables", tuple(tables[i] for i in order))

    def __len__(self) -> int:
        return len(self.tables[0])

    @property
    def cell(self) -> Cell | None:
        """a, b, c [A], alpha, beta, gamma [degrees], or None where the source had none."""
        return self.tables[0].cell

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the wavelengths and the digests of the tables."""
        parts = [np.array(self.wavelengths, "<f8").tobytes(), *(table.digest.encode() for table in self.tables)]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def nearest(self, wavelengths: np.ndarray) -> np.ndarray:
        """Number (n,) of the table for each of some wavelengths (n,) [A]."""
        distances = np.abs(np.subtract.outer(wavelengths, np.array(self.wavelengths)))
        return np.asarray(distances.argmin(axis=1))


def by_wavelength(experiment: Experiment) -> list[tuple[Experiment, float]]:
    """Experiments that each have one list of reflections, with weights that sum to 1: their images add up to the image.

    An experiment whose reflections do not depend on the wavelength is returned as it is.

    Raises:
        NbnumbaError: one polarization for all steps of a pixel, which would be that of another source in each part.
    """
    reflections = experiment.crystal.reflections
    if not isinstance(reflections, SpectralReflections):
        return [(experiment, 1.0)]
    rows = np.array(experiment.sources.rows)
    which, share = reflections.nearest(rows[:, 4]), rows[:, 3] / rows[:, 3].sum()
    used = [i for i in range(len(reflections.tables)) if share[which == i].sum() > 0.0]
    if len(used) > 1 and experiment.sampling.polarization == "pixel" and experiment.beam.polarized:
        raise NbnumbaError(
            "sampling.polarization: found 'pixel' with reflections that depend on the wavelength; allowed: 'subpixel'"
        )
    return [(_part(experiment, reflections.tables[i], which == i), float(share[which == i].sum())) for i in used]


def _part(experiment: Experiment, reflections: Reflections, chosen: np.ndarray) -> Experiment:
    """The experiment with one list of reflections and some of the sources."""
    rows = [row for row, there in zip(experiment.sources.rows, chosen, strict=True) if there]
    return replace(
        experiment,
        crystal=replace(experiment.crystal, reflections=reflections),
        beam=experiment.beam.with_sources(Sources(tuple(rows))),
        detector=experiment.detector.with_mu(experiment.sensor_mu),  # one for all sources
    )
