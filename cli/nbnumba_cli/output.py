"""Files to write, as options name them: an ending that stands for another format is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

#: Format -> the endings by which people and programs know it; the last are of some that are not written.
_ENDINGS = {
    "HDF5": (".h5", ".hdf5", ".nxs", ".cxi"),
    "TOML": (".toml",),
    "CBF": (".cbf",),
    "SMV": (".img", ".smv"),
    "TIFF": (".tif", ".tiff"),
    "PNG": (".png",),
    "SVG": (".svg",),
    "CSV": (".csv",),
    "HTML": (".html", ".htm"),
    "": (".bmp", ".expt", ".geom", ".gif", ".jpeg", ".jpg", ".json", ".mtz", ".npy", ".npz", ".pdf", ".pdb"),
}


class Output(click.Path):
    """A file to write in one of some formats; other endings than those that are known are nobody's and taken."""

    def __init__(self, *formats: str) -> None:
        super().__init__(path_type=Path)
        self._formats = formats

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        path: Any = super().convert(value, param, ctx)
        ending = path.suffix.lower()
        allowed = [each for name in self._formats for each in _ENDINGS[name]]
        if ending not in allowed and any(ending in endings for endings in _ENDINGS.values()):
            what = f"{' or '.join(self._formats)} is written: {', '.join(allowed)}"
            self.fail(f"found {path}, with the ending of another format; {what}", param, ctx)
        return path
