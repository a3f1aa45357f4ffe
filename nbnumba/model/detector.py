"""The detector: size, position, orientation and sensor."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.model.angles import turn
from nbnumba.model.conventions import CONVENTIONS, Convention, Extent
from nbnumba.model.mask import Mask
from nbnumba.model.panel import Geometry, Panel, completed
from nbnumba.model.presets import over, preset
from nbnumba.model.validate import OFFSETS, Roi, choice, counts, direction, flag, number, numbers, ranges, refuse
from nbnumba.physics.rotation import rotate, rotate_xyz
from nbnumba.physics.vector import Vector, dot, plus, scaled, unit

CURVATURES = ("flat", "spherical", "nanobragg")
AXES = ("fast_axis", "slow_axis", "normal_axis", "twotheta_axis")

#: Fields that place a single panel, and are left alone where there are panels.
PLACING = (
    "distance", "close_distance", "beam_center", "closest_point", "pivot", "rotation", "twotheta", *AXES, "curvature",
    "roi",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Detector:
    """A detector of one panel, or of several that are listed.

    A list of panels places each of them by itself: beside it, nothing may be given that places a single one.

    Attributes:
        pixels: number along slow, fast; where panels are listed, those of the largest, which need not be given.
        pixel_size: edge of a pixel [mm].
        panels: the panels, if they are listed; images are then arrays (panel, slow, fast).
        distance: from sample to detector along the beam [mm].
        close_distance: instead: shortest distance to the detector's plane [mm].
        convention: mosflm, denzo, adxv, xds, dials or custom: axes, beam-centre rule and pivot.
        beam_center: Xbeam, Ybeam [mm] as the convention counts them; None: its default, about the middle.
        closest_point: Fclose, Sclose [mm], the point nearest to the sample before any rotation; for pivot "sample".
        pivot: "beam" or "sample", the point that rotations leave in place; None: the convention's.
        rotation: about the laboratory x, then y, then z axis [degrees].
        twotheta: swing about ``twotheta_axis`` [degrees].
        fast_axis, slow_axis, normal_axis, twotheta_axis: x, y, z before rotation; None: the convention's.
        curvature: "flat", "spherical" (all pixels at ``distance``), or "nanobragg" (the same, with its mirrored map).
        point_pixels: solid angle 1/R^2 [1/m^2] without pixel area and obliquity.
        sensor_thickness: [mm]; 0, and neither ``sensor_mu`` nor ``sensor_material``: the front catches every photon.
        sensor_mu: attenuation coefficient [1/mm].
        sensor_material: instead: "Si", "CdTe", "GaAs", or, with the extra "materials", any formula or name that xraydb
            knows; ``Experiment.sensor_mu`` follows from it and the wavelength.
        sensor_density: of that material [g/cm^3]; None: the usual one.
        mask: pixels to render, an array of the image's shape; None: all.
        roi: ((slow start, slow stop), (fast start, fast stop)), stops excluded: the rest of the image stays 0.
    """

    pixels: tuple[int, ...] = ()
    pixel_size: float
    panels: tuple[Panel, ...] = ()
    distance: float | None = None
    close_distance: float | None = None
    convention: str = "mosflm"
    beam_center: tuple[float, ...] | None = None
    closest_point: tuple[float, ...] | None = None
    pivot: str | None = None
    rotation: tuple[float, ...] = (0.0, 0.0, 0.0)
    twotheta: float = 0.0
    fast_axis: tuple[float, ...] | None = None
    slow_axis: tuple[float, ...] | None = None
    normal_axis: tuple[float, ...] | None = None
    twotheta_axis: tuple[float, ...] | None = None
    curvature: str = "flat"
    point_pixels: bool = False
    sensor_thickness: float = 0.0
    sensor_mu: float | None = None
    sensor_material: str | None = None
    sensor_density: float | None = None
    mask: Mask | None = None
    roi: Roi | None = None

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("panels", self._checked_panels())
        put("pixels", self._checked_pixels())
        put("pixel_size", number("detector.pixel_size", self.pixel_size, "mm", low=1e-6, high=1e6))
        if self.distance is not None and self.close_distance is not None:
            raise NbnumbaError("detector: found both distance and close_distance; give one of them")
        if self.close_distance is not None:
            put("close_distance", number("detector.close_distance", self.close_distance, "mm", low=1e-3, high=1e9))
        elif not self.panels:
            distance = 100.0 if self.distance is None else self.distance
            put("distance", number("detector.distance", distance, "mm, in front of the sample", low=1e-3, high=1e9))
        choice("detector.convention", self.convention, tuple(CONVENTIONS))
        choice("detector.curvature", self.curvature, CURVATURES)
        if self.pivot is not None:
            choice("detector.pivot", self.pivot, ("beam", "sample"))
        for name in ("beam_center", "closest_point"):
            if getattr(self, name) is not None:
                put(name, numbers(f"detector.{name}", getattr(self, name), 2, "mm", **OFFSETS))
        put("rotation", numbers("detector.rotation", self.rotation, 3, "degrees"))
        put("twotheta", number("detector.twotheta", self.twotheta, "degrees"))
        for name in AXES:
            if getattr(self, name) is not None:
                put(name, direction(f"detector.{name}", getattr(self, name)))
        flag("detector.point_pixels", self.point_pixels)
        thickness = number("detector.sensor_thickness", self.sensor_thickness, "mm", low=0.0, high=1e6)
        put("sensor_thickness", thickness)
        if self.sensor_mu is not None:
            put("sensor_mu", number("detector.sensor_mu", self.sensor_mu, "1/mm", low=0.0, high=1e9))
        if self.sensor_density is not None:
            put("sensor_density", number("detector.sensor_density", self.sensor_density, "g/cm^3", above=0.0))
        self._check_sensor()
        if self.closest_point is not None and self.turns_about == "beam" and self.convention != "custom":
            raise refuse("detector.closest_point", self.closest_point, 'none for pivot "beam"; give beam_center')
        put("roi", None if self.roi is None else ranges("detector.roi", self.roi, self.pixels))
        if self.panels:
            self._check_unplaced()
        _check_mask(self.mask, self.shape)

    def _checked_panels(self) -> tuple[Panel, ...]:
        given = () if self.panels is None else self.panels
        if not isinstance(given, list | tuple) or not all(isinstance(panel, Panel) for panel in given):
            raise refuse("detector.panels", given, "a list of Panel(...)")
        return tuple(given)

    def _check_unplaced(self) -> None:
        defaults = {field.name: field.default for field in fields(self)}
        for name in PLACING:
            if getattr(self, name) != defaults[name]:
                allowed = "nothing beside panels, each of which is placed by itself"
                raise refuse(f"detector.{name}", getattr(self, name), allowed)

    def _checked_pixels(self) -> tuple[int, ...]:
        """Pixels of the panel, or of the largest one."""
        largest = tuple(max((panel.pixels[i] for panel in self.panels), default=0) for i in range(2))
        if self.pixels is None or (isinstance(self.pixels, tuple) and not self.pixels):
            if self.panels:
                return largest
            raise NbnumbaError("detector.pixels: found nothing; it must be given, as there is no default")
        pixels = counts("detector.pixels", self.pixels)
        if self.panels and pixels != largest:
            raise refuse("detector.pixels", pixels, f"nothing beside panels, the largest of which has {largest}")
        return pixels

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of images: (slow, fast), or (panel, slow, fast) where panels are listed."""
        return (len(self.panels), *self.pixels) if self.panels else self.pixels

    @property
    def rows(self) -> int:
        """Rows of an image, those of one panel after those of another."""
        return math.prod(self.shape[:-1])

    def check_one_panel(self, what: str) -> None:
        """Refuse listed panels: ``what`` is for a detector of one panel alone."""
        if self.panels:
            raise NbnumbaError(f"detector.panels: found {len(self.panels)} panels; allowed for {what}: none listed")

    def check_flat(self, what: str) -> None:
        """Refuse a curved detector, which ``what`` does not know."""
        if self.curvature != "flat":
            raise NbnumbaError(f"detector.curvature: found {self.curvature!r}; allowed for {what}: 'flat'")

    def panel_number(self, panel: int | None) -> int:
        """Number of a panel that is asked for; None: the only one.

        Raises:
            NbnumbaError: there is no such panel, or a choice.
        """
        if not self.panels and panel is None:
            return 0
        allowed = f"from 0 to {len(self.panels) - 1}" if self.panels else "none, as the detector lists no panels"
        if not isinstance(panel, Integral) or isinstance(panel, bool) or not 0 <= panel < len(self.panels):
            raise NbnumbaError(f"panel: found {panel!r}; allowed: {allowed}")
        return int(panel)

    def check_pixel(self, slow: int, fast: int, panel: int) -> None:
        """Refuse a pixel (slow, fast) that is not on a panel."""
        size = self.size_of(panel)
        if not (0 <= slow < size[0] and 0 <= fast < size[1]):
            raise NbnumbaError(
                f"pixel: found slow {slow}, fast {fast}, outside the detector; allowed: slow from 0 to {size[0] - 1}, "
                f"fast from 0 to {size[1] - 1}"
            )

    def size_of(self, panel: int) -> tuple[int, ...]:
        """Pixels (slow, fast) of a panel."""
        return self.panels[panel].pixels if self.panels else self.pixels

    @property
    def present(self) -> np.ndarray | None:
        """Which pixels (rows, fast) of an image are on a panel; None: all."""
        if all(panel.pixels == self.pixels for panel in self.panels):
            return None
        found = np.zeros(self.shape, dtype=bool)
        for panel, image in zip(self.panels, found, strict=True):
            image[: panel.pixels[0], : panel.pixels[1]] = True
        return found.reshape(self.rows, -1)

    @classmethod
    def preset(cls, name: str, **others: Any) -> Detector:
        """The pixels, gaps and sensor of a detector that people use, one of ``nb.PRESETS``; ``others`` come first."""
        return cls(**over(preset(name).detector(), others))

    def with_mu(self, mu: float) -> Detector:
        """The same detector with an attenuation coefficient [1/mm] in the place of a material."""
        if self.sensor_material is None:
            return self
        return replace(self, sensor_material=None, sensor_density=None, sensor_mu=mu)

    def _check_sensor(self) -> None:
        material, mu, thickness = self.sensor_material, self.sensor_mu or 0.0, self.sensor_thickness
        if material is None:
            if (thickness > 0.0) != (mu > 0.0):
                found = f"thickness {thickness:g} mm, mu {mu:g} 1/mm"
                allowed = "both above 0, or neither; or a sensor_material in place of sensor_mu"
                raise refuse("detector.sensor_thickness and sensor_mu", found, allowed)
            if self.sensor_density is not None:
                raise refuse("detector.sensor_density", self.sensor_density, "with a sensor_material alone")
            return
        if not isinstance(material, str) or not material.strip():
            raise refuse("detector.sensor_material", material, "the name or formula of a material, as Si, CdTe or GaAs")
        if mu == 0.0:
            object.__setattr__(self, "sensor_mu", None)
        else:
            raise refuse("detector.sensor_material and sensor_mu", (material, mu), "one of them")
        if thickness == 0.0:
            raise refuse("detector.sensor_thickness", thickness, f"above 0 mm, for a sensor of {material}")

    @property
    def frame(self) -> Convention:
        """The convention's axes and rules."""
        return CONVENTIONS[self.convention]

    @property
    def extent(self) -> Extent:
        """Size along fast and slow [mm]."""
        return Extent(self.pixels[1] * self.pixel_size, self.pixels[0] * self.pixel_size, self.pixel_size)

    @property
    def turns_about(self) -> str:
        """Pivot, the convention's where none was given."""
        return self.pivot or self.frame.pivot

    @property
    def region(self) -> Roi:
        """Part that is rendered: ((first row, stop), (fast start, stop)), rows counted through all panels."""
        return self.roi or ((0, self.rows), (0, self.pixels[1]))

    @property
    def reference_point(self) -> tuple[float, float]:
        """Fast, slow [mm] of the point that ``beam_center`` names, or of ``closest_point``, before rotation."""
        return self._closest() if self.turns_about == "sample" else self._beam_spot()

    def _axis(self, name: str, default: Vector) -> Vector:
        given = getattr(self, name)
        return default if given is None else unit(Vector(*given))

    def _middle(self) -> tuple[float, float]:
        return self.extent.fast / 2.0, self.extent.slow / 2.0

    def _beam_spot(self) -> tuple[float, float]:
        """Fbeam, Sbeam [mm] as given, or by the convention's default."""
        frame, extent = self.frame, self.extent
        if self.beam_center is not None:
            return frame.to_detector((self.beam_center[0], self.beam_center[1]), extent)
        if frame.default_beam is None:
            return self._closest()
        return frame.to_detector(frame.default_beam(extent), extent)

    def _closest(self) -> tuple[float, float]:
        """Fclose, Sclose [mm] before rotation: as given, or where the beam centre is said to be, or the middle."""
        if self.closest_point is not None:
            return self.closest_point[0], self.closest_point[1]
        return self._middle() if self.beam_center is None else self._beam_spot()

    def geometries(self, beam: Vector) -> tuple[Geometry, ...]:
        """Place every panel in the laboratory, given the unit vector of the beam.

        Raises:
            NbnumbaError: as ``geometry``.
        """
        return tuple(panel.geometry(beam) for panel in self.panels) if self.panels else (self.geometry(beam),)

    def geometry(self, beam: Vector) -> Geometry:
        """Place the detector in the laboratory, given the unit vector of the beam.

        Raises:
            NbnumbaError: the detector's plane is parallel to the beam or faces away from the sample, or panels are
                listed.
        """
        self.check_one_panel("the place of the detector as a whole")
        frame = self.frame
        flat = [self._axis("fast_axis", frame.fast), self._axis("slow_axis", frame.slow)]
        flat.append(self._axis("normal_axis", frame.normal))
        _check_square(flat)
        tilt = [turn(angle) for angle in self.rotation]
        ratio = dot(beam, rotate_xyz(flat[2], *tilt))
        if ratio < 1e-6:
            raise refuse(
                "detector.rotation",
                self.rotation,
                "rotations after which the beam meets the front of the detector; now its normal turns away",
            )
        close = self.close_distance if self.close_distance is not None else ratio * float(self.distance or 0.0)
        twotheta_axis = self._axis("twotheta_axis", frame.twotheta)

        def swing(v: Vector) -> Vector:
            return rotate(rotate_xyz(v, *tilt), twotheta_axis, turn(self.twotheta))

        fast, slow, normal = (swing(v) for v in flat)
        if self.turns_about == "sample":
            origin = swing(_corner(flat[0], flat[1], self._closest(), scaled(flat[2], close)))
        else:
            origin = _corner(fast, slow, self._beam_spot(), scaled(beam, close / ratio))
        return completed(origin, fast, slow, normal, ratio, close / ratio, beam)


def _check_square(axes: list[Vector]) -> None:
    for i, j, names in (
        (0, 1, "fast_axis and slow_axis"),
        (0, 2, "fast_axis and normal_axis"),
        (1, 2, "slow_axis and normal_axis"),
    ):
        if abs(dot(axes[i], axes[j])) > 1e-6:
            raise refuse(f"detector.{names}", (tuple(axes[i]), tuple(axes[j])), "axes at right angles")


def _corner(fast: Vector, slow: Vector, spot: tuple[float, float], place: Vector) -> Vector:
    """Corner of the first pixel when the point at offsets ``spot`` lies at ``place``."""
    return plus(plus(scaled(fast, -spot[0]), scaled(slow, -spot[1])), place)


def _check_mask(mask: Any, shape: tuple[int, ...]) -> None:
    if mask is None:
        return
    if not isinstance(mask, Mask):
        raise refuse("detector.mask", mask, "a Mask(array), as from read_mask(file)")
    if mask.pixels.shape != shape:
        raise refuse("detector.mask", f"{mask.pixels.shape} pixels", f"the detector's {shape}")
