"""An experiment: crystal, beam, detector, scan and sampling together, and what follows from their combination."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.materials.attenuation import attenuation
from nbnumba.model.background import Background
from nbnumba.model.beam import Beam
from nbnumba.model.changes import OPTIONAL, PARTS, SEVERAL, changed, put
from nbnumba.model.crystal import Crystal
from nbnumba.model.detector import Detector
from nbnumba.model.panel import Geometry, Panel
from nbnumba.model.response import Response
from nbnumba.model.sampling import Sampling
from nbnumba.model.scan import Scan
from nbnumba.model.sources import Sources, as_arrays
from nbnumba.model.spectral import SpectralReflections, by_wavelength
from nbnumba.model.spectrum import Spectrum
from nbnumba.model.validate import both, refuse
from nbnumba.physics.absorption import capture
from nbnumba.physics.illumination import Outline
from nbnumba.physics.pixel import CurvedPanel, FlatPanel, position, ray_to
from nbnumba.physics.rotation import rotate
from nbnumba.physics.scattering import scattering_vector, spacing
from nbnumba.physics.vector import Vector, cross, length, scaled, unit

_PARALLEL = 1e-6  # sine of an angle that counts as none
_SHARPEST = 1e12  # size of a crystal over the wavelength
_MOST_WAVES = 5e8  # length of an axis over the wavelength, where indices have to be numbers of 32 bits: on GPUs


class Component(NamedTuple):
    """An experiment of one lattice whose image, times a weight, is a part of another experiment's image."""

    experiment: Experiment
    weight: float
    lattice: int  # 0: that of ``crystal``


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that determines an image.

    Attributes:
        crystal: the lattice whose parameters are refined.
        beam, detector, scan, sampling: see there; no scan: a still.
        response: what the detector makes of photons; None: counts are photons.
        lattices: further crystals in the beam, whose images are added. In TOML what a table [[lattices]] leaves out is
            as in [crystal].
        background: amorphous matter in the beam, for ``nb.background``.

    Raises:
        NbnumbaError: parts that do not fit together, such as a polarization axis along the beam.
    """

    crystal: Crystal
    beam: Beam
    detector: Detector
    scan: Scan | None = None
    sampling: Sampling = field(default_factory=Sampling)
    lattices: tuple[Crystal, ...] = ()
    response: Response | None = None
    background: tuple[Background, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in PARTS.items():
            value = getattr(self, name)
            if not isinstance(value, kind) and not (name in OPTIONAL and value is None):
                raise refuse(f"experiment.{name}", value, f"a {kind.__name__}(...)")
        for name, kind in SEVERAL.items():
            items = getattr(self, name)
            if not isinstance(items, list | tuple) or not all(isinstance(item, kind) for item in items):
                raise refuse(f"experiment.{name}", items, f"a list of {kind.__name__}(...)")
            object.__setattr__(self, name, tuple(items))
        self._check_polarization()
        self._check_sharpness()
        self._check_background()
        _ = self.geometries, self.oversample, self.sensor_mu, self.components()

    def _check_background(self) -> None:
        for i, part in enumerate(self.background):
            if self.beam.flux is not None and part.area is not None and part.area > self.beam.area * (1.0 + 1e-9):
                allowed = f"up to the beam's {self.beam.area:.6g} mm^2, which all photons of the flux pass through"
                raise refuse(f"background.{i}.area", part.area, allowed)

    def components(self) -> tuple[Component, ...]:
        """Experiments of one lattice and one list of reflections each, whose weighted images add up to the image."""
        several = self.lattices or isinstance(self.crystal.reflections, SpectralReflections)
        return self._components if several else (Component(self, 1.0, 0),)

    @cached_property
    def _components(self) -> tuple[Component, ...]:
        each = [self]
        if self.lattices:
            sampling = replace(self.sampling, oversample=self.oversample)
            each = [replace(self, crystal=crystal, lattices=(), sampling=sampling) for crystal in self.crystals]
        return tuple(Component(part, weight, i) for i, one in enumerate(each) for part, weight in by_wavelength(one))

    @property
    def crystals(self) -> tuple[Crystal, ...]:
        """The crystal and the further lattices."""
        return (self.crystal, *self.lattices)

    def check_one_lattice(self, what: str) -> None:
        """Refuse several lattices, of which ``what`` knows none but one."""
        if self.lattices:
            raise NbnumbaError(
                f"lattices: found {len(self.lattices)} beside the crystal; {what} knows one lattice: take one of "
                "experiment.components(), or leave the others out with lattices = []"
            )

    def _check_polarization(self) -> None:
        if length(cross(self.beam_direction, self.polarization_axis)) < _PARALLEL:
            raise self._not_across("the beam")
        incident, axis = as_arrays(self.sources)[0], np.array(self.electric_axis)
        suspects = np.flatnonzero(np.abs(incident @ axis) > 0.999)
        along = np.linalg.norm(np.cross(incident[suspects], axis), axis=1) < _PARALLEL
        if along.any():
            raise self._not_across(f"the beam of source {int(suspects[along][0])}")

    def _check_sharpness(self) -> None:
        """Indices are rounded by 10^-15 of a cell over the wavelength: of a huge crystal, by much of a fringe.

        So they are by that part of the lengths which place a detector, over its distance.
        """
        shortest = min(row[4] for row in self.sources.rows)
        for i, crystal in enumerate(self.crystals):
            name = f"lattices.{i - 1}" if i else "crystal"
            if crystal.sharpness * self._lever > _SHARPEST * shortest:
                raise NbnumbaError(
                    f"{name}.cells: found spots as sharp as those of "
                    f"{crystal.sharpness:.4g} A for a wavelength of {shortest:.4g} A, and a detector placed by lengths "
                    f"of {self._lever:.3g} times its distance; allowed: a product of both up to {_SHARPEST:g} "
                    "wavelengths, which double precision can tell"
                )
            if crystal.reflections is not None and (longest := max(crystal.unit_cell[:3])) > _MOST_WAVES * shortest:
                raise NbnumbaError(
                    f"{name}.cell: found an axis of {longest:.4g} A for a wavelength of {shortest:.4g} A; allowed with "
                    f"a list of reflections: {_MOST_WAVES:g} wavelengths"
                )

    @property
    def _lever(self) -> float:
        """The lengths that place a detector, over the distance of its nearest point."""
        lengths = [max(length(g.origin), 0.0 if math.isnan(g.distance) else g.distance) for g in self.geometries]
        return max(lengths) / self.nearest

    def _not_across(self, name: str) -> NbnumbaError:
        return NbnumbaError(
            f"beam.polarization_axis: found {tuple(self.polarization_axis)}, parallel to {name}; allowed: any "
            "direction across the beam"
        )

    @cached_property
    def beam_direction(self) -> Vector:
        """Unit vector from the source to the sample."""
        given = self.beam.direction
        return self.detector.frame.beam if given is None else unit(Vector(*given))

    @cached_property
    def polarization_axis(self) -> Vector:
        """Unit vector along the electric field, from which Stokes parameters count."""
        given = self.beam.polarization_axis
        return self.detector.frame.polarization if given is None else unit(Vector(*given))

    @cached_property
    def electric_axis(self) -> Vector:
        """Unit vector along the linear part of the electric field: Stokes parameters turn it about the beam."""
        turn = self.beam.polarization_turn
        return rotate(self.polarization_axis, self.beam_direction, turn) if turn != 0.0 else self.polarization_axis

    @property
    def turning(self) -> Scan | None:
        """The scan, if the crystal turns in it; None: images that share one orientation are stills."""
        return self.scan if self.scan is not None and self.scan.width != 0.0 else None

    @cached_property
    def spindle(self) -> Vector:
        """Unit vector of the rotation axis."""
        given = self.scan.axis if self.scan else None
        return self.detector.frame.spindle if given is None else unit(Vector(*given))

    @cached_property
    def geometries(self) -> tuple[Geometry, ...]:
        """The panels in the laboratory frame [mm]; of a detector that lists none, it alone."""
        return self.detector.geometries(self.beam_direction)

    @property
    def geometry(self) -> Geometry:
        """The detector in the laboratory frame [mm]; refused where panels are listed."""
        self.detector.check_one_panel("the place of the detector as a whole")
        return self.geometries[0]

    @cached_property
    def panels(self) -> tuple[FlatPanel | CurvedPanel, ...]:
        """The panels as the physics takes them [mm]; of a detector that lists none, it alone."""
        return tuple(self._panel(g) for g in self.geometries)

    @property
    def panel(self) -> FlatPanel | CurvedPanel:
        """The detector as the physics takes it [mm]; refused where panels are listed."""
        self.detector.check_one_panel("the place of the detector as a whole")
        return self.panels[0]

    def _panel(self, g: Geometry) -> FlatPanel | CurvedPanel:
        detector = self.detector
        place = (g.origin, g.fast, g.slow, g.normal, detector.pixel_size, g.close_distance, detector.point_pixels)
        if detector.curvature == "flat":
            return FlatPanel(*place)
        # nanoBragg counts the distance from where the detector lies in the end.
        if detector.curvature == "nanobragg":
            radius = g.close_distance / g.incidence
            center, spot = scaled(self.beam_direction, radius), Vector(0.0, 0.0, 0.0)
            axes = (Vector(0.0, 1.0, 0.0), g.slow, Vector(0.0, 0.0, 1.0), g.fast)
        else:
            radius = g.distance
            center = spot = scaled(self.beam_direction, radius)
            # Turning about normal x e moves the spot along e, for right- and left-handed detector axes alike.
            axes = (g.fast, cross(g.normal, g.fast), g.slow, cross(g.normal, g.slow))
        return CurvedPanel(*place, center, spot, radius, *axes)

    @cached_property
    def sources(self) -> Sources:
        """Directions, weights and wavelengths of the beam."""
        return self.beam.source_list(self.beam_direction, self.polarization_axis)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Wavelengths of the sources, and the sum of weights of each."""
        _, weights, wavelengths = as_arrays(self.sources)
        different, which = np.unique(wavelengths, return_inverse=True)
        return Spectrum(tuple(different.tolist()), tuple(np.bincount(which.ravel(), weights).tolist()))

    @property
    def fluence(self) -> float:
        """Mean fluence [photons/m^2] on the crystal over the exposure."""
        (h, v), (width, height) = self.beam.offset, both(self.crystal.extent or 0.0)
        return self.beam.fluence_on(Outline(h - width / 2.0, h + width / 2.0, v - height / 2.0, v + height / 2.0))

    @cached_property
    def angles(self) -> list[float]:
        """Spindle angles [rad] of the steps of the scan; 0 for a still."""
        return self.scan.angles() if self.scan else [0.0]

    @cached_property
    def oversample(self) -> int:
        """Sub-pixels along each edge of a pixel, enough for the largest of several lattices."""
        if isinstance(self.sampling.oversample, int):
            return self.sampling.oversample
        distance = self.nearest if self.detector.panels else self.geometry.distance
        pixel = self.beam.wavelength * distance / self.detector.pixel_size
        largest = max(max(crystal.size) for crystal in self.crystals)
        needed = 3.0 * largest / pixel
        if not needed <= 1000.0:
            raise NbnumbaError(
                f"sampling.oversample: 'auto' asks for {needed:.6g} x {needed:.6g} sub-pixels for a crystal of "
                f"{largest:.4g} A; set sampling.oversample to a whole number up to 1000"
            )
        return max(math.ceil(needed - 1e-9), 1)  # a whole quotient is not to be pushed up by rounding

    @cached_property
    def nearest(self) -> float:
        """Distance [mm] between the sample and the nearest point of the detector."""
        detector, g = self.detector, self.geometries[0]
        if detector.curvature != "flat":
            return min(g.distance, g.close_distance)
        parts = detector.panels or (Panel(origin=g.origin, fast=g.fast, slow=g.slow, pixels=detector.pixels),)
        return min(part.nearest(detector.pixel_size) for part in parts)

    @cached_property
    def mean_wavelength(self) -> float:
        """Average over the sources by their weights [A]."""
        return self.spectrum.mean

    @cached_property
    def sensor_mu(self) -> float:
        """Attenuation coefficient of the sensor [1/mm], 0 without one; of a material, at the mean wavelength."""
        detector = self.detector
        if detector.sensor_material is None:
            return detector.sensor_mu or 0.0
        return attenuation(detector.sensor_material, self.mean_wavelength, detector.sensor_density)

    @property
    def caught(self) -> float:
        """Fraction of photons that the sensor catches where rays meet it along its normal."""
        return capture(0.0, self.detector.sensor_thickness, self.sensor_mu, 1.0) if self.sensor_mu > 0.0 else 1.0

    @cached_property
    def layers(self) -> int:
        """Sensor layers; one where no sensor is simulated."""
        return self.sampling.layers if self.sensor_mu > 0.0 else 1

    @property
    def steps_per_pixel(self) -> int:
        """Layers x sub-pixels x sources x phi steps x mosaic domains, of all lattices."""
        if self.lattices:
            return sum(part.experiment.steps_per_pixel for part in self.components())
        per_subpixel = len(self.sources.rows) * len(self.angles) * self.crystal.mosaic.count
        return self.layers * self.oversample**2 * per_subpixel

    @property
    def pixels_rendered(self) -> int:
        """Pixels inside region and mask."""
        (s0, s1), (f0, f1) = self.detector.region
        mask = self.mask
        return (s1 - s0) * (f1 - f0) if mask is None else int(mask[s0:s1, f0:f1].sum())

    @cached_property
    def mask(self) -> np.ndarray | None:
        """Pixels (rows, fast) that lie on a panel and are not masked, rows counted through all panels; None: all."""
        present, mask = self.detector.present, self.detector.mask
        if mask is None:
            return present
        rows = mask.pixels.reshape(self.detector.rows, -1)
        return rows if present is None else rows & present

    @property
    def rendered(self) -> np.ndarray:
        """Which pixels, of an array of the image's shape, lie inside region and mask."""
        inside = np.zeros((self.detector.rows, self.detector.pixels[1]), dtype=bool)
        region = tuple(slice(*limits) for limits in self.detector.region)
        inside[region] = True if self.mask is None else self.mask[region]
        return inside.reshape(self.detector.shape)

    def rendered_pixels(self) -> np.ndarray:
        """Numbers of the pixels inside region and mask, row by row: slow, fast (n, 2), or panel, slow, fast (n, 3)."""
        return np.argwhere(self.rendered)

    def scattering_vector(self, slow: float, fast: float, panel: int | None = None) -> Vector:
        """Vector q [1/A] at a point of a panel, in pixels from the outer corner of the first one.

        ``panel`` is its number, where panels are listed.
        """
        size = self.detector.pixel_size
        place = self.panels[self.detector.panel_number(panel)]
        ray = ray_to(position(place, fast * size, slow * size, 0.0))
        return scattering_vector(ray.direction, self.beam_direction, self.mean_wavelength)

    def resolution(self, slow: float, fast: float, panel: int | None = None) -> float:
        """Spacing [A] at a point of a panel, as ``scattering_vector`` takes it."""
        return spacing(self.scattering_vector(slow, fast, panel))

    def border_resolutions(self, count: int) -> list[float]:
        """Spacings [A] on the borders of all panels, at ``count`` points along each edge."""
        listed, along = bool(self.detector.panels), np.linspace(0.0, 1.0, count).tolist()
        border = dict.fromkeys(point for x in along for point in ((0.0, x), (1.0, x), (x, 0.0), (x, 1.0)))
        sizes = [self.detector.size_of(number) for number in range(len(self.panels))]
        return [
            self.resolution(s * slow, f * fast, number if listed else None)
            for number, (slow, fast) in enumerate(sizes)
            for s, f in border
        ]

    def with_panels(self, *, slow: int, fast: int) -> Experiment:
        """The same experiment with its detector cut into a grid of panels, row by row: image ``panel``, slow, fast.

        Pixels stay what they were, up to rounding: their places are computed from the corner of their panel. Region and
        mask become one mask; sub-pixels chosen automatically stay as many.

        Args:
            slow: number of panels along slow, which has to divide that of the pixels.
            fast: number along fast, alike.

        Raises:
            NbnumbaError: numbers that do not divide those of the pixels, or a detector that is curved or lists panels.
        """
        from nbnumba.model.cutting import cut

        return cut(self, slow, fast)

    def parameters(self) -> dict[str, float]:
        """The numbers that can be refined, by name: A, degrees, mm. Those that cannot act are left out."""
        from nbnumba.model.parameters import parameters

        return parameters(self)

    def with_parameters(self, **values: float) -> Experiment:
        """Copy with other values of some of ``parameters()``.

        Raises:
            NbnumbaError: a parameter that does not exist or cannot act, or a value that is not allowed.
        """
        from nbnumba.model.parameters import with_parameters

        return with_parameters(self, values)

    def replace(self, **changes: Any) -> Experiment:
        """Copy with fields changed by dotted name, as in ``replace(**{"crystal.misset": (10, 20, 30)})``.

        Setting one of cell and orientation, fluence and flux, polarization and stokes, sources and spectrum, distance
        and close_distance, or of others that exclude one another, clears the other.

        Raises:
            NbnumbaError: a name that does not exist, or a value that is not allowed.
        """
        tree: dict[str, Any] = {}
        for name, value in changes.items():
            if any(other.startswith(f"{name}.") for other in changes):
                raise NbnumbaError(f"{name}: found together with a part of it; give one of them")
            put(tree, name, value)
        return changed(self, tree, "experiment")

    def to_toml(self, file: str | Path | None = None, *, inline: bool = False, overwrite: bool = False) -> str:
        """Text that ``from_toml`` turns into an equal experiment; also written to ``file`` if one is named.

        Reflections that were read from a file are referred to by its path, or, with ``inline``, held in the text
        itself, as are masks and everything that was made in memory. An existing file stays, without ``overwrite``.
        """
        from nbnumba.model.toml_write import dump

        return dump(self, file, inline=inline, overwrite=overwrite)

    def _repr_html_(self) -> str:
        from nbnumba.model.html import experiment_html

        return experiment_html(self)

    @classmethod
    def from_toml(
        cls, source: str | Path, settings: Mapping[str, Any] | None = None, *, like: str | Path | None = None
    ) -> Experiment:
        """Experiment from a TOML file, whose relative paths are relative to it, or from TOML text.

        Args:
            source: name of a file, or text.
            settings: values by dotted name that take the place of those in the file, as in ``replace``; relative paths
                among them are relative to the file too.
            like: an NXmx, CBF or SMV image, or a .expt file of DIALS, to be simulated as that was measured: its
                detector, its beam's wavelength, direction and polarization, and its oscillation take the place of those
                of the file, in which [beam] and [detector] may be left out. The laboratory frame becomes that of
                ``read_geometry``, or, of a file of ours, that of its experiment.
        """
        from nbnumba.model.toml import load

        return load(source, settings or {}, like)


def check_experiment(value: object) -> None:
    """Refuse what is no experiment, as the name of its file."""
    if not isinstance(value, Experiment):
        allowed = "an Experiment, which nb.Experiment.from_toml(FILE) makes of a file"
        raise NbnumbaError(f"experiment: found {type(value).__name__}; allowed: {allowed}")
