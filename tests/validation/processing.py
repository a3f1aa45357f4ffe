"""From images to integrated intensities by the programs of DIALS, and how far what they find is from the truth."""

import json
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np

import nbnumba as nb
from nbnumba.outputs.nexus_geometry import frame

TO_DIALS = np.diag([-1.0, 1.0, -1.0])  # from the frame of NeXus
#: Cells of stills are one cell.
TIED = """refinement.parameterisation.crystal.unit_cell.restraints.tie_to_group {
  target = mean
  sigmas = 0.001,0.001,0.001,0.001,0.001,0.001
}
"""
#: Pixels of a spot, as DIALS takes by itself for what it knows as a pixel detector: files of some kinds do not tell.
SMALL = "spotfinder.filter.min_spot_size=3"
#: Run by the Python of DIALS, which knows its tables, and where panels within groups lie.
TOLD = """
import json, sys
from dials.array_family import flex
from dxtbx.model.experiment_list import ExperimentList
(detector,) = ExperimentList.from_file("refined.expt", check_format=False).detectors()
panels = [(panel.get_fast_axis(), panel.get_slow_axis(), panel.get_origin()) for panel in detector]
table = flex.reflection_table.from_file("integrated.refl")
table = table.select(table.get_flags(table.flags.integrated_sum))
whole = table["partiality"] > 0.95 if "lp" in table else flex.bool(len(table), True)
table = table.select(whole)
lp = table["lp"] if "lp" in table else flex.double(len(table), 1.0)
intensity = list(table["intensity.sum.value"] * lp)
json.dump({"hkl": list(table["miller_index"]), "intensity": intensity, "panels": panels}, sys.stdout)
"""


class Found(NamedTuple):
    """What DIALS makes of a data set, against the truth."""

    spots: int  # that were found
    indexed: float  # share of them
    length: float  # largest error of a cell edge [%]
    angle: float  # largest error of a cell angle [degrees]
    orientation: float  # of an axis of the crystal: the median over crystals of the largest [degrees]
    beam_center: float  # how far the beam hits from where it did, in the planes of the panels: the largest [pixels]
    reflections: int  # that were integrated
    correlation: float  # of their intensities with F^2


def dials(folder: Path, program: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [program if "/" in program else f"dials.{program}", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def solve_rotation(folder: Path, files: list[str]) -> None:
    dials(folder, "import", *files)
    dials(folder, "find_spots", "imported.expt", SMALL, "nproc=2")
    dials(folder, "index", "imported.expt", "strong.refl", "nproc=2")
    dials(folder, "refine", "indexed.expt", "indexed.refl")
    dials(folder, "integrate", "refined.expt", "refined.refl", "nproc=2")


def solve_stills(folder: Path, files: list[str], cell: tuple[float, ...]) -> None:
    """The indexer for sequences, image by image: that for stills is not whole in Debian's DIALS (xfel_mono_sim_ext)."""
    dials(folder, "import", *files)
    dials(folder, "find_spots", "imported.expt", SMALL, "nproc=2")
    known = "unit_cell=" + ",".join(f"{x:g}" for x in cell)
    how = ["stills.indexer=sequences", "joint_indexing=False", "indexing.method=real_space_grid_search", "nproc=2"]
    fixed = ["detector.fix=all", "beam.fix=all", "refinement_protocol.n_macro_cycles=1"]
    dials(folder, "index", "imported.expt", "strong.refl", known, "space_group=P1", *how, *fixed)
    shared = ["reference_from_experiment.detector=0", "reference_from_experiment.beam=0"]
    dials(folder, "combine_experiments", "indexed.expt", "indexed.refl", *shared)
    (folder / "tied.phil").write_text(TIED)
    dials(folder, "refine", "combined.expt", "combined.refl", "tied.phil")
    few = ["profile.gaussian_rs.min_spots.overall=10", "profile.gaussian_rs.min_spots.per_degree=1"]
    dials(folder, "integrate", "refined.expt", "refined.refl", "profile.fitting=False", "nproc=2", *few)


def found_in(folder: Path, experiments: tuple[nb.Experiment, ...]) -> Found:
    """Compare what was refined with the truth; ``experiments`` one a crystal."""
    refined = json.loads((folder / "refined.expt").read_text())
    # A crystal that could not be indexed leaves a gap in this list.
    crystals, kept = [np.array([c[f"real_space_{n}"] for n in "abc"]) for c in refined["crystal"]], len(experiments)
    assert len(crystals) == kept
    turn = TO_DIALS @ frame(experiments[0])
    true = [e.crystal.axes @ turn.T for e in experiments]
    cells = np.array([cell_of(axes) for axes in crystals])
    errors = np.abs(cells.mean(axis=0) - cell_of(true[0]))
    told = json.loads(dials(folder, "/usr/bin/python3", "-c", TOLD))
    known = experiments[0].crystal.reflections
    squares = dict(zip(map(tuple, np.abs(known.hkl).tolist()), (known.amplitude**2).tolist(), strict=True))
    expected = [squares.get(tuple(map(abs, hkl)), 0.0) for hkl in told["hkl"]]
    return Found(
        spots=count(dials(folder, "show", "strong.refl")),
        indexed=count(dials(folder, "show", "indexed.refl")) / count(dials(folder, "show", "strong.refl")),
        length=float(100.0 * (errors[:3] / cell_of(true[0])[:3]).max()),
        angle=float(errors[3:].max()),
        orientation=float(np.median([apart(*pair) for pair in zip(crystals, true, strict=True)])),
        beam_center=beam_shift(refined["beam"], told["panels"], experiments[0], turn),
        reflections=len(expected),
        correlation=float(np.corrcoef(told["intensity"], expected)[0, 1]),
    )


def cell_of(axes: np.ndarray) -> np.ndarray:
    """a, b, c, alpha, beta, gamma; angles up to 90 degrees, as the signs of axes are anybody's choice."""
    lengths = np.linalg.norm(axes, axis=1)
    b, c, a = axes / lengths[:, np.newaxis]
    cosines = np.abs([b @ c, c @ a, a @ b])[[1, 2, 0]]
    return np.concatenate([lengths, np.degrees(np.arccos(cosines))])


def apart(found: np.ndarray, true: np.ndarray) -> float:
    """Largest angle between an axis that was found and the true one, up to its sign [degrees]."""
    cosines = np.sum(found * true, axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(true, axis=1)
    return float(np.degrees(np.arccos(np.minimum(np.abs(cosines), 1.0))).max())


def beam_shift(beams: list[dict], panels: list, experiment: nb.Experiment, turn: np.ndarray) -> float:
    """How far the beam hits from where it did, in the plane of each panel: the largest over panels [pixels]."""
    (beam,), size, away = beams, experiment.detector.pixel_size, []
    for panel, place in zip(panels, experiment.geometries, strict=True):
        found = crossing(-np.array(beam["direction"]), *panel)
        true = crossing(turn @ experiment.beam_direction, *(turn @ v for v in (place.fast, place.slow, place.origin)))
        away.append(np.linalg.norm(found - true) / size)
    return float(max(away))


def crossing(ray, fast, slow, origin) -> np.ndarray:
    """Where a ray from the sample crosses a panel's plane: along fast and slow from the origin [mm]."""
    u, v, _ = np.linalg.solve(np.array([fast, slow, -np.asarray(ray)]).T, -np.asarray(origin, dtype=float))
    return np.array([u, v])


def count(shown: str) -> int:
    """Number of reflections that dials.show tells of."""
    return int(shown.split("Reflection list contains ")[1].split()[0])
