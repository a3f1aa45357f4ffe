"""How the HDF5 file of a command is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nbnumba.outputs.compression import ALIASES, COMPRESSIONS
from nbnumba.outputs.data_files import MOST_IN_FILE, data_paths
from nbnumba_cli import voice

_OPTIONS = (
    click.option(
        "--compression",
        type=click.Choice([*COMPRESSIONS, *ALIASES]),
        default="gzip",
        show_default=True,
        help="Of images: gzip with shuffle, which every reader has; bitshuffle-lz4 (or lz4), as EIGER detectors write, "
        "which takes the extra 'compression'; or none.",
    ),
    click.option(
        "--images-per-file",
        type=click.IntRange(1, MOST_IN_FILE),
        default=None,
        help="Put images into files OUT_000001.h5 and so on of so many, which OUT.h5 shows as one series; as in "
        "--images-per-file 1000.",
    ),
    click.option(
        "--follow",
        is_flag=True,
        help="Let others read the file while it grows (SWMR): the hidden file whose name is told on stderr.",
    ),
    click.option("--cxi", is_flag=True, help="Add the names of CXI, in SI units: links to the same images."),
)
NAMES = ("compression", "images_per_file", "follow", "cxi")


def hdf5_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, whose names are ``NAMES``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def data_files(output: Path, images: int, hdf5: dict[str, Any]) -> list[Path]:
    """Files beside the output that these options ask for."""
    return data_paths(output, images, hdf5.get("images_per_file"))


def tell_growing(growing: Path, hdf5: dict[str, Any]) -> None:
    """Say where a file can be followed, if it can."""
    if hdf5.get("follow"):
        voice.tell(f"Growing: {growing}")
