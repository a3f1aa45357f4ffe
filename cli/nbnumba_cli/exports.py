"""What ``nbnumba convert`` makes of an experiment for other programs."""

from __future__ import annotations

from pathlib import Path

#: Endings: an experiment list of DIALS, a geometry of CrystFEL, a table of reflections.
EXPORTS = (".expt", ".geom", ".csv")


def export(source: Path, target: Path, overwrite: bool) -> None:
    """Write what the ending of ``target`` asks for, from an HDF5 file of ours or from an experiment file."""
    import nbnumba as nb
    from nbnumba.outputs.stored import stored

    from_toml = source.suffix.lower() == ".toml"
    held = None if from_toml else stored(source)
    experiment = nb.Experiment.from_toml(source) if held is None else held.experiment
    file, images = (None, 1) if held is None else (source, held.images)
    kind = target.suffix.lower()
    if kind == ".expt":
        nb.write_dials(target, experiment, file=file, images=images, overwrite=overwrite)
    elif kind == ".geom":
        nb.write_crystfel(target, experiment, file=file, overwrite=overwrite)
    else:
        nb.write_reflections(target, experiment, images=images, overwrite=overwrite)
