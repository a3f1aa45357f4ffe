"""Inputs by their numbers, and what becomes of each."""

import random
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbnumba as nb
from fuzz.targets import Target
from nbnumba.inputs.reflections import coordinates, files
from nbnumba.model import reflections

#: What a message says where room was asked for that is not there, whoever caught it.
_NO_ROOM = ("bad_alloc", "Unable to allocate", "MemoryError", "Cannot allocate", "out of memory")
#: Memory [bytes] that the machine is said to have, of which half may be filled.
MACHINE = 2**28


def pretend_small_machine(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """What follows from the memory of the machine, follows from a small one."""
    for module in (reflections, coordinates):
        put(module, "physical_memory", lambda: MACHINE)
    put(files, "MOST", MACHINE // 16)


def made(target: Target, seed: int, number: int) -> bytes:
    """Input of a number: first those of the target or the smallest good one cut after every byte, then damaged ones."""
    good = target.seeds()
    if target.first is not None:
        first = target.first()
        if number < len(first):
            return first[number]
        return target.make(random.Random(f"{target.name} {seed} {number}"), good)
    smallest = min(good, key=len)
    if number <= len(smallest):
        return smallest[:number]
    return target.make(random.Random(f"{target.name} {seed} {number}"), good)


def outcome(target: Target, path: Path) -> tuple[str, str]:
    """ "accepted", "refused" or "fault" with what is wrong, of the input in a file."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            target.read(path)
            said = ("accepted", "")
        except nb.NbnumbaError as error:
            said = _refusal(path, str(error))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            said = ("fault", "".join(traceback.format_exception(error)[-12:]))
    strange = [one for one in warned if not (issubclass(one.category, nb.NbnumbaWarning) or _of_others(one))]
    if strange and said[0] != "fault":
        return "fault", f"{strange[0].category.__name__} {strange[0].filename}:{strange[0].lineno} {strange[0].message}"
    return said


def _of_others(warned) -> bool:
    """Whether a library warns of what it reads all the same: Pillow of images, NumPy and Python of text as code."""
    libraries = any(f"/{name}/" in warned.filename for name in ("PIL", "fabio"))
    return libraries or warned.filename == "<unknown>" or "created on Python 2" in str(warned.message)


def _refusal(path: Path, message: str) -> tuple[str, str]:
    if any(words in message for words in _NO_ROOM):
        return "fault", f"memory: {message[:500]}"
    if path.name not in message:
        return "fault", f"the message does not name the file: {message[:500]}"
    if len(message) > 20_000:
        return "fault", f"a message of {len(message)} characters: {message[:200]}"
    return "refused", message
