"""What ``nbnumba convert`` makes of an experiment for other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbnumba.errors import NbnumbaError

if TYPE_CHECKING:
    from nbnumba.model.experiment import Experiment


class Described(NamedTuple):
    """An experiment, and the file of ours with its images; None: it has none."""

    experiment: Experiment
    file: Path | None


def described_in(source: Path) -> Described:
    """The experiment in an HDF5 file of ours."""
    from nbnumba.outputs.stored import stored

    return Described(stored(source).experiment, source)


def export(given: Described, target: Path, images: int | None, overwrite: bool) -> None:
    """Write what the ending of ``target`` asks for; ``images`` are those of the file, or 1, where it is None."""
    kind = target.suffix.lower()
    if images is not None and kind not in COUNTING:
        raise NbnumbaError(f"--images: found {images} for {target}; allowed for {' and '.join(COUNTING)}")
    EXPORTS[kind](given, target, images, overwrite)


def _to_toml(given: Described, target: Path, _: int | None, overwrite: bool) -> None:
    given.experiment.to_toml(target, overwrite=overwrite)


def _to_dials(given: Described, target: Path, images: int | None, overwrite: bool) -> None:
    from nbnumba.outputs.dials import write_dials

    write_dials(target, given.experiment, file=given.file, images=images, overwrite=overwrite)


def _to_crystfel(given: Described, target: Path, _: int | None, overwrite: bool) -> None:
    from nbnumba.outputs.crystfel import write_crystfel

    write_crystfel(target, given.experiment, file=given.file, overwrite=overwrite)


def _to_table(given: Described, target: Path, images: int | None, overwrite: bool) -> None:
    from nbnumba.outputs.stored import experiment_of, stored
    from nbnumba.reflection_table import write_reflections

    experiment, file = given
    held = None if file is None else stored(file)
    count = images or (1 if held is None else held.images)
    if file is None or held is None or not held.wavelengths or experiment.turning:
        write_reflections(target, experiment, images=count, overwrite=overwrite)
        return
    own = [experiment_of(file, number) or experiment for number in range(count)]
    write_reflections(target, own, overwrite=overwrite)


#: Ending -> what makes such a file.
EXPORTS: dict[str, Callable[[Described, Path, int | None, bool], None]] = {
    ".toml": _to_toml,
    ".expt": _to_dials,
    ".geom": _to_crystfel,
    ".csv": _to_table,
}
#: Endings of what tells of a number of images.
COUNTING = (".expt", ".csv")
