"""The built-in example."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment

FILES = ("demo.toml", "1orc.pdb.gz")


def unpack(folder: str | Path, *, overwrite: bool = False) -> tuple[Experiment, Path]:
    """Put the files of the example into a folder, which is made if need be; the experiment and its TOML file.

    Raises:
        NbnumbaError: the folder cannot be made or written, or holds files of these names with other content and
            ``overwrite`` is not set.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NbnumbaError(f"{folder}: cannot be made ({error.strerror}); name another folder with -o") from None
    for name in FILES:
        content = resources.files("nbnumba.examples").joinpath(name).read_bytes()
        file = folder / name
        if not (file.is_file() and file.read_bytes() == content):
            with new_file(file, overwrite=overwrite) as part:
                part.write_bytes(content)
    return Experiment.from_toml(folder / FILES[0]), folder / FILES[0]
