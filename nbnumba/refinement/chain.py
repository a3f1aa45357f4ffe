"""From the intermediates z of the loops to parameters: the constant matrix T = dz/dtheta.

What a parameter does to the cell axes and to the detector is told by the model itself: T holds differences of its
matrices, by seven points, which are exact to 1e-11; no formula of the model stands here a second time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nbnumba.errors import NbnumbaError
from nbnumba.kernels.own import STRAIN, TURN
from nbnumba.kernels.slopes import (
    AXES,
    CELLS,
    COUNT,
    FORCE,
    KAHN,
    MU,
    SOURCES,
    SPREAD,
    THICKNESS,
    TORQUE,
    VALUE,
    WAVELENGTH,
)
from nbnumba.model.crystal import Crystal
from nbnumba.model.detector import Detector
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.mosaic import rotation_matrix
from nbnumba.model.parameters import PARAMETERS, check_acts, tilt_axis
from nbnumba.model.scan import Scan
from nbnumba.model.validate import refuse
from nbnumba.physics.lattice import SHAPES
from nbnumba.prediction import start_angle

_DETECTOR = ("distance", "beam_center_fast", "beam_center_slow", "detector_rotx", "detector_roty", "detector_rotz",
             "twotheta")  # fmt: skip
#: Steps of the differences: half a degree, a thousandth of a length, a millionth of the wavelength.
_DEGREES, _OF_LENGTH, _OF_WAVELENGTH = 0.5, 1e-3, 1e-6
_SEVEN = ((-3, -1.0 / 60.0), (-2, 9.0 / 60.0), (-1, -45.0 / 60.0), (1, 45.0 / 60.0), (2, -9.0 / 60.0), (3, 1.0 / 60.0))


def chain(experiment: Experiment, names: Sequence[str]) -> np.ndarray:
    """T, shape (numbers in z, parameters), so that dI/dtheta = T^T z.

    Raises:
        NbnumbaError: a parameter that does not exist, cannot act, or has no derivative.
    """
    check_names(experiment, names)
    return np.column_stack([np.zeros((COUNT, 0)), *(_column(experiment, name) for name in names)])


def check_names(experiment: Any, names: Any) -> None:
    """Refuse what is no list of parameters with derivatives."""
    check_experiment(experiment)
    if isinstance(names, str) or not all(isinstance(name, str) for name in names or ()) or names is None:
        raise refuse("parameters", names, "a list of names, as experiment.parameters() has them")
    for name in names:
        check_acts(experiment, name)
        check_smooth(experiment, name)


def check_smooth(experiment: Experiment, name: str) -> None:
    """Refuse what is not differentiable, naming what is."""
    shape, curvature = experiment.crystal.shape, experiment.detector.curvature
    if SHAPES[shape].edge:
        raise NbnumbaError(
            f"{name}: found crystal.shape = {shape!r}, whose spots have an edge and so no derivatives; allowed: "
            f"{', '.join(n for n, s in SHAPES.items() if not s.edge)}; 'gauss' is the smooth shape nearest to it"
        )
    if name in (*_DETECTOR, "sensor_thickness") and curvature != "flat":
        raise NbnumbaError(
            f"{name}: found detector.curvature = {curvature!r}; allowed: 'flat', as derivatives by the place of the "
            "detector and of its layers are those of a rigid plane"
        )


def _column(e: Experiment, name: str) -> np.ndarray:
    t = np.zeros(COUNT)
    direct = {
        "cells_a": (CELLS, 1.0),
        "cells_b": (CELLS + 1, 1.0),
        "cells_c": (CELLS + 2, 1.0),
        "mosaic_spread": (SPREAD, math.radians(1.0)),
        "wavelength": (WAVELENGTH, 1.0 / e.beam.wavelength),
        "polarization": (KAHN, 1.0),
        "sensor_mu": (MU, 1.0),
        "sensor_thickness": (THICKNESS, 1.0 / e.layers),
    }
    if name in direct:
        place, factor = direct[name]
        t[place] = factor
        if name == "wavelength":
            t[MU] = _attenuation_rate(e)
    elif name == "spot_scale":
        t[VALUE] = 1.0 / e.crystal.spot_scale
    elif name.startswith("beam_tilt"):
        t[SOURCES : SOURCES + 3] = math.radians(1.0) * np.array(tilt_axis(e, name))
    elif name in _DETECTOR:
        t[FORCE : FORCE + 3], t[TORQUE : TORQUE + 3] = _velocity(e, name)
    elif e.crystal.mosaic.in_crystal:
        t[AXES : AXES + 9] = _own(e, name)
    else:
        # dI = <sum W g y^T, dA> and y = A^-1 h.
        t[AXES : AXES + 9] = (_rate(e, name, lambda part: _axes(e, part)) @ np.linalg.inv(_axes(e))).ravel()
    return t


def _attenuation_rate(e: Experiment) -> float:
    """Derivative of the sensor's attenuation by the wavelength, which a material alone has.

    The step is short: tables bend at their energies, and jump at absorption edges.
    """
    if e.detector.sensor_material is None:
        return 0.0
    value, step = e.beam.wavelength, _OF_WAVELENGTH * e.beam.wavelength
    high, low = (replace(e, beam=PARAMETERS["wavelength"].changed(e, value + s)).sensor_mu for s in (step, -step))
    return (high - low) / (2.0 * step)


def _crystal(e: Experiment, part: Crystal | Scan | None) -> Crystal:
    """The crystal; ``part``, if it is one, in its place."""
    return part if isinstance(part, Crystal) else e.crystal


def _at_start(e: Experiment, part: Crystal | Scan | None) -> np.ndarray:
    """Matrix of the spindle at the start of the scan; of ``part``, if it is one."""
    return rotation_matrix(e.spindle, math.radians(part.start) if isinstance(part, Scan) else start_angle(e))


def _axes(e: Experiment, part: Crystal | Scan | None = None) -> np.ndarray:
    """Cell axes at the start of the scan; ``part``: another crystal or scan."""
    return np.asarray(_crystal(e, part).axes @ _at_start(e, part).T)


def _own(e: Experiment, name: str) -> np.ndarray:
    """Strain of the cell in the crystal's own frame, and spin of that frame, in the places of ``kernels.own``."""
    shape = _rate(e, name, lambda part: _setting(e, part)) @ np.linalg.inv(_setting(e))
    frame = _frame_at_start(e)
    spin = 0.5 * np.cross(frame, _rate(e, name, lambda part: _frame_at_start(e, part))).sum(axis=0)
    found = np.zeros(9)
    found[list(STRAIN)] = shape.ravel()[list(STRAIN)]
    found[list(TURN)] = rotation_matrix(e.spindle, -start_angle(e)) @ spin
    return found


