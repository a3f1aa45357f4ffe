"""nanoBragg's command line, in front of the library: nothing else knows of it."""

from __future__ import annotations

import logging
import re
import shlex
from pathlib import Path

import numpy as np

from nbnumba.compat.deviations import warnings
from nbnumba.compat.flags import FLAG_OF, parse
from nbnumba.compat.translate import Translation, translate
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment

log = logging.getLogger(__name__)


def from_nanobragg(flags: str | list[str], folder: str | Path = ".") -> Experiment:
    """The experiment that nanoBragg's flags describe.

    Args:
        flags: a command line without the program's name, or its words.
        folder: that relative names of files refer to.

    Raises:
        NbnumbaError: a flag that does not exist or lacks its values, or anything that the experiment refuses.
    """
    translation = read_flags(flags, folder)
    for note in translation.notes:
        log.warning(note)
    return translation.experiment


def read_flags(flags: str | list[str], folder: str | Path = ".") -> Translation:
    """As ``from_nanobragg``, together with notes on where nanoBragg and this program part or agree in a mistake."""
    try:
        words = shlex.split(flags) if isinstance(flags, str) else list(flags)
    except ValueError as error:
        raise NbnumbaError(f"flags: {error}; close the quotes") from None
    given = parse(words)
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            translation = translate(given, Path(folder))
    except NbnumbaError as error:
        raise NbnumbaError(_named_by_flag(str(error))) from error
    except ArithmeticError as error:
        raise NbnumbaError(f"flags: found values that are too large, or too small, to compute with ({error})") from None
    translation.notes.extend(warnings(translation, in_files=False))
    return translation


def _named_by_flag(message: str) -> str:
    """An error about a field of the experiment, with the flag that sets the field."""
    field, colon, rest = message.partition(":")
    known = max((name for name in FLAG_OF if re.match(rf"{re.escape(name)}\b", field)), key=len, default=None)
    return message if known is None else f"{FLAG_OF[known]}{colon}{rest}"
