"""Structures that come with the package, by names as nbnumba:1orc, which are the same wherever a recipe lies."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nbnumba.errors import NbnumbaError

MARK = "nbnumba:"
_ENDING = ".pdb.gz"


def place(name: str, folder: str | Path) -> Path:
    """Where the file of a name is: relative to a folder, or with the package.

    Raises:
        NbnumbaError: the package has none of that name.
    """
    if not name.startswith(MARK):
        return Path(folder) / name
    shipped = resources.files("nbnumba.examples")
    file = Path(str(shipped.joinpath(name.removeprefix(MARK) + _ENDING)))
    if file.parent != Path(str(shipped)) or not file.is_file():
        known = sorted(MARK + item.name.removesuffix(_ENDING) for item in shipped.iterdir() if _ENDING in item.name)
        raise NbnumbaError(f"structures.files: found {name!r}; with the package come: {', '.join(known)}")
    return file