def _setting(e: Experiment, part: Crystal | Scan | None = None) -> np.ndarray:
    """Cell axes in the crystal's own frame."""
    crystal = _crystal(e, part)
    return np.asarray(crystal.axes @ crystal.frame.T)


def _frame_at_start(e: Experiment, part: Crystal | Scan | None = None) -> np.ndarray:
    """The crystal's own frame at the start of the scan."""
    return np.asarray(_crystal(e, part).frame @ _at_start(e, part).T)


def _frame(e: Experiment, detector: Detector) -> np.ndarray:
    g = detector.geometry(e.beam_direction)
    return np.array([g.origin, g.fast, g.slow, g.normal])


def _velocity(e: Experiment, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Velocity of the point at the sample that moves with the detector, and angular velocity."""
    rate, frame = _rate(e, name, lambda detector: _frame(e, detector)), _frame(e, e.detector)
    spin = 0.5 * np.cross(frame[1:], rate[1:]).sum(axis=0)
    return rate[0] - np.cross(spin, frame[0]), spin


def _rate(e: Experiment, name: str, describe: Callable[[Any], np.ndarray]) -> np.ndarray:
    """Derivative of what the part of an experiment that holds a parameter is described by."""
    parameter = PARAMETERS[name]
    value, step = float(parameter.get(e) or 0.0), _DEGREES
    if parameter.unit == "degrees":
        value = math.fmod(value, 360.0)  # whole turns would take away digits of the step
    else:
        step = _OF_LENGTH * max(abs(value), 1.0)
    return np.asarray(sum(c * describe(parameter.changed(e, value + n * step)) for n, c in _SEVEN) / step)
